import { BadFile } from "../../errors.ts";
import { fromHalfFloats } from "../../halfFloats.ts";
import { damaged } from "./cells.ts";
import { requireTableSize } from "./limits.ts";

// NumPy's .npy (NEP 1): magic, version, and a header that is a literal of Python: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}.
// It is parsed, never evaluated.

type Literal = string | number | boolean | readonly Literal[] | ReadonlyMap<string, Literal>;

const maxHeaderBytes = 2 ** 20;
const maxDepth = 8;

/** Reads the literals that numpy writes: texts, whole numbers, True and False, tuples, lists and dicts. */
class LiteralParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #next(): string | undefined {
    const token = /\s*('[^'\\]*'|"[^"\\]*"|-?\d+L?|True|False|[[\](){}:,])/y;
    token.lastIndex = this.#at;
    const found = token.exec(this.#text);
    if (found) this.#at = token.lastIndex;
    return found?.[1];
  }

  #peek(): string | undefined {
    const at = this.#at;
    const token = this.#next();
    this.#at = at;
    return token;
  }

  parse(depth = 0): Literal | undefined {
    const token = this.#next();
    if (token === undefined || depth > maxDepth) return undefined;
    if (token === "(" || token === "[") return this.#list(token === "(" ? ")" : "]", depth);
    if (token === "{") return this.#map(depth);
    if (token === "True" || token === "False") return token === "True";
    if (/^['"]/.test(token)) return token.slice(1, -1);
    return /^-?\d/.test(token) ? Number.parseInt(token, 10) : undefined;
  }

  #list(end: string, depth: number): Literal | undefined {
    const items: Literal[] = [];
    while (this.#peek() !== end) {
      const item = this.parse(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
      if (this.#peek() === ",") this.#next();
      else if (this.#peek() !== end) return undefined;
    }
    this.#next();
    return items;
  }

  #map(depth: number): Literal | undefined {
    const entries = new Map<string, Literal>();
    while (this.#peek() !== "}") {
      const key = this.parse(depth + 1);
      if (typeof key !== "string" || this.#next() !== ":") return undefined;
      const value = this.parse(depth + 1);
      if (value === undefined) return undefined;
      entries.set(key, value);
      if (this.#peek() === ",") this.#next();
      else if (this.#peek() !== "}") return undefined;
    }
    this.#next();
    return entries;
  }
}

/** A value in a row of an array: `name` of a structured one, else "". */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  /** From the start of a row's record. */
  readonly offset: number;
}

/** An array of numpy. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly fields: readonly Field[];
  /** Whether the first axis varies fastest. */
  readonly isFortran: boolean;
  /** The value of field `field` at flat index `index` in the order of the file. */
  readonly at: (index: number, field: Field) => unknown;
}

const typePattern = /^([<>|=]?)([?biufSU])(\d*)$/;
const widths: Readonly<Record<string, readonly number[]>> = { b: [1], i: [1, 2, 4, 8], u: [1, 2, 4, 8], f: [2, 4, 8] };

function fault(place: string, expected: string, got: string, fix = damaged): BadFile {
  return new BadFile({ place, expected, got: got.slice(0, 120), fix });
}

/** Bytes of a type; undefined of one that is not read. */
function bytesOfType(type: string): number | undefined {
  const [, , kind = "", digits = ""] = typePattern.exec(type) ?? [];
  const size = Number(digits);
  if (kind === "?") return 1;
  if (kind === "S") return size;
  if (kind === "U") return 4 * size;
  return widths[kind]?.includes(size) ? size : undefined;
}

function fieldsOf(descr: Literal | undefined, place: string): Field[] {
  const fix = "convert the array first: numpy.asarray(x, dtype=float) for numbers, astype(str) for objects";
  const expected = "numbers, booleans, texts, or records of these";
  const list = typeof descr === "string" ? [["", descr] as const] : Array.isArray(descr) ? (descr as Literal[]) : [];
  let offset = 0;
  const fields: Field[] = [];
  for (const each of list) {
    const [name, type, shape] = Array.isArray(each) ? (each as Literal[]) : [];
    const bytes = typeof type === "string" ? bytesOfType(type) : undefined;
    if (typeof name !== "string" || bytes === undefined || shape !== undefined) {
      throw fault(place, expected, `dtype ${typeof type === "string" ? type : "of nested records"}`, fix);
    }
    if (name !== "" || typeof descr === "string") fields.push({ name, type: type as string, bytes, offset });
    offset += bytes; // a field without a name is padding
  }
  if (fields.length === 0) throw fault(place, expected, "another dtype", fix);
  return fields;
}

function textOfUnicode(view: DataView, at: number, bytes: number, little: boolean): string {
  let text = "";
  for (let from = at; from < at + bytes; from += 4) {
    const code = view.getUint32(from, little);
    if (code === 0) break; // numpy pads with zeros
    text += code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  }
  return text;
}

function textOfBytes(view: DataView, at: number, bytes: number): string {
  const own = new Uint8Array(view.buffer, view.byteOffset + at, bytes);
  const end = own.indexOf(0);
  return new TextDecoder().decode(end < 0 ? own : own.subarray(0, end));
}

type ReadValue = (view: DataView, at: number) => unknown;

function readerOf({ type, bytes }: Field): ReadValue {
  const [, order, kind = ""] = typePattern.exec(type)!;
  const little = order !== ">";
  if (kind === "?") return (view, at) => view.getUint8(at) !== 0;
  if (kind === "U") return (view, at) => textOfUnicode(view, at, bytes, little);
  if (kind === "S") return (view, at) => textOfBytes(view, at, bytes);
  const readers: Readonly<Record<string, ReadValue>> = {
    f2: (view, at) => fromHalfFloats(Uint16Array.of(view.getUint16(at, little)))[0],
    f4: (view, at) => view.getFloat32(at, little),
    f8: (view, at) => view.getFloat64(at, little),
    b1: (view, at) => view.getUint8(at) !== 0,
    i1: (view, at) => view.getInt8(at),
    i2: (view, at) => view.getInt16(at, little),
    i4: (view, at) => view.getInt32(at, little),
    i8: (view, at) => view.getBigInt64(at, little),
    u1: (view, at) => view.getUint8(at),
    u2: (view, at) => view.getUint16(at, little),
    u4: (view, at) => view.getUint32(at, little),
    u8: (view, at) => view.getBigUint64(at, little),
  };
  return readers[`${kind}${bytes}`]!;
}

interface Header {
  readonly entries: ReadonlyMap<string, Literal>;
  readonly start: number;
}

function readHeader(bytes: Uint8Array, place: string): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) throw fault(place, "a header of an array", `${bytes.length} bytes`);
  const wide = view.getUint8(6) > 1; // since version 2 the length has four bytes
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  if (length > maxHeaderBytes || start > bytes.length) {
    throw fault(place, "a header within the file", `one of ${length} bytes`);
  }
  const text = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
  const parsed = new LiteralParser(text).parse();
  if (!(parsed instanceof Map)) throw fault(place, "a header such as {'descr': '<f4', …}", JSON.stringify(text));
  return { entries: parsed as ReadonlyMap<string, Literal>, start };
}

/**
 * Reads an array of numpy: booleans, integers, floats of 16 to 64 bits, texts, and records of these; little-endian or big-endian.
 * @throws BadFile on other dtypes (objects, complex numbers), and where the values do not fill the file exactly
 */
export function decodeNpy(bytes: Uint8Array, place: string): NpyArray {
  const { entries, start } = readHeader(bytes, place);
  const shape = entries.get("shape");
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw fault(place, "a shape such as (3, 2)", JSON.stringify(shape ?? null));
  }
  const sizes = shape as readonly number[];
  const fields = fieldsOf(entries.get("descr"), place);
  const all = entries.get("descr");
  const types = Array.isArray(all) ? (all as Literal[]).map((each) => (each as Literal[])[1]) : [all];
  const recordBytes = types.reduce<number>((sum, type) => sum + bytesOfType(type as string)!, 0);
  const count = sizes.reduce((product, size) => product * size, 1);
  const expected = count * recordBytes;
  if (bytes.length - start !== expected) throw fault(place, `${expected} bytes of values`, `${bytes.length - start}`);
  requireTableSize(place, count, fields.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const readers = new Map(fields.map((field) => [field, readerOf(field)]));
  const at = (index: number, field: Field): unknown => readers.get(field)!(view, index * recordBytes + field.offset);
  return { shape: sizes, fields, isFortran: entries.get("fortran_order") === true, at };
}
