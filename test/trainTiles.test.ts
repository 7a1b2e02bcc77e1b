// Forward, loss and backward of tiles of samples in one dispatch, against float64; and how its sizes are chosen.

import { expect, test } from "vitest";
import { batchAt, rowsOf } from "../src/backend/batches.ts";
import { Step } from "../src/backend/cpu/step.ts";
import { emitLayers } from "../src/backend/webgpu/emit/emitLayers.ts";
import type { TileSizes } from "../src/backend/webgpu/emit/networkLayout.ts";
import { dense, network, type Network, sgd } from "../src/index.ts";
import { planGroups, planTiles } from "../src/backend/webgpu/strategies/groupPlan.ts";
import { workedExample } from "../src/explain/workedExample.ts";
import layersSource from "./golden/layers.wgsl?raw";
import { hashOf } from "./support/compare.ts";
import { memberPart } from "./support/kernelRun.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { tileCases, type TileCase } from "./support/tileCases.ts";
import { runTiles, type Slicing } from "./support/tileRun.ts";

const device = shareDevice();

test("the checked-in shader is what the emitter writes for the worked example", () => {
  const sizes: TileSizes = { threads: 64, tileRows: 16, isWide: true, isHalf: false, isTurned: true, isNamed: true };
  expect(emitLayers(network(workedExample.network), sizes)).toBe(layersSource);
});

const limits = { kind: "software", maxWorkgroupBytes: 16_384 } as const;
const planOf = (net: Network, batchSize: number) => planTiles(limits, { network: net, batchSize })!;

/** Gradients and loss of one member in float64, as a split would hold them. */
function truthOf({ net, settings }: TileCase, parameters: Float64Array, step: number): Float64Array {
  const batchRows = rowsOf(batchAt(settings, settings.data.targets.length / net.outputs, step));
  const own = new Step(net, batchRows.length);
  const inputs = Float64Array.from(settings.data.inputs);
  const targets = Float64Array.from(settings.data.targets);
  const loss = own.forwardBackward({ rows: batchRows.length, inputs, parameters, batchRows }, targets);
  return Float64Array.from([...own.gradients, loss]);
}

/** The splits of one member added up. */
function sumOfSlots(partials: Float32Array, count: number, members: number, member: number): Float64Array {
  const sum = new Float64Array(count);
  for (let first = member * count; first < partials.length; first += members * count) {
    for (let at = 0; at < count; at++) sum[at]! += partials[first + at]!;
  }
  return sum;
}

/** Largest error of gradients and loss, in units of the bound that test/gradients.test.ts holds the layered strategy to. */
function errorOf(own: Float64Array, truth: Float64Array): number {
  const largest = truth.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return own.reduce((most, value, at) => Math.max(most, Math.abs(value - truth[at]!)), 0) / (1e-6 * largest + 1e-7);
}

let worst = 0;

const follows = (one: TileCase) => async (): Promise<void> => {
  const { net, settings, members } = one;
  const parameters = parametersOf(net, 5, members);
  const run = { network: net, members, settings, parameters, sizes: planOf(net, settings.batchSize) };
  const count = net.parameterCount + 1;
  for (const step of [0, 2]) {
    const partials = await runTiles(device(), run, { sliceRows: 48, step });
    for (let member = 0; member < members; member++) {
      const truth = truthOf(one, memberPart(parameters, member, net.parameterCount), step);
      const error = errorOf(sumOfSlots(partials, count, members, member), truth);
      worst = Math.max(worst, error);
      expect(error, `step ${step}, member ${member}`).toBeLessThanOrEqual(1);
    }
  }
};

for (const [index, one] of tileCases.entries()) {
  testOf(index % 6 === 1)(`trainTiles follows float64: ${one.name}`, follows(one));
}

test("how far it was off", () => console.log(`trainTiles: largest error ${worst.toFixed(3)} of its bound`));

/**
 * A value stored as f16 is off by 2⁻¹¹ of itself at most. A sample's gradient comes of about two stored values a layer and of
 * the inputs, each of which passes its error on; that all of them err the same way for all samples does not happen. Where
 * outputs and targets nearly cancel, the gradient that outputs alone would have tells how large the stored values are.
 */
const halfBound = ({ layers }: Network, largest: number): number => (2 * layers.length + 1) * 2 ** -11 * largest + 1e-7;

const largestOf = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const everyOther = tileCases.filter((_, index) => index % 2 === 0).map((one) => [one.name, one] as const);

testInFull.each(everyOther)("trainTiles with f16 storage: %s", async (_, one) => {
  const { net: own, settings: chosen } = one;
  const parameters = parametersOf(own, 5, 1);
  const sizes = planTiles(limits, { network: own, batchSize: chosen.batchSize, activationStorage: "f16" })!;
  expect(sizes.isHalf).toBe(true);
  const partials = await runTiles(
    device(),
    { network: own, members: 1, settings: chosen, parameters, sizes },
    { sliceRows: 48 },
  );
  const sums = sumOfSlots(partials, own.parameterCount + 1, 1, 0);
  const truth = truthOf(one, Float64Array.from(parameters), 0);
  const targets = new Float32Array(chosen.data.targets.length);
  const noTargets = { ...one, settings: { ...chosen, data: { ...chosen.data, targets } } };
  const largest = Math.max(largestOf(truth), largestOf(truthOf(noTargets, Float64Array.from(parameters), 0)));
  const error = sums.reduce((most, value, at) => Math.max(most, Math.abs(value - truth[at]!)), 0);
  console.log(`error ${(error / halfBound(own, largest)).toFixed(3)} of its bound`);
  expect(error).toBeLessThanOrEqual(halfBound(own, largest));
  expect(error, "were f32 stored, it would be less").toBeGreaterThan(1e-6 * largest);
});

const net = network({
  inputs: 9,
  layers: [dense(21, "gelu"), dense(12, "tanh"), dense(5)],
  loss: "softmaxCrossEntropy",
});
const settings = { data: dataOf(net, 500, 1), optimizer: sgd(), batchSize: 300, shuffle: true, seed: 2 };
const gradients = (sizes: Partial<TileSizes>, slicing: Slicing = { sliceRows: 64 }, members = 1) => {
  const parameters = parametersOf(net, 3, members);
  const run = { network: net, members, settings, parameters, sizes: { ...planOf(net, 300), ...sizes } };
  return runTiles(device(), run, slicing);
};

testInFull("trainTiles gives the same bits twice, and however it is spread over threads", async () => {
  const sizes = { tileRows: 16, threads: 64, isWide: false, isTurned: false, isNamed: false };
  const wanted = hashOf(await gradients(sizes));
  expect(hashOf(await gradients(sizes))).toBe(wanted);
  expect(hashOf(await gradients({ ...sizes, isWide: true }))).toBe(wanted);
  expect(hashOf(await gradients({ ...sizes, isTurned: true }))).toBe(wanted);
  expect(hashOf(await gradients({ ...sizes, isWide: true, isHalf: false, isTurned: true, isNamed: true }))).toBe(
    wanted,
  );
  expect(hashOf(await gradients({ ...sizes, threads: 8 }))).toBe(wanted);
  expect(hashOf(await gradients({ ...sizes, threads: 256, isNamed: true }))).toBe(wanted);
});

test("trainTiles gives the same bits in chunks of whole slices", async () => {
  const wanted = hashOf(await gradients({}));
  for (const chunkRows of [64, 128, 256]) {
    expect(hashOf(await gradients({}, { sliceRows: 64, chunkRows }))).toBe(wanted);
  }
});

test("trainTiles gives member i among 5 the bits it has alone", async () => {
  const all = await gradients({}, { sliceRows: 64 }, 5);
  const count = net.parameterCount;
  const parameters = parametersOf(net, 3, 5);
  for (let member = 0; member < 5; member++) {
    const part = parameters.slice(member * count, (member + 1) * count);
    const run = { network: net, members: 1, settings, parameters: part, sizes: planOf(net, 300) };
    const alone = await runTiles(device(), run, { sliceRows: 64 });
    const among = Array.from({ length: 5 }, (_, split) => {
      const first = (split * 5 + member) * (count + 1);
      return [...all.subarray(first, first + count + 1)];
    });
    expect(among.flat()).toEqual([...alone]);
  }
});

const square = (width: number, depth: number): Network =>
  network({ inputs: width, layers: [...Array(depth).fill(dense(width, "relu")), dense(1)], loss: "squaredError" });

test("tiles fill workgroup memory, but not beyond what a batch needs", () => {
  for (const kind of ["gpu", "software"] as const) {
    for (const maxWorkgroupBytes of [16_384, 32_768, 49_152]) {
      for (const plan of [planTiles, planGroups]) {
        for (const width of [1, 3, 16, 33, 64, 128]) {
          for (const batchSize of [1, 4, 5, 32, 1000]) {
            const sizes = plan({ kind, maxWorkgroupBytes }, { network: square(width, 2), batchSize });
            if (!sizes) continue;
            expect(sizes.workgroupBytes).toBeLessThanOrEqual(maxWorkgroupBytes);
            expect(sizes.tileRows).toBeLessThanOrEqual(Math.max(4, 2 * batchSize - 1));
            expect(!sizes.isWide || sizes.tileRows >= 8).toBe(true);
          }
        }
      }
    }
  }
  const gpu = { kind: "gpu", maxWorkgroupBytes: 16_384 } as const;
  expect(planTiles(gpu, { network: square(64, 2), batchSize: 1024 })).toMatchObject({
    threads: 128,
    tileRows: 16,
    isNamed: true,
  });
  expect(planTiles({ ...gpu, maxWorkgroupBytes: 49_152 }, { network: square(64, 2), batchSize: 1024 })).toMatchObject({
    tileRows: 32,
  });
  const halves = { network: square(64, 2), batchSize: 1024, activationStorage: "f16" } as const;
  expect(planTiles(gpu, halves)).toMatchObject({ tileRows: 32, isHalf: true });
  expect(planTiles(gpu, { network: square(64, 6), batchSize: 32 })?.threads).toBe(256);
  expect(planGroups(gpu, { network: square(16, 2), batchSize: 32 })).toMatchObject({ threads: 64, tileRows: 32 });
  expect(planTiles(limits, { network: square(64, 2), batchSize: 1024 })).toMatchObject({
    threads: 8,
    tileRows: 8,
    isNamed: false,
  });
  expect(planGroups(limits, { network: square(16, 2), batchSize: 32 })).toMatchObject({ threads: 8, tileRows: 32 });
});

test("what does not fit has no plan", () => {
  const gpu = { kind: "gpu", maxWorkgroupBytes: 16_384 } as const;
  expect(planGroups(gpu, { network: square(64, 2), batchSize: 32 })).toBeUndefined(); // 34 KB of parameters
  expect(planTiles(gpu, { network: square(128, 2), batchSize: 32 })).toBeUndefined(); // 148 sums a thread
  expect(planTiles(limits, { network: square(128, 2), batchSize: 32 })?.threads).toBe(32);
  expect(planTiles(limits, { network: square(512, 1), batchSize: 32 })).toBeUndefined(); // 16 KB of activations for four samples
  expect(planTiles(limits, { network: square(2, 32), batchSize: 32 })).toBeUndefined();
});
