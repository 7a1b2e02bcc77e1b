import {
  binaryExpression,
  binaryInputs,
  binaryKey,
  type BinaryName,
  type Choice,
  unaryExpression,
  unaryInputs,
  unaryKey,
  type UnaryName,
} from "../../../math/elementwise.ts";
import type { Expression } from "../../../math/expression.ts";

/** What a kernel computes value by value. */
export interface ElementFunction {
  /** Tells functions from each other. */
  readonly key: string;
  readonly inputs: readonly string[];
  /** Made once per kernel. */
  expression(): Expression;
}

/** An operation of one value. */
export const unaryFunction = (name: UnaryName, choice: Choice): ElementFunction => ({
  key: unaryKey(name, choice),
  inputs: unaryInputs,
  expression: () => unaryExpression(name, choice),
});

/** An operation of two values. */
export const binaryFunction = (name: BinaryName, choice: Choice): ElementFunction => ({
  key: binaryKey(name, choice),
  inputs: binaryInputs,
  expression: () => binaryExpression(name, choice),
});
