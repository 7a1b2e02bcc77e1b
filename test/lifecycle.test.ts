// What a training leaves behind when it does not end as planned, and sizes at the edge.

import { expect, test } from "vitest";
import { acquire, adam, createModel, dense, network, sgd } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { openDevice } from "./support/kernelRun.ts";

const net = network({ inputs: 2, layers: [dense(8, "tanh"), dense(1)], loss: "squaredError" });
const data = { inputs: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), targets: Float32Array.of(0, 1, 1, 0) };
const optimizer = sgd({ learningRate: 0.1 });
const none = { buffers: 0, bytes: 0 };

test.each(["reference", "auto"] as const)(
  "%s: an aborted training reports its last step before it rejects",
  async (kind) => {
    const device = await acquire({ device: kind });
    const model = await createModel(net, { device });
    const stop = new AbortController();
    const steps: number[] = [];
    const training = (async () => {
      const options = { optimizer, steps: 1e9, logInterval: { steps: 1000 }, signal: stop.signal };
      for await (const { step } of model.train(data, options)) {
        if (steps.push(step) === 2) setTimeout(() => stop.abort(new Error("enough")), 10);
      }
    })();
    await expect(training).rejects.toThrow("enough");
    const last = steps.at(-1)!;
    expect(last).toBeGreaterThan(1000);
    const other = await createModel(net, { device });
    await other.fit(data, { optimizer, steps: last });
    expect(await other.readParameters()).toEqual(await model.readParameters());
    model.dispose();
    other.dispose();
    device.dispose();
  },
);

test("dispose frees every buffer at once, of a paused training and of predictions too", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device });
  const training = model.train(data, { optimizer, steps: 1e6, logInterval: { steps: 1 } });
  await training.next();
  await model.predict(data.inputs);
  model.dispose();
  expect(device.ledger).toEqual(none);
  await expect(training.next()).rejects.toMatchObject({ code: "DISPOSED" });
  device.dispose();
});

test.each([2 ** 31 + 5, 2 ** 32 + 7])("NaN is found in steps from %d on", async (step) => {
  const device = await openDevice();
  const executor = await GpuExecutor.create(device, net, 2);
  executor.writeParameters(new Float32Array(2 * net.parameterCount).fill(Number.NaN, 0, net.parameterCount));
  const run = await executor.createRun({ data, optimizer, batchSize: 4, shuffle: false, seed: 0 });
  await run.execute(step, 2);
  const [first, second] = await run.readNonFinite();
  expect(first).toBe(Math.min(step, 2 ** 32 - 2));
  expect(second).toBe(-1);
  run.dispose();
  executor.dispose();
  device.dispose();
});

test("scores of very wide outputs need no stack", async () => {
  const device = await acquire({ device: "reference" });
  const wide = network({ inputs: 1, layers: [dense(200_000)], loss: "softmaxCrossEntropy" });
  const model = await createModel(wide, { device, initializer: "zeros" });
  const targets = new Float32Array(200_000);
  targets[0] = 1;
  const { accuracy, loss } = await model.evaluate({ inputs: Float32Array.of(1), targets });
  expect(accuracy).toBe(1); // all outputs are equal, and the first of them counts
  expect(loss).toBeCloseTo(Math.log(200_000), 9);
  model.dispose();
});

test("the CPU predicts in chunks what it would predict row by row", async () => {
  const device = await acquire({ device: "reference" });
  const model = await createModel(net, { device, members: 2 });
  const inputs = Float64Array.from({ length: 2 * 2500 }, (_, at) => Math.sin(at));
  const all = await model.predict(inputs);
  for (const row of [0, 1023, 1024, 2047, 2048, 2499]) {
    const [first, second] = await model.predict(inputs.subarray(2 * row, 2 * row + 2));
    expect([all[row], all[2500 + row]]).toEqual([first, second]);
  }
  model.dispose();
});

test("misspelt options, invalid signals and numbers below float32 are refused", async () => {
  const misspelt = { devise: "reference" } as object;
  await expect(acquire(misspelt)).rejects.toMatchObject({ code: "INVALID_INPUT" });
  const device = await acquire({ device: "reference" });
  const model = await createModel(net, { device });
  const signal = 5 as unknown as AbortSignal;
  await expect(model.fit(data, { optimizer, steps: 1, signal })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  expect(() => adam({ epsilon: 1e-50 })).toThrow("1.18e-38");
  expect(adam({ epsilon: 0 }).epsilon).toBe(0);
});
