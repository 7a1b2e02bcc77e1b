import fc from "fast-check";
import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import { BufferOwner, readFloats } from "../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import type { GraphNetwork } from "../src/graph/graphNetwork.ts";
import {
  acquire,
  adam,
  type AnyNetwork,
  createModel,
  dense,
  dropout,
  embedding,
  type Layer,
  layerNorm,
  network,
  residual,
  sgd,
} from "../src/index.ts";
import { layeredRequest } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { createLayeredRun } from "../src/backend/webgpu/strategies/layeredRun.ts";
import { createExecutor } from "../src/backend/createExecutor.ts";
import { relativeDistance } from "./support/compare.ts";
import { expectClose } from "./support/expectClose.ts";
import { graphGoldens, trainGolden } from "./support/graphGoldens.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { cases } from "./support/shapes.ts";
import { someOf, testOf } from "./support/share.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const cpu = await acquire({ device: "reference" });
const optimizer = sgd({ learningRate: 0.1 });

/** Everything that one step computes, and the parameters after some steps of half the rows. */
async function compare(net: AnyNetwork, members: number, rows: number): Promise<void> {
  const parameters = graphParameters(net, 5, members);
  const data = graphData(net, rows, 9);
  using reference = await createModel(net, { device: cpu, members, parameters });
  using model = await createModel(net, { device: device(), members, parameters });
  expectClose("output", await model.logits(data.inputs), await reference.logits(data.inputs), 2e-6);
  expectClose("score", (await model.evaluate(data)).losses, (await reference.evaluate(data)).losses, 2e-6);
  const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
  for (const key of ["activations", "preActivations", "dPreActivations"] as const) {
    own[key].forEach((values, layer) => expectClose(`${key} of layer ${layer}`, values, wanted[key][layer]!, 4e-6));
  }
  expectClose("gradient", own.gradients, wanted.gradients, 4e-6);
  expectClose("loss", own.losses, wanted.losses, 2e-6);
  const options = { optimizer, steps: 6, batchSize: Math.ceil(rows / 2), seed: 3 };
  await model.fit(data, options);
  await reference.fit(data, options);
  expectClose("parameter", await model.readParameters(), await reference.readParameters(), 1e-5);
}

/** So few that products are computed value by value: tiles compile ten times as long, and have tests of their own. */
const fewRows = 3;

for (const [index, { name, network: net }] of graphCases.entries()) {
  testOf(index % 5 === 2)(`the GPU agrees with the reference: ${name}`, async () => {
    await compare(net, 1, fewRows);
    await compare(net, 3, fewRows);
  });
}

test("the GPU agrees with the reference on random graphs", async () => {
  const check = async (seed: number): Promise<void> => {
    const net = randomGraph(seed);
    const parameters = graphParameters(net, seed);
    const data = graphData(net, fewRows, seed);
    using reference = await createModel(net, { device: cpu, parameters });
    using model = await createModel(net, { device: device(), parameters });
    const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
    expectClose(`seed ${seed}: loss`, own.losses, wanted.losses, 1e-5);
    expectClose(`seed ${seed}: gradient`, own.gradients, wanted.gradients, 1e-4); // of deep chains of exponentials
  };
  await fc.assert(fc.asyncProperty(fc.nat(1e6), check), cases(20));
});

test.each(graphGoldens)("$name: the GPU follows PyTorch's float64 run", async (golden) => {
  const executor = await createExecutor(device(), golden.network, 1);
  try {
    const { losses, parameters } = await trainGolden(golden, executor);
    const reached = [relativeDistance(losses, golden.losses), relativeDistance(parameters, golden.finalParameters)];
    console.log(
      `${golden.name}: losses and parameters within ${reached.map((value) => value.toExponential(1)).join(" and ")}`,
    );
    expect(Math.max(...reached)).toBeLessThanOrEqual(1e-4);
  } finally {
    executor.dispose();
  }
});

/** Parameters after some steps on a device, with so many invocations per row. */
async function train(own: GpuDevice, net: GraphNetwork, settings: RunSettings, lanes?: number): Promise<Float32Array> {
  const owner = new BufferOwner(own);
  const values = Float32Array.from(graphParameters(net, 5, 2));
  const parameters = owner.upload("parameters", values);
  const request = layeredRequest({ device: own, network: net, members: 2, settings });
  const run = await createLayeredRun({ ...request, ...(lanes !== undefined && { lanes }) }, parameters);
  try {
    await run.execute(0, 4);
    return await readFloats(own, parameters, values.length);
  } finally {
    run.dispose();
    owner.dispose();
  }
}

async function trainReference(net: GraphNetwork, settings: RunSettings): Promise<Float64Array> {
  const executor = new ReferenceExecutor(net, 2);
  executor.writeParameters(graphParameters(net, 5, 2));
  await (await executor.createRun(settings)).execute(0, 4);
  return executor.readParameters();
}

const mixed = network(
  { inputs: 3, loss: "meanSquaredError" },
  (x) => {
    const y = x.pipe(embedding({ column: 1, categories: 5, width: 4 }), dense(9, "silu"), dropout(0.2));
    const z = y.pipe(residual(layerNorm(), dense(9, "tanh")));
    const largest = z.slice(2).minus(z.max()).concat(z.slice(0, 2).plus(z.logSumExp()));
    return largest.over(y.slice(1, 4).sum().times(0).plus(2)).concat(z).pipe(dense(2));
  },
) as GraphNetwork; // prettier-ignore
const mixedData = graphData(mixed, 41, 3);
const settingsOf = (more: Partial<RunSettings> = {}): RunSettings => ({
  data: mixedData,
  optimizer: adam({ learningRate: 0.01 }),
  batchSize: 12,
  shuffle: true,
  seed: 8,
  ...more,
});

for (const lanes of [1, 8, 64]) {
  testOf(lanes === 8)(`rows that ${lanes} invocations take together`, async () => {
    const parameters = await train(device(), mixed, settingsOf(), lanes);
    expectClose("parameter", parameters, await trainReference(mixed, settingsOf()), 1e-5);
    expect(await train(device(), mixed, settingsOf(), lanes)).toEqual(parameters); // the same bits
  });
}

const drawn: readonly [string, Partial<RunSettings>][] = [
  ["in order", { shuffle: false }],
  ["of each member's bootstrap sample", { perMember: { seed: [4, 9] }, bootstrap: true }],
];
for (const [index, [name, more]] of drawn.entries()) {
  testOf(index === 1)(`rows of the data ${name}`, async () => {
    const parameters = await train(device(), mixed, settingsOf(more));
    expectClose("parameter", parameters, await trainReference(mixed, settingsOf(more)), 1e-5);
  });
}

test("batches in chunks, and data in several pages", async () => {
  const small = await narrowed(device(), 2 ** 18);
  const net = network({
    inputs: 40,
    layers: [dense(40), residual(layerNorm(), dense(40, "silu")), dropout(0.1), dense(2)],
    loss: "meanSquaredError",
  }) as GraphNetwork;
  const settings = { ...settingsOf(), data: graphData(net, 1800, 3), batchSize: 350, optimizer };
  const { plan } = layeredRequest({ device: small, network: net, members: 2, settings });
  expect([plan.chunks > 3, plan.gathered]).toEqual([true, true]);
  expectClose("parameter", await train(small, net, settings), await trainReference(net, settings), 1e-5);
});

/** Dispatches of a step. */
async function dispatchesOf(net: AnyNetwork): Promise<number> {
  using model = await createModel(net, { device: device() });
  const plan = await model.plan(graphData(net, 64, 1), { optimizer, steps: 1, batchSize: 64, strategy: "layered" });
  return plan.dispatchesPerStep;
}

test("a residual block with layer norm takes 3 dispatches more than its dense layers, which take 3 each", async () => {
  const block = () => residual(layerNorm(), dense(16, "silu"));
  const withBlocks = (count: number): AnyNetwork =>
    network({ inputs: 8, layers: [dense(16), ...Array.from({ length: count }, block), dense(1)], loss: "huber" });
  const counts = [
    await dispatchesOf(withBlocks(1)),
    await dispatchesOf(withBlocks(2)),
    await dispatchesOf(withBlocks(5)),
  ];
  expect(counts.map((count) => count - counts[0]!)).toEqual([0, 3 + 3, 4 * (3 + 3)]);
  const plain = network({ inputs: 8, layers: [dense(16), dense(16, "silu"), dense(1)], loss: "huber" });
  expect(await dispatchesOf(plain)).toBe(3 * 3 + 1);
  expect(counts[0]).toBe(3 * 3 + 1 + 3);
  const deep = residual(layerNorm(), dense(16, "gelu"), dense(16));
  expect(await dispatchesOf(network({ inputs: 8, layers: [dense(16), deep, dense(1)], loss: "huber" }))).toBe(
    3 * 4 + 1 + 3,
  );
});

test.each(someOf(graphCases.filter((_, index) => index % 4 === 1)))(
  "the plan of $name counts dispatches and bytes",
  async (own) => {
    const data = graphData(own.network, 8, 1);
    const settings = { data, optimizer: adam(), batchSize: 4, shuffle: true, seed: 1 };
    const executor = await createExecutor(device(), own.network, 2);
    const plan = await executor.planRun(settings);
    const run = await executor.createRun(settings);
    try {
      expect(plan.bytes).toBe(device().ledger.bytes);
      const counts = await countCalls(async () => {
        await run.execute(0, 10);
        await run.finished();
      });
      expect(counts).toMatchObject({
        createBuffer: 0,
        createBindGroup: 0,
        dispatchWorkgroups: 10 * plan.dispatchesPerStep,
      });
      expect(plan.kernels).toHaveLength(plan.dispatchesPerStep);
      expect(plan).toMatchObject({ strategy: "layered", stepsPerDispatch: 1, chunkRows: 4 });
      expect(plan.summary).toBe("layer by layer, the only one possible");
      expect(plan.reason).toMatch(
        /the only one for a network that is not a list.*: \d+ dispatches per step; about .* ms per step/,
      );
    } finally {
      run.dispose();
      executor.dispose();
    }
  },
);

test("the cost model counts the products and the rows of a graph", async () => {
  const stepMs = async (layers: Layer[], batchSize: number): Promise<number> => {
    const net = network({ inputs: 16, layers: [dense(64), ...layers, dense(1)], loss: "huber" });
    using model = await createModel(net, { device: device() });
    const plan = await model.plan(graphData(net, batchSize, 1), {
      optimizer,
      steps: 1,
      batchSize,
      strategy: "layered",
    });
    return plan.stepMs!;
  };
  for (const rows of [16, 1024]) {
    const list = await stepMs([dense(64, "silu")], rows);
    const norm = await stepMs([residual(layerNorm(), dense(64, "silu"))], rows);
    const blocks = await stepMs(
      [residual(layerNorm(), dense(64, "silu")), residual(layerNorm(), dense(64, "silu"))],
      rows,
    );
    expect(norm).toBeGreaterThan(list);
    expect(blocks - norm).toBeGreaterThan(norm - list); // products besides
    expect(norm).toBeLessThan(4 * list);
  }
});

test("resuming gives the same bits, and disposing frees every buffer", async () => {
  const start = async () =>
    createModel(mixed, { device: device(), members: 2, parameters: graphParameters(mixed, 5, 2) });
  const options = { optimizer: adam(), batchSize: 12, seed: 9 };
  const { buffers } = device().ledger;
  using whole = await start();
  await whole.fit(mixedData, { ...options, steps: 20 });
  using part = await start();
  await part.fit(mixedData, { ...options, steps: 7 });
  using rest = await start();
  await rest.fit(mixedData, { ...options, steps: 20, resume: part.checkpoint });
  expect(await rest.readParameters()).toEqual(await whole.readParameters());
  await whole.evaluate(mixedData);
  for (const model of [whole, part, rest]) model.dispose();
  expect(device().ledger.buffers).toBe(buffers);
});

test("strategies that are written for lists of dense layers are refused", async () => {
  using model = await createModel(mixed, { device: device() });
  const options = { optimizer, steps: 1, strategy: "tiles" } as const;
  await expect(model.fit(mixedData, options)).rejects.toThrow(
    "expected auto or layered for a network that is not a list",
  );
});
