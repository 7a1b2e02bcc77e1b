import type { Checkpoint } from "./executor.ts";

/** Fields that every checkpoint has. */
const lists = [
  "parameters",
  "moments",
  "nonFiniteSteps",
  "bestLosses",
  "bestSteps",
] as const satisfies readonly (keyof Checkpoint)[];

/**
 * Whether something that was stored is a state of a training: step and lists of numbers, in a file, a database or a message. Whether it is one
 * of a certain network and training, `train` checks by `resume`.
 */
export function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== "object" || value === null) return false;
  const state = value as Partial<Record<keyof Checkpoint, unknown>>;
  const areLists = lists.every((name) => state[name] instanceof Float32Array || state[name] instanceof Float64Array);
  return areLists && Number.isSafeInteger(state.step) && (state.step as number) >= 0;
}
