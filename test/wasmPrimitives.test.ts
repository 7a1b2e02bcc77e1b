// Every primitive, activation and loss in WebAssembly, values and slopes, at 2¹⁷ points (fewer where a host takes the smaller share)
// and at all powers of two: errors in units of the bounds that the table of primitives states; zeros, infinities and NaN exactly.

import { describe, expect, test } from "vitest";
import { activations } from "../src/math/activations.ts";
import { backward } from "../src/math/differentiate.ts";
import { apply, arities, Expression, type PrimitiveName } from "../src/math/expression.ts";
import { elementLosses } from "../src/math/losses.ts";
import { lossFunction } from "../src/math/lossFunction.ts";
import { primitives } from "../src/math/primitives.ts";
import { Simplifier } from "../src/math/simplify.ts";
import { worstError } from "./support/expressionSweep.ts";
import { createUniform } from "./support/random.ts";
import { shareOf } from "./support/share.ts";
import { computeInWasm, fusings } from "./support/wasmSweep.ts";

const count = shareOf(2 ** 17);
const uniform = createUniform(7);

/** Every power of two that is a normal f32, both signs, and the values next to it. */
const powers = Array.from({ length: 254 }, (_, at) => 2 ** (at - 126)).flatMap((power) =>
  [power, power * (1 + 2 ** -23), power * (1 - 2 ** -24)].filter((x) => x >= 2 ** -126).flatMap((x) => [x, -x]),
);
/** A third of the points evenly in [−30, 30], a third evenly in [−128, 128], a third evenly by the exponent. */
const anywhere = (): number => {
  const kind = uniform();
  if (kind < 1 / 3) return 60 * uniform() - 30;
  if (kind < 2 / 3) return 256 * uniform() - 128;
  return (uniform() < 0.5 ? -1 : 1) * 2 ** (252 * uniform() - 126);
};
const points = Float32Array.from([0, ...powers, ...Array.from({ length: count }, anywhere)]);
const others = Float32Array.from(points, (x, at) =>
  at % 4 === 0 ? x : at % 4 === 1 ? Math.fround(x + uniform()) : anywhere(),
);
const specials = Float32Array.of(0, -0, Infinity, -Infinity, Number.NaN, 1, -1, 2.5, -3, 3e38);

describe.each(fusings().map((useRelaxed) => [useRelaxed ? "relaxed madd" : "mul and add", useRelaxed] as const))(
  "%s",
  (_, useRelaxed) => {
    function sweep(what: string, output: Expression, names: readonly string[], at: readonly Float32Array[]): void {
      const got = computeInWasm(names, output, at, useRelaxed);
      const { ratio, text } = worstError(output, names, at, got);
      console.log(`${what}: ${ratio.toFixed(3)} of its bound ${text}`);
      expect(ratio, `${what} ${text}`).toBeLessThanOrEqual(1);
    }

    /** The derivative of an expression by an input, or nothing where it is 0 everywhere. */
    function slopeOf(output: Expression, by: Expression): Expression | undefined {
      const simplifier = new Simplifier();
      return backward(simplifier, simplifier.simplify(output), Expression.constant(1), [by])[0];
    }

    test.each(Object.keys(primitives) as PrimitiveName[])("%s", (name) => {
      const names = ["x", "y", "a", "b"].slice(0, arities[name]);
      const output = apply(name, ...names.map((input) => Expression.input(input)));
      const exponents = others.map((x, at) => (at % 2 === 0 ? Math.round(x) % 65 : x % 8));
      const at = [points, name === "power" ? exponents : others, others.toReversed(), points.toReversed()];
      sweep(name, output, names, at.slice(0, names.length));
    });

    test.each([-64, -7, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 10, 63, 64, 65, 2.5])(
      "power with the exponent %d",
      (exponent) => {
        sweep(`power ${exponent}`, apply("power", Expression.input("x"), exponent), ["x"], [points]);
      },
    );

    test.each(Object.keys(primitives) as PrimitiveName[])("%s of zeros, infinities and NaN", (name) => {
      const arity = arities[name];
      const { compute } = primitives[name];
      const names = ["x", "y", "a", "b"].slice(0, arity);
      const output = apply(name, ...names.map((input) => Expression.input(input)));
      const pairs =
        arity === 1 ? specials : Float32Array.from([...specials].flatMap((x) => [...specials].map(() => x)));
      const seconds = pairs.map((_, at) => specials[at % specials.length]!);
      const at = [pairs, seconds, pairs.map(() => 1), pairs.map(() => 2)].slice(0, arity);
      const got = computeInWasm(names, output, at, useRelaxed);
      for (const [place, value] of got.entries()) {
        const operands = at.map((values) => values[place]!);
        const wanted = Math.fround(compute(...operands));
        const isHeld = name === "softplus" && operands[0] === -Infinity;
        const isClose = Math.abs(value - wanted) <= primitives[name].bound(wanted, ...operands);
        const isSpecial = wanted === 0 || !Number.isFinite(wanted);
        const isRight = isHeld ? value > 0 && value <= 1.2e-38 : Object.is(value, wanted) || (!isSpecial && isClose);
        expect(isRight, `${name}(${operands.join(", ")}) is ${value}, wanted ${wanted}`).toBe(true);
      }
    });

    test.each(Object.entries(activations))("%s and its slope", (name, define) => {
      const z = Expression.input("z");
      const output = new Simplifier().simplify(define(z));
      sweep(name, output, ["z"], [points]);
      const slope = slopeOf(output, z);
      if (slope) sweep(`slope of ${name}`, slope, ["z"], [points]);
    });

    test.each(Object.keys(elementLosses) as (keyof typeof elementLosses)[])("%s and its slope", (name) => {
      const { loss, slope } = lossFunction(name);
      const isProbable = name === "binaryCrossEntropy";
      const targets = points.map((_, at) => (isProbable ? [0, 1, 0.3, 1e-30, uniform()][at % 5]! : others[at]!));
      sweep(name, loss, ["y", "t"], [points, targets]);
      sweep(`slope of ${name}`, slope, ["y", "t"], [points, targets]);
    });
  },
);
