import { binaryInputs } from "../../math/elementwise.ts";
import type { Expression } from "../../math/expression.ts";
import { compileFloat64 } from "../../math/float64.ts";
import { placeOf } from "./stridedIndex.ts";

/** An array read with strides, or a number. */
export type BinaryOperand = number | { readonly values: Float64Array; readonly strides: readonly number[] };

export interface BinaryArguments {
  /** Of `binaryInputs`. */
  readonly expression: Expression;
  readonly sizes: readonly number[];
  readonly a: BinaryOperand;
  readonly b: BinaryOperand;
  /** [...sizes], written. */
  readonly out: Float64Array;
}

/** out = f(a, b) with broadcasting. CPU reference of `shaders/binary.wgsl`. */
export function binary({ expression, sizes, a, b, out }: BinaryArguments): void {
  const { inputs, outputs, run } = compileFloat64([expression], binaryInputs);
  const take = (operand: BinaryOperand, index: number): number =>
    typeof operand === "number" ? operand : operand.values[placeOf(index, sizes, operand.strides)]!;
  for (let at = 0; at < out.length; at++) {
    inputs[0] = take(a, at);
    inputs[1] = take(b, at);
    run();
    out[at] = outputs[0]!;
  }
}
