import * as tf from "@tensorflow/tfjs-core";
import { CannotTakePart, type Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ElementWorkload, ForwardWorkload, GradientWorkload, ProductWorkload } from "../../race/workload.ts";
import { dense, layersOfFlat, widestOf } from "./tfjsLayers.ts";
import type { Backend, Method, Rounds, Tunable } from "./tfjsRounds.ts";
import { tunedEntry } from "./tfjsTrial.ts";

// Workloads whose round is a function of the state and of constants.

interface ChainOptions {
  readonly start: Start;
  readonly shape: number[];
  readonly next: (state: tf.Tensor) => tf.Tensor;
  readonly constants: readonly tf.Tensor[];
}

function chained({ start, shape, next, constants }: ChainOptions): Rounds {
  let state: tf.Tensor = tf.tensor(start.state, shape);
  const replace = (by: tf.Tensor): void => {
    state.dispose();
    state = by;
  };
  return {
    round: () => replace(tf.tidy(() => next(state))),
    restart: () => replace(tf.tensor(start.state, shape)),
    firstValue: () => tf.tidy(() => tf.slice(tf.reshape(state, [-1]), 0, 1)),
    readState: () => state.data<"float32">(),
    dispose: () => tf.dispose([state, ...constants]),
  };
}

/** Layers with bias and activation fused; the outputs are the next round's inputs. */
export function forwardEntry({ network, batchSize }: ForwardWorkload, start: Start, backend: Backend): Promise<Entry> {
  const { inputs, parameterCount, layers } = network;
  const build = (): Rounds => {
    const tensors = tf.tidy(() => layersOfFlat(tf.tensor2d(start.fixed, [1, parameterCount]), network));
    const next = (state: tf.Tensor): tf.Tensor =>
      layers.reduce(
        (values, { index, activation }) => dense(values, tensors[index]!, { activation, ...backend }),
        state,
      );
    const constants = tensors.flatMap(({ weights, bias }) => [weights, bias]);
    return chained({ start, shape: [batchSize, inputs], next, constants });
  };
  const widest = widestOf(network);
  return tunedEntry(backend, {
    methods: [{ name: "fused", build }],
    largestBytes: 4 * Math.max(batchSize * widest, parameterCount),
    longestSum: widest,
  });
}

export function productEntry({ form, size, batch }: ProductWorkload, start: Start, backend: Backend): Promise<Entry> {
  if (batch > backend.mostMatrices) {
    throw new CannotTakePart(`TensorFlow.js multiplies at most ${backend.mostMatrices} matrices at once`);
  }
  const shape = batch === 1 ? [size, size] : [batch, size, size];
  const build = (): Rounds => {
    const a = tf.tensor(start.fixed, shape);
    const next = (c: tf.Tensor): tf.Tensor => tf.matMul(a, c, form.startsWith("T"), form.endsWith("T"));
    return chained({ start, shape, next, constants: [a] });
  };
  const methods = [{ name: "matMul", build }] as const;
  return tunedEntry(backend, { methods, largestBytes: 4 * batch * size ** 2, longestSum: size });
}

export function gradientEntry(
  { rows, fanIn, fanOut }: GradientWorkload,
  start: Start,
  backend: Backend,
): Promise<Entry> {
  const build = (): Rounds => {
    const a = tf.tensor2d(start.fixed.slice(0, rows * fanIn), [rows, fanIn]);
    const b = tf.tensor2d(start.fixed.slice(rows * fanIn), [rows, fanOut]);
    const next = (c: tf.Tensor): tf.Tensor => tf.add(tf.matMul(a, b, true), tf.mul(c, 0.5));
    return chained({ start, shape: [fanIn, fanOut], next, constants: [a, b] });
  };
  const methods = [{ name: "matMul", build }] as const;
  return tunedEntry(backend, { methods, largestBytes: 4 * rows * Math.max(fanIn, fanOut), longestSum: rows });
}

const scaledSum = (x: tf.Tensor, two: tf.Tensor): tf.Tensor => tf.mul(x, tf.sub(two, tf.add(x, x)));

function twice(x: tf.Tensor): tf.Tensor {
  const half = tf.sub(x, tf.square(x));
  return tf.add(half, half);
}

export function elementEntry({ operation, count }: ElementWorkload, start: Start, backend: Backend): Promise<Entry> {
  const method = (name: string, formula: (x: tf.Tensor, two: tf.Tensor) => tf.Tensor): Method => {
    const build = (): Rounds => {
      const two = tf.scalar(2);
      return chained({ start, shape: [count], next: (x) => formula(x, two), constants: [two] });
    };
    return { name, build };
  };
  // 2 · x · (1 − x) takes three operations; which three is a matter of speed
  const methods: Tunable["methods"] =
    operation === "sigmoid"
      ? [method("tf.sigmoid", tf.sigmoid)]
      : [method("x·(2 − (x + x))", scaledSum), method("d + d, d = x − x²", twice)];
  return tunedEntry(backend, { methods, largestBytes: 4 * count, longestSum: 0 });
}
