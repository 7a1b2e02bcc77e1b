import { keepsAt, maskKey, normalAt } from "../backend/dropout.ts";
import { operandName } from "../graph/builder.ts";
import { deriveStep, type StepGraph, type StepNode } from "../graph/derive.ts";
import { denseShapesOf, type DenseShape, type GraphNetwork } from "../graph/graphNetwork.ts";
import { nameOf } from "../graph/network.ts";
import { Simplifier } from "../math/simplify.ts";
import { logSumExp } from "../math/softmax.ts";
import { meaningOf } from "./activationFormulas.ts";
import { call, constant, difference, evaluate, exponential, product, quotient, sum, symbol } from "./expression.ts";
import type { Expression, Leaf } from "./expression.ts";
import { type Formula, formulaOf } from "./formulaOf.ts";
import { lossFormulas, lossMeaning, type Output } from "./lossFormulas.ts";
import { lossDerivative, named } from "./names.ts";
import { lineOf, type StepLine, type StepOptions } from "./stepLine.ts";

type GraphStepOptions = StepOptions<GraphNetwork>;
type NodeOf<Kind extends StepNode["kind"]> = Extract<StepNode, { kind: Kind }>;

const zero = constant(0);

/** Nodes whose values are those of others: they have no lines. */
const isView = ({ kind }: StepNode): boolean =>
  ["input", "parameter", "broadcast", "slice", "concat", "gather", "pad"].includes(kind);

/** `layers.1.weights[2, 0]` */
function entryName({ name, shape }: { name: string; shape: readonly number[] }, entry: number): string {
  const [, columns] = shape;
  return columns === undefined ? `${name}[${entry}]` : `${name}[${Math.floor(entry / columns)}, ${entry % columns}]`;
}

/** Short names of roles; others are called by the role itself. */
const letters: Readonly<Record<string, string>> = { weights: "w", bias: "b", table: "e" };

/** A symbol of every parameter: w1, w2, … of weights in their order, b1 … of biases, e1 … of tables, scale1 …. */
function parameterLeaves({ parameters }: StepGraph, values: ArrayLike<number>): Leaf[] {
  const counts = new Map<string, number>();
  return parameters.flatMap(({ name, offset, size }) => {
    const role = name.slice(name.lastIndexOf(".") + 1);
    const letter = letters[role] ?? role;
    const first = counts.get(letter) ?? 0;
    counts.set(letter, first + size);
    return Array.from({ length: size }, (_, entry) => named(`${letter}${first + entry + 1}`, values[offset + entry]!));
  });
}

/** Writes the nodes of one step of a graph, forward and backward, unit by unit: v1, v2, … are what forward computes. */
class GraphStep {
  readonly #options: GraphStepOptions;
  readonly #step: StepGraph;
  readonly #inputs: readonly Leaf[];
  readonly #targets: readonly Leaf[];
  readonly #parameters: readonly Leaf[];
  readonly #dense: ReadonlyMap<number, DenseShape>;
  /** Symbols of nodes that are computed; those of gradients by what they are the gradient of. */
  readonly #leaves = new Map<number, readonly Leaf[]>();
  readonly #rate: Leaf;

  constructor(options: GraphStepOptions) {
    const { network, input, target, reference, learningRate } = options;
    this.#options = options;
    this.#step = deriveStep(network.graph);
    this.#inputs = Array.from(input, (value, index) => named(`x${index + 1}`, value));
    this.#targets = Array.from(target, (value, index) => named(`t${index + 1}`, value));
    this.#parameters = parameterLeaves(this.#step, reference.before);
    this.#dense = new Map(denseShapesOf(network.graph).map((shape) => [shape.node, shape]));
    this.#rate = symbol("η", "\\eta", learningRate);
  }

  lines(): StepLine[] {
    const { forwardCount, allNodes } = this.#step;
    const nodes = allNodes.map((_, index) => index);
    return [
      ...this.#given(),
      ...nodes.slice(0, forwardCount).flatMap((index) => this.#node(index)),
      ...this.#loss(),
      ...nodes.slice(forwardCount).flatMap((index) => this.#node(index)),
      ...this.#gradients(),
      ...this.#updates(),
    ];
  }

  #given(): StepLine[] {
    const { device } = this.#options;
    const parameters = this.#step.parameters.flatMap((parameter) =>
      Array.from({ length: parameter.size }, (_, entry) => {
        const at = parameter.offset + entry;
        return lineOf({ note: entryName(parameter, entry) }, this.#parameters[at]!, undefined, device?.before[at]);
      }),
    );
    return [
      ...this.#inputs.map((leaf) => lineOf({ note: "input" }, leaf)),
      ...this.#targets.map((leaf) => lineOf({ note: "target" }, leaf)),
      lineOf({ note: "learning rate" }, this.#rate),
      ...parameters,
    ];
  }

  /** The symbol, or the constant 0, of a unit of a node that was visited. */
  #leaf(index: number, unit: number): Leaf {
    const node = this.#step.allNodes[index]!;
    switch (node.kind) {
      case "input":
        return this.#inputs[unit]!;
      case "parameter":
        return this.#parameters[this.#step.parameters[node.parameter]!.offset + unit]!;
      case "gather": {
        const row = this.#leaf(node.from, 0).value;
        return this.#parameters[this.#step.parameters[node.table]!.offset + row * node.width + unit]!;
      }
      case "broadcast":
        return this.#leaf(node.from, 0);
      case "slice":
        return this.#leaf(node.from, node.start + unit);
      case "pad": {
        const inside = unit - node.start;
        const isInside = inside >= 0 && inside < this.#step.allNodes[node.from]!.width;
        return isInside ? this.#leaf(node.from, inside) : zero;
      }
      case "concat": {
        let rest = unit;
        for (const from of node.from) {
          const { width } = this.#step.allNodes[from]!;
          if (rest < width) return this.#leaf(from, rest);
          rest -= width;
        }
        break;
      }
    }
    return this.#leaves.get(index)![unit]!;
  }

  #all(index: number): Leaf[] {
    return Array.from({ length: this.#step.allNodes[index]!.width }, (_, unit) => this.#leaf(index, unit));
  }

  /** Lines of a node that is computed. */
  #node(index: number): StepLine[] {
    const node = this.#step.allNodes[index]!;
    if (isView(node)) return [];
    const isForward = index < this.#step.forwardCount;
    const formulas = this.#formulas(node);
    const values = this.#values(index, node, formulas);
    const leaves = formulas.map((_, unit) => this.#quantity(index, unit, values[unit]!));
    this.#leaves.set(index, leaves);
    const section = isForward ? "forward" : "factors";
    const page = { title: this.#title(index, node), ...this.#meaning(node) };
    const device = this.#deviceValues(index);
    return formulas.map(({ formula, ...branch }, unit) =>
      lineOf({ section, page, ...branch }, leaves[unit]!, formula, device?.[unit]),
    );
  }

  #values(index: number, node: StepNode, formulas: readonly Formula[]): ArrayLike<number> {
    const layer = this.#dense.get(index);
    if (layer) return this.#options.reference.preActivations[layer.index]!;
    if (node.kind === "reduce" && node.reduction === "logSumExp") {
      return [logSumExp(Float64Array.from(this.#all(node.from), ({ value }) => value))];
    }
    return formulas.map(({ formula }) => evaluate(formula));
  }

  #deviceValues(index: number): ArrayLike<number> | undefined {
    const layer = this.#dense.get(index);
    return layer && this.#options.device?.preActivations[layer.index];
  }

  #quantity(index: number, unit: number, value: number): Leaf {
    const { forwardCount, gradientOf, allNodes } = this.#step;
    if (index < forwardCount) return this.#symbol("v", index, unit, value);
    const of = gradientOf.findLastIndex((gradient, node) => gradient === index && !isView(allNodes[node]!));
    if (of >= 0) return lossDerivative(this.#leaf(of, unit), value);
    return this.#symbol("u", index, unit, value);
  }

  /** How many nodes before it are computed, and it. */
  #number(index: number): number {
    return this.#step.allNodes.slice(0, index + 1).filter((node) => !isView(node)).length;
  }

  #symbol(letter: "v" | "u", index: number, unit: number, value: number): Leaf {
    const number = this.#number(index);
    if (this.#step.allNodes[index]!.width === 1) return symbol(`${letter}${number}`, `${letter}_{${number}}`, value);
    return symbol(`${letter}${number}_${unit + 1}`, `${letter}_{${number},${unit + 1}}`, value);
  }

  #title(index: number, node: StepNode): string {
    const { forwardCount, parameters } = this.#step;
    if (index >= forwardCount) return "Backward: ∂L by the values, u where several add up";
    const what = {
      dense: () => `dense, ${parameters[(node as NodeOf<"dense">).weights]!.name.replace(/\.weights$/, "")}`,
      elementwise: () => {
        const { activation } = node as NodeOf<"elementwise">;
        return activation === undefined ? "value by value" : nameOf(activation);
      },
      reduce: () => `${(node as NodeOf<"reduce">).reduction} over the units`,
      dropout: () => `dropout, rate ${(node as NodeOf<"dropout">).rate}`,
      noise: () => `noise of deviation ${(node as NodeOf<"noise">).deviation}`,
    }[node.kind as "dense" | "elementwise" | "reduce" | "dropout" | "noise"]();
    return `Forward, v${this.#number(index)}: ${what}`;
  }

  #meaning(node: StepNode): Pick<NonNullable<StepLine["page"]>, "meaning"> {
    const meaning = node.kind === "elementwise" ? meaningOf([node.expression]) : undefined;
    return meaning ? { meaning } : {};
  }

  /** The formula of each unit. */
  #formulas(node: StepNode): Formula[] {
    const units = Array.from({ length: node.width }, (_, unit) => unit);
    switch (node.kind) {
      case "dense": {
        const bias = this.#step.parameters[node.bias]!.offset;
        return units.map((to) => {
          const terms = this.#all(node.from).map((leaf, from) => product(this.#weight(node, from, to), leaf));
          return { formula: sum(...terms, this.#parameters[bias + to]!) };
        });
      }
      case "denseInputs": {
        const dense = this.#step.allNodes[node.dense] as NodeOf<"dense">;
        return units.map((from) => ({
          formula: sum(...this.#all(node.from).map((leaf, to) => product(leaf, this.#weight(dense, from, to)))),
        }));
      }
      case "elementwise": {
        const definition = new Simplifier().simplify(node.expression);
        return units.map((unit) => {
          const operands = node.from.map((from, place) => [operandName(place), this.#leaf(from, unit)] as const);
          return formulaOf(definition, new Map(operands));
        });
      }
      case "reduce":
        return [{ formula: reduced(node.reduction, this.#all(node.from)) }];
      case "dropout": {
        const key = maskKey({ seed: 0, step: 0 }, node.stream); // those of a trace
        return units.map((unit) => {
          if (!keepsAt(key, node.rate, 0, unit)) return { formula: zero };
          return { formula: quotient(this.#leaf(node.from, unit), constant(1 - node.rate)) };
        });
      }
      case "noise": {
        const key = maskKey({ seed: 0, step: 0 }, node.stream);
        return units.map((unit) => ({
          formula: sum(this.#leaf(node.from, unit), constant(node.deviation * normalAt(key, 0, unit))),
        }));
      }
      case "outputGradient":
        return [...lossFormulas(this.#options.network.loss, this.#outputs()).dOutputs];
      default:
        throw new Error(`explain: ${node.kind} has no formula`);
    }
  }

  #weight({ weights, width }: NodeOf<"dense">, from: number, to: number): Leaf {
    return this.#parameters[this.#step.parameters[weights]!.offset + from * width + to]!;
  }

  #outputs(): Output[] {
    return this.#all(this.#step.forwardCount - 1).map((activation, index) => ({
      name: activation.text,
      activation,
      target: this.#targets[index]!,
    }));
  }

  #loss(): StepLine[] {
    const { network, reference, device } = this.#options;
    const { parts, loss } = lossFormulas(network.loss, this.#outputs());
    const meaning = lossMeaning(network.loss, "loss");
    const page = { title: `Loss: ${nameOf(network.loss)}`, ...(meaning && { meaning }) };
    const section = "loss";
    const { formula: whole, ...ofLoss } = loss;
    return [
      ...parts.map(({ quantity, formula, ...branch }) => lineOf({ section, page, ...branch }, quantity, formula)),
      lineOf({ section, page, ...ofLoss }, named("L", reference.losses[0]!), whole, device?.losses[0]),
    ];
  }

  /** The formula of the gradient by each parameter, in their order. */
  #gradientFormulas(): Expression[] {
    const formulas: Expression[] = this.#parameters.map(() => zero); // of categories that the row does not have
    const { parameters, parameterGradients, allNodes } = this.#step;
    for (const own of parameterGradients) {
      const gradient = this.#all(own.gradient);
      if (own.kind === "dense") {
        const { weights, bias } = allNodes[own.dense] as NodeOf<"dense">;
        const [first, biasFirst] = [parameters[weights]!.offset, parameters[bias]!.offset];
        for (const [to, leaf] of gradient.entries()) {
          formulas[biasFirst + to] = leaf;
          for (const [from, value] of this.#all(own.input).entries()) {
            formulas[first + from * gradient.length + to] = product(leaf, value);
          }
        }
      } else {
        const row = own.kind === "table" ? this.#leaf(own.index, 0).value : 0;
        const first = parameters[own.parameter]!.offset + row * gradient.length;
        for (const [unit, leaf] of gradient.entries()) formulas[first + unit] = leaf;
      }
    }
    return formulas;
  }

  #gradients(): StepLine[] {
    const { reference, device } = this.#options;
    const page = { title: "Gradients: ∂L by the parameters" };
    return this.#gradientFormulas().map((formula, at) => {
      const quantity = lossDerivative(this.#parameters[at]!, reference.gradients[at]!);
      return lineOf({ section: "gradients", page }, quantity, formula, device?.gradients[at]);
    });
  }

  #updates(): StepLine[] {
    const { reference, device } = this.#options;
    return this.#parameters.map((before, at) => {
      const gradient = lossDerivative(before, reference.gradients[at]!);
      const formula = difference(before, product(this.#rate, gradient));
      const quantity = symbol(before.text, before.tex, reference.after[at]!);
      return lineOf({ section: "update", relation: "←" }, quantity, formula, device?.after[at]);
    });
  }
}

function reduced(reduction: NodeOf<"reduce">["reduction"], values: readonly Leaf[]): Expression {
  switch (reduction) {
    case "sum":
      return sum(...values);
    case "mean":
      return quotient(sum(...values), constant(values.length));
    case "max":
      return values.length === 1 ? values[0]! : call("maximum", ...values);
    case "logSumExp":
      return call("log", sum(...values.map(exponential)));
  }
}

/** Every value of one step of gradient descent of a graph as a line; see `describeStep`. */
export const describeGraph = (options: GraphStepOptions): StepLine[] => new GraphStep(options).lines();
