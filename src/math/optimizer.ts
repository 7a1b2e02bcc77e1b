import { InvalidInput, requireOptions } from "../errors.ts";
import { type AroundUpdate, numberAround, numbersAround, requireAround } from "./aroundUpdate.ts";
import {
  hyperParameterDefaults as defaults,
  type HyperParameterOptions,
  type HyperParameters,
  memberHyperParameters,
} from "./hyperParameters.ts";
import type { OwnUpdate } from "./ownUpdate.ts";
import type { Factors } from "./scheduled.ts";

export type OptimizerName = keyof typeof defaults;
/** Optimizers of thalweg; `optimizer()` defines others. */
export const optimizerNames = Object.keys(defaults) as readonly OptimizerName[];

/** An optimizer as data, every hyper-parameter present; made by `sgd()`, `adam()` and so on, by `createOptimizer()` or an own optimizer. */
export interface Optimizer {
  /** One of `optimizerNames`, or the name of an own optimizer. */
  readonly name: string;
  readonly learningRate: number;
  /** sgd, rmsProp, muon: share of the last direction that is kept. */
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Added to the gradient as weightDecay · parameter; by adamW, lion and muon applied to the parameter itself. */
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** rmsProp: share of the running mean of squares that is kept. */
  readonly alpha: number;
  readonly epsilon: number;
  /** nadam: how fast its momentum grows to beta1. */
  readonly momentumDecay: number;
  /** adadelta: share of the running means of squares that is kept. */
  readonly rho: number;
  /** adagrad: step t takes learningRate / (1 + (t − 1) · learningRateDecay), and the sum of squares begins at initialAccumulatorValue. */
  readonly learningRateDecay: number;
  readonly initialAccumulatorValue: number;
  /** lbfgs: iterations and evaluations after which PyTorch's `step` would return, and the next would evaluate the same parameters again. */
  readonly maxIterations: number;
  readonly maxEvaluations: number;
  /** lbfgs: pairs of differences that the direction is computed from. */
  readonly historySize: number;
  /** lbfgs: the largest gradient at which a member stays where it is. */
  readonly toleranceGradient: number;
  /** lbfgs: the change of the loss, or of the parameter that changes most, at which PyTorch's `step` would return; and the least slope. */
  readonly toleranceChange: number;
  /** muon: iterations that make a matrix orthogonal, an integer from 1 to 99. */
  readonly newtonSchulzSteps: number;
  /** muon: multiplies directions by 0.2 √max(fanIn, fanOut) in place of √max(1, fanOut / fanIn): `adjust_lr_fn="match_rms_adamw"`. */
  readonly matchRmsAdamW: boolean;
  /** muon: the first and the last dense layers are trained as other parameters are. */
  readonly hiddenOnly: boolean;
  /** muon: learning rate of the parameters that AdamW takes, in learning rates. */
  readonly rateOfOthers: number;
  /** Of an own optimizer: what defines it. The numbers above that it does not have change nothing. */
  readonly own?: OwnUpdate;
  /** What a training does around the update: clipping, penalties, averages; set by a training from its options. */
  readonly around?: AroundUpdate;
  /** What the numbers above are multiplied by in each step: set by a training, from its option `schedule`. */
  readonly factors?: Factors;
}

/** Numbers that an optimizer does not use. */
const unused: Omit<Optimizer, "name" | "own" | "around" | "factors"> = {
  learningRate: 0.01,
  momentum: 0,
  nesterov: false,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  alpha: 0.99,
  epsilon: 1e-8,
  momentumDecay: 4e-3,
  rho: 0.9,
  learningRateDecay: 0,
  initialAccumulatorValue: 0,
  maxIterations: 20,
  maxEvaluations: 25,
  historySize: 10,
  toleranceGradient: 1e-7,
  toleranceChange: 1e-9,
  newtonSchulzSteps: 5,
  matchRmsAdamW: false,
  hiddenOnly: false,
  rateOfOthers: 1,
};

const maxF32 = 3.4028234663852886e38;

interface Range {
  readonly minimum: number;
  readonly below: number;
  readonly expected: string;
  readonly isInteger?: true;
}
/** Below this a GPU may take a number for 0. */
const minNormalF32 = 2 ** -126;
const magnitude: Range = { minimum: minNormalF32, below: maxF32, expected: "0, or an f32 from 1.18e-38 to 3.4e38" };
const share: Range = { minimum: 0, below: 1, expected: "a number from 0 to below 1" };
/** Counts that an f32 holds exactly. */
const count: Range = { minimum: 1, below: 2 ** 24, expected: "an integer from 1 to 16777215", isInteger: true };
/** A kernel keeps a number of each pair in workgroup memory. */
const pairs: Range = { minimum: 1, below: 1025, expected: "an integer from 1 to 1024", isInteger: true };
const iterations: Range = { minimum: 1, below: 100, expected: "an integer from 1 to 99", isInteger: true };

/** Of hyper-parameters that are known to an own optimizer alone. */
const anyNumber: Range = { minimum: -maxF32, below: maxF32, expected: "a number from −3.4e38 to 3.4e38" };

function requireRange(place: string, value: unknown, { minimum, below, expected, isInteger }: Range): void {
  const isInside = typeof value === "number" && value >= minimum && value < below;
  if (isInside && (!isInteger || Number.isInteger(value))) return;
  throw new InvalidInput({ place, expected, got: String(value), fix: "pass a number in that range" });
}

/** Range of each number that an optimizer takes. */
const ranges = {
  learningRate: magnitude,
  weightDecay: magnitude,
  epsilon: magnitude,
  momentum: share,
  beta1: share,
  beta2: share,
  alpha: share,
  momentumDecay: magnitude,
  rho: share,
  learningRateDecay: magnitude,
  initialAccumulatorValue: magnitude,
  newtonSchulzSteps: iterations,
  rateOfOthers: magnitude,
  maxIterations: count,
  maxEvaluations: count,
  historySize: pairs,
  toleranceGradient: magnitude,
  toleranceChange: magnitude,
} as const satisfies Record<string, Range>;
type NumberName = keyof typeof ranges;

/** Throws `InvalidInput` unless `value` is in the range of the hyper-parameter and an f32. */
export function requireHyperParameter(place: string, name: string, value: unknown): void {
  const range: Range = Object.hasOwn(ranges, name) ? ranges[name as NumberName] : anyNumber;
  if (value !== 0 || range.isInteger) requireRange(place, value, range);
}

/** Throws `InvalidInput` unless every hyper-parameter is in its range and an f32. */
export function checkOptimizer(optimizer: Optimizer): Optimizer {
  const place = (key: string): string => `${optimizer.name}: ${key}`;
  if (optimizer.around) requireAround(optimizer.name, optimizer.around);
  for (const name of numbersOf(optimizer)) requireHyperParameter(place(name), name, hyperParameterOf(optimizer, name));
  const asksForNesterov = optimizer.nesterov && hyperParametersOf(optimizer)["nesterov"] === false;
  if (asksForNesterov && optimizer.momentum === 0) {
    const fix = "pass momentum, 0.9 for example, or leave nesterov out";
    throw new InvalidInput({ place: place("nesterov"), expected: "a momentum above 0", got: "momentum 0", fix });
  }
  return optimizer;
}

/** Hyper-parameters of an optimizer: names, and the values or defaults that its definition has. */
const hyperParametersOf = ({ name, own }: Optimizer): HyperParameters =>
  own ? own.values : defaults[name as OptimizerName];

/** Whether an optimizer has a hyper-parameter of this name to set. */
export const takes = (optimizer: Optimizer, name: string): boolean => Object.hasOwn(hyperParametersOf(optimizer), name);

/** Value of a hyper-parameter; members of a population may have their own of three of them. */
export function hyperParameterOf(optimizer: Optimizer, name: string): number | boolean {
  const around = numberAround(optimizer.around, name);
  if (around !== undefined) return around;
  const isOfMember = (memberHyperParameters as readonly string[]).includes(name);
  return isOfMember || !optimizer.own ? optimizer[name as NumberName] : optimizer.own.values[name]!;
}

/** Names of the hyper-parameters of an optimizer that are numbers, and of the numbers around its update. */
export function numbersOf(optimizer: Optimizer): string[] {
  const hyperParameters = hyperParametersOf(optimizer);
  const own = Object.keys(hyperParameters).filter((name) => typeof hyperParameters[name] === "number");
  return [...own, ...numbersAround(optimizer.around)];
}

/** Options of an optimizer of thalweg. */
export type OptionsOf<Name extends OptimizerName> = HyperParameterOptions<(typeof defaults)[Name]>;

/** The hyper-parameters of an optimizer of thalweg, with their defaults. */
export const hyperParameterDefaults = (name: OptimizerName): HyperParameters => defaults[name];

/**
 * An optimizer by its name.
 * @param options hyper-parameters that differ from their defaults
 * @throws InvalidInput on a name that is none of `optimizerNames`, and on hyper-parameters that it does not have or out of their range
 */
export function createOptimizer<Name extends OptimizerName>(name: Name, options?: OptionsOf<Name>): Optimizer;
export function createOptimizer(name: OptimizerName, options: object = {}): Optimizer {
  if (!Object.hasOwn(defaults, name)) {
    const expected = `one of ${optimizerNames.join(", ")}`;
    throw new InvalidInput({ place: "optimizer", expected, got: String(name), fix: "pass one of these names" });
  }
  const hyperParameters = defaults[name];
  requireOptions(name, options, Object.keys(hyperParameters));
  return checkOptimizer({ name, ...unused, ...hyperParameters, ...evaluationsOf(options), ...options });
}

/** As many evaluations as PyTorch gives so many iterations. */
const evaluationsOf = (options: object): Partial<Optimizer> =>
  "maxIterations" in options
    ? { maxEvaluations: Math.max(1, Math.floor((Number(options.maxIterations) * 5) / 4)) }
    : {};

/** Stochastic gradient descent, momentum and Nesterov as `torch.optim.SGD` defines them (dampening 0). */
export const sgd = (options?: OptionsOf<"sgd">): Optimizer => createOptimizer("sgd", options);

/** Adam (Kingma and Ba 2015) as `torch.optim.Adam` defines it; weightDecay is added to the gradient. */
export const adam = (options?: OptionsOf<"adam">): Optimizer => createOptimizer("adam", options);

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`. */
export const adamW = (options?: OptionsOf<"adamW">): Optimizer => createOptimizer("adamW", options);

/** RMSProp (Hinton 2012) as `torch.optim.RMSprop` defines it, not centred. */
export const rmsProp = (options?: OptionsOf<"rmsProp">): Optimizer => createOptimizer("rmsProp", options);

/** Lion (Chen et al. 2023), whose steps have the size of the learning rate; weight decay is decoupled, 0 unless set. */
export const lion = (options?: OptionsOf<"lion">): Optimizer => createOptimizer("lion", options);

/**
 * Muon (Jordan et al. 2024) as `torch.optim.Muon` defines it, iterated in float32: a running mean of gradients whose matrices are made
 * orthogonal, for the weights of dense layers. Biases, tables, scales and shifts take AdamW, at a rate of learningRate · rateOfOthers.
 */
export const muon = (options?: OptionsOf<"muon">): Optimizer => createOptimizer("muon", options);

/** NAdam (Dozat 2016), Adam with Nesterov's momentum, as `torch.optim.NAdam` defines it since PyTorch 2. */
export const nadam = (options?: OptionsOf<"nadam">): Optimizer => createOptimizer("nadam", options);

/** Adagrad (Duchi et al. 2011) as `torch.optim.Adagrad` defines it: steps shrink with the sum of all squared gradients. */
export const adagrad = (options?: OptionsOf<"adagrad">): Optimizer => createOptimizer("adagrad", options);

/** Adadelta (Zeiler 2012) as `torch.optim.Adadelta` defines it: steps as long as the latest ones were, at a learning rate of 1. */
export const adadelta = (options?: OptionsOf<"adadelta">): Optimizer => createOptimizer("adadelta", options);

/** Adamax (Kingma and Ba 2015), Adam by the largest gradient, as `torch.optim.Adamax` defines it. */
export const adamax = (options?: OptionsOf<"adamax">): Optimizer => createOptimizer("adamax", options);

/**
 * L-BFGS (Liu and Nocedal 1989) with a strong-Wolfe line search, as `torch.optim.LBFGS(line_search_fn="strong_wolfe")`, for batches of all
 * rows: a step of a training is one evaluation of the loss, and the model's parameters are those of the best point that it has come to.
 * `maxEvaluations` is ⌊5/4 · maxIterations⌋ unless it is set.
 */
export const lbfgs = (options?: OptionsOf<"lbfgs">): Optimizer => createOptimizer("lbfgs", options);

/** An own optimizer with these hyper-parameters. */
export function ownOptimizer(name: string, own: OwnUpdate): Optimizer {
  const { values } = own;
  const ofMembers = memberHyperParameters.filter((key) => Object.hasOwn(values, key)).map((key) => [key, values[key]]);
  return checkOptimizer({ name, ...unused, ...Object.fromEntries(ofMembers), own });
}
