import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Loss } from "../graph/network.ts";
import { largestAt } from "../math/softmax.ts";
import type { Scores } from "./executor.ts";
import { lossScale, sampleLoss } from "./sampleLoss.ts";

/** Sums over rows, [members]. */
export interface Tallies {
  /** Losses, unscaled. */
  readonly losses: Float64Array;
  /** Right answers: rows for softmaxCrossEntropy, values for binaryCrossEntropy, none for other losses. */
  readonly hits: Float64Array;
}

export const createTallies = (members: number): Tallies => ({
  losses: new Float64Array(members),
  hits: new Float64Array(members),
});

/** Right answers among the outputs of one row. */
function hitsOf(loss: Loss, outputs: Float64Array, targets: Float64Array): number {
  if (loss === "softmaxCrossEntropy") return largestAt(outputs) === largestAt(targets) ? 1 : 0;
  if (loss !== "binaryCrossEntropy") return 0;
  return outputs.reduce((count, logit, column) => count + (logit > 0 === targets[column]! > 0.5 ? 1 : 0), 0);
}

/** One member's outputs and the targets, [rows, outputs]. */
export interface ScoredRows {
  readonly outputs: Float64Array;
  readonly targets: Float64Array;
  /** [rows]; default 1. */
  readonly weights?: ArrayLike<number> | undefined;
}

/** Adds rows to the sums of a member. CPU reference of `shaders/score.wgsl`. */
export function score({ loss, outputs: width }: AnyNetwork, rows: ScoredRows, tallies: Tallies, member: number): void {
  const unused = new Float64Array(width);
  for (let at = 0; at < rows.targets.length; at += width) {
    const outputs = rows.outputs.subarray(at, at + width);
    const targets = rows.targets.subarray(at, at + width);
    const weight = rows.weights?.[at / width] ?? 1;
    tallies.losses[member]! += weight * sampleLoss(loss, outputs, targets, unused);
    tallies.hits[member]! += weight * hitsOf(loss, outputs, targets);
  }
}

/** Means from sums over `rows` rows, or over rows whose weights sum to that. */
export function scoresOf({ loss, outputs }: AnyNetwork, rows: number, { losses, hits }: Tallies): Scores {
  const scale = lossScale(loss, rows, outputs);
  const answers = loss === "softmaxCrossEntropy" ? rows : rows * outputs;
  const hasClasses = loss === "softmaxCrossEntropy" || loss === "binaryCrossEntropy";
  return {
    losses: losses.map((sum) => sum * scale),
    accuracies: hasClasses ? hits.map((count) => count / answers) : undefined,
  };
}
