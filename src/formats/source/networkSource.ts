import { operandName } from "../../graph/builder.ts";
import type { Graph, GraphNode, ParameterShape } from "../../graph/graph.ts";
import { type AnyNetwork, graphOf } from "../../graph/graphNetwork.ts";
import { usesOf } from "../../math/differentiate.ts";
import { type Expression, inOrder } from "../../math/expression.ts";
import { Simplifier } from "../../math/simplify.ts";
import type { Syntax } from "./syntax.ts";

type NodeOf<Kind extends GraphNode["kind"]> = Extract<GraphNode, { kind: Kind }>;

/** A vector that has been computed: a part of an array from `offset` on, or one value that stands for all units. */
type Value = { readonly array: string; readonly offset: number } | { readonly scalar: string };

/** How the parameters are written. */
export interface WeightText {
  /** Value `index` of a parameter. */
  at(parameter: ParameterShape, index: string): string;
  /** Statements that declare `name` as input · weights + bias, where that is not a loop over `at`. */
  readonly dense?: (
    name: string,
    weights: ParameterShape,
    bias: ParameterShape,
    input: (unit: number) => string,
  ) => string[];
}

const sumOf = (offset: number, index: string): string => {
  if (offset === 0) return index;
  return /^\d+$/.test(index) ? String(offset + Number(index)) : `${offset} + ${index}`;
};

const textOf = (value: Value, index: string): string =>
  "scalar" in value ? value.scalar : `${value.array}[${sumOf(value.offset, index)}]`;

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Writes the forward pass of a graph node by node: statements that read the array `x` and the parameters. */
export class NetworkSource {
  readonly #graph: Graph;
  readonly #network: AnyNetwork;
  readonly #syntax: Syntax;
  readonly #weights: WeightText;
  readonly #values: Value[] = [];
  readonly #lines: string[] = [];

  constructor(network: AnyNetwork, syntax: Syntax, weights: WeightText) {
    this.#network = network;
    this.#graph = graphOf(network);
    this.#syntax = syntax;
    this.#weights = weights;
  }

  /**
   * The statements, of which the last ones put what `predict` answers into the array `y`, which the caller declares: outputs, or the
   * probabilities that logits stand for.
   */
  statements(): string[] {
    for (const [index, node] of this.#graph.nodes.entries())
      this.#values.push(this.#write(node, `${stemOf(node)}${index}`));
    const outputs = this.#values.at(-1)!;
    if (this.#network.loss === "softmaxCrossEntropy") this.#softmax(outputs);
    else {
      const isLogit = this.#network.loss === "binaryCrossEntropy";
      const result = textOf(outputs, "i");
      const answer = isLogit ? this.#syntax.apply("sigmoid", [result]) : result;
      this.#loop("i", this.#network.outputs, [`y[i] = ${answer};`]);
    }
    return this.#lines;
  }

  #loop(index: string, count: number, body: readonly string[]): void {
    this.#lines.push(this.#syntax.loop(index, count), ...indented(body), "}");
  }

  #write(node: GraphNode, name: string): Value {
    switch (node.kind) {
      case "input":
        return { array: "x", offset: 0 };
      case "parameter":
        return this.#filled(name, node.width, this.#weights.at(this.#graph.parameters[node.parameter]!, "i"));
      case "dense":
        return this.#dense(node, name);
      case "elementwise":
        return this.#elementwise(node, name);
      case "reduce":
        return this.#reduce(node, name);
      case "concat":
        return this.#concat(node, name);
      case "slice": {
        const from = this.#values[node.from]!;
        return "scalar" in from ? from : { ...from, offset: from.offset + node.start };
      }
      case "gather": {
        const table = this.#graph.parameters[node.table]!;
        const row = this.#syntax.index(textOf(this.#values[node.from]!, "0"), table.shape[0]!);
        return this.#filled(name, node.width, this.#weights.at(table, `${row} * ${node.width} + i`));
      }
      case "broadcast": // one value, read for every unit
        return { scalar: textOf(this.#values[node.from]!, "0") };
      case "noise":
      case "dropout": // neither does anything when a network answers
        return this.#values[node.from]!;
    }
  }

  /** A vector whose unit i is `text`. */
  #filled(name: string, width: number, text: string, lines: readonly string[] = []): Value {
    this.#lines.push(this.#syntax.array(name, width));
    this.#loop("i", width, [...lines, `${name}[i] = ${text};`]);
    return { array: name, offset: 0 };
  }

  #dense({ weights: weightsAt, bias: biasAt, from, width }: NodeOf<"dense">, name: string): Value {
    const [weights, bias] = [this.#graph.parameters[weightsAt]!, this.#graph.parameters[biasAt]!];
    const input = this.#values[from]!;
    if (this.#weights.dense) {
      this.#lines.push(...this.#weights.dense(name, weights, bias, (unit) => textOf(input, String(unit))));
      return { array: name, offset: 0 };
    }
    const product = `${textOf(input, "i")} * ${this.#weights.at(weights, width === 1 ? "i" : `i * ${width} + j`)}`;
    this.#lines.push(this.#syntax.array(name, width));
    this.#loop("j", width, [
      this.#syntax.variable("sum", this.#weights.at(bias, "j")),
      this.#syntax.loop("i", weights.shape[0]!),
      `  sum += ${product};`,
      "}",
      `${name}[j] = sum;`,
    ]);
    return { array: name, offset: 0 };
  }

  #elementwise({ from, expression, width }: NodeOf<"elementwise">, name: string): Value {
    const names = new Map(from.map((node, place) => [operandName(place), textOf(this.#values[node]!, "i")]));
    const { lines, result } = this.#expression(new Simplifier().simplify(expression), names);
    return this.#filled(name, width, result, lines);
  }

  /** An expression as statements that name what is used more than once, and its text. */
  #expression(
    expression: Expression,
    names: ReadonlyMap<string, string>,
  ): { readonly lines: readonly string[]; readonly result: string } {
    const order = inOrder([expression]);
    const uses = usesOf(order, [expression]);
    const lines: string[] = [];
    const texts = new Map<Expression, string>();
    for (const node of order) {
      if (node.kind === "constant") texts.set(node, this.#syntax.number(node.value));
      else if (node.kind === "input") texts.set(node, names.get(node.name)!);
      else {
        const text = this.#syntax.apply(
          node.primitive!,
          node.operands.map((operand) => texts.get(operand)!),
        );
        if (uses.get(node)! > 1) {
          const name = `t${lines.length}`;
          lines.push(this.#syntax.constant(name, text));
          texts.set(node, name);
        } else texts.set(node, text);
      }
    }
    return { lines, result: texts.get(expression)! };
  }

  #reduce({ from, reduction }: NodeOf<"reduce">, name: string): Value {
    const value = this.#values[from]!;
    const { width } = this.#graph.nodes[from]!;
    const unit = textOf(value, "i");
    if (reduction === "sum" || reduction === "mean") {
      this.#sum(reduction === "sum" ? name : `${name}_sum`, width, unit);
      if (reduction === "sum") return { scalar: name };
      this.#let(name, this.#syntax.apply("divide", [`${name}_sum`, this.#syntax.number(width)]));
      return { scalar: name };
    }
    if (reduction === "max") this.#max(name, width, value);
    else {
      this.#max(`${name}_max`, width, value);
      const exponential = this.#syntax.apply("exp", [this.#syntax.apply("subtract", [unit, `${name}_max`])]);
      this.#sum(`${name}_sum`, width, exponential);
      this.#let(name, this.#syntax.apply("add", [`${name}_max`, this.#syntax.apply("log", [`${name}_sum`])]));
    }
    return { scalar: name };
  }

  #let(name: string, text: string): void {
    this.#lines.push(this.#syntax.constant(name, text));
  }

  #sum(name: string, width: number, unit: string): void {
    this.#lines.push(this.#syntax.variable(name, this.#syntax.number(0)));
    this.#loop("i", width, [`${name} += ${unit};`]);
  }

  #max(name: string, width: number, value: Value): void {
    this.#lines.push(this.#syntax.variable(name, textOf(value, "0")));
    this.#loop("i", width, [`${name} = ${this.#syntax.apply("maximum", [name, textOf(value, "i")])};`]);
  }

  #concat({ from, width }: NodeOf<"concat">, name: string): Value {
    this.#lines.push(this.#syntax.array(name, width));
    let offset = 0;
    for (const node of from) {
      const part = this.#graph.nodes[node]!.width;
      this.#loop("i", part, [`${name}[${sumOf(offset, "i")}] = ${textOf(this.#values[node]!, "i")};`]);
      offset += part;
    }
    return { array: name, offset: 0 };
  }

  /** Probabilities of classes, as differences from the largest logit. */
  #softmax(logits: Value): void {
    const { outputs } = this.#network;
    this.#max("largest", outputs, logits);
    const share = this.#syntax.apply("exp", [this.#syntax.apply("subtract", [textOf(logits, "i"), "largest"])]);
    this.#loop("i", outputs, [`y[i] = ${share};`]);
    this.#sum("total", outputs, "y[i]");
    this.#loop("i", outputs, ["y[i] /= total;"]);
  }
}

/** What a node is called in the source; names of own activations are the user's and stay out. */
function stemOf(node: GraphNode): string {
  if (node.kind === "elementwise") return typeof node.activation === "string" ? node.activation : "value";
  return node.kind === "reduce" ? node.reduction : node.kind;
}
