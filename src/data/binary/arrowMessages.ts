import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";

// Looks through the FlatBuffers of an Arrow file before a reader takes their counts as they are: a damaged one can ask for billions of
// entries. Layouts: Message.fbs, Schema.fbs and File.fbs of Apache Arrow.

const maxEntries = 1_000_000;
const stride = { offset: 4, node: 16, buffer: 16, count: 8, block: 24 };
const headers = { schema: 1, dictionary: 2, batch: 3 };

class Walker {
  readonly #view: DataView;
  readonly #place: string;
  #entries = 0;

  constructor(bytes: Uint8Array, place: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  fault(got: string): BadFile {
    return new BadFile({ place: this.#place, expected: "a whole Arrow file", got, fix: damaged });
  }

  #int(at: number): number {
    if (at < 0 || at + 4 > this.#view.byteLength) throw this.fault("an offset behind its end");
    return this.#view.getInt32(at, true);
  }

  #long(at: number): number {
    if (at < 0 || at + 8 > this.#view.byteLength) throw this.fault("an offset behind its end");
    return Number(this.#view.getBigInt64(at, true));
  }

  #short(at: number): number {
    if (at < 0 || at + 2 > this.#view.byteLength) throw this.fault("an offset behind its end");
    return this.#view.getUint16(at, true);
  }

  /** The place of a field of the table that `at` points to; 0 where it is left out. */
  field(at: number, slot: number): number {
    const table = at + this.#int(at);
    const layout = table - this.#int(table);
    const offset = slot < this.#short(layout) ? this.#short(layout + slot) : 0;
    return offset === 0 ? 0 : table + offset;
  }

  /** The first entry and the number of a vector, whose entries are within the file. */
  vector(at: number, size: number): { first: number; count: number } {
    if (at === 0) return { first: 0, count: 0 };
    const base = at + this.#int(at);
    const count = this.#int(base);
    if (count < 0 || base + 4 + count * size > this.#view.byteLength) throw this.fault(`a list of ${count} entries`);
    this.#entries += count;
    if (this.#entries > maxEntries) throw this.fault("more than a million entries");
    return { first: base + 4, count };
  }

  #metadata(at: number): void {
    const { first, count } = this.vector(at, stride.offset);
    for (let index = 0; index < count; index++) this.#int(first + stride.offset * index);
  }

  #fields(at: number, depth: number): void {
    if (depth > 64) throw this.fault("fields nested more than 64 deep");
    const { first, count } = this.vector(at, stride.offset);
    for (let index = 0; index < count; index++) {
      const own = first + stride.offset * index;
      this.#fields(this.field(own, 14), depth + 1);
      this.#metadata(this.field(own, 16));
    }
  }

  schema(at: number): void {
    if (at === 0) return;
    this.#fields(this.field(at, 6), 0);
    this.#metadata(this.field(at, 8));
  }

  #batch(at: number): void {
    this.vector(this.field(at, 6), stride.node);
    this.vector(this.field(at, 8), stride.buffer);
    this.vector(this.field(at, 12), stride.count);
  }

  /** @returns where the message and its body end; undefined behind the last one */
  message(at: number): number | undefined {
    let start = at + 4;
    let length = at + 4 <= this.#view.byteLength ? this.#int(at) : 0;
    if (length === -1) {
      length = at + 8 <= this.#view.byteLength ? this.#int(start) : 0;
      start += 4;
    }
    if (length === 0) return undefined;
    if (length < 0 || start + length > this.#view.byteLength) throw this.fault(`a message of ${length} bytes`);
    const typeAt = this.field(start, 6);
    const type = typeAt === 0 ? 0 : this.#short(typeAt) & 0xff;
    const header = this.field(start, 8);
    if (header > 0 && type === headers.schema) this.schema(header);
    if (header > 0 && type === headers.batch) this.#batch(header);
    if (header > 0 && type === headers.dictionary) {
      const data = this.field(header, 6);
      if (data > 0) this.#batch(data);
    }
    const bodyAt = this.field(start, 10);
    const body = bodyAt === 0 ? 0 : this.#long(bodyAt);
    if (body < 0 || start + length + body > this.#view.byteLength) throw this.fault(`a body of ${body} bytes`);
    return start + length + body;
  }

  /** The messages that the list of a file points to. */
  blocks(at: number): void {
    const { first, count } = this.vector(at, stride.block);
    for (let index = 0; index < count; index++) this.message(this.#long(first + stride.block * index));
  }
}

/** @throws BadFile where a count or an offset reaches beyond the file */
export function checkArrow(bytes: Uint8Array, place: string, isFile: boolean): void {
  const walker = new Walker(bytes, place);
  if (!isFile) {
    let at: number | undefined = 0;
    while (at !== undefined) at = walker.message(at);
    return;
  }
  const end = bytes.length - 10; // the length of the footer, and the magic
  const length = end > 8 ? new DataView(bytes.buffer, bytes.byteOffset).getInt32(end, true) : -1;
  if (length <= 0 || length > end) throw walker.fault(`a footer of ${length} bytes`);
  const footer = end - length;
  walker.schema(walker.field(footer, 6));
  walker.blocks(walker.field(footer, 8));
  walker.blocks(walker.field(footer, 10));
}
