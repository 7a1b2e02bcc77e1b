// Successive halving and Hyperband: members are compared at rungs, the worse ones are left out, and those that go on have the bits that
// each has alone.

import { describe, expect, test } from "vitest";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  dense,
  type Device,
  ema,
  type FloatArray,
  type Halving,
  hyperbandMembers,
  type Model,
  network,
  type Progress,
  sgd,
  type StrategyName,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../src/data.ts";
import { GpuDevice } from "../src/backend/webgpu/device.ts";
import { halvingRule, rankedBy, type Rung } from "../src/model/halving.ts";
import { dataOf } from "./support/nets.ts";
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
const members = 20;
const perEpoch = 5;
const epochs = 27; // 135 steps
const totalSteps = perEpoch * epochs;
/** Spread over five tenfolds in an order that is not theirs; one of them diverges at once. */
const learningRate = Array.from({ length: members }, (_, member) =>
  member === 4 ? 1e30 : 10 ** (-4 + (5 * ((7 * member) % members)) / members),
);
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });
const any = (value: unknown) => value as never;

const optionsOf = (chosen: readonly number[], strategy?: StrategyName): TrainOptions => ({
  optimizer: sgd({ momentum: 0.5 }),
  batchSize: 8,
  epochs,
  validation,
  perMember: {
    learningRate: chosen.map((member) => learningRate[member]!),
    seed: chosen.map((member) => 50 + member),
  },
  ...(strategy && { strategy }),
});

const all = learningRate.map((_, member) => member);
const open = (device: Device, chosen: readonly number[]): Promise<Model> =>
  createModel(net, { device, seed: chosen.map((member) => member) });
const part = (values: FloatArray, member: number): FloatArray => values.slice(member * size, (member + 1) * size);

/** Every step's validation losses and parameters of a population that nothing stops. */
async function coursesOf(device: Device, steps: readonly number[], strategy?: StrategyName) {
  using free = await open(device, all);
  const at = new Map<number, { readonly losses: FloatArray; readonly parameters: FloatArray }>();
  const logInterval = { steps: perEpoch };
  for await (const { step, validation: scores } of free.train(data, { ...optionsOf(all, strategy), logInterval }))
    if (steps.includes(step)) at.set(step, { losses: scores!.losses, parameters: await free.readParameters() });
  return at;
}

/** Algorithm 1 of Li et al. for one bracket, in the plainest way. */
function halvedByHand(lossesAt: (step: number) => FloatArray, steps: readonly number[], factor: number) {
  let going = all.filter((member) => member !== 4);
  const left = new Map<number, number>();
  for (const [at, step] of steps.entries()) {
    const losses = lossesAt(step);
    const order = going.toSorted((a, b) => losses[a]! - losses[b]! || a - b);
    const kept = Math.floor(members / factor ** (at + 1));
    for (const member of order.slice(kept)) left.set(member, step);
    going = order.slice(0, kept).toSorted((a, b) => a - b);
  }
  return { going, left };
}

for (const [name, device, strategy] of places) {
  test(`${name}: members leave at the rungs where a plain computation says, and keep the bits that each has alone`, async () => {
    const steps = [15, 45]; // 135 / 9, 135 / 3
    const courses = await coursesOf(device(), [...steps, totalSteps], strategy);
    const { going, left } = halvedByHand((step) => courses.get(step)!.losses, steps, 3);
    using model = await open(device(), all);
    const halving = { factor: 3 };
    const {
      halving: result,
      results,
      validation: scores,
      diverged,
    } = await model.fit(data, {
      ...optionsOf(all, strategy),
      halving,
    });
    expect(going.length).toBe(2);
    expect(diverged).toBe(1);
    expect(result!.rungs).toEqual([
      { bracket: 0, step: 15, members: 20, kept: 6 },
      { bracket: 0, step: 45, members: 6, kept: 2 },
    ]);
    expect(Array.from(result!.stoppedSteps)).toEqual(all.map((member) => left.get(member) ?? -1));
    const endOf = (member: number): number => left.get(member) ?? totalSteps;
    expect(Array.from(result!.steps)).toEqual(
      all.map((member) => (member === 4 ? results.nonFiniteSteps[4]! : endOf(member))),
    );
    const parameters = await model.readParameters();
    for (const member of all.filter((each) => each !== 4)) {
      const own = courses.get(endOf(member))!;
      expect(part(parameters, member)).toEqual(part(own.parameters, member));
      expect(scores!.losses[member]).toBe(own.losses[member]);
    }
    expect(results.nonFiniteSteps.filter((step) => step >= 0).length).toBe(1);
    // Exactly: all 20 take 15 steps, 6 take 30 more, 2 take 90 more; all of them would have taken 20 · 135.
    expect(result!.memberSteps).toBe(20 * 15 + 6 * 30 + 2 * 90);
    expect(result!.memberSteps / (members * totalSteps)).toBeCloseTo(0.244, 3);

    // One network is trained by other sums in WebAssembly: there it is twice the same.
    const copies = device().kind === "wasm" && strategy === undefined ? 2 : 1;
    const [winner] = going;
    const chosen = Array<number>(copies).fill(winner!);
    using alone = await open(device(), chosen);
    const { validation: _, ...own } = optionsOf(chosen, strategy);
    const { results: ofAlone } = await alone.fit(data, own);
    expect(part(await alone.readParameters(), 0)).toEqual(part(parameters, winner!));
    for (const key of ["finalLosses", "bestLosses", "bestSteps"] as const)
      expect([key, ofAlone[key][0]]).toEqual([key, results[key][winner!]]);
  });
}

/** Goes through a training, and leaves it after so many events. */
async function until(model: Model, options: TrainOptions): Promise<Progress[]> {
  const seen: Progress[] = [];
  for await (const event of model.train(data, options)) seen.push(event);
  return seen;
}

test.each([
  ["reference", () => reference],
  ["WebAssembly", () => wasm],
  ["GPU", gpu],
] as [string, () => Device][])(
  "%s: resumed at any step it has the same winner, to the same bits",
  async (_, device) => {
    const chosen = all.slice(0, 9);
    const options = {
      ...optionsOf(chosen, device().kind === "wasm" ? undefined : "layered"),
      epochs: 9,
      halving: { factor: 2, hyperband: true, minSteps: 4 },
      logInterval: { steps: 10 },
    };
    using whole = await open(device(), chosen);
    const states: Checkpoint[] = [];
    const save = (state: Checkpoint): void =>
      void states.push(
        decodeCheckpoint(encodeCheckpoint({ network: net, members: chosen.length, checkpoint: state }), "s").checkpoint,
      );
    const events = await until(whole, { ...options, checkpoint: { interval: { steps: 1 }, save } });
    const wanted = [await whole.readParameters(), whole.results, timeless(whole.checkpoint)];
    const steps = new Set(whole.halving!.rungs.map(({ step }) => step));
    expect(steps.size).toBeGreaterThan(2);
    const isTried = ({ step }: Checkpoint): boolean =>
      step < 45 && (steps.has(step) || steps.has(step - 1) || (!(device() instanceof GpuDevice) && step % 4 === 0));
    for (const resume of states.filter(isTried)) {
      using second = await open(device(), chosen.toReversed());
      const rest = await until(second, { ...options, resume });
      expect(rest.at(-1)!.validation).toEqual(events.at(-1)!.validation);
      expect([await second.readParameters(), second.results, timeless(second.checkpoint)]).toEqual(wanted);
      const { memberSteps: _a, ...own } = second.halving!;
      const { memberSteps: _b, ...before } = whole.halving!;
      expect(own).toEqual(before);
    }
  },
);

/** Early stopping, then a rung where there is one, after each epoch, in the plainest way. @param lossesOf epochs from 1 */
function judgedByHand(lossesOf: (epoch: number) => FloatArray, kept: ReadonlyMap<number, number>, patience: number) {
  const course = all.map(() => ({ best: Infinity, bestEpoch: -1, wait: 0, stopped: -1, left: -1 }));
  course[4]!.left = 0; // diverges
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const losses = lossesOf(epoch);
    for (const [member, own] of course.entries()) {
      if (own.stopped >= 0 || own.left >= 0) continue;
      own.wait++;
      if (losses[member]! < own.best) Object.assign(own, { best: losses[member], bestEpoch: epoch, wait: 0 });
      else if (own.wait >= patience && epoch > 1) own.stopped = epoch;
    }
    if (!kept.has(epoch)) continue;
    const valueOf = (member: number): number => (course[member]!.stopped >= 0 ? course[member]!.best : losses[member]!);
    const order = all.filter((member) => course[member]!.left < 0).toSorted((a, b) => valueOf(a) - valueOf(b) || a - b);
    for (const member of order.slice(kept.get(epoch))) course[member]!.left = epoch;
  }
  course[4]!.left = -1;
  return course;
}

describe.each([
  ["averages", { average: ema(0.7) }],
  ["early stopping", { earlyStopping: { patience: 2 } }],
  ["both", { earlyStopping: { patience: 2 }, average: ema(0.7) }],
] as [string, Pick<TrainOptions, "average" | "earlyStopping">][])("halving with %s", (_name, beside) => {
  const patience = beside.earlyStopping?.patience ?? Infinity;
  const places: [string, () => Device, StrategyName | undefined][] = [
    ["reference", () => reference, undefined],
    ["WebAssembly", () => wasm, undefined],
    ["GPU", gpu, "members"],
  ];
  test.each(places)("%s: members leave, stop and end as a plain computation says", async (_, device, strategy) => {
    const options: TrainOptions = { ...optionsOf(all, strategy), ...beside, logInterval: { epochs: 1 } };
    const { earlyStopping: _early, ...freely } = options;
    using free = await open(device(), all);
    const courses: { losses: FloatArray; parameters: FloatArray }[] = [];
    for await (const { validation: scores } of free.train(data, freely))
      courses.push({ losses: scores!.losses, parameters: await free.readParameters() });
    const byHand = judgedByHand(
      (epoch) => courses[epoch - 1]!.losses,
      new Map([
        [3, 6],
        [9, 2],
      ]),
      patience,
    );
    using model = await open(device(), all);
    const states: Checkpoint[] = [];
    const save = (state: Checkpoint): void => void states.push(structuredClone(state));
    const halving = { factor: 3 };
    const judged = { ...options, halving };
    const { validation: scores, ...told } = await model.fit(data, {
      ...judged,
      checkpoint: { interval: { steps: 15 }, save },
    });
    expect(Array.from(told.halving!.stoppedSteps)).toEqual(byHand.map(({ left }) => (left < 0 ? -1 : left * perEpoch)));
    if (beside.earlyStopping) {
      expect(Array.from(told.earlyStopping!.stoppedSteps)).toEqual(
        byHand.map(({ stopped }) => (stopped < 0 ? -1 : stopped * perEpoch)),
      );
      // Some stop by themselves and hold a place, or lose it, at a rung; otherwise nothing would be shown.
      expect(byHand.some(({ stopped, left }) => stopped >= 0 && left < 0)).toBe(true);
      expect(byHand.some(({ stopped, left }) => stopped >= 0 && left > stopped)).toBe(true);
    }
    const parameters = await model.readParameters();
    for (const member of all.filter((each) => each !== 4)) {
      const { left, bestEpoch } = byHand[member]!;
      const end = beside.earlyStopping ? bestEpoch : left < 0 ? epochs : left;
      expect([member, part(parameters, member)]).toEqual([member, part(courses[end - 1]!.parameters, member)]);
      expect([member, scores!.losses[member]]).toEqual([member, courses[end - 1]!.losses[member]]);
      expect([member, told.halving!.steps[member]]).toEqual([member, end * perEpoch]);
    }
    for (const resume of states.slice(0, 4)) {
      using second = await open(device(), all.toReversed());
      const { validation: again, ...rest } = await second.fit(data, { ...judged, resume });
      expect(await second.readParameters()).toEqual(parameters);
      expect(again!.losses).toEqual(scores!.losses);
      expect(rest.halving!.stoppedSteps).toEqual(told.halving!.stoppedSteps);
      expect(rest.earlyStopping?.bestSteps).toEqual(told.earlyStopping?.bestSteps);
      expect(rest.results).toEqual(told.results);
    }
  });
});

describe("rungs", () => {
  const ruleOf = (
    options: Halving,
    context: { members: number; totalSteps: number; perEpoch?: number; seed?: number },
  ) => halvingRule(options, { monitor: () => ({ metric: "loss", mode: "min" }), perEpoch: 1, seed: 0, ...context });
  const plain = (rungs: readonly Rung[]) =>
    rungs.map(({ bracket, step, members: n, kept }) => [bracket, step, n, kept]);

  test("Hyperband has the brackets of algorithm 1 of Li et al. for R = 81 and a factor of 3", () => {
    expect(hyperbandMembers(81)).toBe(81 + 34 + 15 + 8 + 5);
    expect(hyperbandMembers(80.9)).toBe(hyperbandMembers(27));
    expect(hyperbandMembers(1, 4)).toBe(1);
    const { rungs, bracketOf } = ruleOf({ hyperband: true }, { members: 143, totalSteps: 81 });
    const table = [
      [[1, 81, 27], [3, 27, 9], [9, 9, 3], [27, 3, 1]],
      [[3, 34, 11], [9, 11, 3], [27, 3, 1]],
      [[9, 15, 5], [27, 5, 1]],
      [[27, 8, 2]],
    ]; // prettier-ignore
    const wanted = table.flatMap((rows, bracket) => rows.map(([step, n, kept]) => [bracket, step, n, kept]));
    expect(plain(rungs).toSorted((a, b) => a[0]! - b[0]!)).toEqual(wanted);
    const counts = [0, 1, 2, 3, 4].map((bracket) => bracketOf.filter((own) => own === bracket).length);
    expect(counts).toEqual([81, 34, 15, 8, 5]);
    const other = ruleOf({ hyperband: true }, { members: 143, totalSteps: 81, seed: 1 }).bracketOf;
    expect(other).not.toEqual(bracketOf);
  });

  test("of another number of members the brackets have the same proportions", () => {
    const { bracketOf } = ruleOf({ hyperband: true }, { members: 286, totalSteps: 81 });
    expect([0, 1, 2, 3, 4].map((bracket) => bracketOf.filter((own) => own === bracket).length)).toEqual([
      162, 68, 30, 16, 10,
    ]);
    const few = ruleOf({ hyperband: true }, { members: 7, totalSteps: 81 }).bracketOf;
    expect([0, 1, 2, 3, 4].map((bracket) => few.filter((own) => own === bracket).length)).toEqual([4, 2, 1, 0, 0]);
  });

  test("one bracket is halved as often as members and steps allow", () => {
    expect(plain(ruleOf({}, { members: 81, totalSteps: 81 }).rungs)).toEqual([
      [0, 1, 81, 27], [0, 3, 27, 9], [0, 9, 9, 3], [0, 27, 3, 1],
    ]); // prettier-ignore
    expect(plain(ruleOf({}, { members: 10, totalSteps: 81 }).rungs)).toEqual([[0, 9, 10, 3], [0, 27, 3, 1]]); // prettier-ignore
    expect(plain(ruleOf({ minSteps: 9 }, { members: 81, totalSteps: 81 }).rungs)).toEqual([[0, 9, 81, 27], [0, 27, 27, 9]]); // prettier-ignore
    expect(plain(ruleOf({ factor: 2, minEpochs: 2 }, { members: 9, totalSteps: 41, perEpoch: 5 }).rungs)).toEqual([
      [0, 10, 9, 4], [0, 20, 4, 2],
    ]); // prettier-ignore
    // The default: no rung within the first epoch.
    expect(plain(ruleOf({ factor: 2 }, { members: 9, totalSteps: 40, perEpoch: 11 }).rungs)).toEqual([[0, 20, 9, 4]]);
  });

  test("ties go to the lower number, and what is no number comes last", () => {
    expect(rankedBy(Float64Array.of(2, NaN, 1, 2, 1, Infinity), [0, 1, 2, 3, 4, 5], "min")).toEqual([2, 4, 0, 3, 5, 1]);
    expect(rankedBy(Float64Array.of(2, NaN, 1, 2, -Infinity), [0, 1, 2, 3, 4], "max")).toEqual([0, 3, 2, 4, 1]);
    expect(rankedBy(Float64Array.of(NaN, NaN), [1, 0], "min")).toEqual([0, 1]);
  });
});

test("by accuracy the members with the highest continue, and of equal ones those with the lower numbers", async () => {
  const classes = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
  const [rows, heldOut] = [dataOf(classes, 40, 1), dataOf(classes, 30, 2)];
  const options = { optimizer: adam({ learningRate: 0.1 }), epochs: 8, batchSize: 8, validation: heldOut };
  using free = await createModel(classes, { device: reference, members: 8 });
  let accuracies: FloatArray | undefined;
  for await (const { step, validation: scores } of free.train(rows, { ...options, logInterval: { steps: 20 } }))
    if (step === 20) accuracies = scores!.accuracies;
  const order = [...accuracies!.keys()].toSorted((a, b) => accuracies![b]! - accuracies![a]! || a - b);
  using model = await createModel(classes, { device: reference, members: 8 });
  const halving = { factor: 2, minSteps: 20, metric: "accuracy" } as const;
  const { halving: result } = await model.fit(rows, { ...options, halving });
  expect([...result!.stoppedSteps.keys()].filter((member) => result!.stoppedSteps[member] === -1)).toEqual(
    order.slice(0, 4).toSorted((a, b) => a - b),
  );
});

test("between events the model has the parameters of all members, and what is reported is theirs", async () => {
  using model = await open(reference, all);
  const halving = { factor: 2 };
  let most = 0;
  for await (const { validation: told, stopped, losses } of model.train(data, { ...optionsOf(all), halving })) {
    expect((await model.evaluate(validation)).losses).toEqual(told!.losses);
    const last = losses.slice(-members);
    expect(last.filter((loss) => Number.isNaN(loss)).length).toBeLessThanOrEqual(stopped + 1);
    most = Math.max(most, stopped);
  }
  expect(most).toBe(18);
  expect(model.halving!.stoppedSteps.filter((step) => step >= 0).length).toBe(18);
});

test("where all that continue diverge, the training ends there, and the others are kept", async () => {
  // The two that look best at the rung have a schedule that tears them apart behind it.
  using model = await open(reference, [0, 1, 2, 3]);
  const perMember = { learningRate: [0.1, 0.1, 1e-6, 1e-6], seed: [1, 2, 3, 4] };
  const schedule = (step: number): number => (step < 40 ? 1 : 1e30);
  const { halving, steps, diverged } = await model.fit(data, {
    ...optionsOf([0, 1, 2, 3]),
    epochs: 16,
    perMember,
    schedule,
    halving: { factor: 2, minSteps: 40 },
  });
  expect(Array.from(halving!.stoppedSteps)).toEqual([-1, -1, 40, 40]);
  expect(diverged).toBe(2);
  expect(steps).toBeLessThan(80);
  const parameters = await model.readParameters();
  expect(part(parameters, 2).every((value) => Number.isFinite(value))).toBe(true);
});

test("verifyTraining takes the steps that each member has done", async () => {
  using model = await open(wasm, all.slice(0, 4));
  const initialParameters = await model.readParameters();
  const options = { ...optionsOf(all.slice(0, 4)), halving: { factor: 2 } };
  await model.fit(data, options);
  expect(new Set(model.halving!.steps).size).toBeGreaterThan(1);
  expect(await verifyTraining(model, { initialParameters, data, options })).toMatchObject({ passed: true });
});

test.each<[string, TrainOptions, RegExp]>([
  ["no validation", { halving: {}, validation: any(undefined) }, /^train: halving: expected validation rows, .* got none; pass validation/],
  ["a factor of 1", { halving: { factor: 1 } }, /^train: halving: factor: expected an integer .*2.*, got 1/],
  ["a fraction", { halving: { factor: 2.5 } }, /^train: halving: factor: .* got 2\.5/],
  ["steps and epochs", { halving: { minSteps: 3, minEpochs: 1 } }, /^train: halving: expected minSteps or minEpochs, got both;/],
  ["no step", { halving: { minSteps: 0 } }, /^train: halving: minSteps: .* got 0/],
  ["too many epochs", { halving: { minEpochs: 28 } }, /^train: halving: minEpochs: .* got 28/],
  ["no rung", { halving: { minEpochs: 20 } }, /^train: halving: expected at least 3 members, and 3 times as many steps as the 100 before the first rung, got 20 members, 135 steps; train longer/],
  ["another option", { halving: any({ rungs: 3 }) }, /^train: halving: expected options among factor, .* got rungs/],
  ["no boolean", { halving: any({ hyperband: 3 }) }, /^train: halving: hyperband: /],
  ["accuracy of numbers", { halving: { metric: "accuracy" } }, /^train: halving: metric: expected metrics of a regression .*accuracy needs classes/],
  ["another mode", { halving: any({ mode: "least" }) }, /^train: halving: mode: /],
])("%s: an error that says what is expected", async (_, more, message) => {
  using model = await open(reference, all);
  await expect(model.fit(data, { ...optionsOf(all), ...more })).rejects.toEqual(invalid(message));
}); // prettier-ignore

test("a state of other rungs, or of other members, is refused", async () => {
  const chosen = [0, 1, 2];
  const options = { ...optionsOf(chosen), halving: { factor: 3 } };
  using model = await open(reference, chosen);
  let resume: Checkpoint | undefined;
  const save = (state: Checkpoint): void => void (resume ??= state);
  await model.fit(data, { ...options, checkpoint: { interval: { steps: 50 }, save } });
  const longer = { ...options, epochs: 30, resume };
  await expect(model.fit(data, longer)).rejects.toEqual(
    invalid(/^train: resume: halving\.totalSteps: expected 135, as in the checkpoint, got 150; pass the same/),
  );
  await expect(model.fit(data, { ...options, halving: { factor: 2 }, resume })).rejects.toEqual(
    invalid(/^train: resume: halving\.factor: expected 3, .* got 2;/),
  );
  for (const [name, halving] of Object.entries({
    rungs: { factor: 3, hyperband: true },
    monitor: { factor: 3, metric: "mae" as const },
  }))
    await expect(model.fit(data, { ...options, halving, resume })).rejects.toEqual(
      invalid(new RegExp(`^train: resume: halving\\.${name}: expected .*, as in the checkpoint, got `)),
    );
  const { halving: _, ...without } = options;
  await expect(model.fit(data, { ...without, resume })).rejects.toEqual(
    invalid(/^train: halving: expected the halving of the checkpoint, .* got none;/),
  );
  const short = {
    ...resume!,
    trainer: { halving: { ...resume!.trainer!.halving!, stoppedSteps: new Float64Array(2) } },
  };
  await expect(model.fit(data, { ...options, resume: short })).rejects.toEqual(
    invalid(/^train: resume: halving\.stoppedSteps: expected 3 values, got 2 values/),
  );
});
