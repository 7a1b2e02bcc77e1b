import { unaryInputs } from "../../math/elementwise.ts";
import type { Expression } from "../../math/expression.ts";
import { compileFloat64 } from "../../math/float64.ts";

export interface UnaryArguments {
  /** Of `unaryInputs`. */
  readonly expression: Expression;
  readonly a: Float64Array;
  /** As long as `a`, written. */
  readonly out: Float64Array;
  /** Of power. */
  readonly exponent: number;
}

/** out = f(a). CPU reference of `shaders/unary.wgsl`. */
export function unary({ expression, a, out, exponent }: UnaryArguments): void {
  const { inputs, outputs, run } = compileFloat64([expression], unaryInputs);
  inputs[1] = exponent;
  for (let at = 0; at < out.length; at++) {
    inputs[0] = a[at]!;
    run();
    out[at] = outputs[0]!;
  }
}
