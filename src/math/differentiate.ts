import { type Expression, inOrder } from "./expression.ts";
import { primitives } from "./primitives.ts";
import type { Simplifier } from "./simplify.ts";

/** How often each node is used as an operand or as a result. */
export function usesOf(order: readonly Expression[], outputs: readonly Expression[]): Map<Expression, number> {
  const uses = new Map<Expression, number>();
  const count = (node: Expression): void => void uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of order) for (const operand of node.operands) count(operand);
  for (const output of outputs) count(output);
  return uses;
}

/**
 * Gradients of an output by inputs, by reverse accumulation: the gradient by the output times the derivative.
 * @param output simplified by `simplifier`
 * @param gradient by the output: an input of its own, or the constant 1 for the derivative
 * @param by inputs, or other nodes of the output
 * @returns one expression per entry of `by`, simplified; undefined where the derivative is 0 everywhere
 */
export function backward(
  simplifier: Simplifier,
  output: Expression,
  gradient: Expression,
  by: readonly Expression[],
): (Expression | undefined)[] {
  const gradients = new Map<Expression, Expression>([[output, simplifier.simplify(gradient)]]);
  for (const node of inOrder([output]).toReversed()) {
    const own = gradients.get(node);
    if (!own || node.primitive === undefined) continue;
    const parts = primitives[node.primitive].backward(own, node.operands, node);
    for (const [index, part] of parts.entries()) {
      const operand = node.operands[index]!;
      if (part === undefined || operand.isConstant()) continue;
      const before = gradients.get(operand);
      const sum = simplifier.simplify(before ? before.plus(part) : part);
      if (sum.isConstant(0)) gradients.delete(operand);
      else gradients.set(operand, sum);
    }
  }
  return by.map((input) => gradients.get(simplifier.simplify(input)));
}
