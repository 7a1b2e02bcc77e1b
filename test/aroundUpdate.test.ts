// What is done around an optimizer's update: clipping, penalties, decay groups and averages, on every strategy, against PyTorch and float64.

import { describe, expect, test } from "vitest";
import { strategyNames } from "../src/backend/executor.ts";
import {
  type ActivationName,
  acquire,
  adamW,
  createModel,
  dense,
  type Device,
  ema,
  embedding,
  layerNorm,
  network,
  sgd,
  swa,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import weighted from "./rowGolden/ema_sample_weights.json";
import { weightRangesOf } from "../src/graph/weightRanges.ts";
import { averageRate } from "../src/math/average.ts";
import { relativeDistance } from "./support/compare.ts";
import { dataOf } from "./support/nets.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainerGolden } from "./support/trainerGoldens.ts";
import { timeless } from "./support/timeless.ts";

const gpu = shareDevice();
const [reference, wasm] = [await acquire({ device: "reference" }), await acquire({ device: "wasm" })];

describe("PyTorch's float64 run with l1 and no decay on biases", () => {
  const golden = trainerGolden("l1 no decay on biases");
  const { network: net, data, steps, batchSize } = golden;
  const options = { optimizer: sgd({ learningRate: 0.1, weightDecay: 0.02 }), steps, batchSize, l1: 0.003 } as const;
  /** What the run's losses have in addition. */
  const penaltyOf = (parameters: ArrayLike<number>): number =>
    weightRangesOf(net)
      .flatMap(({ first, end }) => Array.from(parameters).slice(first, end))
      .reduce((sum, weight) => sum + 0.003 * Math.abs(weight), 0);

  test.each([
    ["the CPU reference", () => reference, "auto", 1e-9],
    ["WebAssembly", () => wasm, "auto", 1e-5],
    ["WebGPU", gpu, "members", 1e-5],
  ] as const)("is followed by %s", async (_, device, strategy, bound) => {
    using model = await createModel(net, { device: device(), parameters: Float64Array.from(golden.initialParameters) });
    const losses: number[] = [];
    let penalty = penaltyOf(golden.initialParameters);
    const training = { ...options, decay: "weights", logInterval: { steps: 1 }, strategy } as const;
    for await (const event of model.train(data, training)) {
      losses.push(event.losses[0]! + penalty);
      penalty = penaltyOf(await model.readParameters());
    }
    expect(relativeDistance(losses, golden.losses)).toBeLessThanOrEqual(bound);
    expect(relativeDistance(await model.readParameters(), golden.finalParameters)).toBeLessThanOrEqual(bound);
  });
});

test.each([
  ["the CPU reference", () => reference, 1e-9],
  ["WebAssembly", () => wasm, 1e-5],
] as const)(
  "PyTorch's float64 run with a moving average of weighted samples is followed by %s",
  async (_, device, bound) => {
    const golden = weighted;
    const layers = golden.layers.map(({ units, activation }) => dense(units, activation as ActivationName));
    using model = await createModel(network({ inputs: golden.inputs, layers, loss: "binaryCrossEntropy" }), {
      device: device(),
      parameters: Float64Array.from(golden.initialParameters),
    });
    const rows = {
      inputs: Float64Array.from(golden.x),
      targets: Float64Array.from(golden.targets),
      weights: Float64Array.from(golden.weights),
    };
    const { steps, batchSize, emaDecay } = golden;
    await model.fit(rows, { optimizer: sgd({ learningRate: 0.2 }), steps, batchSize, average: ema(emaDecay) });
    expect(relativeDistance(await model.readParameters(), golden.emaParameters)).toBeLessThanOrEqual(bound);
    expect(relativeDistance(model.checkpoint!.parameters, golden.finalParameters)).toBeLessThanOrEqual(bound);
  },
);

describe("PyTorch's float64 run with gradients clipped by norm", () => {
  const golden = trainerGolden("clipNorm");
  const { network: own, data: rows, steps, batchSize } = golden;
  const options = { optimizer: golden.createOptimizer(), clipNorm: golden.clipNorm!, steps, batchSize };

  test.each([
    ["the CPU reference", () => reference, "auto", 1e-9],
    ["WebAssembly", () => wasm, "auto", 1e-4],
    ["WebAssembly, layered", () => wasm, "layered", 1e-4],
    ["WebGPU", gpu, "members", 1e-4],
  ] as const)("is followed by %s", async (_, device, strategy, bound) => {
    using model = await createModel(own, { device: device(), parameters: Float64Array.from(golden.initialParameters) });
    const losses: number[] = [];
    for await (const event of model.train(rows, { ...options, strategy })) losses.push(...event.losses);
    expect(relativeDistance(losses, golden.losses)).toBeLessThanOrEqual(bound);
    expect(relativeDistance(await model.readParameters(), golden.finalParameters)).toBeLessThanOrEqual(bound);
  });

  test("has the norms of the gradients", async () => {
    using model = await createModel(own, {
      device: reference,
      parameters: Float64Array.from(golden.initialParameters),
    });
    const norms: number[] = [];
    const training = model.train(rows, { ...options, logInterval: { steps: 1 } });
    for (let step = 0; step < steps; step++) {
      const { gradients } = await model.trace(rows, options.optimizer);
      norms.push(Math.hypot(...gradients));
      await training.next();
    }
    await training.return();
    expect(relativeDistance(norms, golden.gradientNorms!)).toBeLessThan(1e-9);
    expect(norms.some((norm) => norm > options.clipNorm)).toBe(true);
  });
});

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(5, "relu"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const plain = {
  optimizer: adamW({ learningRate: 0.02, weightDecay: 0.3 }),
  batchSize: 8,
  seed: 5,
  steps: 20,
} as const satisfies TrainOptions;
const all = {
  ...plain,
  clipNorm: 0.3,
  clipValue: 0.05,
  l1: 0.002,
  decay: "weights",
  average: ema(0.9),
} as const satisfies TrainOptions;

async function trained(device: Device, options: TrainOptions, members = 3) {
  using model = await createModel(net, { device, seed: 1, members });
  const { validation } = await model.fit(data, { ...options, validation: data });
  return { parameters: await model.readParameters(), state: model.checkpoint!, validation };
}

test.each([
  ["clipNorm", { clipNorm: 0.1 }],
  ["clipValue", { clipValue: 0.05 }],
  ["l1", { l1: 0.01 }],
  ["decay", { decay: "weights" }],
  ["average", { average: ema(0.9) }],
] as const)("%s alone changes what is trained", async (_, own) => {
  const [without, withOwn] = [await trained(reference, plain), await trained(reference, { ...plain, ...own })];
  expect(relativeDistance(withOwn.parameters, without.parameters)).toBeGreaterThan(1e-3);
});

const wanted = trained(reference, all);
const places: [string, () => Device, TrainOptions, number][] = [
  ["WebAssembly, members", () => wasm, {}, 3],
  ["WebAssembly, samples", () => wasm, {}, 1],
  ["WebAssembly, layered", () => wasm, { strategy: "layered" }, 3],
  ...strategyNames.map((strategy): [string, () => Device, TrainOptions, number] => [strategy, gpu, { strategy }, 3]),
];
for (const [name, device, options, members] of places) {
  testOf(name === "members" || name.startsWith("Web"))(
    `${name}: all of it follows float64, averages and all`,
    async () => {
      const own = await trained(device(), { ...all, ...options }, members);
      const truth = members === 3 ? await wanted : await trained(reference, all, 1);
      expect(own.state.moments).toHaveLength(3 * members * net.parameterCount);
      expect(relativeDistance(own.parameters, truth.parameters)).toBeLessThan(1e-5);
      expect(relativeDistance(own.state.parameters, truth.state.parameters)).toBeLessThan(1e-5);
      expect(relativeDistance(own.validation!.losses, truth.validation!.losses)).toBeLessThan(1e-5);
      expect(own.parameters).toEqual(own.state.moments.slice(-own.parameters.length));
    },
  );
}

test.each([
  ["reference", () => reference, "auto"],
  ["WebAssembly", () => wasm, "auto"],
  ["WebGPU", gpu, "members"],
] as const)("%s: a resumed training gives the same bits, parameters and averages", async (_, device, strategy) => {
  const options = { ...all, average: swa({ start: 5, every: 3 }), strategy };
  using model = await createModel(net, { device: device(), seed: 1, members: 2 });
  await model.fit(data, options);
  const [whole, state] = [await model.readParameters(), model.checkpoint!];
  using other = await createModel(net, { device: device(), seed: 1, members: 2 });
  await other.fit(data, { ...options, steps: 9 });
  await other.fit(data, { ...options, resume: other.checkpoint });
  expect(await other.readParameters()).toEqual(whole);
  expect(timeless(other.checkpoint)).toEqual(timeless(state));
  expect(relativeDistance(whole, state.parameters)).toBeGreaterThan(1e-4);
});

test("averages are means of what the steps left", async () => {
  const steps = 12;
  const { average: _, ...others } = all;
  using model = await createModel(net, { device: reference, seed: 1 });
  const left: Float64Array[] = [Float64Array.from(await model.readParameters())];
  for await (const { step } of model.train(data, { ...others, steps, logInterval: { steps: 1 } }))
    left[step] = Float64Array.from(await model.readParameters());
  const averaged = async (average: NonNullable<TrainOptions["average"]>) => {
    using own = await createModel(net, { device: reference, seed: 1 });
    await own.fit(data, { ...others, steps, average, logInterval: { steps: 5 } });
    return own.readParameters();
  };
  const meanOf = (rows: readonly Float64Array[]): Float64Array =>
    left[0]!.map((__, at) => rows.reduce((sum, row) => sum + row[at]!, 0) / rows.length);
  const moving = left
    .slice(1)
    .reduce((before, now) => before.map((value, at) => 0.8 * value + 0.2 * now[at]!), left[0]!);
  expect(relativeDistance(await averaged(ema(0.8)), moving)).toBeLessThan(1e-14);
  const chosen = meanOf([left[5]!, left[8]!, left[11]!]);
  expect(relativeDistance(await averaged(swa({ start: 5, every: 3 })), chosen)).toBeLessThan(1e-14);
  expect(relativeDistance(await averaged(swa({ start: 0 })), meanOf(left))).toBeLessThan(1e-14);
  expect(relativeDistance(await averaged(swa({ start: 12 })), left[12]!)).toBeLessThan(1e-14);
});

test("between events steps continue from what was trained, whatever is validated", async () => {
  const losses = async (device: Device, options: TrainOptions) => {
    using model = await createModel(net, { device, seed: 1 });
    const told: number[] = [];
    for await (const event of model.train(data, { ...all, ...options })) told.push(...event.losses);
    return told;
  };
  for (const device of [reference, wasm]) {
    const wantedLosses = await losses(device, { average: undefined } as never);
    expect(await losses(device, { logInterval: { steps: 1 }, validation: data })).toEqual(wantedLosses);
    expect(wantedLosses).toHaveLength(plain.steps);
  }
});

test("rates of averages are numbers of the step", () => {
  expect([0, 1, 9].map((step) => averageRate(ema(0.75), step))).toEqual([0.25, 0.25, 0.25]);
  const rates = Array.from({ length: 8 }, (_, step) => averageRate(swa({ start: 2, every: 2 }), step));
  expect(rates).toEqual([1, 1, 0, 1 / 2, 0, 1 / 3, 0, 1 / 4]);
});

const mixed = network({
  inputs: 3,
  layers: [embedding({ column: 2, categories: 4, width: 2 }), dense(5, "tanh"), layerNorm(), dense(1)],
  loss: "meanSquaredError",
});
const mixedData = {
  inputs: Float32Array.from({ length: 3 * 24 }, (_, at) => (at % 3 === 2 ? at % 4 : Math.sin(at))),
  targets: Float32Array.from({ length: 24 }, (_, at) => Math.cos(3 * at)),
  categoryColumns: [2],
};

test("weights and tables are what decays; biases, scales and shifts are not", async () => {
  using model = await createModel(mixed, {
    device: reference,
    parameters: new Float64Array(mixed.parameterCount).fill(0.5),
  });
  const rows = { ...mixedData, targets: new Float32Array(24) };
  const options = { optimizer: sgd({ learningRate: 1e-20, weightDecay: 1e19 }), steps: 1, decay: "weights" } as const;
  await model.fit(rows, options);
  const moved = Array.from(await model.readParameters(), (value) => value !== 0.5);
  const table = 4 * 2;
  const first = (2 + 2) * 5;
  const all5 = (count: number, isMoved: boolean): boolean[] => Array<boolean>(count).fill(isMoved);
  expect(moved).toEqual([
    ...all5(table, true),
    ...all5(first, true),
    ...all5(5, false),
    ...all5(10, false),
    ...all5(5, true),
    ...all5(1, false),
  ]);
});

test.each([
  ["WebAssembly", () => wasm],
  ["WebGPU", gpu],
] as const)("%s: groups of a network with tables and norms follow float64", async (_, device) => {
  const train = async (on: Device) => {
    using model = await createModel(mixed, { device: on, seed: 2 });
    await model.fit(mixedData, { ...all, steps: 15 });
    return model.readParameters();
  };
  expect(relativeDistance(await train(device()), await train(reference))).toBeLessThan(1e-5);
});

test.each([
  ["reference", () => reference, "auto"],
  ["WebAssembly, members", () => wasm, "auto"],
  ["WebAssembly, layered", () => wasm, "layered"],
  ["WebGPU", gpu, "members"],
] as const)(
  "%s: a member that diverges leaves finite averages, and the others are unaffected",
  async (_, device, strategy) => {
    const perMember = { learningRate: [0.02, 1e30, 0.03] };
    const options = { ...all, optimizer: sgd({ learningRate: 0.1 }), decay: "all", strategy, perMember } as const;
    using model = await createModel(net, { device: device(), seed: 1, members: 3 });
    const { diverged } = await model.fit(data, { ...options, clipValue: 1e30 });
    expect(diverged).toBe(1);
    const parameters = await model.readParameters();
    expect(Array.from(parameters).every(Number.isFinite)).toBe(true);
    expect(Array.from(model.checkpoint!.moments).every(Number.isFinite)).toBe(true);
  },
);

test("a training with averages verifies, and one of another average does not", async () => {
  using model = await createModel(net, { device: wasm, seed: 1 });
  const initialParameters = await model.readParameters();
  await model.fit(data, all);
  expect((await verifyTraining(model, { initialParameters, data, options: all })).passed).toBe(true);
  const other = { ...all, average: ema(0.91) };
  expect((await verifyTraining(model, { initialParameters, data, options: other })).passed).toBe(false);
});

test.each<[string, object, RegExp]>([
  ["a norm of 0", { clipNorm: 0 }, /train: clipNorm: expected a number above 0, got 0/],
  ["a clip value of 0", { clipValue: 0 }, /train: clipValue: expected a number above 0, got 0/],
  ["a penalty below 0", { l1: -1 }, /train: l1: expected a number above 0, got -1/],
  ["another decay", { decay: "biases" }, /train: decay: expected "all" or "weights", got biases/],
  [
    "a decay of 1",
    { average: { name: "ema", decay: 1 } },
    /train: average: ema: expected a decay from 0 to below 1, got 1/,
  ],
  ["no average", { average: 0.9 }, /train: average: expected an average, got 0.9; pass ema/],
  ["a word that is none", { average: { name: "swa", start: 1.5, every: 1 } }, /swa: start: expected an integer from 0/],
])("%s is refused", async (_, own, message) => {
  using model = await createModel(net, { device: reference });
  await expect(model.fit(data, { steps: 1, ...own })).rejects.toThrow(message);
});

/** A network whose gradients are of any size: those of the first weights are the errors times inputs of up to 1e25. */
const line = network({ inputs: 2, layers: [dense(3), dense(1)], loss: "meanSquaredError" });
const huge = {
  inputs: Float32Array.from({ length: 2 * 8 }, (_, at) => 1e12 * Math.sin(1 + at)),
  targets: Float32Array.from({ length: 8 }, (_, at) => 1e12 * Math.cos(at)),
};

test.each([
  ["reference", () => reference, "auto", 3],
  ["WebAssembly, members", () => wasm, "auto", 3],
  ["WebAssembly, samples", () => wasm, "auto", 1],
  ["WebAssembly, layered", () => wasm, "layered", 3],
  ["members", gpu, "members", 3],
  ["groups", gpu, "groups", 3],
  ["samples", gpu, "samples", 3],
] as const)(
  "%s: a norm whose square overflows float32 is clipped like any other",
  async (_, device, strategy, members) => {
    const options = {
      optimizer: sgd({ learningRate: 0.5 }),
      clipNorm: 0.25,
      steps: 1,
      batchSize: 8,
      strategy,
    } as const;
    using model = await createModel(line, { device: device(), seed: 4, members });
    const before = await model.readParameters();
    const { gradients } = await model.trace(huge, options.optimizer);
    const largest = Math.max(...Array.from(gradients, Math.abs));
    expect(largest).toBeGreaterThan(2 ** 64);
    expect(largest).toBeLessThan(3e38);
    const { diverged } = await model.fit(huge, options);
    expect(diverged).toBe(0);
    const after = await model.readParameters();
    const count = line.parameterCount;
    for (let member = 0; member < members; member++) {
      const own = gradients.subarray(member * count, (member + 1) * count);
      const norm = Math.hypot(...own);
      const wantedStep = Float64Array.from(own, (gradient) => (-0.5 * 0.25 * gradient) / norm);
      const step = wantedStep.map((__, at) => after[member * count + at]! - before[member * count + at]!);
      expect(relativeDistance(step, wantedStep)).toBeLessThan(1e-5);
    }
  },
);

test("clipping by norm is one dispatch more where an update is one, and none where steps are whole", async () => {
  using model = await createModel(net, { device: gpu(), members: 2 });
  for (const strategy of strategyNames) {
    const options = { ...plain, strategy };
    const [without, withClip] = [await model.plan(data, options), await model.plan(data, { ...options, clipNorm: 1 })];
    const isApart = ["layered", "samples", "tiles"].includes(strategy);
    expect(withClip.kernels.length - without.kernels.length).toBe(isApart ? 1 : 0);
    expect(withClip.bytes - without.bytes).toBe(isApart ? 2 * 8 + 16 : 0);
  }
});
