// Populations: members with seeds, settings and data of their own, how they fared, and what to do with them.

import { expect, test } from "vitest";
import { ReferenceDevice } from "../src/backend/cpu/device.ts";
import { RecoveringExecutor } from "../src/backend/recoveringExecutor.ts";
import { batchAt, rowsOf } from "../src/backend/batches.ts";
import type { Dataset, Executor, FloatArray, StrategyName, TrainingRun } from "../src/backend/executor.ts";
import {
  acquire,
  adam,
  adamW,
  bestMembers,
  createModel,
  dense,
  type Device,
  initialize,
  type Model,
  network,
  type Optimizer,
  rmsProp,
  sgd,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import { planTraining } from "../src/model/options.ts";
import { Trainer } from "../src/model/trainer.ts";
import { dataOf } from "./support/nets.ts";
import { testInFull } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const devices: [string, () => Device][] = [
  ["reference", () => cpu],
  ["GPU", gpu],
];
/** Strategies of training; the reference takes any for its own. */
const strategies: readonly StrategyName[] = ["layered", "members", "samples"];
const pathsOf = (device: Device): readonly StrategyName[] => (device.kind === "reference" ? ["layered"] : strategies);

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const classes = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
const data = dataOf(net, 40, 1);
const size = net.parameterCount;
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });
/** Anything, as a caller without types might pass it. */
const any = (value: unknown) => value as never;

/** Parameters of one member. */
const part = (parameters: FloatArray, member: number): number[] =>
  Array.from(parameters.subarray(member * size, (member + 1) * size));

/** Trains a new model, reads what came of it and frees it. */
async function trained(device: Device, options: TrainOptions, model: { seed?: number | number[]; members?: number }) {
  using own = await createModel(net, { device, ...model });
  const { results } = await own.fit(data, options);
  return { parameters: await own.readParameters(), results };
}

test.each(devices)("%s: members start from the seeds listed, as single models would", async (_, device) => {
  const seeds = [7, 3, 7, 2 ** 40];
  using model = await createModel(net, { device: device(), seed: seeds });
  expect(model.members).toBe(4);
  const parameters = await model.readParameters();
  for (const [member, seed] of seeds.entries()) {
    using single = await createModel(net, { device: device(), seed });
    expect(part(parameters, member)).toEqual(part(await single.readParameters(), 0));
  }
  expect(initialize(net, { seed: Float64Array.of(5, 6), members: 2 })).toEqual(
    initialize(net, { seed: 5, members: 2 }),
  );
  const wrong = { device: device(), seed: [1, 2, 3], members: 2 };
  await expect(createModel(net, wrong)).rejects.toEqual(invalid(/^initialize: seed: .*2 values.*got 3 values/));
  await expect(createModel(net, { device: device(), seed: [1, -1] })).rejects.toEqual(invalid(/seed\[1\]: .*got -1/));
  await expect(createModel(net, { device: device(), seed: [] })).rejects.toEqual(invalid(/members/));
  await expect(createModel(net, { device: device(), seed: any(null) })).rejects.toEqual(invalid(/members/));
  await expect(createModel(net, { device: device(), seed: any("1") })).rejects.toEqual(invalid(/seed/));
});

testInFull.each(devices)(
  "%s: a member that is picked predicts as it did, and several as they did",
  async (_, device) => {
    using model = await createModel(net, { device: device(), members: 5, seed: 11 });
    await model.fit(data, { optimizer: sgd({ learningRate: 0.1 }), steps: 5 });
    const parameters = await model.readParameters();
    const outputs = await model.predict(data.inputs);
    const length = data.targets.length;
    using one = await model.pick(3);
    using three = await model.pick([4, 0, 3]);
    expect([one.members, three.members]).toEqual([1, 3]);
    expect(await one.readParameters()).toEqual(parameters.slice(3 * size, 4 * size));
    expect(await one.predict(data.inputs)).toEqual(outputs.slice(3 * length, 4 * length));
    for (const [place, member] of [4, 0, 3].entries()) {
      expect(part(await three.readParameters(), place)).toEqual(part(parameters, member));
    }
    expect((await three.predict(data.inputs)).slice(0, length)).toEqual(outputs.slice(4 * length));
    await one.fit(data, { optimizer: sgd(), steps: 3 }); // it is a model like any other, and the population stays
    expect(await model.readParameters()).toEqual(parameters);
    for (const wrong of [5, -1, 1.5, "0", [], [1, 1], [0, 5], null]) {
      await expect(model.pick(any(wrong))).rejects.toEqual(invalid(/^pick: member: expected .+, got .+; .+/));
    }
  },
);

test.each(devices)("%s: members far apart are read in several reads, and come in their order", async (_, device) => {
  // 2 members fill a read
  const wide = network({ inputs: 600, layers: [dense(600)], loss: "squaredError" });
  const parameters = new Float32Array(6 * wide.parameterCount).map((_, at) => Math.floor(at / wide.parameterCount));
  using model = await createModel(wide, { device: device(), members: 6, parameters });
  using chosen = await model.pick([5, 0, 3, 1]);
  const firsts = await chosen.readParameters();
  expect([0, 1, 2, 3].map((place) => firsts[place * wide.parameterCount])).toEqual([5, 0, 3, 1]);
  expect(firsts.at(-1)).toBe(1);
  using average = await model.average();
  expect((await average.readParameters()).every((value) => value === 2.5)).toBe(true);
});

test.each(devices)("%s: the average is the mean of the parameters", async (kind, device) => {
  using model = await createModel(net, { device: device(), members: 4, seed: 2 });
  const parameters = await model.readParameters();
  for (const chosen of [undefined, [3, 1]]) {
    using average = await model.average(chosen);
    const members = chosen ?? [0, 1, 2, 3];
    const wanted = part(parameters, 0).map((_, at) => {
      const sum = members.toSorted().reduce((total, member) => total + parameters[member * size + at]!, 0);
      return kind === "GPU" ? Math.fround(sum / members.length) : sum / members.length;
    });
    expect(average.members).toBe(1);
    expect(part(await average.readParameters(), 0)).toEqual(wanted);
  }
  await expect(model.average([])).rejects.toEqual(invalid(/^average: member: .*none/));
  await expect(model.average([4])).rejects.toEqual(invalid(/from 0 to 3, got 4/));
});

test.each(devices)("%s: an ensemble is the mean and spread of what its members predict", async (_, device) => {
  for (const whole of [classes, net]) {
    using model = await createModel(whole, { device: device(), members: 5, seed: 3 });
    const { inputs } = dataOf(whole, 7, 2);
    const each = await model.predict(inputs);
    const length = 7 * whole.outputs;
    for (const members of [undefined, [4, 0, 2], [1]]) {
      const { mean, spread } = await model.predictEnsemble(inputs, members && { members });
      const chosen = members ?? [0, 1, 2, 3, 4];
      expect([mean.length, spread.length]).toEqual([length, length]);
      for (let at = 0; at < length; at++) {
        const values = chosen.map((member) => each[member * length + at]!);
        const average = values.reduce((sum, value) => sum + value, 0) / values.length;
        const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
        expect(mean[at]).toBeCloseTo(average, 14);
        expect(spread[at]).toBeCloseTo(Math.sqrt(variance), 14);
      }
    }
    await expect(model.predictEnsemble(inputs, { members: [5] })).rejects.toEqual(invalid(/^predictEnsemble: member/));
    await expect(model.predictEnsemble(inputs.subarray(1))).rejects.toEqual(invalid(/^predictEnsemble: inputs/));
    await expect(model.predictEnsemble(inputs, any({ member: 1 }))).rejects.toEqual(invalid(/got member;/));
  }
});

test("GPU: an ensemble of many outputs is taken in chunks of rows", async () => {
  const wide = network({ inputs: 1, layers: [dense(4, "sigmoid")], loss: "squaredError" });
  using model = await createModel(wide, { device: gpu(), members: 1024, seed: 1 });
  const inputs = Float32Array.from({ length: 1500 }, (_, at) => Math.sin(at)); // 1,024 rows are a chunk
  const { mean, spread } = await model.predictEnsemble(inputs);
  for (const row of [0, 1023, 1024, 1499]) {
    const alone = await model.predictEnsemble(inputs.subarray(row, row + 1));
    expect(mean.slice(4 * row, 4 * row + 4)).toEqual(alone.mean);
    expect(spread.slice(4 * row, 4 * row + 4)).toEqual(alone.spread);
  }
});

test("bestMembers names the least finite values", () => {
  const values = Float64Array.of(3, Number.NaN, 1, Number.POSITIVE_INFINITY, 2, 1);
  expect(bestMembers(values)).toEqual([2]);
  expect(bestMembers(values, 3)).toEqual([2, 5, 4]);
  expect(bestMembers(values, 99)).toEqual([2, 5, 4, 0]);
  expect(bestMembers([Number.NaN])).toEqual([]);
  expect(() => bestMembers(values, 0)).toThrow(invalid(/^bestMembers: count/));
});

testInFull.each(devices)("%s: results are what the losses step by step say", async (_, device) => {
  for (const strategy of pathsOf(device())) {
    using model = await createModel(net, { device: device(), members: 3, seed: 4 });
    expect(model.results).toBeUndefined();
    const losses: number[] = [];
    const optimizer = sgd({ learningRate: 0.5, momentum: 0.9 });
    const options = { optimizer, steps: 30, batchSize: 8, logInterval: { steps: 7 }, strategy };
    for await (const event of model.train(data, options)) losses.push(...event.losses);
    const { finalLosses, bestLosses, bestSteps, nonFiniteSteps } = model.results!;
    for (let member = 0; member < 3; member++) {
      const own = losses.filter((_, at) => at % 3 === member);
      expect(own).toHaveLength(30);
      expect(finalLosses[member]).toBe(own[29]);
      expect(bestLosses[member]).toBe(Math.min(...own));
      expect(bestSteps[member]).toBe(own.indexOf(Math.min(...own)));
      expect(nonFiniteSteps[member]).toBe(-1);
    }
    const fit = await model.fit(data, options);
    expect(fit.results).toBe(model.results);
  }
});

test.each(devices)("%s: results are there after an abort and a loop left early", async (_, device) => {
  using model = await createModel(net, { device: device(), members: 2, seed: 4 });
  const options = { optimizer: sgd({ learningRate: 0.1 }), steps: 1e9, logInterval: { steps: 10 } };
  const controller = new AbortController();
  const aborted = (async () => {
    let last: FloatArray = new Float32Array();
    const reason = new Error("enough");
    try {
      for await (const { losses, step } of model.train(data, { ...options, signal: controller.signal })) {
        last = losses.slice(-2);
        if (step === 20) controller.abort(reason);
      }
    } catch (error) {
      expect(error).toBe(reason);
    }
    return last;
  })();
  expect(Array.from(await aborted)).toEqual(Array.from(model.results!.finalLosses));
  const first = model.results;
  for await (const { step } of model.train(data, options)) if (step === 20) break;
  expect(model.results).not.toBe(first);
  expect(model.results!.bestSteps.every((step) => step >= 0 && step < 20)).toBe(true);
});

const steep = sgd({ learningRate: 0.1 });
const rates = [0.1, 0.02, 1e30, 0.3];

test.each(devices)("%s: a member that diverges freezes, and the others continue as without it", async (_, device) => {
  const linear = network({ inputs: 3, layers: [dense(6), dense(2)], loss: "meanSquaredError" });
  const own = linear.parameterCount;
  for (const strategy of pathsOf(device())) {
    const options = { optimizer: steep, steps: 200, batchSize: 16, logInterval: { steps: 50 }, strategy };
    const without = rates.filter((rate) => rate < 1);
    using model = await createModel(linear, { device: device(), seed: [1, 2, 3, 4] });
    using others = await createModel(linear, { device: device(), seed: [1, 2, 4] });
    const fit = await model.fit(data, { ...options, perMember: { learningRate: rates } });
    await others.fit(data, { ...options, perMember: { learningRate: without } });
    expect(fit.diverged).toBe(1);
    expect(Number.isFinite(fit.loss)).toBe(true);
    const { nonFiniteSteps, finalLosses, bestSteps } = fit.results;
    expect(Array.from(nonFiniteSteps, (step) => step >= 0)).toEqual([false, false, true, false]);
    expect(nonFiniteSteps[2]).toBeLessThan(50);
    expect(finalLosses[2]).toBeNaN();
    expect(bestSteps[2]).toBeLessThanOrEqual(nonFiniteSteps[2]!);
    const parameters = await model.readParameters();
    const wanted = await others.readParameters();
    expect(parameters.every(Number.isFinite)).toBe(true);
    expect(parameters.slice(0, 2 * own)).toEqual(wanted.slice(0, 2 * own));
    expect(parameters.slice(3 * own)).toEqual(wanted.slice(2 * own));
    using frozen = await model.pick(2); // its parameters are finite: it can be looked at
    const training = frozen.fit(data, { ...options, perMember: { learningRate: [1e30] } });
    await expect(training).rejects.toMatchObject({ code: "NON_FINITE" });
    expect(frozen.results!.nonFiniteSteps[0]).toBeGreaterThanOrEqual(0);
    const both = model.fit(data, { ...options, perMember: { learningRate: [1e30, 1e30, 1e29, 1e30] } });
    await expect(both).rejects.toThrow(/it is from 1e\+29 to 1e\+30/);
  }
});

const settings: [string, Optimizer, (member: number) => Partial<Optimizer>][] = [
  ["learning rates of sgd", sgd(), (r) => ({ learningRate: 0.02 * (r + 1) })],
  ["momentums of sgd", sgd({ momentum: 0.5, nesterov: true }), (r) => ({ momentum: 0.3 * (r + 1) })],
  ["weight decays of adam", adam(), (r) => ({ learningRate: 0.01 / (r + 1), weightDecay: 0.1 * (r + 1) })],
  ["learning rates and decays of adamW", adamW(), (r) => ({ learningRate: 0.01 * (r + 1), weightDecay: 0.3 * r })],
  ["everything of rmsProp", rmsProp({ momentum: 0.1 }), (r) => ({ learningRate: 0.01, momentum: 0.2 * (r + 1) })],
];

test.each(devices)("%s: a member with settings of its own trains as a single model with them", async (_, device) => {
  for (const strategy of pathsOf(device())) {
    for (const [name, optimizer, own] of settings) {
      const options = { steps: 25, batchSize: 16, strategy };
      const members = [0, 1, 2].map(own);
      const perMember = {
        ...(members[0]!.learningRate !== undefined && { learningRate: members.map((each) => each.learningRate!) }),
        ...(members[0]!.momentum !== undefined && { momentum: members.map((each) => each.momentum!) }),
        ...(members[0]!.weightDecay !== undefined && { weightDecay: members.map((each) => each.weightDecay!) }),
      };
      const all = await trained(device(), { ...options, optimizer, perMember }, { seed: 5, members: 3 });
      for (const [member, changed] of members.entries()) {
        const alone = { ...optimizer, ...changed };
        const single = await trained(device(), { ...options, optimizer: alone }, { seed: 5 + member });
        expect(part(all.parameters, member), `${name}, member ${member}`).toEqual(part(single.parameters, 0));
      }
    }
  }
});

testInFull.each(devices)("%s: members with seeds of their own take rows as single models would", async (_, device) => {
  for (const strategy of pathsOf(device())) {
    for (const bootstrap of [false, true]) {
      const options = { optimizer: sgd({ learningRate: 0.1 }), steps: 20, batchSize: 16, bootstrap, strategy };
      const seeds = [3, 2 ** 35 + 1, 3];
      const all = await trained(device(), { ...options, perMember: { seed: seeds } }, { seed: [1, 1, 1] });
      for (const [member, seed] of seeds.entries()) {
        const single = await trained(device(), { ...options, seed }, { seed: 1 });
        expect(part(all.parameters, member), `member ${member}`).toEqual(part(single.parameters, 0));
      }
      expect(part(all.parameters, 0)).toEqual(part(all.parameters, 2));
      expect(part(all.parameters, 0)).not.toEqual(part(all.parameters, 1));
    }
  }
});

/** The rows of a bootstrap sample, one behind the other. */
function sampleOf(seed: number): Dataset {
  const rows = rowsOf(batchAt({ data, optimizer: sgd(), batchSize: 40, shuffle: false, seed, bootstrap: true }, 40, 0));
  const take = (values: FloatArray, width: number): Float32Array =>
    Float32Array.from({ length: 40 * width }, (_, at) => values[rows[Math.floor(at / width)]! * width + (at % width)]!);
  return { inputs: take(data.inputs, 3), targets: take(data.targets, 2) };
}

testInFull.each(devices)("%s: a bootstrap sample is as many rows drawn with replacement", async (_, device) => {
  const sample = sampleOf(6);
  const distinct = new Set(Array.from({ length: 40 }, (_, row) => sample.inputs[3 * row]));
  expect(distinct.size).toBeGreaterThan(17); // 63 % of 40 are 25, give or take 2
  expect(distinct.size).toBeLessThan(34);
  for (const strategy of pathsOf(device())) {
    const options = { optimizer: adam({ learningRate: 0.01 }), steps: 10, batchSize: 40, strategy };
    using drawn = await createModel(net, { device: device(), seed: 1, members: 2 });
    using given = await createModel(net, { device: device(), seed: 1, members: 2 });
    await drawn.fit(data, { ...options, seed: 6, bootstrap: true });
    await given.fit(sample, options);
    expect(await drawn.readParameters()).toEqual(await given.readParameters());
  }
});

test("GPU: a population with settings of its own is verified in float64", async () => {
  const options = {
    optimizer: adam(),
    steps: 12,
    batchSize: 16,
    bootstrap: true,
    perMember: { learningRate: [0.01, 0.001], seed: [4, 9] },
  };
  using model = await createModel(net, { device: gpu(), seed: [8, 1] });
  const initialParameters = await model.readParameters();
  await model.fit(data, options);
  expect(await verifyTraining(model, { initialParameters, data, options })).toMatchObject({ passed: true });
  const wrong = { ...options, perMember: { ...options.perMember, seed: [4, 8] } };
  expect(await verifyTraining(model, { initialParameters, data, options: wrong })).toMatchObject({ passed: false });
});

const badOptions: [string, object, RegExp][] = [
  ["one learning rate too few", { perMember: { learningRate: [1, 2] } }, /perMember\.learningRate: .*got 2 values/],
  [
    "a learning rate that is none",
    { perMember: { learningRate: [1, 2, -3] } },
    /^train: perMember\.learningRate\[2\]: /,
  ],
  ["a text among the rates", { perMember: { learningRate: [1, "2", 3] } }, /learningRate\[1\]/],
  ["a number for a list", { perMember: { learningRate: 0.1 } }, /perMember\.learningRate: .*got number/],
  ["a momentum of 1", { perMember: { momentum: [0, 0.5, 1] } }, /momentum\[2\]: .*got 1/],
  ["a weight decay that is NaN", { perMember: { weightDecay: [0, Number.NaN, 1] } }, /weightDecay\[1\]: .*got NaN/],
  ["half a seed", { perMember: { seed: [0, 1, 2.5] } }, /seed\[2\]: .*got 2\.5/],
  ["an unknown list", { perMember: { rate: [1, 2, 3] } }, /^train: perMember: .*got rate/],
  ["no lists at all", { perMember: null }, /^train: perMember: /],
  [
    "momentums for adam",
    { optimizer: adam(), perMember: { momentum: [0, 0, 0] } },
    /momentum: .*got adam;.*sgd or rmsProp/,
  ],
  ["a bootstrap that is no boolean", { bootstrap: 1 }, /^train: bootstrap: /],
  ["an unknown strategy", { strategy: "fused" }, /^train: strategy: .*layered.*got "?fused/],
];
test.each(badOptions)("training refuses %s", async (_, wrong, message) => {
  for (const [, device] of devices) {
    using model = await createModel(net, { device: device(), members: 3 });
    const options = any({ optimizer: sgd(), steps: 1, ...wrong });
    await expect(model.fit(data, options)).rejects.toEqual(invalid(message));
    await expect(model.plan(data, options)).rejects.toThrow(invalid(message));
  }
});

test("a training keeps the lists it was given", async () => {
  const rate = [0.1, 0.2];
  const { settings } = await planTraining(
    net,
    data,
    { optimizer: sgd(), steps: 1, perMember: { learningRate: rate } },
    2,
  );
  rate[0] = 9;
  expect(settings.perMember!.learningRate![0]).toBe(0.1);
});

/** A run that notes what it is handed, for members whose losses are the numbers of the steps. */
function fakeRun(members: number, sizes: { ringSteps: number; leastSteps: number }) {
  const calls: [number, number][] = [];
  const reads: [number, number][] = [];
  const some = new Float64Array(members);
  const run = {
    ...sizes,
    execute: async (first: number, count: number) => void calls.push([first, count]),
    finished: async () => {},
    readLosses: async (first: number, count: number) => {
      reads.push([first, count]);
      return Float64Array.from({ length: count * members }, (_, at) => first + Math.floor(at / members));
    },
    readNonFinite: async () => new Float64Array(members).fill(-1),
    readResults: async () => ({ finalLosses: some, bestLosses: some, bestSteps: some, nonFiniteSteps: some }),
    readCheckpoint: async (step: number) => ({
      step,
      parameters: some,
      moments: some,
      bestLosses: some,
      bestSteps: some,
      nonFiniteSteps: new Float64Array(members).fill(-1),
    }),
    setLearningRate: () => {},
    stop: () => {},
    dispose: () => {},
  } satisfies TrainingRun;
  const fake = { network: net, members, readParameters: async () => some } as unknown as Executor;
  const device = new ReferenceDevice("a test");
  const executor = new RecoveringExecutor({ device, network: net, members, recovers: false }, fake);
  return { run, executor, calls, reads };
}

async function eventsOf(
  members: number,
  sizes: { ringSteps: number; leastSteps: number },
  logInterval: { steps: number },
) {
  const { run, executor, calls, reads } = fakeRun(members, sizes);
  const plan = await planTraining(net, data, { optimizer: sgd(), steps: 100, logInterval }, members);
  const events = [];
  for await (const event of new Trainer(executor, run, plan).events()) events.push(event);
  return { calls, reads, events };
}

test("at least leastSteps are submitted at once, but none beyond an event or the ring", async () => {
  const { calls } = await eventsOf(2, { ringSteps: 30, leastSteps: 16 }, { steps: 40 });
  expect(calls[0]).toEqual([0, 16]);
  expect(
    calls.every(([first, count]) => count <= 30 && Math.floor(first / 40) === Math.floor((first + count - 1) / 40)),
  ).toBe(true);
  expect(calls.reduce((sum, [, count]) => sum + count, 0)).toBe(100);
  expect(calls.every(([first, count]) => count >= 16 || (first + count) % 40 === 0 || first + count === 100)).toBe(
    true,
  );
  const capped = await eventsOf(2, { ringSteps: 8, leastSteps: 64 }, { steps: 40 });
  expect(capped.calls.every(([, count]) => count <= 8)).toBe(true);
});

test("all losses of a few members are reported, for a large population only those of the newest steps", async () => {
  const few = await eventsOf(1024, { ringSteps: 8, leastSteps: 8 }, { steps: 50 });
  expect(few.events.map(({ losses }) => losses.length / 1024)).toEqual([50, 50]);
  expect(few.events[1]!.losses[49 * 1024]).toBe(99);
  const many = await eventsOf(1025, { ringSteps: 8, leastSteps: 8 }, { steps: 50 });
  expect(many.events.map(({ losses }) => losses.length / 1025)).toEqual([8, 8]);
  expect(many.events[0]!.losses[0]).toBe(42);
  expect(many.events[0]!.loss).toBe(45.5);
  expect(many.reads).toEqual([
    [42, 8],
    [92, 8],
  ]);
});

test.each(devices)("%s: the library page's example of a population", async (_, device) => {
  const heldOut = dataOf(net, 10, 2);
  const models: Model[] = [];
  const population = await createModel(net, { device: device(), members: 64, seed: 1 });
  const learningRate = Array.from({ length: 64 }, (_, member) => 1e-3 * 10 ** (member / 32));
  await population.fit(data, { optimizer: adam(), epochs: 5, perMember: { learningRate } });
  const { losses } = await population.evaluate(heldOut);
  const best = bestMembers(losses, 5);
  const winner = await population.pick(best[0]!);
  const { mean, spread } = await population.predictEnsemble(heldOut.inputs, { members: best });
  models.push(population, winner);
  expect((await winner.evaluate(heldOut)).loss).toBeCloseTo(losses[best[0]!]!, 6); // summed in float64, the others in float32
  expect([mean.length, spread.length]).toEqual([20, 20]);
  for (const model of models) model.dispose();
});
