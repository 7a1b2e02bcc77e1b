import {
  encodeOnnxGraph,
  microsoftDomain,
  type OnnxGraph,
  type OnnxInitializer,
  type OnnxNode,
} from "../../../src/formats/onnxGraph.ts";
import type { ActivationName, LayerShape } from "../../../src/graph/network.ts";
import { CannotTakePart, entryOf } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ElementWorkload, ForwardWorkload, ProductWorkload, Workload } from "../../race/workload.ts";

/** Names of what a round replaces: input and output of every graph here. */
export const stateName = "state";
export const nextName = "next";

/** A graph whose sizes are all known. */
interface FixedGraph extends OnnxGraph {
  readonly inputs: readonly FixedValue[];
  readonly outputs: readonly FixedValue[];
}

type FixedValue = Omit<OnnxInitializer, "values">;

/** One way to write a round. Which one is fastest depends on sizes and processor, so they are tried. */
export interface RoundGraph {
  /** The operators it is made of, for the record. */
  readonly operators: string;
  readonly graph: FixedGraph;
  /** Inputs besides the state: the same values in every round. */
  readonly fed: readonly OnnxInitializer<Float32Array>[];
  /** Optimizers that would turn it into another of the ways. */
  readonly withoutOptimizers?: string;
}

/** Who runs the graph: not all have the same operators. */
export type OnnxProvider = "webgpu" | "wasm";

/** The node for `output = activation(input)`, none for identity. */
const activationNodes: Partial<Record<ActivationName, Omit<OnnxNode, "inputs" | "output"> | "none">> = {
  identity: "none",
  sigmoid: { operator: "Sigmoid" },
  tanh: { operator: "Tanh" },
  relu: { operator: "Relu" },
  leakyRelu: { operator: "LeakyRelu", attributes: [{ name: "alpha", float: 0.01 }] },
  elu: { operator: "Elu", attributes: [{ name: "alpha", float: 1 }] },
  gelu: { operator: "Gelu" },
  // x · sigmoid(alpha · x): the one operator that both providers have for it
  silu: { operator: "QuickGelu", attributes: [{ name: "alpha", float: 1 }], domain: microsoftDomain },
  softplus: { operator: "Softplus" },
  sine: { operator: "Sin" },
};

type Affine = (layer: LayerShape<ActivationName>, input: string, output: string) => OnnxNode[];
const weightsName = ({ index }: LayerShape<ActivationName>): string => `weights${index}`;
const biasName = ({ index }: LayerShape<ActivationName>): string => `bias${index}`;

const gemm: Affine = (layer, input, output) => [
  { operator: "Gemm", inputs: [input, weightsName(layer), biasName(layer)], output },
];
const matMulAdd: Affine = (layer, input, output) => [
  { operator: "MatMul", inputs: [input, weightsName(layer)], output: `${output}_product` },
  { operator: "Add", inputs: [`${output}_product`, biasName(layer)], output },
];
/** Without shared memory: where that is slow or tiles would be mostly empty, it wins. */
const einsum = (equation: string, inputs: readonly string[], output: string): OnnxNode => ({
  operator: "Einsum",
  inputs,
  output,
  attributes: [{ name: "equation", text: equation }],
});
const einsumAdd: Affine = (layer, input, output) => [
  einsum("ij,jk->ik", [input, weightsName(layer)], `${output}_product`),
  { operator: "Add", inputs: [`${output}_product`, biasName(layer)], output },
];

function layerNodes(layer: LayerShape<ActivationName>, isLast: boolean, affine: Affine): OnnxNode[] {
  const input = layer.index === 0 ? stateName : `activation${layer.index - 1}`;
  const output = isLast ? nextName : `activation${layer.index}`;
  const activation = entryOf("onnx", activationNodes, layer.activation);
  if (activation === "none") return affine(layer, input, output);
  const sum = `preActivation${layer.index}`;
  return [...affine(layer, input, sum), { ...activation, inputs: [sum], output }];
}

function layerParameters(layer: LayerShape<ActivationName>, parameters: Float32Array): OnnxInitializer<Float32Array>[] {
  const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
  const weights = parameters.subarray(weightsOffset, biasOffset);
  const bias = parameters.subarray(biasOffset, biasOffset + fanOut);
  return [
    { name: weightsName(layer), shape: [fanIn, fanOut], values: weights },
    { name: biasName(layer), shape: [fanOut], values: bias },
  ];
}

/** A graph from the state to the next one, of the same shape. */
export const graphOf = (
  shape: readonly number[],
  nodes: readonly OnnxNode[],
  constants: readonly OnnxInitializer[],
): FixedGraph => ({
  name: "round",
  nodes,
  initializers: constants,
  inputs: [{ name: stateName, shape }],
  outputs: [{ name: nextName, shape }],
});

/** A round as `InferenceSession.create` takes it. Gelu came with operators 20; format 10 is what goes with 21. */
export const encodeRound = (graph: OnnxGraph): Uint8Array<ArrayBuffer> =>
  encodeOnnxGraph(graph, { producer: "thalweg bench", operatorSet: 21, irVersion: 10 });

function forwardGraphs(workload: ForwardWorkload, { fixed }: Start, provider: OnnxProvider): RoundGraph[] {
  const { network, batchSize } = workload;
  const { layers, inputs } = network;
  const parameters = layers.flatMap((layer) => layerParameters(layer, fixed));
  const nodesWith = (affine: Affine): OnnxNode[] =>
    layers.flatMap((layer, index) => layerNodes(layer, index === layers.length - 1, affine));
  const graph = (affine: Affine): FixedGraph => graphOf([batchSize, inputs], nodesWith(affine), parameters);
  const tiled = [
    { operators: "Gemm", graph: graph(gemm), fed: [] },
    { operators: "MatMul, Add", graph: graph(matMulAdd), fed: [], withoutOptimizers: "MatMulAddFusion" },
  ];
  if (provider === "wasm") return tiled;
  return [...tiled, { operators: "Einsum, Add", graph: graph(einsumAdd), fed: [] }];
}

const fixedName = "a";
const swapLast = (input: string, output: string, rank: number): OnnxNode => {
  const order = Array.from({ length: rank }, (_, axis) => axis);
  const ints = [...order.slice(0, -2), rank - 1, rank - 2];
  return { operator: "Transpose", inputs: [input], output, attributes: [{ name: "perm", ints }] };
};

const transposes = ({ form }: ProductWorkload): [a: boolean, b: boolean] => [form[0] === "T", form[1] === "T"];

/** One node that transposes as it reads. */
function fusedNode(workload: ProductWorkload, operator: "Gemm" | "FusedMatMul"): OnnxNode {
  const [transA, transB] = transposes(workload).map(Number) as [number, number];
  const attributes = [
    { name: "transA", int: transA },
    { name: "transB", int: transB },
  ];
  const node = { operator, inputs: [fixedName, stateName], output: nextName, attributes };
  return operator === "Gemm" ? node : { ...node, domain: microsoftDomain };
}

function einsumNode(workload: ProductWorkload, rank: number): OnnxNode {
  const batch = rank > 2 ? "b" : "";
  const [transA, transB] = transposes(workload);
  const [a, b] = [transA ? "ki" : "ik", transB ? "jk" : "kj"];
  return einsum(`${batch}${a},${batch}${b}->${batch}ij`, [fixedName, stateName], nextName);
}

/** TT as (c · a)ᵀ: one transpose instead of two. */
function matMulNodes(workload: ProductWorkload, rank: number): OnnxNode[] {
  const product = (left: string, right: string, output: string): OnnxNode => ({
    operator: "MatMul",
    inputs: [left, right],
    output,
  });
  const turned = "turned";
  if (workload.form === "NN") return [product(fixedName, stateName, nextName)];
  if (workload.form === "NT") return [swapLast(stateName, turned, rank), product(fixedName, turned, nextName)];
  if (workload.form === "TN") return [swapLast(fixedName, turned, rank), product(turned, stateName, nextName)];
  return [product(stateName, fixedName, turned), swapLast(turned, nextName, rank)];
}

function productNodes(workload: ProductWorkload, provider: OnnxProvider, rank: number): Record<string, OnnxNode[]> {
  const gemmNode = rank > 2 ? {} : { Gemm: [fusedNode(workload, "Gemm")] };
  if (provider === "wasm") return { ...gemmNode, FusedMatMul: [fusedNode(workload, "FusedMatMul")] };
  const label = workload.form === "NN" ? "MatMul" : "MatMul, Transpose";
  return { ...gemmNode, [label]: matMulNodes(workload, rank), Einsum: [einsumNode(workload, rank)] };
}

/**
 * WebGPU is fed `a` and does not know it as a constant, lest a transpose of it is done once and for all: op(a) belongs
 * to the round. On wasm no operator stands alone that could be folded, and feeding copies.
 */
function productGraphs(workload: ProductWorkload, { fixed }: Start, provider: OnnxProvider): RoundGraph[] {
  const { size, batch } = workload;
  const shape = batch === 1 ? [size, size] : [batch, size, size];
  const a = { name: fixedName, shape, values: fixed };
  return Object.entries(productNodes(workload, provider, shape.length)).map(([operators, nodes]) => {
    if (provider === "wasm") return { operators, graph: graphOf(shape, nodes, [a]), fed: [] };
    const graph = graphOf(shape, nodes, []);
    return { operators, graph: { ...graph, inputs: [...graph.inputs, { name: a.name, shape }] }, fed: [a] };
  });
}

const scalar = (name: string, value: number): OnnxInitializer<Float32Array> => ({
  name,
  shape: [],
  values: Float32Array.of(value),
});

function elementGraphs({ operation, count }: ElementWorkload): RoundGraph[] {
  if (operation === "sigmoid") {
    const nodes = [{ operator: "Sigmoid", inputs: [stateName], output: nextName }];
    return [{ operators: "Sigmoid", graph: graphOf([count], nodes, []), fed: [] }];
  }
  const nodes = [
    { operator: "Mul", inputs: ["two", stateName], output: "double" },
    { operator: "Sub", inputs: ["one", stateName], output: "complement" },
    { operator: "Mul", inputs: ["double", "complement"], output: nextName },
  ];
  return [{ operators: "Mul, Sub", graph: graphOf([count], nodes, [scalar("one", 1), scalar("two", 2)]), fed: [] }];
}

/**
 * The ways to write a round of a workload.
 * @throws CannotTakePart on training steps
 */
export function roundGraphs(workload: Workload, start: Start, provider: OnnxProvider): RoundGraph[] {
  if (workload.kind === "step") throw new CannotTakePart("onnxruntime-web runs models forward only");
  if (workload.kind === "forward") return forwardGraphs(workload, start, provider);
  if (workload.kind === "gradient") throw new CannotTakePart("no graph of a gradient is written");
  return workload.kind === "product" ? productGraphs(workload, start, provider) : elementGraphs(workload);
}
