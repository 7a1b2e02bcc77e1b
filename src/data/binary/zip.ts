import { BadFile } from "../../errors.ts";
import { damaged } from "./cells.ts";
import { crc32 } from "./crc32.ts";
import { inflate } from "./inflate.ts";
import { requireInflatedSize } from "./limits.ts";

// ZIP archives (PKWARE APPNOTE 6.3): the central directory lists the files; stored or deflated, each with a CRC-32.

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes when decompressed. */
  readonly size: number;
  /** @throws BadFile where its bytes are not those that were written */
  readonly read: () => Promise<Uint8Array>;
}

const maxEntries = 10_000;
const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50 };
const endBytes = 22;

class Archive {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;

  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#place = place;
  }

  #fault(expected: string, got: string, name?: string): BadFile {
    const place = name === undefined ? this.#place : `${this.#place}: ${JSON.stringify(name)}`;
    return new BadFile({ place, expected, got, fix: damaged });
  }

  /** Where the list of files begins, and how many there are. */
  #directory(): { at: number; count: number } {
    const view = this.#view;
    const first = Math.max(0, view.byteLength - endBytes - 0xffff);
    for (let at = view.byteLength - endBytes; at >= first; at--) {
      if (view.getUint32(at, true) !== signatures.end) continue;
      const count = view.getUint16(at + 10, true);
      const start = view.getUint32(at + 16, true);
      const end64 = at - 20 >= 0 && start === 0xffffffff ? Number(view.getBigUint64(at - 20 + 8, true)) : -1;
      if (end64 < 0) return { at: start, count };
      if (end64 + 56 > view.byteLength || view.getUint32(end64, true) !== signatures.end64) break;
      return { at: Number(view.getBigUint64(end64 + 48, true)), count: Number(view.getBigUint64(end64 + 32, true)) };
    }
    throw this.#fault("the list of files of a zip archive", "none");
  }

  entries(): ZipEntry[] {
    const { at: start, count } = this.#directory();
    if (count > maxEntries) throw this.#fault(`at most ${maxEntries} files`, String(count));
    const entries: ZipEntry[] = [];
    let at = start;
    for (let index = 0; index < count; index++) {
      if (at + 46 > this.#view.byteLength || this.#view.getUint32(at, true) !== signatures.central) {
        throw this.#fault(`${count} files in the list`, String(index));
      }
      entries.push(this.#entry(at));
      at += 46 + [28, 30, 32].reduce((sum, field) => sum + this.#view.getUint16(at + field, true), 0);
    }
    return entries;
  }

  #entry(at: number): ZipEntry {
    const view = this.#view;
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameBytes, extraBytes] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true)];
    const name = new TextDecoder().decode(this.#bytes.subarray(at + 46, at + 46 + nameBytes));
    const [size, packed, offset] = this.#sizes(at, at + 46 + nameBytes, extraBytes);
    const crc = view.getUint32(at + 16, true);
    if (flags & 1) throw this.#fault("a file without a password", "an encrypted one", name);
    requireInflatedSize(this.#place, size);
    return { name, size, read: () => this.#read({ name, size, packed, offset, method, crc }) };
  }

  /** Size, compressed size and offset; those of 4 GiB and more are in an extra field, in this order. */
  #sizes(at: number, extra: number, extraBytes: number): [number, number, number] {
    const view = this.#view;
    const sizes = [24, 20, 42].map((field) => view.getUint32(at + field, true)) as [number, number, number];
    const end = Math.min(extra + extraBytes, view.byteLength);
    for (let field = extra; field + 4 <= end; field += 4 + view.getUint16(field + 2, true)) {
      if (view.getUint16(field, true) !== 1) continue;
      let value = field + 4;
      for (const [index, size] of sizes.entries()) {
        if (size !== 0xffffffff || value + 8 > end) continue;
        sizes[index] = Number(view.getBigUint64(value, true));
        value += 8;
      }
    }
    return sizes;
  }

  async #read(entry: {
    name: string;
    size: number;
    packed: number;
    offset: number;
    method: number;
    crc: number;
  }): Promise<Uint8Array> {
    const { name, size, packed, offset, method, crc } = entry;
    const view = this.#view;
    if (offset + 30 > view.byteLength || view.getUint32(offset, true) !== signatures.local) {
      throw this.#fault("a file where the list says", "none", name);
    }
    const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
    if (start + packed > view.byteLength) throw this.#fault(`${packed} bytes`, "the end of the archive", name);
    const content = this.#bytes.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw this.#fault("stored or deflated data", `method ${method}`, name);
    const place = `${this.#place}: ${JSON.stringify(name)}`;
    const whole = method === 0 ? content : await inflate(content, "deflate-raw", place, size);
    if (whole.length !== size) throw this.#fault(`${size} bytes`, String(whole.length), name);
    if (crc32(whole) !== crc) throw this.#fault("bytes with the checksum of the archive", "another checksum", name);
    return whole;
  }
}

/** Lists the files of a zip archive. @throws BadFile on a damaged one, and on one that would fill memory */
export const readZip = (bytes: Uint8Array, place: string): ZipEntry[] => new Archive(bytes, place).entries();
