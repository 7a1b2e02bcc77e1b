import fc from "fast-check";
import { expect, test } from "vitest";
import { loss } from "../src/backend/cpu/loss.ts";
import { Step } from "../src/backend/cpu/step.ts";
import type { Dataset } from "../src/backend/executor.ts";
import { acquire, activationNames, createModel, lossNames, type BuiltInNetwork, sgd } from "../src/index.ts";
import { dataOf, describeNet, type NetCase, networkOf, parametersOf } from "./support/nets.ts";
import { allCases } from "./support/shapes.ts";
import { shareOf, testInFull } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const optimizer = sgd({ learningRate: 0.1 });

interface Point {
  readonly value: number;
  /** Which side of every kink the point is on. */
  readonly sides: string;
}

const kinked = new Set(["relu", "leakyRelu", "elu"]);

type LossAt = (parameters: Float64Array) => Point;

/** The loss as a function of the parameters, in float64. */
function lossOf(net: BuiltInNetwork, data: Dataset): LossAt {
  const batchSize = data.targets.length / net.outputs;
  const step = new Step(net, batchSize);
  const inputs = Float64Array.from(data.inputs);
  const targets = Float64Array.from(data.targets);
  return (parameters) => {
    const outputs = step.forward({ rows: batchSize, inputs, parameters });
    const { preActivations } = step;
    const dOutputs = new Float64Array(outputs.length);
    const value = loss({ loss: net.loss, batchSize, fanOut: net.outputs, outputs, targets, dOutputs });
    const sides = net.layers.flatMap(({ activation, index }) =>
      kinked.has(activation) ? Array.from(preActivations[index]!, (z) => (z > 0 ? 1 : 0)) : [],
    );
    if (net.loss === "meanAbsoluteError") outputs.forEach((y, at) => sides.push(y > targets[at]! ? 1 : 0));
    if (net.loss === "huber") outputs.forEach((y, at) => sides.push(Math.abs(y - targets[at]!) < 1 ? 1 : 0));
    return { value, sides: sides.join("") };
  };
}

/** ∂loss/∂parameter by a stencil of 4 points, h⁴/30 · f⁽⁵⁾ off; undefined where a kink lies between the points. */
function slopeAt(lossAt: LossAt, parameters: Float64Array, index: number): number | undefined {
  const h = 2 ** -11;
  const here = lossAt(parameters).sides;
  const points = [2, 1, -1, -2].map((steps) => {
    const moved = parameters.slice();
    moved[index]! += steps * h;
    return lossAt(moved);
  });
  if (points.some(({ sides }) => sides !== here)) return undefined;
  const [a, b, c, d] = points.map(({ value }) => value) as [number, number, number, number];
  return (8 * (b - c) - (a - d)) / (12 * h);
}

const someNet: fc.Arbitrary<NetCase> = fc.record({
  inputs: fc.integer({ min: 1, max: 17 }),
  layers: fc.array(
    fc.record({ width: fc.integer({ min: 1, max: 17 }), activation: fc.constantFrom(...activationNames) }),
    { minLength: 1, maxLength: 6 },
  ),
  loss: fc.constantFrom(...lossNames),
  rows: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(1e6),
});

testInFull("reference gradients are the limits of central differences, for any network", async () => {
  const cpu = await acquire({ device: "reference" });
  let checked = 0;
  let skipped = 0;
  let worst = 0;
  const check = async (one: NetCase) => {
    const net = networkOf(one);
    const data = dataOf(net, one.rows, one.seed);
    const parameters = Float64Array.from(parametersOf(net, one.seed));
    const lossAt = lossOf(net, data);
    const model = await createModel(net, { device: cpu, parameters });
    const { gradients, losses } = await model.trace(data, optimizer);
    expect(losses[0]).toBeCloseTo(lossAt(parameters).value, 12);
    const stride = Math.ceil(net.parameterCount / 16);
    for (let index = one.seed % stride; index < net.parameterCount; index += stride) {
      const wanted = slopeAt(lossAt, parameters, index);
      if (wanted === undefined) {
        skipped++;
        continue;
      }
      checked++;
      const bound = Math.abs(wanted) > 1e-4 ? 1e-6 * Math.abs(wanted) : 1e-9;
      const error = Math.abs(gradients[index]! - wanted);
      worst = Math.max(worst, error / bound);
      if (!(error <= bound))
        expect.fail(`${describeNet(net)}: gradient ${index} is ${gradients[index]}, differences say ${wanted}`);
    }
  };
  await fc.assert(fc.asyncProperty(someNet, check), allCases(400));
  expect(skipped / (checked + skipped)).toBeLessThan(0.1);
  console.log(`${checked} slopes, largest error ${worst.toExponential(1)} of its bound, ${skipped} at kinks`);
});

/** Every activation and every loss once, in networks of depth 1 to 6; few, since each compiles its own kernels. */
const netsForGpu: NetCase[] = Array.from({ length: 12 }, (_, index) => ({
  inputs: [1, 3, 17, 8][index % 4]!,
  layers: Array.from({ length: [1, 2, 3, 6, 2, 4][index % 6]! }, (_unused, layer) => ({
    width: [1, 17, 8, 5, 16, 9, 4][(index + 3 * layer) % 7]!,
    activation: activationNames[(index + 7 * layer) % 10]!,
  })),
  loss: lossNames[index % 6]!,
  rows: [1, 5, 33, 8][(index + 1) % 4]!,
  seed: 100 + index,
}));

test.each([1, 2, 5])("GPU gradients agree with the reference, %i members", async (members) => {
  const cpu = await acquire({ device: "reference" });
  let worst = 0;
  for (const one of netsForGpu.slice(0, shareOf(netsForGpu.length))) {
    const net = networkOf(one);
    const data = dataOf(net, one.rows, one.seed);
    const parameters = parametersOf(net, one.seed, members);
    using reference = await createModel(net, { device: cpu, members, parameters });
    using model = await createModel(net, { device: device(), members, parameters });
    const wanted = await reference.trace(data, optimizer);
    const own = await model.trace(data, optimizer);
    const largest = Float64Array.from(wanted.gradients).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const bound = 1e-6 * largest + 1e-7;
    own.gradients.forEach((value, index) => {
      const error = Math.abs(value - wanted.gradients[index]!);
      worst = Math.max(worst, error / bound);
      const rule = `wanted ${wanted.gradients[index]} ± ${bound}`;
      if (!(error <= bound))
        expect.fail(`${describeNet(net)}, ${one.rows} rows: gradient ${index} is ${value}, ${rule}`);
    });
    own.losses.forEach((value, member) => {
      expect(Math.abs(value - wanted.losses[member]!)).toBeLessThanOrEqual(
        2e-6 * Math.abs(wanted.losses[member]!) + 1e-7,
      );
    });
  }
  console.log(`gradients of ${members} members: largest error ${worst.toFixed(3)} of its bound`);
});
