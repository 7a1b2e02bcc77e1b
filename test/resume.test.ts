import { expect, test } from "vitest";
import {
  acquire,
  adam,
  adamW,
  createModel,
  dense,
  type Device,
  InvalidInput,
  type Model,
  network,
  type Optimizer,
  type StrategyName,
  rmsProp,
  sgd,
  type Checkpoint,
  type TrainOptions,
} from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { timeless } from "./support/timeless.ts";

// A training that was cut off and goes on from its last good state gives the bits of one that was not.

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const places: [string, () => Device, StrategyName | "auto"][] = [
  ["reference", () => cpu, "auto"],
  ["layered", gpu, "layered"],
  ["members", gpu, "members"],
  ["groups", gpu, "groups"],
  ["samples", gpu, "samples"],
  ["tiles", gpu, "tiles"],
];
const optimizers: readonly Optimizer[] = [
  sgd({ learningRate: 0.1 }),
  sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
  adam({ learningRate: 0.05 }),
  adamW({ learningRate: 0.05 }),
  rmsProp({ learningRate: 0.02, momentum: 0.5 }),
];
/** Five batches an epoch: the cut at step 7 lies within the second. */
const shared = { batchSize: 8, seed: 5, steps: 20 };
const cutAt = 7;

/** Where a training stands after some steps; it is left there. */
async function cutOff(model: Model, options: TrainOptions): Promise<Checkpoint> {
  for await (const { step } of model.train(data, { ...options, logInterval: { steps: cutAt } })) {
    if (step === cutAt) break;
  }
  return structuredClone(model.checkpoint!);
}

async function wholeAndResumed(device: Device, options: TrainOptions, members = 1) {
  using whole = await createModel(net, { device, seed: 1, members });
  await whole.fit(data, options);
  using first = await createModel(net, { device, seed: 1, members });
  const resume = await cutOff(first, options);
  using second = await createModel(net, { device, seed: 99, members });
  const steps: number[] = [];
  for await (const { step } of second.train(data, { ...options, resume, logInterval: { steps: 6 } })) steps.push(step);
  return {
    resume,
    steps,
    whole: { parameters: await whole.readParameters(), results: whole.results, state: timeless(whole.checkpoint) },
    resumed: { parameters: await second.readParameters(), results: second.results, state: timeless(second.checkpoint) },
  };
}

for (const [name, device, strategy] of places) {
  for (const [index, optimizer] of optimizers.entries()) {
    testOf(index === 0)(`${name}: ${optimizer.name}, momentum ${optimizer.momentum}`, async () => {
      const { whole, resumed, steps, resume } = await wholeAndResumed(device(), { ...shared, optimizer, strategy });
      expect(resume.step).toBe(cutAt);
      expect(steps).toEqual([12, 18, 20]); // at the multiples of six, as if it had not been cut off
      expect(resumed).toEqual(whole);
    });
  }

  testInFull(`${name}: members, one of which has diverged before the cut`, async () => {
    const perMember = { learningRate: [0.05, 1e30, 0.2], seed: [3, 4, 5] };
    const optimizer = sgd({ momentum: 0.5 });
    const { whole, resumed, resume } = await wholeAndResumed(
      device(),
      { ...shared, optimizer, strategy, perMember },
      3,
    );
    expect(resume.nonFiniteSteps[1]).toBeGreaterThanOrEqual(0);
    expect(resume.nonFiniteSteps[0]).toBe(-1);
    expect(resumed).toEqual(whole);
  });

  testInFull(`${name}: without its moments it is another training`, async () => {
    const options = { ...shared, optimizer: adam({ learningRate: 0.05 }), strategy };
    using model = await createModel(net, { device: device(), seed: 1 });
    const resume = await cutOff(model, options);
    const ends = [];
    for (const moments of [resume.moments, resume.moments.map(() => 0)]) {
      await model.fit(data, { ...options, resume: { ...resume, moments } });
      ends.push(await model.readParameters());
    }
    expect(ends[0]).not.toEqual(ends[1]);
  });
}

test("a state of the GPU continues on the CPU", async () => {
  const options = { ...shared, optimizer: rmsProp({ learningRate: 0.02, momentum: 0.5 }) };
  using first = await createModel(net, { device: gpu(), seed: 1 });
  const resume = await cutOff(first, options);
  using second = await createModel(net, { device: cpu });
  await second.fit(data, { ...options, resume });
  using whole = await createModel(net, { device: cpu, seed: 1 });
  await whole.fit(data, options);
  const wanted = await whole.readParameters();
  const worst = (await second.readParameters()).map((value, at) => Math.abs(value - wanted[at]!));
  expect(Math.max(...worst)).toBeLessThan(1e-5); // 20 steps of float32 on values of order 1
});

test("a state that does not fit is refused, with what is wrong with it", async () => {
  using model = await createModel(net, { device: cpu, seed: 1 });
  const options = { ...shared, optimizer: adam() };
  const resume = await cutOff(model, options);
  const refused = async (state: object, message: RegExp, changes = {}): Promise<void> => {
    const wrong = { ...options, ...changes, resume: { ...resume, ...state } };
    await expect(model.fit(data, wrong)).rejects.toThrow(InvalidInput);
    await expect(model.fit(data, wrong)).rejects.toThrow(message);
  };
  await refused({ step: 21 }, /resume: step: expected an integer from 0 to 20, got 21/);
  await refused({ moments: new Float64Array(3) }, /resume: moments: expected 76 values, got 3 values/);
  await refused({}, /resume: optimizer: expected adam, as in the checkpoint, got sgd/, { optimizer: sgd() });
  await refused({ fingerprint: undefined }, /resume: moments: expected 0 values, got 76 values/, { optimizer: sgd() });
  await refused({ parameters: new Float64Array(4) }, /resume: parameters: expected 38 values/);
  await refused({ parameters: resume.parameters.with(2, Number.NaN) }, /finite/);
  await refused({ bestSteps: undefined }, /resume: bestSteps: expected 1 values, got undefined/);
});
