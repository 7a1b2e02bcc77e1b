// Networks of every layer, and random ones.

import type { Vector } from "../../src/graph/vector.ts";
import {
  activate,
  activationNames,
  type AnyNetwork,
  concat,
  dense,
  dropout,
  gaussianNoise,
  embedding,
  fourierFeatures,
  type Layer,
  layerNorm,
  type LossName,
  network,
  residual,
} from "../../src/index.ts";
import { exp } from "../../src/math/expression.ts";
import { createUniform } from "./random.ts";

export interface GraphCase {
  readonly name: string;
  readonly network: AnyNetwork;
}

const loss = "meanSquaredError";
const listOf = (name: string, inputs: number, layers: readonly Layer[], own: LossName = loss): GraphCase => ({
  name,
  network: network({ inputs, layers, loss: own }),
});
const graphOf = (name: string, inputs: number, define: (x: Vector) => Vector): GraphCase => ({
  name,
  network: network({ inputs, loss }, define),
});

/** Activations of dense layers: few, since each compiles kernels of its own. One saves nothing, two the value, one its argument. */
const denseActivations = ["identity", "tanh", "leakyRelu", "silu"] as const;

/** Every layer and every kind of node, each in a small network. Column 1 of those with an embedding holds a category below 5. */
export const graphCases: readonly GraphCase[] = [
  listOf("residual", 3, [dense(5), residual(dense(5, "tanh"), dense(5)), dense(2)]),
  listOf("concat", 3, [concat(dense(4, "tanh")), dense(2)]),
  listOf("layerNorm", 4, [dense(6), layerNorm(), dense(2)]),
  listOf("layerNorm of the input, as the last layer", 4, [layerNorm(), dense(3), layerNorm({ epsilon: 1e-3 })]),
  listOf("dropout", 4, [dense(7, "tanh"), dropout(0.4), dense(2)]),
  listOf("embedding", 3, [embedding({ column: 1, categories: 5, width: 3 }), dense(4, "tanh"), dense(2)]),
  listOf("fourierFeatures", 2, [fourierFeatures(3), dense(4, "silu"), dense(1)]),
  listOf("activations as layers", 3, [dense(4), activate("gelu"), activate("sine"), dense(2)]),
  listOf(
    "softmax after a residual block",
    3,
    [dense(4), residual(layerNorm(), dense(4, "silu")), dense(3)],
    "softmaxCrossEntropy",
  ),
  listOf("binary cross entropy after a concat", 3, [concat(dense(2, "tanh")), dense(1)], "binaryCrossEntropy"),
  graphOf("two branches", 3, (x) =>
    x
      .pipe(dense(4, "tanh"))
      .times(x.pipe(dense(4, "silu")))
      .pipe(dense(2)),
  ),
  graphOf("sums, slices and quotients", 4, (x) => {
    const y = x.pipe(dense(6, "silu"));
    return y.slice(0, 3).over(y.sum()).concat(y.slice(3).minus(y.mean())).pipe(dense(2));
  }),
  graphOf("largest and log-sum-exp", 4, (x) => {
    const y = x.pipe(dense(5));
    return y.minus(y.logSumExp()).concat(y.times(y.max())).pipe(dense(2));
  }),
  graphOf("minimum, maximum and an expression of three vectors", 3, (x) => {
    const [a, b, c] = [x.pipe(dense(4)), x.pipe(dense(4)), x.pipe(dense(4))];
    return a
      .minimum(b)
      .plus(a.maximum(c))
      .map((s, a, b) => exp(a!.times(-1)).times(s!).plus(b!), a, b)
      .pipe(dense(2));
  }),
  graphOf("a trained vector", 3, (x) => {
    const { gate, bias } = x.parameters({ gate: "ones", bias: "zeros" });
    return x.times(gate).plus(bias).plus(gate).pipe(dense(2));
  }),
  graphOf("a slice and a repeated value before dense layers", 5, (x) =>
    x
      .slice(1, 3)
      .pipe(dense(3, "tanh"))
      .concat(x.pipe(dense(1)).broadcast(4).pipe(dense(2)))
      .pipe(dense(2)),
  ),
  listOf("residual with layer norm, as the last layer", 3, [dense(4), residual(layerNorm(), dense(4, "silu"))]),
  listOf("an activation of a sum, as the last layer", 3, [residual(dense(3, "tanh")), activate("sigmoid")], "huber"),
  listOf("concat, as the last layer under softmax", 3, [concat(dense(2, "tanh"))], "softmaxCrossEntropy"),
  listOf("noise", 3, [gaussianNoise(0.2), dense(5, "tanh"), gaussianNoise(0.1), dense(2)]),
  listOf("dropout, as the last layer", 4, [dense(5, "tanh"), dropout(0.4)]),
  listOf("an embedding and no dense layer", 3, [embedding({ column: 1, categories: 5, width: 3 })]),
  graphOf("a slice of a dense layer, as the output", 4, (x) => x.pipe(dense(6, "silu")).slice(1, 4)),
  graphOf("a trained vector that no data reach", 3, (x) => x.parameters({ start: "ones" }).start!.pipe(dense(2))),
  graphOf("more branches at once than a kernel has bindings", 3, (x) => {
    const parts = Array.from({ length: 9 }, () => x.pipe(dense(2, "tanh")));
    return parts[0]!.concat(...parts.slice(1)).pipe(dense(1));
  }),
];

/** A network of random nodes that has a parameter before its output. */
export function randomGraph(seed: number): AnyNetwork {
  const uniform = createUniform(seed);
  const below = (count: number): number => Math.floor(uniform() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const width = (): number => 1 + below(5);
  return network({ inputs: width(), loss: pick(["squaredError", "meanSquaredError", "huber"]) }, (x) => {
    const vectors = [x];
    /** Of more than two values: layer norm of two is ±1, with slopes that cancel to what is rounded. */
    const spread = (): Vector => pick(vectors).pipe(dense(3 + below(3), pick(denseActivations)));
    const steps: (() => Vector)[] = [
      () => pick(vectors).pipe(dense(width(), pick(denseActivations))),
      () => pick(vectors).activate(pick(activationNames)),
      () => spread().pipe(layerNorm()),
      () => spread().pipe(residual(layerNorm(), dropout(0.3))),
      () => pick(vectors).concat(pick(vectors)),
      () => pick(vectors).slice(0, 1).plus(pick(vectors)),
      () => pick(vectors).sum().times(pick(vectors)),
      () => pick(vectors).mean().minus(pick(vectors)),
      () => pick(vectors).max().broadcast(3),
      () => pick(vectors).logSumExp().plus(1),
    ];
    for (let count = 2 + below(6); count > 0; count--) vectors.push(pick(steps)());
    const [first, ...others] = vectors;
    const all = first!.concat(...others).pipe(dense(width(), "tanh"));
    return pick([
      () => all.pipe(dense(width())),
      () => all,
      () => all.pipe(dense(3 + below(3)), residual(layerNorm())),
      () => all.plus(1),
    ])();
  });
}

/** Data that suits a network: categories in column 1 of those with an embedding, one-hot targets for softmax. */
export function graphData(net: AnyNetwork, rows: number, seed: number) {
  const uniform = createUniform(seed);
  const hasCategory = "graph" in net && net.graph.nodes.some(({ kind }) => kind === "gather");
  const inputs = Float64Array.from({ length: rows * net.inputs }, (_, at) => {
    const value = Math.fround(2 * uniform() - 1);
    return hasCategory && at % net.inputs === 1 ? Math.floor(2.5 * (value + 1)) : value;
  });
  const isClass = net.loss === "softmaxCrossEntropy";
  const targets = Float64Array.from({ length: rows * net.outputs }, (_, at) => {
    if (isClass) return Math.floor(at / net.outputs) % net.outputs === at % net.outputs ? 1 : 0;
    return net.loss === "binaryCrossEntropy" ? Math.round(uniform()) : Math.fround(2 * uniform() - 1);
  });
  return { inputs, targets };
}

/** Parameters of a member: f32 values of about the size that initialisers draw, none of them 0. */
export function graphParameters(net: AnyNetwork, seed: number, members = 1): Float64Array {
  const uniform = createUniform(seed + 77);
  return Float64Array.from({ length: members * net.parameterCount }, () => Math.fround(1.2 * uniform() - 0.5));
}
