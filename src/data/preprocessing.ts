import type { DateForm } from "./dates.ts";
import type { NumberFormat } from "./numberFormat.ts";
import type { Labels } from "./spelling.ts";

/** What stands for a missing cell of an input column. Without a `fill` rows with such a cell are left out. */
interface Filled<Value> {
  /** Median, or most frequent category, of the rows learned from. */
  readonly fill?: Value | undefined;
  /** One more input: 1 where the cell is missing, else 0. */
  readonly indicator?: boolean | undefined;
}

/** A column of numbers, standardised: (value − mean) / deviation. */
export interface NumberColumn extends Filled<number> {
  readonly kind: "number";
  readonly name: string;
  readonly mean: number;
  /** Standard deviation over the rows (divided by their number), of the training rows only; 1 where it would be 0. */
  readonly deviation: number;
  /** How the numbers of the training table are written; default 1234.5. */
  readonly format?: NumberFormat | undefined;
}

/**
 * A column of categories. One-hot: 1 at the place of its value, else 0; all 0 for a value that is none of them. Numbered, for an
 * embedding: one input, the place of its value from 1; 0 for one that is missing or none of them.
 */
export interface CategoryColumn extends Labels, Filled<string> {
  readonly kind: "category";
  readonly name: string;
  /** Default one-hot. */
  readonly encoding?: "numbered" | undefined;
}

/** Periods that come back in dates; each is two inputs, sine and cosine. */
export type Cycle = "year" | "week" | "day";

/** A column of dates: days since 1970-01-01, standardised, and the place in each cycle; 0 there for a missing date. */
export interface DateColumn extends Filled<number> {
  readonly kind: "date";
  readonly name: string;
  readonly form: DateForm;
  /** In days, of the training rows. */
  readonly mean: number;
  readonly deviation: number;
  readonly cycles: readonly Cycle[];
}

export type InputColumn = NumberColumn | CategoryColumn | DateColumn;

/** Classes to tell apart; `binary` is one output that is the probability of the second of two classes. */
export interface ClassTarget extends Labels {
  readonly kind: "class";
  readonly name: string;
  readonly encoding: "oneHot" | "binary";
}

export interface NumberTarget {
  readonly kind: "number";
  readonly columns: readonly NumberColumn[];
}

export type Target = ClassTarget | NumberTarget;

/** How rows of a table become inputs and targets of a network: plain data, so that a model file carries it. */
export interface Preprocessing {
  readonly inputs: readonly InputColumn[];
  readonly target: Target;
  /** Words that the user named as missing in the training table; absent where the default ones were taken. */
  readonly missingWords?: { readonly inNumbers: readonly string[]; readonly inTexts: readonly string[] } | undefined;
}

/** Whether a column gives the number of a category, which only an embedding may read. */
export const isNumbered = (column: InputColumn): column is CategoryColumn & { readonly encoding: "numbered" } =>
  column.kind === "category" && column.encoding === "numbered";

/** Whether rows may lack the column: its missing cells are filled, or a category of their own. */
export const takesMissing = (column: InputColumn): boolean => column.fill !== undefined || isNumbered(column);

function ownNames(column: InputColumn): string[] {
  const { name } = column;
  if (isNumbered(column)) return [`${name} (number of the category)`];
  if (column.kind === "category") return column.values.map((value) => `${name}=${value}`);
  if (column.kind === "number") return [name];
  return [name, ...column.cycles.flatMap((cycle) => [`${name} sin(${cycle})`, `${name} cos(${cycle})`])];
}

const namesOf = (column: InputColumn): string[] =>
  column.indicator ? [...ownNames(column), `${column.name} is missing`] : ownNames(column);

/** Values that one column gives the network. */
export function columnWidth(column: InputColumn): number {
  const indicator = column.indicator ? 1 : 0;
  if (column.kind === "category") return (isNumbered(column) ? 1 : column.values.length) + indicator;
  return column.kind === "number" ? 1 + indicator : 1 + 2 * column.cycles.length + indicator;
}

/** Values that one row gives the network. */
export const inputWidth = ({ inputs }: Preprocessing): number =>
  inputs.reduce((width, column) => width + columnWidth(column), 0);

/** Values that the network gives for one row. */
export function outputWidth({ target }: Preprocessing): number {
  if (target.kind === "number") return target.columns.length;
  return target.encoding === "binary" ? 1 : target.values.length;
}

/** Names of the network's inputs in order: `Height`, `Island=Biscoe`, `Height is missing`, `Date sin(year)`. */
export const inputNames = ({ inputs }: Preprocessing): string[] => inputs.flatMap(namesOf);

/** Names of the target columns. */
export const targetNames = ({ target }: Preprocessing): string[] =>
  target.kind === "class" ? [target.name] : target.columns.map((column) => column.name);
