import { arities, type PrimitiveName } from "./expression.ts";
import { primitives } from "./primitives.ts";

// Operations on blocks of float64 values: one loop for all values of a node.

/** Values of an operand: a block, or a vector of the caller with the run's first place. */
export interface Values {
  array: Float64Array;
  first: number;
}

/** One of the numbers. */
export interface NumberAt {
  readonly numbers: Float64Array;
  readonly index: number;
}

/** Computes the first `count` values of a block. */
export type Operation = (count: number) => void;
type LoopOf = (to: Float64Array, operands: readonly Values[]) => Operation;

// Loops of what costs less than a call are written out. They take arrays from locals: V8 would load those of a closure for each value.

const loops: Partial<Record<PrimitiveName, LoopOf>> = {
  add:
    (to, [left, right]) =>
    (count) => {
      const { array: a, first: firstA } = left!;
      const { array: b, first: firstB } = right!;
      const result = to;
      for (let at = 0; at < count; at++) result[at] = a[firstA + at]! + b[firstB + at]!;
    },
  subtract:
    (to, [left, right]) =>
    (count) => {
      const { array: a, first: firstA } = left!;
      const { array: b, first: firstB } = right!;
      const result = to;
      for (let at = 0; at < count; at++) result[at] = a[firstA + at]! - b[firstB + at]!;
    },
  multiply:
    (to, [left, right]) =>
    (count) => {
      const { array: a, first: firstA } = left!;
      const { array: b, first: firstB } = right!;
      const result = to;
      for (let at = 0; at < count; at++) result[at] = a[firstA + at]! * b[firstB + at]!;
    },
  divide:
    (to, [left, right]) =>
    (count) => {
      const { array: a, first: firstA } = left!;
      const { array: b, first: firstB } = right!;
      const result = to;
      for (let at = 0; at < count; at++) result[at] = a[firstA + at]! / b[firstB + at]!;
    },
  sqrt:
    (to, [operand]) =>
    (count) => {
      const { array, first } = operand!;
      const result = to;
      for (let at = 0; at < count; at++) result[at] = Math.sqrt(array[first + at]!);
    },
};

/** An operation with one operand that is a number. */
export const numberLoops: Partial<
  Record<PrimitiveName, (to: Float64Array, values: Values, number: NumberAt) => Operation>
> = {
  add:
    (to, values, { numbers, index }) =>
    (count) => {
      const { array, first } = values;
      const [result, number] = [to, numbers[index]!];
      for (let at = 0; at < count; at++) result[at] = array[first + at]! + number;
    },
  multiply:
    (to, values, { numbers, index }) =>
    (count) => {
      const { array, first } = values;
      const [result, number] = [to, numbers[index]!];
      for (let at = 0; at < count; at++) result[at] = array[first + at]! * number;
    },
};

/** A product of values and a number, or its negative. */
interface Scaled {
  readonly values: Values;
  readonly factor: NumberAt;
  readonly sign: 1 | -1;
}

/** values · factor + added: rounds twice, as the two operations do. */
export const addScaled =
  (to: Float64Array, { values, factor, sign }: Scaled, others: Values): Operation =>
  (count) => {
    const { array, first } = values;
    const { array: added, first: firstAdded } = others;
    const result = to;
    const number = sign * factor.numbers[factor.index]!;
    for (let at = 0; at < count; at++) result[at] = added[firstAdded + at]! + array[first + at]! * number;
  };

/** values · factor + shift. */
export const shiftScaled =
  (to: Float64Array, { values, factor, sign }: Scaled, shift: NumberAt): Operation =>
  (count) => {
    const { array, first } = values;
    const result = to;
    const [number, added] = [sign * factor.numbers[factor.index]!, shift.numbers[shift.index]!];
    for (let at = 0; at < count; at++) result[at] = array[first + at]! * number + added;
  };

export const copyOf =
  (to: Float64Array, values: Values): Operation =>
  (count) => {
    const { array, first } = values;
    const result = to;
    for (let at = 0; at < count; at++) result[at] = array[first + at]!;
  };

/** The operation of a primitive: a loop that is written out, or one over the function of the table. */
export function loopOf(primitive: PrimitiveName): LoopOf {
  const { compute } = primitives[primitive];
  const arity = arities[primitive];
  const written = loops[primitive];
  if (written) return written;
  if (arity === 1) {
    return (to, [operand]) =>
      (count) => {
        const { array, first } = operand!;
        const result = to;
        for (let at = 0; at < count; at++) result[at] = compute(array[first + at]!);
      };
  }
  if (arity === 2) {
    return (to, [left, right]) =>
      (count) => {
        const { array: a, first: firstA } = left!;
        const { array: b, first: firstB } = right!;
        const result = to;
        for (let at = 0; at < count; at++) result[at] = compute(a[firstA + at]!, b[firstB + at]!);
      };
  }
  return (to, operands) => {
    const [a, b, c, d] = operands as [Values, Values, Values, Values];
    const valueOf = ({ array, first }: Values, at: number): number => array[first + at]!;
    return (count) => {
      const result = to;
      for (let at = 0; at < count; at++)
        result[at] = compute(valueOf(a, at), valueOf(b, at), valueOf(c, at), valueOf(d, at));
    };
  };
}
