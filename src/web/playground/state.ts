// The playground's state, and the address that holds all of it.

import {
  type ActivationName,
  activationNames,
  type InitializerName,
  initializerNames,
  type LossName,
  lossNames,
  type OptimizerName,
  optimizerNames,
} from "../../index.ts";
import { axisNames, type CurveView, measureNames } from "./curveLines.ts";
import { datasetNames, type DatasetName, type Task, taskOf } from "./datasets.ts";
import { type FeatureName, featureNames } from "./features.ts";
import { type GroupName, groupNames, parseGroups } from "./hiddenGroups.ts";
import { decodePoints, encodePoints, type Point } from "./points.ts";
import { type ScheduleName, type ScheduleSettings, scheduleNames } from "./schedules.ts";

export const mostLayers = 10;
export const mostNeurons = 128;
const version = "1";

export interface HiddenLayer {
  readonly width: number;
  readonly activation: ActivationName;
}

/** Steps between two redraws. */
export const paceNames = ["1", "10", "100", "full"] as const;
export type PaceName = (typeof paceNames)[number];

/** Longest schedule, warm-up and patience, in steps. */
const mostSteps = 1_000_000;

export interface PlaygroundState extends ScheduleSettings {
  readonly data: DatasetName | "own";
  /** Where `data` is "own"; else empty. */
  readonly points: readonly Point[];
  readonly task: Task;
  /** Percent, 0 to 50. */
  readonly noise: number;
  /** Percent of the points to learn from, 10 to 90. */
  readonly share: number;
  /** Of the points, of the split, of the initial weights and of the order of rows. */
  readonly seed: number;
  /** Of the initial weights and of the order of rows, where they have another seed than the points. */
  readonly networkSeed: number | undefined;
  readonly features: readonly FeatureName[];
  readonly layers: readonly HiddenLayer[];
  readonly initializer: InitializerName | "auto";
  readonly loss: LossName;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  /** λ of the penalty λ · Σ |w|; 0: none. */
  readonly l1: number;
  /** Rate behind every hidden layer; 0: none. */
  readonly dropout: number;
  /** ε of a cross entropy; 0: none. */
  readonly labelSmoothing: number;
  /** Largest norm of the gradients; 0: any. */
  readonly clipNorm: number;
  /** Decay of the average of the parameters; 0: none is kept. */
  readonly ema: number;
  /** Steps without a better test loss after which training stops; 0: never. */
  readonly patience: number;
  /** Steps without a better test loss after which the rate is reduced; 0: never. */
  readonly plateau: number;
  /** What the rate is multiplied by then. */
  readonly plateauFactor: number;
  /** Of Muon. */
  readonly newtonSchulzSteps: number;
  readonly rateOfOthers: number;
  readonly matchRmsAdamW: boolean;
  readonly hiddenOnly: boolean;
  /** Of L-BFGS. */
  readonly historySize: number;
  readonly pace: PaceName;
  readonly showsTest: boolean;
  readonly discretizes: boolean;
  /** Accuracy is shown of classes alone. */
  readonly curves: CurveView;
  /** Controls that the address leaves out. */
  readonly hidden: readonly GroupName[];
}

export const defaults: PlaygroundState = {
  data: "spiral",
  points: [],
  task: "classification",
  noise: 10,
  share: 50,
  seed: 1,
  networkSeed: undefined,
  features: ["x1", "x2"],
  layers: [
    { width: 8, activation: "tanh" },
    { width: 6, activation: "tanh" },
  ],
  initializer: "auto",
  loss: "binaryCrossEntropy",
  optimizer: "adam",
  learningRate: 0.01,
  momentum: 0,
  weightDecay: 0,
  batchSize: 32,
  schedule: "constant",
  scheduleSteps: 2000,
  warmUp: 0,
  l1: 0,
  dropout: 0,
  labelSmoothing: 0,
  clipNorm: 0,
  ema: 0,
  patience: 0,
  plateau: 0,
  plateauFactor: 0.5,
  newtonSchulzSteps: 5,
  rateOfOthers: 1,
  matchRmsAdamW: false,
  hiddenOnly: false,
  historySize: 10,
  pace: "10",
  showsTest: false,
  discretizes: false,
  curves: { measure: "loss", isLogarithmic: true, axis: "step", smoothing: 0 },
  hidden: [],
};

/** Seed of the initial weights and of the order of rows. */
export const seedOf = ({ seed, networkSeed }: PlaygroundState): number => networkSeed ?? seed;

/** Losses that make sense for a task with one output. */
export const lossesOf = (task: Task): readonly LossName[] =>
  lossNames.filter(
    (name) => name !== "softmaxCrossEntropy" && (name !== "binaryCrossEntropy" || task !== "regression"),
  );

/** The state with another task: its loss follows where it must. */
export function withTask(state: PlaygroundState, task: Task): PlaygroundState {
  if (state.task === task) return state;
  return { ...state, task, loss: task === "regression" ? "meanSquaredError" : "binaryCrossEntropy" };
}

type Texts = Partial<Record<string, string>>;

const layersText = (layers: readonly HiddenLayer[]): string =>
  layers.map(({ width, activation }) => `${width}-${activation}`).join("_");

const flagText = (isOn: boolean): string => (isOn ? "1" : "0");

/** Every part of the state as text, by its key in the address. */
const textsOf = (state: PlaygroundState): Texts => ({
  data: state.data,
  task: state.task,
  points: encodePoints(state.points),
  noise: String(state.noise),
  train: String(state.share),
  seed: String(state.seed),
  wseed: state.networkSeed === undefined ? "" : String(state.networkSeed),
  features: state.features.join("_"),
  net: layersText(state.layers),
  init: state.initializer,
  loss: state.loss,
  opt: state.optimizer,
  rate: String(state.learningRate),
  momentum: String(state.momentum),
  decay: String(state.weightDecay),
  batch: String(state.batchSize),
  schedule: state.schedule,
  span: String(state.scheduleSteps),
  warmup: String(state.warmUp),
  l1: String(state.l1),
  dropout: String(state.dropout),
  label: String(state.labelSmoothing),
  clip: String(state.clipNorm),
  ema: String(state.ema),
  patience: String(state.patience),
  plateau: String(state.plateau),
  factor: String(state.plateauFactor),
  ns: String(state.newtonSchulzSteps),
  others: String(state.rateOfOthers),
  rms: flagText(state.matchRmsAdamW),
  inner: flagText(state.hiddenOnly),
  history: String(state.historySize),
  pace: state.pace,
  test: flagText(state.showsTest),
  discrete: flagText(state.discretizes),
  curve: state.curves.measure,
  log: flagText(state.curves.isLogarithmic),
  over: state.curves.axis,
  smooth: String(state.curves.smoothing),
  hide: state.hidden.join("_"),
});

/** The address of a state: its version, and what differs from the defaults. */
export function encodeState(state: PlaygroundState): URLSearchParams {
  const usual = textsOf(withTask(defaults, state.task));
  const isOwn = state.data === "own";
  const entries = Object.entries(textsOf(state)).filter(([key, text]) => {
    if (key === "task") return isOwn;
    return text !== usual[key];
  }) as [string, string][];
  return new URLSearchParams([["v", version], ...entries]);
}

/** What an address says, and what of it makes no sense. */
export interface Decoded {
  readonly state: PlaygroundState;
  /** One sentence each. */
  readonly problems: readonly string[];
}

class Reader {
  readonly problems: string[] = [];
  readonly #params: URLSearchParams;

  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  /** The value of a key as `parse` understands it; the usual one where it is absent or makes no sense. */
  read<Value>(key: string, usual: Value, expected: string, parse: (text: string) => Value | undefined): Value {
    const text = this.#params.get(key);
    if (text === null) return usual;
    const value = parse(text);
    if (value !== undefined) return value;
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    this.problems.push(`${key}=${shown} is ignored: expected ${expected}`);
    return usual;
  }

  name<Name extends string>(key: string, usual: Name, names: readonly Name[]): Name {
    return this.read(key, usual, `one of ${names.join(", ")}`, (text) => names.find((name) => name === text));
  }

  number(key: string, usual: number, least: number, most: number): number {
    return this.read(key, usual, `a number from ${least} to ${most}`, (text) => numberIn(text, least, most));
  }

  integer(key: string, usual: number, least: number, most: number): number {
    const parse = (text: string): number | undefined => {
      const value = numberIn(text, least, most);
      return Number.isInteger(value) ? value : undefined;
    };
    return this.read(key, usual, `a whole number from ${least} to ${most}`, parse);
  }

  flag(key: string, usual: boolean): boolean {
    return this.name(key, flagText(usual), ["0", "1"]) === "1";
  }

  optionalInteger(key: string, most: number): number | undefined {
    return this.read<number | undefined>(key, undefined, `a whole number from 0 to ${most}`, (text) => {
      const value = numberIn(text, 0, most);
      return Number.isInteger(value) ? value : undefined;
    });
  }
}

function numberIn(text: string, least: number, most: number): number | undefined {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return value >= least && value <= most ? value : undefined;
}

function parseFeatures(text: string): FeatureName[] | undefined {
  const named = text.split("_");
  const known = featureNames.filter((name) => named.includes(name));
  return known.length === named.length && known.length > 0 ? known : undefined;
}

function parseLayers(text: string): HiddenLayer[] | undefined {
  if (text === "") return [];
  const layers = text.split("_").map((layer): HiddenLayer | undefined => {
    const [, width = "", name] = /^(\d{1,3})-(\w+)$/.exec(layer) ?? [];
    const activation = activationNames.find((known) => known === name);
    return activation && numberIn(width, 1, mostNeurons) ? { width: Number(width), activation } : undefined;
  });
  return layers.length <= mostLayers && layers.every((layer) => layer !== undefined) ? layers : undefined;
}

/** What a training does beside its optimizer. */
function readTraining(reader: Reader) {
  return {
    schedule: reader.name<ScheduleName>("schedule", defaults.schedule, scheduleNames),
    scheduleSteps: reader.integer("span", defaults.scheduleSteps, 1, mostSteps),
    warmUp: reader.integer("warmup", defaults.warmUp, 0, mostSteps),
    l1: reader.number("l1", defaults.l1, 0, 10),
    dropout: reader.number("dropout", defaults.dropout, 0, 0.95),
    labelSmoothing: reader.number("label", defaults.labelSmoothing, 0, 1),
    clipNorm: reader.number("clip", defaults.clipNorm, 0, 1000),
    ema: reader.number("ema", defaults.ema, 0, 0.9999),
    patience: reader.integer("patience", defaults.patience, 0, mostSteps),
    plateau: reader.integer("plateau", defaults.plateau, 0, mostSteps),
    plateauFactor: reader.number("factor", defaults.plateauFactor, 0.001, 0.999),
    newtonSchulzSteps: reader.integer("ns", defaults.newtonSchulzSteps, 1, 20),
    rateOfOthers: reader.number("others", defaults.rateOfOthers, 0, 1000),
    matchRmsAdamW: reader.flag("rms", defaults.matchRmsAdamW),
    hiddenOnly: reader.flag("inner", defaults.hiddenOnly),
    historySize: reader.integer("history", defaults.historySize, 1, 100),
  };
}

/** Reads an address; whatever makes no sense keeps its default and is told. */
export function decodeState(params: URLSearchParams): Decoded {
  const reader = new Reader(params);
  reader.name("v", version, [version]);
  const points = reader.read("points", [], "points as this page writes them", decodePoints);
  const named = reader.name("data", points.length > 0 ? "own" : defaults.data, [...datasetNames, "own"]);
  const data = named === "own" && points.length === 0 ? defaults.data : named;
  const ownTask = reader.name("task", "classification", ["classification", "regression"]);
  const usual = withTask(defaults, data === "own" ? ownTask : taskOf(data));
  const layers = `at most ${mostLayers} layers as 8-tanh, joined by _, of 1 to ${mostNeurons} neurons`;
  const state: PlaygroundState = {
    data,
    points: data === "own" ? points : [],
    task: usual.task,
    noise: reader.integer("noise", usual.noise, 0, 50),
    share: reader.integer("train", usual.share, 10, 90),
    seed: reader.integer("seed", usual.seed, 0, 2 ** 32 - 1),
    networkSeed: reader.optionalInteger("wseed", 2 ** 32 - 1),
    features: reader.read("features", usual.features, `some of ${featureNames.join(", ")}, joined by _`, parseFeatures),
    layers: reader.read("net", usual.layers, layers, parseLayers),
    initializer: reader.name("init", usual.initializer, ["auto", ...initializerNames]),
    loss: reader.name("loss", usual.loss, lossesOf(usual.task)),
    optimizer: reader.name("opt", usual.optimizer, optimizerNames),
    learningRate: reader.number("rate", usual.learningRate, 1e-6, 100),
    momentum: reader.number("momentum", usual.momentum, 0, 0.999),
    weightDecay: reader.number("decay", usual.weightDecay, 0, 10),
    batchSize: reader.integer("batch", usual.batchSize, 1, 4096),
    ...readTraining(reader),
    pace: reader.name("pace", usual.pace, paceNames),
    showsTest: reader.flag("test", usual.showsTest),
    discretizes: reader.flag("discrete", usual.discretizes),
    curves: {
      measure: reader.name("curve", usual.curves.measure, measureNames),
      isLogarithmic: reader.flag("log", usual.curves.isLogarithmic),
      axis: reader.name("over", usual.curves.axis, axisNames),
      smoothing: reader.number("smooth", usual.curves.smoothing, 0, 0.99),
    },
    hidden: reader.read("hide", [], `some of ${groupNames.join(", ")}, joined by _`, parseGroups),
  };
  return { state, problems: reader.problems };
}
