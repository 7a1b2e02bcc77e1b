import { emitFunction } from "../../../math/emitWgsl.ts";
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
import type { ElementFunction } from "./tensorKernels.ts";

/** The WGSL of an operation of one value. */
export const unaryFunction = (name: UnaryName, choice: Choice): ElementFunction => ({
  name: unaryKey(name, choice),
  wgsl: emitFunction("compute", unaryInputs, unaryExpression(name, choice)),
});

/** The WGSL of an operation of two values. */
export const binaryFunction = (name: BinaryName, choice: Choice): ElementFunction => ({
  name: binaryKey(name, choice),
  wgsl: emitFunction("compute", binaryInputs, binaryExpression(name, choice)),
});
