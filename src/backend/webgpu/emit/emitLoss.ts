import { emitPairFunction } from "../../../math/emitWgsl.ts";
import { type ElementLoss, lossFunction } from "../../../math/losses.ts";
import type { Loss } from "../../../graph/network.ts";

/** Returns whether a loss needs a whole row at once; shaders/crossEntropy.wgsl computes those. */
export const isRowWise = (loss: Loss): loss is "softmaxCrossEntropy" => loss === "softmaxCrossEntropy";

/** What kernels leave open of a loss of every output by itself: `elementLoss(y, t)`, the loss and its slope by the output y. */
export function emitLoss(of: ElementLoss): string {
  const { loss, slope } = lossFunction(of);
  return emitPairFunction("elementLoss", ["y", "t"], [loss, slope]);
}
