import path from "node:path";
import { encodeNpy } from "../data.ts";
import { InvalidInput } from "../node.ts";
import { csvLine } from "./csv.ts";

// Tables as files, by what their names end in.

type Cell = string | number | boolean | null | undefined;

/** Rows of cells below their names. */
export interface Rows {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

const csvOf = ({ names, rows }: Rows): string =>
  csvLine(names) +
  rows.map((cells) => csvLine(cells.map((cell) => (typeof cell === "number" ? cell : String(cell ?? ""))))).join("");

const objectsOf = ({ names, rows }: Rows): string[] =>
  rows.map((cells) => JSON.stringify(Object.fromEntries(names.map((name, column) => [name, cells[column] ?? null]))));

/** Float64 [rows, columns]; missing cells are NaN. */
function npyOf({ names, rows }: Rows, file: string): Uint8Array {
  const values = new Float64Array(rows.length * names.length);
  for (const [row, cells] of rows.entries()) {
    for (const [column, name] of names.entries()) {
      const cell = cells[column] ?? Number.NaN;
      const text = typeof cell === "string" ? cell.trim() : cell;
      const value = text === "" ? Number.NaN : Number(text);
      if (Number.isNaN(value) && typeof text === "string" && text !== "") {
        const got = `${JSON.stringify(text.slice(0, 60))} in column ${JSON.stringify(name)}`;
        const fix = "write CSV, JSON or NDJSON, which hold texts";
        throw new InvalidInput({ place: file, expected: "numbers, for an array of NumPy", got, fix });
      }
      values[row * names.length + column] = value;
    }
  }
  return encodeNpy({ name: path.basename(file), shape: [rows.length, names.length], values });
}

type Encode = (rows: Rows, file: string) => string | Uint8Array;

const encoders: ReadonlyMap<string, Encode> = new Map<string, Encode>([
  [".csv", csvOf],
  [".json", (rows) => `[${objectsOf(rows).join(",\n")}]\n`],
  [
    ".ndjson",
    (rows) =>
      objectsOf(rows)
        .map((row) => `${row}\n`)
        .join(""),
  ],
  [
    ".jsonl",
    (rows) =>
      objectsOf(rows)
        .map((row) => `${row}\n`)
        .join(""),
  ],
  [".npy", npyOf],
]);

/** @returns what writes a table to a file of this name @throws InvalidInput on another ending */
export function tableEncoder(file: string, place: string): (rows: Rows) => Uint8Array {
  const ending = path.extname(file).toLowerCase();
  const encode = encoders.get(ending);
  if (!encode) {
    const expected = `a file that ends in ${[...encoders.keys()].join(", ")}`;
    throw new InvalidInput({ place, expected, got: file, fix: "change the ending" });
  }
  return (rows) => {
    const written = encode(rows, file);
    return typeof written === "string" ? new TextEncoder().encode(written) : written;
  };
}
