import type { FloatArray } from "../backend/executor.ts";
import type { ClassRows, Statistic } from "./rows.ts";

/** Scores in rising order, and the weights of their rows. */
interface Sorted {
  readonly scores: Float64Array;
  readonly weights: Float64Array | undefined;
}

function sorted(scores: Float64Array, weights: Float64Array | undefined): Sorted {
  if (!weights) return { scores: scores.sort(), weights };
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  return {
    scores: Float64Array.from(order, (row) => scores[row]!),
    weights: Float64Array.from(order, (row) => weights[row]!),
  };
}

/** Areas under the curves of one class against all others. */
export interface Areas {
  /** NaN where there are no rows of the class, or no others. */
  readonly roc: number;
  /** Average precision; 0 where there are no rows of the class. */
  readonly precision: number;
  /** Whether the class has rows. */
  readonly occurs: boolean;
}

/**
 * From the highest threshold down, rows of equal scores at once: the area under the ROC curve by trapezoids, in which a tie counts half,
 * and average precision, Σ (recall − recall before) · precision, which does not interpolate (as scikit-learn's).
 */
function areasOf(positives: Sorted, negatives: Sorted): Areas {
  let [i, j] = [positives.scores.length - 1, negatives.scores.length - 1];
  let [hits, alarms, roc, precision] = [0, 0, 0, 0];
  while (i >= 0 || j >= 0) {
    const score = Math.max(i >= 0 ? positives.scores[i]! : -Infinity, j >= 0 ? negatives.scores[j]! : -Infinity);
    const [hitsBefore, alarmsBefore] = [hits, alarms];
    for (; i >= 0 && positives.scores[i] === score; i--) hits += positives.weights?.[i] ?? 1;
    for (; j >= 0 && negatives.scores[j] === score; j--) alarms += negatives.weights?.[j] ?? 1;
    roc += ((alarms - alarmsBefore) * (hits + hitsBefore)) / 2;
    if (hits > hitsBefore) precision += ((hits - hitsBefore) * hits) / (hits + alarms);
  }
  return { roc: roc / (hits * alarms), precision: hits === 0 ? 0 : precision / hits, occurs: hits > 0 };
}

const undefinedAreas: Areas = { roc: Number.NaN, precision: Number.NaN, occurs: true };

/** Keeps all scores: of two classes those of the second, of more those of each. */
export class Ranks implements Statistic<ClassRows> {
  readonly #classes: number;
  readonly #slices: { scores: Float64Array; truth: Uint32Array; weights: FloatArray | undefined }[] = [];
  #areas: readonly Areas[] | undefined;

  constructor(classes: number) {
    this.#classes = classes;
  }

  add({ scores, truth, weights }: ClassRows): void {
    const own = this.#classes === 2 ? Float64Array.from(truth, (_, row) => scores[2 * row + 1]!) : scores;
    this.#slices.push({ scores: own, truth, weights });
  }

  /** Of two classes for the second, of more for each against all others. */
  get areas(): readonly Areas[] {
    const length = this.#classes;
    this.#areas ??= length === 2 ? [this.#of(1, 0, 1)] : Array.from({ length }, (_, k) => this.#of(k, k, length));
    return this.#areas;
  }

  #of(own: number, column: number, width: number): Areas {
    const positives = this.#side((truth) => truth === own, column, width);
    const negatives = this.#side((truth) => truth !== own, column, width);
    const isNumber = (side: Sorted): boolean => !side.scores.some(Number.isNaN);
    return isNumber(positives) && isNumber(negatives) ? areasOf(positives, negatives) : undefinedAreas;
  }

  #side(isOn: (truth: number) => boolean, column: number, width: number): Sorted {
    const countIn = (truth: Uint32Array): number => truth.reduce((rows, own) => rows + (isOn(own) ? 1 : 0), 0);
    const count = this.#slices.reduce((sum, { truth }) => sum + countIn(truth), 0);
    const kept = new Float64Array(count);
    const weightsKept = this.#slices.some(({ weights }) => weights) ? new Float64Array(count).fill(1) : undefined;
    let at = 0;
    for (const { scores, truth, weights } of this.#slices) {
      for (let row = 0; row < truth.length; row++) {
        if (!isOn(truth[row]!)) continue;
        if (weights) weightsKept![at] = weights[row]!;
        kept[at++] = scores[row * width + column]!;
      }
    }
    return sorted(kept, weightsKept);
  }
}
