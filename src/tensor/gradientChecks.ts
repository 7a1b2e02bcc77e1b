import { InvalidInput } from "../errors.ts";
import type { Dataset } from "../backend/executor.ts";
import { acquire } from "../backend/acquire.ts";
import type { Device } from "../backend/device.ts";
import { requireInteger } from "../graph/network.ts";
import { sgd } from "../math/optimizer.ts";
import type { Model } from "../model/model.ts";
import {
  type CheckOptions,
  type GradientCheck,
  holdAgainstDifferences,
  type TreeFunction,
} from "./finiteDifferences.ts";
import { grad } from "./grad.ts";
import { type LayerTensors, networkLoss, networkParameters } from "./network.ts";
import { tensor, type Tensor } from "./tensor.ts";
import { dispose, namedTensors, tensorsIn } from "./tree.ts";

async function gradientsOf(f: TreeFunction, tree: unknown): Promise<Float64Array[]> {
  const gradients = tensorsIn(grad(f)(tree));
  try {
    return await Promise.all(gradients.map(async (gradient) => Float64Array.from(await gradient.read())));
  } finally {
    dispose(gradients);
  }
}

/** As `checkGradient`. */
export async function checkFunctionGradient<A extends readonly unknown[]>(
  call: (...args: A) => Tensor,
  args: A,
  options: CheckOptions,
): Promise<GradientCheck> {
  const named = namedTensors(args, "arguments");
  if (named.length === 0 || !Array.isArray(args)) {
    const fix = "pass the arguments of the function as a list";
    const got = Array.isArray(args) ? "none" : "a value that is no array";
    throw new InvalidInput({ place: "checkGradient", expected: "a list of arguments with tensors", got, fix });
  }
  const own = named[0]!.tensor.device;
  const f: TreeFunction = (all) => call(...(all as A));
  const gradients = await gradientsOf(f, args);
  const device = own.kind === "reference" ? own : await acquire({ device: "reference" });
  const tolerance = toleranceOn(own);
  return holdAgainstDifferences({ f, tree: args, name: "arguments", gradients, device, options, tolerance });
}

/** Error bound of a gradient: rounding of float32 on a GPU, and the error of the differences in float64. */
const toleranceOn = ({ kind }: Device): number => (kind === "reference" ? 1e-6 : 1e-3);

/** Gradients of a model by the parameters of one member, layer by layer: weights, then bias. */
async function tracedGradients(model: Model, data: Dataset, member: number): Promise<Float64Array[]> {
  const { gradients } = await model.trace(data, sgd());
  const { layers, parameterCount } = model.network;
  const own = Float64Array.from(gradients.subarray(member * parameterCount, (member + 1) * parameterCount));
  return layers.flatMap(({ weightsOffset, biasOffset, fanOut }) => [
    own.slice(weightsOffset, biasOffset),
    own.slice(biasOffset, biasOffset + fanOut),
  ]);
}

/** As `checkModelGradient`. */
export async function checkTracedGradient(
  model: Model,
  data: Dataset,
  options: CheckOptions & { readonly member?: number },
): Promise<GradientCheck> {
  const { member = 0, ...checkOptions } = options;
  const { network, members } = model;
  requireInteger("checkModelGradient: member", member, 0, members - 1);
  const gradients = await tracedGradients(model, data, member);
  const all = await model.readParameters();
  const device = await acquire({ device: "reference" });
  const own = all.subarray(member * network.parameterCount, (member + 1) * network.parameterCount);
  const layers = networkParameters(device, network, own);
  const rows = data.targets.length / network.outputs;
  const inputs = tensor(device, data.inputs, [rows, network.inputs]);
  const targets = tensor(device, data.targets, [rows, network.outputs]);
  const f: TreeFunction = (tree) => networkLoss(network, tree as LayerTensors[], inputs, targets);
  const tolerance = toleranceOn(model.device);
  try {
    const request = { f, tree: layers, name: "layers", gradients, device, options: checkOptions, tolerance };
    return await holdAgainstDifferences(request);
  } finally {
    dispose([layers, inputs, targets]);
  }
}
