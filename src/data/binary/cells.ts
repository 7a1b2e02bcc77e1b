import { BadFile, ThalwegError } from "../../errors.ts";
import type { Cell } from "../cell.ts";
import { type Column, columnName, quote, type RawTable } from "../table.ts";

// Values of typed columns as cells.

/** A whole number that a double does not hold exactly stays a text, digit by digit, as in JSON. */
const integerCell = (value: bigint): Cell => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
};

/** `2024-05-01`, with the time of day in UTC where there is one. */
function dateCell(date: Date, place: string): Cell {
  const time = date.getTime();
  if (Number.isNaN(time)) {
    const expected = "a date from the year −271821 to 275760";
    throw new BadFile({ place, expected, got: "another one", fix: "correct the date, or leave the cell empty" });
  }
  const text = date.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, -14) : text;
}

/** A cell; undefined of a list, an object or bytes. NaN is a missing cell, as it is in pandas. */
function cellOf(value: unknown, place: string): Cell | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return Number.isNaN(value) ? null : value;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return integerCell(value);
  return value instanceof Date ? dateCell(value, place) : undefined;
}

/** A column under construction, whose values arrive in order. */
export class ColumnDraft {
  readonly name: string;
  readonly isNominal: boolean;
  readonly cells: Cell[] = [];
  #nested = false;

  constructor(name: string, isNominal = false) {
    this.name = name;
    this.isNominal = isNominal;
  }

  add(value: unknown, place: string): void {
    const cell = cellOf(value, place);
    if (cell === undefined) this.#nested = true;
    this.cells.push(cell ?? null);
  }

  /** A column of lists or objects, which cannot be used. */
  fillNested(rows: number): void {
    this.#nested = true;
    for (let row = 0; row < rows; row++) this.cells.push(null);
  }

  finish(): Column {
    const { name, cells, isNominal } = this;
    const isIndex = /^__index_level_\d+__$/.test(name); // of pandas: it numbers the rows
    return { name, cells, nested: this.#nested, ...(isIndex && { isIndex }), ...(isNominal && { isNominal }) };
  }
}

/** @throws BadFile where two columns have one name, or a column none */
export function requireNames(names: readonly string[], place: string): void {
  const seen = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    const key = columnName(name);
    const before = seen.get(key);
    if (before === undefined && key !== "") seen.set(key, index + 1);
    else {
      const got = key === "" ? `none for column ${index + 1}` : `${quote(name)} in columns ${before} and ${index + 1}`;
      throw new BadFile({ place, expected: "column names that differ", got, fix: "rename the column" });
    }
  }
}

export const rawTable = (format: string, columns: readonly Column[], rowCount: number): RawTable => ({
  format,
  columns,
  rowCount,
  rowName: (row) => `row ${row + 1}`,
  notes: [],
});

/** Runs a reader: whatever it throws that is no error of ours says that the file is damaged. */
export async function reading<T>(place: string, format: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof ThalwegError) throw cause;
    const got = quote(cause instanceof Error ? cause.message : String(cause));
    throw new BadFile({ place, expected: `a whole ${format} file`, got, fix: damaged, cause });
  }
}

export const damaged = "the file is damaged: write it or download it again";
