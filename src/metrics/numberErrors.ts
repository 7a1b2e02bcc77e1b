import type { NumberRows, Statistic } from "./rows.ts";

/** What |target| is at least in a relative error, as in scikit-learn. */
const leastSize = Number.EPSILON;

/** Sums over the errors of one output. */
interface OutputSums {
  rows: number;
  weight: number;
  absolute: number;
  squared: number;
  relative: number;
  largest: number;
  /**
   * Mean of the targets, less the first of them, and sum of the squared distances from it, row by row (Welford 1962; West 1979): nothing
   * cancels, also far from 0.
   */
  first: number;
  mean: number;
  spread: number;
}

const empty = (): OutputSums => ({
  rows: 0,
  weight: 0,
  absolute: 0,
  squared: 0,
  relative: 0,
  largest: 0,
  first: 0,
  mean: 0,
  spread: 0,
});

function addRow(sums: OutputSums, value: number, target: number, weight: number): void {
  const error = Math.abs(value - target);
  if (sums.rows++ === 0) sums.first = target;
  sums.absolute += weight * error;
  sums.squared += weight * error * error;
  sums.relative += (weight * error) / Math.max(leastSize, Math.abs(target));
  sums.largest = Math.max(sums.largest, error);
  if (weight === 0) return;
  sums.weight += weight;
  const shifted = target - sums.first;
  const distance = shifted - sums.mean;
  sums.mean += (distance * weight) / sums.weight;
  sums.spread += weight * distance * (shifted - sums.mean);
}

/** 1 − Σ (y − t)² / Σ (t − mean)²; of equal targets 1 where all are met, else 0; NaN of a single row. As scikit-learn has it. */
function r2Of({ rows, squared, spread }: OutputSums): number {
  if (rows < 2) return Number.NaN;
  if (spread === 0) return squared === 0 ? 1 : 0;
  return 1 - squared / spread;
}

/** Errors of each output of a regression. */
export class NumberErrors implements Statistic<NumberRows> {
  readonly #sums: readonly OutputSums[];

  constructor(outputs: number) {
    this.#sums = Array.from({ length: outputs }, empty);
  }

  add({ outputs, values, targets, weights }: NumberRows): void {
    for (let at = 0; at < targets.length; at++) {
      addRow(this.#sums[at % outputs]!, values[at]!, targets[at]!, weights?.[Math.floor(at / outputs)] ?? 1);
    }
  }

  #each(of: (sums: OutputSums) => number): Float64Array {
    return Float64Array.from(this.#sums, of);
  }

  get meanAbsolute(): Float64Array {
    return this.#each(({ absolute, weight }) => absolute / weight);
  }

  get rootMeanSquared(): Float64Array {
    return this.#each(({ squared, weight }) => Math.sqrt(squared / weight));
  }

  get r2(): Float64Array {
    return this.#each(r2Of);
  }

  get meanRelative(): Float64Array {
    return this.#each(({ relative, weight }) => relative / weight);
  }

  get largest(): Float64Array {
    return this.#each(({ largest }) => largest);
  }
}
