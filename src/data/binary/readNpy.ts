import { BadFile } from "../../errors.ts";
import type { Column, RawTable } from "../table.ts";
import { ColumnDraft, rawTable, requireNames } from "./cells.ts";
import { requireTableSize } from "./limits.ts";
import { decodeNpy, type NpyArray } from "./npy.ts";
import { readZip } from "./zip.ts";

/** Rows, and values per row: all axes behind the first count as one. */
function rowsOf({ shape }: NpyArray): { rows: number; width: number } {
  const [rows = 1, ...rest] = shape;
  return { rows, width: rest.reduce((product, size) => product * size, 1) };
}

/** Flat indices of the values of a row, in row-major order of its axes, where the file has the first axis fastest. */
function fortranIndex(shape: readonly number[], row: number, column: number): number {
  let rest = column;
  const indices = shape.slice(1).map(() => 0);
  for (let axis = indices.length - 1; axis >= 0; axis--) {
    indices[axis] = rest % shape[axis + 1]!;
    rest = Math.floor(rest / shape[axis + 1]!);
  }
  let stride = shape[0] ?? 1;
  let index = row;
  for (const [axis, own] of indices.entries()) {
    index += own * stride;
    stride *= shape[axis + 1]!;
  }
  return index;
}

/** Columns of an array: `name` of one per row, name1, name2, … of several; the names of its fields where it has records. */
function columnsOf(array: NpyArray, name: string, place: string): Column[] {
  const { rows, width } = rowsOf(array);
  const columns: Column[] = [];
  for (let column = 0; column < width; column++) {
    for (const field of array.fields) {
      const counted = array.shape.length < 2 ? name : `${name}${column + 1}`;
      const own = field.name === "" ? counted : width === 1 ? field.name : `${field.name}${column + 1}`;
      const draft = new ColumnDraft(own);
      for (let row = 0; row < rows; row++) {
        const index = array.isFortran ? fortranIndex(array.shape, row, column) : row * width + column;
        draft.add(array.at(index, field), place);
      }
      columns.push(draft.finish());
    }
  }
  return columns;
}

/** Reads one array as a table: a row for each index of its first axis. */
export function readNpy(bytes: Uint8Array, place: string): RawTable {
  const array = decodeNpy(bytes, place);
  const { rows, width } = rowsOf(array);
  requireTableSize(place, rows, width * array.fields.length);
  const columns = columnsOf(array, array.shape.length < 2 ? "column1" : "column", place);
  return rawTable("NumPy array", columns, rows);
}

interface Named {
  readonly name: string;
  readonly array: NpyArray;
}

function requireOneLength(arrays: readonly Named[], place: string): number {
  const lengths = arrays.map(({ array }) => rowsOf(array).rows);
  const rows = lengths[0]!;
  if (lengths.every((length) => length === rows)) return rows;
  const got = arrays
    .slice(0, 8)
    .map(({ name, array }) => `${name} [${array.shape.join(", ")}]`)
    .join(", ");
  const fix = "save the arrays that belong together in a file of their own, such as numpy.savez(FILE, x=x, y=y)";
  throw new BadFile({ place, expected: "arrays of one length", got, fix });
}

/**
 * Reads the arrays of a .npz side by side: each has a row for each index of its first axis.
 * @throws BadFile on other archives, and on arrays of different lengths
 */
export async function readNpz(bytes: Uint8Array, place: string): Promise<RawTable> {
  const entries = readZip(bytes, place).filter(({ name }) => !name.endsWith("/"));
  if (entries.length === 0 || !entries.every(({ name }) => name.endsWith(".npy"))) {
    const isSheet = entries.some(({ name }) => name === "[Content_Types].xml" || name === "mimetype");
    const isModel = entries.some(({ name }) => /(^|\/)data\.pkl$|^config\.json$/.test(name));
    const got = isSheet ? "a spreadsheet" : isModel ? "a model of PyTorch or Keras" : "a zip archive of other files";
    const fix = isSheet ? "save the sheet as CSV" : isModel ? "pass a table" : "unpack it";
    throw new BadFile({ place, expected: "a table, or an archive of NumPy arrays (.npz)", got, fix });
  }
  const arrays: Named[] = [];
  let cells = 0;
  for (const { name, read } of entries) {
    const array = decodeNpy(await read(), `${place}: ${JSON.stringify(name)}`);
    arrays.push({ name: name.slice(0, -4), array });
    cells += rowsOf(array).width * array.fields.length;
    requireTableSize(place, Math.max(1, rowsOf(array).rows), cells);
  }
  const rows = requireOneLength(arrays, place);
  requireTableSize(place, rows, cells);
  const columns = arrays.flatMap(({ name, array }) => columnsOf(array, name, place));
  requireNames(
    columns.map((column) => column.name),
    place,
  );
  return rawTable("NumPy archive", columns, rows);
}
