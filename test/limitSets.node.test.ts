// Devices of random limits: what fits is planned, and what is planned runs within the limits, to the numbers of WebAssembly.

import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { planRun } from "../src/backend/webgpu/strategies/planner.ts";
import {
  adam,
  createModel,
  dense,
  type Device,
  LimitExceeded,
  type LossName,
  network,
  sgd,
  strategyNames,
  type TrainOptions,
} from "../src/index.ts";
import { relativeDistance } from "./support/compare.ts";
import { restoreCalls, watchCalls } from "./support/gpuFaults.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { narrowed, shareDevice, shareWasm } from "./support/sharedDevice.ts";

const device = shareDevice();
const wasm = shareWasm();
afterEach(restoreCalls);

/** What plans are made by. */
type Limits = Pick<
  GpuDevice,
  "kind" | "hasQuads" | "maxBufferBytes" | "dispatchFlops" | "maxWorkgroupBytes" | "subgroupLanes"
>;

/** Spread over orders of magnitude. */
const between = (least: number, most: number): fc.Arbitrary<number> =>
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => Math.floor(least * (most / least) ** share));

const someLimits: fc.Arbitrary<Limits> = fc.record({
  kind: fc.constantFrom("gpu" as const, "software" as const),
  hasQuads: fc.boolean(),
  maxBufferBytes: between(2 ** 16, 2 ** 32),
  dispatchFlops: between(1e4, 1e12),
  maxWorkgroupBytes: fc.constantFrom(16_384, 32_768, 65_536),
  subgroupLanes: fc.constantFrom(undefined, 4, 8, 32, 64),
});

const [mostRows, mostMembers] = [1e7, 1e6];
/** Zeros that nobody touches, so that they take no memory. */
const zeros = new Float32Array(4 * mostRows);

test("batches of 1 to 10⁷ rows and 1 to 10⁶ members are planned under 1,000 sets of limits, or the limit is named", () => {
  let [planned, refused] = [0, 0];
  const someRequest = fc.record({
    limits: someLimits,
    inputs: fc.integer({ min: 1, max: 4 }),
    widths: fc.array(between(1, 64), { minLength: 1, maxLength: 3 }),
    loss: fc.constantFrom<LossName>("meanSquaredError", "softmaxCrossEntropy"),
    members: between(1, mostMembers),
    rowCount: between(1, mostRows),
    batchSize: between(1, mostRows),
    optimizer: fc.constantFrom(sgd(), adam()),
    strategy: fc.constantFrom("auto" as const, "layered" as const),
  });
  const plan = fc.property(someRequest, ({ limits, inputs, widths, loss, members, rowCount, ...settings }) => {
    const outputs = Math.min(4, widths.at(-1)!);
    const layers = [...widths.slice(0, -1).map((width) => dense(width, "tanh")), dense(outputs)];
    const net = network({ inputs, layers, loss });
    const data = { inputs: zeros.subarray(0, rowCount * inputs), targets: zeros.subarray(0, rowCount * outputs) };
    const own = Object.assign(Object.create(device()) as GpuDevice, limits);
    const batchSize = Math.min(settings.batchSize, rowCount);
    try {
      const { report } = planRun({
        device: own,
        network: net,
        members,
        plannedMembers: members,
        settings: { ...settings, batchSize, data, shuffle: true, seed: 1 },
      });
      planned++;
      expect(report.chunkRows).toBeGreaterThanOrEqual(1);
      expect(report.chunkRows).toBeLessThanOrEqual(batchSize);
      expect(report.dispatchesPerStep).toBeGreaterThan(0);
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error;
      refused++;
      expect(error.message).toMatch(/expected at most \d+ bytes in one buffer, got \d+; /);
    }
  });
  fc.assert(plan, { numRuns: 1000, seed: 1 });
  console.log(`${planned} planned, ${refused} refused`);
  expect(planned).toBeGreaterThan(600);
});

const nets = [
  network({ inputs: 1, layers: [dense(1)], loss: "squaredError" }),
  network({ inputs: 2, layers: [dense(3, "tanh"), dense(1)], loss: "meanSquaredError" }),
  network({ inputs: 5, layers: [dense(9, "relu"), dense(3)], loss: "softmaxCrossEntropy" }),
];

interface Trained {
  readonly strategy: string;
  readonly values: readonly ArrayLike<number>[];
}

async function train(on: Device, at: number, members: number, options: TrainOptions): Promise<Trained> {
  const net = nets[at]!;
  const data = dataOf(net, 1200, 3);
  using model = await createModel(net, { device: on, members, parameters: parametersOf(net, 5, members) });
  const { strategy } = await model.plan(data, options);
  await model.fit(data, options);
  const { loss } = await model.evaluate(data);
  return { strategy, values: [await model.readParameters(), await model.predict(data.inputs), [loss]] };
}

/** Every buffer and every dispatch within the limits of a device. */
const requireLimits = (maxBufferBytes: number): void =>
  watchCalls({
    createBuffer: ([descriptor]) =>
      expect((descriptor as GPUBufferDescriptor).size).toBeLessThanOrEqual(maxBufferBytes),
    dispatchWorkgroups: (groups) => {
      for (const count of groups) expect(count).toBeLessThanOrEqual(65_535);
    },
  });

async function tryLimits(limits: Limits, at: number, members: number, options: TrainOptions): Promise<string> {
  const own = Object.assign(await narrowed(device(), limits.maxBufferBytes), limits);
  requireLimits(limits.maxBufferBytes);
  try {
    const { strategy, values } = await train(own, at, members, options);
    const wanted = await train(await wasm(), at, members, { ...options, strategy: "auto" });
    // Sums of at most 1,000 terms in another order, three times: 2⁻²⁴ · √1000 each.
    for (const [index, list] of values.entries())
      expect(relativeDistance(list, wanted.values[index]!)).toBeLessThan(1e-5);
    return strategy;
  } catch (error) {
    if (!(error instanceof LimitExceeded) && (error as { code?: string }).code !== "INVALID_INPUT") throw error;
    return "refused"; // a strategy that cannot take it, or no room
  } finally {
    restoreCalls();
    own.throwFault("after a run");
    expect(own.ledger).toEqual({ buffers: 0, bytes: 0 });
    own.dispose();
  }
}

const someRun = fc.record({
  limits: someLimits.map((limits) => ({
    ...limits,
    hasQuads: limits.hasQuads && device().hasQuads,
    maxBufferBytes: 2 ** 16 + (limits.maxBufferBytes % 2 ** 20),
    dispatchFlops: Math.max(1e5, limits.dispatchFlops % 1e9),
    maxWorkgroupBytes: Math.min(limits.maxWorkgroupBytes, device().maxWorkgroupBytes),
    subgroupLanes: limits.subgroupLanes === undefined ? undefined : device().subgroupLanes,
  })),
  at: fc.nat(nets.length - 1),
  members: fc.constantFrom(1, 3, 65, 700),
  batchSize: fc.constantFrom(1, 63, 64, 65, 1000, 1200),
  strategy: fc.constantFrom("auto" as const, ...strategyNames),
});

const runWithin = async (numRuns: number): Promise<void> => {
  const ran: Record<string, number> = {};
  const property = fc.asyncProperty(someRun, async ({ limits, at, members, batchSize, strategy }) => {
    const options: TrainOptions = { optimizer: sgd({ learningRate: 0.05 }), steps: 3, seed: 2, batchSize, strategy };
    const name = await tryLimits(limits, at, members, options);
    ran[name] = (ran[name] ?? 0) + 1;
  });
  await fc.assert(property, { numRuns, seed: 7, endOnFailure: true });
  console.log(JSON.stringify(ran));
};

test(
  "what is planned runs within the limits, to the numbers of WebAssembly",
  () => runWithin(process.env.THALWEG_TESTS === "full" ? 150 : 8),
  1_800_000,
);

test.each([65_534, 65_535, 65_536])("%d members in one dispatch of the layers, or two", async (members) => {
  const large = Object.assign(await narrowed(device(), device().maxBufferBytes), { dispatchFlops: 1e10 });
  requireLimits(device().maxBufferBytes);
  const net = nets[0]!;
  const data = dataOf(net, 4, 1);
  const parameters = parametersOf(net, 2, members);
  const options: TrainOptions = { optimizer: sgd({ learningRate: 0.1 }), steps: 2, batchSize: 4, strategy: "layered" };
  const ends = [];
  for (const on of [large, await wasm()]) {
    using model = await createModel(net, { device: on, members, parameters });
    await model.fit(data, { ...options, strategy: on === large ? "layered" : "auto" });
    ends.push(await model.readParameters());
  }
  expect(relativeDistance(ends[0]!, ends[1]!)).toBeLessThan(1e-6);
  large.dispose();
});
