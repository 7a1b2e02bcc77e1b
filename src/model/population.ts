import { InvalidInput } from "../errors.ts";
import type { Executor, FloatArray } from "../backend/executor.ts";
import { requireInteger } from "../graph/network.ts";
import { probabilitiesOf } from "./probabilities.ts";

/** What members predict together, [rows, outputs]. */
export interface Ensemble {
  /** Mean over the members: of probabilities where the loss takes logits. */
  readonly mean: Float64Array;
  /** Their standard deviation, that of a population: how far they disagree. */
  readonly spread: Float64Array;
}

/** Parameters that are read at once, in values. */
const readFloats = 2 ** 20;
/** Outputs that are held at once, in values. */
const chunkFloats = 2 ** 22;

/**
 * Places of the least finite values, the least first: of `scores().losses`, the best members.
 * @param values [members]
 * @param count how many; fewer come where fewer are finite
 * @throws InvalidInput
 */
export function bestMembers(values: ArrayLike<number>, count = 1): number[] {
  requireInteger("bestMembers: count", count, 1, 2 ** 32);
  const finite = Array.from(values, (_, place) => place).filter((place) => Number.isFinite(values[place]));
  return finite.sort((a, b) => values[a]! - values[b]! || a - b).slice(0, count);
}

/**
 * One member or several as a list.
 * @throws InvalidInput unless they are numbers of members, at least one and each once
 */
export function chosenMembers(place: string, wanted: number | ArrayLike<number>, members: number): number[] {
  const chosen = typeof wanted === "object" && wanted !== null ? Array.from(wanted) : [wanted];
  const seen = new Set<number>();
  for (const member of chosen) {
    requireInteger(place, member, 0, members - 1);
    if (seen.has(member)) {
      const fix = "name each member once";
      throw new InvalidInput({ place, expected: "different members", got: `${member} again`, fix });
    }
    seen.add(member);
  }
  if (seen.size > 0) return chosen;
  throw new InvalidInput({ place, expected: "at least one member", got: "none", fix: "name one, 0 for example" });
}

/** All members of a population. */
export const allMembers = (members: number): number[] => Array.from({ length: members }, (_, member) => member);

/**
 * Visits the parameters of members, by rising number, in reads of some megabytes.
 * @param visit called with the parameters [parameterCount] and the member's place in `chosen`
 */
async function visitMembers(
  executor: Executor,
  chosen: readonly number[],
  visit: (own: FloatArray, place: number) => void,
): Promise<void> {
  const { parameterCount } = executor.network;
  const perRead = Math.max(1, Math.floor(readFloats / parameterCount));
  const wanted = chosen.map((member, place) => ({ member, place })).sort((a, b) => a.member - b.member);
  for (let at = 0; at < wanted.length;) {
    const start = wanted[at]!.member;
    let end = at;
    while (end < wanted.length && wanted[end]!.member < start + perRead) end++;
    const together = wanted.slice(at, end);
    const count = together[together.length - 1]!.member - start + 1;
    const values = await executor.readParameters(start * parameterCount, count * parameterCount);
    for (const { member, place } of together) {
      const first = (member - start) * parameterCount;
      visit(values.subarray(first, first + parameterCount), place);
    }
    at = end;
  }
}

/** Parameters [chosen.length, parameterCount] of members, in the order of `chosen`. */
export async function readMembers(executor: Executor, chosen: readonly number[]): Promise<Float64Array> {
  const { parameterCount } = executor.network;
  const all = new Float64Array(chosen.length * parameterCount);
  await visitMembers(executor, chosen, (own, place) => all.set(own, place * parameterCount));
  return all;
}

/** Mean [parameterCount] of the parameters of members, in float64. */
export async function averageParameters(executor: Executor, chosen: readonly number[]): Promise<Float64Array> {
  const sum = new Float64Array(executor.network.parameterCount);
  await visitMembers(executor, chosen, (own) => {
    for (let index = 0; index < sum.length; index++) sum[index]! += own[index]!;
  });
  return sum.map((value) => value / chosen.length);
}

/**
 * Mean and standard deviation over members, value by value; the mean first, so that nothing cancels.
 * @param values [members, length]
 */
function meanAndSpread(values: FloatArray, members: number): Ensemble {
  const length = values.length / members;
  const sums = new Float64Array(length);
  const squares = new Float64Array(length);
  for (let at = 0; at < values.length; at++) sums[at % length]! += values[at]!;
  const mean = sums.map((sum) => sum / members);
  for (let at = 0; at < values.length; at++) squares[at % length]! += (values[at]! - mean[at % length]!) ** 2;
  return { mean, spread: squares.map((sum) => Math.sqrt(sum / members)) };
}

/** What all members of an executor predict together, in chunks of rows. */
export async function predictTogether(executor: Executor, inputs: FloatArray): Promise<Ensemble> {
  const { network, members } = executor;
  const rowCount = inputs.length / network.inputs;
  const mean = new Float64Array(rowCount * network.outputs);
  const spread = new Float64Array(rowCount * network.outputs);
  const chunkRows = Math.max(1, Math.floor(chunkFloats / (members * network.outputs)));
  for (let firstRow = 0; firstRow < rowCount; firstRow += chunkRows) {
    const rows = inputs.subarray(firstRow * network.inputs, (firstRow + chunkRows) * network.inputs);
    const chunk = meanAndSpread(probabilitiesOf(network, await executor.predict(rows)), members);
    mean.set(chunk.mean, firstRow * network.outputs);
    spread.set(chunk.spread, firstRow * network.outputs);
  }
  return { mean, spread };
}
