// Activations and losses of one's own: what a stranger writes in one line works on every strategy, and what cannot work is told.

import { expect, test } from "vitest";
import { decodeModel, encodeModel } from "../src/data.ts";
import { explain } from "../src/explain.ts";
import { InvalidInput } from "../src/errors.ts";
import {
  acquire,
  activation,
  checkActivation,
  checkLoss,
  createModel,
  dense,
  loss,
  math,
  network,
  type Network,
  type StrategyName,
  strategyNames,
  selfTest,
  sgd,
  verifyTraining,
} from "../src/index.ts";
import type { Expression } from "../src/math/expression.ts";
import { activationFunction } from "../src/math/scalarFunction.ts";
import { lossFunction } from "../src/math/lossFunction.ts";
import { activate, grad, loss as tensorLoss, sum, type Tensor, tensor } from "../src/tensor.ts";
import { computeOnGpu, worstError } from "./support/expressionSweep.ts";
import { dataOf } from "./support/nets.ts";
import { testInFull } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const ownMish = activation("ownMish", (z) => z.times(math.tanh(math.softplus(z))));
const ownLogCosh = loss("ownLogCosh", (y, t) => {
  const size = math.absolute(y.minus(t));
  return size.plus(math.softplus(size.times(-2))).minus(Math.LN2);
});
/** All of z is taken by sine and cosine; but for the second. */
const wave = activation("wave", (z) => math.sin(z).times(math.cos(z)));
const snake = activation("snake", (z) => z.plus(math.sin(z).squared()));
const net = network({ inputs: 3, layers: [dense(4, ownMish), dense(2, wave), dense(1, snake)], loss: ownLogCosh });
const data = dataOf(net, 48, 4);

const points = Float32Array.from({ length: 2 ** 16 }, (_, at) => (30 * (at - 2 ** 15)) / 2 ** 15);
const powers = Float32Array.from({ length: 250 }, (_, at) => (at % 2 === 0 ? 1 : -1) * 2 ** (at - 125));

test.each([ownMish, wave, snake])("$name on the GPU keeps the bounds of what it is made of", async (own) => {
  const { forward, backward, saves } = activationFunction(own);
  expect(saves).toBe("argument");
  for (const at of [points, powers]) {
    const value = worstError(forward, ["z"], [at], await computeOnGpu(device(), ["z"], forward, [at]));
    expect(value.ratio, value.text).toBeLessThanOrEqual(1);
    const ones = new Float32Array(at.length).fill(1);
    const got = await computeOnGpu(device(), ["d", "z"], backward, [ones, at]);
    const slope = worstError(backward, ["d", "z"], [ones, at], got);
    expect(slope.ratio, slope.text).toBeLessThanOrEqual(1);
  }
});

test("a slope keeps its digits where a tanh in it is almost 1", async () => {
  const at = points.filter((z) => z > -10);
  const { backward } = activationFunction(ownMish);
  const got = await computeOnGpu(device(), ["d", "z"], backward, [new Float32Array(at.length).fill(1), at]);
  for (const [index, z] of at.entries()) {
    const size = Math.log1p(Math.exp(z));
    const slope = Math.tanh(size) + z / (1 + Math.exp(-z)) / Math.cosh(size) ** 2;
    expect(Math.abs(got[index]! - slope), `at ${z}`).toBeLessThan(4e-7 * Math.abs(slope) + 2e-7); // as of activations
  }
});

test("a loss on the GPU keeps the bounds of what it is made of", async () => {
  const { loss: value, slope } = lossFunction(ownLogCosh);
  const targets = points.toReversed();
  for (const output of [value, slope]) {
    const got = await computeOnGpu(device(), ["y", "t"], output, [points, targets]);
    const worst = worstError(output, ["y", "t"], [points, targets], got);
    expect(worst.ratio, worst.text).toBeLessThanOrEqual(1);
  }
});

testInFull.each(strategyNames)(
  "a network of one's own functions trains by %s as float64 does",
  async (strategy: StrategyName) => {
    const members = 3;
    const model = await createModel(net, { device: device(), members, seed: 2 });
    try {
      const initialParameters = await model.readParameters();
      const before = await model.evaluate(data);
      const options = { optimizer: sgd({ learningRate: 0.05 }), steps: 12, batchSize: 16, seed: 3, strategy };
      await model.fit(data, options);
      const check = await verifyTraining(model, { initialParameters, data, options });
      expect(check.passed, check.reason).toBe(true);
      expect(check.conclusive).toBe(true);
      expect((await model.evaluate(data)).loss).toBeLessThan(before.loss);
    } finally {
      model.dispose();
    }
  },
);

test("the reference passes the self-test with them, and the device with a network of them", async () => {
  const cpu = await acquire({ device: "reference" });
  const onCpu = await selfTest(cpu, { activation: ownMish, loss: ownLogCosh });
  expect(onCpu.checks.some(({ name }) => name.includes("ownMish ownLogCosh"))).toBe(true);
  for (const { passed, checks } of [onCpu, await selfTest(device(), { network: net })]) {
    expect(passed, JSON.stringify(checks)).toBe(true);
  }
});

test("models with one's own functions are saved as data and loaded again", async () => {
  const model = await createModel(net, { device: device(), seed: 2 });
  try {
    const parameters = await model.readParameters();
    const bytes = encodeModel({ network: net, members: 1, parameters });
    const saved = decodeModel(bytes, "own.safetensors");
    expect(saved.network).toEqual(net);
    const again = await createModel(saved.network, { device: device(), parameters: saved.parameters });
    expect(await again.predict(data.inputs)).toEqual(await model.predict(data.inputs));
    again.dispose();
    const text = new TextDecoder("latin1").decode(bytes);
    const damaged = Uint8Array.from(text.replace("softplus", "softplum"), (character) => character.charCodeAt(0));
    expect(() => decodeModel(damaged, "own.safetensors")).toThrow(/row 1: expected the name of a primitive/);
  } finally {
    model.dispose();
  }
});

test("a file's own function counts where a built-in one has its name by now", async () => {
  const old = (text: string): string => text.replaceAll("ownMish", "mish").replaceAll("ownLogCosh", "logCosh");
  const known = network(
    JSON.parse(old(JSON.stringify({ inputs: 3, layers: [{ width: 2, activation: ownMish }], loss: ownLogCosh }))),
  );
  const twice = activation("twice", (z) => z.times(2));
  const layers = [{ ...dense(1, twice), activation: { ...twice, name: "mish" } }];
  const bytes = encodeModel({
    network: network({ inputs: 1, layers, loss: "huber" }),
    members: 1,
    parameters: Float32Array.of(3, 1),
  });
  const saved = decodeModel(bytes, "old.safetensors");
  using model = await createModel(saved.network, { device: device(), parameters: saved.parameters });
  expect([...(await model.predict(Float32Array.of(1)))]).toEqual([8]);
  expect([known.loss, known.layers[0]!.activation]).toMatchObject([{ name: "logCosh" }, { name: "mish" }]);
});

test("a network is data: messages and JSON keep it, and equal definitions are one", () => {
  const copy = JSON.parse(JSON.stringify(net)) as Network;
  const layers = copy.layers.map(({ fanOut, activation: own }) => dense(fanOut, own));
  expect(network({ inputs: 3, layers, loss: copy.loss })).toEqual(net);
  expect(structuredClone(net)).toEqual(net);
  const twice = network({
    inputs: 1,
    layers: [dense(2, ownMish), dense(1, structuredClone(ownMish))],
    loss: ownLogCosh,
  });
  expect(twice.layers[1]!.activation).toBe(twice.layers[0]!.activation);
});

test("a step is explained with the definition's formula", async () => {
  const small = network({ inputs: 1, layers: [dense(1, ownMish)], loss: ownLogCosh });
  const model = await createModel(small, { device: device(), parameters: Float32Array.of(0.5, 0.25) });
  try {
    const text = await explain(model, { input: [1], target: [0.5], learningRate: 0.1, format: "text" });
    expect(text).toContain("z_y·tanh(ln(1 + e^(z_y)))");
    expect(text).toContain("|a_y − t| + ln(1 + e^(−2·|a_y − t|)) − 0.693147");
    const tex = await explain(model, { input: [1], target: [0.5], learningRate: 0.1, format: "tex" });
    expect(tex).toContain("\\tanh(\\ln(1 + e^{z_{y}}))");
  } finally {
    model.dispose();
  }
});

test("tensors take it, and its second derivative", async () => {
  const cpu = await acquire({ device: "reference" });
  const z = tensor(cpu, [-1.5, 0.3, 2], [3]);
  const slope = grad((x: Tensor) => sum(activate(ownMish, x)))(z) as Tensor;
  const f = (x: number): number => x * Math.tanh(Math.log1p(Math.exp(x)));
  const h = 1e-3;
  const slopes = await slope.read();
  [-1.5, 0.3, 2].forEach((x, at) => expect(slopes[at]).toBeCloseTo((f(x + h) - f(x - h)) / (2 * h), 5));
  const value = tensorLoss(ownLogCosh, z, tensor(cpu, [0, 0, 0], [3]));
  const wanted = [-1.5, 0.3, 2].reduce((total, x) => total + Math.log(Math.cosh(x)), 0) / 3;
  expect((await value.read())[0]).toBeCloseTo(wanted, 6);
});

const refused: [string, () => unknown, RegExp][] = [
  ["a built-in name", () => activation("relu", (z) => z), /a name of its own/],
  ["a name that is code", () => activation("a\n}", (z) => z), /a name of its own/],
  ["no expression", () => activation("own", () => 3 as unknown as Expression), /expected an expression, got number/],
  ["a logarithm below 0", () => activation("own", (z) => math.log(z)), /value at z = 0 is -Infinity/],
  ["a slope of 0 / 0", () => activation("own", (z) => math.sqrt(z.squared())), /slope at z = 0 is NaN/],
  [
    "an overflow in float32",
    () => activation("own", (z) => math.log(math.exp(z).plus(1))),
    /value at z = 128 is Infinity in float32/,
  ],
  ["lost digits", () => activation("own", (z) => z.plus(1e8).minus(1e8)), /in float32, not/],
  [
    "a jump",
    () => activation("own", (z) => math.where(z.less(0.7), 0, z)),
    /the value jumps at z = 0\.7 from 0 to 0\.7/,
  ],
  ["a loss that jumps", () => loss("own", (y, t) => math.sign(y.minus(t))), /the value jumps at y = 0.* t = 0/],
  ["a constant that is no f32", () => activation("own", (z) => z.times(1e39)), /3\.4e38/],
];

test.each(refused)("%s is refused, with the place", (_, make, message) => {
  expect(make).toThrow(InvalidInput);
  expect(make).toThrow(message);
});

test("kinks are allowed and reported", () => {
  const clipped = activation("clipped", (z) => math.minimum(math.maximum(z, -1), 1));
  expect(checkActivation(clipped).map(({ kind, at }) => [kind, Math.round(at)])).toEqual([
    ["kink", -1],
    ["kink", 1],
  ]);
  expect(checkActivation(ownMish)).toEqual([]);
  expect(checkLoss(ownLogCosh)).toEqual([]);
  expect(checkActivation("relu").map(({ text }) => text)).toEqual(["the slope jumps at z = 0 from 0 to 1"]);
});

test.each([
  ["rows that are no table's", [["eval", "z"]], /row 1: expected the name of a primitive/],
  ["an unknown operand", [["exp", "window"]], /row 1: expected a finite number, z, or a row before/],
  ["a row behind", [["exp", "#0"]], /a row before/],
  ["too few operands", [["multiply", "z"]], /2 operands of multiply/],
  ["no rows", [], /1 to 1000 rows/],
])("a network refuses %s", (_, definition, message) => {
  const own = { name: "own", definition } as unknown as typeof ownMish;
  expect(() => network({ inputs: 1, layers: [dense(1, own)], loss: "huber" })).toThrow(message);
});
