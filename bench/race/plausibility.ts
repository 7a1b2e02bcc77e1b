import type { FloatArray } from "../../src/backend/executor.ts";
import type { Processor } from "./contract.ts";
import type { Block } from "./host.ts";
import type { Check, RaceCeilings, Rates } from "./record.ts";
import type { Work, Workload } from "./workload.ts";

// What makes a figure unbelievable. Nothing here trusts a contender's word.

/** JSON knows no infinity. */
const beyondAll = Number.MAX_VALUE;

/** How much further than float64 with a rounded state a float32 library may drift: it rounds every product and sum too. */
const margin = 16;
/** A state that is off by more than this share of the way it has come is wrong, whatever rounding might do. */
const largestBound = 0.05;

/**
 * Drift that is allowed where rounding the state alone causes less: sums over a batch or a row have float32 errors of their
 * own. Adam divides each gradient by its own size, so that the error of a gradient near 0 moves its weight by a whole step.
 */
const leastBound = (workload: Workload): number =>
  workload.kind === "step" && workload.optimizer.name !== "sgd" ? 1e-4 : 1e-5;

export interface ReferenceState {
  readonly rounds: number;
  readonly state: FloatArray;
  readonly rounded: FloatArray;
}

type Deviation = Check["deviations"][number];

/** ‖values − reference‖ / ‖reference − start‖ of each network by itself; the worst of them. */
function worstDeviation(values: FloatArray, reference: FloatArray, start: FloatArray, networks: number): number {
  if (values.length !== reference.length) return beyondAll;
  const width = reference.length / networks;
  let worst = 0;
  for (let first = 0; first < reference.length; first += width) {
    let [difference, way] = [0, Number.MIN_VALUE];
    for (let index = first; index < first + width; index++) {
      difference += (values[index]! - reference[index]!) ** 2;
      way += (reference[index]! - start[index]!) ** 2;
    }
    worst = Math.max(worst, Math.sqrt(difference / way));
    if (Number.isNaN(difference)) return beyondAll;
  }
  return Math.min(worst, beyondAll);
}

/**
 * One state held against the reference after the same number of rounds, relative to the way that the reference has come since
 * the start: a single step moves weights by little, and a wrong gradient must show.
 */
export function deviationOf(
  workload: Workload,
  state: FloatArray,
  { rounds, state: reference, rounded }: ReferenceState,
  start: FloatArray,
): Deviation {
  const networks = workload.kind === "step" ? workload.members : 1;
  const drift = worstDeviation(rounded, reference, start, networks);
  const bound = Math.min(largestBound, Math.max(leastBound(workload), margin * drift));
  return { rounds, deviation: worstDeviation(state, reference, start, networks), bound };
}

export const checkOf = (deviations: readonly Deviation[]): Check => ({
  deviations: [...deviations],
  passed: deviations.length > 0 && deviations.every(({ deviation, bound }) => deviation <= bound),
});

/** Why a contender's blocks cannot be believed; undefined: they can. */
export function distrustBlocks(blocks: readonly Block[]): string | undefined {
  const strange = blocks.find(({ value, first }) => !Number.isFinite(value) || !Object.is(value, first));
  if (!strange) return undefined;
  const { value, first } = strange;
  return `the value it returned at the end of a block, ${value}, is not the first of its state, ${first}`;
}

/** The ceiling that a contender's processor has; of two, the higher one. */
function ceilingOf(processor: Processor, ceilings: RaceCeilings): { flopsPerSecond: number; bytesPerSecond: number } {
  const { cpu, gpu } = ceilings;
  if (processor === "cpu" || !gpu) return cpu;
  if (processor === "gpu") return gpu;
  return {
    flopsPerSecond: Math.max(cpu.flopsPerSecond, gpu.flopsPerSecond),
    bytesPerSecond: Math.max(cpu.bytesPerSecond, gpu.bytesPerSecond),
  };
}

/** Rates of the least work a round can be done with, and their shares of what this machine can do at best. */
export function ratesOf(work: Work, ms: number, processor: Processor, ceilings: RaceCeilings | undefined): Rates {
  const flopsPerSecond = (1000 * work.flops) / ms;
  const bytesPerSecond = (1000 * work.bytes) / ms;
  if (!ceilings || (processor === "gpu" && !ceilings.gpu)) return { flopsPerSecond, bytesPerSecond };
  const best = ceilingOf(processor, ceilings);
  return {
    flopsPerSecond,
    bytesPerSecond,
    flopsShare: flopsPerSecond / best.flopsPerSecond,
    bytesShare: bytesPerSecond / best.bytesPerSecond,
  };
}

/** A rate above what the machine can do was imagined, not measured. */
export function distrustRates({ flopsShare = 0, bytesShare = 0 }: Rates): string | undefined {
  const told = (share: number, name: string): string => `${(100 * share).toFixed(0)} % of the ${name} ceiling`;
  if (flopsShare > 1) return `${told(flopsShare, "arithmetic")} measured in this run`;
  return bytesShare > 1 ? `${told(bytesShare, "memory")} measured in this run` : undefined;
}
