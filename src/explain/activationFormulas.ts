import type { ActivationName } from "../network.ts";
import { call, constant, difference, exponential, negative, product, quotient, squared, sum } from "./expression.ts";
import type { Condition, Expression, Leaf } from "./expression.ts";

/** A formula, and the branch it holds in where there are several. */
export interface Formula {
  readonly formula: Expression;
  readonly condition?: Condition;
}

/** What a function inside a formula stands for. */
export interface Meaning {
  readonly text: string;
  readonly tex: string;
}

/** An activation and its slope at one node, z its preActivation and a its activation. */
interface ActivationFormulas {
  readonly activation: (z: Leaf) => Formula;
  readonly slope: (z: Leaf, a: Leaf) => Formula;
  readonly meaning?: Meaning;
}

const zero = constant(0);
const one = constant(1);
/** Slope of leakyRelu below 0, as PyTorch's default. */
const leak = constant(0.01);

export const sigmaMeaning: Meaning = {
  text: "σ(z) = 1/(1 + e^(−z))",
  tex: "\\sigma(z) = \\frac{1}{1 + e^{-z}}",
};
const normalMeaning: Meaning = {
  text: "Φ(z) = ½·(1 + erf(z/√2)), φ(z) = e^(−z²/2)/√(2π)",
  tex:
    "\\Phi(z) = \\tfrac{1}{2} \\cdot (1 + \\operatorname{erf}(z/\\sqrt{2})), \\quad " +
    "\\varphi(z) = \\frac{e^{-z^2/2}}{\\sqrt{2\\pi}}",
};

const logistic = (z: Leaf): Expression => quotient(one, sum(one, exponential(negative(z))));

/** Takes `above` for z > 0 and `below` for z ≤ 0. */
function branch(z: Leaf, above: Expression, below: Expression): Formula {
  if (z.value > 0) return { formula: above, condition: { left: z, relation: ">", right: zero } };
  return { formula: below, condition: { left: z, relation: "≤", right: zero } };
}

/** Every activation of `activationNames`; slopes from the activation where it suffices. */
export const activationFormulas: Record<ActivationName, ActivationFormulas> = {
  identity: {
    activation: (z) => ({ formula: z }),
    slope: () => ({ formula: one }),
  },
  sigmoid: {
    activation: (z) => ({ formula: logistic(z) }),
    slope: (_z, a) => ({ formula: product(a, difference(one, a)) }),
  },
  tanh: {
    activation: (z) => ({ formula: call("tanh", z) }),
    slope: (_z, a) => ({ formula: difference(one, squared(a)) }),
  },
  relu: {
    activation: (z) => ({ formula: call("max", zero, z) }),
    slope: (z) => branch(z, one, zero),
  },
  leakyRelu: {
    activation: (z) => ({ formula: call("max", product(leak, z), z) }),
    slope: (z) => branch(z, one, leak),
  },
  elu: {
    activation: (z) => branch(z, z, difference(exponential(z), one)),
    slope: (z, a) => branch(z, one, sum(a, one)),
  },
  gelu: {
    activation: (z) => ({ formula: product(z, call("Phi", z)) }),
    slope: (z) => ({ formula: sum(call("Phi", z), product(z, call("phi", z))) }),
    meaning: normalMeaning,
  },
  silu: {
    activation: (z) => ({ formula: product(z, call("sigma", z)) }),
    slope: (z) => {
      const sigma = call("sigma", z);
      return { formula: product(sigma, sum(one, product(z, difference(one, sigma)))) };
    },
    meaning: sigmaMeaning,
  },
  softplus: {
    activation: (z) => ({ formula: call("ln", sum(one, exponential(z))) }),
    slope: (z) => ({ formula: logistic(z) }),
  },
  sine: {
    activation: (z) => ({ formula: call("sin", z) }),
    slope: (z) => ({ formula: call("cos", z) }),
  },
};
