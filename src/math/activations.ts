import { decodeDefinition, type Definition } from "./definition.ts";
import { expm1, Expression, normalDistribution, sigmoid, sin, softplus, tanh, where } from "./expression.ts";
import { scalarFunction, type ScalarFunction } from "./scalarFunction.ts";

/** Slope of leakyRelu below 0, as `torch.nn.LeakyReLU`. */
const leak = 0.01;

/** Activation functions of a pre-activation z: the one place that defines them. */
export const activations = {
  identity: (z) => z,
  sigmoid: (z) => sigmoid(z),
  tanh: (z) => tanh(z),
  relu: (z) => where(z.lessOrEqual(0), 0, z),
  leakyRelu: (z) => where(z.lessOrEqual(0), z.times(leak), z),
  elu: (z) => where(z.lessOrEqual(0), expm1(z), z),
  gelu: (z) => z.times(normalDistribution(z)),
  silu: (z) => z.times(sigmoid(z)),
  softplus: (z) => softplus(z),
  sine: (z) => sin(z),
} as const satisfies Record<string, (z: Expression) => Expression>;

export type ActivationName = keyof typeof activations;

/** An activation of a user's: its definition as data, so that models with it can be saved. `activation()` makes one. */
export interface OwnActivation {
  readonly name: string;
  /** Of the input z. */
  readonly definition: Definition;
}

/** An activation by name, or one of a user's. */
export type Activation = ActivationName | OwnActivation;

const derived = new Map<ActivationName, ScalarFunction>();
const derivedOwn = new WeakMap<OwnActivation, ScalarFunction>();

/** An activation and its backward pass, derived once. */
export function activationFunction(activation: Activation): ScalarFunction {
  const known = typeof activation === "string" ? derived.get(activation) : derivedOwn.get(activation);
  if (known) return known;
  const z = Expression.input("z");
  if (typeof activation === "string") {
    const own = scalarFunction(activations[activation](z));
    derived.set(activation, own);
    return own;
  }
  const own = scalarFunction(decodeDefinition(`activation ${activation.name}`, activation.definition, ["z"]));
  derivedOwn.set(activation, own);
  return own;
}

/** What an activation or a loss is called. */
export const nameOf = (of: string | { readonly name: string }): string => (typeof of === "string" ? of : of.name);
