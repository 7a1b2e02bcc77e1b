import type { ElementLossName } from "../math/losses.ts";
import type { ActivationName } from "../network.ts";
import { slopeProduct } from "./activation.ts";
import { elementLoss } from "./loss.ts";
import { placeOf } from "./places.ts";

/** Functions of two values, in the order of their numbers in `shaders/binary.wgsl`. */
export const binaryNames = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "maximum",
  "minimum",
  "greater",
  "equal",
  "loss",
  "lossSlope",
  "slopeProduct",
  "share",
  "keepWhere",
  "keepElsewhere",
] as const;
export type BinaryName = (typeof binaryNames)[number];

type Formula = (x: number, y: number) => number;

const plain: Record<Exclude<BinaryName, "loss" | "lossSlope" | "slopeProduct">, Formula> = {
  add: (x, y) => x + y,
  subtract: (x, y) => x - y,
  multiply: (x, y) => x * y,
  divide: (x, y) => x / y,
  maximum: Math.max,
  minimum: Math.min,
  greater: (x, y) => (x > y ? 1 : 0),
  equal: (x, y) => (x === y ? 1 : 0),
  // These select: what is left out does not come through, not even as infinity times 0.
  share: (x, part) => (part === 0 ? 0 : x * part),
  keepWhere: (x, condition) => (condition === 0 ? 0 : x),
  keepElsewhere: (x, condition) => (condition === 0 ? x : 0),
};

/** What a name leaves open. */
export interface BinaryChoice {
  /** Of "loss" and "lossSlope". */
  readonly loss: ElementLossName;
  /** Of "slopeProduct": a times the slope of the activation at the saved value b. */
  readonly activation: ActivationName;
}

function formulaOf(name: BinaryName, { loss, activation }: BinaryChoice): Formula {
  if (name === "slopeProduct") return (x, saved) => slopeProduct(activation, x, saved);
  if (name === "loss") return (y, t) => elementLoss(loss, y, t)[0];
  if (name === "lossSlope") return (y, t) => elementLoss(loss, y, t)[1];
  return plain[name];
}

/** An array read with strides, or a number. */
export type BinaryOperand = number | { readonly values: Float64Array; readonly strides: readonly number[] };

export interface BinaryArguments {
  readonly name: BinaryName;
  readonly choice: BinaryChoice;
  readonly sizes: readonly number[];
  readonly a: BinaryOperand;
  readonly b: BinaryOperand;
  /** [...sizes], written. */
  readonly out: Float64Array;
}

/** out = f(a, b) with broadcasting. Twin of `shaders/binary.wgsl`. */
export function binary({ name, choice, sizes, a, b, out }: BinaryArguments): void {
  const compute = formulaOf(name, choice);
  const take = (operand: BinaryOperand, index: number): number =>
    typeof operand === "number" ? operand : operand.values[placeOf(index, sizes, operand.strides)]!;
  for (let at = 0; at < out.length; at++) out[at] = compute(take(a, at), take(b, at));
}
