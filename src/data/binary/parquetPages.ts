import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";

// Looks through the pages of a Parquet column before a reader takes their counts as they are: a run of a few bytes can stand for a billion
// values. Formats: parquet.thrift, Encodings.md of Apache Parquet, the compact protocol of Apache Thrift.

type Struct = ReadonlyMap<number, unknown>;

const maxDepth = 32;
const pageTypes = { data: 0, index: 1, dictionary: 2, dataV2: 3 };
const encodings = { plain: 0, plainDictionary: 2, rle: 3, deltaBinary: 5, deltaLength: 6, rleDictionary: 8, split: 9 };
const booleanType = "BOOLEAN";

/** Reads bytes in order; every length is checked against the bytes that are left. */
class Reader {
  readonly #view: DataView;
  readonly #place: string;
  at = 0;

  constructor(bytes: Uint8Array, place: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  fault(got: string): BadFile {
    return new BadFile({ place: this.#place, expected: "a whole Parquet file", got, fix: damaged });
  }

  get length(): number {
    return this.#view.byteLength;
  }

  byte(): number {
    if (this.at >= this.#view.byteLength) throw this.fault("the end in the middle");
    return this.#view.getUint8(this.at++);
  }

  skip(count: number): void {
    if (!(count >= 0) || this.at + count > this.#view.byteLength) throw this.fault(`a length of ${count} bytes`);
    this.at += count;
  }

  /** An unsigned number of at most 10 bytes; above 2⁵³ it is not exact. */
  varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw this.fault("a number of more than 10 bytes");
  }

  word(): number {
    const at = this.at;
    this.skip(4);
    return this.#view.getUint32(at, true);
  }

  #zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #list(depth: number): undefined {
    const head = this.byte();
    const count = head >> 4 === 15 ? this.varint() : head >> 4;
    if (count > this.length) throw this.fault(`a list of ${count} entries`);
    const type = head & 15;
    for (let index = 0; index < count; index++) this.#value(type === 2 || type === 1 ? 3 : type, depth);
    return undefined;
  }

  #value(type: number, depth: number): unknown {
    if (depth > maxDepth) throw this.fault("values nested too deep");
    if (type === 1 || type === 2) return type === 1;
    if (type === 3) return this.byte();
    if (type >= 4 && type <= 6) return this.#zigzag();
    if (type === 7) return this.skip(8);
    if (type === 8) return this.skip(this.varint());
    if (type === 9) return this.#list(depth + 1);
    if (type === 12) return this.struct(depth + 1);
    throw this.fault(`a value of type ${type}`);
  }

  /** Numbers, booleans and structs by field; lists and texts are skipped. */
  struct(depth = 0): Struct {
    const fields = new Map<number, unknown>();
    for (let field = 0; ;) {
      const head = this.byte();
      if ((head & 15) === 0) return fields;
      field = head >> 4 ? field + (head >> 4) : this.#zigzag();
      fields.set(field, this.#value(head & 15, depth));
    }
  }
}

/** Runs of the hybrid of run lengths and packed bits: not more values than there are. */
function checkRuns(reader: Reader, width: number, values: number, end: number): void {
  if (width > 32) throw reader.fault(`values of ${width} bits`);
  let seen = 0;
  while (seen < values && reader.at < end) {
    const head = reader.varint();
    const count = head % 2 === 1 ? ((head - 1) / 2) * 8 : head / 2;
    if (count > values - seen + 512) throw reader.fault(`a run of ${count} values`); // groups of 8 may be filled up
    if (head % 2 === 0) {
      if (count > values - seen) throw reader.fault(`a run of ${count} values`);
      reader.skip(Math.ceil(width / 8));
    } else reader.at += Math.min((count / 8) * width, Math.max(0, end - reader.at)); // the last group may be cut
    seen += count;
  }
}

/** DELTA_BINARY_PACKED: blocks of a size that the header states. */
function checkDeltas(reader: Reader, values: number): void {
  const [block, parts] = [reader.varint(), reader.varint()];
  if (parts < 1 || parts > 512 || block < parts || block % parts > 0 || block > 2 ** 20) {
    throw reader.fault(`blocks of ${block} values in ${parts} parts`);
  }
  reader.varint();
  reader.varint();
  for (let seen = 1; seen < values;) {
    reader.varint();
    const widths = Array.from({ length: parts }, () => reader.byte());
    for (const width of widths) {
      if (seen >= values) break;
      if (width > 64) throw reader.fault(`differences of ${width} bits`);
      reader.at = Math.min(reader.length, reader.at + ((block / parts) * width) / 8);
      seen += block / parts;
    }
  }
}

/** What a column's pages must not exceed. */
export interface PageLimits {
  readonly place: string;
  /** Values of the column in this group of rows. */
  readonly values: number;
  readonly isOptional: boolean;
  /** Physical type, such as INT32. */
  readonly type: string;
  readonly isCompressed: boolean;
  /** Decompresses a page to a known length. */
  readonly inflate: (bytes: Uint8Array, length: number) => Promise<Uint8Array>;
}

interface Page {
  readonly encoding: number;
  readonly values: number;
  readonly bytes: Uint8Array;
  readonly reader: Reader;
}

function checkValues({ encoding, values, bytes, reader }: Page, { type, place }: PageLimits): void {
  if (values > 8 * bytes.length && encoding === encodings.plain) throw reader.fault(`${values} values in a page`);
  if (encoding === encodings.plain || encoding === encodings.split) return;
  if (encoding === encodings.plainDictionary || encoding === encodings.rleDictionary) {
    const width = values === 0 ? 0 : reader.byte();
    return checkRuns(reader, width, values, reader.length);
  }
  if (encoding === encodings.rle && type === booleanType) {
    reader.skip(4);
    return checkRuns(reader, 1, values, reader.length);
  }
  if (encoding === encodings.deltaBinary || encoding === encodings.deltaLength) return checkDeltas(reader, values);
  const fix = 'write it with another encoding (in pyarrow: column_encoding="PLAIN", use_dictionary=False)';
  throw new BadFile({ place, expected: "encodings PLAIN, RLE, DELTA_BINARY_PACKED and dictionaries", got: `encoding ${encoding}`, fix }); // prettier-ignore
}

const numberOf = (fields: Struct | undefined, field: number, otherwise = 0): number => {
  const value = fields?.get(field);
  return typeof value === "number" ? value : otherwise;
};

class Pages {
  readonly #limits: PageLimits;
  /** Decompressed, in the order in which a reader asks for them. */
  readonly inflated: { readonly length: number; readonly page: Uint8Array }[] = [];
  #seen = 0;

  constructor(limits: PageLimits) {
    this.#limits = limits;
  }

  async #inflate(bytes: Uint8Array, length: number): Promise<Uint8Array> {
    const { isCompressed, inflate } = this.#limits;
    if (!isCompressed) return bytes;
    const page = await inflate(bytes, length);
    this.inflated.push({ length: bytes.length, page });
    return page;
  }

  #count(reader: Reader, values: number): void {
    this.#seen += values;
    if (values < 0 || this.#seen > this.#limits.values) throw reader.fault(`${values} values in a page`);
  }

  async #dataPage(reader: Reader, fields: Struct, bytes: Uint8Array, size: number): Promise<void> {
    const [values, encoding] = [numberOf(fields, 1, -1), numberOf(fields, 2, -1)];
    this.#count(reader, values);
    const page = await this.#inflate(bytes, size);
    const own = new Reader(page, this.#limits.place);
    if (this.#limits.isOptional) {
      const length = own.word();
      const end = own.at + length;
      checkRuns(own, 1, values, Math.min(end, own.length));
      own.at = 4;
      own.skip(length);
    }
    checkValues({ encoding, values, bytes: page, reader: own }, this.#limits);
  }

  async #dataPageV2(reader: Reader, fields: Struct, bytes: Uint8Array, size: number): Promise<void> {
    const [values, nulls, rows] = [numberOf(fields, 1, -1), numberOf(fields, 2), numberOf(fields, 3, -1)];
    const [definitions, repetitions] = [numberOf(fields, 5), numberOf(fields, 6)];
    this.#count(reader, values);
    if (nulls < 0 || nulls > values || rows !== values || repetitions !== 0) throw reader.fault(`${nulls} empty cells`);
    const levels = new Reader(bytes, this.#limits.place);
    levels.skip(definitions);
    levels.at = 0;
    if (this.#limits.isOptional) checkRuns(levels, 1, values, definitions);
    const content = bytes.subarray(definitions);
    const length = size - definitions;
    const isPacked = fields.get(7) !== false && length !== 0;
    const page = isPacked ? await this.#inflate(content, length) : content;
    const own = new Reader(page, this.#limits.place);
    checkValues({ encoding: numberOf(fields, 4, -1), values: values - nulls, bytes: page, reader: own }, this.#limits);
  }

  async check(chunk: Uint8Array): Promise<void> {
    const reader = new Reader(chunk, this.#limits.place);
    while (this.#seen < this.#limits.values && reader.at < reader.length - 1) {
      const header = reader.struct();
      const [type, size, packed] = [numberOf(header, 1, -1), numberOf(header, 2, -1), numberOf(header, 3, -1)];
      const start = reader.at;
      if (size < 0) throw reader.fault(`a page of ${size} bytes`);
      reader.skip(packed);
      const bytes = chunk.subarray(start, reader.at);
      const fields = (field: number): Struct => (header.get(field) as Struct | undefined) ?? new Map();
      if (type === pageTypes.data) await this.#dataPage(reader, fields(5), bytes, size);
      else if (type === pageTypes.dataV2) await this.#dataPageV2(reader, fields(8), bytes, size);
      else if (type === pageTypes.dictionary) {
        const page = await this.#inflate(bytes, size);
        const values = numberOf(fields(7), 1, -1);
        if (values < 0 || values > 8 * page.length) throw reader.fault(`a dictionary of ${values} values`);
      } else throw reader.fault(`a page of type ${type}`);
    }
  }
}

/**
 * Checks the pages of a column in one group of rows.
 * @returns its decompressed pages in their order, with the lengths of the compressed ones
 * @throws BadFile on counts that the file cannot hold
 */
export async function checkPages(chunk: Uint8Array, limits: PageLimits): Promise<Pages["inflated"]> {
  const pages = new Pages(limits);
  await pages.check(chunk);
  return pages.inflated;
}

/** Looks through the metadata at the end of a file, whose counts and nesting are bounded by its bytes. */
export function checkFooter(bytes: Uint8Array, place: string): void {
  const end = bytes.length - 8;
  const length = end < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true);
  const reader = new Reader(bytes.subarray(Math.max(0, end - length), Math.max(0, end)), place);
  if (length < 1 || length > end - 4) throw reader.fault(`a footer of ${length} bytes`);
  reader.struct();
}
