// The population's state: a network and data as the playground has them, and a grid of what differs.

import { decodeState, defaults, encodeState, type PlaygroundState } from "../playground/state.ts";
import { type Axis, type AxisName, axisNames, cellOf, type PopulationGrid, valueAt } from "./grid.ts";

/** What the heat map and the band show. */
export const metricNames = ["testLoss", "trainingLoss", "testAccuracy", "trainingAccuracy"] as const;
export type MetricName = (typeof metricNames)[number];

export interface PopulationState {
  /** What all networks have in common; what an axis sets is of no account here. */
  readonly base: PlaygroundState;
  readonly grid: PopulationGrid;
  readonly steps: number;
  readonly metric: MetricName;
}

/** Networks of a grid at most, as the library has it. */
export const mostNetworks = 2 ** 20;
/** Networks along one side at most. */
export const mostAlong = 1024;
const mostSteps = 1_000_000;

/** Ranges that make sense to begin with, and what an axis may take. */
const axisRanges: Readonly<Record<AxisName, { from: number; to: number; least: number; most: number }>> = {
  learningRate: { from: 0.001, to: 10, least: 1e-6, most: 100 },
  momentum: { from: 0, to: 0.99, least: 0, most: 0.999 },
  weightDecay: { from: 1e-6, to: 0.1, least: 1e-9, most: 10 },
  seed: { from: 1, to: 1, least: 0, most: 2 ** 32 - 1 - mostAlong },
};

/** An axis of another kind, as many values long. */
export const axisOf = (name: AxisName, count: number): Axis => {
  const { from, to } = axisRanges[name];
  return { name, from, to, count };
};

export const defaultState: PopulationState = {
  base: { ...defaults, data: "xor", layers: [{ width: 4, activation: "tanh" }], optimizer: "sgd" },
  grid: { columns: axisOf("learningRate", 64), rows: axisOf("seed", 64) },
  steps: 1000,
  metric: "testLoss",
};

/** Why an axis cannot be; undefined where it can. */
export function axisFault({ name, from, to, count }: Axis): string | undefined {
  const { least, most } = axisRanges[name];
  if (!(from >= least && from <= most)) return `from must be ${least} to ${most}`;
  if (name !== "seed" && !(to >= least && to <= most)) return `to must be ${least} to ${most}`;
  if (name !== "seed" && !(from < to)) return "from must be below to";
  if (name === "seed" && !Number.isInteger(from)) return "seeds are whole numbers";
  if (!(Number.isInteger(count) && count >= 1 && count <= mostAlong)) return `count must be 1 to ${mostAlong}`;
  return undefined;
}

/** `learningRate~0.0001~1~64`. */
const axisText = ({ name, from, to, count }: Axis): string => [name, from, to, count].join("~");

function parseAxis(text: string): Axis | undefined {
  const [named, ...numbers] = text.split("~");
  const name = axisNames.find((known) => known === named);
  const [from = Number.NaN, to = Number.NaN, count = Number.NaN] = numbers.map(Number);
  if (!name || numbers.length !== 3) return undefined;
  const axis = { name, from, to, count };
  return axisFault(axis) === undefined ? axis : undefined;
}

/** What the playground's address has and a population has no use for. */
const unused = ["pace", "test", "discrete", "curve", "log", "over", "smooth", "span"];

/** The address of a state: the playground's for what networks have in common, and the grid. */
export function writeAddress({ base, grid, steps, metric }: PopulationState): URLSearchParams {
  const params = encodeState(base);
  for (const key of unused) params.delete(key);
  params.set("x", axisText(grid.columns));
  params.set("y", axisText(grid.rows));
  params.set("steps", String(steps));
  params.set("metric", metric);
  return params;
}

export interface ReadAddress {
  readonly state: PopulationState;
  /** One sentence for each part that makes no sense. */
  readonly problems: readonly string[];
}

function readGrid(params: URLSearchParams, problems: string[]): PopulationGrid {
  const read = (key: "x" | "y", usual: Axis): Axis => {
    const text = params.get(key);
    const axis = text === null ? usual : parseAxis(text);
    if (!axis) problems.push(`${key}=${text!.slice(0, 40)} is ignored: expected learningRate~0.0001~1~64`);
    return axis ?? usual;
  };
  const grid = { columns: read("x", defaultState.grid.columns), rows: read("y", defaultState.grid.rows) };
  if (grid.columns.name !== grid.rows.name && grid.columns.count * grid.rows.count <= mostNetworks) return grid;
  problems.push(`x and y are ignored: expected two different axes of at most ${mostNetworks} networks`);
  return defaultState.grid;
}

/** Reads an address; whatever makes no sense keeps its default and is told. */
export function readAddress(params: URLSearchParams): ReadAddress {
  if (params.size === 0) return { state: defaultState, problems: [] };
  const { state: base, problems: told } = decodeState(params);
  const problems = [...told];
  const grid = readGrid(params, problems);
  const steps = Number(params.get("steps") ?? defaultState.steps);
  const isCount = Number.isInteger(steps) && steps >= 1 && steps <= mostSteps;
  if (!isCount) problems.push(`steps=${params.get("steps")} is ignored: expected 1 to ${mostSteps}`);
  const metric = metricNames.find((name) => name === params.get("metric")) ?? defaultState.metric;
  return { state: { base, grid, steps: isCount ? steps : defaultState.steps, metric }, problems };
}

/** What all networks have in common, with a schedule that ends with their training. */
export const trainedBase = ({ base, steps }: PopulationState): PlaygroundState => ({
  ...base,
  scheduleSteps: Math.max(1, steps - base.warmUp),
});

/** One network of the grid as the playground trains it. */
export function cellState(state: PopulationState, network: number): PlaygroundState {
  const { grid } = state;
  const { column, row } = cellOf(grid, network);
  const own = Object.fromEntries([
    [grid.columns.name, valueAt(grid.columns, column)],
    [grid.rows.name, valueAt(grid.rows, row)],
  ]) as Partial<Record<AxisName, number>>;
  const { seed, ...others } = own;
  return { ...trainedBase(state), ...others, ...(seed !== undefined && { networkSeed: seed }) };
}
