import { activationNames, type ActivationName } from "../network.ts";
import { activate, activateDerivative } from "./activation.ts";

/** Functions of one value, in the order of their numbers in `shaders/unary.wgsl`: activations, their slopes at saved values, and others. */
export const unaryNames = [
  ...activationNames,
  ...activationNames.map((name) => `${name}Slope` as const),
  "negate",
  "exp",
  "log",
  "sqrt",
  "square",
  "power",
  "absolute",
  "sign",
] as const;
export type UnaryName = (typeof unaryNames)[number];

type Formula = (x: number, exponent: number) => number;

const plain: Partial<Record<UnaryName, Formula>> = {
  negate: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  square: (x) => x * x,
  power: (x, exponent) => x ** exponent,
  absolute: Math.abs,
  sign: Math.sign,
};

function functionOf(name: UnaryName): Formula {
  const own = plain[name];
  if (own) return own;
  const isActivation = (activationNames as readonly string[]).includes(name);
  if (isActivation) return (x) => activate(name as ActivationName, x);
  const activation = name.slice(0, -"Slope".length) as ActivationName;
  return (x) => activateDerivative(activation, x);
}

export interface UnaryArguments {
  readonly name: UnaryName;
  readonly a: Float64Array;
  /** As long as `a`, written. */
  readonly out: Float64Array;
  /** Of power. */
  readonly exponent: number;
}

/** out = f(a). Twin of `shaders/unary.wgsl`. */
export function unary({ name, a, out, exponent }: UnaryArguments): void {
  const compute = functionOf(name);
  for (let at = 0; at < out.length; at++) out[at] = compute(a[at]!, exponent);
}
