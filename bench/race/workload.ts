import type { BuiltInNetwork } from "../../src/graph/network.ts";
import type { Optimizer } from "../../src/math/optimizer.ts";

/** Where the rows come from: seeded noise, or tables of the vega-datasets package. */
export type DataName = "noise" | "penguins" | "flights";

interface Named {
  /** `2-2-2-1-b1024`: unique within a race, and made of what it says. */
  readonly name: string;
}

/** Training steps of one network, or of many of the same architecture. A round is one step. */
export interface StepWorkload extends Named {
  readonly kind: "step";
  readonly network: BuiltInNetwork;
  readonly optimizer: Optimizer;
  readonly rows: number;
  readonly batchSize: number;
  readonly members: number;
  readonly data: DataName;
  /** Rounds of a block at least: as many as one dispatch is to take. */
  readonly leastRounds?: number;
  /** Train from the start until the loss over all rows is at most this, looking every `everySteps` steps. */
  readonly goal?: { readonly loss: number; readonly everySteps: number; readonly maxSteps: number };
}

/** Forward passes. A round takes the outputs of the round before as inputs: the network is as wide behind as in front. */
export interface ForwardWorkload extends Named {
  readonly kind: "forward";
  readonly network: BuiltInNetwork;
  readonly batchSize: number;
}

export type ProductForm = "NN" | "NT" | "TN" | "TT";

/**
 * Batched products. A round replaces c by op(a) · op(b), with a fixed and b the c of the round before: [batch, size, size]
 * each. NN: a · c, NT: a · cᵀ, TN: aᵀ · c, TT: aᵀ · cᵀ.
 */
export interface ProductWorkload extends Named {
  readonly kind: "product";
  readonly form: ProductForm;
  readonly size: number;
  readonly batch: number;
}

/**
 * Gradients of weights. A round replaces c [fanIn, fanOut] by aᵀ · b + c / 2, with a [rows, fanIn] and b [rows, fanOut] fixed: a
 * sum over all rows of the batch, and chained by the c of the round before.
 */
export interface GradientWorkload extends Named {
  readonly kind: "gradient";
  readonly rows: number;
  readonly fanIn: number;
  readonly fanOut: number;
}

/**
 * One element-wise function over `count` values x. A round replaces x by sigmoid(x), or by 2 · x · (1 − x), which is twice
 * the sigmoid's derivative told from its output x.
 */
export interface ElementWorkload extends Named {
  readonly kind: "element";
  readonly operation: "sigmoid" | "sigmoidDerivative";
  readonly count: number;
}

/** What contenders race over: plain data, so that it crosses to workers and processes. */
export type Workload = StepWorkload | ForwardWorkload | ProductWorkload | GradientWorkload | ElementWorkload;

/** What one round has to do at least, by formula: an operation counts once, a value moved to or from memory counts once. */
export interface Work {
  /** fma counts 2; exponentials and divisions count 1. */
  readonly flops: number;
  /** Compulsory traffic of one round among many. */
  readonly bytes: number;
  /** Samples of one round: members × batch. */
  readonly samples: number;
  /** Networks that one round advances. */
  readonly networks: number;
}

const weightsOf = ({ layers }: BuiltInNetwork): number =>
  layers.reduce((sum, { fanIn, fanOut }) => sum + fanIn * fanOut, 0);
const activationsOf = ({ layers }: BuiltInNetwork): number => layers.reduce((sum, { fanOut }) => sum + fanOut, 0);

function stepWork({ network, batchSize, members, optimizer }: StepWorkload): Work {
  const { inputs, outputs, parameterCount } = network;
  const samples = members * batchSize;
  const firstFan = inputs * network.layers[0]!.fanOut;
  // forward and both products of backward; the first layer has no gradient by its inputs
  const perSample = 6 * weightsOf(network) - 2 * firstFan + 7 * activationsOf(network) + 3 * outputs;
  return {
    flops: samples * perSample + members * parameterCount * (optimizer.name === "sgd" ? 2 : 12),
    bytes: 4 * batchSize * (inputs + outputs), // parameters and moments may stay in registers from step to step
    samples,
    networks: members,
  };
}

/** Work of one round of a workload. */
export function workOf(workload: Workload): Work {
  if (workload.kind === "step") return stepWork(workload);
  if (workload.kind === "forward") {
    const { network, batchSize } = workload;
    const flops = batchSize * (2 * weightsOf(network) + 5 * activationsOf(network));
    const bytes = 4 * (batchSize * (network.inputs + network.outputs) + network.parameterCount);
    return { flops, bytes, samples: batchSize, networks: 1 };
  }
  if (workload.kind === "product") {
    const { size, batch } = workload;
    return { flops: 2 * batch * size ** 3, bytes: 4 * batch * 3 * size ** 2, samples: batch, networks: batch };
  }
  if (workload.kind === "gradient") {
    const { rows, fanIn, fanOut } = workload;
    const values = fanIn * fanOut;
    return {
      flops: 2 * (rows + 1) * values,
      bytes: 4 * (rows * (fanIn + fanOut) + 2 * values),
      samples: rows,
      networks: 1,
    };
  }
  const { count, operation } = workload;
  return { flops: (operation === "sigmoid" ? 4 : 3) * count, bytes: 8 * count, samples: count, networks: 1 };
}
