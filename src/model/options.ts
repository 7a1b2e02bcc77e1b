import { stepsPerEpoch } from "../backend/batches.ts";
import { InvalidInput, requireOptions } from "../errors.ts";
import {
  type ActivationStorage,
  activationStorages,
  type Dataset,
  type Strategy,
  strategyNames,
  type PerMember,
  type RunSettings,
  type Checkpoint,
} from "../backend/executor.ts";
import { requireSeed } from "../graph/initializers.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireBoolean, requireInteger, requireName } from "../graph/network.ts";
import type { DecayGroup } from "../math/aroundUpdate.ts";
import type { Average } from "../math/average.ts";
import { adam, type Optimizer } from "../math/optimizer.ts";
import { requireOptimizer, searchesLine } from "../math/optimizerFunction.ts";
import { aroundOptions, surroundedOptimizer } from "./aroundOptions.ts";
import { requireDataset } from "./dataset.ts";
import type { MetricOptions } from "./measure.ts";
import { type LabelOptions, labelOptions, trainingRows } from "./trainingRows.ts";
import type { Mixup } from "./mixup.ts";
import { checkedPerMember } from "./perMember.ts";
import type { ScheduleOption } from "./scheduleOption.ts";
import type { Judging, JudgingOptions } from "./judging.ts";
import type { JudgedOptions } from "./monitor.ts";

/** When `train` reports progress. */
export type LogInterval = { readonly steps: number } | { readonly epochs: number } | { readonly ms: number };

export interface TrainOptions extends LabelOptions, MetricOptions, JudgingOptions {
  /** From `sgd()`, `adam()` or another of `optimizerNames`, or an own one of `optimizer()`; default `adam()`. */
  readonly optimizer?: Optimizer;
  /**
   * Learning-rate schedule: `cosine()`, `oneCycle()`, `warmUp(100, cosine())` and others, or a function of the steps
   * done, each a factor of the optimizer's rate. Of momentum and weight decay too: `{ learningRate, momentum, weightDecay }`.
   */
  readonly schedule?: ScheduleOption;
  /**
   * Scales the gradients of a member down to this norm where theirs is larger, as `torch.nn.utils.clip_grad_norm_`; what decay and `l1` add is
   * not part of it.
   */
  readonly clipNorm?: number;
  /** Clamps every gradient to ± this, as `torch.nn.utils.clip_grad_value_`; behind `clipNorm`. */
  readonly clipValue?: number;
  /** λ of the penalty λ · Σ |w| over weights and tables; its gradient is added after clipping. Reported losses exclude it. */
  readonly l1?: number;
  /** "weights": the optimizer's weight decay leaves biases, scales and shifts alone. Default: "all". */
  readonly decay?: DecayGroup;
  /**
   * Averages the parameters over the steps, `ema(0.999)` or `swa({ start: 1000 })`. At every event, and after the training, the model's
   * parameters are the averages; steps continue from those that were trained, which a checkpoint holds too.
   */
  readonly average?: Average;
  /** Passes over the data; default 60, unless `steps` is given. */
  readonly epochs?: number;
  /** Updates of the parameters, instead of epochs. */
  readonly steps?: number;
  /** Rows per step; default 32, and never more than there are. L-BFGS takes all. */
  readonly batchSize?: number;
  /** Draw batches in a seeded order, new each epoch (default). A batch of all rows keeps their order. */
  readonly shuffle?: boolean;
  /** Seed of the order; integer in [0, 2⁵³), default 0. */
  readonly seed?: number;
  /** Values per member: lists with one value per member. All members share what is missing here. */
  readonly perMember?: PerMember;
  /**
   * Train on as many rows, drawn with replacement (Efron 1979; Breiman 1996: bagging). With `perMember.seed` every member has
   * a sample of its own, otherwise all share the sample of `seed`.
   */
  readonly bootstrap?: boolean;
  /** Strategy of the steps: chosen by the planner (default), or the named one. The CPU reference has only one. */
  readonly strategy?: Strategy;
  /**
   * "f16" lets the strategies `tiles` and `groups` keep activations and their gradients in 16 bits: twice the samples in the memory of a
   * workgroup, at relative errors of 5e-4 a value. Everything is computed in f32; other strategies and the CPU take no notice.
   */
  readonly activationStorage?: ActivationStorage;
  /**
   * Go on from where a training of the same data and options stood, `model.checkpoint` for example: same order of rows, same moments,
   * same bits. Steps and epochs count from the very beginning; `learningRate` may differ. Replaces the model's parameters.
   */
  readonly resume?: Checkpoint | undefined;
  /**
   * Hands out the state of the training from time to time, to be stored: `encodeCheckpoint` of thalweg/data makes a file of it. Steps go
   * on while a promise that `save` returns is pending; the next state waits for it, and the training ends with what it rejects with.
   */
  readonly checkpoint?: CheckpointOptions;
  /** Held-out rows, evaluated with every progress event. */
  readonly validation?: Dataset;
  /**
   * Learn from mixtures of two rows, which are made once, on the host (Zhang et al. 2018). An epoch is as many mixtures as there are rows. Not for
   * numbers of categories.
   */
  readonly mixup?: Mixup;
  /** Default: every 200 ms, and at the end; with early stopping or reductions on plateaus whenever members are judged. */
  readonly logInterval?: LogInterval;
  readonly signal?: AbortSignal;
}

export interface CheckpointOptions {
  /** Steps, epochs or milliseconds between two states; steps and epochs are counted from the very beginning. */
  readonly interval: LogInterval;
  readonly save: (checkpoint: Checkpoint) => unknown;
}

/** Distance of events. */
export interface EventInterval {
  /** Steps between events, or undefined where events go by time. */
  readonly eventSteps: number | undefined;
  readonly eventMs: number;
}

/** When checkpoints are taken, and the function that receives them. */
export interface CheckpointPlan {
  readonly interval: EventInterval;
  readonly save: (checkpoint: Checkpoint) => unknown;
}

/** Controls passed to `next()` of a training, in effect from then on. The first `next()` of a generator ignores them: use the options. */
export interface TrainingControls {
  /** When the next events come, counted from here: `{ steps: 1 }` trains step by step. */
  readonly logInterval?: LogInterval;
  /** Learning rate of the steps from here on; momentum and moments stay. Not where `perMember` sets learning rates. */
  readonly learningRate?: number;
}

/** Which events become entries of a history. */
export interface HistoryPlan {
  /** Those at multiples of so many steps, and the last one; none where it is undefined. */
  readonly everySteps: number | undefined;
  /** Whether events fall on these steps however the training is interrupted: one that is missing in a checkpoint is made up for. */
  readonly isRegular: boolean;
}

/** Options with every default filled in. */
export interface TrainPlan {
  readonly settings: RunSettings;
  readonly totalSteps: number;
  readonly perEpoch: number;
  readonly eventInterval: EventInterval;
  readonly validation: Dataset | undefined;
  /** Taken over the validation rows. */
  readonly metrics: MetricOptions;
  readonly judging: Judging | undefined;
  readonly signal: AbortSignal | undefined;
  readonly checkpoint: CheckpointPlan | undefined;
  readonly history: HistoryPlan;
}

const known = [
  "optimizer",
  "schedule",
  ...aroundOptions,
  "epochs",
  "steps",
  "batchSize",
  "shuffle",
  "seed",
  "perMember",
  "bootstrap",
  "strategy",
  "activationStorage",
  "resume",
  ...labelOptions,
  "checkpoint",
  "validation",
  "metrics",
  "targetUnits",
  "earlyStopping",
  "reduceOnPlateau",
  "halving",
  "mixup",
  "logInterval",
  "signal",
];
const most = 2 ** 48;

/** Passes over the data where neither epochs nor steps are given. */
export const defaultEpochs = 60;

function requireSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  const fix = "pass new AbortController().signal";
  throw new InvalidInput({ place: "train: signal", expected: "an AbortSignal", got: String(signal), fix });
}

function totalStepsOf({ epochs, steps }: TrainOptions, perEpoch: number): number {
  if (epochs !== undefined && steps !== undefined) {
    throw new InvalidInput({ place: "train", expected: "epochs or steps", got: "both", fix: "remove one of them" });
  }
  if (steps !== undefined) {
    requireInteger("train: steps", steps, 1, most);
    return steps;
  }
  const passes = epochs ?? defaultEpochs;
  requireInteger("train: epochs", passes, 1, most / perEpoch);
  return passes * perEpoch;
}

function eventStepsOf(place: string, logInterval: LogInterval | undefined, perEpoch: number): number | undefined {
  if (logInterval === undefined) return undefined;
  if (typeof logInterval !== "object" || logInterval === null || ("ms" in logInterval && !(logInterval.ms >= 0))) {
    const got = JSON.stringify(logInterval) ?? typeof logInterval;
    const fix = "pass { epochs: 1 }";
    throw new InvalidInput({ place, expected: "steps, epochs, or ms of at least 0", got, fix });
  }
  if ("ms" in logInterval) return undefined;
  const steps = "steps" in logInterval ? logInterval.steps : logInterval.epochs * perEpoch;
  requireInteger(place, steps, 1, most);
  return steps;
}

export const eventIntervalOf = (
  logInterval: LogInterval | undefined,
  perEpoch: number,
  place = "train: logInterval",
): EventInterval => ({
  eventSteps: eventStepsOf(place, logInterval, perEpoch),
  eventMs: logInterval && "ms" in logInterval ? logInterval.ms : 200,
});

function checkpointPlanOf(checkpoint: CheckpointOptions | undefined, perEpoch: number): CheckpointPlan | undefined {
  if (checkpoint === undefined) return undefined;
  const place = "train: checkpoint";
  requireOptions(place, checkpoint, ["interval", "save"]);
  const { interval, save } = checkpoint;
  if (typeof save === "function" && interval !== undefined) {
    return { interval: eventIntervalOf(interval, perEpoch, `${place}: interval`), save };
  }
  const fix = "pass { interval: { steps: 500 }, save: (checkpoint) => … }";
  throw new InvalidInput({
    place,
    expected: "an interval and a function save",
    got: Object.keys(checkpoint).join(" and ") || "neither",
    fix,
  });
}

/** The options of populations and strategies, those that are present, checked. */
function optionalSettings(options: TrainOptions, optimizer: Optimizer, members: number) {
  const { perMember, bootstrap, strategy, activationStorage } = options;
  requireBoolean("train: bootstrap", bootstrap);
  if (strategy !== undefined) requireName("train: strategy", strategy, ["auto", ...strategyNames]);
  if (activationStorage !== undefined) requireName("train: activationStorage", activationStorage, activationStorages);
  return {
    ...(perMember !== undefined && { perMember: checkedPerMember(perMember, optimizer, members) }),
    ...(bootstrap !== undefined && { bootstrap }),
    ...(strategy !== undefined && { strategy }),
    ...(activationStorage !== undefined && { activationStorage }),
  };
}

/** Members of which each leaves some rows out. */
interface HeldOutMembers {
  readonly members: number;
  readonly heldOut?: RunSettings["heldOut"];
  /** Mixup: trains on mixtures of rows instead of the rows. */
  readonly mixed?: Dataset;
}

/** Names are checked when the metrics are loaded. */
function metricOptions({ validation, metrics, targetUnits }: TrainOptions): MetricOptions {
  if (validation !== undefined || (metrics === undefined && targetUnits === undefined)) return { metrics, targetUnits };
  const fix = "pass validation, or leave metrics out";
  const expected = "validation rows for the metrics";
  throw new InvalidInput({ place: "train: metrics", expected, got: "none", fix });
}

const isJudged = ({ earlyStopping, reduceOnPlateau, halving }: TrainOptions): boolean =>
  earlyStopping !== undefined || reduceOnPlateau !== undefined || halving !== undefined;

/** All but what is loaded only where it is requested. */
function planWithoutSchedule(
  network: AnyNetwork,
  data: Dataset,
  options: TrainOptions,
  { members, heldOut, mixed = data }: HeldOutMembers,
): TrainPlan {
  requireOptions("train", options, known);
  requireSignal(options.signal);
  const rows = requireDataset("train", data, network) - (heldOut?.rows ?? 0);
  if (options.validation) requireDataset("train: validation", options.validation, network);
  const { optimizer = adam(), shuffle = true, seed = 0, logInterval } = options;
  requireOptimizer("train", optimizer);
  const { batchSize = searchesLine(optimizer) ? rows : Math.min(32, rows) } = options;
  requireInteger("train: batchSize", batchSize, 1, 2 ** 31);
  requireSeed("train: seed", seed);
  const surrounded = surroundedOptimizer(optimizer, options);
  const size = Math.min(batchSize, rows);
  const perEpoch = stepsPerEpoch(rows, size);
  const settings = {
    data: trainingRows(network, mixed, options),
    optimizer: surrounded,
    batchSize: size,
    shuffle,
    seed,
    ...optionalSettings(options, optimizer, members),
    ...(heldOut && { heldOut }),
  };
  const totalSteps = totalStepsOf(options, perEpoch);
  const { resume, validation } = options;
  return {
    settings: resume ? { ...settings, resume } : settings,
    totalSteps,
    perEpoch,
    eventInterval: eventIntervalOf(logInterval, perEpoch),
    validation,
    metrics: metricOptions(options),
    judging: undefined,
    signal: options.signal,
    checkpoint: checkpointPlanOf(options.checkpoint, perEpoch),
    history: { everySteps: undefined, isRegular: false },
  };
}

/** Most entries of the history of a training that is iterated over. */
const mostEntries = 1000;

/** Entries of a history are events on epochs; they are regular where all of these have an event. */
function historyPlanOf({ eventInterval, judging, perEpoch, totalSteps }: TrainPlan): HistoryPlan {
  const everySteps = perEpoch * Math.ceil(totalSteps / perEpoch / mostEntries);
  const events = [eventInterval.eventSteps, judging?.everySteps];
  const isRegular = events.some((steps) => steps !== undefined && everySteps % steps === 0);
  return { everySteps: isRegular ? everySteps : undefined, isRegular };
}

/** The plan of `fit`: every event is an entry, and validation rows are scored by epochs unless something else says when. */
export function planOfFit(
  plan: TrainPlan,
  { logInterval }: TrainOptions,
  { epochs, isTold }: { readonly epochs: number; readonly isTold: boolean },
): TrainPlan {
  const isByEpochs = isTold || (plan.validation !== undefined && plan.judging?.everySteps === undefined);
  const eventInterval =
    logInterval === undefined && isByEpochs ? eventIntervalOf({ epochs }, plan.perEpoch) : plan.eventInterval;
  const { eventSteps } = eventInterval;
  if (eventSteps !== undefined) return { ...plan, eventInterval, history: { everySteps: eventSteps, isRegular: true } };
  return { ...plan, eventInterval, history: { everySteps: plan.validation && 1, isRegular: false } };
}

/** Steps from one judgement of members to the next. */
function judgedSteps(
  place: string,
  interval: JudgedOptions["interval"],
  { eventInterval, perEpoch }: TrainPlan,
): number {
  if (interval === undefined) return eventInterval.eventSteps ?? perEpoch;
  const own = eventStepsOf(place, interval, perEpoch);
  if (own !== undefined) return own;
  const expected = "a number of steps or epochs";
  throw new InvalidInput({ place, expected, got: JSON.stringify(interval), fix: "pass { epochs: 1 }" });
}

/** How members are judged, which is loaded only where it is requested; without `logInterval` there is an event each time. */
async function withJudging(
  plan: TrainPlan,
  options: TrainOptions,
  { network, members }: { readonly network: AnyNetwork; readonly members: number },
): Promise<TrainPlan> {
  if (!isJudged(options)) return plan;
  const { judgingOf } = await import("./judging.ts");
  const { totalSteps, perEpoch, validation, settings } = plan;
  const judging = judgingOf(options, network, {
    members,
    totalSteps,
    perEpoch,
    seed: settings.seed,
    validation,
    stepsOf: (place, interval) => judgedSteps(place, interval, plan),
  });
  const isByJudgement = options.logInterval === undefined && judging.everySteps !== undefined;
  const eventInterval = isByJudgement ? { ...plan.eventInterval, eventSteps: judging.everySteps } : plan.eventInterval;
  return { ...plan, judging, eventInterval };
}

/**
 * Checks data and options against members of a network and fills in defaults.
 * @param of how many members, or members that leave rows out
 * @throws InvalidInput
 */
export async function planTraining(
  network: AnyNetwork,
  data: Dataset,
  options: TrainOptions,
  of: number | HeldOutMembers,
): Promise<TrainPlan> {
  const { members, heldOut } = typeof of === "number" ? { members: of } : of;
  const mixup = options?.mixup;
  const mixed = mixup && (await import("./mixup.ts")).mixedRows(network, data, mixup);
  const rows = { members, ...(heldOut && { heldOut }), ...(mixed && { mixed }) };
  const judged = await withJudging(planWithoutSchedule(network, data, options, rows), options, { network, members });
  const plan = { ...judged, history: historyPlanOf(judged) };
  const { totalSteps, settings, judging } = plan;
  const { schedule, resume } = options;
  if (searchesLine(settings.optimizer)) {
    const { requireLineSearch } = await import("./lineSearchOptions.ts");
    requireLineSearch(network, options, settings);
  }
  if (resume !== undefined) {
    const { requireCheckpoint } = await import("./checkpoint.ts");
    requireCheckpoint(resume, { network, members, settings, totalSteps, judging });
  }
  if (schedule === undefined) return plan;
  const { factorsOf } = await import("./scheduleOption.ts");
  const factors = factorsOf(schedule, settings, totalSteps);
  return { ...plan, settings: { ...settings, optimizer: { ...settings.optimizer, factors } } };
}
