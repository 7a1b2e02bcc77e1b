import fc from "fast-check";
import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import { BufferOwner, readFloats } from "../src/backend/webgpu/bufferOwner.ts";
import { type GpuDevice, ownerOf } from "../src/backend/webgpu/device.ts";
import type { GraphNetwork } from "../src/graph/graphNetwork.ts";
import {
  acquire,
  adam,
  type AnyNetwork,
  createModel,
  dense,
  dropout,
  embedding,
  InvalidInput,
  layerNorm,
  network,
  residual,
  sgd,
} from "../src/index.ts";
import { whyNotOnGpu } from "../src/backend/webgpu/strategies/graphMemory.ts";
import { createGraphRun, graphRequest } from "../src/backend/webgpu/strategies/graphRun.ts";
import { createExecutor } from "../src/backend/createExecutor.ts";
import { relativeDistance } from "./support/compare.ts";
import { expectClose } from "./support/expectClose.ts";
import { graphGoldens, trainGolden } from "./support/graphGoldens.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { cases } from "./support/shapes.ts";
import { testOf } from "./support/share.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const cpu = await acquire({ device: "reference" });
const optimizer = sgd({ learningRate: 0.1 });

const onGpu = graphCases.filter(({ network: net }) => whyNotOnGpu(net) === undefined);

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

for (const [index, { name, network: net }] of onGpu.entries()) {
  testOf(index % 5 === 2)(`the GPU agrees with the reference: ${name}`, async () => {
    await compare(net, 1, 7);
    await compare(net, 3, 5);
  });
}

test("the GPU agrees with the reference on random graphs", async () => {
  let compared = 0;
  const check = async (seed: number): Promise<void> => {
    const net = randomGraph(seed);
    if (whyNotOnGpu(net) !== undefined) return;
    compared++;
    const parameters = graphParameters(net, seed);
    const data = graphData(net, 5, seed);
    using reference = await createModel(net, { device: cpu, parameters });
    using model = await createModel(net, { device: device(), parameters });
    const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
    expectClose(`seed ${seed}: loss`, own.losses, wanted.losses, 1e-5);
    expectClose(`seed ${seed}: gradient`, own.gradients, wanted.gradients, 1e-4); // of deep chains of exponentials
  };
  await fc.assert(fc.asyncProperty(fc.nat(1e6), check), cases(30));
  expect(compared).toBeGreaterThan(0);
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
  const request = graphRequest({ device: own, network: net, members: 2, settings });
  const run = await createGraphRun({ ...request, lanes }, parameters);
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

for (const lanes of [1, 2, 8, 64]) {
  testOf(lanes === 8)(`rows that ${lanes} invocations take together`, async () => {
    const parameters = await train(device(), mixed, settingsOf(), lanes);
    expectClose("parameter", parameters, await trainReference(mixed, settingsOf()), 1e-5);
    expect(await train(device(), mixed, settingsOf(), lanes)).toEqual(parameters); // the same bits
  });
}

const drawn: readonly [string, Partial<RunSettings>][] = [
  ["in order", { shuffle: false }],
  ["of a bootstrap sample", { bootstrap: true }],
  ["of each member", { perMember: { seed: [4, 9] } }],
  ["of each member's bootstrap sample", { perMember: { seed: [4, 9] }, bootstrap: true }],
];
for (const [index, [name, more]] of drawn.entries()) {
  testOf(index === 3)(`rows of the data ${name}`, async () => {
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
  const { plan } = graphRequest({ device: small, network: net, members: 2, settings });
  expect([plan.chunks > 3, plan.gathered]).toEqual([true, true]);
  expectClose("parameter", await train(small, net, settings), await trainReference(net, settings), 1e-5);
});

/** Dispatches of a step. */
async function dispatchesOf(net: AnyNetwork): Promise<number> {
  using model = await createModel(net, { device: device() });
  return model.plan(graphData(net, 64, 1), { optimizer, steps: 1, batchSize: 64, strategy: "layered" })
    .dispatchesPerStep;
}

test("a residual block with layer norm takes 3 dispatches more than its dense layers, which take 3", async () => {
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
  console.log(`one block: ${counts[0]} dispatches, two: ${counts[1]}; three dense layers: 10`);
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

test("what does not run on a GPU says why where a GPU was asked for, and runs in WebAssembly where one was found", async () => {
  const net = network({ inputs: 3, layers: [dense(4), layerNorm()], loss: "meanSquaredError" });
  const required = await acquire({ gpuDevice: device().gpu });
  const message = "expected one that a GPU computes layer by layer, got a network whose last layer is not dense";
  await expect(createModel(net, { device: required })).rejects.toThrow(InvalidInput);
  await expect(createModel(net, { device: required })).rejects.toThrow(message);
  const found = await ownerOf(device().gpu, { isOwned: false, isRequired: false, maxBufferBytes: undefined });
  const model = await createModel(net, { device: found });
  const data = graphData(net, 8, 1);
  const plan = model.plan(data, { optimizer, steps: 1 });
  expect(plan.machine).toBe("wasm");
  expect(plan.reason).toMatch(/; the GPU cannot compute a network whose last layer is not dense$/);
  expect(await model.predict(data.inputs)).toBeInstanceOf(Float32Array);
  model.dispose();
  found.dispose(); // and the threads with it
  const wide = network({ inputs: 3, loss: "huber" }, (x) => {
    const parts = Array.from({ length: 9 }, () => x.pipe(dense(2, "tanh")));
    return parts[0]!.concat(...parts.slice(1)).pipe(dense(1));
  });
  expect(whyNotOnGpu(wide)).toMatch(/^a network in which \d+ results are combined at once$/);
});

test("strategies that are written for lists of dense layers are refused", async () => {
  using model = await createModel(mixed, { device: device() });
  const options = { optimizer, steps: 1, strategy: "tiles" } as const;
  await expect(model.fit(mixedData, options)).rejects.toThrow(
    "expected auto or layered for a network that is not a list",
  );
});
