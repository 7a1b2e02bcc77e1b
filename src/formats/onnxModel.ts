import { requireChain } from "../graph/graphNetwork.ts";
import { type ActivationName, type LayerShape, type Network, takesLogits } from "../network.ts";
import { finiteParameters, type ModelToSave, requireValueCount } from "./modelFile.ts";
import { encodeOnnxGraph, type OnnxGraph, type OnnxInitializer, type OnnxNode } from "./onnxGraph.ts";

/** A model as it is written to an ONNX file. */
export interface OnnxModel extends Pick<ModelToSave, "network" | "replicas" | "parameters"> {
  /** What the inputs are, for whoever reads the file: kept in its metadata. */
  readonly inputNames?: readonly string[];
}

/** Of 2020: what reads ONNX at all reads these. Gelu and silu have no operator there and are written as their formulas. */
const operatorSet = 13;
const irVersion = 7;

const inputsName = "inputs";
const constants = { half: 0.5, one: 1, rootTwo: Math.SQRT2 };
type ConstantName = keyof typeof constants;

type Activate = (input: string, output: string) => OnnxNode[];
const operator =
  (name: string, attributes: OnnxNode["attributes"] = []): Activate =>
  (input, output) => [{ operator: name, inputs: [input], output, attributes }];

/** x · Φ(x) as PyTorch exports it, a pattern that runtimes know and fuse. */
const gelu: Activate = (input, output) => {
  const part = (name: string): string => `${output}_${name}`;
  return [
    { operator: "Div", inputs: [input, "rootTwo" satisfies ConstantName], output: part("scaled") },
    { operator: "Erf", inputs: [part("scaled")], output: part("erf") },
    { operator: "Add", inputs: [part("erf"), "one" satisfies ConstantName], output: part("share") },
    { operator: "Mul", inputs: [input, part("share")], output: part("double") },
    { operator: "Mul", inputs: [part("double"), "half" satisfies ConstantName], output },
  ];
};

const silu: Activate = (input, output) => [
  { operator: "Sigmoid", inputs: [input], output: `${output}_share` },
  { operator: "Mul", inputs: [input, `${output}_share`], output },
];

const activations: Record<Exclude<ActivationName, "identity">, Activate> = {
  sigmoid: operator("Sigmoid"),
  tanh: operator("Tanh"),
  relu: operator("Relu"),
  leakyRelu: operator("LeakyRelu", [{ name: "alpha", float: 0.01 }]),
  elu: operator("Elu", [{ name: "alpha", float: 1 }]),
  gelu,
  silu,
  softplus: operator("Softplus"),
  sine: operator("Sin"),
};

interface ChainModel extends OnnxModel {
  readonly network: Network;
}

const outputsName = ({ loss }: Network): string => (takesLogits(loss) ? "logits" : "outputs");

const weightsName = ({ index }: LayerShape): string => `layers.${index}.weights`;
const biasName = ({ index }: LayerShape): string => `layers.${index}.bias`;

/** inputs · weights + bias; of replicas by broadcasting, since Gemm knows matrices alone. */
function affineNodes(layer: LayerShape, replicas: number, input: string, output: string): OnnxNode[] {
  const [weights, bias] = [weightsName(layer), biasName(layer)];
  if (replicas === 1) return [{ operator: "Gemm", inputs: [input, weights, bias], output }];
  const product = `${output}_product`;
  return [
    { operator: "MatMul", inputs: [input, weights], output: product },
    { operator: "Add", inputs: [product, bias], output },
  ];
}

function layerNodes(network: Network, layer: LayerShape, replicas: number): OnnxNode[] {
  const { index, activation } = layer;
  const input = index === 0 ? inputsName : `layers.${index - 1}.outputs`;
  const output = index === network.layers.length - 1 ? outputsName(network) : `layers.${index}.outputs`;
  if (activation === "identity") return affineNodes(layer, replicas, input, output);
  const sums = `layers.${index}.preActivations`;
  return [...affineNodes(layer, replicas, input, sums), ...activations[activation](sums, output)];
}

/** Logits as what `predict` gives. */
function probabilityNodes({ loss }: Network): OnnxNode[] {
  const node = { inputs: ["logits"], output: "probabilities" };
  if (loss === "binaryCrossEntropy") return [{ operator: "Sigmoid", ...node }];
  return [{ operator: "Softmax", ...node }]; // over the last axis
}

/** Weights [fanIn, fanOut] and bias [fanOut], of replicas with their axis in front, each bias as one row. */
function layerParameters({ network, replicas }: ChainModel, layer: LayerShape, all: Float32Array): OnnxInitializer[] {
  const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
  const gather = (offset: number, size: number): Float32Array => {
    const values = new Float32Array(replicas * size);
    for (let replica = 0; replica < replicas; replica++) {
      const start = replica * network.parameterCount + offset;
      values.set(all.subarray(start, start + size), replica * size);
    }
    return values;
  };
  const weights = { name: weightsName(layer), values: gather(weightsOffset, fanIn * fanOut) };
  const bias = { name: biasName(layer), values: gather(biasOffset, fanOut) };
  if (replicas === 1)
    return [
      { ...weights, shape: [fanIn, fanOut] },
      { ...bias, shape: [fanOut] },
    ];
  return [
    { ...weights, shape: [replicas, fanIn, fanOut] },
    { ...bias, shape: [replicas, 1, fanOut] },
  ];
}

/** Those constants that nodes read. */
function constantsOf(nodes: readonly OnnxNode[]): OnnxInitializer[] {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const entries = Object.entries(constants).filter(([name]) => read.has(name));
  return entries.map(([name, value]) => ({ name, shape: [], values: Float32Array.of(value) }));
}

function graphOf(model: ChainModel, parameters: Float32Array): OnnxGraph {
  const { network, replicas } = model;
  const { layers, inputs, outputs } = network;
  const isProbable = takesLogits(network.loss);
  const nodes = layers.flatMap((layer) => layerNodes(network, layer, replicas));
  if (isProbable) nodes.push(...probabilityNodes(network));
  const shape = [...(replicas === 1 ? [] : [replicas]), "rows", outputs];
  const names = [outputsName(network), ...(isProbable ? ["probabilities"] : [])];
  return {
    name: "network",
    nodes,
    initializers: [...layers.flatMap((layer) => layerParameters(model, layer, parameters)), ...constantsOf(nodes)],
    inputs: [{ name: inputsName, shape: ["rows", inputs] }],
    outputs: names.map((name) => ({ name, shape })),
  };
}

/**
 * Bytes of an ONNX file of operators 13, float32: `inputs` [rows, network.inputs] to `outputs` [rows, network.outputs], or,
 * where the loss takes logits, to `logits` and `probabilities`; of several replicas [replicas, rows, network.outputs].
 * @throws InvalidInput when a parameter is not finite, when there are too few or too many, beyond 2 GiB, and on other layers than dense ones
 */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const network = requireChain("encodeOnnx", model.network, "save the model as safetensors with encodeModel");
  requireValueCount("encodeOnnx", model);
  const parameters = finiteParameters("encodeOnnx", model.parameters);
  const metadata = new Map<string, string>([["loss", model.network.loss]]);
  if (model.inputNames) metadata.set("inputs", JSON.stringify(model.inputNames));
  return encodeOnnxGraph(graphOf({ ...model, network }, parameters), {
    producer: "thalweg",
    operatorSet,
    irVersion,
    metadata,
  });
}
