// Arrays as NumPy keeps them: .npy, and .npz, a zip archive of those, stored without compression.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, https://pkware.cachefly.net/webdocs/APPNOTE/APPNOTE-6.3.9.TXT

import { crc32 } from "../data/binary/crc32.ts";

export interface NamedArray {
  /** Letters, digits, `_` and `.`: what `numpy.load(file)[name]` is requested. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Row by row. */
  readonly values: Float32Array | Float64Array;
}

const ascii = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Headers are padded so that numbers begin at a multiple of this. */
const alignment = 64;

/** One array of little-endian float32 or float64, version 1.0 of the format. */
export function encodeNpy({ name, shape, values }: NamedArray): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) throw new RangeError(`${name}: ${values.length} values for [${shape.join(", ")}]`);
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '<f${values.BYTES_PER_ELEMENT}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const before = 10; // magic, version, length of the header
  const length = Math.ceil((before + header.length + 1) / alignment) * alignment - before;
  const bytes = new Uint8Array(before + length + values.byteLength);
  bytes.set(ascii("\x93NUMPY\x01\x00"));
  const view = new DataView(bytes.buffer);
  view.setUint16(8, length, true);
  bytes.set(ascii(`${header.padEnd(length - 1)}\n`), before);
  const isDouble = values instanceof Float64Array;
  for (const [at, value] of values.entries()) {
    if (isDouble) view.setFloat64(before + length + 8 * at, value, true);
    else view.setFloat32(before + length + 4 * at, value, true);
  }
  return bytes;
}

interface Entry {
  readonly name: Uint8Array;
  readonly content: Uint8Array;
  readonly crc: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** The first of January 1980, the first day that zip knows: the same weights make the same file. */
const firstDay = 0x21;
const zipVersion = 20;
const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 };

function record(length: number, fields: readonly (readonly [at: number, bytes: 2 | 4, value: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  for (const [at, bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return new Uint8Array(view.buffer);
}

const localHeader = ({ name, content, crc }: Entry): Uint8Array =>
  record(30, [
    [0, 4, signatures.local],
    [4, 2, zipVersion],
    [12, 2, firstDay],
    [14, 4, crc],
    [18, 4, content.length],
    [22, 4, content.length],
    [26, 2, name.length],
  ]);

const centralHeader = ({ name, content, crc, offset }: Entry): Uint8Array =>
  record(46, [
    [0, 4, signatures.central],
    [4, 2, zipVersion],
    [6, 2, zipVersion],
    [14, 2, firstDay],
    [16, 4, crc],
    [20, 4, content.length],
    [24, 4, content.length],
    [28, 2, name.length],
    [42, 4, offset],
  ]);

function endOf(entries: number, centralLength: number, centralOffset: number): Uint8Array {
  return record(22, [
    [0, 4, signatures.end],
    [8, 2, entries],
    [10, 2, entries],
    [12, 4, centralLength],
    [16, 4, centralOffset],
  ]);
}

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The bytes of an `.npz` file. */
export function encodeNpz(arrays: readonly NamedArray[]): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  const entries: Entry[] = [];
  let offset = 0;
  for (const array of arrays) {
    const [name, content] = [ascii(`${array.name}.npy`), encodeNpy(array)];
    const entry = { name, content, crc: crc32(content), offset };
    const own = [localHeader(entry), name, content];
    pieces.push(...own);
    entries.push(entry);
    offset += own.reduce((sum, { length }) => sum + length, 0);
  }
  const central = join(entries.flatMap((entry) => [centralHeader(entry), entry.name]));
  return join([...pieces, central, endOf(entries.length, central.length, offset)]);
}
