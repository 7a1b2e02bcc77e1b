import { BadFile, InvalidInput } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import { fromBrainFloats, fromHalfFloats } from "../halfFloats.ts";
import { duplicateKey } from "./duplicateKey.ts";
import { describeOtherFile } from "./otherFiles.ts";

// Format: https://github.com/huggingface/safetensors — u64 length of the header, header in JSON, values little-endian.

export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major. Written as F32 or F64; a Float32Array was read from F32, F16 or BF16, of which it holds every value exactly. */
  readonly values: FloatArray;
}

export interface Safetensors {
  /** By name: a Map, because a tensor may be called `__proto__`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The format allows 100 MB of header; a hostile one of that size is a denial of service. */
const maxHeaderBytes = 2 ** 20;
const maxTensors = 10_000;
const lengthBytes = 8;
/** Bytes per value of the dtypes that are read. */
const bytesPerValue = new Map([
  ["F16", 2],
  ["BF16", 2],
  ["F32", 4],
  ["F64", 8],
  ["I64", 8],
]);
/** Dtypes of the format that are not read. */
const otherDtypes = /^(BOOL|[IU](8|16|32|64)|F4|F6_\w+|F8_\w+|C64)$/;
const metadataKey = "__metadata__";

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Within the values, from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** Short lists of numbers and scalars as JSON; never an object, which may be nested deeper than the stack. */
function show(value: unknown): string {
  const flat = typeof value !== "object" || value === null || (Array.isArray(value) && value.every(Number.isFinite));
  if (flat) return (JSON.stringify(value) ?? typeof value).slice(0, 80);
  return Array.isArray(value) ? "a list" : "an object";
}

function fault(place: string, expected: string, got: string, cause?: unknown): BadFile {
  const fix = "the file is damaged or no safetensors file: write it or download it again";
  return new BadFile({ place, expected, got, fix, cause });
}

/** @throws BadFile that names the format where this is a file of another one */
function headerLength(bytes: Uint8Array, place: string): number {
  if (bytes.length < lengthBytes) throw fault(place, "at least 10 bytes", `${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const most = Math.min(maxHeaderBytes, bytes.length - lengthBytes);
  if (length >= 2n && length <= BigInt(most)) return Number(length);
  const other = describeOtherFile(bytes);
  if (other) throw new BadFile({ place, expected: "a safetensors file", ...other });
  throw fault(place, `a header of 2 to ${most} bytes`, `a length of ${length}`);
}

function parseHeader(bytes: Uint8Array, place: string): ReadonlyMap<string, unknown> {
  const open = "{".charCodeAt(0);
  if (bytes[0] !== open) throw fault(place, "a header that starts with {", `byte ${bytes[0]}`);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw fault(place, "a header in JSON", show(cause instanceof Error ? cause.message : cause), cause);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fault(place, "names that occur once in the header", `${show(twice)} twice`);
  return new Map(Object.entries(header as object));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseMetadata(value: unknown, place: string): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isRecord(value)) throw fault(`${place}: ${metadataKey}`, "an object of texts", show(value));
  const entries = Object.entries(value);
  const wrong = entries.find(([, text]) => typeof text !== "string");
  if (wrong) throw fault(`${place}: ${metadataKey}: ${show(wrong[0])}`, "text", show(wrong[1]));
  return new Map(entries as [string, string][]);
}

/** Bytes of a tensor; the product may leave the safe integers only upwards, where no file reaches. */
const byteCount = (shape: readonly number[], valueBytes: number): number => shape.reduce((a, b) => a * b, valueBytes);

function requireDtype(dtype: unknown, place: string): number {
  const valueBytes = typeof dtype === "string" ? bytesPerValue.get(dtype) : undefined;
  if (valueBytes !== undefined) return valueBytes;
  const expected = `dtype ${[...bytesPerValue.keys()].join(", ")}`;
  if (typeof dtype !== "string" || !otherDtypes.test(dtype)) throw fault(place, expected, show(dtype));
  const fix = "convert the tensor to F32 (tensor.float() in PyTorch) before saving, or leave it out of the file";
  throw new BadFile({ place, expected, got: dtype, fix });
}

function parseEntry(name: string, value: unknown, place: string): Entry {
  const where = `${place}: tensor ${show(name)}`;
  if (!isRecord(value)) throw fault(where, "an object with dtype, shape and data_offsets", show(value));
  const { dtype, shape, data_offsets: offsets } = value;
  const valueBytes = requireDtype(dtype, where);
  if (!Array.isArray(shape) || shape.length > 32 || !shape.every(isCount)) {
    throw fault(where, "a shape of at most 32 integers ≥ 0", show(shape));
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!) {
    throw fault(where, "data_offsets [begin, end] with begin ≤ end", show(offsets));
  }
  const [begin, end] = offsets as [number, number];
  const bytes = byteCount(shape, valueBytes);
  if (end - begin === bytes) return { name, dtype: dtype as string, shape, begin, end };
  throw fault(where, `${bytes} bytes for shape [${shape.join(", ").slice(0, 80)}]`, `${end - begin} bytes`);
}

/** Values must follow each other without holes and overlaps, and end where the file ends. */
function requireCover(entries: readonly Entry[], valueBytes: number, place: string): void {
  let position = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position)
      throw fault(`${place}: tensor ${show(name)}`, `values from byte ${position}`, `from ${begin}`);
    position = end;
  }
  if (position !== valueBytes) throw fault(place, `${position} bytes of values`, `${valueBytes}`);
}

function readValues(bytes: Uint8Array, { dtype, begin, end }: Entry): FloatArray {
  const aligned = new Uint8Array(end - begin); // not bytes.slice(): on a Buffer of Node that is no copy
  aligned.set(bytes.subarray(begin, end));
  if (dtype === "F64") return new Float64Array(aligned.buffer);
  if (dtype === "I64") return Float64Array.from(new BigInt64Array(aligned.buffer), Number);
  if (dtype === "F32") return new Float32Array(aligned.buffer);
  const halves = new Uint16Array(aligned.buffer);
  return dtype === "F16" ? fromHalfFloats(halves) : fromBrainFloats(halves);
}

/** As many bytes at most are before the values. */
export const maxValuesOffset = lengthBytes + maxHeaderBytes;

/**
 * Reads the metadata of a safetensors file.
 * @param start its first `maxValuesOffset` bytes, or all
 * @throws BadFile
 */
export function decodeMetadataTexts(start: Uint8Array, place: string): ReadonlyMap<string, string> {
  const length = headerLength(start, place);
  return parseMetadata(parseHeader(start.subarray(lengthBytes, lengthBytes + length), place).get(metadataKey), place);
}

/**
 * Reads a safetensors file, strictly: every byte is accounted for, every name occurs once. F32, F16 and BF16 become
 * Float32Array, F64 and I64 become Float64Array; all values are exact, but integers beyond 2⁵³.
 * @param place what messages call the file
 * @throws BadFile on anything that the format does not allow, on dtypes of other kinds (integers, 8-bit floats, …), on a header above 1 MB
 * and on more than 10,000 tensors
 */
export function decodeSafetensors(bytes: Uint8Array, place: string): Safetensors {
  const length = headerLength(bytes, place);
  const header = parseHeader(bytes.subarray(lengthBytes, lengthBytes + length), place);
  const metadata = parseMetadata(header.get(metadataKey), place);
  const named = [...header].filter(([name]) => name !== metadataKey);
  if (named.length > maxTensors) throw fault(place, `at most ${maxTensors} tensors`, `${named.length}`);
  const entries = named.map(([name, value]) => parseEntry(name, value, place));
  const values = bytes.subarray(lengthBytes + length);
  requireCover(entries, values.length, place);
  const tensors = new Map<string, Tensor>();
  for (const entry of entries) tensors.set(entry.name, { shape: entry.shape, values: readValues(values, entry) });
  return { tensors, metadata };
}

function requireWritable({ tensors }: Safetensors): void {
  const fix = "correct the shape, or split the file";
  for (const [name, { shape, values }] of tensors) {
    const place = `safetensors: tensor ${show(name)}`;
    const expected = `${byteCount(shape, 1)} values for shape [${shape.join(", ")}]`;
    if (name === metadataKey) throw new InvalidInput({ place, expected: "another name", got: "this one", fix });
    if (byteCount(shape, 1) !== values.length)
      throw new InvalidInput({ place, expected, got: `${values.length}`, fix });
  }
  if (tensors.size <= maxTensors) return;
  throw new InvalidInput({
    place: "safetensors",
    expected: `at most ${maxTensors} tensors`,
    got: `${tensors.size}`,
    fix,
  });
}

/** `{"name":value,…}` without an object in between, whose prototype a name could reach. */
function jsonObject(entries: Iterable<readonly [string, string]>): string {
  const members = [...entries].map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  return `{${members.join(",")}}`;
}

function headerOf({ tensors, metadata }: Safetensors): Uint8Array {
  const members: [string, string][] = [];
  const texts = [...metadata].map(([key, text]) => [key, JSON.stringify(text)] as const);
  if (texts.length > 0) members.push([metadataKey, jsonObject(texts)]);
  let begin = 0;
  for (const [name, { shape, values }] of tensors) {
    const end = begin + values.byteLength;
    const dtype = values instanceof Float32Array ? "F32" : "F64";
    members.push([name, JSON.stringify({ dtype, shape, data_offsets: [begin, end] })]);
    begin = end;
  }
  const bytes = new TextEncoder().encode(jsonObject(members));
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(" ".charCodeAt(0));
  padded.set(bytes);
  return padded;
}

/** As `encodeSafetensors`, in pieces: the header, and a view of the values of each tensor. */
export function safetensorsParts(content: Safetensors): Uint8Array[] {
  requireWritable(content);
  const header = headerOf(content);
  if (header.length > maxHeaderBytes) {
    const fix = "use fewer tensors, or less metadata (class and category names)";
    const expected = `a header of at most ${maxHeaderBytes} bytes`;
    throw new InvalidInput({ place: "safetensors", expected, got: `${header.length}`, fix });
  }
  const start = new Uint8Array(lengthBytes + header.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  start.set(header, lengthBytes);
  const views = [...content.tensors.values()].map(
    ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  return [start, ...views];
}

/**
 * Writes tensors in the order of the map; the header is padded with spaces so that values start at a multiple of 8.
 * @throws InvalidInput when a shape does not fit its values, or when there is more than the reader accepts
 */
export function encodeSafetensors(content: Safetensors): Uint8Array {
  return joinBytes(safetensorsParts(content));
}

/** Concatenates pieces. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
