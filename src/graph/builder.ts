import { InvalidInput } from "../errors.ts";
import { inOrder, Expression } from "../math/expression.ts";
import { requireInteger } from "./network.ts";
import {
  columnOf,
  type Graph,
  type GraphNode,
  type NodeOperation,
  operandsOf,
  type ParameterShape,
  type ParameterStart,
} from "./graph.ts";

/** Largest width, and number of parameters: indices into one member's buffer stay exact in u32. */
export const maxWidth = 2 ** 20;
const maxParameters = 2 ** 30;
const maxNodes = 10_000;

const fail = (place: string, expected: string, got: string, fix: string): never => {
  throw new InvalidInput({ place: `network: ${place}`, expected, got, fix });
};

/** Name of an operand of an elementwise expression. */
export const operandName = (index: number): string => `x${index}`;

/** Operands of elementwise expressions, x0, x1, … */
export const operandExpressions = (count: number): Expression[] =>
  Array.from({ length: count }, (_, index) => Expression.input(operandName(index)));

function requireInputs(expression: Expression, count: number): void {
  const names = new Set(operandExpressions(count).map(({ name }) => name));
  const stranger = inOrder([expression]).find(({ kind, name }) => kind === "input" && !names.has(name));
  if (!stranger) return;
  fail("elementwise", `an expression of ${[...names].join(", ")}`, stranger.name, "use only the function's arguments");
}

/**
 * Collects the nodes of a network. Every node is checked when it is added, whether a user's function, a list of layers or a
 * file asks for it.
 */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #parameters: ParameterShape[] = [];
  #parameterCount = 0;
  #layers = 0;
  #streams = 0;

  constructor(inputs: number) {
    requireInteger("network: inputs", inputs, 1, maxWidth);
    this.#nodes.push({ kind: "input", width: inputs });
  }

  /** The number of the next layer with parameters, from 0. */
  nextLayer(): number {
    return this.#layers++;
  }

  /** The number of the next dropout or noise, from 0. */
  nextStream(): number {
    return this.#streams++;
  }

  /** @returns the number of the parameter */
  addParameter(name: string, shape: readonly number[], start: ParameterStart): number {
    for (const length of shape) requireInteger(`network: shape of ${name}`, length, 1, maxWidth);
    if (this.#parameters.some((parameter) => parameter.name === name)) {
      fail("parameters", "different names", `${name} twice`, "name each parameter of a layer once");
    }
    const size = shape.reduce((product, length) => product * length, 1);
    this.#parameters.push({ name, shape, offset: this.#parameterCount, size, start });
    this.#parameterCount += size;
    requireInteger("network: number of parameters", this.#parameterCount, 1, maxParameters);
    return this.#parameters.length - 1;
  }

  widthOf(node: number): number {
    return this.#nodes[node]!.width;
  }

  /**
   * Adds a node after checking it.
   * @param width of kinds whose operands do not determine it: slice, broadcast
   * @returns the number of the node
   */
  add(operation: NodeOperation, width?: number): number {
    requireInteger("network: number of nodes", this.#nodes.length + 1, 1, maxNodes);
    for (const operand of operandsOf(operation)) {
      requireInteger(`network: operand of ${operation.kind}`, operand, 0, this.#nodes.length - 1);
    }
    const own = this.#widthFor(operation, width);
    requireInteger(`network: width of ${operation.kind}`, own, 1, maxWidth);
    this.#nodes.push({ ...operation, width: own });
    return this.#nodes.length - 1;
  }

  #shapeOf(parameter: number, rank: number): readonly number[] {
    requireInteger("network: parameter", parameter, 0, this.#parameters.length - 1);
    const { shape } = this.#parameters[parameter]!;
    if (shape.length !== rank)
      fail("parameter", `one of rank ${rank}`, `rank ${shape.length}`, "pass another parameter");
    return shape;
  }

  #widthFor(operation: NodeOperation, width: number | undefined): number {
    switch (operation.kind) {
      case "input":
        return fail("input", "one input", "another one", "use the vector passed to the function");
      case "parameter":
        return this.#shapeOf(operation.parameter, 1)[0]!;
      case "dense":
        return this.#denseWidth(operation);
      case "elementwise":
        return this.#elementwiseWidth(operation.from, operation.expression);
      case "reduce":
        return 1;
      case "broadcast":
        if (this.widthOf(operation.from) === 1) return width!;
        return fail("broadcast", "a vector of width 1", `width ${this.widthOf(operation.from)}`, "reduce it first");
      case "concat":
        return operation.from.reduce((sum, node) => sum + this.widthOf(node), 0);
      case "slice":
        return this.#sliceWidth(operation, width!);
      case "gather":
        return this.#gatherWidth(operation);
      case "dropout":
        return this.#dropoutWidth(operation);
      case "noise":
        return this.#noiseWidth(operation);
    }
  }

  #denseWidth({ from, weights, bias }: Extract<NodeOperation, { kind: "dense" }>): number {
    const [fanIn, fanOut] = this.#shapeOf(weights, 2);
    const follows = bias === weights + 1 && this.#shapeOf(bias, 1)[0] === fanOut;
    if (!follows) fail("dense", "a bias of the layer's width after its weights", "another order", "add it after them");
    if (fanIn !== this.widthOf(from)) {
      fail("dense", `weights of ${this.widthOf(from)} rows`, `${fanIn} rows`, "match the width of the layer's input");
    }
    return fanOut!;
  }

  #elementwiseWidth(from: readonly number[], expression: Expression): number {
    if (from.length === 0) fail("elementwise", "at least one vector", "none", "pass a vector");
    requireInputs(expression, from.length);
    const widths = from.map((node) => this.widthOf(node));
    if (widths.some((width) => width !== widths[0])) {
      const fix = "use layers of the same width, or add a dense layer";
      fail("elementwise", "vectors of the same width", widths.join(" and "), fix);
    }
    return widths[0]!;
  }

  #sliceWidth({ from, start }: Extract<NodeOperation, { kind: "slice" }>, width: number): number {
    const all = this.widthOf(from);
    requireInteger("network: slice: start", start, 0, all - 1);
    requireInteger("network: slice: width", width, 1, all - start);
    return width;
  }

  #gatherWidth({ from, table }: Extract<NodeOperation, { kind: "gather" }>): number {
    const shape = this.#shapeOf(table, 2);
    const isColumn = this.widthOf(from) === 1 && columnOf({ nodes: this.#nodes, parameters: [] }, from) !== undefined;
    if (!isColumn) {
      const fix = "place the embedding before layers that compute, and name the column of a category";
      fail("embedding", "one column of the data", "a computed value", fix);
    }
    return shape[1]!;
  }

  #dropoutWidth({ from, rate, stream }: Extract<NodeOperation, { kind: "dropout" }>): number {
    if (!(typeof rate === "number" && rate >= 0 && rate < 1)) {
      fail("dropout: rate", "a number from 0 to below 1", String(rate), "pass 0.1, for example");
    }
    requireInteger("network: dropout: stream", stream, 0, maxNodes);
    return this.widthOf(from);
  }

  #noiseWidth({ from, deviation, stream }: Extract<NodeOperation, { kind: "noise" }>): number {
    if (!(typeof deviation === "number" && deviation >= 0 && Number.isFinite(Math.fround(deviation)))) {
      fail("gaussianNoise: deviation", "a number of at least 0", String(deviation), "pass 0.1, for example");
    }
    requireInteger("network: gaussianNoise: stream", stream, 0, maxNodes);
    return this.widthOf(from);
  }

  /**
   * The graph up to an output, which becomes its last node; nodes that it does not depend on are left out, but for the input.
   * @throws InvalidInput where a parameter would be left out: its layer would never be trained
   */
  finish(output: number): Graph {
    const used = new Set([0, output]); // the input is node 0 also where nothing reads it
    for (let index = output; index >= 0; index--) {
      if (used.has(index)) for (const operand of operandsOf(this.#nodes[index]!)) used.add(operand);
    }
    const places = new Map([...used].sort((a, b) => a - b).map((node, place) => [node, place]));
    const nodes = [...places.keys()].map((index): GraphNode => {
      const node = this.#nodes[index]!;
      if (!("from" in node)) return node;
      if (typeof node.from === "number") return { ...node, from: places.get(node.from)! } as GraphNode;
      return { ...node, from: node.from.map((operand) => places.get(operand)!) } as GraphNode;
    });
    this.#requireUsed(nodes);
    return { nodes, parameters: this.#parameters };
  }

  #requireUsed(nodes: readonly GraphNode[]): void {
    const used = nodes.flatMap((node) => {
      if (node.kind === "parameter") return [node.parameter];
      if (node.kind === "dense") return [node.weights, node.bias];
      return node.kind === "gather" ? [node.table] : [];
    });
    for (const [index, { name }] of this.#parameters.entries()) {
      const uses = used.filter((parameter) => parameter === index).length;
      if (uses === 1) continue;
      const got = uses === 0 ? `${name} is not used` : `${name} is used by ${uses} nodes`;
      fail("output", "each parameter used by one node before it", got, "use that layer's result, or remove the layer");
    }
  }
}
