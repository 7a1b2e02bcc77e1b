import { emitFunction } from "../math/emitWgsl.ts";
import {
  type BinaryChoice,
  binaryExpression,
  binaryInputs,
  binaryKey,
  type BinaryName,
  unaryExpression,
  unaryInputs,
  type UnaryName,
} from "../math/elementwise.ts";
import type { ElementFunction } from "./tensorKernels.ts";

/** The WGSL of an operation of one value. */
export const unaryFunction = (name: UnaryName): ElementFunction => ({
  name,
  wgsl: emitFunction("compute", unaryInputs, unaryExpression(name)),
});

/** The WGSL of an operation of two values. */
export const binaryFunction = (name: BinaryName, choice: BinaryChoice): ElementFunction => ({
  name: binaryKey(name, choice),
  wgsl: emitFunction("compute", binaryInputs, binaryExpression(name, choice)),
});
