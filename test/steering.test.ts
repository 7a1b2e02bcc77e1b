import { expect, test } from "vitest";
import {
  acquire,
  adam,
  createModel,
  dense,
  type Device,
  InvalidInput,
  network,
  type StrategyName,
  sgd,
} from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const places: [string, () => Device, StrategyName | "auto"][] = [
  ["reference", () => cpu, "auto"],
  ["layered", gpu, "layered"],
  ["members", gpu, "members"],
  ["samples", gpu, "samples"],
];

/** Parameters after steps at one rate and steps at another, without pausing between them. */
async function steered(device: Device, strategy: StrategyName | "auto", optimizer: ReturnType<typeof sgd>) {
  using model = await createModel(net, { device, seed: 1 });
  const training = model.train(data, { optimizer, strategy, steps: 12, batchSize: 40, logInterval: { steps: 5 } });
  await training.next();
  await training.next({ learningRate: 0.02 });
  for await (const _ of training); // to its end
  return Array.from(await model.readParameters());
}

test.each(places)("%s: a learning rate given on the way holds from the next step on", async (_, device, strategy) => {
  using model = await createModel(net, { device: device(), seed: 1 });
  await model.fit(data, { optimizer: sgd({ learningRate: 0.2 }), strategy, steps: 5, batchSize: 40 });
  await model.fit(data, { optimizer: sgd({ learningRate: 0.02 }), strategy, steps: 7, batchSize: 40 });
  const apart = Array.from(await model.readParameters());
  expect(await steered(device(), strategy, sgd({ learningRate: 0.2 }))).toEqual(apart);
});

test.each(places)("%s: moments outlive a change of the learning rate", async (_, device, strategy) => {
  const optimizer = adam({ learningRate: 0.2 });
  const got = await steered(device(), strategy, optimizer);
  const expected = await steered(cpu, "auto", optimizer);
  const worst = Math.max(...got.map((value, index) => Math.abs(value - expected[index]!)));
  expect(worst).toBeLessThan(1e-4);
  using restarted = await createModel(net, { device: cpu, seed: 1 });
  await restarted.fit(data, { optimizer, steps: 5, batchSize: 40 });
  await restarted.fit(data, { optimizer: adam({ learningRate: 0.02 }), steps: 7, batchSize: 40 });
  const other = Array.from(await restarted.readParameters());
  expect(Math.max(...got.map((value, index) => Math.abs(value - other[index]!)))).toBeGreaterThan(1e-3);
});

test.each(places)(
  "%s: events keep the distance requested last, and steps are the same",
  async (_, device, strategy) => {
    using model = await createModel(net, { device: device(), seed: 1 });
    const options = { optimizer: sgd({ learningRate: 0.1 }), strategy, steps: 40, batchSize: 8 };
    const training = model.train(data, { ...options, logInterval: { steps: 3 } });
    const steps: number[] = [];
    for (const logInterval of [
      undefined,
      { steps: 1 },
      undefined,
      { steps: 10 },
      undefined,
      { epochs: 3 },
      undefined,
    ]) {
      const { value } = await training.next(logInterval && { logInterval });
      if (value) steps.push(value.step);
    }
    expect(steps).toEqual([3, 4, 5, 15, 25, 40]);
    using straight = await createModel(net, { device: device(), seed: 1 });
    await straight.fit(data, options);
    expect(await model.readParameters()).toEqual(await straight.readParameters());
  },
);

test("invalid training controls are reported", async () => {
  for (const [steering, message] of [
    [{ learningRate: -1 }, /learningRate/],
    [{ logInterval: { steps: 0 } }, /logInterval/],
    [{ rate: 1 }, /next.+got rate/],
  ] as const) {
    using model = await createModel(net, { device: cpu, seed: 1 });
    const training = model.train(data, { optimizer: sgd(), steps: 40, logInterval: { steps: 1 } });
    await training.next();
    const fault = await training.next(steering as never).then(String, (error: unknown) => error);
    expect(fault).toBeInstanceOf(InvalidInput);
    expect((fault as Error).message).toMatch(message);
  }
  using model = await createModel(net, { device: cpu, members: 2 });
  const perMember = { learningRate: [0.1, 0.2] };
  const training = model.train(data, { optimizer: sgd(), steps: 4, logInterval: { steps: 1 }, perMember });
  await training.next();
  await expect(training.next({ learningRate: 1 })).rejects.toThrow(/perMember/);
});
