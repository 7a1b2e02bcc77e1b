// Checks of gradients, whose code is loaded by the first one: programs check while they are written.

import type { Dataset } from "../backend/executor.ts";
import type { Model } from "../model/model.ts";
import type { CheckOptions, GradientCheck } from "./finiteDifferences.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Holds the gradient of a function against central differences in float64.
 * @param call of tensors, as for `grad`; it must compute on the device of its arguments, for the differences are taken on the CPU:
 *   tensors that it needs beside them are to be arguments as well
 * @param args its arguments: tensors, or arrays and plain objects of them. The gradient is computed on their device
 * @throws InvalidInput where there are no tensors
 */
export async function checkGradient<A extends readonly unknown[]>(
  call: (...args: A) => Tensor,
  args: A,
  options: CheckOptions = {},
): Promise<GradientCheck> {
  const { checkFunctionGradient } = await import("./gradientChecks.ts");
  return checkFunctionGradient(call, args, options);
}

/**
 * Holds the gradients of a model's training step, computed on its own device, against central differences in float64.
 * @param data rows of one batch: as many as there are, all of them in one step
 * @param options `member`: whose parameters; default 0
 */
export async function checkModelGradient(
  model: Model,
  data: Dataset,
  options: CheckOptions & { readonly member?: number } = {},
): Promise<GradientCheck> {
  const { checkTracedGradient } = await import("./gradientChecks.ts");
  return checkTracedGradient(model, data, options);
}
