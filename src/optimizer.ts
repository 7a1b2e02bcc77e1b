import { InvalidInput, requireOptions } from "./errors.ts";

/** Optimizers, in the order of their numbers in `shaders/update.wgsl`. */
export const optimizerNames = ["sgd", "adam", "adamW", "rmsProp"] as const;
export type OptimizerName = (typeof optimizerNames)[number];

/** An optimizer as data, every hyper-parameter present; made by `sgd()`, `adam()`, `adamW()` or `rmsProp()`. */
export interface Optimizer {
  readonly name: OptimizerName;
  readonly learningRate: number;
  /** sgd, rmsProp: share of the last direction that is kept. */
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Added to the gradient as weightDecay · parameter; by adamW applied to the parameter itself. */
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** rmsProp: share of the running mean of squares that is kept. */
  readonly alpha: number;
  readonly epsilon: number;
}

const defaults: Omit<Optimizer, "name"> = {
  learningRate: 0.01,
  momentum: 0,
  nesterov: false,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  alpha: 0.99,
  epsilon: 1e-8,
};

export interface SgdOptions {
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}
export interface AdamOptions {
  readonly learningRate?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}
export interface RmsPropOptions {
  readonly learningRate?: number;
  readonly alpha?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
}

const maxF32 = 3.4028234663852886e38;

interface Range {
  readonly minimum: number;
  readonly below: number;
  readonly expected: string;
}
/** Below this a GPU may take a number for 0. */
const minNormalF32 = 2 ** -126;
const magnitude: Range = { minimum: minNormalF32, below: maxF32, expected: "0, or an f32 from 1.18e-38 to 3.4e38" };
const share: Range = { minimum: 0, below: 1, expected: "a number from 0 to below 1" };

function requireRange(place: string, value: unknown, { minimum, below, expected }: Range): void {
  if (typeof value === "number" && value >= minimum && value < below) return;
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
} as const;
type NumberName = keyof typeof ranges;

/** Throws `InvalidInput` unless `value` is in the range of the hyper-parameter and an f32. */
export function requireHyperParameter(place: string, name: NumberName, value: unknown): void {
  if (value !== 0) requireRange(place, value, ranges[name]);
}

/** Throws `InvalidInput` unless every hyper-parameter is in its range and an f32. */
function checked(optimizer: Optimizer): Optimizer {
  const place = (key: string): string => `${optimizer.name}: ${key}`;
  for (const name of Object.keys(ranges) as NumberName[]) requireHyperParameter(place(name), name, optimizer[name]);
  if (optimizer.nesterov && optimizer.momentum === 0) {
    const fix = "pass momentum, 0.9 for example, or leave nesterov out";
    throw new InvalidInput({ place: place("nesterov"), expected: "a momentum above 0", got: "momentum 0", fix });
  }
  return optimizer;
}

/** Hyper-parameters that each optimizer takes. */
const hyperParameters: Record<OptimizerName, readonly string[]> = {
  sgd: ["learningRate", "momentum", "nesterov", "weightDecay"],
  adam: ["learningRate", "beta1", "beta2", "epsilon", "weightDecay"],
  adamW: ["learningRate", "beta1", "beta2", "epsilon", "weightDecay"],
  rmsProp: ["learningRate", "alpha", "epsilon", "weightDecay", "momentum"],
};

/** Whether an optimizer has a momentum of its own to set. */
export const takesMomentum = ({ name }: Optimizer): boolean => hyperParameters[name].includes("momentum");

/** Throws `InvalidInput` unless `optimizer` came from one of the functions below, or is as good. */
export function requireOptimizer(place: string, optimizer: Optimizer | undefined): void {
  if (typeof optimizer === "object" && optimizerNames.includes(optimizer?.name)) {
    checked(optimizer);
    return;
  }
  const got = typeof optimizer === "object" ? String(optimizer?.name) : String(optimizer);
  throw new InvalidInput({ place, expected: "an optimizer", got, fix: "pass optimizer: adam()" });
}

function build(name: OptimizerName, base: Partial<Optimizer>, options: object): Optimizer {
  requireOptions(name, options, hyperParameters[name]);
  return checked({ name, ...defaults, ...base, ...options });
}

/** Stochastic gradient descent, momentum and Nesterov as `torch.optim.SGD` defines them (dampening 0). */
export const sgd = (options: SgdOptions = {}): Optimizer => build("sgd", {}, options);

/** Adam (Kingma and Ba 2015) as `torch.optim.Adam` defines it; weightDecay is added to the gradient. */
export const adam = (options: AdamOptions = {}): Optimizer => build("adam", { learningRate: 1e-3 }, options);

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`. */
export const adamW = (options: AdamOptions = {}): Optimizer =>
  build("adamW", { learningRate: 1e-3, weightDecay: 0.01 }, options);

/** RMSProp (Hinton 2012) as `torch.optim.RMSprop` defines it, not centred. */
export const rmsProp = (options: RmsPropOptions = {}): Optimizer => build("rmsProp", {}, options);

/** Values that the optimizer keeps per parameter: momentum or moments. */
export function momentCount({ name, momentum }: Optimizer): 0 | 1 | 2 {
  if (name === "sgd") return momentum > 0 ? 1 : 0;
  if (name === "rmsProp") return momentum > 0 ? 2 : 1;
  return 2;
}
