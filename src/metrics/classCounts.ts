import type { ClassRows, Statistic } from "./rows.ts";

const sumOf = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** `a / b`, and 0 where both are 0, as scikit-learn's `zero_division` has it. */
const share = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/** Weights of the rows of each class, [classes]. */
export class ClassCounts implements Statistic<ClassRows> {
  readonly #occurring: Float64Array;
  readonly #named: Float64Array;
  readonly #right: Float64Array;

  constructor(classes: number) {
    this.#occurring = new Float64Array(classes);
    this.#named = new Float64Array(classes);
    this.#right = new Float64Array(classes);
  }

  add({ truth, chosen, weights }: ClassRows): void {
    for (let row = 0; row < truth.length; row++) {
      const weight = weights?.[row] ?? 1;
      this.#occurring[truth[row]!]! += weight;
      this.#named[chosen[row]!]! += weight;
      if (truth[row] === chosen[row]) this.#right[truth[row]!]! += weight;
    }
  }

  get accuracy(): number {
    return sumOf(this.#right) / sumOf(this.#occurring);
  }

  get precision(): Float64Array {
    return this.#right.map((right, k) => share(right, this.#named[k]!));
  }

  get recall(): Float64Array {
    return this.#right.map((right, k) => share(right, this.#occurring[k]!));
  }

  get f1(): Float64Array {
    return this.#right.map((right, k) => share(2 * right, this.#named[k]! + this.#occurring[k]!));
  }

  /** Mean recall of the classes that occur. */
  get balancedAccuracy(): number {
    return meanOf([...this.recall].filter((_, k) => this.#occurring[k]! > 0));
  }

  /** Mean over the classes that occur or are named. */
  macro(values: Float64Array): number {
    return meanOf([...values].filter((_, k) => this.#occurring[k]! + this.#named[k]! > 0));
  }
}

/** Weights of rows by true class, then by predicted class. */
export class Confusion implements Statistic<ClassRows> {
  readonly matrix: number[][];

  constructor(classes: number) {
    this.matrix = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  }

  add({ truth, chosen, weights }: ClassRows): void {
    for (let row = 0; row < truth.length; row++) this.matrix[truth[row]!]![chosen[row]!]! += weights?.[row] ?? 1;
  }
}

/** Places of the true classes among the scores: of equal scores the later class comes first, as scikit-learn has it. */
export class Places implements Statistic<ClassRows> {
  readonly #rows: Float64Array;

  constructor(classes: number) {
    this.#rows = new Float64Array(classes);
  }

  add({ classes, truth, scores, weights }: ClassRows): void {
    for (let row = 0; row < truth.length; row++) {
      const own = truth[row]!;
      const score = scores[row * classes + own]!;
      let place = 0;
      for (let k = 0; k < classes; k++) {
        const other = scores[row * classes + k]!;
        if (other > score || (other === score && k > own)) place++;
      }
      this.#rows[place]! += weights?.[row] ?? 1;
    }
  }

  /** Share of the rows whose class is among the `count` highest scores. */
  within(count: number): number {
    return sumOf(this.#rows.subarray(0, count)) / sumOf(this.#rows);
  }
}
