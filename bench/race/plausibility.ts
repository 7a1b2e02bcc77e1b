import type { FloatArray } from "../../src/executor.ts";
import { median } from "../measure/statistics.ts";
import type { Processor } from "./contract.ts";
import type { Block } from "./host.ts";
import type { Check, RaceCeilings, Rates } from "./record.ts";
import type { Work, Workload } from "./workload.ts";

// What makes a figure unbelievable. Nothing here trusts a contender's word.

/** JSON knows no infinity. */
const beyondAll = Number.MAX_VALUE;

/** ‖values − reference‖ / ‖reference‖; the largest number there is where a value is none. */
export function relativeDeviation(values: FloatArray, reference: FloatArray): number {
  if (values.length !== reference.length) return beyondAll;
  let difference = 0;
  let norm = Number.MIN_VALUE;
  for (let index = 0; index < reference.length; index++) {
    difference += (values[index]! - reference[index]!) ** 2;
    norm += reference[index]! ** 2;
  }
  const deviation = Math.sqrt(difference / norm);
  return Number.isFinite(deviation) ? deviation : beyondAll;
}

/** How much further than float64 with a rounded state a float32 library may drift: it rounds every product and sum too. */
const margin = 16;

/**
 * Drift that is allowed where rounding the state alone causes less: sums over a batch or a row have float32 errors of their
 * own. Adam divides each gradient by its own size, so that the error of a gradient near 0 moves its weight by a whole step.
 */
const leastBound = (workload: Workload): number =>
  workload.kind === "step" && workload.optimizer.name !== "sgd" ? 1e-4 : 1e-5;

interface ReferenceState {
  readonly rounds: number;
  readonly state: FloatArray;
  readonly rounded: FloatArray;
}

type Deviation = Check["deviations"][number];

/** One state held against the reference after the same number of rounds. */
export function deviationOf(workload: Workload, state: FloatArray, reference: ReferenceState): Deviation {
  const drift = relativeDeviation(reference.rounded, reference.state);
  const bound = Math.max(leastBound(workload), margin * drift);
  return { rounds: reference.rounds, deviation: relativeDeviation(state, reference.state), bound };
}

export const checkOf = (deviations: readonly Deviation[]): Check => ({
  deviations: [...deviations],
  passed: deviations.length > 0 && deviations.every(({ deviation, bound }) => deviation <= bound),
});

/** Work left when a contender says it is done may be the wait's own cost, but no more. */
const drainFloorMs = 5;
const drainShare = 0.25;

/** Why a contender's blocks cannot be believed; undefined: they can. */
export function distrustBlocks(blocks: readonly Block[], roundsPerBlock: number): string | undefined {
  const strange = blocks.find(({ value, first }) => !Number.isFinite(value) || !Object.is(value, first));
  if (strange) {
    const { value, first } = strange;
    return `the value it returned at the end of a block, ${value}, is not the first of its state, ${first}`;
  }
  const drainMs = median(blocks.map((block) => block.drainMs));
  const blockMs = median(blocks.map(({ ms, steps }) => (steps === undefined ? ms * roundsPerBlock : ms)));
  if (drainMs <= drainFloorMs + drainShare * blockMs) return undefined;
  return `it said it was done ${drainMs.toFixed(0)} ms before its work was, in blocks of ${blockMs.toFixed(0)} ms`;
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
