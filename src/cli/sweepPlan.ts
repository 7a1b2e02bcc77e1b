import { InvalidInput, latinHypercube } from "../node.ts";
import { grouped } from "./numbers.ts";
import type { RangeOfValues, Values } from "./sweepValues.ts";

/** What may differ from network to network; in a grid the first varies fastest. */
export const axes = ["learningRate", "momentum", "weightDecay", "seed"] as const;
export type Axis = (typeof axes)[number];

/** Values of the swept options, and how many networks are requested. */
export type SweepRequest = { readonly [Name in Axis]?: Values } & { readonly members?: number };

/** Of some options, the value of each network [members]. */
type Columns = { readonly [Name in Axis]?: Float64Array };

/** Settings of every network of a sweep. */
export interface SweepPlan {
  readonly members: number;
  /** Of the options that were given, and of seed. */
  readonly settings: Columns & { readonly seed: Float64Array };
  /** Those that are not the same for all networks. */
  readonly varied: readonly Axis[];
}

const maxMembers = 2 ** 20;
const defaultMembers = 256;
/** Where none is given each network has a seed of its own, as with `thalweg train --members`. */
const firstSeed = 1;

/** Points of the grid that the lists of some options span. */
const gridPoints = (request: SweepRequest, of: readonly Axis[]): number =>
  of.reduce((points, axis) => {
    const values = request[axis];
    return values?.kind === "list" ? points * values.values.length : points;
  }, 1);

/** As many networks as were requested; else one for each point of the grid and each seed of a range; else `usual`. */
function membersOf(request: SweepRequest, usual: number): number {
  const { members, seed } = request;
  const points = gridPoints(request, axes);
  const seeds = seed?.kind === "range" ? seed.to - seed.from + 1 : 1;
  if (members === undefined) {
    const count = points * seeds;
    if (count <= maxMembers) return count > 1 ? count : usual;
    const expected = `at most ${grouped(maxMembers)} networks`;
    const got = `lists and seeds for ${grouped(count)}`;
    throw new InvalidInput({
      place: "sweep",
      expected,
      got,
      fix: "pass --members 4096, for example, or fewer values",
    });
  }
  if (members >= points) return members;
  const expected = `at least ${grouped(points)}, one network for each combination of the lists`;
  const fix = "pass more members, or a range instead of a list";
  throw new InvalidInput({ place: "--members", expected, got: String(members), fix });
}

/** Settings are printed as they were used: nine digits are all that float32 tells apart. */
const rounded = (value: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Number(value.toPrecision(9))));

/** The value at a share of a range, in (0, 1). */
function valueAt({ from, to, scale }: RangeOfValues, share: number): number {
  const value = scale === "log" ? from * (to / from) ** share : from + (to - from) * share;
  return rounded(value, from, to);
}

/** Seeds of a range in order, as evenly as there are: each once where there are as many networks. */
const seedAt = ({ from, to }: RangeOfValues, member: number, members: number): number =>
  Math.min(to, from + Math.floor(((to - from + 1) * (member + 0.5)) / members));

const isRange = (axis: Axis, request: SweepRequest): boolean => axis !== "seed" && request[axis]?.kind === "range";

/** Settings of one option [members], for each that is given. */
function columnsOf(request: SweepRequest, members: number, samplingSeed: number): Columns {
  const ranges = axes.filter((axis) => isRange(axis, request));
  const shares = latinHypercube(members, ranges.length, samplingSeed);
  const columnOf = (axis: Axis, values: Values): Float64Array => {
    const column = new Float64Array(members);
    if (values.kind === "same") return column.fill(values.value);
    if (values.kind === "list") {
      const stride = gridPoints(request, axes.slice(0, axes.indexOf(axis)));
      return column.map((_, r) => values.values[Math.floor(r / stride) % values.values.length]!);
    }
    if (axis === "seed") return column.map((_, r) => seedAt(values, r, members));
    const own = shares[ranges.indexOf(axis)]!;
    return column.map((_, r) => valueAt(values, own[r]!));
  };
  const given = axes.filter((axis) => request[axis] !== undefined);
  return Object.fromEntries(given.map((axis) => [axis, columnOf(axis, request[axis]!)]));
}

const isVaried = (values: Float64Array): boolean => values.some((value) => value !== values[0]);

function requireDifferent(members: number, varied: readonly Axis[]): void {
  if (members === 1 || varied.length > 0) return;
  const fix = "pass a range, --learning-rate log:1e-4..1 for example, or leave --seed out";
  const expected = "networks that differ in at least one setting";
  throw new InvalidInput({ place: "sweep", expected, got: `the same settings for all ${grouped(members)}`, fix });
}

/**
 * Gives every network its settings. Lists span a full grid that is repeated over the networks; ranges are spread by Latin
 * hypercube sampling, so that several do not run in parallel; seeds of a range are taken in order.
 * @param samplingSeed decides in which order the strata of the ranges are visited
 * @param usual networks where neither their number nor lists say how many
 * @throws InvalidInput
 */
export function planSweep(request: SweepRequest, samplingSeed: number, usual = defaultMembers): SweepPlan {
  const members = membersOf(request, usual);
  const ownSeeds = Float64Array.from({ length: members }, (_, r) => firstSeed + r);
  const settings = { seed: ownSeeds, ...columnsOf(request, members, samplingSeed) };
  const varied = axes.filter((axis) => settings[axis] && isVaried(settings[axis]));
  requireDifferent(members, varied);
  return { members, settings, varied };
}
