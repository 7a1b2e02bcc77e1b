import type { Cell } from "./cell.ts";
import type { NumberHints } from "./inferNumberFormat.ts";
import type { MissingWords } from "./missing.ts";
import { plainNumberText } from "./numberFormat.ts";

export { type Cell, textOf } from "./cell.ts";

export interface Column {
  readonly name: string;
  readonly cells: readonly Cell[];
  /** JSON rows may hold lists or objects in a cell; such a column cannot be used. */
  readonly nested: boolean;
  /** The column has no name and counts the rows, as the index that pandas writes in front; it says nothing about a row. */
  readonly isIndex?: boolean;
  /** The file declares the values as names, whatever they look like. */
  readonly isNominal?: boolean;
}

/** A table column by column, nothing interpreted yet. */
export interface Table {
  /** File name or whatever the user knows it by; every message starts with it. */
  readonly place: string;
  /** What the content turned out to be, for people: "CSV", "TSV", "JSON". */
  readonly format: string;
  readonly columns: readonly Column[];
  readonly rowCount: number;
  /** How messages name row `row`, counted from 0: "line 12" of a text file, "row 11" of JSON. */
  readonly rowName: (row: number) => string;
  /** Words that are missing values here: the default ones, or those of the user. */
  readonly missingWords: MissingWords;
  /** What the user and the other columns say about the separators in numbers; empty where the cells of a column decide. */
  readonly numberHints: NumberHints;
  /** What was decided in reading that the user should know: sentences without a full stop. */
  readonly notes: readonly string[];
}

const nonFiniteText = /^[+-]?(?:nan|inf|infinity)$/i;

export const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text);

/** At most `most` names in quotes, and how many more there are. */
export function listNames(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).map(quote).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** The cell's number; not finite for "NaN", "Infinity" and 1e999; undefined for text and booleans. */
export function numberOf(cell: Cell): number | undefined {
  if (typeof cell === "number") return cell;
  if (typeof cell !== "string") return undefined;
  const text = cell.trim();
  if (plainNumberText.test(text)) return Number(text);
  return nonFiniteText.test(text) ? Number.NaN : undefined;
}

/** Where a message says the fault is: file, row and column. */
export const cellPlace = (table: Table, row: number, column: string): string =>
  `${table.place}: ${table.rowName(row)}, column ${quote(column)}`;

/** A column's name as names are compared: in Unicode form NFC, trimmed, spaces and line breaks inside as one space. */
export const columnName = (name: string): string =>
  name
    .normalize("NFC")
    .trim()
    .replaceAll(/[^\S\t]+/g, " ");

/** Columns by name, as `columnName` writes it: a Map, because a column may be called `__proto__`. */
export const columnsByName = (table: Table): ReadonlyMap<string, Column> =>
  new Map(table.columns.map((column) => [columnName(column.name), column]));

/** What the reader of one layout finds; the options of the user are added by `readTable`. */
export interface RawTable extends Pick<Table, "format" | "columns" | "rowCount" | "rowName" | "notes"> {
  /** What the cells of some columns say about the others. */
  readonly likelyDecimal?: NumberHints["likelyDecimal"];
  readonly cutAtSemicolons?: NumberHints["cutAtSemicolons"];
}
