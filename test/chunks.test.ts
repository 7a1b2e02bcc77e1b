import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { adam, asChain, createModel, dense, network, sgd } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { planLayered } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { largestDifference, relativeDistance } from "./support/compare.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

const net = network({ inputs: 40, layers: [dense(24, "tanh"), dense(9, "gelu"), dense(3)], loss: "meanSquaredError" });
const rows = 1500; // 240,000 bytes of inputs: four pages of 64 KiB

interface Trained {
  readonly parameters: Float64Array;
  readonly losses: Float64Array;
}

async function train(
  executor: GpuExecutor | ReferenceExecutor,
  settings: RunSettings,
  steps: number,
): Promise<Trained> {
  executor.writeParameters(parametersOf(asChain(executor.network)!, 3, executor.members));
  const run = await executor.createRun(settings);
  try {
    await run.execute(0, steps);
    await run.finished();
    expect([...(await run.readNonFinite())]).toEqual(Array(executor.members).fill(-1));
    return {
      losses: Float64Array.from(await run.readLosses(0, steps)),
      parameters: Float64Array.from(await executor.readParameters()),
    };
  } finally {
    run.dispose();
    executor.dispose();
  }
}

const trainOn = async (on: GpuDevice, members: number, settings: RunSettings, steps = 12): Promise<Trained> =>
  train(await GpuExecutor.create(on, net, members), settings, steps);

const planOn = (on: GpuDevice, members: number, { batchSize }: RunSettings) =>
  planLayered(on, { network: net, members, batchSize, rowCount: rows });

for (const [kind, batchSize, members] of [
  ["a batch of all rows", 1500, 1],
  ["a batch of all rows", 1500, 3],
  ["shuffled mini-batches", 100, 1],
  ["shuffled mini-batches", 100, 3],
  ["shuffled large batches that do not divide", 1100, 3],
] as const) {
  testOf(batchSize === 1100)(
    `data in pages and batches in chunks: ${kind} of ${batchSize}, ${members} members, as the reference and as unpaged`,
    async () => {
      const small = await narrowed(device(), 65_536);
      const data = dataOf(net, rows, 4);
      const settings = {
        data,
        optimizer: sgd({ learningRate: 0.2, momentum: 0.9 }),
        batchSize,
        shuffle: true,
        seed: 8,
      };
      expect(planOn(small, members, settings)).toMatchObject({ gathered: true, inputPageRows: 409 });
      if (batchSize > 1000) expect(planOn(small, members, settings).chunks).toBeGreaterThan(1);
      expect(planOn(device(), members, settings)).toMatchObject({ gathered: false, chunks: 1 });
      const paged = await trainOn(small, members, settings);
      const whole = await trainOn(device(), members, settings);
      const wanted = await train(new ReferenceExecutor(net, members), settings, 12);
      const reached = {
        losses: relativeDistance(paged.losses, wanted.losses),
        parameters: relativeDistance(paged.parameters, wanted.parameters),
        unpaged: relativeDistance(paged.parameters, whole.parameters),
      };
      console.log(`${batchSize} rows, ${members} members: ${JSON.stringify(reached)}`);
      for (const distance of Object.values(reached)) expect(distance).toBeLessThanOrEqual(2e-6);
      expect(small.ledger).toEqual({ buffers: 0, bytes: 0 });
      small.dispose();
    },
  );
}

test("chunks that are not gathered give the same: one page of data, activations too large for a buffer", async () => {
  const small = await narrowed(device(), 65_536);
  const narrow = network({ inputs: 2, layers: [dense(60, "softplus"), dense(1)], loss: "squaredError" });
  const data = dataOf(narrow, 1000, 5);
  const settings = { data, optimizer: adam({ learningRate: 0.01 }), batchSize: 700, shuffle: true, seed: 2 };
  const plan = planLayered(small, { network: narrow, members: 2, batchSize: 700, rowCount: 1000 });
  expect(plan).toMatchObject({ gathered: false });
  expect(plan.chunks).toBeGreaterThan(5);
  const chunked = await train(await GpuExecutor.create(small, narrow, 2), settings, 15);
  const wanted = await train(new ReferenceExecutor(narrow, 2), settings, 15);
  expect(relativeDistance(chunked.parameters, wanted.parameters)).toBeLessThanOrEqual(1e-5);
  expect(relativeDistance(chunked.losses, wanted.losses)).toBeLessThanOrEqual(1e-5);
  small.dispose();
});

testInFull("more rows than a dispatch may take: the budget of work cuts the batch", async ({ skip }) => {
  const wide = network({ inputs: 64, layers: [dense(300, "relu"), dense(1)], loss: "squaredError" });
  const count = Math.ceil((2.5 * device().dispatchFlops) / (2 * 64 * 300));
  skip(device().kind === "gpu", "the budget of hardware needs data of gigabytes");
  const data = dataOf(wide, count, 6);
  const settings = { data, optimizer: sgd({ learningRate: 0.01 }), batchSize: count, shuffle: false, seed: 0 };
  expect(
    planLayered(device(), { network: wide, members: 1, batchSize: count, rowCount: count }).chunks,
  ).toBeGreaterThan(2);
  const chunked = await train(await GpuExecutor.create(device(), wide, 1), settings, 1);
  const wanted = await train(new ReferenceExecutor(wide, 1), settings, 1);
  expect(relativeDistance(chunked.parameters, wanted.parameters)).toBeLessThanOrEqual(1e-6);
  expect(relativeDistance(chunked.losses, wanted.losses)).toBeLessThanOrEqual(1e-6);
});

test.each([1, 3])("prediction in chunks gives every row, %i members", async (members) => {
  const small = await narrowed(device(), 65_536);
  const parameters = parametersOf(net, 9, members);
  const { inputs } = dataOf(net, 2000, 7);
  const options = { members, parameters };
  using paged = await createModel(net, { device: small, ...options });
  using whole = await createModel(net, { device: device(), ...options });
  const [first, second] = await Promise.all([paged.predict(inputs), paged.predict(inputs)]);
  const wanted = await whole.predict(inputs);
  expect(first).toEqual(wanted);
  expect(second).toEqual(wanted);
  const reference = new ReferenceExecutor(net, members);
  reference.writeParameters(parameters);
  expect(largestDifference(wanted, await reference.predict(inputs))).toBeLessThan(3e-6);
  paged.dispose();
  await Promise.resolve();
  small.dispose();
});

testInFull("65,535 members train side by side, the most that one dispatch takes", async () => {
  const members = 65_535;
  const line = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });
  const initial = Float32Array.from({ length: 2 * members }, (_, at) =>
    at % 2 === 0 ? (at / 2 / members) * 4 - 2 : 0,
  );
  using model = await createModel(line, { device: device(), members, parameters: initial });
  const inputs = Float32Array.of(1, 2, -1, 0.5);
  const targets = Float32Array.of(1, 3, -3, 0);
  const { diverged } = await model.fit(
    { inputs, targets },
    { optimizer: sgd({ learningRate: 0.1 }), steps: 2, batchSize: 4 },
  );
  expect(diverged).toBe(0);
  const trained = await model.readParameters();
  const outputs = await model.predict(Float32Array.of(1));
  for (const member of [0, 1, 777, 32_768, members - 1]) {
    const alone = new ReferenceExecutor(line, 1);
    const own = initial.subarray(2 * member, 2 * member + 2);
    const settings = {
      data: { inputs, targets },
      optimizer: sgd({ learningRate: 0.1 }),
      batchSize: 4,
      shuffle: true,
      seed: 0,
    };
    const run = await (alone.writeParameters(own), alone.createRun(settings));
    await run.execute(0, 2);
    const wanted = await alone.readParameters();
    expect(largestDifference(trained.subarray(2 * member, 2 * member + 2), wanted)).toBeLessThan(1e-6);
    expect(outputs[member]).toBeCloseTo(wanted[0]! + wanted[1]!, 5);
  }
});
