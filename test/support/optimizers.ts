import { createOptimizer, type Optimizer, optimizerNames } from "../../src/math/optimizer.ts";

/** These, and each optimizer of thalweg that is not among them with its defaults, so that a new one is tested wherever all are. */
export const withEveryOptimizer = (tuned: readonly Optimizer[]): readonly Optimizer[] => [
  ...tuned,
  ...optimizerNames.filter((name) => !tuned.some((one) => one.name === name)).map((name) => createOptimizer(name)),
];
