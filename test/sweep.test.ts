// Every primitive, activation and loss on the GPU, values and slopes, at 2¹⁸ points and at all powers of two: errors in units of the
// bounds that the table of primitives states.

import { arities, apply, Expression, type PrimitiveName } from "../src/math/expression.ts";
import { expect, test } from "vitest";
import { activations } from "../src/math/activations.ts";
import { backward } from "../src/math/differentiate.ts";
import { elementLosses } from "../src/math/losses.ts";
import { lossFunction } from "../src/math/lossFunction.ts";
import { primitives } from "../src/math/primitives.ts";
import { Simplifier } from "../src/math/simplify.ts";
import { computeOnGpu, worstError } from "./support/expressionSweep.ts";
import { createUniform } from "./support/random.ts";
import { shareOf, testInFull } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const count = shareOf(2 ** 18);
const uniform = createUniform(5);

/** Every power of two that is a normal f32, both signs, and the values next to it. */
const powers = Array.from({ length: 254 }, (_, at) => 2 ** (at - 126)).flatMap((power) =>
  [power, power * (1 + 2 ** -23), power * (1 - 2 ** -24)].filter((x) => x >= 2 ** -126).flatMap((x) => [x, -x]),
);
/** Half of the points evenly in [−30, 30], half evenly by the exponent. */
const anywhere = (): number =>
  uniform() < 0.5 ? 60 * uniform() - 30 : (uniform() < 0.5 ? -1 : 1) * 2 ** (252 * uniform() - 126);
const points = Float32Array.from([0, ...powers, ...Array.from({ length: count }, anywhere)]);
const others = Float32Array.from(points, (x, at) =>
  at % 4 === 0 ? x : at % 4 === 1 ? Math.fround(x + uniform()) : anywhere(),
);

const one = Expression.constant(1);

async function sweep(what: string, output: Expression, names: readonly string[], at: readonly Float32Array[]) {
  const got = await computeOnGpu(device(), names, output, at);
  const { ratio, text } = worstError(output, names, at, got);
  console.log(`${what}: ${ratio.toFixed(3)} of its bound ${text}`);
  expect(ratio, `${what} ${text}`).toBeLessThanOrEqual(1);
}

/** The derivative of an expression by an input, or nothing where it is 0 everywhere. */
function slopeOf(output: Expression, by: Expression): Expression | undefined {
  const simplifier = new Simplifier();
  return backward(simplifier, simplifier.simplify(output), one, [by])[0];
}

testInFull.each(Object.keys(primitives) as PrimitiveName[])("%s", async (name) => {
  const names = ["x", "y", "a", "b"].slice(0, arities[name]);
  const inputs = names.map((input) => Expression.input(input));
  const output = apply(name, ...inputs);
  const exponents = others.map((x, at) => (at % 2 === 0 ? Math.round(x) % 65 : x % 8));
  const at = [points, name === "power" ? exponents : others, others.toReversed(), points.toReversed()];
  await sweep(name, output, names, at.slice(0, names.length));
});

test.each(Object.entries(activations))("%s and its slope", async (name, define) => {
  const z = Expression.input("z");
  const output = new Simplifier().simplify(define(z));
  await sweep(name, output, ["z"], [points]);
  const slope = slopeOf(output, z);
  if (slope) await sweep(`slope of ${name}`, slope, ["z"], [points]);
});

testInFull.each(Object.keys(elementLosses) as (keyof typeof elementLosses)[])("%s and its slope", async (name) => {
  const { loss, slope } = lossFunction(name);
  const isProbable = name === "binaryCrossEntropy";
  const targets = points.map((_, at) => (isProbable ? [0, 1, 0.3, 1e-30, uniform()][at % 5]! : others[at]!));
  await sweep(name, loss, ["y", "t"], [points, targets]);
  await sweep(`slope of ${name}`, slope, ["y", "t"], [points, targets]);
});
