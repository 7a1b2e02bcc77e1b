// Activations and losses in jax-js. Every function takes ownership of its arrays, as all functions of jax-js do.

import { type Array as JaxArray, nn, numpy as np } from "@jax-js/jax";
import { lossScale } from "../../../src/backend/sampleLoss.ts";
import type { ActivationName, LossName, BuiltInNetwork } from "../../../src/graph/network.ts";
import { entryOf } from "../../race/contract.ts";

interface Activation {
  /** As a user of jax-js writes it. */
  readonly apply: (z: JaxArray) => JaxArray;
  /** The same as a chain in which every operation has one reader, which jax-js fuses behind the product in front. */
  readonly fused?: (z: JaxArray) => JaxArray;
  /** Its slope, told from the activation. */
  readonly slope?: (a: JaxArray) => JaxArray | number;
}

const one = (a: JaxArray): number => {
  a.dispose();
  return 1;
};

const activations: Partial<Record<ActivationName, Activation>> = {
  identity: { apply: (z) => z, slope: one },
  sigmoid: { apply: nn.sigmoid, slope: (a) => a.ref.mul(np.subtract(1, a)) },
  tanh: {
    apply: np.tanh,
    fused: (z) => np.subtract(1, np.reciprocal(np.exp(z.mul(2)).add(1)).mul(2)),
    slope: (a) => np.subtract(1, a.ref).mul(a.add(1)),
  },
  // nn.relu has slope 1 at 0 in jax-js, where JAX, PyTorch and thalweg have 0
  relu: {
    apply: (z) => np.where(z.ref.greater(0), z, 0),
    fused: nn.relu,
    slope: (a) => np.where(a.greater(0), 1, 0),
  },
  leakyRelu: { apply: (z) => nn.leakyRelu(z), slope: (a) => np.where(a.greater(0), 1, 0.01) },
  elu: { apply: (z) => nn.elu(z), slope: (a) => np.where(a.ref.greater(0), 1, a.add(1)) },
  gelu: { apply: (z) => nn.gelu(z, { approximate: false }) },
  silu: { apply: nn.silu },
  // nn.softplus overflows above 88
  softplus: { apply: (z) => np.logaddexp(z, 0) },
  sine: { apply: np.sin },
};

const activationOf = (name: ActivationName): Activation => entryOf("jax-js", activations, name);

export const applyActivation = (name: ActivationName, z: JaxArray): JaxArray => activationOf(name).apply(z);
export const applyFused = (name: ActivationName, z: JaxArray): JaxArray => {
  const { fused, apply } = activationOf(name);
  return (fused ?? apply)(z);
};
export const slopeOf = (name: ActivationName, a: JaxArray): JaxArray | number => activationOf(name).slope!(a);
/** True where every layer's slope follows from its activation. */
export const hasSlopes = ({ layers }: BuiltInNetwork): boolean =>
  layers.every(({ activation }) => activationOf(activation).slope);

type LossFunction = (outputs: JaxArray, targets: JaxArray) => JaxArray;

/** Sum of the losses of all samples, for jax-js to differentiate. */
const lossSums: Partial<Record<LossName, LossFunction>> = {
  squaredError: (y, t) => np.square(y.sub(t)).sum().mul(0.5),
  meanSquaredError: (y, t) => np.square(y.sub(t)).sum(),
  meanAbsoluteError: (y, t) => np.absolute(y.sub(t)).sum(),
  huber: (y, t) => {
    const d = y.sub(t);
    const size = np.absolute(d.ref);
    return np.where(size.ref.lessEqual(1), np.square(d).mul(0.5), size.sub(0.5)).sum();
  },
  binaryCrossEntropy: (x, t) => {
    const tail = np.log1p(np.exp(np.negative(np.absolute(x.ref))));
    return np.maximum(x.ref, 0).sub(x.mul(t)).add(tail).sum();
  },
  softmaxCrossEntropy: (x, t) => np.negative(t.mul(nn.logSoftmax(x)).sum()),
};

/** Mean loss of a batch, by thalweg's definition. */
export const meanLoss = (loss: LossName, outputs: JaxArray, targets: JaxArray): JaxArray => {
  const [rows, columns] = outputs.shape.slice(-2) as [number, number];
  return entryOf("jax-js", lossSums, loss)(outputs, targets).mul(lossScale(loss, rows, columns));
};

/** softmax(x) − t for targets that sum to 1; exponentials are taken twice, which saves storing them. */
function softmaxDifference(x: JaxArray, t: JaxArray): JaxArray {
  const column = [...x.shape.slice(0, -1), 1];
  const largest = np.max(x.ref, -1);
  const exponentials = (): JaxArray => np.exp(x.ref.sub(largest.ref.reshape(column)));
  const total = exponentials().sum(-1);
  const difference = exponentials().mul(np.reciprocal(total).reshape(column)).sub(t);
  x.dispose();
  largest.dispose();
  return difference;
}

/** Derivative of the summed loss by the outputs. */
const lossSlopes: Partial<Record<LossName, LossFunction>> = {
  squaredError: (y, t) => y.sub(t),
  meanSquaredError: (y, t) => y.sub(t).mul(2),
  meanAbsoluteError: (y, t) => np.sign(y.sub(t)),
  huber: (y, t) => np.clip(y.sub(t), -1, 1),
  binaryCrossEntropy: (x, t) => nn.sigmoid(x).sub(t),
  softmaxCrossEntropy: softmaxDifference,
};

/** Gradient of the mean loss by the outputs. */
export const meanLossSlope = (loss: LossName, outputs: JaxArray, targets: JaxArray): JaxArray => {
  const [rows, columns] = outputs.shape.slice(-2) as [number, number];
  return entryOf("jax-js", lossSlopes, loss)(outputs, targets).mul(lossScale(loss, rows, columns));
};
