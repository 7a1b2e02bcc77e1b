import { InvalidInput } from "../errors.ts";
import type { Expression } from "../math/expression.ts";
import type { Activation } from "./network.ts";

/** Reductions over the units of one sample. */
export const reductionNames = ["sum", "mean", "max", "logSumExp"] as const;
export type ReductionName = (typeof reductionNames)[number];

/**
 * How a parameter starts: weights by an initialiser, a table from a normal distribution, with a first row of zeros where that
 * stands for unknown categories, or a constant.
 */
export type ParameterStart = "weights" | "table" | "tableWithUnknown" | "zeros" | "ones";

/** A parameter in its place: its shape, and where its values lie in the flat buffer of one member. */
export interface ParameterShape {
  /** `layers.N.role`, where N counts the layers that have parameters, in the order in which they are applied. */
  readonly name: string;
  /** Row-major; weights are [fanIn, fanOut], where PyTorch stores the transpose. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  readonly start: ParameterStart;
}

/** What the nodes that a user builds compute from other nodes: a vector of `width` values per sample. */
export type NodeOperation =
  /** The sample's row of the data. */
  | { readonly kind: "input" }
  /** A vector that is the same for all samples. */
  | { readonly kind: "parameter"; readonly parameter: number }
  /** from · weights + bias. */
  | { readonly kind: "dense"; readonly from: number; readonly weights: number; readonly bias: number }
  /** An expression of the inputs x0, x1, …, value by value, of vectors of the same width. */
  | {
      readonly kind: "elementwise";
      readonly from: readonly number[];
      readonly expression: Expression;
      /** Set where the expression is that of an activation function. */
      readonly activation?: Activation;
    }
  /** One value per sample. */
  | { readonly kind: "reduce"; readonly from: number; readonly reduction: ReductionName }
  /** One value per sample, repeated for every unit. */
  | { readonly kind: "broadcast"; readonly from: number }
  | { readonly kind: "concat"; readonly from: readonly number[] }
  /** Units `start` … `start + width − 1`. */
  | { readonly kind: "slice"; readonly from: number; readonly start: number }
  /** The row of a table that a value of the sample names. */
  | { readonly kind: "gather"; readonly from: number; readonly table: number }
  /**
   * While training, 0 with probability `rate`, else the value / (1 − rate); the value itself otherwise. The mask is a function of
   * (seed, step, `stream`, sample, unit), so that it is never stored.
   */
  | { readonly kind: "dropout"; readonly from: number; readonly rate: number; readonly stream: number }
  /** While training, the value + `deviation` · a standard normal number, drawn as masks are; the value itself otherwise. */
  | { readonly kind: "noise"; readonly from: number; readonly deviation: number; readonly stream: number };

export type GraphNode = NodeOperation & { readonly width: number };

/** A network as data: nodes, each after the nodes that it reads; the last is the output. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly parameters: readonly ParameterShape[];
}

/** Nodes that a node reads. */
export function operandsOf(node: {
  readonly kind: string;
  readonly from?: number | readonly number[];
}): readonly number[] {
  if (node.from === undefined) return [];
  return typeof node.from === "number" ? [node.from] : node.from;
}

/** The nodes that read each node. The loss, which reads the output, is not among them. */
export function readersOf({ nodes }: { readonly nodes: readonly Parameters<typeof operandsOf>[0][] }): number[][] {
  const readers: number[][] = nodes.map(() => []);
  for (const [index, node] of nodes.entries()) for (const operand of operandsOf(node)) readers[operand]!.push(index);
  return readers;
}

/** Columns of the data that hold category numbers. */
interface CategoryColumn {
  readonly column: number;
  readonly categories: number;
}

/** The column of the data that a node of one value passes on; undefined where it is computed. */
export function columnOf({ nodes }: Graph, index: number): number | undefined {
  let [at, column] = [index, 0];
  for (;;) {
    const node = nodes[at]!;
    if (node.kind === "input") return column;
    if (node.kind === "slice") {
      column += node.start;
      at = node.from;
    } else if (node.kind === "concat") {
      const part = partAt(nodes, node.from, column);
      [at, column] = [part.node, part.column];
    } else return undefined;
  }
}

/** The operand of a concatenation that holds a column, and the column's place in it. */
function partAt(
  nodes: readonly GraphNode[],
  from: readonly number[],
  column: number,
): { node: number; column: number } {
  let rest = column;
  for (const node of from) {
    const { width } = nodes[node]!;
    if (rest < width) return { node, column: rest };
    rest -= width;
  }
  throw new Error("graph: a column beyond the end of a concatenation");
}

/** The columns that embeddings read. */
export const categoryColumnsOf = (graph: Graph): CategoryColumn[] =>
  graph.nodes.flatMap((node) => {
    if (node.kind !== "gather") return [];
    const column = columnOf(graph, node.from)!; // the builder has checked that there is one
    return [{ column, categories: graph.parameters[node.table]!.shape[0]! }];
  });

/** Throws `InvalidInput` unless every category column of the rows holds numbers of categories. */
export function requireCategories(place: string, graph: Graph, width: number, inputs: ArrayLike<number>): void {
  for (const { column, categories } of categoryColumnsOf(graph)) {
    for (let at = column; at < inputs.length; at += width) {
      const value = inputs[at]!;
      if (Number.isInteger(value) && value >= 0 && value < categories) continue;
      throw new InvalidInput({
        place: `${place}: row ${Math.floor(at / width)}, column ${column}`,
        expected: `a category, an integer from 0 to ${categories - 1}, for the embedding of that column`,
        got: String(value),
        fix: "number the categories from 0, or give the embedding more categories",
      });
    }
  }
}
