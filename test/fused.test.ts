// The strategies that take a whole step, or many, in one dispatch: each against the float64 reference, and against itself.

import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { FloatArray, StrategyName, MemberResults, RunSettings } from "../src/backend/executor.ts";
import {
  emitLaneSums,
  emitNetwork,
  emitPartials,
  emitScore,
  emitUpdate,
} from "../src/backend/webgpu/emit/emitNetwork.ts";
import { kernelUpdateOf } from "../src/backend/webgpu/emit/emitOptimizer.ts";
import {
  type ActivationName,
  activationNames,
  adam,
  adamW,
  dense,
  type LossName,
  lossNames,
  network,
  type Network,
  type Optimizer,
  rmsProp,
  sgd,
} from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import adamSource from "./golden/adam.wgsl?raw";
import networkSource from "./golden/network.wgsl?raw";
import scoreSource from "./golden/scoreNetwork.wgsl?raw";
import laneSumsSource from "./golden/sumLanes.wgsl?raw";
import updateSource from "./golden/updateNetwork.wgsl?raw";
import partialsSource from "./golden/writePartials.wgsl?raw";
import { hashOf, relativeDistance } from "./support/compare.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { dataOf, networkOf, parametersOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

const fusedStrategies = [
  "members",
  "subgroups",
  "groups",
  "samples",
  "tiles",
] as const satisfies readonly StrategyName[];

const tiny = network({
  inputs: 2,
  layers: [dense(2, "sigmoid"), dense(2, "sigmoid"), dense(1, "sigmoid")],
  loss: "squaredError",
});

/** What several tests train: each network and optimizer compiles kernels of its own. */
const small = network({ inputs: 3, layers: [dense(5, "tanh"), dense(2)], loss: "meanSquaredError" });
const withMomentum = sgd({ learningRate: 0.1, momentum: 0.5 });

test("the checked-in shaders are what the emitter writes for the worked example", () => {
  expect(emitNetwork(tiny)).toBe(networkSource);
  expect(emitUpdate(tiny, 0)).toBe(updateSource);
  expect(emitPartials(tiny)).toBe(partialsSource);
  expect(emitLaneSums(tiny)).toBe(laneSumsSource);
  expect(emitScore(tiny)).toBe(scoreSource);
  expect(kernelUpdateOf(adam()).code).toBe(adamSource);
});

interface Training {
  readonly net: Network;
  readonly settings: RunSettings;
  readonly members?: number;
  readonly initial?: FloatArray;
  /** Steps of each call. */
  readonly calls?: readonly number[];
}

interface Trained {
  readonly parameters: FloatArray;
  /** [steps, members]. */
  readonly losses: FloatArray;
  readonly results: MemberResults;
}

async function train(executor: GpuExecutor | ReferenceExecutor, training: Training): Promise<Trained> {
  const { net, settings, members = 1, initial = parametersOf(net, 5, members), calls = [25] } = training;
  try {
    executor.writeParameters(initial);
    const run = await executor.createRun(settings);
    let step = 0;
    for (const count of calls) {
      await run.execute(step, count);
      step += count;
    }
    const losses = await run.readLosses(0, step);
    const results = await run.readResults();
    run.dispose();
    return { losses, results, parameters: await executor.readParameters() };
  } finally {
    executor.dispose();
  }
}

const onGpu = async (strategy: StrategyName, training: Training): Promise<Trained> =>
  train(await GpuExecutor.create(device(), training.net, training.members ?? 1), {
    ...training,
    settings: { ...training.settings, strategy },
  });

const onReference = (training: Training): Promise<Trained> =>
  train(new ReferenceExecutor(training.net, training.members ?? 1), training);

const settingsOf = (net: Network, rows: number, own: Partial<RunSettings> = {}): RunSettings => ({
  data: dataOf(net, rows, 3),
  optimizer: sgd({ learningRate: 0.1 }),
  batchSize: 16,
  shuffle: true,
  seed: 3,
  ...own,
});

const bitsOf = ({ parameters, losses }: Trained): string => hashOf(parameters, losses);

interface Case {
  readonly widths: readonly number[];
  readonly activations: readonly ActivationName[];
  readonly loss: LossName;
  readonly optimizer: Optimizer;
  readonly rows: number;
  readonly batchSize: number;
  readonly members: number;
}

let layersSoFar = 0;

/** Of each number of states: what they compute is compared in test/update.test.ts. */
const optimizers = [
  sgd({ learningRate: 0.1, weightDecay: 0.01 }),
  sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  adam({ learningRate: 0.01 }),
  adamW({ learningRate: 0.01 }),
  rmsProp({ learningRate: 0.01 }),
  rmsProp({ learningRate: 0.005, momentum: 0.5 }),
];

/**
 * Every activation, loss and optimizer, odd widths, whole and rest batches, one member and several; no more cases than that takes,
 * since each compiles kernels of its own. Layers take the activations in turn.
 */
const cases: Case[] = Array.from({ length: Math.max(lossNames.length, optimizers.length) }, (_, index): Case => {
  const loss = lossNames[index % lossNames.length]!;
  const shapes = [
    [2, 2, 2, 1],
    [1, 1],
    [3, 5, 2],
    [4, 7, 3],
    [2, 3, 3, 3, 2],
  ];
  const shape = shapes[index % shapes.length]!;
  const widths = loss === "softmaxCrossEntropy" ? [...shape.slice(0, -1), 3] : shape; // of one class the loss is always 0
  const batches = [
    { rows: 4, batchSize: 4 },
    { rows: 333, batchSize: 32 },
    { rows: 33, batchSize: 1 },
    { rows: 100, batchSize: 100 },
  ];
  return {
    widths,
    activations: widths.slice(1).map(() => activationNames[layersSoFar++ % activationNames.length]!),
    loss,
    optimizer: optimizers[index % optimizers.length]!,
    ...batches[index % batches.length]!,
    members: index % 3 === 0 ? 3 : 1,
  };
});

const nameOf = ({ widths, activations, loss, optimizer, batchSize, rows, members }: Case): string =>
  `${widths.join("-")} ${activations.join(" ")}, ${loss}, ${optimizer.name}, ${batchSize} of ${rows}, ${members} members`;

/**
 * 25 steps of f32: every step rounds each parameter once (6e-8 of it) and its gradient some times more, and Adam divides by
 * roots that may be small. Golden runs of 100 and more steps are held to 1e-5 and 1e-4 (test/golden.test.ts).
 */
const boundOf = ({ name }: Optimizer): number => (name === "sgd" ? 2e-6 : 2e-5);

const follows = (strategy: StrategyName, one: Case, isOneOfItsKind: boolean): void =>
  testOf(isOneOfItsKind)(`${strategy} follows float64: ${nameOf(one)}`, async () => {
    const { widths, activations, loss, optimizer, rows, batchSize, members } = one;
    const layers = widths.slice(1).map((width, index) => ({ width, activation: activations[index]! }));
    const net = networkOf({ inputs: widths[0]!, layers, loss, rows, seed: 1 });
    const training = { net, members, settings: settingsOf(net, rows, { optimizer, batchSize }) };
    const own = await onGpu(strategy, training);
    const truth = await onReference(training);
    expect(relativeDistance(own.parameters, truth.parameters)).toBeLessThan(boundOf(optimizer));
    expect(relativeDistance(own.losses, truth.losses)).toBeLessThan(boundOf(optimizer));
    expect([...own.results.nonFiniteSteps]).toEqual(Array(members).fill(-1));
    expect([...own.results.finalLosses]).toEqual([...own.losses.subarray(own.losses.length - members)]);
    for (let member = 0; member < members; member++) {
      const history = own.losses.filter((_loss, at) => at % members === member);
      const best = Math.min(...history);
      expect(own.results.bestLosses[member]).toBe(best);
      expect(own.results.bestSteps[member]).toBe(history.indexOf(best));
    }
  });

for (const [at, strategy] of fusedStrategies.entries()) {
  // Members try every function. The others write them by the same code, or in kernels that try all of them by themselves
  // (trainGroups.test.ts, trainTiles.test.ts).
  for (const [index, one] of cases.entries()) {
    if (strategy === "members" || index === at || index % 3 === 0) follows(strategy, one, index === at);
  }

  test(`${strategy}: the same bits twice, and however many steps are submitted at once`, async () => {
    const training = {
      net: tiny,
      members: 3,
      settings: settingsOf(tiny, 50, { optimizer: adam({ learningRate: 0.05 }), batchSize: 8 }),
    };
    const wanted = bitsOf(await onGpu(strategy, { ...training, calls: [1008] }));
    expect(bitsOf(await onGpu(strategy, { ...training, calls: [1008] }))).toBe(wanted);
    expect(bitsOf(await onGpu(strategy, { ...training, calls: Array(144).fill(7) }))).toBe(wanted);
    expect(bitsOf(await onGpu(strategy, { ...training, calls: [1000, 1, 1, 1, 1, 1, 1, 1, 1] }))).toBe(wanted);
  });

  testInFull(`${strategy}: a member among 70 takes the same bits as alone with its settings`, async () => {
    const members = 70;
    const net = small;
    const perMember = {
      learningRate: Array.from({ length: members }, (_, member) => 0.01 * (1 + member)),
      momentum: Array.from({ length: members }, (_, member) => (member % 2) * 0.9),
      weightDecay: Array.from({ length: members }, (_, member) => (member % 3) * 0.001),
      seed: Array.from({ length: members }, (_, member) => 1000 + member),
    };
    const settings = settingsOf(net, 90, { optimizer: withMomentum, bootstrap: true });
    const initial = parametersOf(net, 11, members);
    const all = await onGpu(strategy, { net, members, initial, settings: { ...settings, perMember } });
    const count = net.parameterCount;
    for (const member of [0, 1, 2, 63, 64, 69]) {
      const part = initial.subarray(member * count, (member + 1) * count);
      const own: RunSettings = {
        ...settings,
        optimizer: sgd({
          learningRate: perMember.learningRate[member]!,
          momentum: perMember.momentum[member]!,
          weightDecay: perMember.weightDecay[member]!,
        }),
        seed: perMember.seed[member]!,
      };
      const alone = await onGpu(strategy, { net, initial: part, settings: own });
      expect(all.parameters.subarray(member * count, (member + 1) * count)).toEqual(alone.parameters);
      expect(all.losses.filter((_loss, at) => at % members === member)).toEqual(alone.losses);
    }
    const truth = await onReference({ net, members, initial, settings: { ...settings, perMember } });
    expect(relativeDistance(all.parameters, truth.parameters)).toBeLessThan(2e-6);
  });
}

for (const strategy of ["layered", ...fusedStrategies] as const) {
  testInFull(
    `${strategy}: a member that diverges stops with finite parameters, and the others do not notice`,
    async () => {
      const members = 5;
      const settings = settingsOf(small, 20, { batchSize: 4, optimizer: withMomentum, bootstrap: true });
      const rates = [0.01, 0.02, 1e30, 0.03, 0.04];
      const run = (learningRate: readonly number[]) =>
        onGpu(strategy, { net: small, members, settings: { ...settings, perMember: { learningRate } } });
      const [one, calm] = [await run(rates), await run(rates.with(2, 0.01))];
      const count = small.parameterCount;
      const stopped = one.results.nonFiniteSteps[2]!;
      expect(stopped).toBeGreaterThanOrEqual(0);
      expect(stopped).toBeLessThan(10);
      expect(one.results.nonFiniteSteps.filter((_step, at) => at !== 2)).toEqual(Float64Array.of(-1, -1, -1, -1));
      expect(one.parameters.every(Number.isFinite)).toBe(true);
      expect(one.results.finalLosses[2]).toBeNaN();
      const losses = one.losses.filter((_loss, at) => at % members === 2);
      expect(losses.subarray(stopped + 1).every(Number.isNaN)).toBe(true);
      for (const member of [0, 1, 3, 4]) {
        const own = (values: FloatArray) => values.subarray(member * count, (member + 1) * count);
        expect(own(one.parameters)).toEqual(own(calm.parameters));
        expect(one.losses.filter((_l, at) => at % members === member)).toEqual(
          calm.losses.filter((_l, at) => at % members === member),
        );
      }
    },
  );

  testInFull(`${strategy}: orders and samples of their own are those of the reference`, async () => {
    const net = small;
    const seed = [7, 2 ** 40 + 3, 0];
    const both = strategy === "layered" ? [{ perMember: { seed }, bootstrap: true }] : []; // the others: a member among 70
    for (const own of [{ perMember: { seed } }, { bootstrap: true }, ...both]) {
      const settings = settingsOf(net, 101, { optimizer: withMomentum, batchSize: 10, ...own });
      const training = { net, members: 3, settings };
      const [gpu, truth] = [await onGpu(strategy, training), await onReference(training)];
      expect(relativeDistance(gpu.losses, truth.losses), JSON.stringify(own)).toBeLessThan(2e-6);
      expect(relativeDistance(gpu.parameters, truth.parameters), JSON.stringify(own)).toBeLessThan(2e-6);
    }
  });
}

test("a thousand steps of a tiny network are a handful of dispatches", async () => {
  const executor = await GpuExecutor.create(device(), tiny, 1);
  executor.writeParameters(parametersOf(tiny, 1));
  const run = await executor.createRun({ ...settingsOf(tiny, 4, { batchSize: 4 }), strategy: "members" });
  await run.execute(0, 1000);
  const counts = await countCalls(async () => {
    await run.execute(1000, 1000);
    await run.finished();
  });
  expect(counts).toMatchObject({ createBuffer: 0, createBindGroup: 0, mapAsync: 0, createComputePipelineAsync: 0 });
  expect(counts.dispatchWorkgroups).toBeLessThanOrEqual(20);
  expect(counts.submit).toBe(counts.dispatchWorkgroups);
  run.dispose();
  executor.dispose();
});

test.each(fusedStrategies)("%s: the bytes of the plan are those of the run, and all are freed", async (strategy) => {
  const before = { ...device().ledger };
  const executor = await GpuExecutor.create(device(), tiny, 4);
  const settings = { ...settingsOf(tiny, 300, { batchSize: 300, optimizer: adam() }), strategy };
  const run = await executor.createRun(settings);
  expect(Math.abs((await executor.planRun(settings)).bytes - device().ledger.bytes)).toBeLessThanOrEqual(256);
  run.dispose();
  executor.dispose();
  expect(device().ledger).toEqual(before);
});

testInFull.each(["tiles", "groups"] as const)(
  "%s: activations stored as f16 cost a thousandth, and no more",
  async (strategy) => {
    const net = networkOf({
      inputs: 7,
      layers: [
        { width: 16, activation: "tanh" },
        { width: 9, activation: "sigmoid" },
        { width: 3, activation: "identity" },
      ],
      loss: "softmaxCrossEntropy",
      rows: 300,
      seed: 4,
    });
    const settings = settingsOf(net, 300, { batchSize: 300, optimizer: adam({ learningRate: 0.01 }) });
    const halves = await onGpu(strategy, { net, settings: { ...settings, activationStorage: "f16" } });
    const truth = await onReference({ net, settings });
    const distance = relativeDistance(halves.losses, truth.losses);
    expect(distance).toBeLessThan(2e-3); // 25 steps: two stored values a layer, 2⁻¹¹ each
    expect(distance, "stored as f32 it would be less").toBeGreaterThan(2e-6);
  },
);

test("a strategy that cannot take a run says which ones can", async () => {
  const wide = network({ inputs: 300, layers: [dense(300), dense(1)], loss: "squaredError" });
  const executor = await GpuExecutor.create(device(), wide, 1);
  const settings = { ...settingsOf(wide, 4, { batchSize: 4 }) };
  await expect(executor.planRun({ ...settings, strategy: "members" })).rejects.toThrow(/expected one of auto, layered/);
  expect((await executor.planRun(settings)).strategy).toBe("layered");
  executor.dispose();
});
