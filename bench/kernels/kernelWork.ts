import { type LayerShape, type BuiltInNetwork } from "../../src/graph/network.ts";
import { savesPreActivation } from "../../src/math/scalarFunction.ts";
import { type Optimizer } from "../../src/math/optimizer.ts";
import { momentCount } from "../../src/math/optimizerFunction.ts";
import { kernelsOf, type LayeredPlan } from "../../src/backend/webgpu/strategies/layeredPlan.ts";

/** What one dispatch has to do at least: an operation counts once, a value moved to or from memory counts once. */
export interface KernelWork {
  readonly kernel: string;
  /** Place of its layer; −1 for the update. */
  readonly layer: number;
  /** Dispatches of one step, as whole chunks: the last chunk may hold fewer rows. */
  readonly runs: number;
  readonly flops: number;
  readonly bytes: number;
}

/**
 * The formulas, with samples = members × rows of the chunk, fan = fanIn × fanOut, columns = fanOut (+ 1 in the last layer),
 * planes = 2 where pre-activations are saved. fma counts 2; activation functions, logarithms and index arithmetic count 0.
 */
export const formulas = {
  forward: {
    flops: "samples × (2 fan + fanOut)",
    bytes: "4 × (inputs + members × (fan + fanOut) + planes × samples × fanOut + [first layer] rows)",
  },
  loss: {
    flops: "samples × (7 fanOut + 1)",
    bytes: "4 × (planes read × samples × fanOut + rows × (fanOut + 1) + samples × columns)",
  },
  backwardInputs: {
    flops: "samples × (2 fan + fanIn)",
    bytes: "4 × (samples × (columns + 2 fanIn) + members × fan)",
  },
  backwardWeights: {
    flops: "samples × (2 fan + columns)",
    bytes: "4 × (inputs + samples × columns + [first layer] rows + splits × members × (fan + columns))",
  },
  update: {
    flops: "members × parameterCount × (splits + 4 for sgd, 14 for adam)",
    bytes: "4 × members × (splits × (parameterCount + 1) + (2 + 2 moments) × parameterCount + 1)",
  },
} as const;

interface Shape {
  readonly network: BuiltInNetwork;
  readonly plan: LayeredPlan;
  readonly optimizer: Optimizer;
  readonly members: number;
}

/** Planes of a layer's outputs: activations, and pre-activations where the derivative needs them. */
const planesOf = ({ activation }: LayerShape): number => (savesPreActivation(activation) ? 2 : 1);

/** Row length of a layer's gradients: that of the last layer carries the sample's loss as well. */
const gradientColumnsOf = ({ layers }: BuiltInNetwork, { index, fanOut }: LayerShape): number =>
  index === layers.length - 1 ? fanOut + 1 : fanOut;

type Amount = Pick<KernelWork, "flops" | "bytes">;

/** Values of a layer's inputs: the first layer's are shared by all members. */
const inputValues = ({ plan, members }: Shape, { index, fanIn }: LayerShape): number =>
  (index === 0 ? 1 : members) * plan.chunkRows * fanIn;

const drawnRows = ({ plan }: Shape, { index }: LayerShape): number => (index === 0 ? plan.chunkRows : 0);

function forwardWork(shape: Shape, layer: LayerShape): Amount {
  const { fanIn, fanOut } = layer;
  const samples = shape.members * shape.plan.chunkRows;
  const parameters = shape.members * (fanIn + 1) * fanOut;
  const outputs = planesOf(layer) * samples * fanOut;
  return {
    flops: samples * (2 * fanIn * fanOut + fanOut),
    bytes: 4 * (inputValues(shape, layer) + parameters + outputs + drawnRows(shape, layer)),
  };
}

function lossWork({ network, plan, members }: Shape, layer: LayerShape): Amount {
  const samples = members * plan.chunkRows;
  const gradients = samples * gradientColumnsOf(network, layer);
  return {
    flops: samples * (7 * layer.fanOut + 1),
    bytes: 4 * (planesOf(layer) * samples * layer.fanOut + plan.chunkRows * (layer.fanOut + 1) + gradients),
  };
}

function backwardInputsWork({ network, plan, members }: Shape, layer: LayerShape): Amount {
  const { fanIn, fanOut } = layer;
  const samples = members * plan.chunkRows;
  return {
    flops: samples * (2 * fanIn * fanOut + fanIn),
    bytes: 4 * (samples * (gradientColumnsOf(network, layer) + 2 * fanIn) + members * fanIn * fanOut),
  };
}

function backwardWeightsWork(shape: Shape, layer: LayerShape): Amount {
  const { network, plan, members } = shape;
  const samples = members * plan.chunkRows;
  const fan = layer.fanIn * layer.fanOut;
  const columns = gradientColumnsOf(network, layer);
  const sums = plan.splits * members * (fan + columns);
  return {
    flops: samples * (2 * fan + columns),
    bytes: 4 * (inputValues(shape, layer) + samples * columns + drawnRows(shape, layer) + sums),
  };
}

function updateWork({ network: { parameterCount }, plan: { splits }, optimizer, members }: Shape): Amount {
  const moved = 2 + 2 * momentCount(optimizer);
  return {
    flops: members * parameterCount * (splits + (optimizer.name === "sgd" ? 4 : 14)),
    bytes: 4 * members * (splits * (parameterCount + 1) + moved * parameterCount + 1),
  };
}

function workOf(shape: Shape, kernel: string, layer: LayerShape): Amount {
  if (kernel.startsWith("forward")) return forwardWork(shape, layer);
  if (kernel.startsWith("backwardInputs")) return backwardInputsWork(shape, layer);
  if (kernel.startsWith("backwardWeights")) return backwardWeightsWork(shape, layer);
  return kernel === "loss" ? lossWork(shape, layer) : updateWork(shape);
}

/** Work of every dispatch of one chunk and of the update, in the order they run. */
export function stepWork(shape: Shape, batchSize: number): KernelWork[] {
  const indices = shape.network.layers.map(({ index }) => index);
  const last = indices.length - 1;
  const backward = indices.toReversed().flatMap((index) => (index === 0 ? [index] : [index, index]));
  const places = [...indices, last, ...backward, -1];
  return kernelsOf(shape.network, shape.plan).map((kernel, at) => {
    const layer = shape.network.layers[Math.max(0, places[at]!)]!;
    const runs = kernel === "update" ? 1 : batchSize / shape.plan.chunkRows;
    return { kernel, layer: places[at]!, runs, ...workOf(shape, kernel, layer) };
  });
}
