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
import { defaults, type PlaygroundState, seedOf } from "./state.ts";

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

/** Hyper-parameters that the page sets. */
const hyperParameters = [
  "learningRate",
  "momentum",
  "weightDecay",
  "newtonSchulzSteps",
  "rateOfOthers",
  "matchRmsAdamW",
  "hiddenOnly",
  "historySize",
] as const satisfies (keyof PlaygroundState)[];

/** Those that the optimizer of a state takes, and their values. */
export const hyperParametersOf = (state: PlaygroundState): [string, number | boolean][] =>
  hyperParameters.filter((name) => takes(state.optimizer, name)).map((name) => [name, state[name]]);

export const optimizerOf = (state: PlaygroundState): Optimizer =>
  createOptimizer(state.optimizer, Object.fromEntries(hyperParametersOf(state)));

/** Whether each step takes all points, and the optimizer finds its length along a line. */
export const searchesLine = ({ optimizer }: Pick<PlaygroundState, "optimizer">): boolean => optimizer === "lbfgs";

/** A state without what has no effect: a line search compares losses, which nothing may change between its trials. */
export const effective = (state: PlaygroundState): PlaygroundState =>
  searchesLine(state)
    ? { ...state, schedule: "constant", warmUp: 0, l1: 0, dropout: 0, clipNorm: 0, ema: 0, plateau: 0, weightDecay: 0 }
    : state;

/** What changes with the optimizer: L-BFGS begins with whole steps, and Muon has a momentum. */
export function withOptimizer(state: PlaygroundState, optimizer: OptimizerName): Partial<PlaygroundState> {
  const usual = hyperParameterDefaults(optimizer);
  if (optimizer === "lbfgs") return { optimizer, learningRate: usual["learningRate"] as number };
  return {
    optimizer,
    ...(searchesLine(state) && { learningRate: defaults.learningRate }),
    ...(optimizer === "muon" && state.momentum === 0 && { momentum: usual["momentum"] as number }),
  };
}

export const batchSizeOf = (state: PlaygroundState, { training: { length } }: Split): number =>
  searchesLine(state) ? Math.max(1, length) : state.batchSize;

export const paceOf = ({ pace }: PlaygroundState): Pace => (pace === "full" ? "full" : { steps: Number(pace) });

/** Batches of an epoch: the last one of it may be smaller. */
export const stepsPerEpoch = (state: PlaygroundState, split: Split): number => {
  const rows = Math.max(1, split.training.length);
  return Math.ceil(rows / Math.min(rows, batchSizeOf(state, split)));
};

/** Whether an optimizer has a momentum to set. */
export const hasMomentum = ({ optimizer }: PlaygroundState): boolean => takes(optimizer, "momentum");

/** Label smoothing, where the loss has labels to smooth. */
export const smoothingOf = ({ loss, labelSmoothing }: PlaygroundState): number =>
  takesLogits(loss) ? labelSmoothing : 0;

/** Steps from one look at the test loss to the next; patience is as many of them as fit. */
export const stoppingSteps = 50;
export const patienceOf = ({ patience }: PlaygroundState): number => Math.max(1, Math.round(patience / stoppingSteps));

/** Looks without improvement that are tolerated: the next one reduces the rate. */
const toleratedOf = ({ plateau }: PlaygroundState): number => Math.max(0, Math.round(plateau / stoppingSteps) - 1);

/** What a training of this state does beside its optimizer, those that are on. Without test points nothing stops it. */
export function trainingOptionsOf(chosen: PlaygroundState, { test }: Split) {
  const state = effective(chosen);
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
    ...(isJudged(state, test) && { validation: datasetOf(state, test) }),
    ...(isJudged(state, test) &&
      state.plateau > 0 && {
        reduceOnPlateau: {
          patience: toleratedOf(state),
          factor: state.plateauFactor,
          interval: { steps: stoppingSteps },
        },
      }),
    ...(isJudged(state, test) &&
      state.patience > 0 && {
        earlyStopping: { patience: patienceOf(state), interval: { steps: stoppingSteps } },
      }),
  };
}

const isJudged = ({ patience, plateau }: PlaygroundState, test: readonly Point[]): boolean =>
  (patience > 0 || plateau > 0) && test.length > 0;

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
    batchSize: batchSizeOf(state, split),
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

/** What restarts when the state changes: nothing, the training with its parameters kept, or everything. */
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
  "plateau",
  "plateauFactor",
  "newtonSchulzSteps",
  "rateOfOthers",
  "matchRmsAdamW",
  "hiddenOnly",
  "historySize",
] as const;

export function changeBetween(before: PlaygroundState, after: PlaygroundState): Change {
  const differs = (key: keyof PlaygroundState): boolean => before[key] !== after[key];
  // Painting keeps the network; the first point makes the points one's own.
  const isPainting = after.data === "own" && differs("points") && before.task === after.task;
  if (shapeKeys.some((key) => differs(key) && !(isPainting && key === "data"))) return "restart";
  return trainingKeys.some(differs) ? "goOn" : "none";
}
