import { type Activation } from "../math/activations.ts";
import { activationFunction } from "../math/scalarFunction.ts";
import { Expression as Definition } from "../math/expression.ts";
import { Simplifier } from "../math/simplify.ts";
import type { Leaf } from "./expression.ts";
import { type Formula, formulaOf, names } from "./formulaOf.ts";

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

const sigmaMeaning: Meaning = {
  text: "σ(z) = 1/(1 + e^(−z))",
  tex: "\\sigma(z) = \\frac{1}{1 + e^{-z}}",
};
const normalMeaning: Meaning = {
  text: "Φ(z) = ½·(1 + erf(z/√2)), φ(z) = e^(−z²/2)/√(2π)",
  tex:
    "\\Phi(z) = \\tfrac{1}{2} \\cdot (1 + \\operatorname{erf}(z/\\sqrt{2})), \\quad " +
    "\\varphi(z) = \\frac{e^{-z^2/2}}{\\sqrt{2\\pi}}",
};

/** What those functions stand for that formulas call by a letter. */
export function meaningOf(definitions: readonly Definition[]): Meaning | undefined {
  const has = (primitive: Definition["primitive"]): boolean => definitions.some((each) => names(each, primitive));
  const found = [
    ...(has("sigmoid") ? [sigmaMeaning] : []),
    ...(has("normalDistribution") || has("normalDensity") ? [normalMeaning] : []),
  ];
  if (found.length === 0) return undefined;
  return { text: found.map(({ text }) => text).join(", "), tex: found.map(({ tex }) => tex).join(", \\quad ") };
}

const [z, a] = [Definition.input("z"), Definition.input("a")];

/** Formulas of an activation, from its definition; the slope as it is computed from what forward saves. */
export function activationFormulas(activation: Activation): ActivationFormulas {
  const { forward, backward, saves } = activationFunction(activation);
  const slope = new Simplifier().simplify(
    backward.substitute(
      new Map([
        ["d", Definition.constant(1)],
        ["a", a],
        ["z", z],
      ]),
    ),
  );
  // The result has the sign of z, so z selects the branch.
  const isBranch = saves === "result" && slope.primitive?.startsWith("where") === true;
  const meaning = meaningOf([forward, slope]);
  return {
    activation: (own) => formulaOf(forward, new Map([["z", own]])),
    slope(own, result) {
      const found = formulaOf(
        slope,
        new Map([
          ["z", own],
          ["a", result],
        ]),
      );
      if (!isBranch || !found.condition) return found;
      return { ...found, condition: { ...found.condition, left: own } };
    },
    ...(meaning && { meaning }),
  };
}
