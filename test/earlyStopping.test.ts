// Early stopping: every member is judged for itself, and those that go on are packed, to the bits that each has alone.

import { expect, test } from "vitest";
import {
  acquire,
  type Average,
  type Checkpoint,
  createModel,
  dense,
  type Device,
  ema,
  type FloatArray,
  type MetricName,
  type Model,
  network,
  type Progress,
  sgd,
  type StrategyName,
  swa,
  type TrainOptions,
} from "../src/index.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../src/data.ts";
import { layeredRequest } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { GpuDevice } from "../src/backend/webgpu/device.ts";
import { dataOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
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
const size = net.parameterCount;
/** Rates at which some members overshoot early, some late and some never. */
const learningRate = [0.6, 0.003, 0.3, 1.2, 0.15, 0.9, 0.05, 2, 0.45];
const momentum = [0.5, 0, 0.5, 0.9, 0, 0.5, 0, 0.9, 0.5];
const members = learningRate.length;
const perEpoch = 5;
const epochs = 24;
const rule = { patience: 2, minDelta: 1e-3 };
const any = (value: unknown) => value as never;
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });

/** The options of some members of the population. */
const optionsOf = (chosen: readonly number[], strategy?: StrategyName): TrainOptions => ({
  optimizer: sgd(),
  batchSize: 8,
  epochs,
  validation,
  perMember: {
    learningRate: chosen.map((member) => learningRate[member]!),
    momentum: chosen.map((member) => momentum[member]!), // those that go on to the end have none, but keep their moments
    seed: chosen.map((member) => 50 + member),
  },
  ...(strategy && { strategy }),
});

const all = learningRate.map((_, member) => member);
const open = (device: Device, chosen: readonly number[]): Promise<Model> =>
  createModel(net, { device, seed: chosen.map((member) => member) });
const part = (values: FloatArray, member: number): FloatArray => values.slice(member * size, (member + 1) * size);

/** Keras' EarlyStopping, in the plainest way: from the values of one member after each epoch. */
function judgedByHand(values: readonly number[], { patience = 2, minDelta = 1e-3, sign = 1 }) {
  let [best, bestEpoch, wait] = [Infinity, -1, 0];
  for (const [epoch, value] of values.entries()) {
    wait++;
    if (sign * value < best - minDelta) [best, bestEpoch, wait] = [sign * value, epoch, 0];
    else if (wait >= patience && epoch > 0) return { stopped: epoch, bestEpoch };
  }
  return { stopped: -1, bestEpoch };
}

const averages: [string, Average | undefined][] = [
  ["", undefined],
  [", of moving averages", ema(0.6)],
  [", of means from step 12 on", swa({ start: 12, every: 2 })],
];

for (const [[name, device, strategy], [of, average]] of places.flatMap((place) =>
  averages.map((own) => [place, own] as const),
)) {
  // Averages are of the same kind in every strategy: a moving one is tried on each, a mean on some.
  const declared = average?.name === "swa" ? testOf(name === "reference" || name === "GPU, members") : test;
  declared(
    `${name}: members stop where Keras' rule says, with their best parameters${of}, as each does alone`,
    async () => {
      const averaging = average && { average };
      const options = { ...optionsOf(all, strategy), ...averaging };
      // Without early stopping: what each member was worth after each epoch, and its parameters.
      using free = await open(device(), all);
      const [values, snapshots]: [FloatArray[], FloatArray[]] = [[], []];
      for await (const { validation: scores } of free.train(data, { ...options, logInterval: { epochs: 1 } })) {
        values.push(scores!.losses);
        snapshots.push(await free.readParameters());
      }
      const wanted = all.map((member) =>
        judgedByHand(
          values.map((losses) => losses[member]!),
          rule,
        ),
      );
      const stops = new Set(wanted.map(({ stopped }) => stopped));
      expect(stops.size).toBeGreaterThan(3); // some at several epochs, and some never: otherwise nothing is packed in between
      expect(stops).toContain(-1);

      using model = await open(device(), all);
      const { earlyStopping, results, validation: scores } = await model.fit(data, { ...options, earlyStopping: rule });
      const { stoppedSteps, bestSteps, bestValues, memberSteps } = earlyStopping!;
      const stepOf = (epoch: number): number => (epoch < 0 ? -1 : perEpoch * (epoch + 1));
      expect(Array.from(stoppedSteps)).toEqual(wanted.map(({ stopped }) => stepOf(stopped)));
      expect(Array.from(bestSteps)).toEqual(wanted.map(({ bestEpoch }) => stepOf(bestEpoch)));
      expect(Array.from(bestValues)).toEqual(wanted.map(({ bestEpoch }, member) => values[bestEpoch]![member]));
      const parameters = await model.readParameters();
      for (const [member, { bestEpoch }] of wanted.entries())
        expect(part(parameters, member)).toEqual(part(snapshots[bestEpoch]!, member));
      expect(Array.from(scores!.losses)).toEqual(Array.from(bestValues));
      expect(Array.from(results.nonFiniteSteps)).toEqual(all.map(() => -1));

      const trained = stoppedSteps.reduce((sum, step) => sum + (step < 0 ? perEpoch * epochs : step), 0);
      expect(memberSteps).toBeGreaterThanOrEqual(trained);
      expect(memberSteps).toBeLessThan(0.9 * members * perEpoch * epochs);

      // One network is trained by other sums in WebAssembly: there it is twice the same.
      const copies = device().kind === "wasm" && strategy === undefined ? 2 : 1;
      for (const member of average ? [3] : [0, 1, 3]) {
        const chosen = Array<number>(copies).fill(member);
        using alone = await open(device(), chosen);
        const own = await alone.fit(data, { ...optionsOf(chosen, strategy), ...averaging, earlyStopping: rule });
        expect(own.steps).toBe(stoppedSteps[member] === -1 ? perEpoch * epochs : stoppedSteps[member]);
        expect(part(await alone.readParameters(), 0)).toEqual(part(parameters, member));
        for (const key of ["finalLosses", "bestLosses", "bestSteps"] as const)
          expect([key, own.results[key][0]]).toEqual([key, results[key][member]]);
        expect(own.earlyStopping!.memberSteps).toBe(copies * own.steps);
      }
    },
  );
}

/** Goes through a training, and leaves it after so many events. */
async function until(model: Model, options: TrainOptions, events = Infinity): Promise<Progress[]> {
  const seen: Progress[] = [];
  for await (const event of model.train(data, options)) if (seen.push(event) === events) break;
  return seen;
}

test.each([
  ["reference", () => reference],
  ["WebAssembly", () => wasm],
  ["GPU", gpu],
] as [string, () => Device][])("%s: resumed after any event it ends with the same bits", async (_, device) => {
  const options = { ...optionsOf(all, device().kind === "wasm" ? undefined : "layered"), earlyStopping: rule };
  using whole = await open(device(), all);
  const events = await until(whole, options);
  const wanted = [await whole.readParameters(), whole.results, timeless(whole.checkpoint)];
  expect(events.map(({ stopped }) => stopped)).toEqual(events.map(({ stopped }) => stopped).toSorted((a, b) => a - b));
  const states: Checkpoint[] = [];
  const save = (state: Checkpoint): void =>
    void states.push(
      decodeCheckpoint(encodeCheckpoint({ network: net, members, checkpoint: state }), "state").checkpoint,
    );
  using watched = await open(device(), all);
  // Every fifth state is one of an epoch's end, read before its members are judged.
  await watched.fit(data, { ...options, checkpoint: { interval: { steps: 1 }, save } });
  for (const resume of states.filter((_, at) => at % (device() instanceof GpuDevice ? 39 : 4) === 0)) {
    using second = await open(device(), all.toReversed());
    const rest = await until(second, { ...options, resume });
    expect(rest.map(({ step, stopped }) => [step, stopped])).toEqual(
      events.filter(({ step }) => step > resume.step).map(({ step, stopped }) => [step, stopped]),
    );
    expect(rest.at(-1)!.validation).toEqual(events.at(-1)!.validation);
    expect([await second.readParameters(), second.results, timeless(second.checkpoint)]).toEqual(wanted);
    const { memberSteps: _a, ...own } = second.earlyStopping!;
    const { memberSteps: _b, ...before } = whole.earlyStopping!;
    expect(own).toEqual(before);
  }
});

test("a state in which all have yet to be stopped ends at once", async () => {
  const chosen = [7, 3, 5];
  const options = { ...optionsOf(chosen), earlyStopping: rule };
  using whole = await open(reference, chosen);
  const { steps, results, validation: scores } = await whole.fit(data, options);
  expect(steps).toBeLessThan(perEpoch * epochs);
  const resume = whole.checkpoint!;
  expect(resume.step).toBe(steps);
  using second = await open(reference, [1, 2, 3]);
  const again = await second.fit(data, { ...options, resume });
  expect([again.steps, again.validation, again.results]).toEqual([steps, scores, results]);
  expect(await second.readParameters()).toEqual(await whole.readParameters());
  const { trainer } = resume;
  const short = { ...resume, trainer: { earlyStopping: { ...trainer!.earlyStopping!, waits: new Float64Array(2) } } };
  await expect(second.fit(data, { ...options, resume: short })).rejects.toEqual(
    invalid(/^train: resume: earlyStopping.waits: expected 3 values, got 2 values/),
  );
});

test("an event that is reported in between is not judged: when it is reported changes nothing", async () => {
  const options = { ...optionsOf(all), earlyStopping: { ...rule, restoreBest: false } };
  const ends = [];
  for (const logInterval of [undefined, { ms: 0 }]) {
    using model = await open(reference, all);
    const events = await until(model, { ...options, ...(logInterval && { logInterval }) });
    if (logInterval) expect(events.length).toBeGreaterThan(epochs);
    const { stoppedSteps, bestSteps } = model.earlyStopping!;
    ends.push([stoppedSteps, bestSteps, await model.readParameters(), model.results]);
    // A model that is asked in the middle of the training knows the members that go on and those that have stopped.
  }
  expect(ends[1]).toEqual(ends[0]);
});

test.each(averages)(
  "between events the model has the parameters of all members%s, and what is reported is theirs",
  async (_, average) => {
    using model = await open(reference, all);
    for await (const { validation: told, stopped, losses } of model.train(data, {
      ...optionsOf(all),
      earlyStopping: rule,
      ...(average && { average }),
    })) {
      expect((await model.evaluate(validation)).losses).toEqual(told!.losses);
      const last = losses.slice(-members);
      expect(last.filter((loss) => Number.isNaN(loss)).length).toBeLessThanOrEqual(stopped);
    }
  },
);

test("an abort at an event in which members stop leaves the averages, and those that have stopped their best", async () => {
  const options = { ...optionsOf(all), earlyStopping: rule, average: ema(0.6) };
  using whole = await open(reference, all);
  let stops = 0;
  const snapshots = new Map<number, FloatArray>();
  for await (const { step, stopped } of whole.train(data, options)) {
    if (stopped > stops) snapshots.set(step, await whole.readParameters());
    stops = stopped;
  }
  snapshots.delete(whole.checkpoint!.step); // the last event: there is nothing left to abort
  expect(snapshots.size).toBeGreaterThan(2);
  for (const [at, wanted] of snapshots) {
    const abort = new AbortController();
    using model = await open(reference, all);
    const training = async (): Promise<void> => {
      for await (const { step } of model.train(data, { ...options, signal: abort.signal }))
        if (step === at) abort.abort();
    };
    await expect(training()).rejects.toThrow(/abort/);
    expect(await model.readParameters()).toEqual(wanted);
  }
});

test("a member that diverges ends no other, and has its best parameters back", async () => {
  const chosen = [0, 1, 2, 3];
  const options = { ...optionsOf(chosen), perMember: { learningRate: [0.6, 1e30, 0.3, 1.2] }, earlyStopping: rule };
  using model = await createModel(net, { device: reference, seed: chosen });
  const { earlyStopping, diverged } = await model.fit(data, options);
  expect(diverged).toBe(1);
  expect(earlyStopping!.stoppedSteps[1]).toBe(-1);
  expect(earlyStopping!.stoppedSteps.filter((step) => step > 0).length).toBeGreaterThan(1);
});

const classes = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
const [classRows, heldOut] = [dataOf(classes, 40, 1), dataOf(classes, 30, 2)];
const classOptions: TrainOptions = {
  optimizer: sgd(),
  perMember: { learningRate: [1.5, 0.1, 0.6] },
  epochs: 12,
  batchSize: 8,
  validation: heldOut,
};

const watched: [MetricName | "loss", "min" | "max" | undefined, number][] = [
  ["accuracy", undefined, -1],
  ["accuracy", "min", 1],
  ["f1", undefined, -1],
  ["rocAuc", undefined, -1],
  ["top2", undefined, -1],
  ["logLoss", undefined, 1],
  ["calibrationError", undefined, 1],
  ["balancedAccuracy", "min", 1],
];

test.each(
  (
    [
      ["reference", () => reference],
      ["WebAssembly", () => wasm],
      ["GPU", gpu],
    ] as [string, () => Device][]
  ).flatMap(([name, device]) =>
    watched.map(([metric, mode, sign]) => [name, metric, mode ?? "as it means", sign, device, mode]),
  ),
)("%s: %s is watched, %s", async (...args) => {
  const [, metric, , sign, device, mode] = args as [
    string,
    MetricName,
    string,
    number,
    () => Device,
    "min" | undefined,
  ];
  using free = await createModel(classes, { device: device(), members: 3 });
  const [values, snapshots]: [FloatArray[], FloatArray[]] = [[], []];
  const metrics = [metric];
  for await (const event of free.train(classRows, { ...classOptions, metrics, logInterval: { epochs: 1 } })) {
    values.push(event.validation!.memberMetrics![metric]!);
    snapshots.push(await free.readParameters());
  }
  using model = await createModel(classes, { device: device(), members: 3 });
  const earlyStopping = { patience: 3, metric, ...(mode && { mode }) };
  const { earlyStopping: result } = await model.fit(classRows, { ...classOptions, earlyStopping });
  const wanted = [0, 1, 2].map((member) =>
    judgedByHand(
      values.map((own) => own[member]!),
      { patience: 3, minDelta: 0, sign },
    ),
  );
  expect(wanted.some(({ stopped }) => stopped >= 0)).toBe(true);
  const stepOf = (epoch: number): number => (epoch < 0 ? -1 : 5 * (epoch + 1));
  expect(Array.from(result!.stoppedSteps)).toEqual(wanted.map(({ stopped }) => stepOf(stopped)));
  expect(Array.from(result!.bestSteps)).toEqual(wanted.map(({ bestEpoch }) => stepOf(bestEpoch)));
  for (const [member, value] of result!.bestValues.entries())
    expect(value).toBeCloseTo(values[wanted[member]!.bestEpoch]![member]!, 6);
  const parameters = await model.readParameters();
  const width = classes.parameterCount;
  for (const [member, { bestEpoch }] of wanted.entries()) {
    const own = (all: FloatArray): FloatArray => all.slice(member * width, (member + 1) * width);
    expect(own(parameters)).toEqual(own(snapshots[bestEpoch]!));
  }
});

test("regression metrics are monitored in the requested units", async () => {
  const targetUnits = [
    { mean: 5, deviation: 100 },
    { mean: 1, deviation: 1000 },
  ];
  const best: Float64Array[] = [];
  for (const units of [undefined, targetUnits]) {
    using model = await open(reference, [0, 1]);
    const { earlyStopping } = await model.fit(data, {
      ...optionsOf([0, 1]),
      earlyStopping: { patience: 3, metric: "mae" },
      ...(units && { targetUnits: units, metrics: ["r2"] }),
    });
    best.push(earlyStopping!.bestValues);
  }
  for (const [member, value] of best[1]!.entries()) expect(value / best[0]![member]!).toBeGreaterThan(100);
});

test("a metric judges a member alone as among others", async () => {
  for (const device of [reference, wasm, gpu()]) {
    const ends: unknown[] = [];
    for (const chosen of [
      [0, 1, 2],
      [1, 1],
    ]) {
      using model = await createModel(classes, { device, seed: chosen });
      const perMember = { learningRate: chosen.map((member) => [1.5, 0.1, 0.6][member]!), seed: chosen };
      const earlyStopping = { patience: 2, metric: "rocAuc" } as const;
      const { earlyStopping: result } = await model.fit(classRows, { ...classOptions, perMember, earlyStopping });
      const at = chosen.indexOf(1);
      ends.push([result!.bestValues[at], result!.stoppedSteps[at], result!.bestSteps[at]]);
    }
    expect(ends[1]).toEqual(ends[0]);
  }
});

testInFull("fewer members are planned as all were: their sums are cut alike", () => {
  const wide = network({ inputs: 64, layers: [dense(256, "relu"), dense(8)], loss: "meanSquaredError" });
  const rows = dataOf(wide, 4096, 1);
  const settings = { data: rows, optimizer: sgd(), batchSize: 4096, shuffle: false, seed: 0 };
  const device = gpu() as GpuDevice;
  const planOf = (count: number, plannedMembers: number) =>
    layeredRequest({ device, network: wide, members: count, plannedMembers, settings }).plan;
  expect(planOf(3, 3).splits).not.toBe(planOf(400, 400).splits);
  const packed = planOf(3, 400);
  expect([packed.splits, packed.chunkRows]).toEqual([planOf(400, 400).splits, planOf(400, 400).chunkRows]);
  expect(packed.groupMembers).toBeLessThanOrEqual(3);
});

test("members are judged as often as the rule says, whenever events are reported", async () => {
  const options = optionsOf(all);
  using whole = await open(reference, all);
  const { earlyStopping: wanted } = await whole.fit(data, { ...options, earlyStopping: rule });
  using model = await open(reference, all);
  const told: [number, boolean][] = [];
  const earlyStopping = { ...rule, interval: { epochs: 1 } };
  const events = model.train(data, { ...options, earlyStopping, logInterval: { steps: 2 } });
  for await (const { step, validation: scores } of events) {
    told.push([step, scores !== undefined]);
    if (scores) expect((await model.evaluate(validation)).losses).toEqual(scores.losses);
  }
  expect(told.slice(0, 7).map(([step]) => step)).toEqual([2, 4, 5, 6, 8, 10, 12]);
  expect(told.every(([step, isScored]) => isScored === (step % 5 === 0))).toBe(true);
  expect(model.earlyStopping).toEqual(wanted);
  using seldom = await open(reference, all);
  const { earlyStopping: result, history } = await seldom.fit(data, {
    ...options,
    earlyStopping: { ...rule, interval: { steps: 8 } },
  });
  expect(result!.bestSteps.every((step) => step % 8 === 0)).toBe(true);
  expect(history.validation.map(({ epoch }) => epoch * perEpoch).slice(0, 3)).toEqual([8, 16, 24]);
});

test("wrong options are reported", async () => {
  using model = await open(reference, [0]);
  const wrong = (earlyStopping: unknown, options: TrainOptions = { validation }) =>
    expect(model.fit(data, { ...options, earlyStopping: any(earlyStopping) })).rejects;
  await wrong({ patience: 3 }, {}).toEqual(invalid(/^train: earlyStopping: expected validation rows.*got none; pass/));
  await wrong({}).toEqual(invalid(/^train: earlyStopping: patience: /));
  await wrong({ patience: -1 }).toEqual(invalid(/patience: .*got -1/));
  await wrong({ patience: 1.5 }).toEqual(invalid(/patience: .*got 1.5/));
  await wrong({ patience: 1, minDelta: -1 }).toEqual(invalid(/minDelta: .*got -1/));
  await wrong({ patience: 1, metric: "los" }).toEqual(
    invalid(/^train: earlyStopping: metric: expected metrics of a regression among loss, mae, .*did you mean loss/),
  );
  await wrong({ patience: 1, metric: "accuracy" }).toEqual(invalid(/metric: .*accuracy needs classes/));
  await wrong({ patience: 1, metric: 7 }).toEqual(invalid(/metric: .*got 7/));
  using classifier = await createModel(classes, { device: reference });
  await expect(
    classifier.fit(classRows, {
      ...classOptions,
      perMember: {},
      earlyStopping: { patience: 1, metric: "confusionMatrix" },
    }),
  ).rejects.toEqual(invalid(/metric: expected a metric that is one number, got confusionMatrix/));
  await wrong({ patience: 1, mode: "auto" }).toEqual(invalid(/mode: /));
  await wrong({ patience: 1, restoreBest: 1 }).toEqual(invalid(/restoreBest: /));
  await wrong({ patience: 1, interval: { ms: 5 } }).toEqual(
    invalid(/interval: expected a number of steps or epochs, got/),
  );
  await wrong({ patience: 1, interval: { steps: 0 } }).toEqual(invalid(/^train: earlyStopping: interval: .*got 0/));
  await wrong({ patience: 1, interval: 5 }).toEqual(invalid(/^train: earlyStopping: interval: .*got 5/));
  await wrong({ patience: 1, patients: 2 }).toEqual(invalid(/got patients/));
  await wrong(7).toEqual(invalid(/^train: earlyStopping/));
});
