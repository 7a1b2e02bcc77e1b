import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import type { LossName, BuiltInNetwork } from "../../../src/graph/network.ts";
import type { Optimizer } from "../../../src/math/optimizer.ts";
import { CannotTakePart, entryOf } from "../../race/contract.ts";
import type { BatchTensors } from "./tfjsBatches.ts";
import { dense, denseOfData, type MemberGroup } from "./tfjsLayers.ts";
import { Parameters } from "./tfjsParameters.ts";
import type { Trainer, TrainerOptions } from "./tfjsStep.ts";

// Training as TensorFlow.js means it to be written: a loss, its automatic gradient, and one of tf.train's optimizers.

type Loss = (outputs: tf.Tensor, targets: tf.Tensor) => tf.Tensor;
const { SUM } = tf.Reduction;

/** Losses summed over all values; means are taken by `meanFactor`. tf.losses want targets of the outputs' shape. */
const summedLosses: Partial<Record<LossName, Loss>> = {
  squaredError: (y, t) => tf.sum(tf.square(tf.sub(y, t))),
  meanSquaredError: (y, t) => tf.sum(tf.square(tf.sub(y, t))),
  meanAbsoluteError: (y, t) => tf.sum(tf.abs(tf.sub(y, t))),
  huber: (y, t) => tf.losses.huberLoss(t, y, undefined, 1, SUM),
  binaryCrossEntropy: (y, t) => tf.losses.sigmoidCrossEntropy(t, y, undefined, 0, SUM),
  softmaxCrossEntropy: (y, t) => tf.losses.softmaxCrossEntropy(t, y, undefined, 0, SUM),
};

const broadcasts: readonly LossName[] = ["squaredError", "meanSquaredError", "meanAbsoluteError"];

/** Turns the sum over a batch into thalweg's mean: over samples, or over all values. */
function meanFactor(loss: LossName, size: number, outputs: number): number {
  if (loss === "squaredError") return 0.5 / size;
  return loss === "softmaxCrossEntropy" ? 1 / size : 1 / (size * outputs);
}

/** The optimizer of tf.train whose definition is `src/backend/cpu/update.ts`'s. */
export function optimizerOf(optimizer: Optimizer): tf.Optimizer {
  const { name, learningRate, momentum, nesterov, weightDecay, beta1, beta2, epsilon } = optimizer;
  if (weightDecay !== 0) throw new CannotTakePart("tf.train has no weight decay");
  if (name === "adam") return tf.train.adam(learningRate, beta1, beta2, epsilon);
  if (name !== "sgd") throw new CannotTakePart(`tf.train has no ${name} of PyTorch's definition`);
  return momentum === 0 ? tf.train.sgd(learningRate) : tf.train.momentum(learningRate, momentum, nesterov);
}

function free(training: tf.Optimizer | undefined, { momentum }: Optimizer): void {
  training?.dispose();
  // what tf.train.momentum disposes of leaves out the scalar of the class that it extends
  if (training && momentum > 0) tf.SGDOptimizer.prototype.dispose.call(training);
}

function outputsOf(
  { layers }: BuiltInNetwork,
  parameters: Parameters,
  batch: BatchTensors,
  fusesMatrixBias: boolean,
): tf.Tensor {
  let values = batch.inputs;
  for (const { index, activation } of layers) {
    const own = parameters.layers[index]!;
    values = index === 0 ? denseOfData(values, own, activation) : dense(values, own, { activation, fusesMatrixBias });
  }
  return values;
}

/** The loss summed over members, so that each member's gradient is its own. */
export function minimizer({ network, optimizer, state, backend }: TrainerOptions, group: MemberGroup): Trainer {
  const parameters = new Parameters(network, group);
  const needsTargets = group.count > 1 && !broadcasts.includes(network.loss);
  let training: tf.Optimizer | undefined;
  const lossOf = (batch: BatchTensors): tf.Scalar => {
    const outputs = outputsOf(network, parameters, batch, backend.fusesMatrixBias);
    const targets = needsTargets ? tf.broadcastTo(batch.targets, outputs.shape) : batch.targets;
    const summed = entryOf("TensorFlow.js", summedLosses, network.loss)(outputs, targets);
    return tf.mul<tf.Scalar>(summed, meanFactor(network.loss, batch.size, network.outputs));
  };
  const restart = (): void => {
    free(training, optimizer);
    training = optimizerOf(optimizer);
    parameters.write(state);
  };
  restart();
  return {
    step: (batch) => void training!.minimize(() => lossOf(batch), false, [...parameters.variables]),
    restart,
    firstValue: () => parameters.firstValue(),
    read: (into) => parameters.read(into),
    dispose: () => {
      free(training, optimizer);
      parameters.dispose();
    },
  };
}
