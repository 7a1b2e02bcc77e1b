import { arities, type Expression as Definition } from "../math/expression.ts";
import { primitives } from "../math/primitives.ts";
import {
  call,
  type Condition,
  constant,
  difference,
  evaluate,
  type Expression,
  exponential,
  half,
  type Leaf,
  negative,
  product,
  quotient,
  squared,
  sum,
} from "./expression.ts";

/** A formula, and the branch it holds in where there are several. */
export interface Formula {
  readonly formula: Expression;
  readonly condition?: Condition;
}

const one = constant(1);

/** 1 / (1 + e^−x): how σ is written where it is all there is. */
const logistic = (x: Expression): Expression => quotient(one, sum(one, exponential(negative(x))));

const constantOf = (value: number): Leaf => (value === 0.5 ? half : constant(value));

/** Sums are flat, so that a − b + c needs no brackets. */
const added = (a: Expression, b: Expression): Expression =>
  sum(...(a.kind === "sum" ? a.terms : [a]), ...(b.kind === "sum" ? b.terms : [b]));

const opposed = (of: Expression): Expression => (of.kind === "negative" ? of.of : negative(of));

/** Constants come first, their signs before the product. */
function multiplied(a: Expression, b: Expression): Expression {
  if (b.kind === "constant" && a.kind !== "constant") return multiplied(b, a);
  if (b.kind === "negative") return opposed(multiplied(a, b.of));
  if (a.kind !== "constant" || a.value >= 0) return product(a, b);
  return negative(a.value === -1 ? b : product(constantOf(-a.value), b));
}

/** Formulas of the nodes of one definition, with the branches that its values take. */
class Formulas {
  readonly conditions: Condition[] = [];
  readonly #leaves: ReadonlyMap<string, Expression>;
  readonly #done = new Map<Definition, Expression>();

  constructor(leaves: ReadonlyMap<string, Expression>) {
    this.#leaves = leaves;
  }

  of(node: Definition): Expression {
    const known = this.#done.get(node);
    if (known) return known;
    const made = this.#make(node);
    this.#done.set(node, made);
    return made;
  }

  #make(node: Definition): Expression {
    if (node.kind === "constant") return constantOf(node.value);
    if (node.kind === "input") return this.#leaves.get(node.name)!;
    if (node.primitive!.startsWith("where")) return this.#branch(node);
    const [a, b] = node.operands.map((operand) => this.of(operand)) as [Expression, Expression];
    switch (node.primitive) {
      case "add":
        return added(a, b);
      case "subtract":
        return added(a, b.kind === "sum" ? negative(b) : opposed(b));
      case "multiply":
        return node.operands[0] === node.operands[1] ? squared(a) : multiplied(a, b);
      case "divide":
        return quotient(a, b);
      case "negate":
        return opposed(a);
      case "reciprocal":
        return quotient(one, a);
      case "sqrt":
        return { kind: "power", base: a, exponent: half };
      case "power":
        return { kind: "power", base: a, exponent: b };
      case "exp":
        return exponential(a);
      case "expm1":
        return difference(exponential(a), one);
      case "softplus":
        return call("log", sum(one, exponential(a)));
      default:
        return call(node.primitive!, ...[a, b].slice(0, arities[node.primitive!]));
    }
  }

  /** The branch that the values take, and why. */
  #branch({ primitive, operands }: Definition): Expression {
    const [left, right] = [this.of(operands[0]!), this.of(operands[1]!)];
    const holds = primitives[primitive!].compute(evaluate(left), evaluate(right), 1, 0) === 1;
    const taken = operands[holds ? 2 : 3]!;
    if (primitive === "whereEqual") {
      // One value is set apart: not worth a word where it is another, or where the other branch gives the same.
      const other = this.of(operands[3]!);
      if (!holds || evaluate(other) === evaluate(this.of(taken))) return other;
    }
    const relations = { whereLess: ["<", "≥"], whereLessOrEqual: ["≤", ">"], whereEqual: ["=", "="] } as const;
    this.#hold(turned({ left, relation: relations[primitive as keyof typeof relations][holds ? 0 : 1], right }));
    return this.of(taken);
  }

  /** Adds a condition, or narrows one between the same terms. */
  #hold(condition: Condition): void {
    const { left, right } = condition;
    const at = this.conditions.findIndex((each) => each.left === left && each.right === right);
    if (at < 0) this.conditions.push(condition);
    else this.conditions[at] = { left, right, relation: narrowed(this.conditions[at]!.relation, condition.relation) };
  }
}

/** Which of <, = and > a relation allows, as bits. */
const allowed = { "<": 1, "=": 2, "≤": 3, ">": 4, "≥": 6 } as const;

/** The relation that says what two say together. */
function narrowed(a: Condition["relation"], b: Condition["relation"]): Condition["relation"] {
  const both = allowed[a] & allowed[b];
  return (Object.keys(allowed) as Condition["relation"][]).find((relation) => allowed[relation] === both)!;
}

const opposite = { ">": "<", "<": ">", "≤": "≥", "≥": "≤", "=": "=" } as const;

/** What is compared with a constant comes first. */
const turned = ({ left, relation, right }: Condition): Condition =>
  left.kind === "constant" ? { left: right, relation: opposite[relation], right: left } : { left, relation, right };

/**
 * The formula of a definition at values: of its branches the one that they take.
 * @param leaves symbols of its inputs
 */
export function formulaOf(definition: Definition, leaves: ReadonlyMap<string, Expression>): Formula {
  const formulas = new Formulas(leaves);
  const formula = formulas.of(definition);
  const condition = formulas.conditions.reduceRight<Condition | undefined>(
    (and, each) => (and ? { ...each, and } : each),
    undefined,
  );
  const written = definition.primitive === "sigmoid" ? logistic(formulas.of(definition.operands[0]!)) : formula;
  return { formula: written, ...(condition && { condition }) };
}

/** Whether a definition has a function in it below the top, where σ is written by its name. */
export function names(definition: Definition, primitive: Definition["primitive"]): boolean {
  const isNamed = (node: Definition): boolean =>
    node.primitive === primitive || node.operands.some((operand) => isNamed(operand));
  return definition.primitive === primitive && primitive === "sigmoid"
    ? definition.operands.some(isNamed)
    : isNamed(definition);
}
