import type { Device } from "../backend/device.ts";
import type { Dataset, Executor, FloatArray, PerMember } from "../backend/executor.ts";
import { RecoveringExecutor } from "../backend/recoveringExecutor.ts";
import { InvalidInput, NonFinite } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { initialize, type InitializerName, requireSeed, requireSeeds } from "../graph/initializers.ts";
import { requireInteger } from "../graph/network.ts";
import { requireDataset } from "./dataset.ts";
import { dealFolds, type Folds, inOrder, rowsBetween } from "./folds.ts";
import type { MetricName } from "../metrics/metrics.ts";
import type { MetricOptions } from "./measure.ts";
import { evaluate } from "./metrics.ts";
import { planTraining, type TrainOptions, type TrainPlan } from "./options.ts";
import { probabilitiesOf } from "./probabilities.ts";
import type { Progress } from "./progress.ts";
import { Trainer } from "./trainer.ts";

/** Options of a training that mean nothing, or another thing, where rows are held out in turn, and why. */
const reasons = {
  validation: "each fold's rows are its validation rows",
  earlyStopping: "stopping on the scored rows would bias the score",
  reduceOnPlateau: "a learning rate that depends on the scored rows would bias the score",
  halving: "selecting settings on the scored rows would bias the score",
  mixup: "held-out rows would be mixed with training rows",
  perMember: "members are used for folds, seeds and settings",
  logInterval: "onProgress reports progress",
} as const;
type Refused = keyof typeof reasons;

/**
 * How often, and by what, a network is cross-validated; and the options of every training. `checkpoint` receives the state of all trainings,
 * also where the signal or a lost device ends them; `resume` continues from it, to the same bits.
 */
export interface CrossValidationOptions extends Omit<TrainOptions, Refused> {
  /** Parts that the rows are dealt to; each is held out once. Default 5, from 2 to the number of rows. */
  readonly folds?: number;
  /** Whether every fold has its share of each class; default: where the targets are classes. */
  readonly stratified?: boolean;
  /** Decides which rows form a fold; default 0. */
  readonly splitSeed?: number;
  /** Of initial parameters and the order of rows: every fold is trained once with each. Default: `seed` alone. */
  readonly seeds?: ArrayLike<number>;
  /** What is compared: lists with one value for each setting. Default: one setting, that of the optimizer. */
  readonly settings?: Omit<PerMember, "seed">;
  readonly initializer?: InitializerName;
  /** Whether the outputs for the held-out rows are returned. */
  readonly predictions?: boolean;
  /** Called with the events of `train`: losses are those of all trainings, folds first. */
  readonly onProgress?: (progress: Progress) => void;
}

/** A metric over the rows held out. */
export interface CrossValidated {
  /** Over folds and seeds, and the standard deviation, that of a population. */
  readonly mean: number;
  readonly deviation: number;
  /** [seeds, folds]. */
  readonly values: Float64Array;
}

/** How well one setting generalises. */
export interface ValidatedSetting {
  /** Its values among `settings`. */
  readonly setting: Readonly<Partial<Record<keyof Omit<PerMember, "seed">, number>>>;
  readonly loss: CrossValidated;
  /** Of the cross entropies. */
  readonly accuracy: CrossValidated | undefined;
  /** Those that were requested. */
  readonly metrics: { readonly [Name in MetricName]?: CrossValidated };
}

export interface CrossValidation {
  /** In the order given. */
  readonly settings: readonly ValidatedSetting[];
  /** Fold in which each row is held out. */
  readonly foldOf: Uint32Array;
  /** Rows that each training learns from. */
  readonly trainingRows: number;
  /** Trainings whose numbers stopped being finite: they are not scored, and make the mean NaN. */
  readonly diverged: number;
  /** Where they are requested: what is predicted for each row by the training that has not seen it [settings, seeds, rows, outputs]. */
  readonly predictions: FloatArray | undefined;
}

/** Values of each member, of its setting and its seed: all folds of a seed, all seeds of a setting. */
interface Plan {
  readonly folds: number;
  readonly seeds: readonly number[];
  /** Number of settings. */
  readonly settings: number;
  readonly members: number;
}

function summaryOf(values: Float64Array): CrossValidated {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length), values };
}

/** The lists of the settings that are given. */
function listsOf(settings: CrossValidationOptions["settings"] = {}): [string, ArrayLike<number>][] {
  if ("seed" in settings) {
    const fix = "pass seeds beside them: every setting is trained with each";
    throw new InvalidInput({ place: "crossValidate: settings", expected: "no seeds", got: "seed", fix });
  }
  return Object.entries(settings).filter(([, list]) => list !== undefined);
}

function planOf({ folds = 5, seeds, seed = 0, settings = {} }: CrossValidationOptions, rows: number): Plan {
  requireInteger("crossValidate: folds", folds, 2, rows);
  requireSeed("crossValidate: seed", seed);
  const own = seeds ?? [seed];
  requireSeeds("crossValidate: seeds", own, own?.length);
  const lists = listsOf(settings);
  const count = lists[0]?.[1].length ?? 1;
  for (const [name, list] of lists) {
    if (list.length === count && count > 0) continue;
    const place = `crossValidate: settings.${name}`;
    const fix = "pass lists of one length";
    throw new InvalidInput({
      place,
      expected: `${Math.max(1, count)} values, one for each setting`,
      got: String(list.length),
      fix,
    });
  }
  const members = count * own.length * folds;
  requireInteger("crossValidate: settings × seeds × folds", members, 2, 2 ** 20);
  return { folds, seeds: Array.from(own), settings: count, members };
}

/** The values of each member. */
function perMemberOf(
  { folds, seeds, members }: Plan,
  settings: CrossValidationOptions["settings"] = {},
): PerMember & { seed: number[] } {
  const all = Array.from({ length: members }, (_, member) => member);
  const ofSetting = (list: ArrayLike<number>): number[] =>
    all.map((member) => list[Math.floor(member / (folds * seeds.length))]!);
  const lists = listsOf(settings);
  return {
    ...Object.fromEntries(lists.map(([name, list]) => [name, ofSetting(list)])),
    seed: all.map((member) => seeds[Math.floor(member / folds) % seeds.length]!),
  };
}

/**
 * Rows that members leave out: all as many, so that they take their steps together. A fold that is a row shorter than others leaves out
 * a neighbour too, which is not scored.
 */
function heldOutOf({ starts, order }: Folds, { folds, members }: Plan) {
  const rows = Math.ceil(order.length / folds);
  const from = Array.from({ length: members }, (_, member) => Math.min(starts[member % folds]!, order.length - rows));
  return { rows, from };
}

/** What is measured, and whether predictions are kept. */
interface Wanted extends MetricOptions {
  readonly predictions?: boolean | undefined;
}

interface Scored {
  /** Loss, accuracy and metrics of each member on its own fold. */
  readonly values: ReadonlyMap<string, Float64Array>;
  readonly predicted: Float64Array | undefined;
}

async function scoreFolds(
  executor: Executor,
  data: Dataset,
  { plan, folds, wanted }: { readonly plan: Plan; readonly folds: Folds; readonly wanted: Wanted },
): Promise<Scored> {
  const { members, network } = executor;
  const { outputs } = network;
  const { predictions, metrics, targetUnits } = wanted;
  const values = new Map<string, Float64Array>();
  const predicted = predictions ? new Float64Array((members / plan.folds) * data.targets.length) : undefined;
  for (let fold = 0; fold < plan.folds; fold++) {
    const [first, end] = [folds.starts[fold]!, folds.starts[fold + 1]!];
    const rows = rowsBetween(data, network, [first, end]);
    const { losses, accuracies, memberMetrics } = await evaluate(executor, rows, { metrics, targetUnits });
    const all = predicted && probabilitiesOf(network, await executor.predict(rows.inputs));
    for (let member = fold; member < members; member += plan.folds) {
      for (const [name, own] of Object.entries({ loss: losses, accuracy: accuracies, ...memberMetrics })) {
        if (!own) continue;
        if (!values.has(name)) values.set(name, new Float64Array(members));
        values.get(name)![member] = own[member]!;
      }
      if (!all) continue;
      for (let place = first; place < end; place++) {
        const from = (member * (end - first) + place - first) * outputs;
        const to = Math.floor(member / plan.folds) * data.targets.length + folds.order[place]! * outputs;
        predicted.set(all.subarray(from, from + outputs), to);
      }
    }
  }
  return { values, predicted };
}

const ownNames = [
  "folds",
  "stratified",
  "splitSeed",
  "seeds",
  "settings",
  "initializer",
  "predictions",
  "onProgress",
  "metrics",
  "targetUnits",
];

/** The options of every training, alone. */
function trainOptionsOf(options: CrossValidationOptions): TrainOptions {
  const wrong = (Object.keys(reasons) as Refused[]).find((name) => (options as TrainOptions)[name] !== undefined);
  if (wrong === undefined)
    return Object.fromEntries(Object.entries(options).filter(([name]) => !ownNames.includes(name)));
  const fix = wrong === "perMember" ? "pass settings and seeds" : "leave it out";
  throw new InvalidInput({ place: "crossValidate", expected: `no ${wrong}: ${reasons[wrong]}`, got: "one", fix });
}

/** Trains to the end. @returns the step at which each member diverged; −1 where it did not */
async function trainAll(
  executor: RecoveringExecutor,
  training: TrainPlan,
  onProgress: CrossValidationOptions["onProgress"],
): Promise<Float64Array> {
  const trainer = new Trainer(executor, await executor.createRun(training.settings), training);
  try {
    for await (const progress of trainer.events()) onProgress?.(progress);
    return trainer.results!.nonFiniteSteps;
  } catch (error) {
    const { checkpoint } = trainer; // there is no model whose state could be read later
    if (checkpoint && !(error instanceof NonFinite)) await training.checkpoint?.save(checkpoint);
    throw error;
  } finally {
    trainer.dispose();
  }
}

/** How well each setting does. @param stopped step at which each member diverged, or −1 */
function settingsOf(
  { seeds, folds, settings: count }: Plan,
  settings: CrossValidationOptions["settings"],
  { values, stopped }: Pick<Scored, "values"> & { readonly stopped: Float64Array },
): ValidatedSetting[] {
  const width = seeds.length * folds;
  const of = (all: Float64Array, at: number): CrossValidated => {
    const own = all.subarray(at * width, (at + 1) * width);
    return summaryOf(own.map((value, place) => (stopped[at * width + place]! >= 0 ? Number.NaN : value)));
  };
  const lists = listsOf(settings);
  return Array.from({ length: count }, (_, at) => {
    const { loss, accuracy, ...metrics } = Object.fromEntries([...values].map(([name, all]) => [name, of(all, at)]));
    const setting = Object.fromEntries(lists.map(([name, list]) => [name, list[at]!]));
    return { setting, loss: loss!, accuracy, metrics };
  });
}

/** `crossValidate` where this file is loaded. */
export async function startCrossValidation(
  device: Device,
  network: AnyNetwork,
  given: Dataset,
  options: CrossValidationOptions,
): Promise<CrossValidation> {
  const rows = requireDataset("crossValidate", given, network);
  const { stratified, splitSeed = 0, settings, initializer, onProgress } = options;
  if (options.metrics) (await import("./measure.ts")).planFor("crossValidate", network, options);
  requireSeed("crossValidate: splitSeed", splitSeed);
  const ofAll = trainOptionsOf(options);
  const plan = planOf(options, rows);
  const { members } = plan;
  const folds = dealFolds(network, given, { folds: plan.folds, seed: splitSeed, stratified });
  const data = inOrder(given, folds.order);
  const perMember = perMemberOf(plan, settings);
  const heldOut = heldOutOf(folds, plan);
  const training = await planTraining(network, data, { ...ofAll, perMember }, { members, heldOut });
  const executor = await RecoveringExecutor.open({ device, network, members, recovers: true });
  try {
    const drawn = { seed: perMember.seed, members, ...(initializer && { initializer }) };
    executor.writeParameters(training.settings.resume?.parameters ?? initialize(network, drawn));
    const stopped = await trainAll(executor, training, onProgress);
    const scored = await scoreFolds(executor, data, { plan, folds, wanted: options });
    return {
      settings: settingsOf(plan, settings, { ...scored, stopped }),
      foldOf: folds.foldOf,
      trainingRows: rows - heldOut.rows,
      diverged: stopped.filter((step) => step >= 0).length,
      predictions: scored.predicted,
    };
  } finally {
    executor.dispose();
  }
}
