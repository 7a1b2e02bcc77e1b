// What the first bytes of a file say: the formats of tables that are not text.

/** Formats that `readBinary` reads. */
export type BinaryKind = "Parquet" | "Arrow" | "NumPy" | "zip" | "gzip" | "IDX";

const starts: readonly (readonly [magic: string, kind: BinaryKind])[] = [
  ["PAR1", "Parquet"],
  ["ARROW1", "Arrow"],
  ["\x93NUMPY", "NumPy"],
  ["PK\x03\x04", "zip"],
  ["\x1f\x8b\x08", "gzip"],
];

/** Bytes per value of the element types of IDX. */
export const idxBytes: ReadonlyMap<number, number> = new Map([
  [0x08, 1],
  [0x09, 1],
  [0x0b, 2],
  [0x0c, 4],
  [0x0d, 4],
  [0x0e, 8],
]);

/** Two zeros, an element type, the number of axes and their sizes, after which the values end with the file. */
function isIdx(bytes: Uint8Array, size: number): boolean {
  const [first, second, type = 0, axes = 0] = bytes;
  const width = idxBytes.get(type);
  const start = 4 + 4 * axes;
  if (first !== 0 || second !== 0 || width === undefined || axes < 1 || axes > 4 || bytes.length < start) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  let expected = width;
  for (let axis = 0; axis < axes; axis++) expected *= view.getUint32(4 + 4 * axis);
  return start + expected === size;
}

/** The stream format of Arrow has no magic: a continuation mark, and the length of a schema that fits the file. */
function isArrowStream(bytes: Uint8Array, size: number): boolean {
  if (bytes.length < 8 || bytes.subarray(0, 4).some((byte) => byte !== 0xff)) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getInt32(4, true);
  return length > 0 && length % 8 === 0 && length + 8 <= size;
}

/**
 * Returns the binary format of a file; undefined of text and of what is not read.
 * @param bytes the file, or at least its first 32 bytes
 * @param size bytes of the whole file
 */
export function binaryKindOf(bytes: Uint8Array, size = bytes.length): BinaryKind | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 6));
  const found = starts.find(([magic]) => start.startsWith(magic));
  if (found) return found[1];
  if (isIdx(bytes, size)) return "IDX";
  return isArrowStream(bytes, size) ? "Arrow" : undefined;
}
