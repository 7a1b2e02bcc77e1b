// What depends on few inputs computed apart, and expressions over blocks of values: the values are those of the expressions.

import { arities, inOrder, apply, Expression, type PrimitiveName } from "../src/math/expression.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileFloat64, float64Function } from "../src/math/float64.ts";
import { compileBlocks } from "../src/math/float64Blocks.ts";
import { hoist } from "../src/math/hoist.ts";
import { isMatrixInput, orthogonalInput } from "../src/math/orthogonal.ts";
import { optimizers } from "../src/math/optimizers.ts";
import { hostedUpdate, optimizerUpdate } from "../src/math/optimizerUpdate.ts";
import { primitives } from "../src/math/primitives.ts";
import { Simplifier } from "../src/math/simplify.ts";

const names = ["p", "g", "rate", "beta", "step"];
const arity = (name: PrimitiveName): number => arities[name];
/** Well conditioned, so that a changed last bit stays one. */
const calm = "add subtract multiply divide negate maximum absolute sqrt tanh sigmoid".split(" ") as PrimitiveName[];
const all = Object.keys(primitives) as PrimitiveName[];

/** Two expressions of `names` with shared parts. */
const expressionsOf = (rows: readonly PrimitiveName[]): fc.Arbitrary<Expression[]> =>
  fc
    .array(fc.tuple(fc.constantFrom(...rows), fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 })), {
      minLength: 2,
      maxLength: 14,
    })
    .map((steps) => {
      const nodes = [...names.map(Expression.input), Expression.constant(0.5), Expression.constant(3)];
      for (const [primitive, places] of steps) {
        const operands = places.slice(0, arity(primitive)).map((place) => nodes[place % nodes.length]!);
        nodes.push(apply(primitive, ...operands));
      }
      return nodes.slice(-2);
    });

const someValues = fc.array(fc.double({ min: 0.1, max: 4, noNaN: true }), { minLength: 5, maxLength: 5 });

const rules = [
  { prefix: "run ", takes: (name: string) => name === "beta" },
  { prefix: "step ", takes: (name: string) => name === "beta" || name === "step" },
];

test("hoisting changes no value", () => {
  let hoistedParts = 0;
  fc.assert(
    fc.property(expressionsOf(calm), someValues, (outputs, values) => {
      const simplifier = new Simplifier();
      const simple = outputs.map((output) => simplifier.simplify(output));
      const { outputs: rest, hoisted } = hoist(simplifier, simple, rules);
      hoistedParts += hoisted.length;
      const parts = hoisted.map(({ expression }) => float64Function(expression, names)(...values));
      const inputs = [...names, ...hoisted.map(({ name }) => name)];
      for (const [at, output] of simple.entries()) {
        const wanted = float64Function(output, names)(...values);
        const got = float64Function(rest[at]!, inputs)(...values, ...parts);
        const size = Math.max(1, ...inOrder([output]).map((node) => Math.abs(float64Function(node, names)(...values))));
        if (Number.isFinite(size) && size < 1e6) expect(Math.abs(got - wanted)).toBeLessThan(1e-9 * size);
      }
      // All that depends on few inputs is gone: what is left has no operation on them alone.
      for (const node of inOrder(rest)) {
        if (node.kind !== "application") continue;
        const own = inOrder([node]).filter(({ kind }) => kind === "input");
        expect(own.every(({ name }) => name === "beta" || name === "step")).toBe(own.length === 0);
      }
    }),
    { numRuns: 500, seed: 1 },
  );
  expect(hoistedParts).toBeGreaterThan(200);
});

test.each(Object.entries(optimizers))("%s: the update with hosted parts is the definition", (_, definition) => {
  for (const [momentum, isMatrix] of [
    [0, 1],
    [0.9, 0],
    [0.9, 1],
  ] as const) {
    const values = { ...definition.hyperParameters, ...("momentum" in definition.hyperParameters && { momentum }) };
    const update = optimizerUpdate(definition as never, values);
    const numbers = Object.keys(values).filter((name) => typeof values[name as never] === "number");
    const { outputs, direction, ofRun, ofStep } = hostedUpdate(update, numbers);
    const [ofMachine, machine] = [
      [isMatrixInput, orthogonalInput],
      [isMatrix, 0.25],
    ];
    const ofHost = ["step", ...update.products.keys()];
    const stepNumbers = [5, ...[...update.products].map(() => 0.4)];
    const wholeInputs = ["parameter", "gradient", ...ofHost, ...numbers, ...update.state, ...ofMachine];
    const whole = compileFloat64([...update.outputs, ...(update.direction ? [update.direction] : [])], wholeInputs);
    const given = [
      0.3,
      -0.7,
      ...stepNumbers,
      ...numbers.map((name) => values[name as never] as number),
      ...update.state.map(() => 0.2),
      ...machine,
    ];
    whole.inputs.set(given);
    whole.run();
    const host = compileFloat64([...ofRun, ...ofStep], [...numbers, ...ofHost]);
    host.inputs.set([...numbers.map((name) => values[name as never] as number), ...stepNumbers]);
    host.run();
    const parts = [...ofRun.map((_part, at) => `hyper ${at}`), ...ofStep.map((_part, at) => `step ${at}`)];
    const inputs = [
      "parameter",
      "gradient",
      "learningRate",
      "momentum",
      "weightDecay",
      ...update.state,
      ...ofMachine,
      ...parts,
    ];
    const rest = compileFloat64([...outputs, ...(direction ? [direction] : [])], inputs);
    const members = ["learningRate", "momentum", "weightDecay"].map((name) => Number(values[name as never] ?? 0));
    rest.inputs.set([0.3, -0.7, ...members, ...update.state.map(() => 0.2), ...machine, ...host.outputs]);
    rest.run();
    for (const [at, wanted] of whole.outputs.entries())
      expect(Math.abs(rest.outputs[at]! - wanted)).toBeLessThanOrEqual(4e-16 * (1 + Math.abs(wanted)));
  }
});

test("a momentum of 0 needs no state, and only what may hide an infinity is watched", () => {
  const of = (name: keyof typeof optimizers, own: object = {}) => {
    const definition = optimizers[name];
    const { state, watchesState, watchesGradient } = optimizerUpdate(definition as never, {
      ...definition.hyperParameters,
      ...own,
    });
    return { state, watchesState, watchesGradient };
  };
  expect(of("sgd")).toEqual({ state: [], watchesState: [], watchesGradient: false });
  expect(of("sgd", { momentum: 0.9 })).toEqual({ state: ["velocity"], watchesState: [false], watchesGradient: false });
  expect(of("adam").watchesState).toEqual([false, true]);
  expect(of("adam", { beta1: 0 }).state).toEqual(["second"]);
  expect(of("rmsProp")).toEqual({ state: ["square"], watchesState: [true], watchesGradient: false });
  expect(of("rmsProp", { momentum: 0.5 }).state).toEqual(["square", "velocity"]);
});

test("expressions over blocks give the bits of expressions over numbers", () => {
  fc.assert(
    fc.property(
      expressionsOf(all),
      someValues,
      fc.constantFrom(1, 2, 511, 512),
      fc.nat(3),
      (outputs, values, count, first) => {
        // The first two inputs differ from place to place.
        const length = first + count;
        const vectors = [0, 1].map((at) => Float64Array.from({ length }, (_, place) => values[at]! - place / 100));
        const program = compileBlocks(outputs, ["p", "g"], ["rate", "beta", "step"]);
        program.numbers.set(values.slice(2));
        program.run(vectors, first, count);
        const single = compileFloat64(outputs, names);
        for (const place of [0, count >> 1, count - 1]) {
          single.inputs.set([vectors[0]![first + place]!, vectors[1]![first + place]!, ...values.slice(2)]);
          single.run();
          for (const at of outputs.keys()) expect(program.outputs[at]![place]).toBe(single.outputs[at]);
        }
      },
    ),
    { numRuns: 400, seed: 2 },
  );
});

test("an output that is an input, or a constant, has a block of its own", () => {
  const [p, rate] = [Expression.input("p"), Expression.input("rate")];
  const program = compileBlocks([p, rate, Expression.constant(7), p.plus(rate)], ["p"], ["rate"]);
  program.numbers[0] = 2;
  program.run([Float64Array.of(1, 2, 3)], 1, 2);
  expect(program.outputs.map((block) => [...block.subarray(0, 2)])).toEqual([
    [2, 3],
    [2, 2],
    [7, 7],
    [4, 5],
  ]);
});
