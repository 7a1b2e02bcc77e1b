// Learning rates that are reduced between events: every member by its own validation, as PyTorch's ReduceLROnPlateau.

import { expect, test } from "vitest";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../src/data.ts";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  cosine,
  dense,
  type Device,
  ema,
  type FloatArray,
  type Model,
  network,
  type Progress,
  type ReduceOnPlateau,
  sgd,
  type StrategyName,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import { Plateaus } from "../src/model/plateaus.ts";
import { plateauRule } from "../src/model/reduceOnPlateau.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf } from "./support/nets.ts";
import { createUniform } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainingPlaces } from "./support/trainingPlaces.ts";
import { timeless } from "./support/timeless.ts";

const gpu = shareDevice();
const reference = await acquire({ device: "reference" });
const wasm = await acquire({ device: "wasm" });
const places = trainingPlaces({ reference, wasm, gpu });

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const validation = dataOf(net, 20, 2);
const any = (value: unknown) => value as never;
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });

/**
 * ReduceLROnPlateau of PyTorch 2.5, copied line by line from torch/optim/lr_scheduler.py (`step`, `is_better`, `_reduce_lr`) for one group:
 * there is no PyTorch where the tests run, so this is where the values that are expected come from.
 */
class TorchReduceOnPlateau {
  lr: number;
  best: number;
  num_bad_epochs = 0;
  cooldown_counter = 0;
  readonly mode: "min" | "max";
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly threshold_mode: "rel" | "abs";
  readonly cooldown: number;
  readonly min_lr: number;
  readonly eps: number;

  constructor(lr: number, own: ReduceOnPlateau) {
    this.lr = lr;
    this.mode = own.mode ?? "min";
    this.factor = own.factor ?? 0.1;
    this.patience = own.patience ?? 10;
    this.threshold = own.threshold ?? 1e-4;
    this.threshold_mode = own.thresholdMode ?? "rel";
    this.cooldown = own.cooldown ?? 0;
    this.min_lr = own.minLearningRate ?? 0;
    this.eps = own.epsilon ?? 1e-8;
    this.best = this.mode === "min" ? Infinity : -Infinity;
  }

  is_better(a: number, best: number): boolean {
    if (this.mode === "min" && this.threshold_mode === "rel") {
      const rel_epsilon = 1 - this.threshold;
      return a < best * rel_epsilon;
    } else if (this.mode === "min" && this.threshold_mode === "abs") {
      return a < best - this.threshold;
    } else if (this.mode === "max" && this.threshold_mode === "rel") {
      const rel_epsilon = this.threshold + 1;
      return a > best * rel_epsilon;
    }
    return a > best + this.threshold;
  }

  step(current: number): void {
    if (this.is_better(current, this.best)) {
      this.best = current;
      this.num_bad_epochs = 0;
    } else {
      this.num_bad_epochs += 1;
    }
    if (this.cooldown_counter > 0) {
      this.cooldown_counter -= 1;
      this.num_bad_epochs = 0; // ignore any bad epochs in cooldown
    }
    if (this.num_bad_epochs > this.patience) {
      const old_lr = this.lr;
      const new_lr = Math.max(old_lr * this.factor, this.min_lr);
      if (old_lr - new_lr > this.eps) this.lr = new_lr;
      this.cooldown_counter = this.cooldown;
      this.num_bad_epochs = 0;
    }
  }
}

/** Values of members that fall, rise and stand still, a few of them no numbers. */
function valuesOf(seed: number, members: number, count: number): Float64Array[] {
  const uniform = createUniform(seed);
  const values = new Float64Array(members).fill(1);
  return Array.from({ length: count }, () => {
    for (const member of values.keys()) values[member]! *= uniform() < 0.4 ? 1 : 1 + 0.3 * (uniform() - 0.55);
    return values.map((value) => (uniform() < 0.03 ? Number.NaN : value));
  });
}

const rules: ReduceOnPlateau[] = [
  {},
  { patience: 0 },
  { patience: 2, factor: 0.5, threshold: 0.05, cooldown: 3 },
  { patience: 1, factor: 0.3, thresholdMode: "abs", threshold: 0.02, minLearningRate: 0.004 },
  { mode: "max", patience: 2, factor: 0.5 },
  { mode: "max", patience: 1, thresholdMode: "abs", threshold: 0.1, cooldown: 1 },
  { patience: 0, factor: 0.2, epsilon: 1e-3 },
  { patience: 3, factor: 0, minLearningRate: 1e-3 },
];

test.each(rules)("%j reduces as PyTorch's rule does", (own) => {
  const rates = [0.1, 0.03, 1, 0.002];
  const all = rates.map((_, member) => member);
  const torch = rates.map((rate) => new TorchReduceOnPlateau(rate, own));
  const plateaus = new Plateaus(plateauRule(own, net, 1), rates.length);
  let reductions = 0;
  for (const [step, values] of valuesOf(7, rates.length, 200).entries()) {
    const before = torch.map(({ lr }) => lr);
    for (const [member, rule] of torch.entries()) rule.step(values[member]!);
    const isReduced = plateaus.judge(step, all, { values, rates });
    const changed = torch.filter(({ lr }, member) => lr !== before[member]).length;
    expect(isReduced).toBe(changed > 0);
    reductions += changed;
    for (const [member, factor] of plateaus.factors.entries()) {
      const { lr } = torch[member]!;
      expect(Math.abs(rates[member]! * factor - lr)).toBeLessThanOrEqual(1e-15 * rates[member]!);
    }
  }
  expect(reductions).toBeGreaterThan(2);
  expect(plateaus.result.reductions.steps).toHaveLength(reductions);
});

/** Rates at which some members overshoot and others hardly move. */
const learningRate = [0.6, 0.003, 1.2, 0.9, 0.05];
const members = learningRate.length;
const epochs = 14;
const rule: ReduceOnPlateau = { factor: 0.5, patience: 1, threshold: 1e-3, cooldown: 1 };
const optionsOf = (strategy?: StrategyName): TrainOptions => ({
  optimizer: sgd({ momentum: 0.5 }),
  batchSize: 8,
  epochs,
  validation,
  perMember: { learningRate, seed: learningRate.map((_, member) => 50 + member) },
  ...(strategy && { strategy }),
});
const open = (device: Device): Promise<Model> => createModel(net, { device, members, seed: 3 });

/** The training epoch by epoch: each goes on from a checkpoint, with the rates that PyTorch's rule has by then. */
async function byHand(device: Device, options: TrainOptions) {
  const torch = learningRate.map((rate) => new TorchReduceOnPlateau(rate, rule));
  const rates: number[][] = [];
  let resume: Checkpoint | undefined;
  let parameters: FloatArray | undefined;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    using model = await open(device);
    const own = { ...options.perMember!, learningRate: torch.map(({ lr }) => lr) };
    rates.push(own.learningRate);
    const { validation: scores } = await model.fit(data, { ...options, epochs: epoch, perMember: own, resume });
    for (const [member, value] of scores!.losses.entries()) torch[member]!.step(value);
    resume = model.checkpoint!;
    parameters = await model.readParameters();
  }
  return { rates, parameters, ends: torch.map(({ lr }) => lr) };
}

for (const [name, device, strategy] of places) {
  test(`${name}: each member has the rate of PyTorch's rule, and the bits of a training at these rates`, async () => {
    const options = optionsOf(strategy);
    const wanted = await byHand(device(), options);
    using model = await open(device());
    const told: number[] = [];
    for await (const event of model.train(data, { ...options, reduceOnPlateau: rule })) told.push(event.learningRate);
    const { factors, reductions } = model.reduceOnPlateau!;
    expect(new Set(reductions.members).size).toBeGreaterThan(1); // several, at steps of their own
    expect(new Set(reductions.steps).size).toBeGreaterThan(2);
    expect(factors.some((factor) => factor === 1)).toBe(true);
    for (const [member, factor] of factors.entries())
      expect(learningRate[member]! * factor).toBeCloseTo(wanted.ends[member]!, 12);
    const means = wanted.rates.map((rates) => rates.reduce((sum, rate) => sum + rate, 0) / members);
    for (const [epoch, mean] of means.entries()) expect(told[epoch]).toBeCloseTo(mean, 12);
    expect(await model.readParameters()).toEqual(wanted.parameters);
  });
}

async function until(model: Model, options: TrainOptions, events = Infinity): Promise<Progress[]> {
  const seen: Progress[] = [];
  for await (const event of model.train(data, options)) if (seen.push(event) === events) break;
  return seen;
}

test.each([
  ["reference", () => reference, 3],
  ["WebAssembly", () => wasm, 3],
  ["GPU", gpu, 13],
] as [string, () => Device, number][])(
  "%s: with early stopping, averages and a schedule, resumed anywhere it ends with the same bits",
  async (_, device, every) => {
    const options: TrainOptions = {
      ...optionsOf(),
      schedule: cosine({ floor: 0.2 }),
      average: ema(0.8),
      earlyStopping: { patience: 3, minDelta: 1e-3 },
      reduceOnPlateau: { ...rule, cooldown: 0 },
    };
    using whole = await open(device());
    const events = await until(whole, options);
    expect(events.at(-1)!.stopped).toBeGreaterThan(0);
    expect(whole.reduceOnPlateau!.reductions.steps.length).toBeGreaterThan(1);
    const wanted = [await whole.readParameters(), whole.results, timeless(whole.checkpoint), whole.reduceOnPlateau];
    const states: Checkpoint[] = [];
    const save = (state: Checkpoint): void =>
      void states.push(
        decodeCheckpoint(encodeCheckpoint({ network: net, members, checkpoint: state }), "state").checkpoint,
      );
    using watched = await open(device());
    await watched.fit(data, { ...options, checkpoint: { interval: { steps: 1 }, save } });
    // Every fifth state is one of an epoch's end, read before its members are judged.
    for (const resume of states.filter(({ step }) => step % every === 0)) {
      using second = await open(device());
      const rest = await until(second, { ...options, resume });
      expect(rest.map((event) => [event.step, event.stopped, event.learningRate])).toEqual(
        events.filter(({ step }) => step > resume.step).map((event) => [event.step, event.stopped, event.learningRate]),
      );
      const own = [await second.readParameters(), second.results, timeless(second.checkpoint), second.reduceOnPlateau];
      expect(own).toEqual(wanted);
    }
  },
);

test("a schedule and steering multiply: reductions are factors of the rate that is set", async () => {
  const options: TrainOptions = {
    optimizer: sgd({ learningRate: 0.5 }),
    batchSize: 8,
    epochs: 6,
    validation,
    schedule: (step) => 1 / (1 + step),
    reduceOnPlateau: { patience: 0, threshold: 1e3, thresholdMode: "abs", factor: 0.5 }, // nothing is ever better, but the first
  };
  using model = await createModel(net, { device: reference, seed: 1 });
  const training = model.train(data, options);
  const told: number[] = [];
  for (let next = await training.next(); !next.done;) {
    told.push(next.value.learningRate * next.value.step);
    next = await training.next(...([next.value.step === 15 && { learningRate: 0.1 }].filter(Boolean) as []));
  }
  // After the first epoch no value is bad, after each that follows the rate is halved.
  expect(told.map((rate) => Number(rate.toFixed(12)))).toEqual([0.5, 0.5, 0.25, 0.025, 0.0125, 0.00625]);
  expect(Array.from(model.reduceOnPlateau!.reductions.steps)).toEqual([10, 15, 20, 25, 30]);
});

test("a metric may be what is watched, and events in between judge nobody", async () => {
  const ends = [];
  for (const logInterval of [undefined, { ms: 0 }]) {
    using model = await open(reference);
    const reduceOnPlateau = { ...rule, metric: "r2", factor: 0.5 } as const;
    const { reduceOnPlateau: result } = await model.fit(data, {
      ...optionsOf(),
      reduceOnPlateau,
      ...(logInterval && { logInterval }),
    });
    expect(result!.reductions.steps.length).toBeGreaterThan(0);
    ends.push([result, await model.readParameters()]);
  }
  expect(ends[1]).toEqual(ends[0]);
});

test("a GPU that is lost at an event, and between two, changes no bit", async () => {
  const others = { reduceOnPlateau: rule, earlyStopping: { patience: 4 }, average: ema(0.7) };
  const options: TrainOptions = { ...optionsOf("members"), ...others };
  using whole = await open(gpu());
  await whole.fit(data, options);
  const device = await openDevice();
  const model = await open(device);
  let recoveries = 0;
  for await (const event of model.train(data, options)) {
    if (event.recovered) recoveries++;
    if (event.step === 15) (model.device as GpuDevice).gpu.destroy();
    if (event.step === 25) setTimeout(() => (model.device as GpuDevice).gpu.destroy(), 3);
  }
  expect(recoveries).toBe(2);
  expect(await model.readParameters()).toEqual(await whole.readParameters());
  expect(model.reduceOnPlateau).toEqual(whole.reduceOnPlateau);
  expect(whole.reduceOnPlateau!.reductions.steps.length).toBeGreaterThan(1);
  model.dispose();
  device.dispose();
});

test("a verified training takes the steps at the rates that it had", async () => {
  const forced = { patience: 0, threshold: 1e3, thresholdMode: "abs", factor: 0.5 } as const; // nothing is better than the first
  const perMember = { learningRate: [0.1, 0.03] }; // no more, so that rounding is not amplified
  const options: TrainOptions = { ...optionsOf(), perMember, epochs: 6, reduceOnPlateau: forced };
  using model = await createModel(net, { device: wasm, members: 2, seed: 3 });
  const initialParameters = await model.readParameters();
  await model.fit(data, options);
  const request = { initialParameters, data, options };
  expect(await verifyTraining(model, request)).toMatchObject({ passed: true, conclusive: true });
  const { reduceOnPlateau: _, ...others } = options;
  expect(await verifyTraining(model, { ...request, options: others })).toMatchObject({ passed: false });
});

test("wrong options and states of another metric are reported", async () => {
  using model = await open(reference);
  const wrong = (reduceOnPlateau: unknown, options: TrainOptions = { validation }) =>
    expect(model.fit(data, { ...options, reduceOnPlateau: any(reduceOnPlateau) })).rejects;
  await wrong({}, {}).toEqual(invalid(/^train: reduceOnPlateau: expected validation rows.*got none; pass/));
  await wrong({ factor: 1 }).toEqual(invalid(/factor: expected a number from 0 to below 1, got 1/));
  await wrong({ patience: -1 }).toEqual(invalid(/patience: .*got -1/));
  await wrong({ cooldown: 0.5 }).toEqual(invalid(/cooldown: .*got 0.5/));
  await wrong({ threshold: Number.NaN }).toEqual(invalid(/threshold: .*got NaN/));
  await wrong({ thresholdMode: "relative" }).toEqual(invalid(/thresholdMode: expected one of rel, abs/));
  await wrong({ minLearningRate: -1 }).toEqual(invalid(/minLearningRate: expected a number of at least 0/));
  await wrong({ metric: "r" }).toEqual(invalid(/metric: expected metrics of a regression among loss, mae/));
  await wrong({ metric: "accuracy" }).toEqual(invalid(/metric: .*accuracy needs classes/));
  await wrong({ mode: "auto" }).toEqual(invalid(/mode: /));
  await wrong({ patiense: 1 }).toEqual(invalid(/got patiense/));
  await wrong(7).toEqual(invalid(/^train: reduceOnPlateau/));
  await model.fit(data, { ...optionsOf(), epochs: 3, reduceOnPlateau: rule });
  const resume = structuredClone(model.checkpoint!);
  const again = (changes: object) => expect(model.fit(data, { ...optionsOf(), ...changes })).rejects;
  await again({ resume, reduceOnPlateau: { ...rule, metric: "mae" } }).toEqual(
    invalid(/^train: resume: reduceOnPlateau: expected loss min, as in the checkpoint, got mae min/),
  );
  const short = {
    ...resume,
    trainer: { reduceOnPlateau: { ...resume.trainer!.reduceOnPlateau!, waits: new Float64Array(2) } },
  };
  await again({ resume: short, reduceOnPlateau: rule }).toEqual(
    invalid(/^train: resume: reduceOnPlateau.waits: expected 5 values, got 2 values/),
  );
  using single = await createModel(net, { device: reference });
  await expect(single.crossValidate(data, { reduceOnPlateau: rule } as never)).rejects.toEqual(
    invalid(/expected no reduceOnPlateau.*leave it out/),
  );
  await expect(
    single.fit(data, { optimizer: adam(), epochs: 1, validation, reduceOnPlateau: {} }),
  ).resolves.toBeDefined();
});
