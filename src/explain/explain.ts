import { createReference } from "../backend/createReference.ts";
import type { FloatArray, Trace } from "../backend/executor.ts";
import { requireCategories } from "../graph/graph.ts";
import { type AnyNetwork, graphOf } from "../graph/graphNetwork.ts";
import { requireInteger } from "../graph/network.ts";
import { sgd } from "../math/optimizer.ts";
import { createModel } from "../model/createModel.ts";
import type { Model } from "../model/model.ts";
import { type ExplainFormat, explainStep } from "./explainStep.ts";

export interface ExplainOptions {
  /** One row of inputs. */
  readonly input: ArrayLike<number>;
  /** One row of targets. */
  readonly target: ArrayLike<number>;
  readonly learningRate: number;
  readonly format: ExplainFormat;
  /** Which member to explain, default 0. */
  readonly member?: number;
  /** Parameters [parameterCount] instead of the model's: a GPU keeps float32, so 0.1 is not 0.1 there. */
  readonly parameters?: FloatArray;
}

/** Parameters of one member. */
async function parametersOf(model: Model<AnyNetwork>, { member = 0, parameters }: ExplainOptions): Promise<FloatArray> {
  if (parameters) return parameters;
  requireInteger("explain: member", member, 0, model.members - 1);
  const { parameterCount } = model.network;
  return (await model.readParameters()).slice(member * parameterCount, (member + 1) * parameterCount);
}

/**
 * Writes out one training step of plain gradient descent on one row: every sum, activation and derivative, each gradient as
 * its chain-rule product, the update; of a graph node by node; in float64, and in float32 beside it where the model's device computes so.
 * @throws InvalidInput when the network is too large to print
 */
export async function explain(model: Model<AnyNetwork>, options: ExplainOptions): Promise<string> {
  const { device, network } = model;
  const { learningRate, format } = options;
  const input = Float64Array.from(options.input);
  const target = Float64Array.from(options.target);
  const data = { inputs: input, targets: target };
  requireCategories("explain: input", graphOf(network), network.inputs, input);
  const optimizer = sgd({ learningRate });
  const parameters = await parametersOf(model, options);
  // One member on the model's own device: its trace checks the row, and is what the device would do.
  const single = await createModel(network, { device, parameters });
  try {
    const own: Trace = await single.trace(data, optimizer);
    const truth = createReference(network, 1);
    truth.writeParameters(parameters);
    const reference = await truth.trace(data, optimizer);
    const beside = device.kind === "reference" ? {} : { device: own };
    return explainStep({ network, reference, ...beside, input, target, learningRate, format });
  } finally {
    single.dispose();
  }
}
