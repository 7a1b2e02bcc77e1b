// Schedules: each against the recursion that PyTorch publishes, and inside trainings against PyTorch's float64 runs.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  acquire,
  adam,
  type Checkpoint,
  constant,
  cosine,
  cosineRestarts,
  createModel,
  createOptimizer,
  dense,
  type Device,
  exponential,
  type FloatArray,
  hyperParameterDefaults,
  InvalidInput,
  linear,
  multiStep,
  network,
  oneCycle,
  type Optimizer,
  optimizer as defineOptimizer,
  optimizerNames,
  ownSchedule,
  piecewise,
  polynomial,
  type Schedule,
  scheduleFunction,
  type ScheduleOption,
  sgd,
  step as stepSchedule,
  type StrategyName,
  type TrainOptions,
  verifyTraining,
  warmUp,
} from "../src/index.ts";
import { optimizerOf } from "../src/backend/batches.ts";
import { update } from "../src/backend/cpu/update.ts";
import { createReference } from "../src/backend/createReference.ts";
import { strategyNames } from "../src/backend/executor.ts";
import { initialState } from "../src/math/optimizerFunction.ts";
import { checkedSchedule, factorFunction, withLength } from "../src/math/schedule.ts";
import { optimizerAt } from "../src/math/scheduled.ts";
import { planTraining } from "../src/model/options.ts";
import { relative, worstRelative } from "./support/goldens.ts";
import { dataOf } from "./support/nets.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainerGolden } from "./support/trainerGoldens.ts";
import { createSmallRun } from "./support/wasmRuns.ts";

const factorAt = (schedule: Schedule, step: number): number => factorFunction(schedule)(step);

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const wasm = await acquire({ device: "wasm" });

const count = 60;
const factorsOf = (schedule: Schedule, steps = count): number[] =>
  Array.from({ length: count }, (_, step) => step).map(scheduleFunction(schedule, steps));

/** The rates of `count` steps by the recursion of a scheduler's `get_lr` in `torch/optim/lr_scheduler.py`, from a rate of 1. */
function recursion(next: (rate: number, epoch: number) => number, first = 1): number[] {
  const rates = [first];
  for (let epoch = 1; epoch < count; epoch++) rates.push(next(rates[epoch - 1]!, epoch));
  return rates;
}

/** `OneCycleLR.get_lr`: phases of the learning rate, `pct` of each along a cosine or a line. */
function oneCycleRates(
  total: number,
  options: { pct: number; div: number; final: number; three: boolean; linear: boolean },
) {
  const { pct: start, div, final, three } = options;
  const [initial, most] = [1 / div, 1];
  const min = initial / final;
  const phases = three
    ? [
        [start * total - 1, initial, most],
        [2 * start * total - 2, most, initial],
        [total - 1, initial, min],
      ]
    : [
        [start * total - 1, initial, most],
        [total - 1, most, min],
      ];
  return Array.from({ length: total }, (_, number) => {
    let begin = 0;
    for (const [index, [end, from, to]] of (phases as [number, number, number][]).entries()) {
      if (number <= end || index === phases.length - 1) {
        const share = (number - begin) / (end - begin);
        return options.linear ? (to - from) * share + from : to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
      }
      begin = end;
    }
    return Number.NaN;
  });
}

const eta = 0.05;
const tMax = 25;
/** `CosineAnnealingWarmRestarts.step`, which counts T_cur and T_i from step to step. */
function restarts(first: number, multiplier: number): number[] {
  let [current, length] = [-1, first];
  return Array.from({ length: count }, () => {
    current++;
    if (current >= length) [current, length] = [current - length, length * multiplier];
    return eta + ((1 - eta) * (1 + Math.cos((Math.PI * current) / length))) / 2;
  });
}

describe("factors are those of PyTorch's recursions", () => {
  const half = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / tMax);
  test.each<[string, Schedule, number[]]>([
    ["constant", constant(0.5), recursion((rate) => rate, 0.5)],
    [
      "LinearLR",
      linear({ startFactor: 0.25, endFactor: 0.75, steps: 20 }),
      recursion(
        (rate, epoch) => (epoch > 20 ? rate : rate * (1 + (0.75 - 0.25) / (20 * 0.25 + (epoch - 1) * (0.75 - 0.25)))),
        0.25,
      ),
    ],
    ["StepLR", stepSchedule({ stepSize: 7, gamma: 0.3 }), recursion((rate, epoch) => (epoch % 7 ? rate : rate * 0.3))],
    [
      "MultiStepLR",
      multiStep({ milestones: [3, 11, 12], gamma: 0.5 }),
      recursion((rate, epoch) => ([3, 11, 12].includes(epoch) ? rate * 0.5 : rate)),
    ],
    ["ExponentialLR", exponential({ gamma: 0.9 }), recursion((rate) => rate * 0.9)],
    [
      "PolynomialLR",
      polynomial({ power: 2.5, steps: 40 }),
      recursion((rate, epoch) => (epoch > 40 ? rate : rate * ((1 - epoch / 40) / (1 - (epoch - 1) / 40)) ** 2.5)),
    ],
    [
      "CosineAnnealingLR, past its end too",
      cosine({ floor: eta, steps: tMax }),
      recursion((rate, epoch) =>
        (epoch - 1 - tMax) % (2 * tMax) === 0
          ? rate + ((1 - eta) * (1 - Math.cos(Math.PI / tMax))) / 2
          : (half(epoch) / half(epoch - 1)) * (rate - eta) + eta,
      ),
    ],
    ["CosineAnnealingWarmRestarts", cosineRestarts({ floor: eta, steps: 8, multiplier: 2 }), restarts(8, 2)],
    ["and of equal cycles", cosineRestarts({ floor: eta, steps: 9 }), restarts(9, 1)],
    ["OneCycleLR", oneCycle(), oneCycleRates(count, { pct: 0.3, div: 25, final: 1e4, three: false, linear: false })],
    [
      "in three phases along lines",
      oneCycle({ rise: 0.4, divFactor: 10, finalDivFactor: 100, anneal: "linear", threePhase: true }),
      oneCycleRates(count, { pct: 0.4, div: 10, final: 100, three: true, linear: true }),
    ],
    [
      "its momentum, from 0.95 over 0.85 to 0.95, of the base 0.85",
      oneCycle({ divFactor: 0.85 / 0.95, finalDivFactor: 1 }),
      oneCycleRates(count, { pct: 0.3, div: 0.85 / 0.95, final: 1, three: false, linear: false }),
    ],
    [
      "SequentialLR",
      piecewise([{ steps: 10, schedule: constant(0.1) }, { steps: 20, schedule: exponential({ gamma: 0.5 }) }, { schedule: cosine() }]), // prettier-ignore
      [
        ...Array.from({ length: 10 }, () => 0.1),
        ...Array.from({ length: 20 }, (_, epoch) => 0.5 ** epoch),
        ...Array.from({ length: 30 }, (_, epoch) => (1 + Math.cos((Math.PI * epoch) / 30)) / 2),
      ],
    ],
    [
      "LambdaLR",
      ownSchedule("harmonic", (epoch) => 1 / (1 + epoch)),
      Array.from({ length: count }, (_, t) => 1 / (1 + t)),
    ],
  ])("%s", (_, schedule, wanted) => {
    const factors = factorsOf(schedule);
    for (const [step, factor] of factors.entries())
      expect(Math.abs(factor - wanted[step]!), `step ${step}`).toBeLessThanOrEqual(1e-12);
  });

  test("past its end one-cycle stays, as restarts of any length continue", () => {
    const own = withLength(oneCycle(), 10);
    expect(factorAt(own, 500)).toBe(factorAt(own, 9));
    for (const schedule of [oneCycle({ rise: 0 }), oneCycle({ rise: 1 }), cosineRestarts({ multiplier: 3 })])
      for (const steps of [1, 2, 3]) {
        const factors = Array.from({ length: 9 }, (_, step) => factorAt(withLength(schedule, steps), step));
        expect(factors.every((factor) => factor >= 0 && factor <= 1)).toBe(true);
      }
  });

  test("a piece without steps has those that are left, and a schedule inside one no more than it", () => {
    const schedule = warmUp(10, cosine(), { startFactor: 0 });
    const factors = factorsOf(schedule, 50);
    expect(factors[0]).toBe(0);
    expect(factors[5]).toBeCloseTo(0.5, 12);
    expect(factors[10]).toBe(1);
    expect(factors[30]).toBeCloseTo(0.5, 12);
    expect(factors[50]).toBeCloseTo(0, 12);
  });
});

test("a schedule is data: through JSON it stays the same, but for an own function", () => {
  const numbers = fc.record({
    steps: fc.integer({ min: 1, max: 99 }),
    floor: fc.double({ min: 0, max: 2, noNaN: true }),
  });
  fc.assert(
    fc.property(numbers, fc.nat(200), (options, at) => {
      const schedule = warmUp(options.steps, cosineRestarts({ ...options, multiplier: 2 }));
      const read = checkedSchedule("test", JSON.parse(JSON.stringify(schedule)) as Schedule);
      expect(read).toEqual(schedule);
      expect(factorAt(withLength(read, 300), at)).toBe(factorAt(withLength(schedule, 300), at));
    }),
  );
  expect(JSON.stringify(ownSchedule("mine", () => 1))).toBe('{"name":"own","label":"mine"}');
});

const goldens = [
  {
    golden: trainerGolden("oneCycle"),
    // `torch.optim.lr_scheduler.OneCycleLR` sets the rate that the optimizer has; here it is a factor of that rate.
    changes: { learningRate: 0.05 },
    schedule: oneCycle(),
    bound: 1e-4,
  },
  {
    golden: trainerGolden("warmupCosine"),
    changes: {},
    schedule: warmUp(5, cosine({ floor: 0.001 / 0.3 }), { startFactor: 0.1 }),
    bound: 1e-5,
  },
] as const;

for (const { golden, changes, schedule, bound } of goldens) {
  const optimizer = golden.createOptimizer(changes);
  const { network: net, data, steps, batchSize, initialParameters } = golden;
  const options = { optimizer, schedule, steps, batchSize };

  async function trainedOn(device: Device, members = 1, more: TrainOptions = {}) {
    const parameters = Float64Array.from(Array.from({ length: members }, () => initialParameters).flat());
    using model = await createModel(net, { device, members, parameters });
    const [losses, rates] = [[] as number[], [] as number[]];
    for await (const event of model.train(data, { ...options, ...more, logInterval: { steps: 1 } })) {
      losses.push(event.losses.at(-1)!);
      rates.push(event.learningRate);
    }
    return { losses, rates, parameters: (await model.readParameters()).slice(-net.parameterCount) };
  }

  describe(`${golden.name}: PyTorch's float64 run is repeated`, () => {
    test("by the CPU reference, with the learning rates that events tell", async () => {
      const { losses, rates, parameters } = await trainedOn(cpu);
      expect(worstRelative(rates, golden.learningRates)).toBeLessThanOrEqual(1e-9);
      expect(worstRelative(losses, golden.losses)).toBeLessThanOrEqual(1e-9);
      expect(relative(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-9);
    });

    const follows = ({ losses, parameters }: { losses: number[]; parameters: ArrayLike<number> }): void => {
      expect(losses).toHaveLength(steps);
      expect(worstRelative(losses, golden.losses)).toBeLessThanOrEqual(bound);
      expect(relative(parameters, golden.finalParameters)).toBeLessThanOrEqual(bound);
    };

    test.each([1, 2])("by WebAssembly, layer by layer and straight-line, %s members", async (members) => {
      follows(await trainedOn(wasm, members));
      const { settings } = await planTraining(net, data, options, members);
      const parameters = Array.from({ length: members }, () => initialParameters).flat();
      const run = await createSmallRun({ network: net as never, settings, members, parameters, useRelaxed: false });
      await run.execute(0, steps);
      const losses = Array.from(await run.readLosses(0, steps)).filter((_, at) => at % members === 0);
      follows({ losses, parameters: run.readParameters().slice(-net.parameterCount) });
      run.dispose();
    });

    for (const strategy of golden.name === "oneCycle" ? (["members"] as const) : strategyNames) {
      testOf(strategy === "members")(`by the GPU, strategy ${strategy}`, async () => {
        try {
          follows(await trainedOn(gpu(), 1, { strategy }));
        } catch (error) {
          expect(String(error)).toMatch(/train: strategy: expected one of/);
          expect(strategy).toBe("subgroups");
        }
      });
    }
  });
}

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
/** Five batches an epoch: the cut at step 7 lies within the second. */
const shared = { batchSize: 8, seed: 5, steps: 20 };
const cutAt = 7;

interface Trained {
  readonly device: Device;
  readonly members?: number;
  readonly strategy?: StrategyName;
  readonly options: TrainOptions;
}

async function trained({ device, members = 1, options, strategy }: Trained) {
  using model = await createModel(net, { device, seed: 1, members });
  const { history } = await model.fit(data, { ...shared, ...options, ...(strategy && { strategy }) });
  return { parameters: await model.readParameters(), losses: history.loss };
}

const places: [string, () => Device, StrategyName | undefined][] = [
  ["reference", () => cpu, undefined],
  ["wasm", () => wasm, undefined],
  ["GPU", gpu, "layered"],
];

describe.each(places)("%s", (_, device, strategy) => {
  const own = () => ({ device: device(), ...(strategy && { strategy }) });
  const momentum = sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 });

  test.each([1, 3])("a factor of 1 changes no bit, %s members", async (members) => {
    const plain = await trained({ ...own(), members, options: { optimizer: momentum } });
    const schedule = {
      learningRate: constant(),
      momentum: () => 1,
      weightDecay: linear({ startFactor: 1, endFactor: 1 }),
    };
    expect(await trained({ ...own(), members, options: { optimizer: momentum, schedule } })).toEqual(plain);
  });

  test("momentum and weight decay follow theirs: those of a member are factors of its own", async () => {
    const schedule = {
      momentum: linear({ startFactor: 0, endFactor: 1 }),
      weightDecay: cosine(),
      learningRate: exponential(),
    };
    const perMember = { learningRate: [0.1, 0.05], momentum: [0.9, 0.5], weightDecay: [0.01, 0.1] };
    const together = await trained({ ...own(), members: 2, options: { optimizer: momentum, schedule, perMember } });
    // Member by member in float64, the optimizer made anew for each step.
    const { settings } = await planTraining(net, data, { ...shared, optimizer: momentum, schedule, perMember }, 2);
    const wanted: number[] = [];
    for (let member = 0; member < 2; member++) {
      const executor = createReference(net, 1);
      using first = await createModel(net, { device: cpu, seed: 1 + member });
      executor.writeParameters(await first.readParameters());
      let resume: Checkpoint | undefined;
      for (let at = 0; at < shared.steps; at++) {
        const optimizer = optimizerAt(optimizerOf(settings, member), at);
        // A momentum of 0 would keep no velocity.
        const now = { ...optimizer, momentum: Math.max(optimizer.momentum, 1e-300) };
        const { perMember: _lists, ...common } = settings;
        const run = await executor.createRun({ ...common, optimizer: now, ...(resume && { resume }) });
        await run.execute(at, 1);
        resume = await run.readCheckpoint(at + 1);
      }
      wanted.push(...resume!.parameters);
    }
    const bound = device().kind === "reference" ? 1e-12 : 1e-5;
    expect(relative(together.parameters, wanted)).toBeLessThanOrEqual(bound);
  });

  test("a training that was interrupted continues where its schedule stood", async () => {
    const options = {
      ...shared,
      optimizer: adam({ learningRate: 0.05 }),
      schedule: warmUp(4, cosine()),
      ...(strategy && { strategy }),
    };
    const whole = await trained({ ...own(), options });
    using first = await createModel(net, { device: device(), seed: 1 });
    for await (const { step } of first.train(data, { ...options, logInterval: { steps: cutAt } }))
      if (step === cutAt) break;
    using second = await createModel(net, { device: device(), seed: 9 });
    await second.fit(data, { ...options, resume: first.checkpoint });
    expect(await second.readParameters()).toEqual(whole.parameters);
  });
});

test("without a schedule the update is the very one that it was", async () => {
  const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
  const { settings } = await planTraining(net, data, { ...shared, optimizer }, 1);
  expect(settings.optimizer).toBe(optimizer);
});

test("next({ learningRate }) changes what the schedule is a factor of", async () => {
  using model = await createModel(net, { device: cpu });
  const events = model.train(data, { ...shared, optimizer: sgd({ learningRate: 1 }), schedule: exponential({ gamma: 0.5 }), logInterval: { steps: 1 } }); // prettier-ignore
  const rates = [
    (await events.next()).value!.learningRate,
    (await events.next({ learningRate: 8 })).value!.learningRate,
  ];
  await events.return();
  expect(rates).toEqual([1, 4]);
});

test("values of steps are computed in blocks, but an own function is asked for no step before it is taken", async () => {
  const net = network({ inputs: 3, layers: [dense(4, "tanh"), dense(2)], loss: "meanSquaredError" });
  const data = dataOf(net, 20, 1);
  const shape = warmUp(30, cosine({ floor: 0.1, steps: 100 }));
  const factor = factorFunction(shape);
  const blocks = new Float64Array(150);
  factor.fill!(7, blocks); // over the end of a piece
  expect(blocks).toEqual(Float64Array.from({ length: 150 }, (_, at) => factor(7 + at)));
  const asked = new Set<number>();
  const own = (step: number): number => {
    asked.add(step);
    return factor(step);
  };
  for (const device of [cpu, wasm]) {
    const ends: FloatArray[] = [];
    for (const schedule of [shape, own]) {
      asked.clear();
      using model = await createModel(net, { device, seed: 1 });
      // Trained in three parts, and at another rate from the second event on: blocks begin anywhere.
      const options = { optimizer: adam(), schedule, steps: 130, batchSize: 7, logInterval: { steps: 37 } };
      const events = model.train(data, options);
      await events.next();
      await events.next({ learningRate: 0.02 });
      for await (const _ of events);
      ends.push(await model.readParameters());
      if (schedule === own)
        expect([...asked].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 130 }, (_, at) => at));
    }
    expect(ends[1]).toEqual(ends[0]);
  }
});

test("events tell the mean rate of members that have their own", async () => {
  using model = await createModel(net, { device: cpu, members: 2 });
  const perMember = { learningRate: [0.1, 0.3] };
  const rates: number[] = [];
  const options = { ...shared, steps: 2, perMember, schedule: exponential({ gamma: 0.5 }), logInterval: { steps: 1 } };
  for await (const { learningRate } of model.train(data, options)) rates.push(learningRate);
  expect(rates[0]).toBeCloseTo(0.2, 12);
  expect(rates[1]).toBeCloseTo(0.1, 12);
});

test("a training is verified with its schedule, and one with another is not the same", async () => {
  using model = await createModel(net, { device: wasm, seed: 1 });
  const initialParameters = await model.readParameters();
  const options = { ...shared, optimizer: sgd({ learningRate: 0.1 }), schedule: cosine() };
  await model.fit(data, options);
  expect(await verifyTraining(model, { data, options, initialParameters })).toMatchObject({
    passed: true,
    conclusive: true,
  });
  const { schedule: _, ...plain } = options;
  expect(await verifyTraining(model, { data, options: plain, initialParameters })).toMatchObject({ passed: false });
});

test("a training that diverges names the rate of its step", async () => {
  using model = await createModel(net, { device: cpu });
  const options = {
    ...shared,
    steps: 2000,
    optimizer: sgd({ learningRate: 1 }),
    schedule: exponential({ gamma: 1.5 }),
  };
  await expect(model.fit(data, options)).rejects.toThrow(
    /learningRate \(it is 1, by its schedule [\d.e+]+ in step \d+\)/,
  );
});

describe("what cannot be is refused", () => {
  const plan = (schedule: unknown, optimizer: Optimizer = sgd()): Promise<unknown> =>
    planTraining(net, data, { ...shared, optimizer, schedule: schedule as ScheduleOption }, 1);
  const manyTerms = defineOptimizer("many", {
    hyperParameters: { learningRate: 0.1, weightDecay: 0.1 },
    update: ({ parameter, gradient, step: t, learningRate, weightDecay }) => ({
      parameter: parameter
        .minus(learningRate.times(gradient).times(t))
        .minus(gradient.times(t.plus(1).over(t)))
        .minus(parameter.times(weightDecay).over(t.squared()))
        .minus(parameter.times(gradient).over(t.plus(3)))
        .minus(parameter.times(parameter).over(t.plus(7))),
    }),
  });
  test.each<[string, () => unknown, RegExp]>([
    [
      "a name that is none",
      () => plan({ name: "cosin" }),
      /train: schedule: expected a schedule, one of .*, got "cosin"/,
    ],
    ["a number", () => plan(0.5), /train: schedule: expected options/],
    ["no schedule at all", () => plan({ learningRate: 3 }), /train: schedule.learningRate: expected a schedule/],
    ["another hyper-parameter", () => plan({ beta1: cosine() }), /learningRate, momentum, weightDecay, got beta1/],
    [
      "a number that it does not have",
      () => plan({ name: "cosine", gamma: 2 }),
      /train: schedule: cosine: .*got gamma/,
    ],
    [
      "a number out of range",
      () => plan({ name: "step", stepSize: 0.5 }),
      /step: stepSize: expected an integer from 1/,
    ],
    ["milestones that do not rise", () => multiStep({ milestones: [5, 5] }), /milestones: expected rising integers/],
    ["a text", () => oneCycle({ anneal: "sine" as never }), /anneal: expected cosine or linear/],
    ["pieces without length", () => piecewise([{ schedule: cosine() }, { schedule: cosine() }]), /pieces\[0\].steps/],
    ["no pieces", () => piecewise([]), /a list of pieces/],
    ["momentum of adam", () => plan({ momentum: cosine() }, adam()), /expected an optimizer with momentum, got adam/],
    ["momentum of 0", () => plan({ momentum: cosine() }), /schedule.momentum: expected a momentum above 0/],
    ["too many terms of the step", () => plan(cosine(), manyTerms()), /at most 5 terms that depend only on the step/],
  ])("%s", async (_, create, message) => {
    await expect(async () => create()).rejects.toThrow(InvalidInput);
    await expect(async () => create()).rejects.toThrow(message);
  });

  test("an own function that gives no factor, when it does", async () => {
    using model = await createModel(net, { device: cpu });
    const schedule = ownSchedule("mine", (at) => (at < 3 ? 1 : Number.NaN));
    await expect(model.fit(data, { ...shared, schedule })).rejects.toThrow(/schedule mine: step 3: expected a number/);
  });
});

test("every optimizer without a line search takes schedules of all it has", async () => {
  for (const name of optimizerNames.filter((own) => own !== "lbfgs")) {
    const taken = Object.keys(hyperParameterDefaults(name)).filter((own) =>
      ["learningRate", "momentum", "weightDecay"].includes(own),
    );
    const values = Object.fromEntries(taken.map((own) => [own, 0.01]));
    const optimizer = createOptimizer(name, values);
    const schedule = Object.fromEntries(taken.map((own) => [own, exponential({ gamma: 0.5 })]));
    const { settings } = await planTraining(net, data, { ...shared, optimizer, schedule }, 1);
    // One step of the reference with factors ½ and a plain one of halved numbers.
    const matrices = { all: [{ offset: 0, fanIn: 2, fanOut: 1 }], mask: Float64Array.of(1, 1, 0) };
    const one = {
      matrices,
      optimizer: settings.optimizer,
      gradients: new Float64Array(3).fill(0.5),
      limit: Number.POSITIVE_INFINITY,
    };
    const halved = optimizerAt(settings.optimizer, 1);
    expect(halved.learningRate).toBe(0.005);
    const updated = [one, { ...one, optimizer: halved }].map((own) => {
      const parameters = Float64Array.of(1, -2, 0.25);
      const moments = initialState(own.optimizer, 3).map((first) =>
        parameters.map((value) => (first === "parameter" ? value : first)),
      );
      update({ ...own, step: 1, parameters, moments });
      return [...parameters];
    });
    for (const [at, value] of updated[0]!.entries())
      expect(Math.abs(value / updated[1]![at]! - 1), name).toBeLessThan(1e-14);
  }
});
