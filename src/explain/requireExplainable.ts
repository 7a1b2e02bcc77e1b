import { InvalidInput } from "../errors.ts";
import type { FloatArray, Trace } from "../backend/executor.ts";
import { requireCategories } from "../graph/graph.ts";
import { type AnyNetwork, denseShapesOf, describeArchitecture, graphOf, isGraph } from "../graph/graphNetwork.ts";
import { evaluate, magnitude } from "./expression.ts";
import type { Expression } from "./expression.ts";
import type { StepOptions } from "./stepLine.ts";

/** Most parameters of a network whose step is written out: about 1,600 lines of text. */
const maxParameters = 400;
/** Most values that nodes compute, which a graph may have without parameters. */
const maxValues = 2000;

function requireLength(what: string, values: FloatArray | undefined, expected: number, fix: string): void {
  if (values?.length === expected) return;
  const got = values === undefined ? "none" : String(values.length);
  throw new InvalidInput({ place: `explainStep: ${what}`, expected: `${expected} values`, got, fix });
}

function requireTrace(name: "reference" | "device", trace: Trace, network: AnyNetwork): void {
  const fix = "trace one row with one member of this network";
  for (const { index, fanOut } of denseShapesOf(graphOf(network))) {
    for (const key of ["preActivations", "activations", "dPreActivations"] as const) {
      requireLength(`${key} of layer ${index + 1} in ${name}`, trace[key][index], fanOut, fix);
    }
  }
  for (const key of ["gradients", "before", "after"] as const) {
    requireLength(`${key} in ${name}`, trace[key], network.parameterCount, fix);
  }
  requireLength(`losses in ${name}`, trace.losses, 1, fix);
}

function requireFew(network: AnyNetwork, what: string, count: number, most: number): void {
  if (count <= most) return;
  throw new InvalidInput({
    place: `explainStep: network ${describeArchitecture(network)}`,
    expected: `at most ${most} ${what}, so that a reader can follow`,
    got: String(count),
    fix: "explain a narrower network",
  });
}

/** Throws `InvalidInput` unless the network is small enough to print and all arrays have its shapes. */
export function requireExplainable(options: StepOptions<AnyNetwork>): void {
  const { network, reference, device, input, target, names } = options;
  if (names && isGraph(network)) {
    const fix = "leave names out, or explain a network whose layers are all dense";
    throw new InvalidInput({ place: "explainStep: names", expected: "none for a graph", got: "names", fix });
  }
  requireFew(network, "parameters", network.parameterCount, maxParameters);
  const values = graphOf(network).nodes.reduce((count, { width }) => count + width, 0);
  requireFew(network, "values", values, maxValues);
  requireLength("input", input, network.inputs, "pass one row of inputs");
  requireCategories("explainStep: input", graphOf(network), network.inputs, input);
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
