import { InvalidInput } from "../errors.ts";
import {
  type Activation,
  type ActivationName,
  type BuiltInNetwork,
  type DenseLayer,
  type Drop,
  dense,
  type LayerShape,
  type Loss,
  type LossName,
  nameOf,
  network as listNetwork,
  type Network,
  type NetworkOptions,
  requireLoss,
  takesLogits,
  widthsOf,
} from "./network.ts";
import { GraphBuilder } from "./builder.ts";
import { type Graph, type GraphNode, type ParameterShape, readersOf } from "./graph.ts";
import { type Layer, Vector } from "./vector.ts";

/** A network of any layers, as data: its nodes and its loss. */
export interface GraphNetwork {
  readonly inputs: number;
  readonly outputs: number;
  readonly graph: Graph;
  readonly loss: Loss;
  /** Parameters of one member. */
  readonly parameterCount: number;
  /** As of a list. */
  readonly isWeighted?: true;
}

/** A list of dense layers, or a graph. */
export type AnyNetwork = Network | GraphNetwork;

export interface GraphOptions {
  /** Width of the input. */
  readonly inputs: number;
  readonly loss: Loss;
}

export interface LayersOptions extends GraphOptions {
  readonly layers: readonly Layer[];
}

/** Throws `InvalidInput` unless the value came of `network()`: its options alone are no network. */
export function requireNetwork(place: string, value: unknown): void {
  const isObject = typeof value === "object" && value !== null;
  if (isObject && "parameterCount" in value) return;
  const got = isObject ? "an object without a parameterCount" : String(value);
  const fix = "pass network({ inputs, layers, loss })";
  throw new InvalidInput({ place, expected: "what network() returns", got, fix });
}

export const isGraph = (network: AnyNetwork): network is GraphNetwork => "graph" in network;

const graphs = new WeakMap<Network, Graph>();

/** The graph of a list of dense layers; identity adds no node. */
function listGraph({ inputs, layers }: Network): Graph {
  const input = new Vector(new GraphBuilder(inputs), 0);
  const output = input.pipe(...layers.map(({ fanOut, activation }) => dense(fanOut, activation)));
  return input.builder.finish(output.node);
}

/** The nodes of any network. */
export function graphOf(network: AnyNetwork): Graph {
  if (isGraph(network)) return network.graph;
  const graph = graphs.get(network) ?? listGraph(network);
  graphs.set(network, graph);
  return graph;
}

export const parametersOf = (network: AnyNetwork): readonly ParameterShape[] => graphOf(network).parameters;

/** A dense node in its place. */
export interface DenseShape extends LayerShape {
  readonly node: number;
  /** The node of its activation, or its own where that is the identity. */
  readonly activated: number;
}

/** The dense nodes of a graph in order, each with the activation that is the only reader of its values. */
export function denseShapesOf(graph: Graph): DenseShape[] {
  const readers = readersOf(graph);
  const isDense = (node: GraphNode): node is Extract<GraphNode, { kind: "dense" }> => node.kind === "dense";
  const dense = graph.nodes.map((node, index) => ({ node, index })).filter(({ node }) => isDense(node));
  return dense.map(({ node, index }, place) => {
    const { weights, bias } = node as Extract<GraphNode, { kind: "dense" }>;
    const [reader, ...others] = readers[index]!;
    const next = reader !== undefined && others.length === 0 ? graph.nodes[reader]! : undefined;
    const activation: Activation = (next?.kind === "elementwise" && next.activation) || "identity";
    const { shape, offset } = graph.parameters[weights]!;
    const [fanIn, fanOut] = shape as [number, number];
    const activated = activation === "identity" ? index : reader!;
    const { offset: biasOffset } = graph.parameters[bias]!;
    return { index: place, fanIn, fanOut, activation, weightsOffset: offset, biasOffset, node: index, activated };
  });
}

/** The layers of a graph that is one dense layer after the other, or undefined. */
function chainOf(graph: Graph): DenseLayer[] | undefined {
  const shapes = denseShapesOf(graph);
  let last = 0;
  for (const { node, activated } of shapes) {
    const { from } = graph.nodes[node] as Extract<GraphNode, { kind: "dense" }>;
    if (from !== last) return undefined;
    last = activated;
  }
  const isWhole = shapes.length > 0 && last === graph.nodes.length - 1;
  const countsAll = shapes.reduce((sum, { node, activated }) => sum + (node === activated ? 1 : 2), 1);
  if (!isWhole || countsAll !== graph.nodes.length) return undefined;
  return shapes.map(({ fanOut, activation }) => dense(fanOut, activation));
}

/** The network as a list of dense layers, which every way of training takes; undefined where it has other layers. */
export const asChain = (network: AnyNetwork): Network | undefined => (isGraph(network) ? undefined : network);

/** The layers of a graph that is one dense layer after the other, with dropout between them or behind the input. */
function droppedChain(network: GraphNetwork): Network | undefined {
  const { graph, inputs, outputs, loss, parameterCount, isWeighted } = network;
  const shapes = denseShapesOf(graph);
  const layers: LayerShape[] = [];
  let [last, count] = [0, 1];
  let inputDrop: Drop | undefined;
  for (const { node, activated, ...shape } of shapes) {
    const { from } = graph.nodes[node] as Extract<GraphNode, { kind: "dense" }>;
    const between = graph.nodes[from]!;
    if (between.kind === "dropout" && between.from === last) {
      const drop = { rate: between.rate, stream: between.stream };
      const before = layers.pop();
      if (before) layers.push({ ...before, drop });
      else inputDrop = drop;
      count++;
    } else if (from !== last) return undefined;
    layers.push(shape);
    count += node === activated ? 1 : 2;
    last = activated;
  }
  if (layers.length === 0 || last !== graph.nodes.length - 1 || count !== graph.nodes.length) return undefined;
  const chain = { inputs, outputs, layers, loss, parameterCount, ...(inputDrop && { inputDrop }) };
  return isWeighted ? { ...chain, isWeighted } : chain;
}

const droppedChains = new WeakMap<GraphNetwork, { readonly chain: Network | undefined }>();

/** The network as a list of dense layers, with dropout between them where it has any: what fused strategies train. */
export function fusedChain(network: AnyNetwork): Network | undefined {
  if (!isGraph(network)) return network;
  const known = droppedChains.get(network) ?? { chain: droppedChain(network) };
  if (known.chain) graphs.set(known.chain, network.graph);
  droppedChains.set(network, known);
  return known.chain;
}

/** `4-8-8-1`, or `4-…-1, a graph of 12 nodes`. */
export const describeArchitecture = (network: AnyNetwork): string =>
  isGraph(network)
    ? `${network.inputs}-…-${network.outputs}, a graph of ${network.graph.nodes.length} nodes`
    : widthsOf(network);

/** A graph with a loss as a network: as a list where it is one. @throws InvalidInput */
export function networkOfGraph(graph: Graph, loss: Loss): AnyNetwork {
  requireLoss("network: loss", loss);
  const inputs = graph.nodes[0]!.width;
  const layers = chainOf(graph);
  if (layers) return listNetwork({ inputs, layers, loss });
  const output = graph.nodes[graph.nodes.length - 1]!;
  requireLogits(output, loss);
  if (graph.parameters.length === 0) {
    const fix = "add dense(1), for example";
    throw new InvalidInput({ place: "network", expected: "at least one layer with parameters", got: "none", fix });
  }
  const parameterCount = graph.parameters.reduce((sum, { size }) => sum + size, 0);
  return { inputs, outputs: output.width, graph, loss, parameterCount };
}

function requireLogits(output: GraphNode, loss: Loss): void {
  if (!takesLogits(loss) || output.kind !== "elementwise" || output.activation === undefined) return;
  throw new InvalidInput({
    place: "network: output",
    expected: `logits before ${nameOf(loss)}`,
    got: nameOf(output.activation),
    fix: "leave the last activation out; probabilities come from predict",
  });
}

const isDenseLayer = (layer: Layer): layer is DenseLayer => typeof layer !== "function";

/**
 * Validates an architecture and lays out its parameters in one flat buffer per member: layer by layer, in the order in which
 * layers are applied; a dense layer's weights [fanIn, fanOut] row-major, then its bias [fanOut].
 * @throws InvalidInput on a width that is not an integer ≥ 1, an unknown name, vectors whose widths do not match, layers that are
 * not used, or an activation after which the loss makes no sense
 */
export function network(options: NetworkOptions<ActivationName, LossName>): BuiltInNetwork;
export function network(options: NetworkOptions): Network;
/** The same with any layers: `[dense(8, "relu"), residual(layerNorm(), dense(8, "silu")), dense(1)]`. */
export function network(options: LayersOptions): AnyNetwork;
/** The general form: `network({ inputs: 4, loss }, (x) => x.pipe(dense(8), layerNorm()).plus(x.pipe(dense(8))))`. */
export function network(options: GraphOptions, define: (x: Vector) => Vector): AnyNetwork;
export function network(options: GraphOptions | LayersOptions, define?: (x: Vector) => Vector): AnyNetwork {
  const { inputs, loss, layers } = (options ?? {}) as Partial<LayersOptions>;
  if (!define && (!Array.isArray(layers) || layers.every(isDenseLayer))) return listNetwork(options as NetworkOptions);
  const x = new Vector(new GraphBuilder(inputs!), 0);
  const output = define ? x.pipe(define) : x.pipe(...layers!);
  return networkOfGraph(x.builder.finish(output.node), loss!);
}
