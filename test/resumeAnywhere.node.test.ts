// A training that is cut off after any step goes on to the bits of one that was not, whatever it consists of.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  acquire,
  adam,
  adamW,
  type Checkpoint,
  cosine,
  createModel,
  createOptimizer,
  dense,
  type Device,
  dropout,
  ema,
  exponential,
  network,
  oneCycle,
  rmsProp,
  sgd,
  type StrategyName,
  type TrainOptions,
  warmUp,
} from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { timeless } from "./support/timeless.ts";

const gpu = shareDevice();
const wasm = await acquire({ device: "wasm" });
const reference = await acquire({ device: "reference" });

const plain = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const dropping = network({ inputs: 3, layers: [dense(6, "tanh"), dropout(0.3), dense(2)], loss: "meanSquaredError" });
const data = dataOf(plain, 40, 1);
const steps = 23; // five batches an epoch

const optimizers = [
  sgd({ learningRate: 0.1 }),
  sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
  adam({ learningRate: 0.05 }),
  adamW({ learningRate: 0.05, weightDecay: 0.1 }),
  rmsProp({ learningRate: 0.02, momentum: 0.5 }),
  ...(["nadam", "adagrad", "adadelta", "adamax", "lion"] as const).map((name) => createOptimizer(name, {})),
];
const schedules = [undefined, cosine(), warmUp(5, exponential({ gamma: 0.9 })), oneCycle()];
const around: Partial<TrainOptions>[] = [{}, { clipNorm: 0.5 }, { average: ema(0.9) }, { l1: 1e-3, decay: "weights" }];
const places: [string, () => Device, StrategyName | undefined][] = [
  ["reference", () => reference, undefined],
  ["WebAssembly", () => wasm, undefined],
  ["WebAssembly, layered", () => wasm, "layered"],
  ["GPU, layered", gpu, "layered"],
  ["GPU, members", gpu, "members"],
  ["GPU, groups", gpu, "groups"],
  ["GPU, samples", gpu, "samples"],
  ["GPU, tiles", gpu, "tiles"],
];

const someCase = fc.record({
  optimizer: fc.constantFrom(...optimizers),
  schedule: fc.constantFrom(...schedules),
  more: fc.constantFrom(...around),
  net: fc.constantFrom(plain, dropping),
  members: fc.constantFrom(1, 3),
  place: fc.constantFrom(...places),
  cutAt: fc.integer({ min: 1, max: steps - 1 }),
});

const isFull = process.env.THALWEG_TESTS === "full";
test("a training interrupted after any step resumes to the same bits", async () => {
  const ran: Record<string, number> = {};
  const property = fc.asyncProperty(someCase, async ({ optimizer, schedule, more, net, members, place, cutAt }) => {
    const [name, open, strategy] = place;
    const device = open();
    const options: TrainOptions = {
      optimizer,
      batchSize: 8,
      steps,
      seed: 5,
      ...more,
      ...(schedule && { schedule }),
      ...(strategy && { strategy }),
    };
    using whole = await createModel(net, { device, seed: 1, members });
    await whole.fit(data, options);
    using first = await createModel(net, { device, seed: 1, members });
    let resume: Checkpoint | undefined;
    for await (const { step } of first.train(data, { ...options, logInterval: { steps: cutAt } })) {
      if (step !== cutAt) continue;
      resume = structuredClone(first.checkpoint!);
      break;
    }
    using second = await createModel(net, { device, seed: 99, members });
    await second.fit(data, { ...options, resume });
    expect(await second.readParameters()).toEqual(await whole.readParameters());
    expect(timeless(second.checkpoint)).toEqual(timeless(whole.checkpoint));
    ran[name] = (ran[name] ?? 0) + 1;
  });
  await fc.assert(property, { numRuns: isFull ? 50 : 8, seed: 3, endOnFailure: true });
  console.log(JSON.stringify(ran));
}, 1_800_000);
