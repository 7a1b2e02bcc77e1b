import { decodeDefinition, type Definition } from "./definition.ts";
import { expm1, type Expression, normalDistribution, sigmoid, sin, softplus, tanh, where } from "./expression.ts";

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
  mish: (z) => z.times(tanh(softplus(z))),
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

/** The definition of an activation at `z`. @throws InvalidInput on an own one whose data are no definition */
export const activationExpression = (activation: Activation, z: Expression): Expression =>
  typeof activation === "string"
    ? activations[activation](z)
    : decodeDefinition(`activation ${activation.name}`, activation.definition, ["z"]).substitute(new Map([["z", z]]));

/** What an activation or a loss is called. */
export const nameOf = (of: string | { readonly name: string }): string => (typeof of === "string" ? of : of.name);
