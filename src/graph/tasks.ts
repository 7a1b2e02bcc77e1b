import { savesPreActivation } from "../math/scalarFunction.ts";
import type { StepNode } from "./derive.ts";
import type { DenseShape } from "./graphNetwork.ts";
import { operandsOf } from "./graph.ts";

/** A node of a step, or the loss of a sample where no gradient by a dense node carries it. */
export type ScheduledNode = StepNode | { readonly kind: "sampleLoss"; readonly width: 1 };

/** A residual connection: the node of the sum, and the node that is added to a layer's activation. */
export interface Residual {
  readonly sum: number;
  readonly added: number;
}

/** One dispatch. Where it computes several nodes at once, other than row by row, they have the same place. */
export type Task =
  /** A layer with its activation; with `residual`, the sum of the activation and another node is stored instead. */
  | { readonly kind: "dense"; readonly layer: DenseShape; readonly input: number; readonly residual?: Residual }
  /** Nodes that are computed row by row, together. */
  | { readonly kind: "rows"; readonly nodes: readonly number[] }
  /** The loss of each sample and its gradient; by the values before the activation of `layer`, where that is the output. */
  | {
      readonly kind: "loss";
      readonly output: number;
      readonly gradients: readonly number[];
      /** The node of the loss of each sample; undefined where the gradients carry it as one more column. */
      readonly sampleLoss: number | undefined;
      readonly layer: DenseShape | undefined;
    }
  /** Gradient by a layer's inputs; by the values before the activation of the layer `below` too, where that is all that reads it. */
  | {
      readonly kind: "denseInputs";
      readonly nodes: readonly number[];
      /** The gradient by the inputs without the slope of `below`, stored as well where a residual connection reads it. */
      readonly kept?: number;
      readonly layer: DenseShape;
      readonly gradient: number;
      readonly below: DenseShape | undefined;
    }
  | { readonly kind: "denseWeights"; readonly layer: DenseShape; readonly input: number; readonly gradient: number }
  /** Sums over the batch, for ranges of contiguous parameters, and of the loss after the last of them. */
  | { readonly kind: "sums"; readonly offset: number; readonly gradient: number }
  | { readonly kind: "table"; readonly parameter: number; readonly index: number; readonly gradient: number };

export const isView = ({ kind }: ScheduledNode): boolean =>
  kind === "parameter" || kind === "broadcast" || kind === "slice";

/** The node whose values a view shows; undefined for parameters. */
export function baseOf(nodes: readonly ScheduledNode[], index: number): number | undefined {
  const node = nodes[index]!;
  if (node.kind === "parameter") return undefined;
  return node.kind === "broadcast" || node.kind === "slice" ? baseOf(nodes, node.from) : index;
}

/** Nodes that a task reads from memory, without views and parameters. */
export function readsOf(nodes: readonly ScheduledNode[], task: Task): number[] {
  if (task.kind === "rows") {
    const operands = task.nodes.flatMap((node) => operandsOf(nodes[node]!));
    return operands.flatMap((operand) => baseOf(nodes, operand) ?? []);
  }
  if (task.kind === "dense") return task.residual ? [task.input, task.residual.added] : [task.input];
  if (task.kind === "loss") return [task.output];
  if (task.kind === "denseInputs") return task.below ? [task.gradient, task.below.activated] : [task.gradient];
  if (task.kind === "denseWeights") return [task.input, task.gradient];
  return task.kind === "sums" ? [task.gradient] : [task.index, task.gradient];
}

/** Nodes in one place, and how many values a row of them has. */
interface Write {
  readonly nodes: readonly number[];
  readonly columns: number;
}

/** What a task writes, contiguous; a product or a loss binds the first. */
export function writesOf(nodes: readonly ScheduledNode[], task: Task): Write[] {
  if (task.kind === "rows") return task.nodes.map((node) => ({ nodes: [node], columns: nodes[node]!.width }));
  if (task.kind === "denseInputs") {
    const { fanIn: columns } = task.layer;
    const kept = task.kept === undefined ? [] : [{ nodes: [task.kept], columns }];
    return [{ nodes: task.nodes, columns }, ...kept];
  }
  if (task.kind === "dense") {
    const { node, activated, activation, fanOut: columns } = task.layer;
    const before = savesPreActivation(activation) ? [{ nodes: [node], columns }] : [];
    return [{ nodes: [...(task.residual ? [task.residual.sum] : []), activated], columns }, ...before];
  }
  if (task.kind !== "loss") return [];
  const { width } = nodes[task.output]!;
  if (task.sampleLoss === undefined) return [{ nodes: task.gradients, columns: width + 1 }];
  return [
    { nodes: task.gradients, columns: width },
    { nodes: [task.sampleLoss], columns: 1 },
  ];
}
