/** What is told of a set of samples; the samples themselves are kept beside it. */
export interface Summary {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly least: number;
  readonly most: number;
}

/** Quantile by linear interpolation between order statistics. */
function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return sorted[below]! + (at - below) * (upper - sorted[below]!);
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export const summarize = (samples: readonly number[]): Summary => ({
  median: median(samples),
  lowerQuartile: quantile(samples, 0.25),
  upperQuartile: quantile(samples, 0.75),
  least: Math.min(...samples),
  most: Math.max(...samples),
});

/** Greatest common divisor: the step in which a clock moves, seen from enough of its differences. */
export const greatestCommonDivisor = (values: readonly bigint[]): bigint =>
  values.reduce((divisor, value) => {
    let [a, b] = [divisor, value];
    while (b !== 0n) [a, b] = [b, a % b];
    return a;
  }, 0n);
