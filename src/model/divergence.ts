import { optimizersOf } from "../backend/batches.ts";
import type { FloatArray, RunSettings } from "../backend/executor.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { optimizerAt } from "../math/scheduled.ts";
import { makesOrthogonal, takesDecayAsStep } from "../math/optimizerFunction.ts";

// Likely causes of divergence, from the settings and the data.

/** Values of standardised data are below this; the gradients of larger ones need a smaller rate. */
const largeValue = 1000;
/** The square of a gradient of this size overflows f32, and adam and rmsProp keep squares. */
const overflowingGradient = 1e19;
const strongMomentum = 0.9;

/**
 * The largest learningRate · weightDecay at which a parameter without any other gradient g shrinks. Decay makes g = λp, and
 * the steps p ← p − ηg converge for ηλ < 2; with momentum μ for ηλ < 2(1 + μ) (Polyak 1964), with Nesterov's for
 * ηλ < 2(1 + μ) / (1 + 2μ), where the recursion's eigenvalue reaches −1.
 */
export function mostDecay(optimizer: Optimizer): number {
  if (makesOrthogonal(optimizer)) return 2; // momentum is that of the gradients alone
  const { momentum, nesterov } = optimizer;
  return (2 * (1 + momentum)) / (nesterov ? 1 + 2 * momentum : 1);
}

/** Decay alone makes the parameters grow. */
function isDecayTooLarge(optimizer: Optimizer): boolean {
  const { learningRate, weightDecay } = optimizer;
  return takesDecayAsStep(optimizer)
    ? learningRate * weightDecay >= mostDecay(optimizer)
    : weightDecay >= overflowingGradient;
}

/** `0.1`, or `from 0.1 to 3`. */
function spread(values: readonly number[]): string {
  const least = values.reduce((a, b) => Math.min(a, b));
  const largest = values.reduce((a, b) => Math.max(a, b));
  return least === largest ? String(least) : `from ${least} to ${largest}`;
}

function largestOf(values: FloatArray): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

function decayRemedy(optimizers: readonly Optimizer[]): string {
  const decays = spread(optimizers.map(({ weightDecay }) => weightDecay));
  if (!takesDecayAsStep(optimizers[0]!)) return `lower weightDecay (it is ${decays}): it makes the gradients overflow`;
  const limit = Math.min(...optimizers.map((optimizer) => mostDecay(optimizer) / optimizer.learningRate));
  const below = Number(limit.toPrecision(3));
  return `lower weightDecay (it is ${decays}): at this learningRate parameters grow by it unless it is below ${below}`;
}

/** The rates that were set, and where a schedule changes them those of a step. */
function ratesIn(set: readonly Optimizer[], optimizers: readonly Optimizer[], step: number): string {
  const [own, now] = [set, optimizers].map((all) => spread(all.map(({ learningRate }) => learningRate))) as [
    string,
    string,
  ];
  return own === now ? own : `${own}, by its schedule ${now} in step ${step}`;
}

function rateRemedy(optimizers: readonly Optimizer[], rates: string): string {
  // A mean of gradients does not lengthen steps.
  const lengthens = (optimizer: Optimizer): number => (makesOrthogonal(optimizer) ? 0 : optimizer.momentum);
  const momentum = optimizers.reduce((least, optimizer) => Math.min(least, lengthens(optimizer)), 1);
  const decay = optimizers.every(
    (optimizer) => optimizer.learningRate * optimizer.weightDecay >= mostDecay(optimizer) / 4,
  );
  const also = [
    momentum >= strongMomentum
      ? ` or momentum (${momentum}, which makes steps ${Math.round(1 / (1 - momentum))} times as long)`
      : "",
    decay ? ` or weightDecay (${spread(optimizers.map(({ weightDecay }) => weightDecay))})` : "",
  ];
  return `lower learningRate (it is ${rates})${also.join("")}`;
}

/** `standardise the inputs (up to 4.2e+6)`; empty where the data is of a usual size. */
function scaleRemedy({ data: { inputs, targets } }: RunSettings): string {
  const sizes = { inputs: largestOf(inputs), targets: largestOf(targets) };
  const large = (["inputs", "targets"] as const).filter((key) => sizes[key] >= largeValue);
  if (large.length === 0) return "";
  return `standardise the ${large.map((key) => `${key} (they reach ${Number(sizes[key].toPrecision(3))})`).join(" and the ")}`;
}

/**
 * What to change after all members of a training have diverged, the likeliest cause first.
 * @param step in which the first did, from 0
 */
export function divergenceRemedy(settings: RunSettings, members: number, step = 0): string {
  const set = optimizersOf(settings, members);
  const optimizers = set.map((own) => optimizerAt(own, step));
  if (optimizers.every(isDecayTooLarge)) return decayRemedy(optimizers);
  const scale = scaleRemedy(settings);
  const remedy = rateRemedy(optimizers, ratesIn(set, optimizers, step));
  return scale === "" ? remedy : `${scale}, or ${remedy}`;
}
