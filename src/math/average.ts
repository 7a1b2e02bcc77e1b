import { InvalidInput, requireOptions } from "../errors.ts";

// Averages of the parameters over the steps of a training. Each step moves an average to the parameter by a rate:
// average ← average + rate · (parameter − average); it begins at the initial parameters.

/** Exponential moving average, from `ema()`. */
interface ExponentialAverage {
  readonly name: "ema";
  readonly decay: number;
}

/** Stochastic weight averaging, from `swa()`. */
interface StochasticAverage {
  readonly name: "swa";
  readonly start: number;
  readonly every: number;
}

/** An average of the parameters, as data. */
export type Average = ExponentialAverage | StochasticAverage;

const mostSteps = 2 ** 48;

function requireCount(place: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= mostSteps) return;
  const expected = `an integer from ${least} to 2⁴⁸`;
  throw new InvalidInput({ place, expected, got: String(value), fix: "pass a number of steps" });
}

/** @throws InvalidInput unless it is what `ema()` or `swa()` returned, or is as good */
export function requireAverage(place: string, average: Average): Average {
  const { name } = (average ?? {}) as Partial<Average>;
  if (name === "ema") {
    const { decay } = average as ExponentialAverage;
    if (typeof decay === "number" && decay >= 0 && decay < 1) return average;
    const fix = "pass 0.999 for example";
    throw new InvalidInput({ place: `${place}: ema`, expected: "a decay from 0 to below 1", got: String(decay), fix });
  }
  if (name === "swa") {
    const { start, every } = average as StochasticAverage;
    requireCount(`${place}: swa: start`, start, 0);
    requireCount(`${place}: swa: every`, every, 1);
    return average;
  }
  const got = typeof average === "object" ? String(name) : String(average);
  throw new InvalidInput({ place, expected: "an average", got, fix: "pass ema(0.999) or swa({ start: 1000 })" });
}

/**
 * An exponential moving average of the parameters, as `use_ema` of Keras: after each step decay · average + (1 − decay) · parameter.
 * @throws InvalidInput
 */
export const ema = (decay = 0.999): Average => requireAverage("average", { name: "ema", decay });

/**
 * Stochastic weight averaging (Izmailov et al. 2018), as `torch.optim.swa_utils.AveragedModel`: the mean of the parameters after step `start`,
 * and after every `every`-th step from there on; before, the parameters themselves.
 * @throws InvalidInput
 */
export function swa(options: { readonly start: number; readonly every?: number }): Average {
  requireOptions("average: swa", options, ["start", "every"]);
  return requireAverage("average", { name: "swa", start: options.start, every: options.every ?? 1 });
}

/** The rate of a step of the run, from 0: by how much the average moves to the parameter that the step leaves. */
export function averageRate(average: Average, step: number): number {
  if (average.name === "ema") return 1 - average.decay;
  const since = step + 1 - average.start;
  if (since <= 0) return 1;
  return since % average.every === 0 ? 1 / (1 + since / average.every) : 0;
}
