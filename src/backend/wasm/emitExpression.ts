import { usesOf } from "../../math/differentiate.ts";
import { type Expression, inOrder } from "../../math/expression.ts";
import { f32x4 } from "./instructions.ts";
import { power } from "./logarithms.ts";
import { type ChoiceName, comparisons, primitiveCode } from "./primitiveCode.ts";
import { constant } from "./value.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";

const isChoice = (node: Expression): boolean => node.primitive?.startsWith("where") ?? false;

/** Writes expressions in order: what is used more than once is named, a product that is only added to something becomes a madd. */
class ExpressionCode {
  readonly #code: VectorCode;
  readonly #inputs: ReadonlyMap<string, Floats>;
  readonly #uses: ReadonlyMap<Expression, number>;
  readonly #values = new Map<Expression, Floats>();
  /** By comparison and its operands: choices often share one. */
  readonly #masks: { readonly like: Expression; readonly mask: Mask }[] = [];

  constructor(code: VectorCode, inputs: ReadonlyMap<string, Floats>, uses: ReadonlyMap<Expression, number>) {
    this.#code = code;
    this.#inputs = inputs;
    this.#uses = uses;
  }

  write(node: Expression): void {
    const value = this.#valueOf(node);
    if (value) this.#values.set(node, node.kind === "application" ? this.#code.let(value) : value);
  }

  of(node: Expression): Floats {
    return this.#values.get(node)!;
  }

  #valueOf(node: Expression): Floats | undefined {
    if (node.kind === "constant") return constant("f32x4", node.value);
    if (node.kind === "input") return this.#inputs.get(node.name) ?? missing(node.name);
    if (this.#isFused.has(node)) return undefined;
    return this.#fused(node) ?? this.#applied(node);
  }

  /** Products that a sum takes in. */
  readonly #isFused = new Set<Expression>();

  /** Finds the products that sums take in, before anything is written. */
  fuse(order: readonly Expression[]): void {
    for (const node of order) {
      const product = this.#productOf(node);
      if (product) this.#isFused.add(product);
    }
  }

  #isProduct(node: Expression): boolean {
    return node.primitive === "multiply" && this.#uses.get(node) === 1;
  }

  /** The operand of a sum that is fused with it. */
  #productOf({ primitive, operands }: Expression): Expression | undefined {
    if (primitive === "add") return operands.find((operand) => this.#isProduct(operand));
    return primitive === "subtract" && this.#isProduct(operands[1]!) ? operands[1] : undefined;
  }

  #fused(node: Expression): Floats | undefined {
    const product = this.#productOf(node);
    if (!product) return undefined;
    const [a, b] = product.operands.map((operand) => this.of(operand)) as [Floats, Floats];
    const other = this.of(node.operands[node.operands[0] === product ? 1 : 0]!);
    return node.primitive === "add" ? this.#code.madd(a, b, other) : this.#code.nmadd(a, b, other);
  }

  #applied(node: Expression): Floats {
    const operands = node.operands.map((operand) => this.of(operand));
    if (isChoice(node)) return this.#choice(node);
    if (node.primitive === "power") {
      const exponent = node.operands[1]!;
      return power(this.#code, operands[0]!, operands[1]!, exponent.isConstant() ? exponent.value : undefined);
    }
    return primitiveCode[node.primitive as keyof typeof primitiveCode](this.#code, ...operands);
  }

  #choice(node: Expression): Floats {
    const [a, b] = node.operands.slice(2) as [Expression, Expression];
    const mask = this.#maskOf(node);
    if (isZero(a)) return this.#code.clear(this.of(b), mask);
    return isZero(b) ? this.#code.keep(this.of(a), mask) : f32x4.bitselect(this.of(a), this.of(b), mask);
  }

  #maskOf(node: Expression): Mask {
    const [left, right] = node.operands as [Expression, Expression];
    const known = this.#masks.find(
      ({ like }) => like.primitive === node.primitive && like.operands[0] === left && like.operands[1] === right,
    );
    if (known) return known.mask;
    const mask = this.#code.let(comparisons[node.primitive as ChoiceName](this.of(left), this.of(right)));
    this.#masks.push({ like: node, mask });
    return mask;
  }
}

const isZero = (node: Expression): boolean => node.kind === "constant" && Object.is(node.value, 0);

function missing(name: string): never {
  throw new Error(`expression: no value for the input ${name}`);
}

/**
 * Writes expressions of four values each.
 * @param outputs simplified, so that equal parts are the same object
 * @param inputs values of the inputs, which may be used often
 * @returns values of the outputs, which may be used often
 */
export function emitExpressions(
  code: VectorCode,
  outputs: readonly Expression[],
  inputs: ReadonlyMap<string, Floats>,
): Floats[] {
  const order = inOrder(outputs);
  const writer = new ExpressionCode(code, inputs, usesOf(order, outputs));
  writer.fuse(order);
  for (const node of order) writer.write(node);
  return outputs.map((output) => writer.of(output));
}
