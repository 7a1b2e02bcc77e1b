import { requireChain } from "../graph/graphNetwork.ts";
import { activationFunction } from "../math/scalarFunction.ts";
import { inOrder, type Expression } from "../math/expression.ts";
import { primitives } from "../math/primitives.ts";
import {
  type Activation,
  type ActivationName,
  type LayerShape,
  nameOf,
  type Network,
  takesLogits,
} from "../graph/network.ts";
import { finiteParameters, type ModelToSave, requireValueCount } from "./modelFile.ts";
import { encodeOnnxGraph, type OnnxGraph, type OnnxInitializer, type OnnxNode } from "./onnxGraph.ts";

/** A model as it is written to an ONNX file. */
export interface OnnxModel extends Pick<ModelToSave, "network" | "members" | "parameters"> {
  /** What the inputs are, for whoever reads the file: kept in its metadata. */
  readonly inputNames?: readonly string[];
}

/** Of 2020: what reads ONNX at all reads these. Activations without an operator there are written as their formulas. */
const operatorSet = 13;
const irVersion = 7;

const inputsName = "inputs";

/** Name of a constant that nodes read. */
const constantName = (value: number): string => `constant ${value}`;

/** Adds nodes whose results are named after `output`. */
class NodeList {
  readonly nodes: OnnxNode[] = [];
  readonly #output: string;

  constructor(output: string) {
    this.#output = output;
  }

  readonly emit = (operator: string, ...inputs: (string | number)[]): string => {
    const output = `${this.#output}_${this.nodes.length + 1}`;
    const names = inputs.map((input) => (typeof input === "number" ? constantName(input) : input));
    this.nodes.push({ operator, inputs: names, output });
    return output;
  };

  /** The nodes, the last of which gives the output itself. */
  finished(): OnnxNode[] {
    const last = this.nodes.at(-1)!;
    return [...this.nodes.slice(0, -1), { ...last, output: this.#output }];
  }
}

/** An expression of z as nodes, from the table of primitives. */
function expressionNodes(definition: Expression, z: string, output: string): OnnxNode[] {
  const list = new NodeList(output);
  const names = new Map<Expression, string>();
  const nameOfOperand = (node: Expression): string =>
    node.kind === "constant" ? constantName(node.value) : node.kind === "input" ? z : names.get(node)!;
  for (const node of inOrder([definition])) {
    if (node.kind !== "application") continue;
    const { onnx } = primitives[node.primitive!];
    const operands = node.operands.map(nameOfOperand);
    names.set(node, typeof onnx === "string" ? list.emit(onnx, ...operands) : onnx(list.emit, ...operands));
  }
  if (list.nodes.length === 0) list.emit("Identity", nameOfOperand(definition));
  return list.finished();
}

/** Activations that ONNX has an operator for, or a pattern that runtimes know and fuse: gelu as PyTorch exports it. */
const known: Partial<Record<ActivationName, (input: string, output: string) => OnnxNode[]>> = {
  relu: (input, output) => [{ operator: "Relu", inputs: [input], output }],
  leakyRelu: (input, output) => [
    { operator: "LeakyRelu", inputs: [input], output, attributes: [{ name: "alpha", float: 0.01 }] },
  ],
  elu: (input, output) => [{ operator: "Elu", inputs: [input], output, attributes: [{ name: "alpha", float: 1 }] }],
  gelu(input, output) {
    const list = new NodeList(output);
    const share = list.emit("Add", list.emit("Erf", list.emit("Div", input, Math.SQRT2)), 1);
    list.emit("Mul", list.emit("Mul", input, share), 0.5);
    return list.finished();
  },
};

const activationNodes = (activation: Activation, input: string, output: string): OnnxNode[] =>
  (typeof activation === "string" && known[activation]?.(input, output)) ||
  expressionNodes(activationFunction(activation).forward, input, output);

interface ChainModel extends OnnxModel {
  readonly network: Network;
}

const outputsName = ({ loss }: Network): string => (takesLogits(loss) ? "logits" : "outputs");

const weightsName = ({ index }: LayerShape): string => `layers.${index}.weights`;
const biasName = ({ index }: LayerShape): string => `layers.${index}.bias`;

/** inputs · weights + bias; of members by broadcasting, since Gemm knows matrices alone. */
function affineNodes(layer: LayerShape, members: number, input: string, output: string): OnnxNode[] {
  const [weights, bias] = [weightsName(layer), biasName(layer)];
  if (members === 1) return [{ operator: "Gemm", inputs: [input, weights, bias], output }];
  const product = `${output}_product`;
  return [
    { operator: "MatMul", inputs: [input, weights], output: product },
    { operator: "Add", inputs: [product, bias], output },
  ];
}

function layerNodes(network: Network, layer: LayerShape, members: number): OnnxNode[] {
  const { index, activation } = layer;
  const input = index === 0 ? inputsName : `layers.${index - 1}.outputs`;
  const output = index === network.layers.length - 1 ? outputsName(network) : `layers.${index}.outputs`;
  if (activation === "identity") return affineNodes(layer, members, input, output);
  const sums = `layers.${index}.preActivations`;
  return [...affineNodes(layer, members, input, sums), ...activationNodes(activation, sums, output)];
}

/** Logits as what `predict` gives. */
function probabilityNodes({ loss }: Network): OnnxNode[] {
  const node = { inputs: ["logits"], output: "probabilities" };
  if (loss === "binaryCrossEntropy") return [{ operator: "Sigmoid", ...node }];
  return [{ operator: "Softmax", ...node }]; // over the last axis
}

/** Weights [fanIn, fanOut] and bias [fanOut], of members with their axis in front, each bias as one row. */
function layerParameters({ network, members }: ChainModel, layer: LayerShape, all: Float32Array): OnnxInitializer[] {
  const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
  const gather = (offset: number, size: number): Float32Array => {
    const values = new Float32Array(members * size);
    for (let member = 0; member < members; member++) {
      const start = member * network.parameterCount + offset;
      values.set(all.subarray(start, start + size), member * size);
    }
    return values;
  };
  const weights = { name: weightsName(layer), values: gather(weightsOffset, fanIn * fanOut) };
  const bias = { name: biasName(layer), values: gather(biasOffset, fanOut) };
  if (members === 1)
    return [
      { ...weights, shape: [fanIn, fanOut] },
      { ...bias, shape: [fanOut] },
    ];
  return [
    { ...weights, shape: [members, fanIn, fanOut] },
    { ...bias, shape: [members, 1, fanOut] },
  ];
}

/** Those constants that nodes read. */
function constantsOf(nodes: readonly OnnxNode[]): OnnxInitializer[] {
  const read = [...new Set(nodes.flatMap(({ inputs }) => inputs))].filter((name) =>
    name.startsWith(constantName(0).slice(0, -1)),
  );
  return read.map((name) => ({ name, shape: [], values: Float32Array.of(Number(name.split(" ")[1])) }));
}

function graphOf(model: ChainModel, parameters: Float32Array): OnnxGraph {
  const { network, members } = model;
  const { layers, inputs, outputs } = network;
  const isProbable = takesLogits(network.loss);
  const nodes = layers.flatMap((layer) => layerNodes(network, layer, members));
  if (isProbable) nodes.push(...probabilityNodes(network));
  const shape = [...(members === 1 ? [] : [members]), "rows", outputs];
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
 * where the loss takes logits, to `logits` and `probabilities`; of several members [members, rows, network.outputs].
 * @throws InvalidInput when a parameter is not finite, when there are too few or too many, beyond 2 GiB, and on other layers than dense ones
 */
export function encodeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const network = requireChain("encodeOnnx", model.network, "save the model as safetensors with encodeModel");
  requireValueCount("encodeOnnx", model);
  const parameters = finiteParameters("encodeOnnx", model.parameters);
  const metadata = new Map<string, string>([["loss", nameOf(model.network.loss)]]);
  if (model.inputNames) metadata.set("inputs", JSON.stringify(model.inputNames));
  return encodeOnnxGraph(graphOf({ ...model, network }, parameters), {
    producer: "thalweg",
    operatorSet,
    irVersion,
    metadata,
  });
}
