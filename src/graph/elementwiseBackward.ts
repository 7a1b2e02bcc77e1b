import { backward } from "../math/differentiate.ts";
import { inOrder, Expression } from "../math/expression.ts";
import { scalarFunction } from "../math/scalarFunction.ts";
import { Simplifier } from "../math/simplify.ts";
import { operandExpressions, operandName } from "./builder.ts";

/** A value that the gradient of an elementwise node reads: the gradient by its result, its result, or an operand. */
export type GradientSource = "gradient" | "result" | { readonly operand: number };

/** The gradient by one operand: an expression of x0, x1, …, which stand for `from`. */
export interface OperandGradient {
  readonly expression: Expression;
  readonly from: readonly GradientSource[];
}

const gradientName = "d";
const resultName = "a";

/** Replaces a node of an expression by an input. */
function replaceNode(expression: Expression, node: Expression, by: Expression): Expression {
  const done = new Map([[node, by]]);
  for (const each of inOrder([expression])) {
    if (done.has(each)) continue;
    const operands = each.operands.map((operand) => done.get(operand)!);
    const isChanged = operands.some((operand, index) => operand !== each.operands[index]);
    done.set(each, isChanged ? Expression.application(each.primitive!, operands) : each);
  }
  return done.get(expression)!;
}

function sourceOf(name: string, count: number): GradientSource {
  if (name === gradientName) return "gradient";
  if (name === resultName) return "result";
  const operand = Array.from({ length: count }, (_, index) => operandName(index)).indexOf(name);
  return { operand };
}

/** Renames the inputs that an expression uses to x0, x1, … */
function renamed(expression: Expression, count: number): OperandGradient {
  const used = inOrder([expression]).filter(({ kind }) => kind === "input");
  const names = [...new Set(used.map(({ name }) => name))];
  const inputs = new Map(names.map((name, index) => [name, Expression.input(operandName(index))]));
  return { expression: expression.substitute(inputs), from: names.map((name) => sourceOf(name, count)) };
}

/** Of one operand: from the result alone where that is enough, as for activation functions. */
function gradientOfOne(expression: Expression): Expression {
  const { backward: slope } = scalarFunction(expression.substitute(new Map([[operandName(0), Expression.input("z")]])));
  return slope.substitute(new Map([["z", Expression.input(operandName(0))]]));
}

/**
 * The gradients by the operands of an elementwise node, from the gradient by its result; undefined where one is 0 everywhere.
 * @param expression of `count` operands x0, x1, …
 */
export function elementwiseBackward(expression: Expression, count: number): (OperandGradient | undefined)[] {
  if (count === 1) {
    const gradient = gradientOfOne(expression);
    return [gradient.isConstant(0) ? undefined : renamed(gradient, count)];
  }
  const simplifier = new Simplifier();
  const forward = simplifier.simplify(expression);
  const gradients = backward(simplifier, forward, Expression.input(gradientName), operandExpressions(count));
  return gradients.map((gradient) => {
    if (!gradient) return undefined;
    const isComputed = forward.kind === "application";
    const byResult = isComputed ? replaceNode(gradient, forward, Expression.input(resultName)) : gradient;
    return renamed(simplifier.simplify(byResult), count);
  });
}
