// Optimizers that a user defines: against PyTorch, on every strategy, in populations, verified and resumed; and what is refused.

import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { strategyNames, type StrategyName, type PerMember, type RunSettings } from "../src/backend/executor.ts";
import {
  acquire,
  createModel,
  dense,
  type Device,
  lion,
  math,
  network,
  type Optimizer,
  optimizer,
  verifyTraining,
} from "../src/index.ts";
import { Expression } from "../src/math/expression.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { relativeDistance } from "./support/compare.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { ownLion, ownNadam } from "./support/ownOptimizers.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainerGolden } from "./support/trainerGoldens.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });

/** Own optimizers, and the runs of PyTorch that they repeat. */
const goldens = { lion: ownLion, nadam: ownNadam } as const;
type GoldenName = keyof typeof goldens;

async function train(
  name: GoldenName,
  device: Device,
  strategy?: StrategyName,
  create: (values: object) => Optimizer = goldens[name],
) {
  const golden = trainerGolden(name);
  const { name: _, ...values } = golden.optimizer;
  using model = await createModel(golden.network, {
    device,
    parameters: Float64Array.from(golden.initialParameters),
  });
  const losses: number[] = [];
  const { steps, batchSize, data: rows } = golden;
  const options = { optimizer: create(values), steps, batchSize, ...(strategy && { strategy }) };
  for await (const event of model.train(rows, options)) losses.push(...event.losses);
  return { golden, losses, parameters: await model.readParameters() };
}

test("lion: the built-in optimizer takes the steps of its own definition to the last bit", async () => {
  const [builtIn, own] = [await train("lion", cpu, undefined, lion), await train("lion", cpu)];
  expect(builtIn.losses).toEqual(own.losses);
  expect(builtIn.parameters).toEqual(own.parameters);
});

test.each(Object.keys(goldens) as GoldenName[])("%s: the CPU reference repeats PyTorch's float64 run", async (name) => {
  const { golden, losses, parameters } = await train(name, cpu);
  expect(relativeDistance(losses, golden.losses)).toBeLessThanOrEqual(1e-9);
  expect(relativeDistance(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-9);
});

for (const name of Object.keys(goldens) as GoldenName[]) {
  // Every strategy takes lion; of nadam, the one whose kernel has the update by itself and one that has all in one.
  const strategies = name === "lion" ? strategyNames : (["layered", "members"] as const);
  for (const strategy of strategies) {
    testOf(name === "lion" && strategy === "layered")(
      `${name}: the GPU follows PyTorch's float64 run, strategy ${strategy}`,
      async () => {
        const { golden, losses, parameters } = await train(name, gpu(), strategy);
        expect(relativeDistance(losses, golden.losses)).toBeLessThanOrEqual(1e-4);
        expect(relativeDistance(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-4);
      },
    );
  }
}

/** Lion with a smooth sign, so that rounding is not amplified, and a momentum that members may differ in. */
const smoothLion = optimizer("smooth-lion", {
  hyperParameters: { learningRate: 0.01, momentum: 0, beta2: 0.9, weightDecay: 0, isSmooth: true },
  state: ["mean", "velocity"],
  update: ({ parameter, gradient, mean, velocity, learningRate, momentum, beta2, weightDecay, isSmooth }) => {
    const next = beta2.times(mean).plus(beta2.negated().plus(1).times(gradient));
    const change = momentum.times(velocity).plus(isSmooth ? math.tanh(next) : math.sign(next));
    return {
      parameter: parameter.minus(learningRate.times(change.plus(weightDecay.times(parameter)))),
      mean: next,
      velocity: change,
    };
  },
});

const net = network({ inputs: 3, layers: [dense(5, "tanh"), dense(2)], loss: "meanSquaredError" });
const members = 5;
const five = (value: (member: number) => number): number[] => Array.from({ length: members }, (_, at) => value(at));

async function trained(executor: GpuExecutor | ReferenceExecutor, settings: RunSettings) {
  try {
    executor.writeParameters(parametersOf(net, 5, members));
    const run = await executor.createRun(settings);
    await run.execute(0, 30);
    const state = await run.readCheckpoint(30);
    run.dispose();
    return state;
  } finally {
    executor.dispose();
  }
}

const populations: [string, Optimizer, PerMember][] = [
  [
    "rates and decays",
    smoothLion(),
    { learningRate: five((at) => 0.01 * (1 + at)), weightDecay: five((at) => 0.1 * at) },
  ],
  ["momenta, of which one is 0", smoothLion({ weightDecay: 0.01 }), { momentum: five((at) => 0.2 * at) }],
];

for (const [label, own, perMember] of populations) {
  for (const strategy of strategyNames) {
    testOf(strategy === "members" && label.startsWith("rates"))(
      `${strategy}: a population with its own ${label} follows float64, state and all`,
      async () => {
        const settings = {
          data: dataOf(net, 50, 3),
          optimizer: own,
          batchSize: 16,
          shuffle: true,
          seed: 3,
          perMember,
        };
        const got = await trained(await GpuExecutor.create(gpu(), net, members), { ...settings, strategy });
        const wanted = await trained(new ReferenceExecutor(net, members), settings);
        expect(wanted.moments).toHaveLength((label.startsWith("rates") ? 1 : 2) * members * net.parameterCount);
        expect(relativeDistance(got.parameters, wanted.parameters)).toBeLessThan(1e-5);
        expect(relativeDistance(got.moments, wanted.moments)).toBeLessThan(1e-5);
      },
    );
  }
}

const data = dataOf(net, 40, 1);

test.each([["reference", () => cpu] as const, ["GPU", gpu] as const])(
  "%s: an own optimizer is verified, and resumed to the same bits",
  async (_, device) => {
    const options = { optimizer: ownLion({ learningRate: 0.003 }), batchSize: 8, seed: 4 };
    using model = await createModel(net, { device: device(), seed: 1 });
    const initialParameters = await model.readParameters();
    await model.fit(data, { ...options, steps: 20 });
    const verification = await verifyTraining(model, { initialParameters, data, options: { ...options, steps: 20 } });
    expect(verification.passed).toBe(true);
    const whole = await model.readParameters();
    using other = await createModel(net, { device: device(), seed: 1 });
    await other.fit(data, { ...options, steps: 8, logInterval: { steps: 8 } });
    await other.fit(data, { ...options, steps: 20, resume: other.checkpoint });
    expect([...(await other.readParameters())]).toEqual([...whole]);
  },
);

test("a wrong update of a trained model does not verify", async () => {
  using model = await createModel(net, { device: gpu(), seed: 1 });
  const initialParameters = await model.readParameters();
  const options = { optimizer: ownLion({ learningRate: 0.003 }), batchSize: 8, steps: 20 };
  await model.fit(data, options);
  const other = { ...options, optimizer: ownLion({ learningRate: 0.00301 }) };
  expect((await verifyTraining(model, { initialParameters, data, options: other })).passed).toBe(false);
});

test("a gradient that is not finite stops a member, though its sign would be", async () => {
  const huge = { inputs: Float32Array.of(1e30, 0, 0, 1, 1, 1), targets: Float32Array.of(0, 0, 0, 0) };
  const line = network({ inputs: 3, layers: [dense(2)], loss: "meanSquaredError" });
  for (const device of [cpu, gpu()]) {
    using model = await createModel(line, { device, parameters: new Float32Array(8).fill(0.5) });
    await expect(model.fit(huge, { optimizer: ownLion(), steps: 3, batchSize: 2 })).rejects.toThrow(/diverged/);
    expect([...(await model.readParameters())].every(Number.isFinite)).toBe(true);
  }
});

const any = (value: unknown): never => value as never;
const descent = {
  hyperParameters: { learningRate: 0.1 },
  update: ({ parameter, gradient, learningRate }: Record<string, math.Expression>) => ({
    parameter: parameter!.minus(learningRate!.times(gradient!)),
  }),
};
const defined = (changes: object): unknown => optimizer("own", any({ ...descent, ...changes }));

test.each<[string, () => unknown, RegExp]>([
  [
    "a name with a blank",
    () => optimizer("my own", any(descent)),
    /^optimizer: expected a name of up to 40 letters.*"my own"/,
  ],
  ["a name of thalweg", () => optimizer("adam", any(descent)), /^optimizer: expected a name that thalweg does not use/],
  ["an unknown option", () => defined({ states: [] }), /^optimizer own: expected .*states/],
  [
    "no learning rate",
    () => defined({ hyperParameters: { rate: 1 } }),
    /hyperParameters\.learningRate: expected a number/,
  ],
  ["a rate below 0", () => defined({ hyperParameters: { learningRate: -1 } }), /learningRate: expected 0, or an f32/],
  ["a beta of 1", () => defined({ hyperParameters: { learningRate: 1, beta1: 1 } }), /beta1: expected a number from 0/],
  ["a reserved name", () => defined({ hyperParameters: { learningRate: 1, step: 1 } }), /a name other than .*"step"/],
  ["code as a name", () => defined({ state: ["x; y"] }), /state: expected names of letters and digits.*"x; y"/],
  ["state twice", () => defined({ state: ["a", "a"] }), /state: expected a name other than .*"a"/],
  ["too much state", () => defined({ state: ["a", "b", "c", "d", "e"] }), /state: expected a list of at most 4 names/],
  ["no update", () => defined({ update: undefined }), /^optimizer own: update: expected a function, got undefined/],
  ["no new state", () => defined({ state: ["a"] }), /expected an object \{ parameter, a \}, got \{ parameter \}/],
  ["no expression", () => defined({ update: () => ({ parameter: "0" }) }), /update: parameter: expected an expression/],
  [
    "a foreign input",
    () => defined({ update: () => ({ parameter: Expression.input("evil()") }) }),
    /expected expressions of parameter, gradient, step, learningRate, got evil\(\)/,
  ],
  [
    "a parameter that does not learn",
    () =>
      defined({ update: ({ parameter }: Record<string, math.Expression>) => ({ parameter: parameter!.times(0.5) }) }),
    /^own: update: expected a parameter that depends on the gradient/,
  ],
  [
    "a division by a gradient of 0",
    () =>
      defined({
        update: ({ parameter, gradient }: Record<string, math.Expression>) => ({
          parameter: parameter!.minus(gradient!.over(math.absolute(gradient!))),
        }),
      }),
    /^own: parameter of step 1: expected a number that is finite in float32, got NaN from parameter 0 and gradient 0; add an eps/,
  ],
  [
    "six terms of the step",
    () =>
      defined({
        update: ({ parameter, gradient, step }: Record<string, math.Expression>) => ({
          parameter: [1, 2, 3, 4, 5, 6].reduce(
            (sum, at) => math.tanh(sum.minus(gradient!.times(math.exp(step!.times(-at))))),
            parameter!,
          ),
        }),
      }),
    /^own: update: expected at most 5 terms of the step alone, got 6/,
  ],
  ["an unknown hyper-parameter", () => ownLion(any({ rate: 1 })), /^ownLion: expected .*rate/],
  [
    "a hyper-parameter out of range",
    () => ownLion({ beta1: 1 }),
    /^ownLion: beta1: expected a number from 0 to below 1, got 1/,
  ],
  [
    "a switch that is a number",
    () => smoothLion(any({ isSmooth: 1 })),
    /^smooth-lion: isSmooth: expected true or false/,
  ],
])("%s is refused", (_, define, message) => expect(define).toThrow(message));

test("an own optimizer is data: a copy trains to the same bits", async () => {
  const bits = async (own: Optimizer) => {
    using model = await createModel(net, { device: cpu, seed: 1 });
    await model.fit(data, { optimizer: own, steps: 10 });
    return [...(await model.readParameters())];
  };
  const own = smoothLion({ learningRate: 0.02, momentum: 0.5 });
  const wanted = await bits(own);
  expect(await bits(structuredClone(own))).toEqual(wanted);
  expect(await bits(JSON.parse(JSON.stringify(own)) as Optimizer)).toEqual(wanted);
});

test("data that is no optimizer, and settings that one does not have, are refused", async () => {
  using model = await createModel(net, { device: cpu });
  const fit = (own: unknown, perMember?: PerMember) =>
    model.fit(data, { optimizer: own as Optimizer, steps: 1, ...(perMember && { perMember }) });
  const changed = (own: object) => ({ ...ownLion(), own: { ...ownLion().own, ...own } });
  await expect(fit({ ...ownLion(), own: 1 })).rejects.toThrow(/^optimizer ownLion: expected an update, got 1/);
  await expect(fit(changed({ outputs: [] }))).rejects.toThrow(/^optimizer ownLion: expected an update, got \[\]/);
  await expect(fit(changed({ state: ["x;"] }))).rejects.toThrow(/expected names of letters and digits.*got "x;"/);
  const foreign = [[["add", "evil()", 1]], [["input", "mean"]]];
  await expect(fit(changed({ outputs: foreign }))).rejects.toThrow(/got "evil\(\)"/);
  await expect(fit(ownLion(), { momentum: [0.5] })).rejects.toThrow(
    /perMember\.momentum: expected an optimizer with mom/,
  );
  await expect(fit(ownNadam(), { weightDecay: [0.5] })).rejects.toThrow(
    /expected an optimizer with weightDecay, got ownNadam/,
  );
});
