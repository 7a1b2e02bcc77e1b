import { InvalidInput } from "../errors.ts";
import { requireName } from "../graph/network.ts";
import { type DataType, dataTypes } from "../backend/shape.ts";
import { computeBinary, computeUnary, type Operand, requireTensors } from "./compute.ts";
import { sumTo } from "./layout.ts";
import { type Gradient, type Keep, record } from "./tape.ts";
import { keepingResult } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** Gradients of a function of two operands, either of which may be a number or repeated. */
type BinaryGradients = (keep: (operand: Operand) => Operand) => readonly [Gradient, Gradient];

/** Notes how a function of two operands came about; gradients are summed where an operand was repeated. */
export function recordBinary(output: Tensor, a: Operand, b: Operand, gradientsOf: BinaryGradients): Tensor {
  const operands = [a, b];
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  return record(output, tensors, (keep: Keep) => {
    const keepOperand = (operand: Operand): Operand => (operand instanceof Tensor ? keep(operand) : operand);
    const gradients = gradientsOf(keepOperand);
    return operands.flatMap((operand, index) => {
      if (!(operand instanceof Tensor)) return [];
      const { shape } = operand;
      return [(dOutput: Tensor) => sumTo(gradients[index]!(dOutput), shape)];
    });
  });
}

/** a + b. Shapes follow NumPy's rule: aligned at the last axis, sizes are equal or one of them is 1; so do those below. */
export function add(a: Operand, b: Operand): Tensor {
  return recordBinary(computeBinary("add", a, b), a, b, () => [(dOutput) => dOutput, (dOutput) => dOutput]);
}

/** a − b. */
export function subtract(a: Operand, b: Operand): Tensor {
  return recordBinary(computeBinary("subtract", a, b), a, b, () => [(dOutput) => dOutput, negate]);
}

/** a · b, value by value. */
export function multiply(a: Operand, b: Operand): Tensor {
  return recordBinary(computeBinary("multiply", a, b), a, b, (keep) => {
    const [x, y] = [keep(a), keep(b)];
    return [(dOutput) => multiply(dOutput, y), (dOutput) => multiply(dOutput, x)];
  });
}

/** a / b, value by value. */
export function divide(a: Operand, b: Operand): Tensor {
  const output = computeBinary("divide", a, b);
  return recordBinary(output, a, b, (keep) => {
    const [y, quotient] = [keep(b), keep(output)];
    return [(dOutput) => divide(dOutput, y), (dOutput) => negate(divide(multiply(dOutput, quotient), y))];
  });
}

/** 1 where a > b, else 0. It has no gradient. */
export const greater = (a: Operand, b: Operand): Tensor => computeBinary("greater", a, b);

/** 1 where a and b are equal, else 0. It has no gradient. */
export const equal = (a: Operand, b: Operand): Tensor => computeBinary("equal", a, b);

/** Part of a gradient that an operand takes: all where it won, half where both are equal. */
const shareOf = (won: Operand, lost: Operand): Tensor => add(greater(won, lost), multiply(equal(won, lost), 0.5));

/** a · part, and 0 where part is 0, even of infinity: a gradient that only a branch that was taken gets. There is none by the part. */
export function takeShare(a: Tensor, part: Operand): Tensor {
  return record(computeBinary("share", a, part), [a], (keep) => {
    const own = typeof part === "number" ? part : keep(part);
    return [(dOutput) => sumTo(takeShare(dOutput, own), a.shape)];
  });
}

/** a where the condition says so, else 0. */
function kept(name: "keepWhere" | "keepElsewhere", a: Operand, condition: Tensor): Tensor {
  const output = computeBinary(name, a, condition, { place: "where" });
  if (typeof a === "number") return output;
  return record(output, [a], (keep) => {
    const where = keep(condition);
    return [(dOutput) => sumTo(kept(name, dOutput, where), a.shape)];
  });
}

/**
 * a where the condition is not 0, else b; shapes repeat as those of `add`. The operand that is not taken gets a gradient of 0,
 * even from an infinite one; the condition has none. An infinite slope of what an operand was made of times that 0 is NaN: guard
 * the argument, as in log(where(condition, a, 1)).
 * @param condition such as `greater` and `equal` return
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  requireTensors("where: condition", [condition]);
  return keepingResult(() => add(kept("keepWhere", a, condition), kept("keepElsewhere", b, condition)));
}

/** The larger of a and b; where they are equal each takes half of the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return recordBinary(computeBinary("maximum", a, b), a, b, (keep) => {
    const [x, y] = [keep(a), keep(b)];
    return [(dOutput) => takeShare(dOutput, shareOf(x, y)), (dOutput) => takeShare(dOutput, shareOf(y, x))];
  });
}

/** The smaller of a and b; where they are equal each takes half of the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return recordBinary(computeBinary("minimum", a, b), a, b, (keep) => {
    const [x, y] = [keep(a), keep(b)];
    return [(dOutput) => takeShare(dOutput, shareOf(y, x)), (dOutput) => takeShare(dOutput, shareOf(x, y))];
  });
}

/** a, but at least `low` and at most `high`; beyond them there is no gradient, and half of it where a is on one of them. */
export const clip = (a: Operand, low: Operand, high: Operand): Tensor =>
  keepingResult(() => minimum(maximum(a, low), high));

/** −a. */
export function negate(a: Tensor): Tensor {
  return record(computeUnary("negate", a), [a], () => [negate]);
}

/** e to the a. */
export function exp(a: Tensor): Tensor {
  const output = computeUnary("exp", a);
  return record(output, [a], (keep) => {
    const y = keep(output);
    return [(dOutput) => multiply(dOutput, y)];
  });
}

/** Natural logarithm. */
export function log(a: Tensor): Tensor {
  return record(computeUnary("log", a), [a], (keep) => {
    const x = keep(a);
    return [(dOutput) => divide(dOutput, x)];
  });
}

/** Square root. */
export function sqrt(a: Tensor): Tensor {
  const output = computeUnary("sqrt", a);
  return record(output, [a], (keep) => {
    const y = keep(output);
    return [(dOutput) => divide(multiply(dOutput, 0.5), y)];
  });
}

/** a². */
export function square(a: Tensor): Tensor {
  return record(computeUnary("square", a), [a], (keep) => {
    const x = keep(a);
    return [(dOutput) => multiply(dOutput, multiply(x, 2))];
  });
}

/**
 * a to a constant power.
 * @param exponent a whole number, or any number where no value of `a` is negative
 */
export function power(a: Tensor, exponent: number): Tensor {
  if (!Number.isFinite(exponent)) {
    const fix = "for a variable exponent use exp(multiply(exponent, log(a)))";
    throw new InvalidInput({ place: "power: exponent", expected: "a finite number", got: typeof exponent, fix });
  }
  return record(computeUnary("power", a, { exponent }), [a], (keep) => {
    const x = keep(a);
    if (exponent === 0) return [(dOutput) => takeShare(dOutput, 0)];
    return [(dOutput) => multiply(dOutput, multiply(power(x, exponent - 1), exponent))];
  });
}

/** |a|; its slope at 0 is 0. */
export function absolute(a: Tensor): Tensor {
  return record(computeUnary("absolute", a), [a], (keep) => {
    const x = keep(a);
    return [(dOutput) => takeShare(dOutput, sign(x))];
  });
}

/** −1, 0 or 1. It has no gradient. */
export const sign = (a: Tensor): Tensor => computeUnary("sign", a);

/** The same values, stored otherwise. */
export function cast(a: Tensor, dtype: DataType): Tensor {
  requireName("cast: dtype", dtype, dataTypes);
  const output = computeUnary("identity", a, { place: "cast", dtype });
  const from = a.dtype;
  return record(output, [a], () => [(dOutput) => cast(dOutput, from)]);
}
