// Operations on sizes of 0 and 1, repeated on either side: what test/tensorEdges.test.ts sweeps over.

import { activationNames, lossNames } from "../../src/graph/network.ts";
import type { Shape } from "../../src/backend/shape.ts";
import * as t from "../../src/tensor.ts";
import type { OperationCase } from "./tensorOperations.ts";

type Unary = (a: t.Tensor) => t.Tensor;
type Binary = (a: t.Tensor, b: t.Tensor) => t.Tensor;
type Range = readonly [number, number];
const positive: Range = [0.3, 2];

const ofShapes = (
  name: string,
  apply: (...inputs: t.Tensor[]) => t.Tensor,
  shapes: readonly Shape[],
  range: Range = [-1.5, 1.5],
): OperationCase => ({
  name: `${name} ${shapes.map((shape) => `[${shape}]`).join(" ")}`,
  inputs: shapes.map((shape) => ({ shape, range })),
  apply,
});

const edgeShapes: readonly Shape[] = [[], [0], [1, 1], [0, 3], [2, 0, 1], [5]];

const unaries: Record<string, [Unary, Range?]> = {
  negate: [t.negate],
  exp: [t.exp],
  log: [t.log, positive],
  sqrt: [t.sqrt, positive],
  square: [t.square],
  "power 3": [(a) => t.power(a, 3)],
  "power −1": [(a) => t.power(a, -1), positive],
  absolute: [t.absolute],
  "subtract from a number": [(a) => t.subtract(2, a)],
  "divide a number": [(a) => t.divide(2, a), positive],
  "maximum with a number": [(a) => t.maximum(a, 0.1)],
  "reshape to a line": [(a) => t.reshape(a, [a.size])],
  "transpose and back": [(a) => t.transpose(t.exp(t.transpose(a)))],
  "slice of the whole": [(a) => t.exp(t.slice(a, []))],
  "slice of nothing": [(a) => (a.shape.length ? t.exp(t.slice(a, [0], [0])) : t.exp(a))],
  pad: [
    (a) =>
      t.pad(
        a,
        a.shape.map(() => 1),
        a.shape.map(() => 0),
      ),
  ],
  "concat with itself": [(a) => (a.shape.length ? t.concat([a, t.exp(a)], -1) : t.exp(a))],
  "broadcast to two": [(a) => t.broadcastTo(a, [2, ...a.shape])],
  "sum over the first axis": [(a) => (a.shape.length ? t.square(t.sum(a, 0)) : t.sum(t.square(a)))],
  "sum over the last axis": [(a) => t.square(t.sum(a, a.shape.length ? -1 : [], { keepDims: true }))],
};

const pairs: readonly (readonly [Shape, Shape])[] = [
  [[0, 3], [3]],
  [
    [2, 0],
    [1, 1],
  ],
  [[1, 1], []],
  [[], [0]],
  [
    [3, 1],
    [1, 0],
  ],
  [
    [1, 3, 1],
    [2, 1, 5],
  ],
  [[1], [1]],
];
const binaries: Record<string, [Binary, Range?]> = {
  add: [t.add],
  subtract: [t.subtract],
  multiply: [t.multiply],
  divide: [t.divide, positive],
  maximum: [t.maximum],
  minimum: [t.minimum],
  where: [(a, b) => t.where(t.greater(a, 0.1), b, a)],
};

const matrixSizes = [
  [0, 2, 3],
  [2, 0, 3],
  [2, 3, 0],
  [1, 1, 1],
  [1, 5, 1],
  [3, 1, 2],
] as const;
const leadingPairs: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [[0], [1]],
  [[2], []],
  [
    [2, 1],
    [1, 3],
  ],
];
const products: OperationCase[] = [0, 1, 2, 3].flatMap((which) => {
  const options = { transposeA: which % 2 === 1, transposeB: which > 1 };
  return matrixSizes.flatMap(([m, k, n]) =>
    leadingPairs.map(([ofA, ofB]) => {
      const a = [...ofA, ...(options.transposeA ? [k, m] : [m, k])];
      const b = [...ofB, ...(options.transposeB ? [n, k] : [k, n])];
      const apply = (x: t.Tensor, y: t.Tensor): t.Tensor => t.matmul(x, y, options);
      return ofShapes(`matmul ${options.transposeA} ${options.transposeB}`, apply as OperationCase["apply"], [a, b]);
    }),
  );
});

/** Reductions and softmaxes need a value along their axis; what is kept may be nothing. */
const alongLast: Record<string, Unary> = {
  mean: (a) => t.mean(a, -1),
  max: (a) => t.max(a, -1),
  logSumExp: (a) => t.logSumExp(a, -1, { keepDims: true }),
  softmax: (a) => t.softmax(a),
  logSoftmax: (a) => t.logSoftmax(a),
};

export const edgeCases: readonly OperationCase[] = [
  ...Object.entries(unaries).flatMap(([name, [apply, range]]) =>
    edgeShapes.map((shape) => ofShapes(name, apply as OperationCase["apply"], [shape], range)),
  ),
  ...activationNames.flatMap((name) =>
    [[], [0, 3], [1, 1]].flatMap((shape) => [
      ofShapes(name, (a) => t.activate(name, a!), [shape], [-3, 3]),
      ofShapes(`slope of ${name}`, (a) => t.activateDerivative(name, a!), [shape], [-0.9, 0.9]),
    ]),
  ),
  ...Object.entries(binaries).flatMap(([name, [apply, range]]) =>
    pairs.map((shapes) => ofShapes(name, apply as OperationCase["apply"], shapes, range)),
  ),
  ...products,
  ...Object.entries(alongLast).flatMap(([name, apply]) =>
    [[1], [0, 2], [3, 1], [2, 1, 5]].map((shape) => ofShapes(name, apply as OperationCase["apply"], [shape])),
  ),
  ...lossNames.flatMap((name) =>
    [[1], [1, 1], [3, 1], [2, 1, 3]].map((shape) =>
      ofShapes(name, (y, target) => t.loss(name, y!, target!), [shape, shape], [0.1, 0.9]),
    ),
  ),
];
