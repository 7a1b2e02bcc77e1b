import { inOrder, Expression, reciprocal } from "./expression.ts";
import type { Simplifier } from "./simplify.ts";

/** A subexpression that is computed once, and the name of the input that stands for it. */
export interface Hoisted {
  readonly name: string;
  readonly expression: Expression;
}

export interface HoistedExpressions {
  /** The expressions, with inputs where something was hoisted. */
  readonly outputs: readonly Expression[];
  readonly hoisted: readonly Hoisted[];
}

/** What may be computed elsewhere: the prefix of its new names, and the inputs that it may depend on. */
export interface HoistRule {
  readonly prefix: string;
  readonly takes: (input: string) => boolean;
}

/** Place of the first rule that takes all inputs of each node; none takes what stays. Constants fit every rule. */
function rulesOf(order: readonly Expression[], rules: readonly HoistRule[]): Map<Expression, number> {
  const places = new Map<Expression, number>();
  for (const node of order) {
    const inputs = inOrder([node]).filter(({ kind }) => kind === "input");
    const place = rules.findIndex(({ takes }) => inputs.every(({ name }) => takes(name)));
    places.set(node, place < 0 ? rules.length : place);
  }
  return places;
}

/** Rebuilds expressions with inputs in place of what is hoisted. */
class Hoister {
  readonly hoisted: Hoisted[] = [];
  readonly #simplifier: Simplifier;
  readonly #rules: readonly HoistRule[];
  readonly #places: ReadonlyMap<Expression, number>;
  readonly #counts: number[];
  readonly #done = new Map<Expression, Expression>();

  constructor(simplifier: Simplifier, rules: readonly HoistRule[], places: ReadonlyMap<Expression, number>) {
    this.#simplifier = simplifier;
    this.#rules = rules;
    this.#places = places;
    this.#counts = rules.map(() => 0);
  }

  /** The node without what is hoisted; `rebuild` has been called for all that stays below it. */
  of(node: Expression): Expression {
    return this.#isHoisted(node) ? this.#inputFor(node, this.#places.get(node)!) : (this.#done.get(node) ?? node);
  }

  rebuild(node: Expression): void {
    if (node.kind !== "application" || this.#isHoisted(node)) return;
    const [dividend, divisor] = node.operands as [Expression, Expression];
    const isByHoisted = node.primitive === "divide" && this.#isHoisted(divisor);
    const rebuilt = isByHoisted
      ? this.of(dividend).times(
          this.#inputFor(this.#simplifier.simplify(reciprocal(divisor)), this.#places.get(divisor)!),
        )
      : Expression.application(
          node.primitive!,
          node.operands.map((operand) => this.of(operand)),
        );
    this.#done.set(node, rebuilt);
  }

  #isHoisted(node: Expression): boolean {
    return node.kind !== "constant" && this.#places.get(node)! < this.#rules.length;
  }

  #inputFor(expression: Expression, rule: number): Expression {
    const known = this.#done.get(expression);
    if (known) return known;
    const input = Expression.input(`${this.#rules[rule]!.prefix}${this.#counts[rule]!++}`);
    this.#done.set(expression, input);
    this.hoisted.push({ name: input.name, expression });
    return input;
  }
}

/**
 * Moves the largest subexpressions that depend on nothing but certain inputs out of expressions. Constants stay where they are. A
 * division by something hoisted becomes a multiplication by its hoisted reciprocal, which may change the last bits.
 * @param outputs simplified by `simplifier`
 * @param rules the first that takes all inputs of a subexpression hoists it; names are its prefix and a number from 0
 */
export function hoist(
  simplifier: Simplifier,
  outputs: readonly Expression[],
  rules: readonly HoistRule[],
): HoistedExpressions {
  const order = inOrder(outputs);
  const hoister = new Hoister(simplifier, rules, rulesOf(order, rules));
  for (const node of order) hoister.rebuild(node);
  return { outputs: outputs.map((output) => hoister.of(output)), hoisted: hoister.hoisted };
}
