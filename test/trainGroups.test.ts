// Whole training steps of one member by a workgroup, against float64 and against itself.

import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { adam, dense, network, type Optimizer, rmsProp, sgd } from "../src/index.ts";
import { planGroups } from "../src/backend/webgpu/strategies/groupPlan.ts";
import { hashOf, relativeDistance } from "./support/compare.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { testInFull, testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { tileCases } from "./support/tileCases.ts";
import { type GroupsTrained, runGroups, type TileRun } from "./support/tileRun.ts";

const device = shareDevice();
const limits = { kind: "software", maxWorkgroupBytes: 16_384 } as const;

/** The same steps in float64. */
async function truthOf({ network: net, members, settings, parameters }: TileRun, steps: number) {
  const executor = new ReferenceExecutor(net, members);
  executor.writeParameters(parameters);
  const run = await executor.createRun(settings);
  await run.execute(0, steps);
  return { losses: await run.readLosses(0, steps), parameters: await executor.readParameters() };
}

/** Largest error of losses, in units of the bound that test/gradients.test.ts holds the layered strategy to. */
const lossError = (losses: ArrayLike<number>, truth: ArrayLike<number>): number =>
  Array.from(losses).reduce((most, loss, at) => {
    return Math.max(most, Math.abs(loss - truth[at]!) / (2e-6 * Math.abs(truth[at]!) + 1e-7));
  }, 0);

/**
 * Bound of ‖parameters − truth‖ / ‖truth‖. One step by sgd moves a parameter by its gradient, and rounds it twice; Adam and
 * rmsProp divide by roots that may be small, and many steps add up: golden runs are then held to 1e-4 and 1e-5
 * (test/golden.test.ts), these to half of it.
 */
const boundOf = ({ name }: Optimizer, steps: number): number => {
  if (steps === 1) return name === "sgd" ? 5e-7 : 1e-5;
  return name === "sgd" ? 5e-6 : 5e-5;
};

const fitting = tileCases.flatMap((one) => {
  const sizes = planGroups(limits, { network: one.net, batchSize: one.settings.batchSize });
  return sizes ? [[one.name, one, sizes] as const] : [];
});
const worst = { one: 0, many: 0 };

const follows =
  ([, { net, settings, members }, sizes]: (typeof fitting)[number]) =>
  async (): Promise<void> => {
    const run = { network: net, members, settings, parameters: parametersOf(net, 5, members), sizes };
    for (const steps of [1, 21]) {
      const own = await runGroups(device(), run, [steps]);
      const truth = await truthOf(run, steps);
      const bound = boundOf(settings.optimizer, steps);
      const error = relativeDistance(own.parameters, truth.parameters) / bound;
      const ofLoss =
        steps === 1 ? lossError(own.losses, truth.losses) : relativeDistance(own.losses, truth.losses) / bound;
      const key = steps === 1 ? "one" : "many";
      worst[key] = Math.max(worst[key], error, ofLoss);
      expect(error, `parameters after ${steps} steps`).toBeLessThanOrEqual(1);
      expect(ofLoss, `losses of ${steps} steps`).toBeLessThanOrEqual(1);
      expect([...own.status.subarray(0, members)]).toEqual(Array(members).fill(0xffffffff));
    }
  };

for (const [index, one] of fitting.entries()) {
  testOf(index % 6 === 1)(`trainGroups follows float64: ${one[0]}`, follows(one));
}

test("how far it was off", () =>
  console.log(`trainGroups: largest error in units of its bound ${JSON.stringify(worst)}`));

const net = network({ inputs: 5, layers: [dense(13, "silu"), dense(9, "elu"), dense(2)], loss: "meanSquaredError" });
const settings = { data: dataOf(net, 90, 1), optimizer: adam(), batchSize: 20, shuffle: true, seed: 2 };
const sizes = planGroups(limits, { network: net, batchSize: 20 })!;
const base: TileRun = { network: net, members: 3, settings, parameters: parametersOf(net, 3, 3), sizes };
const bitsOf = ({ parameters, losses, status }: GroupsTrained): string => hashOf(parameters, losses, status);

test("trainGroups gives the same bits twice, and however many steps a dispatch takes", async () => {
  const wanted = bitsOf(await runGroups(device(), base, [120]));
  expect(bitsOf(await runGroups(device(), base, [120]))).toBe(wanted);
  expect(bitsOf(await runGroups(device(), base, Array(120).fill(1)))).toBe(wanted);
  expect(bitsOf(await runGroups(device(), base, [7, 7, 106]))).toBe(wanted);
});

testInFull("trainGroups gives the same bits however a tile is spread over threads", async () => {
  const plain = { ...sizes, threads: 8, tileRows: 8, isWide: false, isTurned: false, isNamed: false };
  const wanted = bitsOf(await runGroups(device(), { ...base, sizes: plain }, [10]));
  const others = [
    { isWide: true },
    { isTurned: true },
    { isNamed: true },
    { threads: 64, isWide: true, isHalf: false, isTurned: true, isNamed: true },
  ];
  for (const own of others) {
    expect(bitsOf(await runGroups(device(), { ...base, sizes: { ...plain, ...own } }, [10]))).toBe(wanted);
  }
});

test("trainGroups gives member i among 7, each with settings of its own, the bits it has alone", async () => {
  const perMember = {
    learningRate: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07],
    momentum: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    weightDecay: [0, 0.01, 0, 0.01, 0, 0.01, 0],
    seed: [5, 4, 3, 2 ** 40, 1, 0, 7],
  };
  const own = { ...settings, optimizer: rmsProp({ momentum: 0.5 }), bootstrap: true, perMember };
  const parameters = parametersOf(net, 3, 7);
  const all = await runGroups(device(), { ...base, members: 7, settings: own, parameters }, [15]);
  const truth = await truthOf({ ...base, members: 7, settings: own, parameters }, 15);
  expect(relativeDistance(all.parameters, truth.parameters)).toBeLessThan(5e-5);
  expect(relativeDistance(all.losses, truth.losses)).toBeLessThan(5e-5);
  const count = net.parameterCount;
  for (let member = 0; member < 7; member++) {
    const one = {
      learningRate: [perMember.learningRate[member]!],
      momentum: [perMember.momentum[member]!],
      weightDecay: [perMember.weightDecay[member]!],
      seed: [perMember.seed[member]!],
    };
    const part = parameters.slice(member * count, (member + 1) * count);
    const run = { ...base, members: 1, settings: { ...own, perMember: one }, parameters: part };
    const alone = await runGroups(device(), run, [15]);
    expect(all.parameters.slice(member * count, (member + 1) * count)).toEqual(alone.parameters);
    expect(all.losses.filter((_, at) => at % 7 === member)).toEqual(alone.losses);
  }
});

testInFull.each([
  ["sgd", sgd()],
  ["adam", adam()],
  ["rmsProp", rmsProp()],
] as const)(
  "a member that diverges by %s stops with finite parameters, and the others do not notice",
  async (_, optimizer) => {
    const learningRate = [0.01, 1e30, 0.02];
    const run = (rates: number[]) =>
      runGroups(
        device(),
        { ...base, settings: { ...settings, optimizer, perMember: { learningRate: rates } } },
        [5, 3, 12],
      );
    const [wild, calm] = [await run(learningRate), await run(learningRate.with(1, 0.01))];
    const stopped = wild.status[1]!;
    expect(stopped).toBeLessThan(10);
    expect([wild.status[0], wild.status[2]]).toEqual([0xffffffff, 0xffffffff]);
    expect(wild.parameters.every(Number.isFinite)).toBe(true);
    const losses = wild.losses.filter((_loss, at) => at % 3 === 1);
    expect(losses.subarray(stopped + 1).every(Number.isNaN)).toBe(true);
    expect(losses.subarray(0, stopped).some(Number.isNaN)).toBe(false);
    const count = net.parameterCount;
    for (const member of [0, 2]) {
      const own = (values: Float32Array) => values.slice(member * count, (member + 1) * count);
      expect(own(wild.parameters)).toEqual(own(calm.parameters));
      expect(wild.losses.filter((_loss, at) => at % 3 === member)).toEqual(
        calm.losses.filter((_loss, at) => at % 3 === member),
      );
    }
  },
);

test("the least loss and its step are those of the history", async () => {
  const { losses, status } = await runGroups(device(), base, [9, 31]);
  for (let member = 0; member < 3; member++) {
    const history = losses.filter((_, at) => at % 3 === member);
    const least = Math.min(...history);
    expect(new Float32Array(status.buffer, status.byteOffset, 9)[3 + member]).toBe(least);
    expect(status[6 + member]).toBe(history.indexOf(least));
  }
});
