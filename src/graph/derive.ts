import { exp, type Expression, where } from "../math/expression.ts";
import { operandExpressions } from "./builder.ts";
import { elementwiseBackward, type GradientSource } from "./elementwiseBackward.ts";
import { type Graph, type GraphNode, operandsOf } from "./graph.ts";

/** What nodes of the backward pass compute beside what forward nodes can. */
export type BackwardOperation =
  /** Gradient of the mean loss by the network's output. */
  | { readonly kind: "outputGradient" }
  /** from · weightsᵀ: gradient by the input of a dense node, from that by its output. */
  | { readonly kind: "denseInputs"; readonly from: number; readonly dense: number }
  /** `from` at units `start` …, and 0 at all others. */
  | { readonly kind: "pad"; readonly from: number; readonly start: number };

export type StepNode = GraphNode | (BackwardOperation & { readonly width: number });

/** A gradient by parameters: a sum over the samples of a batch, of values of nodes. */
export type ParameterGradient =
  /** inputᵀ · gradient and Σ gradient, by weights and bias. */
  | { readonly kind: "dense"; readonly dense: number; readonly input: number; readonly gradient: number }
  /** Σ gradient, by a vector. */
  | { readonly kind: "vector"; readonly parameter: number; readonly gradient: number }
  /** The gradients of the samples of each category, by a table. */
  | { readonly kind: "table"; readonly parameter: number; readonly index: number; readonly gradient: number };

/** The forward and the backward pass of a network as nodes, each after those that it reads. */
export interface StepGraph extends Graph {
  /** Forward nodes first, as in the graph; the output is node `forwardCount − 1`. */
  readonly nodes: readonly GraphNode[];
  readonly forwardCount: number;
  readonly allNodes: readonly StepNode[];
  readonly outputGradient: number;
  readonly parameterGradients: readonly ParameterGradient[];
  /** The node of the gradient by each forward node; undefined where none is needed. */
  readonly gradientOf: readonly (number | undefined)[];
}

/** Builds the backward pass by visiting the nodes of a graph from the output to the input. */
class Derivation {
  readonly #graph: Graph;
  readonly #nodes: StepNode[];
  /** True where a parameter lies below a node, so that its gradient is needed. */
  readonly #isTrained: readonly boolean[];
  readonly #contributions: number[][];
  readonly #gradientOf: (number | undefined)[];
  readonly parameterGradients: ParameterGradient[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#nodes = [...graph.nodes];
    this.#isTrained = trainedNodes(graph);
    this.#contributions = graph.nodes.map(() => []);
    this.#gradientOf = graph.nodes.map(() => undefined);
  }

  run(): StepGraph {
    const { nodes } = this.#graph;
    const output = nodes.length - 1;
    const outputGradient = this.#add({ kind: "outputGradient" }, nodes[output]!.width);
    this.#contributions[output]!.push(outputGradient);
    for (let index = output; index >= 0; index--) {
      const gradient = this.#sum(this.#contributions[index]!);
      if (gradient === undefined) continue;
      this.#gradientOf[index] = gradient;
      this.#visit(nodes[index]!, index, gradient);
    }
    return {
      ...this.#graph,
      forwardCount: nodes.length,
      allNodes: this.#nodes,
      outputGradient,
      parameterGradients: this.parameterGradients,
      gradientOf: this.#gradientOf,
    };
  }

  #add(operation: Omit<StepNode, "width">, width: number): number {
    this.#nodes.push({ ...operation, width } as StepNode);
    return this.#nodes.length - 1;
  }

  /** Adds an elementwise node. */
  #map(from: readonly number[], define: (...values: Expression[]) => Expression): number {
    const expression = define(...operandExpressions(from.length));
    return this.#add({ kind: "elementwise", from, expression } as StepNode, this.#nodes[from[0]!]!.width);
  }

  #broadcast(from: number, width: number): number {
    return width === 1 ? from : this.#add({ kind: "broadcast", from } as StepNode, width);
  }

  #reduce(from: number): number {
    return this.#nodes[from]!.width === 1 ? from : this.#add({ kind: "reduce", from, reduction: "sum" } as StepNode, 1);
  }

  #sum(nodes: readonly number[]): number | undefined {
    if (nodes.length < 2) return nodes[0];
    return this.#map(nodes, (...values) => values.reduce((sum, value) => sum.plus(value)));
  }

  /** Adds a part of the gradient by an operand, if anybody needs it. */
  #give(operand: number, gradient: () => number): void {
    if (this.#isTrained[operand]) this.#contributions[operand]!.push(gradient());
  }

  #visit(node: GraphNode, index: number, gradient: number): void {
    switch (node.kind) {
      case "input":
        return;
      case "parameter":
        this.parameterGradients.push({ kind: "vector", parameter: node.parameter, gradient });
        return;
      case "gather":
        this.parameterGradients.push({ kind: "table", parameter: node.table, index: node.from, gradient });
        return;
      case "dense":
        this.parameterGradients.push({ kind: "dense", dense: index, input: node.from, gradient });
        this.#give(node.from, () =>
          this.#add({ kind: "denseInputs", from: gradient, dense: index } as StepNode, this.#nodes[node.from]!.width),
        );
        return;
      case "elementwise":
        this.#visitElementwise(node, index, gradient);
        return;
      case "reduce":
        this.#give(node.from, () => this.#reduceGradient(node, index, gradient));
        return;
      case "broadcast":
        this.#give(node.from, () => this.#reduce(gradient));
        return;
      case "concat":
        this.#visitConcat(node.from, gradient);
        return;
      case "slice":
        this.#give(node.from, () =>
          this.#add({ kind: "pad", from: gradient, start: node.start } as StepNode, this.#nodes[node.from]!.width),
        );
        return;
      case "noise":
        this.#give(node.from, () => gradient);
        return;
      case "dropout": // the same mask
        this.#give(node.from, () => this.#add({ ...node, from: gradient } as StepNode, node.width));
    }
  }

  #visitElementwise({ from, expression }: GraphNode & { kind: "elementwise" }, index: number, gradient: number): void {
    const nodeOf = (source: GradientSource): number => {
      if (source === "gradient") return gradient;
      return source === "result" ? index : from[source.operand]!;
    };
    for (const [place, own] of elementwiseBackward(expression, from.length).entries()) {
      if (!own) continue;
      this.#give(from[place]!, () => {
        const isGradient = own.expression.kind === "input" && own.from[0] === "gradient";
        return isGradient ? gradient : this.#map(own.from.map(nodeOf), () => own.expression);
      });
    }
  }

  #visitConcat(from: readonly number[], gradient: number): void {
    let start = 0;
    for (const operand of from) {
      const own = start;
      const { width } = this.#nodes[operand]!;
      this.#give(operand, () => this.#add({ kind: "slice", from: gradient, start: own } as StepNode, width));
      start += width;
    }
  }

  #reduceGradient({ from, reduction }: GraphNode & { kind: "reduce" }, index: number, gradient: number): number {
    const { width } = this.#nodes[from]!;
    if (reduction === "sum") return this.#broadcast(gradient, width);
    if (reduction === "mean")
      return this.#broadcast(
        this.#map([gradient], (d) => d!.over(width)),
        width,
      );
    const result = this.#broadcast(index, width);
    if (reduction === "logSumExp") {
      const spread = this.#broadcast(gradient, width);
      return this.#map([from, result, spread], (x, r, d) => d!.times(exp(x!.minus(r!))));
    }
    // Units that are equally large share the gradient, as in torch.amax.
    const isLargest = this.#map([from, result], (x, r) => where(x!.equals(r!), 1, 0));
    const share = this.#map([gradient, this.#reduce(isLargest)], (d, count) => d!.over(count!));
    return this.#map([from, result, this.#broadcast(share, width)], (x, r, d) => where(x!.equals(r!), d!, 0));
  }
}

function trainedNodes({ nodes }: Graph): boolean[] {
  const trained: boolean[] = [];
  for (const node of nodes) {
    const own = node.kind === "parameter" || node.kind === "dense" || node.kind === "gather";
    trained.push(own || operandsOf(node).some((operand) => trained[operand]!));
  }
  return trained;
}

const derived = new WeakMap<Graph, StepGraph>();

/** Forward and backward pass of a graph; derived once. */
export function deriveStep(graph: Graph): StepGraph {
  const known = derived.get(graph) ?? new Derivation(graph).run();
  derived.set(graph, known);
  return known;
}
