// L-BFGS with its strong-Wolfe line search: against PyTorch's float64 run and PyTorch's algorithm written out, and on every machine against
// the float64 reference.

import { describe, expect, test } from "vitest";
import {
  acquire,
  adam,
  type AnyNetwork,
  type Checkpoint,
  concat,
  cosine,
  createModel,
  crossValidate,
  type Dataset,
  dense,
  type Device,
  dropout,
  ema,
  embedding,
  type FloatArray,
  fourierFeatures,
  gaussianNoise,
  hyperParameterDefaults,
  layerNorm,
  lbfgs,
  network,
  residual,
  sgd,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import wolfeSearch from "../shaders/wolfeSearch.wgsl?raw";
import { LbfgsUpdate } from "../src/math/lbfgs.ts";
import { lbfgsRows, searchNames } from "../src/math/lbfgsState.ts";
import { createExecutor } from "../src/backend/createExecutor.ts";
import { relativeDistance } from "./support/compare.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { type LbfgsOptions, lbfgsByPyTorch } from "./support/lbfgsByPyTorch.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { testInFull } from "./support/share.ts";
import { trainerGolden } from "./support/trainerGoldens.ts";
import { timeless } from "./support/timeless.ts";

const gpu = shareDevice();
const [reference, wasm] = [await acquire({ device: "reference" }), await acquire({ device: "wasm" })];
const machines = [
  ["the CPU reference", () => reference],
  ["WebAssembly", () => wasm],
  ["WebGPU", gpu],
] as const satisfies readonly (readonly [string, () => Device])[];

// The definition.

type Objective = Parameters<typeof lbfgsByPyTorch>[0];

/** Points that `LbfgsUpdate` evaluates. */
function evaluated(objective: Objective, initial: number[], options: LbfgsOptions, calls: number): number[][] {
  const optimizer = lbfgs(options);
  const count = initial.length;
  const own = new LbfgsUpdate(options.historySize, count, Number.POSITIVE_INFINITY);
  const parameters = Float64Array.from(initial);
  const state = Array.from({ length: lbfgsRows(options.historySize, count) }, () => new Float64Array(count));
  return Array.from({ length: calls }, () => {
    const point = Array.from(parameters);
    const { loss, gradient } = objective(point);
    expect(own.update({ optimizer, loss, gradients: Float64Array.from(gradient), parameters, state })).toBe(true);
    return point;
  });
}

/** Of one variable each, added up. */
const separable =
  (value: (x: number, at: number) => number, slope: (x: number, at: number) => number): Objective =>
  (x) => ({ loss: x.reduce((sum, own, at) => sum + value(own, at), 0), gradient: x.map(slope) });

const rosenbrock: Objective = (x) => {
  const gradient = x.map(() => 0);
  let loss = 0;
  for (let at = 0; at + 1 < x.length; at++) {
    const [bend, away] = [x[at + 1]! - x[at]! ** 2, 1 - x[at]!];
    loss += 100 * bend ** 2 + away ** 2;
    gradient[at]! += -400 * bend * x[at]! - 2 * away;
    gradient[at + 1]! += 200 * bend;
  }
  return { loss, gradient };
};

const objectives: Record<string, Objective> = {
  rosenbrock,
  "a narrow valley": separable(
    (x, at) => 10 ** at * x * x,
    (x, at) => 2 * 10 ** at * x,
  ),
  "a quartic": separable(
    (x) => x ** 4 - x ** 2,
    (x) => 4 * x ** 3 - 2 * x,
  ),
  waves: separable(
    (x, at) => Math.sin((at + 2) * x) + 0.05 * x * x,
    (x, at) => (at + 2) * Math.cos((at + 2) * x) + 0.1 * x,
  ),
  "a plain with a slope": separable(
    (x) => Math.sqrt(1 + x * x) - 0.999 * x,
    (x) => x / Math.sqrt(1 + x * x) - 0.999,
  ),
  "a kink, where line searches fail": separable(
    (x, at) => Math.abs(x - 0.1 * at),
    (x, at) => Math.sign(x - 0.1 * at),
  ),
};

const usual: LbfgsOptions = {
  learningRate: 1,
  maxIterations: 20,
  maxEvaluations: 25,
  historySize: 10,
  toleranceGradient: 1e-7,
  toleranceChange: 1e-9,
};
const variations: Record<string, Partial<LbfgsOptions>> = {
  "with its defaults": {},
  "a pair, steps of 4 evaluations": { historySize: 1, maxEvaluations: 4 },
  "long steps, 3 pairs": { learningRate: 30, historySize: 3, maxIterations: 7 },
  "short steps, no tolerances": { learningRate: 0.01, toleranceChange: 0, toleranceGradient: 0, maxIterations: 3 },
};

describe.each(Object.entries(objectives))("PyTorch's algorithm on %s", (_, objective) => {
  test.each(Object.entries(variations))("%s", (__, changes) => {
    const options = { ...usual, ...changes };
    for (const initial of [[-1.2, 1, 0.7], [3], [0.4, -0.3, 0.2, 1.9, -2.5, 0.05, 1.1]]) {
      const { points } = lbfgsByPyTorch(objective, initial, options, 120);
      const own = evaluated(objective, initial, options, 120);
      // Rounding grows from one iteration to the next: sums are taken in the same order, so that there is none to speak of.
      for (const [call, point] of points.entries()) {
        for (const [at, value] of point.entries()) expect(own[call]![at]).toBeCloseTo(value, 9);
      }
    }
  });
});

test("PyTorch's float64 run", async () => {
  const golden = trainerGolden("lbfgs");
  const optimizer = golden.createOptimizer();
  const options = { ...optimizer, toleranceGradient: 1e-7, toleranceChange: 1e-9 };
  const evaluations = 36; // six calls of PyTorch's `step`, of five iterations and an evaluation before them
  expect(options.maxIterations).toBe(5);
  const run = async (drift: number) => {
    const parameters = Float64Array.from(golden.initialParameters, (value, at) => value * (1 + drift * Math.sin(at)));
    using model = await createModel(golden.network, { device: reference, parameters });
    const losses: number[] = [];
    for await (const event of model.train(golden.data, { optimizer, steps: evaluations })) losses.push(...event.losses);
    return { losses, parameters: await model.readParameters() };
  };
  const own = await run(0);
  expect(
    relativeDistance(
      own.losses.filter((_, call) => call % 6 === 0),
      golden.losses,
    ),
  ).toBeLessThan(1e-9);
  // Half a unit in the last place of the initial parameters moves those at the end by 1e-10 to 4e-9: that is how far PyTorch's may be.
  expect(relativeDistance(own.parameters, golden.finalParameters)).toBeLessThan(1e-8);
  const drifts = await Promise.all([1, 2, 3].map(async (seed) => (await run(seed * 2 ** -53)).parameters));
  const largest = Math.max(...drifts.map((drifted) => relativeDistance(drifted, own.parameters)));
  expect(largest).toBeGreaterThan(1e-10);
  expect(largest).toBeLessThan(1e-8);
});

test("defaults are PyTorch's, except for the history, which is shorter", () => {
  expect(hyperParameterDefaults("lbfgs")).toEqual(usual);
  expect(lbfgs({ maxIterations: 7 }).maxEvaluations).toBe(8);
  expect(lbfgs({ maxIterations: 1 }).maxEvaluations).toBe(1);
  expect(lbfgs({ maxIterations: 7, maxEvaluations: 3 }).maxEvaluations).toBe(3);
});

// Machines.

interface Fit {
  readonly net: AnyNetwork;
  readonly data: Dataset;
}

/** Rows of a smooth function of the inputs. */
function fitOf(net: AnyNetwork, rows: number, categories = 0): Fit {
  const inputs = Float32Array.from(randomFloats(3, rows * net.inputs), (value, at) =>
    categories > 0 && at % net.inputs === net.inputs - 1 ? Math.floor(Math.abs(value) * 1e6) % categories : value,
  );
  const targets = Float32Array.from({ length: rows * net.outputs }, (_, at) => {
    const row = Math.floor(at / net.outputs);
    const sum = inputs.subarray(row * net.inputs, (row + 1) * net.inputs).reduce((all, value) => all + value, 0);
    return 0.5 * Math.sin(2 * sum + (at % net.outputs)) + 0.2 * sum;
  });
  return { net, data: { inputs, targets } };
}

const loss = "meanSquaredError";
const fits: Record<string, () => Fit> = {
  "a line: 2 parameters": () => fitOf(network({ inputs: 1, layers: [dense(1)], loss }), 9),
  "37 parameters": () => fitOf(network({ inputs: 3, layers: [dense(7, "tanh"), dense(1)], loss }), 41),
  "layer norms and residuals": () =>
    fitOf(network({ inputs: 5, layers: [dense(6), residual(layerNorm(), dense(6, "silu")), dense(2)], loss }), 33),
  "an embedding and Fourier features": () =>
    fitOf(
      network({
        inputs: 3,
        layers: [
          concat(fourierFeatures(2)),
          embedding({ column: 2, categories: 5, width: 3 }),
          dense(5, "tanh"),
          dense(1),
        ],
        loss,
      }),
      50,
      5,
    ),
};

/** Checkpoints after each step. */
async function checkpointsOf(
  device: Device,
  { net, data }: Fit,
  options: TrainOptions & { members?: number },
): Promise<Checkpoint[]> {
  const { members = 1, ...training } = options;
  using model = await createModel(net, { device, members, seed: 4 });
  const checkpoints: Checkpoint[] = [];
  for await (const { step } of model.train(data, { ...training, logInterval: { steps: 1 } })) {
    expect(model.checkpoint!.step).toBe(step);
    checkpoints.push(structuredClone(model.checkpoint!));
  }
  return checkpoints;
}

/** Largest relative distance of rows of so many values; of rows that are 0, 0. */
function largestDistance(own: FloatArray, wanted: FloatArray, width: number): number {
  let largest = 0;
  for (let first = 0; first < wanted.length; first += width) {
    const row = wanted.subarray(first, first + width);
    const same = own.subarray(first, first + width);
    if (row.every((value) => value === 0)) expect(same.every((value) => value === 0)).toBe(true);
    else largest = Math.max(largest, relativeDistance(same, row));
  }
  return largest;
}

// A step is compared from the state that the machine has come to, so that nothing is amplified from step to step. Parameters are off by the
// rounding of float32; differences of gradients, and directions made of them, have fewer digits the closer a member is to its minimum.
describe.each(Object.entries(fits))("%s", (name, createFit) => {
  test.each([
    [1, 10],
    [3, 1],
    [70, 4],
  ])("%i members, %i pairs: from any state a step is the reference's", async (members, historySize) => {
    const fit = createFit();
    const { parameterCount } = fit.net;
    const steps = 24;
    const options = { optimizer: lbfgs({ historySize, maxIterations: 6 }), steps, members };
    using model = await createModel(fit.net, { device: reference, members });
    for (const [, device] of machines.slice(1)) {
      const own = await checkpointsOf(device(), fit, options);
      for (let step = 1; step < steps; step++) {
        const { members: _, ...training } = options;
        await model.fit(fit.data, { ...training, steps: step + 1, resume: own[step - 1] });
        const { parameters, moments, bestLosses } = model.checkpoint!;
        expect(relativeDistance(own[step]!.parameters, parameters)).toBeLessThan(1e-4);
        expect(relativeDistance(own[step]!.bestLosses, bestLosses)).toBeLessThan(1e-3);
        // Two parameters are at their minimum after some steps: their gradients are rounding.
        if (name !== "a line: 2 parameters")
          expect(largestDistance(own[step]!.moments, moments, parameterCount)).toBeLessThan(1e-3);
      }
    }
  });
});

const small = fits["37 parameters"]!();

describe.each(machines)("%s", (_, device) => {
  test("members are trained as each alone, to the bit", async () => {
    const [members, count] = [5, small.net.parameterCount];
    const options = { optimizer: lbfgs({ historySize: 3 }), steps: 20 };
    const learningRate = [1, 0.5, 1, 2, 0.1];
    using all = await createModel(small.net, { device: device(), members, seed: 9 });
    const parameters = await all.readParameters();
    await all.fit(small.data, { ...options, perMember: { learningRate } });
    const together = await all.readParameters();
    for (let member = 0; member < members; member++) {
      const own = parameters.slice(member * count, (member + 1) * count);
      using alone = await createModel(small.net, { device: device(), parameters: own });
      await alone.fit(small.data, {
        ...options,
        optimizer: lbfgs({ historySize: 3, learningRate: learningRate[member]! }),
      });
      expect(await alone.readParameters()).toEqual(together.slice(member * count, (member + 1) * count));
    }
  });

  test("a training continues to the same bits from every step", async () => {
    const options = { optimizer: lbfgs({ historySize: 2, maxIterations: 4 }), steps: 18, members: 3 };
    const { members, ...training } = options;
    const all = await checkpointsOf(device(), small, options);
    using whole = await createModel(small.net, { device: device(), members, seed: 4 });
    await whole.fit(small.data, training);
    expect(whole.checkpoint!.moments).toEqual(all.at(-1)!.moments);
    for (const resume of all.slice(0, -1)) {
      using model = await createModel(small.net, { device: device(), members, seed: 77 });
      await model.fit(small.data, { ...training, resume });
      expect(await model.readParameters()).toEqual(await whole.readParameters());
      expect(timeless(model.checkpoint)).toEqual(timeless(whole.checkpoint));
      expect(model.results).toEqual(whole.results);
    }
  });

  test("the model has the point that searches have come to, never a trial", async () => {
    using model = await createModel(small.net, { device: device(), seed: 4 });
    const options = { optimizer: lbfgs({ learningRate: 40 }), steps: 40, logInterval: { steps: 1 } };
    let [best, trials] = [Number.POSITIVE_INFINITY, 0];
    for await (const { losses } of model.train(small.data, options)) {
      const { losses: now } = await model.evaluate(small.data);
      expect(now[0]).toBeLessThanOrEqual(best * (1 + 1e-6));
      best = now[0]!;
      if (losses[0]! > 2 * best) trials++;
    }
    expect(trials).toBeGreaterThan(1);
  });

  test("a trial that leaves float32 is too long, and a member that begins there stops", async () => {
    const net = network({ inputs: 1, layers: [dense(1)], loss });
    const data = { inputs: Float32Array.of(1, 2, 3), targets: Float32Array.of(1, 3, 5) };
    const parameters = Float32Array.of(1, 0, 1e25, 0, 1, 0);
    using model = await createModel(net, { device: device(), members: 3, parameters });
    // 25 trials halve the third member's step to 3e22, which is still too long: it stays where it is.
    const perMember = { learningRate: [1e21, 1, 1e30] };
    await model.fit(data, { optimizer: lbfgs(), steps: 120, perMember });
    expect(model.results!.nonFiniteSteps).toEqual(Float64Array.of(-1, 0, -1));
    expect([...(await model.readParameters())].slice(2)).toEqual([Math.fround(1e25), 0, 1, 0]);
    const { losses } = await model.evaluate(data);
    expect(losses[0]).toBeLessThan(1e-3);
  });

  testInFull("members stop early, with the best of the points that they came to", async () => {
    const optimizer = lbfgs({ historySize: 4 });
    const validation = fitOf(small.net, 20).data;
    const shared = { optimizer, validation, logInterval: { steps: 5 }, steps: 60 };
    using model = await createModel(small.net, { device: device(), members: 3, seed: 4 });
    await model.fit(small.data, { ...shared, earlyStopping: { patience: 2 } });
    const { bestSteps, steps } = model.earlyStopping!;
    const losses = (await model.evaluate(validation)).losses;
    for (let member = 0; member < 3; member++) {
      expect(steps[member]).toBe(bestSteps[member]);
      expect(losses[member]).toBeCloseTo(model.earlyStopping!.bestValues[member]!, 6);
    }
  });

  testInFull("members that each leave rows out, or draw a sample, search along a loss of their own", async () => {
    const optimizer = lbfgs();
    const options = { optimizer, steps: 30, members: 3 };
    const drawn = { ...options, bootstrap: true, perMember: { seed: [1, 2, 3] } };
    const last = (await checkpointsOf(device(), small, drawn)).at(-1)!;
    expect(new Set(last.bestLosses).size).toBe(3);
    for (const seed of [1, 2, 3]) expect(last.bestLosses[seed - 1]).toBeLessThan(0.01);
    const folds = { device: device(), folds: 3, optimizer, steps: 30, metrics: ["rmse"] as const };
    const { diverged, settings } = await crossValidate(small.net, small.data, folds);
    expect(diverged).toBe(0);
    expect(settings).toHaveLength(1);
  });
});

test("a step on a GPU allocates and reads nothing, and the plan counts its dispatches and bytes", async () => {
  const settings = { data: small.data, optimizer: lbfgs({ historySize: 3 }), batchSize: 41, shuffle: true, seed: 1 };
  const before = gpu().ledger.bytes;
  const executor = await createExecutor(gpu(), small.net, 3);
  const plan = await executor.planRun({ ...settings, strategy: "layered" });
  const run = await executor.createRun({ ...settings, strategy: "layered" });
  try {
    expect(plan.bytes).toBe(gpu().ledger.bytes - before);
    const counts = await countCalls(async () => {
      await run.execute(0, 10);
      await run.finished();
    });
    expect(counts).toMatchObject({
      createBuffer: 0,
      createBindGroup: 0,
      dispatchWorkgroups: 10 * plan.dispatchesPerStep,
    });
    expect(counts.mapAsync ?? 0).toBe(0);
    expect(plan.kernels.at(-1)).toBe("lbfgs");
  } finally {
    run.dispose();
    executor.dispose();
  }
});

test.each(machines.slice(1))("%s: a training is held against float64", async (_, device) => {
  using model = await createModel(small.net, { device: device(), members: 2, seed: 4 });
  const initialParameters = await model.readParameters();
  const options = { optimizer: lbfgs(), steps: 12 };
  await model.fit(small.data, options);
  const verification = await verifyTraining(model, { initialParameters, data: small.data, options });
  expect(verification.passed).toBe(true);
  const parameters = (await model.readParameters()).map((value) => 1.01 * value);
  const { optimizer, steps } = options;
  using other = await createModel(small.net, { device: device(), members: 2, parameters });
  const moved = await verifyTraining(other, { initialParameters, data: small.data, options: { optimizer, steps } });
  expect(moved.conclusive && moved.passed).toBe(false);
});

test("the planner says why it takes no other strategy", async () => {
  for (const [, device] of machines.slice(1)) {
    using model = await createModel(small.net, { device: device() });
    const plan = await model.plan(small.data, { optimizer: lbfgs() });
    expect(plan.strategy).toBe("layered");
    expect(plan.reason).toMatch(/lbfgs.* its line search takes all gradients of a member together/);
    await expect(model.plan(small.data, { optimizer: lbfgs(), strategy: "members" })).rejects.toThrow(
      /train: strategy: expected .* lbfgs, since its line search takes all gradients .* got members; leave strategy out/,
    );
  }
});

test("a loss that Adam does not reach in as many evaluations", async () => {
  // A damped oscillation, x″ + 2γx′ + ω²x = 0: the network is to be its solution.
  const times = Float32Array.from({ length: 64 }, (_, at) => (6 * at) / 63);
  const data = { inputs: times, targets: times.map((time) => Math.exp(-0.3 * time) * Math.cos(2 * time)) };
  const net = network({ inputs: 1, layers: [dense(12, "tanh"), dense(1)], loss });
  const steps = 300;
  const lossAfter = async (options: TrainOptions): Promise<number> => {
    using model = await createModel(net, { device: wasm, seed: 2 });
    await model.fit(data, { steps, batchSize: times.length, ...options });
    return (await model.evaluate(data)).losses[0]!;
  };
  const adams = await Promise.all(
    [0.003, 0.01, 0.03, 0.1].map((rate) => lossAfter({ optimizer: adam({ learningRate: rate }) })),
  );
  const own = await lossAfter({ optimizer: lbfgs() });
  expect(own).toBeLessThan(Math.min(...adams) / 100);
});

describe("wrong input", () => {
  test.each<[TrainOptions, RegExp]>([
    [{ batchSize: 8 }, /train: batchSize: expected all 41 rows: L-BFGS needs full batches, got 8; leave batchSize out/],
    [
      { mixup: { alpha: 0.2 } },
      /train: mixup: expected all 410 rows: L-BFGS .*got 41 of 410; pass mixup with copies: 1/,
    ],
    [
      { clipNorm: 1 },
      /train: clipNorm: expected none with lbfgs: its line search needs the gradients .*leave clipNorm out/,
    ],
    [{ clipValue: 1 }, /train: clipValue: expected none with lbfgs/],
    [{ l1: 0.1 }, /train: l1: expected none with lbfgs: its line search compares losses/],
    [{ average: ema() }, /train: average: expected none with lbfgs/],
    [{ schedule: cosine() }, /train: schedule: expected none with lbfgs: its line search chooses the length/],
    [{ decay: "weights" }, /train: decay: expected an optimizer with weightDecay, got lbfgs/],
    [{ perMember: { momentum: [0.5] } }, /train: perMember.momentum: expected an optimizer with momentum, got lbfgs/],
    [
      { validation: small.data, reduceOnPlateau: { factor: 0.5 } },
      /train: reduceOnPlateau: expected none with lbfgs: its line search chooses/,
    ],
  ])("%o", async (options, message) => {
    using model = await createModel(small.net, { device: reference });
    await expect(model.fit(small.data, { optimizer: lbfgs(), steps: 3, ...options })).rejects.toThrow(message);
  });

  test.each([dropout(0.1), gaussianNoise(0.1)])("a loss that changes from step to step", async (layer) => {
    const net = network({ inputs: 3, layers: [dense(4, "tanh"), layer, dense(1)], loss });
    using model = await createModel(net, { device: reference });
    await expect(model.fit(small.data, { optimizer: lbfgs(), steps: 3 })).rejects.toThrow(
      /train: optimizer: expected a network without dropout and noise for lbfgs: .*leave these layers out/,
    );
  });

  test.each<[Parameters<typeof lbfgs>[0], RegExp]>([
    [{ historySize: 0 }, /lbfgs: historySize: expected an integer from 1 to 1024, got 0/],
    [{ historySize: 2.5 }, /historySize: expected an integer from 1 to 1024, got 2.5/],
    [{ historySize: 1025 }, /historySize/],
    [{ maxIterations: 0 }, /lbfgs: maxIterations: expected an integer from 1 to 16777215, got 0/],
    [{ maxEvaluations: -1 }, /maxEvaluations/],
    [{ toleranceChange: -1 }, /lbfgs: toleranceChange: expected 0, or an f32/],
    [{ toleranceGradient: Number.NaN }, /toleranceGradient/],
    [{ learningRate: -1 }, /learningRate/],
    [{ history: 3 } as object, /lbfgs: history|historySize/],
  ])("%o", (options, message) => {
    expect(() => lbfgs(options)).toThrow(message);
  });

  test("a state of another optimizer, or of another history", async () => {
    const optimizer = lbfgs({ historySize: 3 });
    const [resume] = await checkpointsOf(reference, small, { optimizer, steps: 2 });
    using model = await createModel(small.net, { device: reference });
    const withOther = (other: TrainOptions["optimizer"]) =>
      model.fit(small.data, { optimizer: other!, steps: 3, resume, batchSize: 41 });
    await expect(withOther(sgd())).rejects.toThrow(/resume: optimizer: expected lbfgs, as in the checkpoint, got sgd/);
    await expect(withOther(lbfgs({ historySize: 4 }))).rejects.toThrow(/resume: moments: expected \d+ values, got \d+/);
  });
});

test("the shader keeps numbers in the order of the reference", () => {
  const constants = [...wolfeSearch.matchAll(/^const (\w+) = (\d+)u;$/gm)].map(([, name, place]) => [
    name,
    Number(place),
  ]);
  const upper = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  const names = constants.slice(0, searchNames.length);
  expect(names).toEqual(searchNames.map((name, place) => [upper(name), place]));
  expect(constants[searchNames.length]).toEqual(["NUMBERS", searchNames.length]);
});
