// verifyTraining: passes what is right, fails what is wrong, and says so where nothing can be told.

import { expect, test } from "vitest";
import { RecoveringExecutor } from "../src/backend/recoveringExecutor.ts";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { Model } from "../src/model/model.ts";
import { acquire, adam, createModel, dense, network, rmsProp, sgd, verifyTraining } from "../src/index.ts";
import type { ActivationName, LossName, Optimizer, TrainOptions } from "../src/index.ts";
import { normalAt, streams } from "../src/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();

const rows = 120;
const data = {
  inputs: Float32Array.from({ length: 4 * rows }, (_, at) => normalAt(1, streams.noise, at)),
  targets: Float32Array.from({ length: 3 * rows }, (_, at) => (at % 3 === Math.floor(at / 3) % 3 ? 1 : 0)),
};

interface Trained {
  readonly model: Model;
  readonly request: Parameters<typeof verifyTraining>[1];
}

async function train(activation: ActivationName, loss: LossName, optimizer: Optimizer, steps = 100): Promise<Trained> {
  const device = gpu();
  const net = network({ inputs: 4, layers: [dense(9, activation), dense(3)], loss });
  const model = await createModel(net, { device, seed: 3 });
  const initialParameters = await model.readParameters();
  const options: TrainOptions = { optimizer, steps, batchSize: 32, seed: 4 };
  await model.fit(data, options);
  return { model, request: { initialParameters, data, options } };
}

const close = ({ model }: Trained): void => {
  model.dispose();
};

test("a right training passes, well within its bound", async () => {
  const trained = await train("tanh", "softmaxCrossEntropy", adam({ learningRate: 0.01 }));
  const { passed, conclusive, deviation, bound } = await verifyTraining(trained.model, trained.request);
  expect({ passed, conclusive }).toEqual({ passed: true, conclusive: true });
  expect(deviation).toBeLessThan(bound / 2);
  expect(bound).toBeLessThan(1e-3);
  close(trained);
});

test("a network that is sure of its answers is held to its bound: what it learns from is far below 2⁻²⁴", async () => {
  const device = await acquire();
  const net = network({ inputs: 2, layers: [dense(6, "tanh"), dense(3)], loss: "softmaxCrossEntropy" });
  const corners = [2, 0, -2, 2, -2, -2];
  const separable = {
    inputs: Float32Array.from({ length: 120 }, (_, at) => corners[at % 6]! + 0.3 * Math.sin(12.9898 * at)),
    targets: Float32Array.from({ length: 180 }, (_, at) => (at % 3 === Math.floor(at / 3) % 3 ? 1 : 0)),
  };
  const model = await createModel(net, { device, seed: 3 });
  const initialParameters = await model.readParameters();
  const options: TrainOptions = { optimizer: rmsProp({ learningRate: 0.1 }), steps: 800, batchSize: 20, seed: 4 };
  await model.fit(separable, options);
  const { passed, conclusive, deviation, bound } = await verifyTraining(model, {
    initialParameters,
    data: separable,
    options,
  });
  expect((await model.evaluate(separable)).loss).toBeLessThan(1e-4);
  expect({ passed, conclusive }).toEqual({ passed: true, conclusive: true });
  expect(deviation).toBeLessThan(bound / 4); // 16 times the bound when the slope was the difference of p and t
  close({ model, request: { initialParameters, data: separable, options } });
});

test.each<[string, (request: Trained["request"]) => Trained["request"]]>([
  ["another order", (request) => ({ ...request, options: { ...request.options, seed: 5 } })],
  ["a step too many", (request) => ({ ...request, steps: 99 })],
  [
    "another rate",
    (request) => ({ ...request, options: { ...request.options, optimizer: adam({ learningRate: 0.011 }) } }),
  ],
  [
    "another start",
    (request) => ({ ...request, initialParameters: request.initialParameters.map((value) => value + 0.01) }),
  ],
])("%s is found", async (_, change) => {
  const trained = await train("tanh", "softmaxCrossEntropy", adam({ learningRate: 0.01 }));
  const { passed, worst } = await verifyTraining(trained.model, change(trained.request));
  expect(passed).toBe(false);
  expect(worst.name).toMatch(/^layers\.[01]\.(weights\[\d, \d\]|bias\[\d\])$/);
  close(trained);
});

test("its progress is reported, over the runs that measure the bound too", async () => {
  const trained = await train("tanh", "softmaxCrossEntropy", adam({ learningRate: 0.01 }), 3000);
  const told: { readonly done: number; readonly total: number }[] = [];
  await verifyTraining(trained.model, { ...trained.request, onProgress: (progress) => told.push(progress) });
  expect(told.length).toBeGreaterThan(0);
  for (const [at, { done, total }] of told.entries()) {
    expect(total).toBe(9000);
    expect(done).toBeGreaterThan(told[at - 1]?.done ?? 0);
    expect(done).toBeLessThanOrEqual(total);
  }
  close(trained);
});

test("one wrong parameter is found and named", async () => {
  const trained = await train("tanh", "meanSquaredError", sgd({ learningRate: 0.1 }));
  const parameters = (await trained.model.readParameters()).slice();
  parameters[4 * 9 + 2]! += 0.1;
  trained.model.writeParameters(parameters);
  const { passed, worst } = await verifyTraining(trained.model, trained.request);
  expect(passed).toBe(false);
  expect(worst.name).toBe("layers.0.bias[2]");
  close(trained);
});

test("a training that amplifies rounding is checked by one step more, and told as such", async () => {
  const trained = await train("relu", "meanAbsoluteError", rmsProp({ learningRate: 0.05 }), 400);
  const result = await verifyTraining(trained.model, trained.request);
  expect(result).toMatchObject({ passed: true, conclusive: false });
  expect(result.reason).toContain("one step from the trained parameters");
  close(trained);
});

test("NaN in the model fails, however the other parameters are", async () => {
  const device = await acquire({ device: "reference" });
  const net = network({ inputs: 4, layers: [dense(3)], loss: "meanSquaredError" });
  const start = await createModel(net, { device, seed: 2 });
  const initialParameters = await start.readParameters();
  const options = { optimizer: sgd(), steps: 2 };
  await start.fit(data, options);
  const executor = new ReferenceExecutor(net, 1); // a Model itself refuses NaN
  executor.writeParameters((await start.readParameters()).map((value, at) => (at === 1 ? Number.NaN : value)));
  const around = new RecoveringExecutor({ device, network: net, members: 1, recovers: false }, executor);
  const { passed, worst } = await verifyTraining(new Model(net, around), {
    initialParameters,
    data,
    options,
  });
  expect(passed).toBe(false);
  expect(worst.name).toBe("layers.0.weights[0, 1]");
});

test("parameters that are all 0 give no NaN", async () => {
  const device = gpu();
  const net = network({ inputs: 4, layers: [dense(3)], loss: "meanSquaredError" });
  const model = await createModel(net, { device, initializer: "zeros" });
  const initialParameters = await model.readParameters();
  const options = { optimizer: sgd({ learningRate: 0 }), steps: 2 };
  await model.fit(data, options);
  const result = await verifyTraining(model, { initialParameters, data, options });
  expect(result).toMatchObject({ passed: true, deviation: 0 });
  model.dispose();
});

test("a signal ends the verification", async () => {
  const trained = await train("tanh", "meanSquaredError", sgd(), 10);
  const stop = new AbortController();
  const options = { ...trained.request.options, steps: 1e7, signal: stop.signal };
  setTimeout(() => stop.abort(new Error("enough")), 80);
  await expect(verifyTraining(trained.model, { ...trained.request, options })).rejects.toThrow("enough");
  close(trained);
});
