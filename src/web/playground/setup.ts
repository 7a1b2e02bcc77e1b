// From the state to what is trained.

import {
  createOptimizer,
  type Dataset,
  dense,
  ema,
  hyperParameterDefaults,
  type NetworkOptions,
  type Optimizer,
  type OptimizerName,
  takesLogits,
} from "../../index.ts";
import type { Pace, SessionSettings } from "../worker/protocol.ts";
import { drawDataset, type Split, splitPoints } from "./datasets.ts";
import { featuresOf } from "./features.ts";
import type { FrameOptions } from "./frame.ts";
import type { Point } from "./points.ts";
import { scheduleOf } from "./schedules.ts";
import { type PlaygroundState, seedOf } from "./state.ts";

/** The points of a state, split. */
export function pointsOf({ data, points, seed, noise, share }: PlaygroundState): Split {
  return splitPoints(data === "own" ? points : drawDataset(data, seed, noise), seed, share);
}

/** Classes become 0 and 1 before a loss that takes logits, else −1 and 1 before tanh; numbers stay as they are. */
const targetOf = ({ loss }: PlaygroundState, value: number): number =>
  takesLogits(loss) ? (value > 0 ? 1 : 0) : value;

/** Rows of the network's inputs and targets. */
export const datasetOf = (state: PlaygroundState, points: readonly Point[]): Dataset => ({
  inputs: featuresOf(state.features, points),
  targets: Float32Array.from(points, ({ value }) => targetOf(state, value)),
});

/** One output: a logit, a number from −1 to 1, or any number. */
export function networkOf(state: PlaygroundState): NetworkOptions {
  const { features, layers, loss, task } = state;
  const output = task === "classification" && !takesLogits(loss) ? "tanh" : "identity";
  return {
    inputs: features.length,
    layers: [...layers.map(({ width, activation }) => dense(width, activation)), dense(1, output)],
    loss,
  };
}

/** Whether an optimizer has a hyper-parameter of this name. */
export const takes = (optimizer: OptimizerName, name: string): boolean => name in hyperParameterDefaults(optimizer);

/** With the hyper-parameters that each optimizer takes. */
export function optimizerOf({ optimizer, learningRate, momentum, weightDecay }: PlaygroundState): Optimizer {
  const all = Object.entries({ learningRate, momentum, weightDecay });
  return createOptimizer(optimizer, Object.fromEntries(all.filter(([name]) => takes(optimizer, name))));
}

export const paceOf = ({ pace }: PlaygroundState): Pace => (pace === "full" ? "full" : { steps: Number(pace) });

/** Batches of an epoch: the last one of it may be smaller. */
export const stepsPerEpoch = ({ batchSize }: PlaygroundState, { training: { length } }: Split): number =>
  Math.max(1, Math.ceil(length / Math.min(Math.max(1, length), batchSize)));

/** Whether an optimizer has a momentum to set. */
export const hasMomentum = ({ optimizer }: PlaygroundState): boolean => takes(optimizer, "momentum");

/** Label smoothing, where the loss has labels to smooth. */
export const smoothingOf = ({ loss, labelSmoothing }: PlaygroundState): number =>
  takesLogits(loss) ? labelSmoothing : 0;

/** Steps from one look at the test loss to the next; patience is as many of them as fit. */
export const stoppingSteps = 50;
export const patienceOf = ({ patience }: PlaygroundState): number => Math.max(1, Math.round(patience / stoppingSteps));

/** What a training of this state does beside its optimizer, those that are on. Without test points nothing stops it. */
export function trainingOptionsOf(state: PlaygroundState, { test }: Split) {
  const { l1, dropout, clipNorm, ema: decay } = state;
  const schedule = scheduleOf(state);
  const labelSmoothing = smoothingOf(state);
  return {
    ...(schedule && { schedule }),
    ...(l1 > 0 && { l1 }),
    ...(dropout > 0 && { dropout }),
    ...(labelSmoothing > 0 && { labelSmoothing }),
    ...(clipNorm > 0 && { clipNorm }),
    ...(decay > 0 && { average: ema(decay) }),
    ...(stopsEarly(state, test) && {
      validation: datasetOf(state, test),
      earlyStopping: { patience: patienceOf(state), interval: { steps: stoppingSteps } },
    }),
  };
}

const stopsEarly = ({ patience }: PlaygroundState, test: readonly Point[]): boolean => patience > 0 && test.length > 0;

/** What a session of this state trains; `options` goes to its frames. */
export function sessionOf(
  state: PlaygroundState,
  split: Split,
  neuron: FrameOptions["neuron"],
): SessionSettings<FrameOptions> {
  return {
    network: networkOf(state),
    data: datasetOf(state, split.training),
    optimizer: optimizerOf(state),
    batchSize: state.batchSize,
    ...trainingOptionsOf(state, split),
    seed: seedOf(state),
    orderSeed: seedOf(state),
    ...(state.initializer !== "auto" && { initializer: state.initializer }),
    options: {
      features: state.features,
      test: split.test.length > 0 ? datasetOf(state, split.test) : undefined,
      neuron,
    },
  };
}

/** What has to begin anew when a state changes: nothing, the training with its parameters kept, or everything. */
export type Change = "none" | "goOn" | "restart";

const shapeKeys = [
  "data",
  "noise",
  "share",
  "seed",
  "networkSeed",
  "features",
  "layers",
  "initializer",
  "loss",
  "task",
] as const;
const trainingKeys = [
  "points",
  "optimizer",
  "momentum",
  "weightDecay",
  "batchSize",
  "schedule",
  "scheduleSteps",
  "warmUp",
  "l1",
  "dropout",
  "labelSmoothing",
  "clipNorm",
  "ema",
  "patience",
] as const;

export function changeBetween(before: PlaygroundState, after: PlaygroundState): Change {
  const differs = (key: keyof PlaygroundState): boolean => before[key] !== after[key];
  // Painting keeps the network; the first point makes the points one's own.
  const isPainting = after.data === "own" && differs("points") && before.task === after.task;
  if (shapeKeys.some((key) => differs(key) && !(isPainting && key === "data"))) return "restart";
  return trainingKeys.some(differs) ? "goOn" : "none";
}
