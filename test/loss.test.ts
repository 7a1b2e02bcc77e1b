import fc from "fast-check";
import { expect, test } from "vitest";
import { activateDerivative } from "../src/backend/cpu/activation.ts";
import { loss } from "../src/backend/cpu/loss.ts";
import { lossScale } from "../src/backend/sampleLoss.ts";
import { type ActivationName, dense, type LossName, lossNames, network, takesLogits } from "../src/graph/network.ts";
import { savesPreActivation } from "../src/math/scalarFunction.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { leastNormal, poisoned, requireWithin, roundoff, untouched } from "./support/compare.ts";
import { runKernel, stepSlot } from "./support/kernelRun.ts";
import { lossBound, slopeBounds } from "./support/lossBound.ts";
import { createUniform, randomFloats } from "./support/random.ts";
import { cases, oddSizes, memberCounts, gradientColumnsOf } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

interface Case {
  readonly rows: number;
  readonly fanOut: number;
  readonly members: number;
  /** Largest output. */
  readonly scale: number;
  /** Activation of the layer, where the loss leaves a choice. */
  readonly activation: ActivationName;
  /** Losses lie behind the gradients of all samples, and not behind those of each. */
  readonly isApart: boolean;
}

function targetsFor(name: LossName, length: number, scale: number): Float32Array {
  if (!takesLogits(name)) return randomFloats(11, length, scale);
  const uniform = createUniform(12);
  return Float32Array.from({ length }, () => (uniform() < 0.3 ? Math.round(uniform()) : uniform()));
}

async function tryLoss(
  name: LossName,
  { rows, fanOut, members, scale, activation: any, isApart }: Case,
): Promise<number> {
  const activation = takesLogits(name) ? "identity" : any;
  const whole = network({ inputs: 2, layers: [dense(fanOut, activation)], loss: name });
  const layer = whole.layers[0]!;
  const capacity = rows + 2;
  const nodeStride = members * capacity + 3;
  const plane = nodeStride * fanOut;
  const columns = isApart ? fanOut : fanOut + 1;
  const outputs = randomFloats(13, 2 * plane, scale);
  const targetRows = rows + 5;
  const targets = targetsFor(name, targetRows * fanOut, scale);
  const batchRows = Uint32Array.from({ length: rows }, (_, row) => (row * 7 + 3) % targetRows);
  const saves = savesPreActivation(activation);
  if (!saves) outputs.fill(Number.NaN, plane);
  const wanted = untouched(nodeStride * (fanOut + 1) + 64);
  const factor = lossScale(name, rows, fanOut);
  for (let member = 0; member < members; member++) {
    for (let row = 0; row < rows; row++) {
      const firstOutput = (member * capacity + row) * fanOut;
      const firstGradient = (member * capacity + row) * columns;
      const lossAt = isApart ? plane + member * capacity + row : firstGradient + fanOut;
      const own = Float64Array.from(outputs.subarray(firstOutput, firstOutput + fanOut));
      const source = batchRows[row]! * fanOut;
      const target = Float64Array.from(targets.subarray(source, source + fanOut));
      const dOutputs = new Float64Array(fanOut);
      const value = loss({ loss: name, batchSize: 1, fanOut, outputs: own, targets: target, dOutputs });
      const one = lossScale(name, 1, fanOut);
      const sample = { outputs: own, targets: target };
      wanted.values[lossAt] = (value / one) * factor;
      wanted.bounds[lossAt] = lossBound(name, sample) * factor + leastNormal;
      const slopes = slopeBounds(name, sample);
      for (let column = 0; column < fanOut; column++) {
        const slope = activateDerivative(activation, outputs[(saves ? plane : 0) + firstOutput + column]!);
        const gradient = (dOutputs[column]! / one) * factor;
        wanted.values[firstGradient + column] = gradient * slope;
        wanted.bounds[firstGradient + column] =
          slopes[column]! * factor * Math.abs(slope) +
          Math.abs(gradient) * (activation === "identity" ? 0 : 4e-7 * Math.abs(slope) + 2e-7) +
          4 * roundoff * Math.abs(gradient * slope) +
          leastNormal;
      }
    }
  }
  const [, , , dOutputs] = await runKernel(device(), {
    name: "loss",
    functions: { activation, loss: name },
    constants: { SAVED_PLANE: saves ? 1 : 0 },
    step: stepSlot({ network: whole, rows }),
    uniform: layerBlock({
      network: whole,
      layer,
      gradientColumns: columns,
      nodeStride,
      members,
      capacity,
      sharesInputs: false,
      splits: 1,
    }),
    storage: [outputs, targets, batchRows, poisoned(wanted.values.length)],
    invocations: rows,
    members,
  });
  const shape = `${isApart ? "losses apart, " : ""}${name} after ${activation} [${members}, ${rows}, ${fanOut}], outputs up to ${scale}`;
  return requireWithin(shape, dOutputs!, wanted);
}

const someCase = fc.record({
  rows: oddSizes,
  fanOut: oddSizes,
  members: memberCounts,
  scale: fc.constantFrom(1, 1, 30, 1e4),
  activation: fc.constantFrom<ActivationName>("identity", "sigmoid", "gelu"),
  isApart: fc.boolean(),
});
const large: Case[] = [
  { rows: 3, fanOut: 1000, members: 1, scale: 5, activation: "identity", isApart: false },
  { rows: 1027, fanOut: 1, members: 2, scale: 5, activation: "identity", isApart: true },
];

test.each(lossNames)("%s and its gradient agree with float64 over odd shapes", async (name) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryLoss(name, one));
  };
  const examples = large.map((one): [Case] => [one]);
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(60, examples));
  console.log(`loss ${name}: largest error ${worst.toFixed(3)} of its bound`);
});

test("softmax of equal and of far apart logits is exact", async () => {
  const whole = network({ inputs: 1, layers: [dense(4)], loss: "softmaxCrossEntropy" });
  const layer = whole.layers[0]!;
  const outputs = Float32Array.of(7, 7, 7, 7, 1e4, -1e4, 0, -1e4, -1e4, -1e4, -1e4, -1e4);
  const [, , , bits] = await runKernel(device(), {
    name: "loss",
    functions: { activation: "identity", loss: "softmaxCrossEntropy" },
    constants: { SAVED_PLANE: 0 },
    step: stepSlot({ network: whole, rows: 3 }),
    uniform: layerBlock({
      network: whole,
      layer,
      gradientColumns: gradientColumnsOf(whole, layer),
      members: 1,
      capacity: 3,
      sharesInputs: false,
      splits: 1,
    }),
    storage: [outputs, Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1), Uint32Array.of(0, 1, 2), poisoned(15)],
    invocations: 3,
    members: 1,
  });
  const [first, second, third] = [0, 5, 10].map((at) => [
    ...new Float32Array(bits!.buffer, bits!.byteOffset + 4 * at, 5),
  ]);
  expect(first!.map((value) => value * 3)).toEqual(
    [-0.75, 0.25, 0.25, 0.25, Math.fround(Math.log(4))].map((value) => expect.closeTo(value, 6)),
  );
  expect(second).toEqual([0, expect.closeTo(0, 30), expect.closeTo(0, 30), expect.closeTo(0, 30), 0]);
  expect(third!.slice(0, 4).map((value) => value * 3)).toEqual(
    [0.25, 0.25, 0.25, -0.75].map((value) => expect.closeTo(value, 6)),
  );
});
