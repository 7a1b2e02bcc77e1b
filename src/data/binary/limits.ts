import { BadFile } from "../../errors.ts";

// What a file may ask for before it is refused: a few bytes can claim to hold billions of cells.

/** MNIST has 47 million; each takes 8 bytes or more. */
const maxCells = 50_000_000;
const maxColumns = 20_000;
/** Of all that is decompressed from one file. */
export const maxInflatedBytes = 2 ** 30;

/** @throws BadFile where a table of this size would fill memory */
export function requireTableSize(place: string, rows: number, columns: number): void {
  if (rows > 0 && columns > 0 && columns <= maxColumns && rows * columns <= maxCells) return;
  if (rows === 0 || columns === 0) {
    const got = rows === 0 ? "no rows" : "no columns";
    throw new BadFile({ place, expected: "rows of data", got, fix: "check that the export worked" });
  }
  const expected = `at most ${maxColumns} columns and ${maxCells} cells`;
  const got = `${rows} rows of ${columns} columns`;
  throw new BadFile({ place, expected, got, fix: "save fewer columns, or a sample of the rows" });
}

/** @throws BadFile on a file that claims to decompress to more than memory should hold */
export function requireInflatedSize(place: string, bytes: number): void {
  if (bytes >= 0 && bytes <= maxInflatedBytes) return;
  const expected = `at most ${maxInflatedBytes} bytes when decompressed`;
  const fix = "split the file, or save a sample of its rows";
  throw new BadFile({ place, expected, got: String(bytes), fix });
}
