import { InvalidInput, requireOptions } from "../errors.ts";
import { requireAxes, type Shape, showShape } from "../backend/shape.ts";
import { add, divide, equal, exp, multiply, negate, sqrt, square, subtract, takeShare } from "./arithmetic.ts";
import { computeReduce, requireTensors } from "./compute.ts";
import { reshape, scaledSum } from "./layout.ts";
import { record } from "./tape.ts";
import { keepingResult } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

export interface ReductionOptions {
  /** Leave the axes in, with size 1; default false. */
  readonly keepDims?: boolean;
}

/** One axis, several, or all. */
export type Axes = number | readonly number[];

export function axesOf(place: string, a: Tensor, axes: Axes | undefined, options: ReductionOptions = {}): number[] {
  requireOptions(place, options, ["keepDims"]);
  requireTensors(place, [a]);
  const named = typeof axes === "number" ? [axes] : (axes ?? a.shape.map((_, axis) => axis));
  return requireAxes(place, a.shape, named);
}

/** Reduces, and takes the axes of size 1 out again, unless they are to stay. */
function reduced(whole: () => Tensor, axes: readonly number[], { keepDims = false }: ReductionOptions): Tensor {
  if (keepDims || axes.length === 0) return whole();
  return keepingResult(() => {
    const output = whole();
    return reshape(output, without(output.shape, axes));
  });
}

const without = (shape: Shape, axes: readonly number[]): number[] => shape.filter((_, axis) => !axes.includes(axis));

/** Throws where there are no values to reduce. */
export function requireValues(place: string, a: Tensor, axes: readonly number[]): void {
  if (axes.every((axis) => a.shape[axis] !== 0)) return;
  const got = `the shape ${showShape(a.shape)}`;
  throw new InvalidInput({ place, expected: "at least one value along each axis", got, fix: "leave such axes out" });
}

/**
 * Sum over axes; without values 0.
 * @param axes default: all; negative numbers count from the end
 */
export function sum(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("sum", a, axes, options);
  return reduced(() => scaledSum(a, own, 1), own, options);
}

/** Mean over axes. @throws InvalidInput where there are no values */
export function mean(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("mean", a, axes, options);
  requireValues("mean", a, own);
  const count = own.reduce((product, axis) => product * a.shape[axis]!, 1);
  return reduced(() => scaledSum(a, own, 1 / count), own, options);
}

/** Largest value over axes; where several are largest they share the gradient. @throws InvalidInput where there are no values */
export function max(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("max", a, axes, options);
  requireValues("max", a, own);
  return reduced(() => wholeMax(a, own), own, options);
}

function wholeMax(a: Tensor, axes: readonly number[]): Tensor {
  const output = computeReduce("max", a, { axes });
  return record(output, [a], (keep) => {
    const [x, largest] = [keep(a), keep(output)];
    return [
      (dOutput) => {
        const isLargest = equal(x, largest);
        return takeShare(divide(dOutput, scaledSum(isLargest, axes, 1)), isLargest);
      },
    ];
  });
}

/** Smallest value over axes; where several are smallest they share the gradient. @throws InvalidInput where there are no values */
export function min(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("min", a, axes, options);
  requireValues("min", a, own);
  return keepingResult(() => negate(reduced(() => wholeMax(negate(a), own), own, options)));
}

/** Mean square of the distance from the mean over axes: divided by the number of values. @throws InvalidInput where there are no values */
export function variance(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("variance", a, axes, options);
  requireValues("variance", a, own);
  return keepingResult(() => mean(square(subtract(a, mean(a, own, { keepDims: true }))), own, options));
}

/** Euclidean norm over axes, √Σa²; its gradient at 0 is NaN. */
export function norm(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("norm", a, axes, options);
  return keepingResult(() => sqrt(sum(square(a), own, options)));
}

/**
 * Each row of the last axis less its mean, divided by √(variance + epsilon): layer normalisation without gain and bias (Ba et al., 2016).
 * @param epsilon default 1e-5, as in PyTorch
 */
export function layerNorm(a: Tensor, epsilon = 1e-5): Tensor {
  const own = axesOf("layerNorm", a, -1);
  requireValues("layerNorm", a, own);
  return keepingResult(() => {
    const centred = subtract(a, mean(a, own, { keepDims: true }));
    return divide(centred, sqrt(add(mean(square(centred), own, { keepDims: true }), epsilon)));
  });
}

/** log Σ exp over axes, which stay with size 1; the largest value is taken off first, so that nothing overflows. */
function wholeLogSumExp(a: Tensor, axes: readonly number[]): Tensor {
  requireValues("logSumExp", a, axes);
  const output = computeReduce("logSumExp", a, { axes });
  return record(output, [a], (keep) => {
    const [x, y] = [keep(a), keep(output)];
    return [(dOutput) => multiply(dOutput, exp(subtract(x, y)))];
  });
}

/** log Σ exp over axes, in a form that does not overflow. @throws InvalidInput where there are no values */
export function logSumExp(a: Tensor, axes?: Axes, options: ReductionOptions = {}): Tensor {
  const own = axesOf("logSumExp", a, axes, options);
  return reduced(() => wholeLogSumExp(a, own), own, options);
}
