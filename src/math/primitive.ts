import type { ErrorBound } from "./errorBounds.ts";
import type { Expression } from "./expression.ts";

/** A function of shaders/scalar.wgsl that brings an argument into the range of cheaper routines. */
export interface Preparation {
  readonly wgsl: string;
  /** Arguments whose size is below it are prepared as they are. */
  readonly from: number;
}

/** An operator of ONNX (set 13) by name, or an expression of them: `emit` gives the name of an operator's result. */
export type OnnxForm =
  string | ((emit: (operator: string, ...inputs: (string | number)[]) => string, ...operands: string[]) => string);

/** A row of the table in primitives.ts: the only place that knows a primitive. */
export interface Primitive {
  /** In float64. */
  readonly compute: (...operands: number[]) => number;
  /** WGSL of the result, from the operands' WGSL: an operator, a builtin, or a function of shaders/scalar.wgsl. */
  readonly wgsl: (...operands: string[]) => string;
  /** Whether that WGSL also takes vectors, component by component. */
  readonly takesVectors: boolean;
  /**
   * WGSL from an operand that is prepared, where preparing costs more than the function: kernels prepare an argument once for all
   * functions of it, and in one place for many arguments.
   */
  readonly prepared?: { readonly by: Preparation; readonly wgsl: (operand: string) => string };
  /**
   * The gradient by each operand, from the gradient by the result; undefined where it is 0 everywhere. `self` is the result.
   * One that is 0 in places selects: a product with 0 would be NaN where another factor is infinite.
   */
  readonly backward: (
    gradient: Expression,
    operands: readonly Expression[],
    self: Expression,
  ) => readonly (Expression | undefined)[];
  /** The same of one operand from the result alone, where that loses digits: for functions of which nothing else is saved. */
  readonly backwardByResult?: (gradient: Expression, self: Expression) => Expression;
  readonly bound: ErrorBound;
  readonly onnx: OnnxForm;
  /** Name of the function in formulas; without one it is written by signs. MathML takes the text. */
  readonly notation?: { readonly text: string; readonly tex: string };
}
