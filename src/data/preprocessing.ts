/** A column of numbers, standardised: (value − mean) / deviation. */
export interface NumberColumn {
  readonly kind: "number";
  readonly name: string;
  readonly mean: number;
  /** Standard deviation over the rows (divided by their number), of the training rows only; 1 where it would be 0. */
  readonly deviation: number;
}

/** A column of categories, one-hot: 1 at the place of its value, else 0. */
export interface CategoryColumn {
  readonly kind: "category";
  readonly name: string;
  readonly values: readonly string[];
}

export type InputColumn = NumberColumn | CategoryColumn;

/** Classes to tell apart; `binary` is one output that is the probability of the second of two classes. */
export interface ClassTarget {
  readonly kind: "class";
  readonly name: string;
  readonly values: readonly string[];
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
}

const widthOf = (column: InputColumn): number => (column.kind === "number" ? 1 : column.values.length);

/** Values that one row gives the network. */
export const inputWidth = ({ inputs }: Preprocessing): number =>
  inputs.reduce((width, column) => width + widthOf(column), 0);

/** Values that the network gives for one row. */
export function outputWidth({ target }: Preprocessing): number {
  if (target.kind === "number") return target.columns.length;
  return target.encoding === "binary" ? 1 : target.values.length;
}

/** Names of the network's inputs in order: `Height`, `Island=Biscoe`. */
export const inputNames = ({ inputs }: Preprocessing): string[] =>
  inputs.flatMap((column) =>
    column.kind === "number" ? [column.name] : column.values.map((value) => `${column.name}=${value}`),
  );

/** Names of the target columns. */
export const targetNames = ({ target }: Preprocessing): string[] =>
  target.kind === "class" ? [target.name] : target.columns.map((column) => column.name);
