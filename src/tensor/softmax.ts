// Softmax and its kin, which are each other's derivatives. With p the probabilities of logits x, sums over one axis:
//   softmax              p                     by x, of v:  softmaxSlope(x, v)
//   softmaxSlope         p · (v − Σ p · v)     by x, of u:  softmaxSlope(x, aboveMean(x, u) · aboveMean(x, v))
//                                              by v, of u:  softmaxSlope(x, u)
//   logSoftmax           log p                 by x, of v:  −slope(x, v)
//   crossEntropyOfRows   −Σ t · log p          by x:  slope(x, t)                     by t:  −log p
//   slope                p · Σt − t            by x, of v:  Σt · softmaxSlope(x, v)   by t, of v:  −aboveMean(x, v)
//   aboveMean            v − Σ p · v           by x, of u:  −Σu · softmaxSlope(x, v)  by v, of u:  −slope(x, u)
// None of them cancels as a probability goes to 1, and so no derivative of any order does.

import type { SoftmaxName } from "../backend/tensorBackend.ts";
import { multiply, negate, recordBinary } from "./arithmetic.ts";
import { operandsOf, requireOperands, resultOf } from "./compute.ts";
import { scaledSum } from "./layout.ts";
import { record } from "./tape.ts";
import { axesOf, requireValues } from "./reductions.ts";
import type { Tensor } from "./tensor.ts";

/** What its caller calls the operation, and the axis of the classes, from 0. */
interface Along {
  readonly place: string;
  readonly axis: number;
}

const productOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/** A function of every row of logits, and of values of the same shape. */
function compute(name: SoftmaxName, operands: readonly Tensor[], { place, axis }: Along): Tensor {
  requireOperands(place, operands);
  const { shape } = operands[0]!;
  const result = resultOf(place, operands, name === "crossEntropy" ? shape.with(axis, 1) : shape);
  const [width, inner] = [shape[axis]!, productOf(shape.slice(axis + 1))];
  const sizes = { rows: productOf(shape.slice(0, axis)) * inner, width, inner };
  const { backend, values } = operandsOf(place, [...operands, result]);
  backend.softmax({ name, a: values[0]!, b: values[operands.length - 1]!, out: values.at(-1)!, ...sizes });
  return result;
}

const sumAlong = (a: Tensor, { axis }: Along): Tensor => scaledSum(a, [axis], 1);

function softmaxAlong(x: Tensor, along: Along): Tensor {
  return record(compute("softmax", [x], along), [x], (keep) => {
    const logits = keep(x);
    return [(v) => softmaxSlope(logits, v, along)];
  });
}

function softmaxSlope(x: Tensor, v: Tensor, along: Along): Tensor {
  return recordBinary(compute("softmaxSlope", [x, v], along), x, v, (keep) => {
    const [logits, values] = [keep(x), keep(v)] as [Tensor, Tensor];
    return [
      (u) => softmaxSlope(logits, multiply(aboveMean(logits, u, along), aboveMean(logits, values, along)), along),
      (u) => softmaxSlope(logits, u, along),
    ];
  });
}

function logSoftmaxAlong(x: Tensor, along: Along): Tensor {
  return record(compute("logSoftmax", [x], along), [x], (keep) => {
    const logits = keep(x);
    return [(v) => negate(slope(logits, v, along))];
  });
}

function slope(x: Tensor, t: Tensor, along: Along): Tensor {
  return recordBinary(compute("crossEntropySlope", [x, t], along), x, t, (keep) => {
    const [logits, targets] = [keep(x), keep(t)] as [Tensor, Tensor];
    return [
      (v) => multiply(sumAlong(targets, along), softmaxSlope(logits, v, along)),
      (v) => negate(aboveMean(logits, v, along)),
    ];
  });
}

function aboveMean(x: Tensor, v: Tensor, along: Along): Tensor {
  return recordBinary(compute("aboveMean", [x, v], along), x, v, (keep) => {
    const [logits, values] = [keep(x), keep(v)] as [Tensor, Tensor];
    return [
      (u) => negate(multiply(sumAlong(u, along), softmaxSlope(logits, values, along))),
      (u) => negate(slope(logits, u, along)),
    ];
  });
}

/** −Σ t · log softmax(x) along the last axis, which stays with size 1; both of one shape. A class with t = 0 may have x = −∞. */
export function crossEntropyOfRows(place: string, x: Tensor, t: Tensor): Tensor {
  const along = alongOf(place, x, -1);
  return recordBinary(compute("crossEntropy", [x, t], along), x, t, (keep) => {
    const [logits, targets] = [keep(x), keep(t)] as [Tensor, Tensor];
    return [
      (dOutput) => multiply(dOutput, slope(logits, targets, along)),
      (dOutput) => negate(multiply(dOutput, logSoftmaxAlong(logits, along))),
    ];
  });
}

function alongOf(place: string, a: Tensor, axis: number): Along {
  const [own] = axesOf(place, a, axis) as [number];
  requireValues(place, a, [own]);
  return { place, axis: own };
}

/**
 * Probabilities in proportion to e^a along an axis; −∞ has none, and where all are −∞, or one is ∞, they are NaN.
 * @param axis default: the last
 */
export const softmax = (a: Tensor, axis = -1): Tensor => softmaxAlong(a, alongOf("softmax", a, axis));

/** Their logarithms: a − log Σ exp a, in a form that keeps its digits near 0. @param axis default: the last */
export const logSoftmax = (a: Tensor, axis = -1): Tensor => logSoftmaxAlong(a, alongOf("logSoftmax", a, axis));
