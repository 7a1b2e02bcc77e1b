// Scalar expressions: their derivatives against central differences, and what simplifying may not change.

import {
  arities,
  absolute,
  apply,
  cos,
  exp,
  Expression,
  expm1,
  log,
  maximum,
  minimum,
  normalDensity,
  normalDistribution,
  type PrimitiveName,
  reciprocal,
  sigmoid,
  sin,
  softplus,
  sqrt,
  tanh,
  where,
} from "../src/math/expression.ts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { activationExpression, activations } from "../src/math/activations.ts";
import { encodeDefinition } from "../src/math/definition.ts";
import { activationFunction, scalarFunction } from "../src/math/scalarFunction.ts";
import { backward } from "../src/math/differentiate.ts";
import { float64Function } from "../src/math/float64.ts";
import { primitives } from "../src/math/primitives.ts";
import { Simplifier } from "../src/math/simplify.ts";

const x = Expression.input("x");
const y = Expression.input("y");
const one = Expression.constant(1);

/** The value of an expression of x and y as it was built, nothing simplified. */
function plainValue(expression: Expression, at: Readonly<Record<string, number>>): number {
  if (expression.kind === "constant") return expression.value;
  if (expression.kind === "input") return at[expression.name]!;
  return primitives[expression.primitive!].compute(...expression.operands.map((operand) => plainValue(operand, at)));
}

const smooth: readonly PrimitiveName[] = ["exp", "sin", "cos", "tanh", "sigmoid", "softplus", "normalDistribution"];
const smoothPairs: readonly PrimitiveName[] = ["add", "subtract", "multiply"];

/** Expressions of x and y that are smooth everywhere. */
const smoothExpression = fc.letrec<{ node: Expression }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(x, y),
    fc.integer({ min: -4, max: 4 }).map((value) => Expression.constant(value / 2)),
    fc.tuple(fc.constantFrom(...smooth), tie("node")).map(([name, of]) => apply(name, tanh(of))),
    fc.tuple(fc.constantFrom(...smoothPairs), tie("node"), tie("node")).map(([name, a, b]) => apply(name, a, b)),
    fc
      .tuple(tie("node"), tie("node"), tie("node"))
      .map(([c, a, b]) => apply("divide", a, apply("add", apply("multiply", c, c), b.squared().plus(1)))),
  ),
})).node;

const coordinate = fc.integer({ min: -40, max: 40 }).map((value) => value / 16);

test("the derivative of any smooth expression is the limit of central differences", () => {
  fc.assert(
    fc.property(smoothExpression, coordinate, coordinate, (expression, atX, atY) => {
      const simplifier = new Simplifier();
      const simple = simplifier.simplify(expression);
      const [slope] = backward(simplifier, simple, one, [x]);
      const value = float64Function(simple, ["x", "y"]);
      const f = (at: number): number => value(at, atY);
      const h = 2 ** -9;
      const difference = (8 * (f(atX + h) - f(atX - h)) - (f(atX + 2 * h) - f(atX - 2 * h))) / (12 * h);
      const wider = (8 * (f(atX + 2 * h) - f(atX - 2 * h)) - (f(atX + 4 * h) - f(atX - 4 * h))) / (24 * h);
      const derived = slope ? float64Function(slope, ["x", "y"])(atX, atY) : 0;
      // The truncation error falls with h⁴, so that two steps bound it; then the rounding of f over h.
      const bound = 2 * Math.abs(difference - wider) + 1e-11 * (1 + Math.abs(f(atX)) + Math.abs(derived));
      expect(Math.abs(difference - derived)).toBeLessThanOrEqual(bound);
    }),
    { numRuns: 400, seed: 1 },
  );
});

test("simplifying changes no value", () => {
  fc.assert(
    fc.property(smoothExpression, coordinate, coordinate, (expression, atX, atY) => {
      const simple = new Simplifier().simplify(expression);
      const wanted = plainValue(expression, { x: atX, y: atY });
      const got = float64Function(simple, ["x", "y"])(atX, atY);
      expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(wanted)));
    }),
    { numRuns: 400, seed: 2 },
  );
});

test("equal expressions become the same object", () => {
  fc.assert(
    fc.property(smoothExpression, (expression) => {
      const simplifier = new Simplifier();
      const copy = (of: Expression): Expression =>
        of.kind === "application" ? Expression.application(of.primitive!, of.operands.map(copy)) : of;
      expect(simplifier.simplify(copy(expression))).toBe(simplifier.simplify(expression));
    }),
    { numRuns: 200, seed: 3 },
  );
});

/** Each primitive at points where it is smooth, its derivatives by central differences. */
test.each(Object.keys(primitives) as PrimitiveName[])(
  "%s: its derivatives are those of its float64 function",
  (name) => {
    const arity = arities[name];
    const { compute } = primitives[name];
    const names = ["x", "y", "a", "b"].slice(0, arity);
    const inputs = names.map((input) => Expression.input(input));
    const simplifier = new Simplifier();
    const slopes = backward(simplifier, simplifier.simplify(apply(name, ...inputs)), one, inputs);
    const h = 2 ** -10;
    for (const point of [
      [0.3, 0.7, 1.25, -0.5],
      [1.75, 0.4, -2, 3],
      [0.6, 2.2, 0.1, 0.9],
    ]) {
      const at = point.slice(0, arity);
      for (const [index, slope] of slopes.entries()) {
        const moved = (by: number): number => compute(...at.map((value, place) => value + (place === index ? by : 0)));
        const difference = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
        const derived = slope ? float64Function(slope, names)(...at) : 0;
        expect(Math.abs(difference - derived), `${name} by ${names[index]} at ${at.join(", ")}`).toBeLessThanOrEqual(
          1e-8,
        );
      }
    }
  },
);

/** Functions whose slope is infinite or not a number for x ≤ 0. */
const unbounded: readonly ((of: Expression) => Expression)[] = [
  sqrt,
  log,
  reciprocal,
  (of) => apply("power", of, 1 / 2.4),
  (of) => one.over(of).times(of),
  (of) => exp(reciprocal(of).squared()),
  (of) => sqrt(of).plus(log(of)),
];

test("the branch that was not taken gets the gradient 0, whatever its slope is there", () => {
  const value = fc.constantFrom(-3, -1, -0.5, 0, 0.5, 2);
  fc.assert(
    fc.property(fc.constantFrom(...unbounded), fc.constantFrom(...unbounded), value, value, (f, g, atX, scale) => {
      const masks = [
        where(x.lessOrEqual(0), x.times(scale), f(x)),
        where(x.greater(0), f(x), scale),
        where(x.greater(0), f(x), 0).plus(where(x.greater(0), g(x), x)),
        where(x.lessOrEqual(0), 0, where(x.less(100), g(f(absolute(x).plus(1)).squared().plus(1)), f(x))),
        where(x.greater(0), f(x), x)
          .times(scale)
          .minus(where(x.lessOrEqual(0), 0, g(x).times(f(x)))),
      ];
      for (const mask of masks) {
        const simplifier = new Simplifier();
        const [slope] = backward(simplifier, simplifier.simplify(mask), one, [x]);
        const got = slope ? float64Function(slope, ["x"])(atX) : 0;
        if (atX <= 0) expect(Number.isFinite(got)).toBe(true);
      }
    }),
    { numRuns: 400, seed: 4 },
  );
});

test("gradients of clamped values are those of PyTorch", () => {
  // torch 2: grad of each at −1, 0, 2; sqrt(relu(x)) at 0 is 0 there, since relu gives 0 · by selection
  const slopesOf = (f: (of: Expression) => Expression): number[] => {
    const simplifier = new Simplifier();
    const [slope] = backward(simplifier, simplifier.simplify(f(x)), one, [x]);
    const compiled = float64Function(slope!, ["x"]);
    return [-1, 0, 2].map((at) => compiled(at));
  };
  expect(slopesOf((of) => sqrt(activations.relu(of)))).toEqual([0, 0, 0.5 / Math.sqrt(2)]);
  expect(slopesOf((of) => log(activations.relu(of)))).toEqual([0, 0, 0.5]);
  expect(slopesOf((of) => maximum(of, 0))).toEqual([0, 0.5, 1]);
  expect(slopesOf((of) => minimum(of, 0))).toEqual([1, 0.5, 0]);
  expect(slopesOf(absolute)).toEqual([-1, 0, 1]);
  expect(slopesOf((of) => sqrt(maximum(of, 0)))[0]).toBe(0);
});

test("a backward pass takes the result where that is enough", () => {
  const saves = Object.fromEntries(
    Object.entries(activations).map(([name, define]) => [name, scalarFunction(define(Expression.input("z"))).saves]),
  );
  expect(saves).toMatchObject({
    identity: "nothing",
    sigmoid: "result",
    tanh: "result",
    relu: "result",
    leakyRelu: "result",
    elu: "result",
    gelu: "argument",
    silu: "argument",
    softplus: "argument",
    sine: "argument",
  });
});

test.each(Object.entries(activations))("%s: backward from what is saved is the derivative", (_, define) => {
  const { forward, backward: gradient } = scalarFunction(define(Expression.input("z")));
  const value = float64Function(forward, ["z"]);
  const slope = float64Function(gradient, ["d", "a", "z"]);
  const h = 2 ** -9;
  for (let at = -6.01; at < 6; at += 0.07) {
    const f = (by: number): number => value(at + by);
    if (Math.abs(at) < 3 * h) continue; // a kink
    const difference = (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
    expect(slope(1.5, f(0), at) / 1.5).toBeCloseTo(difference, 9);
  }
});

test("a gradient that is infinite meets no product with 0", () => {
  const { backward: relu } = activationFunction("relu");
  const masked = float64Function(relu, ["d", "a", "z"]);
  expect(masked(Infinity, 0, -1)).toBe(0);
  expect(masked(Infinity, 2, 2)).toBe(Infinity);
});

test("activations are defined in their simplest form, so that graphs compute them as layers do", () => {
  const z = Expression.input("z");
  for (const name of Object.keys(activations) as (keyof typeof activations)[]) {
    const simplified = activationFunction(name).forward;
    expect(encodeDefinition(activationExpression(name, z)), name).toEqual(encodeDefinition(simplified));
  }
});

test("second derivatives", () => {
  const second = (f: (of: Expression) => Expression, at: number): number => {
    const simplifier = new Simplifier();
    const [first] = backward(simplifier, simplifier.simplify(f(x)), one, [x]);
    const [curvature] = backward(simplifier, first!, one, [x]);
    return curvature ? float64Function(curvature, ["x"])(at) : 0;
  };
  expect(second((of) => of.times(of).times(of), 2)).toBe(12);
  expect(second(activations.relu, 2)).toBe(0);
  expect(second(sin, 0.5)).toBeCloseTo(-Math.sin(0.5), 14);
  expect(second(softplus, 0.3)).toBeCloseTo(0.24445831169074586, 14); // σ(1 − σ) at 0.3
  expect(second(normalDistribution, 1)).toBeCloseTo(-0.24197072451914337, 14); // −x φ(x)
  expect(second((of) => normalDensity(of), 0)).toBeCloseTo(-0.3989422804014327, 14);
  expect(second((of) => expm1(of), 0)).toBe(1);
  expect(second((of) => cos(of).plus(sigmoid(of)), 0)).toBeCloseTo(-1, 14);
});
