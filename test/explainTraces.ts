// Traces for explain.test.ts, computed apart from src/cpu: a forward pass and differences of its loss.

import type { FloatArray, Trace } from "../src/backend/executor.ts";
import type { StepOptions } from "../src/explain/stepLine.ts";
import { dense, network, takesLogits } from "../src/graph/network.ts";
import type { ActivationName, LossName, BuiltInNetwork } from "../src/graph/network.ts";
import { float64Function } from "../src/math/float64.ts";
import type { ElementLossName } from "../src/math/losses.ts";
import { lossFunction } from "../src/math/lossFunction.ts";
import { activationFunction } from "../src/math/scalarFunction.ts";

/** erf by its power series, enough for |x| ≤ 3. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 80; n += 1) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

/** Those that are stated here apart from their definition; of others the float64 function is taken, and differences judge its slope. */
const activate: Partial<Record<ActivationName, (z: number) => number>> = {
  identity: (z) => z,
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  tanh: Math.tanh,
  relu: (z) => Math.max(0, z),
  leakyRelu: (z) => (z > 0 ? z : 0.01 * z),
  elu: (z) => (z > 0 ? z : Math.expm1(z)),
  gelu: (z) => (z / 2) * (1 + erf(z / Math.SQRT2)),
  silu: (z) => z / (1 + Math.exp(-z)),
  softplus: (z) => Math.log1p(Math.exp(z)),
  sine: Math.sin,
};

const add = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);
const mean = (values: readonly number[]): number => add(values) / values.length;
const huber = (d: number): number => (Math.abs(d) <= 1 ? d ** 2 / 2 : Math.abs(d) - 0.5);

const lossOf: Partial<Record<LossName, (outputs: number[], targets: number[]) => number>> = {
  squaredError: (y, t) => add(y.map((value, j) => (value - t[j]!) ** 2)) / 2,
  meanSquaredError: (y, t) => mean(y.map((value, j) => (value - t[j]!) ** 2)),
  meanAbsoluteError: (y, t) => mean(y.map((value, j) => Math.abs(value - t[j]!))),
  huber: (y, t) => mean(y.map((value, j) => huber(value - t[j]!))),
  binaryCrossEntropy: (y, t) => mean(y.map((value, j) => Math.log1p(Math.exp(value)) - t[j]! * value)),
  softmaxCrossEntropy: (y, t) => {
    const logSum = Math.log(add(y.map(Math.exp)));
    return add(y.map((value, j) => t[j]! * (logSum - value)));
  },
};

function meanOf(name: ElementLossName): (outputs: number[], targets: number[]) => number {
  const own = float64Function(lossFunction(name).loss, ["y", "t"]);
  return (y, t) => mean(y.map((value, j) => own(value, t[j]!)));
}

interface Forward {
  readonly preActivations: Float64Array[];
  readonly activations: Float64Array[];
  readonly loss: number;
}

function forward(net: BuiltInNetwork, parameters: FloatArray, input: FloatArray, target: FloatArray): Forward {
  let sources = [...input];
  const preActivations: Float64Array[] = [];
  const activations: Float64Array[] = [];
  for (const { fanOut, weightsOffset, biasOffset, activation } of net.layers) {
    const z = Float64Array.from({ length: fanOut }, (_, j) => {
      const terms = sources.map((source, i) => parameters[weightsOffset + i * fanOut + j]! * source);
      return add(terms) + parameters[biasOffset + j]!;
    });
    const own = (activate[activation] ??= float64Function(activationFunction(activation).forward, ["z"]));
    preActivations.push(z);
    activations.push(z.map((value) => own(value)));
    sources = [...activations.at(-1)!];
  }
  return {
    preActivations,
    activations,
    loss: (lossOf[net.loss] ??= meanOf(net.loss as ElementLossName))(sources, [...target]),
  };
}

/** A trace whose gradients are central differences of the loss (fourth order), so that no backward formula is shared. */
export function differenceTrace(options: Omit<StepOptions, "reference">, parameters: Float64Array): Trace {
  const { input, target, learningRate } = options;
  const net = options.network as BuiltInNetwork;
  const lossAt = (index: number, step: number): number => {
    const moved = parameters.with(index, parameters[index]! + step);
    return forward(net, moved, input, target).loss;
  };
  const h = 1e-3;
  const gradients = parameters.map((_, index) => {
    const [near, far] = [h, 2 * h].map((step) => lossAt(index, step) - lossAt(index, -step));
    return (8 * near! - far!) / (12 * h);
  });
  const { preActivations, activations, loss } = forward(net, parameters, input, target);
  return {
    preActivations,
    activations,
    // With one row, ∂L/∂z is ∂L/∂bias.
    dPreActivations: net.layers.map(({ biasOffset, fanOut }) => gradients.slice(biasOffset, biasOffset + fanOut)),
    gradients,
    losses: Float64Array.of(loss),
    before: parameters,
    after: parameters.map((parameter, index) => parameter - learningRate * gradients[index]!),
  };
}

/** A net 3-4-2-2 (both activations hidden and at the output where the loss lets it). */
export function example(
  activation: ActivationName,
  loss: LossName,
  seed: number,
): StepOptions & { parameters: Float64Array } {
  const last = takesLogits(loss) ? "identity" : activation;
  const layers = [dense(4, activation), dense(2, "tanh"), dense(2, last)];
  const net = network({ inputs: 3, layers, loss });
  const parameters = Float64Array.from({ length: net.parameterCount }, (_, i) => 1.3 * Math.sin(seed + 1.7 * i));
  const input = Float64Array.of(0.9, -0.7, 0.4);
  const target = Float64Array.of(0.75, 0.25);
  if (loss === "huber")
    forward(net, parameters, input, target).activations[2]!.forEach((y, j) => (target[j] = y + 0.5 - 2 * j));
  const options = { network: net, input, target, learningRate: 0.1 };
  return { ...options, parameters, reference: differenceTrace(options, parameters) };
}

/** What a float32 device would hold: every value of a trace rounded. */
export function rounded(trace: Trace): Trace {
  const round = (values: FloatArray): FloatArray => Float32Array.from(values);
  return {
    preActivations: trace.preActivations.map(round),
    activations: trace.activations.map(round),
    dPreActivations: trace.dPreActivations.map(round),
    gradients: round(trace.gradients),
    losses: round(trace.losses),
    before: round(trace.before),
    after: round(trace.after),
  };
}
