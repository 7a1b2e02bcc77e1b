import { InvalidInput } from "../errors.ts";
import type { FloatArray, Trace } from "../backend/executor.ts";
import { requireChain } from "../graph/graphNetwork.ts";
import { widthsOf } from "../graph/network.ts";
import type { Network } from "../graph/network.ts";
import { evaluate, magnitude } from "./expression.ts";
import type { Expression } from "./expression.ts";
import type { StepOptions } from "./stepLine.ts";

/** Most parameters of a network whose step is written out: about 1,600 lines of text. */
const maxParameters = 400;

function requireLength(what: string, values: FloatArray | undefined, expected: number, fix: string): void {
  if (values?.length === expected) return;
  const got = values === undefined ? "none" : String(values.length);
  throw new InvalidInput({ place: `explainStep: ${what}`, expected: `${expected} values`, got, fix });
}

function requireTrace(name: "reference" | "device", trace: Trace, { layers, parameterCount }: Network): void {
  const fix = "trace one row with one member of this network";
  for (const { index, fanOut } of layers) {
    for (const key of ["preActivations", "activations", "dPreActivations"] as const) {
      requireLength(`${key} of layer ${index + 1} in ${name}`, trace[key][index], fanOut, fix);
    }
  }
  for (const key of ["gradients", "before", "after"] as const) {
    requireLength(`${key} in ${name}`, trace[key], parameterCount, fix);
  }
  requireLength(`losses in ${name}`, trace.losses, 1, fix);
}

/** Throws `InvalidInput` unless the network is small enough to print and all arrays have its shapes. */
export function requireExplainable({ network, reference, device, input, target }: StepOptions): void {
  requireChain("explainStep: network", network, "explain a network whose layers are all dense");
  if (network.parameterCount > maxParameters) {
    throw new InvalidInput({
      place: `explainStep: network ${widthsOf(network)}`,
      expected: `at most ${maxParameters} parameters, so that a reader can follow`,
      got: String(network.parameterCount),
      fix: "explain a narrower network",
    });
  }
  requireLength("input", input, network.inputs, "pass one row of inputs");
  requireLength("target", target, network.outputs, "pass one row of targets");
  requireTrace("reference", reference, network);
  if (device) requireTrace("device", device, network);
}

/** Throws `InvalidInput` where the formula, fed with the trace, does not give the trace's own result. */
export function requireFit(quantity: string, formula: Expression, result: number): void {
  const computed = evaluate(formula);
  // Far above float64 rounding, far below what a wrong row, target or learning rate changes.
  if (!(Math.abs(computed - result) > 1e-7 * magnitude(formula) + 1e-12)) return;
  throw new InvalidInput({
    place: `explainStep: ${quantity}`,
    expected: `${computed} by its formula`,
    got: `${result} in the reference trace`,
    fix: "trace plain gradient descent in float64 with the same row, target and learning rate",
  });
}
