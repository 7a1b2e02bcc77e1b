import type { PerMember } from "../../index.ts";

/** What may differ from network to network, along one side of the grid. */
export const axisNames = ["learningRate", "momentum", "weightDecay", "seed"] as const;
export type AxisName = (typeof axisNames)[number];

export const axisLabels: Readonly<Record<AxisName, string>> = {
  learningRate: "Learning rate",
  momentum: "Momentum",
  weightDecay: "Weight decay",
  seed: "Seed",
};

/** One side of the grid: `count` values from `from` to `to`. */
export interface Axis {
  readonly name: AxisName;
  readonly from: number;
  /** Of seeds it follows from `from` and `count`. */
  readonly to: number;
  readonly count: number;
}

/** Networks over two axes; network `row · columns.count + column` stands in that cell. */
export interface PopulationGrid {
  readonly columns: Axis;
  readonly rows: Axis;
}

/** Whether equal steps along an axis multiply. */
export const isLogarithmic = (name: AxisName): boolean => name === "learningRate" || name === "weightDecay";

/** The value at a place on an axis, 0 at its start and 1 at its end. */
function valueBetween({ name, from, to }: Axis, share: number): number {
  if (isLogarithmic(name)) return from * (to / from) ** share;
  return from + (to - from) * share;
}

/** The value of a column or a row: five digits, so that it can be read, typed and found again. */
export function valueAt(axis: Axis, index: number): number {
  if (axis.name === "seed") return axis.from + index;
  const share = axis.count === 1 ? 0.5 : index / (axis.count - 1);
  return Number(valueBetween(axis, share).toPrecision(5));
}

export const networksOf = ({ columns, rows }: PopulationGrid): number => columns.count * rows.count;

/** The column and the row of a network. */
export const cellOf = ({ columns }: PopulationGrid, network: number) => ({
  column: network % columns.count,
  row: Math.floor(network / columns.count),
});

/** The value of each network on one axis, [networks]; undefined where no axis has that name. */
function listOf(grid: PopulationGrid, name: AxisName): Float64Array | undefined {
  const { columns, rows } = grid;
  if (columns.name !== name && rows.name !== name) return undefined;
  const along = columns.name === name ? columns : rows;
  const values = Float64Array.from({ length: along.count }, (_, index) => valueAt(along, index));
  const list = new Float64Array(networksOf(grid));
  for (let row = 0; row < rows.count; row++) {
    const own = list.subarray(row * columns.count, (row + 1) * columns.count);
    if (along === columns) own.set(values);
    else own.fill(values[row]!);
  }
  return list;
}

/** What each network of the grid has for itself. */
export function perMemberOf(grid: PopulationGrid): PerMember {
  const lists = axisNames.map((name) => [name, listOf(grid, name)] as const);
  return Object.fromEntries(lists.filter(([, list]) => list !== undefined));
}

/** `Learning rate 0.01, seed 7`. */
export function describeCell(grid: PopulationGrid, network: number): string {
  const { column, row } = cellOf(grid, network);
  const across = `${axisLabels[grid.columns.name]} ${valueAt(grid.columns, column)}`;
  return `${across}, ${axisLabels[grid.rows.name].toLowerCase()} ${valueAt(grid.rows, row)}`;
}

/** A grid of at most so many networks: the longer side is halved until it is. */
export function shrunk(grid: PopulationGrid, most: number): PopulationGrid {
  if (networksOf(grid) <= Math.max(1, most)) return grid;
  const { columns, rows } = grid;
  const halved = (axis: Axis): Axis => ({ ...axis, count: Math.max(1, Math.floor(axis.count / 2)) });
  return shrunk(
    columns.count >= rows.count ? { columns: halved(columns), rows } : { columns, rows: halved(rows) },
    most,
  );
}
