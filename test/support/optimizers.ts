import { createOptimizer, type Optimizer, optimizerNames } from "../../src/math/optimizer.ts";
import { layeredOnly } from "../../src/math/optimizerFunction.ts";

/**
 * These, and each optimizer of thalweg that is not among them with its defaults, so that a new one is tested wherever all are. Those that
 * cannot be applied to one parameter after the other have tests of their own.
 */
export const withEveryOptimizer = (tuned: readonly Optimizer[]): readonly Optimizer[] => [
  ...tuned,
  ...optimizerNames
    .filter((name) => !tuned.some((one) => one.name === name))
    .map((name) => createOptimizer(name))
    .filter((one) => layeredOnly(one) === undefined),
];
