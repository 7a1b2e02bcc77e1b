import type { ClassRows, Statistic } from "./rows.ts";

/** Probabilities are clipped by the resolution of float64, as in scikit-learn: one of 0 costs 36 and not infinitely much. */
const clip = Number.EPSILON;

/** Mean over rows of what a row costs: of several classes summed over them. */
class MeanOverRows implements Statistic<ClassRows> {
  readonly #cost: (target: number, probability: number) => number;
  #sum = 0;
  #weight = 0;

  constructor(cost: (target: number, probability: number) => number) {
    this.#cost = cost;
  }

  add({ classes, truth, targets, scores, weights }: ClassRows): void {
    let sum = 0;
    for (let row = 0; row < truth.length; row++) {
      const weight = weights?.[row] ?? 1;
      for (let at = row * classes; at < (row + 1) * classes; at++) {
        sum += weight * this.#cost(targets[at]!, scores[at]!);
      }
      this.#weight += weight;
    }
    this.#sum += sum;
  }

  get mean(): number {
    return this.#sum / this.#weight;
  }
}

const logCost = (target: number, probability: number): number =>
  target === 0 ? 0 : -target * Math.log(Math.min(1 - clip, Math.max(clip, probability)));

/** −Σ t · log p. */
export class LogLoss extends MeanOverRows {
  constructor() {
    super(logCost);
  }
}

/** Σ (p − t)² (Brier 1950). Of two classes half of it, which is (p − t)² of either. */
export class Brier extends MeanOverRows {
  constructor(classes: number) {
    const scale = classes === 2 ? 0.5 : 1;
    super((target, probability) => scale * (probability - target) ** 2);
  }
}

/** Bins of equal width, as Guo et al. 2017 take. */
const bins = 15;

/**
 * Expected calibration error (Naeini et al. 2015; Guo et al. 2017): rows are put into 15 bins (a, b] by the probability of the class that
 * is predicted; the mean over rows of how far apart the accuracy and the mean probability of their bin are.
 */
export class Calibration implements Statistic<ClassRows> {
  /** Weight of right rows less the sum of probabilities. */
  readonly #gaps = new Float64Array(bins);
  #weight = 0;

  add({ classes, truth, chosen, scores, weights }: ClassRows): void {
    for (let row = 0; row < truth.length; row++) {
      const weight = weights?.[row] ?? 1;
      const probability = scores[row * classes + chosen[row]!]!;
      const bin = Math.min(bins - 1, Math.max(0, Math.ceil(probability * bins) - 1));
      this.#gaps[bin]! += weight * ((truth[row] === chosen[row] ? 1 : 0) - probability);
      this.#weight += weight;
    }
  }

  get error(): number {
    return this.#gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / this.#weight;
  }
}
