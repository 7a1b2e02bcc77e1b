import type { FloatArray } from "../../src/backend/executor.ts";
import { reference, roundedReference } from "../contenders/reference.ts";
import { deviationOf, type ReferenceState } from "../race/plausibility.ts";
import type { Check } from "../race/record.ts";
import type { Start } from "../race/start.ts";
import type { StepWorkload } from "../race/workload.ts";
import type { StrategyRun } from "./strategyRun.ts";

// Every strategy held against float64 before it is timed. Of many members the first and the last ones: the reference is slow, and
// what was forgotten in cutting them into groups shows at an end.

/** At each end. */
const checkedMembers = 32;
/** One step alone shows neither momentum nor a second dispatch. */
export const checkedSteps = [1, 3] as const;

interface Stretch {
  readonly first: number;
  readonly count: number;
}

function stretchesOf(members: number): readonly Stretch[] {
  if (members <= 2 * checkedMembers) return [{ first: 0, count: members }];
  return [
    { first: 0, count: checkedMembers },
    { first: members - checkedMembers, count: checkedMembers },
  ];
}

function joined(parts: readonly FloatArray[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The states that the checked members must have. */
export interface Truth {
  readonly workload: StepWorkload;
  readonly stretches: readonly Stretch[];
  readonly start: FloatArray;
  /** After each of `checkedSteps`. */
  readonly states: readonly ReferenceState[];
}

/** Follows the checked members in float64, once exactly, once rounded to float32 after every step. */
export async function truthOf(whole: StepWorkload, start: Start): Promise<Truth> {
  const stretches = stretchesOf(whole.members);
  const width = whole.network.parameterCount;
  const slices = stretches.map(({ first, count }) => start.state.subarray(first * width, (first + count) * width));
  const workload = { ...whole, members: stretches.reduce((sum, { count }) => sum + count, 0) };
  const own = { ...start, state: joined(slices) };
  const [exact, rounded] = [
    await reference.createEntry(workload, own),
    await roundedReference.createEntry(workload, own),
  ];
  const states: ReferenceState[] = [];
  let done = 0;
  for (const rounds of checkedSteps) {
    for (const entry of [exact, rounded]) await entry.run(rounds - done);
    done = rounds;
    states.push({ rounds, state: await exact.readState(), rounded: await rounded.readState() });
  }
  for (const entry of [exact, rounded]) entry.dispose();
  return { workload, stretches, start: own.state, states };
}

/** Distance of a strategy's parameters from float64 after each of `checkedSteps`, by index. */
export async function deviationAt(run: StrategyRun, truth: Truth, index: number): Promise<Check["deviations"][number]> {
  const { workload, stretches, start, states } = truth;
  const parts: FloatArray[] = [];
  for (const { first, count } of stretches) parts.push(await run.readMembers(first, count));
  return deviationOf(workload, joined(parts), states[index]!, start);
}
