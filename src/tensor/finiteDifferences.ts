// Gradients held against central differences, which are taken in float64.

import { InvalidInput, requireOptions } from "../errors.ts";
import type { Device } from "../backend/device.ts";
import { requireInteger } from "../graph/network.ts";
import { type Shape, stridesOf } from "../backend/shape.ts";
import { oneDevice } from "./compute.ts";
import { tensor, type Tensor } from "./tensor.ts";
import { tidy } from "./tidy.ts";
import { mapTensors, namedTensors } from "./tree.ts";

export interface CheckOptions {
  /** Error that is allowed, relative to the gradient's entry or, where it is small, to a thousandth of the largest one; default 1e-6, and 1e-3 for a gradient computed on a GPU. */
  readonly tolerance?: number;
  /** Distance of the points that differences are taken of, relative to values above 1; default 2⁻¹⁰. */
  readonly step?: number;
  /** Entries to check in each tensor at most, spread evenly; default 200. Each costs seven evaluations. */
  readonly entries?: number;
}

/** One entry of a gradient, held against central differences. */
export interface CheckedEntry {
  /** Argument of the function, the tensor in it, and the entry: `arguments[0].weights[1, 2]`. */
  readonly name: string;
  readonly gradient: number;
  /** Results of central differences. */
  readonly difference: number;
  /** |gradient − difference| in units of what is allowed. */
  readonly error: number;
}

/** A gradient held against central differences. */
export interface GradientCheck {
  /** True where every entry that was checked is within the tolerance, and one was. */
  readonly passed: boolean;
  /** The entry that is off most; undefined where none could be checked. */
  readonly worst: CheckedEntry | undefined;
  readonly checked: number;
  /** Entries at a kink, where differences of two step sizes do not agree. */
  readonly skipped: number;
}

/** A function of tensors in arrays and objects. */
export type TreeFunction = (tree: unknown) => Tensor;

/** All values of a function's tensors, in float64. */
interface Point {
  readonly tree: unknown;
  readonly values: readonly Float64Array[];
}

/** Says why tensors of two devices met, where the user knows of one only. */
function explained(cause: unknown): unknown {
  if (!(cause instanceof InvalidInput) || cause.fault.expected !== oneDevice) return cause;
  const expected = "a function that gets all its tensors as arguments";
  const fix = "pass the others in the list as well: differences are taken on the CPU";
  return new InvalidInput({ place: "checkGradient", expected, got: `in ${cause.message.split(";")[0]}`, fix, cause });
}

/** The function at other values of its tensors, on the CPU. */
async function valueAt(f: TreeFunction, device: Device, { tree, values }: Point): Promise<number> {
  let next = 0;
  const copy = ({ shape }: Tensor): Tensor => tensor(device, values[next++]!, shape);
  let value: Tensor;
  try {
    value = tidy(() => f(mapTensors("checkGradient", tree, copy)));
  } catch (error) {
    throw explained(error);
  }
  try {
    return await value.item();
  } finally {
    value.dispose();
  }
}

interface Slope {
  readonly difference: number;
  /** Bound of the rounding error. */
  readonly rounding: number;
}

/** Slope along one entry, h⁴/30 · f⁽⁵⁾ off; undefined at a kink. */
async function slopeAt(f: TreeFunction, device: Device, point: Point, at: Place): Promise<Slope | undefined> {
  const values = point.values[at.tensor]!;
  const here = values[at.index]!;
  const h = at.step * Math.max(1, Math.abs(here));
  const results = new Map<number, number>();
  for (const steps of [-2, -1, -0.5, 0, 0.5, 1, 2]) {
    values[at.index] = here + steps * h;
    results.set(steps, await valueAt(f, device, point));
  }
  values[at.index] = here;
  const between = (steps: number): number => results.get(steps)! - results.get(-steps)!;
  const wide = (8 * between(1) - between(2)) / (12 * h);
  const narrow = (8 * between(0.5) - between(1)) / (6 * h);
  // Some ten units in the last place of the values, over their distance.
  const rounding = (2 ** -48 * Math.max(1, ...[...results.values()].map(Math.abs))) / h;
  // A kink between the points makes the two differ; a kink exactly at the entry bends the function in the same way at every distance.
  const bend = (steps: number): number =>
    Math.abs(results.get(steps)! - 2 * results.get(0)! + results.get(-steps)!) / (steps * h);
  const agrees = Math.abs(wide - narrow) <= 1e-5 * Math.abs(narrow) + 32 * rounding + 1e-9;
  const isSmooth = agrees && bend(0.5) <= 0.75 * bend(1) + 32 * rounding + 1e-9;
  return isSmooth ? { difference: narrow, rounding } : undefined;
}

interface Place {
  readonly tensor: number;
  readonly index: number;
  readonly step: number;
}

/** `[1, 2]`: the entry of a running index. */
function entryName(shape: Shape, index: number): string {
  const strides = stridesOf(shape);
  return `[${shape.map((size, axis) => Math.floor(index / strides[axis]!) % size).join(", ")}]`;
}

/** Running indices of at most `most` entries, spread evenly. */
const spread = (count: number, most: number): number[] =>
  Array.from({ length: Math.min(count, most) }, (_, at) => Math.floor((at * count) / Math.min(count, most)));

/** Distance in units of what is allowed; NaN is as far as can be. */
function errorOf(gradient: number, difference: number, allowed: number): number {
  const error = Math.abs(gradient - difference) / allowed;
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

export interface DifferencesRequest {
  readonly f: TreeFunction;
  /** What `f` takes, for shapes and values, and what it is called. */
  readonly tree: unknown;
  readonly name: string;
  /** Of each tensor in the tree. */
  readonly gradients: readonly Float64Array[];
  /** The CPU, where differences are taken. */
  readonly device: Device;
  readonly options: CheckOptions;
  /** Where the options have none. */
  readonly tolerance: number;
}

/** @throws InvalidInput */
function requireCheckOptions(options: CheckOptions): void {
  requireOptions("checkGradient", options, ["tolerance", "step", "entries"]);
  const { tolerance = 1, step = 1, entries = 1 } = options;
  requireInteger("checkGradient: entries", entries, 1, 2 ** 31);
  for (const [name, value] of Object.entries({ tolerance, step })) {
    if (value > 0 && Number.isFinite(value)) continue;
    const fix = "leave it out for the default";
    throw new InvalidInput({ place: `checkGradient: ${name}`, expected: "a number above 0", got: String(value), fix });
  }
}

/** Holds gradients against central differences. */
export async function holdAgainstDifferences(request: DifferencesRequest): Promise<GradientCheck> {
  const { f, tree, gradients, device, options } = request;
  requireCheckOptions(options);
  const { tolerance = request.tolerance, step = 2 ** -10, entries = 200 } = options;
  const named = namedTensors(tree, request.name);
  const values = await Promise.all(named.map(async ({ tensor }) => Float64Array.from(await tensor.read())));
  const tally = { worst: undefined as CheckedEntry | undefined, checked: 0, skipped: 0 };
  for (const [place, { name, tensor }] of named.entries()) {
    const floor = 1e-3 * gradients[place]!.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
    for (const index of spread(tensor.size, entries)) {
      const slope = await slopeAt(f, device, { tree, values }, { tensor: place, index, step });
      if (!slope) {
        tally.skipped++;
        continue;
      }
      tally.checked++;
      const gradient = gradients[place]![index]!;
      const { difference, rounding } = slope;
      const allowed = tolerance * Math.max(Math.abs(difference), floor) + rounding;
      const error = errorOf(gradient, difference, allowed);
      if (tally.worst && error <= tally.worst.error) continue;
      tally.worst = { name: name + entryName(tensor.shape, index), gradient, difference, error };
    }
  }
  return { ...tally, passed: tally.worst !== undefined && tally.worst.error <= 1 };
}
