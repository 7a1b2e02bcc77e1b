// Every operation of tensors once or more: what tests of gradients, of devices and of bits sweep over.

import { activationNames, lossNames } from "../../src/graph/network.ts";
import * as t from "../../src/tensor.ts";
import type { Shape } from "../../src/backend/shape.ts";
import type { Device } from "../../src/backend/device.ts";
import { createUniform } from "./random.ts";

/** Values of one input. */
export interface InputCase {
  readonly shape: Shape;
  /** Range of its values; default −1.5 to 1.5. */
  readonly range?: readonly [number, number];
}

/** An operation on inputs of given shapes. */
export interface OperationCase {
  readonly name: string;
  readonly inputs: readonly InputCase[];
  readonly apply: (...inputs: t.Tensor[]) => t.Tensor;
  /** Largest slope that errors of the inputs meet, and so on: bound of the GPU's error in units of 2⁻²⁴ of the largest value; default 16. */
  readonly units?: number;
}

const positive = [0.3, 2] as const;

/** Of an operation made of others, only the result goes on. */
const alone =
  <Inputs extends t.Tensor[]>(apply: (...inputs: Inputs) => t.Tensor) =>
  (...inputs: Inputs): t.Tensor =>
    t.tidy(() => apply(...inputs));

const unary = (name: string, apply: (a: t.Tensor) => t.Tensor, input: Partial<InputCase> = {}): OperationCase => ({
  name,
  inputs: [{ shape: [3, 4], ...input }],
  apply: alone(apply),
});

/** Shapes that repeat on neither side, on either, and on both. */
const pairs: readonly (readonly [Shape, Shape])[] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [[1], [2, 3]],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [[], [2, 2]],
];

const binary = (
  name: string,
  apply: (a: t.Tensor, b: t.Tensor) => t.Tensor,
  range: readonly [number, number] = [-1.5, 1.5],
): OperationCase[] =>
  pairs.map(([a, b]) => ({
    name: `${name} [${a}] [${b}]`,
    inputs: [
      { shape: a, range },
      { shape: b, range },
    ],
    apply: alone(apply),
  }));

const products: OperationCase[] = [false, true].flatMap((transposeA) =>
  [false, true].flatMap((transposeB) =>
    (
      [
        [[], []],
        [[2], [2]],
        [[3], []],
        [[], [3]],
        [
          [2, 1],
          [1, 3],
        ],
        [[1], [2, 2]],
      ] as const
    ).map(([leadingA, leadingB]) => {
      const a = transposeA ? [4, 2] : [2, 4];
      const b = transposeB ? [3, 4] : [4, 3];
      return {
        name: `matmul [${leadingA}]${transposeA ? "ᵀ" : ""} [${leadingB}]${transposeB ? "ᵀ" : ""}`,
        inputs: [{ shape: [...leadingA, ...a] }, { shape: [...leadingB, ...b] }],
        apply: (x: t.Tensor, y: t.Tensor) => t.matmul(x, y, { transposeA, transposeB }),
      };
    }),
  ),
);

const arithmetic: OperationCase[] = [
  ...binary("add", t.add),
  ...binary("subtract", t.subtract),
  ...binary("multiply", t.multiply),
  ...binary("divide", t.divide, positive),
  ...binary("maximum", t.maximum),
  ...binary("minimum", t.minimum),
  ...binary("where", (a, b) => t.where(t.greater(a, 0.2), t.square(a), b)),
  ...binary("where of a tensor or a number", (a, b) => t.where(t.greater(b, a), 0.5, t.multiply(a, b))),
  unary("where by a mask", (a) => t.where(t.tensor(a.device, [1, 0, -2, 0]), t.exp(a), a)),
  unary("where of numbers", (a) => t.multiply(a, t.where(t.greater(a, 0), 2, -3))),
  unary("sqrt of relu", (a) => t.sqrt(t.relu(a))),
  unary("log of the larger", (a) => t.where(t.greater(a, 0.3), t.log(t.maximum(a, 0.3)), 0)),
  unary("add a number", (a) => t.add(a, 2)),
  unary("subtract from a number", (a) => t.subtract(2, a)),
  unary("multiply with a number", (a) => t.multiply(-1.5, a)),
  unary("divide a number", (a) => t.divide(2, a), { range: positive }),
  unary("divide by a number", (a) => t.divide(a, 3)),
  unary("maximum with a number", (a) => t.maximum(a, 0.1)),
  unary("clip", (a) => t.clip(a, -0.7, 0.9)),
  unary("negate", t.negate),
  unary("exp", t.exp),
  unary("log", t.log, { range: positive }),
  unary("sqrt", t.sqrt, { range: positive }),
  unary("square", t.square),
  unary("power 3", (a) => t.power(a, 3)),
  unary("power 7", (a) => t.power(a, 7)),
  unary("power −2", (a) => t.power(a, -2), { range: positive }),
  unary("power 1", (a) => t.power(a, 1)),
  unary("power 0", (a) => t.power(a, 0)),
  { ...unary("power 1.7", (a) => t.power(a, 1.7), { range: positive }), units: 64 }, // exp2(1.7 · log2 a): log2 is off by 2⁻²¹
  unary("absolute", t.absolute),
  unary("cast", (a) => t.cast(a, "f32")),
];

const activations: OperationCase[] = activationNames.flatMap((name) => [
  { ...unary(name, (a) => t.activate(name, a), { range: [-3, 3] }) },
  { ...unary(`slope of ${name}`, (a) => t.activateDerivative(name, a), { range: [-0.9, 0.9] }) },
]);

const layouts: OperationCase[] = [
  unary("reshape", (a) => t.reshape(a, [2, -1])),
  unary("transpose", t.transpose),
  { name: "transpose of axes", inputs: [{ shape: [2, 3, 4] }], apply: (a) => t.transpose(a, [2, 0, 1]) },
  unary("slice of rows", (a) => t.slice(a, [1], [3])),
  unary("slice of columns", (a) => t.slice(a, [0, 1], [3, -1])),
  unary("pad", (a) => t.pad(a, [1, 0], [2, 3])),
  { name: "concat", inputs: [{ shape: [2, 3] }, { shape: [2, 1] }], apply: (a, b) => t.concat([a, b, a], 1) },
  {
    name: "stack",
    inputs: [{ shape: [2, 3] }, { shape: [2, 3] }],
    apply: alone((a: t.Tensor, b: t.Tensor) => t.stack([a, b, a], -1)),
  },
  unary("split", (a) => t.split(a, 2, 1).reduce((product, part) => t.multiply(product, part))),
  unary("layerNorm", (a) => t.layerNorm(a)),
  { name: "broadcastTo", inputs: [{ shape: [3, 1] }], apply: (a) => t.broadcastTo(a, [2, 3, 4]) },
];

const reductions: OperationCase[] = (
  [
    ["sum", t.sum],
    ["mean", t.mean],
    ["max", t.max],
    ["min", t.min],
    ["variance", t.variance],
    ["norm", t.norm],
    ["logSumExp", t.logSumExp],
  ] as const
).flatMap(([name, reduce]) =>
  [undefined, 0, -1, [0, 2], [1]].map((axes) => ({
    name: `${name} over ${axes ?? "all"}`,
    inputs: [{ shape: [2, 3, 4] }],
    apply: (a: t.Tensor) => reduce(a, axes, { keepDims: Array.isArray(axes) }),
  })),
);

const softmaxes: OperationCase[] = [
  unary("softmax", (a) => t.softmax(a)),
  unary("softmax over rows", (a) => t.softmax(a, 0)),
  unary("logSoftmax", (a) => t.logSoftmax(a)),
  unary("logSoftmax over rows", (a) => t.logSoftmax(a, 0)),
];

const losses: OperationCase[] = lossNames.map((name) => ({
  name,
  inputs: [
    { shape: [5, 3], range: [-2, 2] },
    { shape: [5, 3], range: [0, 1] },
  ],
  apply: (y, target) => t.loss(name, y, target),
}));

export const operationCases: readonly OperationCase[] = [
  ...arithmetic,
  ...activations,
  ...products,
  ...layouts,
  ...reductions,
  ...softmaxes,
  ...losses,
];

/** Values of an operation's inputs, all f32. */
const valuesOf = ({ inputs }: OperationCase, seed = 1): Float32Array[] =>
  inputs.map(({ shape, range: [low, high] = [-1.5, 1.5] }, index) => {
    const uniform = createUniform(100 * seed + index);
    return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => low + (high - low) * uniform());
  });

export const inputsOn = (device: Device, one: OperationCase, seed = 1): t.Tensor[] =>
  valuesOf(one, seed).map((values, index) => t.tensor(device, values, one.inputs[index]!.shape));

/** A tensor of one value, which depends on every value of `a` in its own way. */
export const weighted = (a: t.Tensor): t.Tensor => {
  const weights = Float64Array.from({ length: a.size }, (_, at) => Math.fround(Math.sin(1 + 2.3 * at)));
  return t.sum(t.multiply(a, t.tensor(a.device, weights, a.shape)));
};
