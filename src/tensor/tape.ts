// The tape of a function that is to be differentiated holds a node for every tensor that depends on what it is differentiated by.

import { leave } from "./scope.ts";
import { aliasOf, type Tensor } from "./tensor.ts";

/** Maps the gradient of the loss by an output to that by one input; its operations are recorded too. */
export type Gradient = (dOutput: Tensor) => Tensor;
/** Holds a tensor that a gradient needs, until the tape is freed. */
export type Keep = (tensor: Tensor) => Tensor;

/** Node of the tape. Nodes are numbered in order of creation. */
export interface Node {
  readonly order: number;
  readonly tape: Tape;
  /** Nodes of the inputs; undefined where an input does not depend on anything of interest. */
  readonly inputs: readonly (Node | undefined)[];
  gradients: readonly Gradient[];
  readonly kept: Tensor[];
}

/** Everything recorded since the outermost call of `grad` began. */
interface Tape {
  readonly nodes: Node[];
  /** Functions that are being recorded, one within the other. */
  depth: number;
}

let tape: Tape | undefined;
const nodes = new WeakMap<Tensor, Node>();

/** The node of a tensor on the current tape. */
export function nodeOf(tensor: Tensor): Node | undefined {
  const node = nodes.get(tensor);
  return node && node.tape === tape ? node : undefined;
}

/** True while operations are recorded. */
export const isRecording = (): boolean => tape !== undefined && tape.depth > 0;

function add(tensor: Tensor, parts: Pick<Node, "inputs" | "gradients" | "kept">): Node {
  const node = { ...parts, order: tape!.nodes.length, tape: tape! };
  tape!.nodes.push(node);
  nodes.set(tensor, node);
  return node;
}

/** Another holder of a tensor, with the same node. */
export function hold(tensor: Tensor): Tensor {
  const held = aliasOf(tensor);
  const node = nodeOf(tensor);
  if (node) nodes.set(held, node);
  return held;
}

/**
 * Notes how `output` came from `inputs`, where that matters to anybody.
 * @param gradientsOf one gradient per input; it may `keep` inputs and outputs, which its gradients then use
 */
export function record(
  output: Tensor,
  inputs: readonly Tensor[],
  gradientsOf: (keep: Keep) => readonly Gradient[],
): Tensor {
  if (!isRecording()) return output;
  const inputNodes = inputs.map(nodeOf);
  if (inputNodes.every((node) => node === undefined)) return output;
  const kept: Tensor[] = [];
  const node = add(output, { inputs: inputNodes, gradients: [], kept });
  const keep: Keep = (tensor) => {
    const held = hold(tensor);
    leave(held); // it goes with the node, not with the scope that is open now
    kept.push(held);
    return held;
  };
  node.gradients = gradientsOf(keep);
  return output;
}

/** Marks another holder of `input` as what a function is differentiated by: a node of its own. */
export function leafOf(input: Tensor): { leaf: Tensor; node: Node } {
  const leaf = aliasOf(input);
  const around = nodeOf(input); // an outer function may be differentiated by it as well
  return { leaf, node: add(leaf, { inputs: [around], gradients: [(dOutput) => dOutput], kept: [] }) };
}

/** Lets go of what a node's gradients would need. */
export function release(node: Node): void {
  for (const tensor of node.kept.splice(0)) tensor.dispose();
}

/** Runs a function whose operations are recorded. */
export function recording<T>(work: () => T): T {
  const own = tape!;
  own.depth++;
  try {
    return work();
  } finally {
    own.depth--;
  }
}

/** Runs a differentiation: the outermost call starts a tape and frees it when it returns. */
export function withTape<T>(work: () => T): T {
  if (tape) return work();
  const own: Tape = { nodes: [], depth: 0 };
  tape = own;
  try {
    return work();
  } finally {
    tape = undefined;
    own.nodes.forEach(release);
  }
}
