import type { RawTable } from "../table.ts";
import { ColumnDraft, rawTable } from "./cells.ts";
import { idxBytes } from "./fileKind.ts";
import { requireTableSize } from "./limits.ts";

type ReadValue = (view: DataView, at: number) => number;

/** By the element types of IDX; all are big-endian. */
const readers: ReadonlyMap<number, ReadValue> = new Map([
  [0x08, (view, at) => view.getUint8(at)],
  [0x09, (view, at) => view.getInt8(at)],
  [0x0b, (view, at) => view.getInt16(at)],
  [0x0c, (view, at) => view.getInt32(at)],
  [0x0d, (view, at) => view.getFloat32(at)],
  [0x0e, (view, at) => view.getFloat64(at)],
]);

/**
 * Reads IDX, the format of MNIST: a file of labels (one axis) is the column "label", a file of images the columns "pixel1", "pixel2", ….
 * Format: http://yann.lecun.com/exdb/mnist/
 */
export function readIdx(bytes: Uint8Array, place: string): RawTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [type, axes] = [bytes[2]!, bytes[3]!];
  const sizes = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const [rows = 0, ...rest] = sizes;
  const width = rest.reduce((product, size) => product * size, 1);
  requireTableSize(place, rows, width);
  const [read, size, start] = [readers.get(type)!, idxBytes.get(type)!, 4 + 4 * axes];
  const columns = Array.from({ length: width }, (_, column) => {
    const draft = new ColumnDraft(axes === 1 ? "label" : `pixel${column + 1}`);
    for (let row = 0; row < rows; row++) draft.add(read(view, start + (row * width + column) * size), place);
    return draft.finish();
  });
  return rawTable("IDX", columns, rows);
}
