import * as tf from "@tensorflow/tfjs-core";
import type { BuiltInNetwork } from "../../../src/graph/network.ts";
import type { Optimizer } from "../../../src/math/optimizer.ts";
import { eachGradient, errorFactor, hasGradients } from "./tfjsGradients.ts";
import { layersOfFlat, type MemberGroup } from "./tfjsLayers.ts";
import { type LayerVariables, Parameters } from "./tfjsParameters.ts";
import type { Trainer, TrainerOptions } from "./tfjsStep.ts";

// Training steps with gradients and updates written out in TensorFlow.js operations.

/** True where a step can be written out below. */
export function knowsStep(network: BuiltInNetwork, optimizer: Optimizer, targets: ArrayLike<number>): boolean {
  const { name, momentum, weightDecay } = optimizer;
  const knowsUpdate = weightDecay === 0 && (name === "adam" || (name === "sgd" && momentum === 0));
  return knowsUpdate && hasGradients(network, targets);
}

/** Constants of each batch size, uploaded once. */
class BatchConstants {
  readonly #bySize: ReadonlyMap<number, { factor: tf.Tensor; ones: tf.Tensor }>;

  /** @param gradientFactor what all gradients are multiplied by */
  constructor({ network, sizes, members }: TrainerOptions, gradientFactor: number) {
    const constants = (size: number) => ({
      factor: tf.scalar(gradientFactor * errorFactor(network, size)),
      // a product with a row of ones sums over samples, in one kernel where tf.sum takes two
      ones: tf.ones(members === 1 ? [1, size] : [1, 1, size]),
    });
    this.#bySize = new Map(sizes.map((size) => [size, constants(size)]));
  }

  of(size: number): { factor: tf.Tensor; ones: tf.Tensor } {
    return this.#bySize.get(size)!;
  }

  dispose(): void {
    for (const { factor, ones } of this.#bySize.values()) tf.dispose([factor, ones]);
  }
}

/** variable + aᵀ · b, or variable + a · b. */
function addProduct(
  variable: tf.Variable,
  [a, b]: [tf.Tensor, tf.Tensor],
  transposeA: boolean,
  isFused: boolean,
): void {
  const sum = isFused
    ? tf.reshape(tf.fused.matMul({ a, b, transposeA, bias: variable }), variable.shape)
    : tf.add(tf.reshape(tf.matMul(a, b, transposeA), variable.shape), variable);
  variable.assign(sum);
}

/** Gradient descent: gradients come multiplied by −learning rate, and the products that make them add the parameters. */
export function sgdByHand(options: TrainerOptions, group: MemberGroup): Trainer {
  const { network, optimizer, state, backend } = options;
  const { fusesMatrixBias } = backend;
  const parameters = new Parameters(network, group);
  const constants = new BatchConstants(options, -optimizer.learningRate);
  const update = ({ weights, bias }: LayerVariables, ones: tf.Tensor, inputs: tf.Tensor, step: tf.Tensor): void => {
    addProduct(weights, [inputs, step], true, fusesMatrixBias);
    addProduct(bias, [ones, step], false, fusesMatrixBias);
  };
  parameters.write(state);
  return {
    step: (batch) => {
      const { factor, ones } = constants.of(batch.size);
      const { layers } = parameters;
      eachGradient({ network, layers, batch, factor, fusesMatrixBias }, (index, inputs, step) =>
        update(layers[index]!, ones, inputs, step),
      );
    },
    restart: () => parameters.write(state),
    firstValue: () => parameters.firstValue(),
    read: (into) => parameters.read(into),
    dispose: () => {
      constants.dispose();
      parameters.dispose();
    },
  };
}

/** Parameters and moments of a group as flat tensors [members, parameterCount]: an update is one kernel each for all layers. */
class FlatAdam {
  readonly #optimizer: Optimizer;
  readonly #start: tf.Tensor2D;
  readonly #beta1: tf.Scalar;
  readonly #beta2: tf.Scalar;
  readonly parameters: tf.Variable<tf.Rank.R2>;
  /** First moment over 1 − beta1, and second moment over 1 − beta2: a multiplication less each. */
  readonly #mean: tf.Variable;
  readonly #square: tf.Variable;
  #steps = 0;

  constructor({ network, optimizer, state }: TrainerOptions, { first, count }: MemberGroup) {
    const { parameterCount } = network;
    this.#optimizer = optimizer;
    const own = state.slice(first * parameterCount, (first + count) * parameterCount);
    this.#start = tf.tensor2d(own, [count, parameterCount]);
    [this.#beta1, this.#beta2] = [tf.scalar(optimizer.beta1), tf.scalar(optimizer.beta2)];
    this.parameters = tf.variable(this.#start);
    [this.#mean, this.#square] = tf.tidy(() => [
      tf.variable(tf.zerosLike(this.#start)),
      tf.variable(tf.zerosLike(this.#start)),
    ]);
  }

  restart(): void {
    this.#steps = 0;
    this.parameters.assign(this.#start);
    tf.tidy(() => {
      for (const moment of [this.#mean, this.#square]) moment.assign(tf.zerosLike(this.#start));
    });
  }

  /** Kingma and Ba's algorithm with its scalars drawn together on the host: the same update in ten kernels. */
  update(gradients: tf.Tensor): void {
    const { learningRate, beta1, beta2, epsilon } = this.#optimizer;
    const steps = ++this.#steps;
    const correction = Math.sqrt((1 - beta2 ** steps) / (1 - beta2));
    const rate = (-learningRate * (1 - beta1) * correction) / (1 - beta1 ** steps);
    this.#mean.assign(tf.add(tf.mul(this.#mean, this.#beta1), gradients));
    this.#square.assign(tf.add(tf.mul(this.#square, this.#beta2), tf.square(gradients)));
    const root = tf.add(tf.sqrt(this.#square), epsilon * correction);
    this.parameters.assign(tf.add(this.parameters, tf.mul(tf.div(this.#mean, root), rate)));
  }

  dispose(): void {
    tf.dispose([this.parameters, this.#mean, this.#square, this.#start, this.#beta1, this.#beta2]);
  }
}

/** Adam on one flat tensor, which layers slice and to which gradients are joined. */
export function adamByHand(options: TrainerOptions, group: MemberGroup): Trainer {
  const { network, backend } = options;
  const adam = new FlatAdam(options, group);
  const constants = new BatchConstants(options, 1);
  const flat = (gradient: tf.Tensor): tf.Tensor2D => tf.reshape(gradient, [group.count, -1]);
  return {
    step: (batch) => {
      const { factor, ones } = constants.of(batch.size);
      const layers = layersOfFlat(adam.parameters, network);
      const parts: tf.Tensor2D[] = [];
      const { fusesMatrixBias } = backend;
      eachGradient({ network, layers, batch, factor, fusesMatrixBias }, (_, inputs, dPreActivations) =>
        parts.unshift(flat(tf.matMul(inputs, dPreActivations, true)), flat(tf.matMul(ones, dPreActivations))),
      );
      adam.update(tf.concat(parts, 1));
    },
    restart: () => adam.restart(),
    firstValue: () => tf.tidy(() => tf.reshape(tf.slice(adam.parameters, [0, 0], [1, 1]), [1])),
    read: async (into) => into.set(await adam.parameters.data<"float32">(), group.first * network.parameterCount),
    dispose: () => {
      adam.dispose();
      constants.dispose();
    },
  };
}
