// What training makes of the rows it was given: smoothed labels, and weights of classes and rows. Exact, on the host and once: a run sees
// other targets and weights, and computes as ever.

import type { Dataset, FloatArray, TrainingRows } from "../backend/executor.ts";
import { withWeights } from "../backend/rowWeights.ts";
import { InvalidInput } from "../errors.ts";
import { requireWeights } from "./dataset.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { isRowWise, nameOf, takesLogits } from "../graph/network.ts";

/** How much each class counts; "balanced": rows / (classes · rows of the class), as scikit-learn's. */
export type ClassWeights = "balanced" | ArrayLike<number>;

/** What changes the targets and weights of training, never those of validation. */
export interface LabelOptions {
  /**
   * Smooths the targets of a cross entropy by ε, from 0 to 1; default 0. softmaxCrossEntropy: (1 − ε)·t + ε / classes, as PyTorch's
   * (Szegedy et al. 2016); binaryCrossEntropy: (1 − ε)·t + ε / 2, as Keras's.
   */
  readonly labelSmoothing?: number;
  /**
   * Weights of the classes of a cross entropy: one per output of softmaxCrossEntropy; of a single output of binaryCrossEntropy that of 0,
   * then that of 1. "balanced" counts the training rows; a class without rows gets 0. As PyTorch's `weight`: Σ w·e / Σ w.
   */
  readonly classWeights?: ClassWeights;
}

/** Names of these options. */
export const labelOptions = ["labelSmoothing", "classWeights"] as const satisfies (keyof LabelOptions)[];

/** The first rows of a data set. */
export function firstRows({ inputs, outputs }: AnyNetwork, data: Dataset, rows: number): Dataset {
  const { weights } = data;
  return {
    inputs: data.inputs.subarray(0, rows * inputs),
    targets: data.targets.subarray(0, rows * outputs),
    ...(weights && { weights: weights.subarray(0, rows) }),
  };
}

const place = "train: classWeights";

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);

/** Classes of a cross entropy: of softmax its outputs, of a single binary output two. */
function classesOf({ loss, outputs }: AnyNetwork): number {
  if (isRowWise(loss)) return outputs;
  if (loss === "binaryCrossEntropy" && outputs === 1) return 2;
  const expected = "softmaxCrossEntropy, or binaryCrossEntropy of one output";
  const fix = "leave it out, or pass row weights: data.weights";
  throw new InvalidInput({ place, expected, got: `${nameOf(loss)} of ${outputs} outputs`, fix });
}

/** How much of each row is of which class, [rows, classes]: the targets of softmax, and of a binary output 1 − t and t. */
const sharesOf = (network: AnyNetwork, targets: FloatArray): FloatArray =>
  isRowWise(network.loss)
    ? targets
    : Float64Array.from({ length: 2 * targets.length }, (_, at) =>
        at % 2 ? targets[at >> 1]! : 1 - targets[at >> 1]!,
      );

/** Weight of each class. */
function balanced(shares: FloatArray, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let at = 0; at < shares.length; at++) counts[at % classes]! += shares[at]!;
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count > 0 ? shares.length / classes / (present * count) : 0));
}

function smoothed(network: AnyNetwork, targets: FloatArray, epsilon: number): FloatArray {
  if (!(epsilon >= 0 && epsilon <= 1)) {
    const expected = "a number from 0 to 1";
    throw new InvalidInput({
      place: "train: labelSmoothing",
      expected,
      got: String(epsilon),
      fix: "pass 0.1, or leave it out",
    });
  }
  if (!takesLogits(network.loss)) {
    const expected = "a cross entropy";
    const fix = "leave labelSmoothing out: it is for classes";
    throw new InvalidInput({ place: "train: labelSmoothing", expected, got: nameOf(network.loss), fix });
  }
  const share = epsilon / (isRowWise(network.loss) ? network.outputs : 2);
  return targets.map((target) => (1 - epsilon) * target + share);
}

/** What a class counts in each row: Σ v · share. */
function classWeightsOf(network: AnyNetwork, targets: FloatArray, classWeights: ClassWeights) {
  const classes = classesOf(network);
  const shares = sharesOf(network, targets);
  const ofClass = classWeights === "balanced" ? balanced(shares, classes) : classWeights;
  requireWeights(place, ofClass, classes);
  const ofRow = new Float64Array(shares.length / classes);
  for (let at = 0; at < shares.length; at++) ofRow[Math.floor(at / classes)]! += ofClass[at % classes]! * shares[at]!;
  return { ofClass, ofRow };
}

/**
 * The rows as training takes them; `data` itself where nothing changes.
 * With weights of classes v and of rows u the loss is Σᵢ uᵢ Σₖ vₖ t'ᵢₖ (−log pᵢₖ) / Σᵢ uᵢ v(yᵢ), where t' is smoothed and v(y) = Σₖ vₖ tₖ.
 * @param data checked
 * @throws InvalidInput
 */
export function trainingRows(network: AnyNetwork, data: Dataset, options: LabelOptions = {}): TrainingRows {
  const { labelSmoothing: epsilon = 0, classWeights } = options;
  const { weights, ...rest } = data;
  if (epsilon === 0 && classWeights === undefined && weights === undefined) return data;
  const rows = { ...rest, targets: epsilon === 0 ? data.targets : smoothed(network, data.targets, epsilon) };
  if (classWeights === undefined && weights === undefined) return rows;
  const classes = classWeights === undefined ? undefined : classWeightsOf(network, data.targets, classWeights);
  const ofRow = Float64Array.from({ length: data.inputs.length / network.inputs }, (_, row) => weights?.[row] ?? 1);
  const counted = classes ? ofRow.map((weight, row) => weight * classes.ofRow[row]!) : ofRow;
  const scale = counted.length / sumOf(counted);
  if (!Number.isFinite(scale)) {
    const fix = "give at least one class that has rows a weight";
    throw new InvalidInput({ place, expected: "rows that count", got: "weights of 0 for all of them", fix });
  }
  // Smoothed targets have a share of every class, each with the weight of its class; a binary target has that of its row.
  const isByClass = classes && isRowWise(network.loss);
  const targets = isByClass
    ? rows.targets.map((target, at) => target * classes.ofClass[at % network.outputs]!)
    : rows.targets;
  return withWeights(
    network,
    { ...rows, targets },
    (isByClass ? ofRow : counted).map((weight) => weight * scale),
  );
}
