// Models on WebAssembly SIMD: layers of every kind against the float64 reference and PyTorch, members, threads, resuming, stopping.

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createExecutor } from "../src/backend/createExecutor.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import { WasmDevice } from "../src/backend/wasm/device.ts";
import { WasmExecutor } from "../src/backend/wasm/executor.ts";
import {
  acquire,
  adam,
  adamW,
  type AnyNetwork,
  type Checkpoint,
  createModel,
  dense,
  dropout,
  embedding,
  layerNorm,
  network,
  optimizer as ownOptimizer,
  type Optimizer,
  residual,
  muon,
  rmsProp,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { relativeDistance } from "./support/compare.ts";
import { expectClose } from "./support/expectClose.ts";
import { graphGoldens, trainGolden } from "./support/graphGoldens.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { cases } from "./support/shapes.ts";
import { withEveryOptimizer } from "./support/optimizers.ts";
import { someOf, testInFull } from "./support/share.ts";
import { timeless } from "./support/timeless.ts";

const reference = await acquire({ device: "reference" });
const device = await WasmDevice.open("", 2);
const startBytes = device.heap.usedBytes;
afterAll(async () => {
  expect(device.heap.usedBytes).toBe(startBytes);
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  await device.pool.dispose();
});

const optimizer = sgd({ learningRate: 0.1 });

/** Everything that one step computes, and the parameters after some steps of half the rows. */
async function compare(net: AnyNetwork, members: number, rows: number, scale = 1): Promise<void> {
  const parameters = graphParameters(net, 5, members).map((value) => Math.fround(scale * value));
  const data = graphData(net, rows, 9);
  using truth = await createModel(net, { device: reference, members, parameters });
  using model = await createModel(net, { device, members, parameters });
  expectClose("output", await model.logits(data.inputs), await truth.logits(data.inputs), 2e-6);
  expectClose("score", (await model.evaluate(data)).losses, (await truth.evaluate(data)).losses, 2e-6);
  const [own, wanted] = [await model.trace(data, optimizer), await truth.trace(data, optimizer)];
  for (const key of ["activations", "preActivations", "dPreActivations"] as const) {
    own[key].forEach((values, layer) => expectClose(`${key} of layer ${layer}`, values, wanted[key][layer]!, 4e-6));
  }
  expectClose("gradient", own.gradients, wanted.gradients, 4e-6);
  expectClose("loss", own.losses, wanted.losses, 2e-6);
  expectClose("parameter after the trace", own.after, wanted.after, 4e-6);
  expect(await model.readParameters()).toEqual(Float32Array.from(parameters));
  const options = { optimizer, steps: 6, batchSize: Math.ceil(rows / 2), seed: 3 };
  await model.fit(data, options);
  await truth.fit(data, options);
  expectClose("parameter", await model.readParameters(), await truth.readParameters(), 1e-5);
}

for (const { name, network: net } of graphCases) {
  test(`it agrees with the reference: ${name}`, async () => {
    await compare(net, 1, 7);
    await compare(net, 3, 5);
  });
}

test("outputs of members that are computed together are those of each alone, to the same bits", async () => {
  const net = network({
    inputs: 20,
    layers: [dense(70, "tanh"), dense(48, "relu"), dense(3)],
    loss: "meanSquaredError",
  });
  // 37 members in groups that do not divide them; 300 rows are slices, whose weights are packed.
  for (const [members, rows] of [
    [37, 300],
    [37, 40],
    [3, 5],
  ] as const) {
    const parameters = Float32Array.from(graphParameters(net, 5, members));
    const { inputs, targets } = graphData(net, rows, 9);
    using model = await createModel(net, { device, members, parameters });
    const [all, { losses }] = [await model.logits(inputs), await model.evaluate({ inputs, targets })];
    for (const member of members > 3 ? [0, 17, 36] : [2]) {
      const own = parameters.subarray(member * net.parameterCount, (member + 1) * net.parameterCount);
      using alone = await createModel(net, { device, members: 2, parameters: Float32Array.from([...own, ...own]) });
      const width = 3 * rows;
      expect((await alone.logits(inputs)).subarray(0, width)).toEqual(
        all.subarray(member * width, (member + 1) * width),
      );
      expect((await alone.evaluate({ inputs, targets })).losses[1]).toBe(losses[member]);
    }
  }
});

/** Many slices of the batch, chunks of widths that no vector divides. */
const wide = network({
  inputs: 13,
  layers: [dense(70, "tanh"), dense(33, "gelu"), dense(3)],
  loss: "softmaxCrossEntropy",
});
const mixed = network(
  { inputs: 3, loss: "meanSquaredError" },
  (x) => x.pipe(embedding({ column: 1, categories: 5, width: 4 }), dense(37, "silu"), dropout(0.2), residual(layerNorm(), dense(37, "tanh")), dense(2)),
); // prettier-ignore

/** Small enough for straight-line code. */
const small = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });

test.each(someOf([2100, 1, 3, 7]))("straight-line code, batches of %i rows", async (rows) => {
  await compare(small, 1, 2 * rows);
  await compare(small, 5, Math.min(2 * rows, 40));
});

test.each(someOf([301, 1, 3, 4, 31, 32, 33, 150], 8))("batches of %i rows", (rows) => compare(wide, 1, 2 * rows));

testInFull("layers wider than a block of a product", async () => {
  const layers = [dense(261, "relu"), dense(1030, "tanh"), dense(3)];
  await compare(network({ inputs: 3, layers, loss: "squaredError" }), 1, 70, 1 / 16); // no unit is saturated
});

test("random graphs", async () => {
  const check = async (seed: number): Promise<void> => {
    const net = randomGraph(seed);
    const parameters = graphParameters(net, seed);
    const data = graphData(net, 5, seed);
    using truth = await createModel(net, { device: reference, parameters });
    using model = await createModel(net, { device, parameters });
    const [own, wanted] = [await model.trace(data, optimizer), await truth.trace(data, optimizer)];
    expectClose(`seed ${seed}: loss`, own.losses, wanted.losses, 1e-5);
    expectClose(`seed ${seed}: gradient`, own.gradients, wanted.gradients, 1e-4); // of deep chains of exponentials
  };
  await fc.assert(fc.asyncProperty(fc.nat(1e6), check), cases(60));
});

test.each(graphGoldens)("$name: PyTorch's float64 run", async (golden) => {
  const executor = await createExecutor(device, golden.network, 1);
  try {
    const { losses, parameters } = await trainGolden(golden, executor);
    const reached = [relativeDistance(losses, golden.losses), relativeDistance(parameters, golden.finalParameters)];
    console.log(`${golden.name}: ${reached.map((value) => value.toExponential(1)).join(" and ")}`);
    expect(Math.max(...reached)).toBeLessThanOrEqual(1e-4);
  } finally {
    executor.dispose();
  }
});

const ownLion = ownOptimizer("ownLion", {
  hyperParameters: { learningRate: 0.01, beta1: 0.9, beta2: 0.99 },
  state: ["m"],
  update: ({ parameter, gradient, m, learningRate, beta1, beta2 }) => ({
    parameter: parameter.minus(m.times(beta1).plus(gradient.times(1).times(0.1)).times(learningRate)),
    m: m.times(beta2).plus(gradient.times(0.01)),
  }),
});

const optimizers: readonly Optimizer[] = withEveryOptimizer([
  sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam({ learningRate: 0.01, weightDecay: 0.02 }),
  adamW({ learningRate: 0.01 }),
  rmsProp({ learningRate: 0.01, momentum: 0.5 }),
  ownLion(),
]);

describe.each(
  someOf(optimizers, 20).flatMap((own) => [
    { own, name: own.name, net: mixed },
    { own, name: `${own.name} in straight-line code`, net: small },
  ]),
)("$name", ({ own, net }) => {
  const settings: TrainOptions = {
    optimizer: own,
    batchSize: 12,
    steps: 20,
    perMember: { seed: [4, 9, 4], learningRate: [0.002, 0.004, 0.01] },
    bootstrap: true,
  };
  const data = graphData(net, 41, 3);
  const parameters = graphParameters(net, 6, 3); // with 5 a gradient is so near 0 that float32 flips the sign that lion takes of it

  test("members with their own rates and rows train as in the reference", async () => {
    using truth = await createModel(net, { device: reference, members: 3, parameters });
    using model = await createModel(net, { device, members: 3, parameters });
    await truth.fit(data, settings);
    await model.fit(data, settings);
    expectClose("parameter", await model.readParameters(), await truth.readParameters(), 2e-4);
    expectClose("best loss", model.results!.bestLosses, truth.results!.bestLosses, 1e-5);
    expect(model.results!.bestSteps).toEqual(truth.results!.bestSteps);
    expectClose("final loss", model.results!.finalLosses, truth.results!.finalLosses, 1e-4);
  });

  test("a resumed training has the bits of one that was not interrupted", async () => {
    using whole = await createModel(net, { device, members: 3, parameters });
    await whole.fit(data, settings);
    using first = await createModel(net, { device, members: 3, parameters });
    let resume: Checkpoint | undefined;
    for await (const { step } of first.train(data, { ...settings, logInterval: { steps: 11 } })) {
      if (step !== 11) continue;
      resume = structuredClone(first.checkpoint);
      break;
    }
    using second = await createModel(net, { device, members: 3, seed: 99 });
    await second.fit(data, { ...settings, resume });
    expect(await second.readParameters()).toEqual(await whole.readParameters());
    expect(timeless(second.checkpoint)).toEqual(timeless(whole.checkpoint));
  });
});

/** Parameters and losses after some steps with so many threads. */
async function trainOn(threads: number, net: AnyNetwork, members: number, settings: Partial<RunSettings>) {
  const own = await WasmDevice.open("", threads);
  expect(own.pool.threads).toBe(threads);
  const executor = new WasmExecutor(own, net, members);
  executor.writeParameters(graphParameters(net, 5, members));
  const data = graphData(net, 9000, 3);
  const run = await executor.createRun({
    data,
    optimizer: adam(),
    batchSize: 400,
    shuffle: true,
    seed: 2,
    ...settings,
  });
  await run.execute(0, 9);
  const results = { parameters: await executor.readParameters(), losses: await run.readLosses(0, 9) };
  run.dispose();
  executor.dispose();
  await own.pool.dispose();
  return results;
}

test.each<[string, AnyNetwork, number, Partial<RunSettings>]>([
  ["many slices of one network", wide, 1, {}],
  ["three members of a graph", mixed, 3, {}],
  ["members in straight-line code", small, 50, {}],
  ["samples in straight-line code", small, 1, {}],
  ["matrices that are made orthogonal", wide, 2, { optimizer: muon() }],
])("the same bits for one, two and three threads: %s", async (_, net, members, settings) => {
  const alone = await trainOn(1, net, members, settings);
  expect(await trainOn(2, net, members, settings)).toEqual(alone);
  expect(await trainOn(3, net, members, settings)).toEqual(alone);
});

test.each([
  ["layer by layer", wide],
  ["straight-line code", network({ inputs: 3, layers: [dense(6, "relu"), dense(2)], loss: "squaredError" })],
] as const)("a member whose numbers are not finite stops, the others are unaffected: %s", async (_, net) => {
  const data = graphData(net, 60, 3);
  const train = async (own: typeof device | typeof reference, learningRate: number[]) => {
    using model = await createModel(net, { device: own, members: 3, seed: 1 });
    await model.fit(data, { optimizer: sgd(), steps: 40, batchSize: 20, perMember: { learningRate } });
    return { parameters: await model.readParameters(), results: model.results! };
  };
  const broken = await train(device, [0.1, 1e30, 0.2]);
  const truth = await train(reference, [0.1, 1e30, 0.2]);
  const fine = await train(device, [0.1, 0.3, 0.2]);
  const count = net.parameterCount;
  expect(broken.results.nonFiniteSteps).toEqual(truth.results.nonFiniteSteps);
  expect(broken.results.nonFiniteSteps[1]).toBeGreaterThanOrEqual(0);
  expect(broken.results.finalLosses[1]).toBeNaN();
  expect(broken.parameters.every(Number.isFinite)).toBe(true);
  for (const member of [0, 2]) {
    const part = (of: typeof fine) => of.parameters.slice(member * count, (member + 1) * count);
    expect(part(broken)).toEqual(part(fine));
  }
});

test("chunks of a batch that is too large for memory at once", async () => {
  const net = network({ inputs: 3, layers: [dense(300, "tanh"), dense(1)], loss: "meanSquaredError" });
  const rows = 40_000; // 40,000 rows of 1,200 values are three chunks
  const data = graphData(net, rows, 3);
  const parameters = graphParameters(net, 5);
  using truth = await createModel(net, { device: reference, parameters });
  using model = await createModel(net, { device, parameters });
  const options = { optimizer, steps: 2, batchSize: rows };
  await truth.fit(data, options);
  await model.fit(data, options);
  expectClose("parameter", await model.readParameters(), await truth.readParameters(), 1e-5);
});

test("a strategy of WebGPU is refused", async () => {
  using one = await createModel(small, { device });
  using graph = await createModel(mixed, { device });
  const data = graphData(small, 8, 1);
  const steps = { optimizer, steps: 1 } as const;
  expect((await one.plan(data, steps)).strategy).toBe("samples");
  expect((await one.plan(data, { ...steps, strategy: "layered" })).strategy).toBe("layered");
  await expect(one.fit(data, { ...steps, strategy: "tiles" })).rejects.toThrow(
    "train: strategy: expected one of auto, layered, samples for this network in WebAssembly, got tiles",
  );
  await expect(graph.fit(graphData(mixed, 8, 1), { ...steps, strategy: "members" })).rejects.toThrow(
    "expected one of auto, layered for this network",
  );
});

test("a softmax wider than a thread's own memory", async () => {
  const net = network({ inputs: 1, layers: [dense(50_000)], loss: "softmaxCrossEntropy" });
  const parameters = graphParameters(net, 5);
  const targets = new Float32Array(6 * net.outputs);
  for (let row = 0; row < 6; row++) targets[row * net.outputs + 7000 * row] = 1;
  const data = { inputs: Float32Array.of(-1, -0.5, 0, 0.3, 0.7, 1), targets };
  using truth = await createModel(net, { device: reference, parameters });
  using model = await createModel(net, { device, parameters });
  await truth.fit(data, { optimizer, steps: 2 });
  await model.fit(data, { optimizer, steps: 2 });
  expectClose("parameter", await model.readParameters(), await truth.readParameters(), 1e-6);
});

describe.each(["auto", "layered"] as const)("strategy %s", (strategy) => {
  const data = graphData(small, 20, 3);
  const options = { optimizer, steps: 20, batchSize: 8, strategy, logInterval: { steps: 5 } };

  test("parameters that are written at an event are trained on", async () => {
    const trained = await Promise.all(
      [reference, device].map(async (own) => {
        using model = await createModel(small, { device: own, seed: 1 });
        for await (const { step } of model.train(data, options)) {
          if (step === 10) await model.writeParameters(graphParameters(small, 8));
        }
        return model.readParameters();
      }),
    );
    expectClose("parameter", trained[1]!, trained[0]!, 1e-5);
  });

  test("a trace at an event sees the parameters of then, and changes nothing", async () => {
    using model = await createModel(small, { device, seed: 1 });
    using plain = await createModel(small, { device, seed: 1 });
    await plain.fit(data, options);
    for await (const { step } of model.train(data, options)) {
      if (step !== 10) continue;
      const now = await model.readParameters();
      expect((await model.trace(data, optimizer)).before).toEqual(now);
    }
    expect(await model.readParameters()).toEqual(await plain.readParameters());
  });

  test("after a divergence the model is back at the last good step", async () => {
    const net = network({ inputs: 3, layers: [dense(4, "relu"), dense(1)], loss: "squaredError" });
    using model = await createModel(net, { device, seed: 1 });
    const wild = { ...options, optimizer: sgd({ learningRate: 1e3 }), steps: 60, logInterval: { steps: 2 } };
    await model.fit(graphData(net, 20, 3), wild).catch(() => undefined);
    expect((await model.readParameters()).every((value) => Number.isFinite(value))).toBe(true);
    expect(await model.readParameters()).toEqual(model.checkpoint!.parameters);
  });
});
