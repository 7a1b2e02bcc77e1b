// Training in WebAssembly against the float64 reference: members and samples in lanes, every activation, loss and optimizer.

import { describe, expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import { adam, adamW, type Optimizer, rmsProp, sgd } from "../src/math/optimizer.ts";
import { activationNames, dense, lossNames, type Network, network } from "../src/graph/network.ts";
import { activation, loss, math } from "../src/index.ts";
import { ownLion, ownNadam } from "./support/ownOptimizers.ts";
import { relativeDistance } from "./support/compare.ts";
import { dataOf, describeNet, type NetCase, networkOf, parametersOf } from "./support/nets.ts";
import { createSmallRun } from "./support/wasmRuns.ts";
import { fusings } from "./support/wasmSweep.ts";
import { withEveryOptimizer } from "./support/optimizers.ts";

const ownMish = activation("ownMish", (z) => z.times(math.tanh(math.softplus(z))));
const ownLogCosh = loss("ownLogCosh", (y, t) => {
  const error = math.absolute(y.minus(t));
  return error.plus(math.softplus(error.times(-2))).minus(Math.LN2);
});

const steps = 40;
/** Of f32 runs, as in the golden tests: adaptive optimizers divide by roots of small squares. */
const boundOf = ({ name }: Optimizer): number => (name.startsWith("adam") ? 1e-4 : 1e-5);

interface Case {
  readonly net: Network;
  readonly settings: RunSettings;
  readonly members: number;
  readonly parameters: Float32Array;
}

interface Trained {
  /** [members, parameterCount] */
  readonly parameters: ArrayLike<number>;
  /** Of steps, then members. */
  readonly losses: ArrayLike<number>[];
  readonly leastLosses: ArrayLike<number>;
  readonly leastSteps: ArrayLike<number>;
  readonly nonFinite: ArrayLike<number>;
  readonly moments: ArrayLike<number>;
}

async function reference({ net, settings, members, parameters }: Case): Promise<Trained> {
  const executor = new ReferenceExecutor(net, members);
  executor.writeParameters(Float64Array.from(parameters));
  const run = await executor.createRun(settings);
  await run.execute(0, steps);
  const losses = await run.readLosses(0, steps);
  const { bestLosses, bestSteps, nonFiniteSteps } = await run.readResults();
  return {
    parameters: await executor.readParameters(),
    losses: Array.from({ length: steps }, (_, step) => losses.slice(step * members, (step + 1) * members)),
    leastLosses: bestLosses,
    leastSteps: bestSteps,
    nonFinite: nonFiniteSteps,
    moments: (await run.readCheckpoint(steps)).moments,
  };
}

const stepNumbers = Array.from({ length: steps }, (_, step) => step);

async function train({ net, settings, members, parameters }: Case, useRelaxed: boolean): Promise<Trained> {
  const run = await createSmallRun({ network: net, settings, members, parameters, useRelaxed });
  await run.execute(0, 3);
  await run.execute(3, steps - 3);
  const losses = await run.readLosses(0, steps);
  const { bestLosses, bestSteps, nonFiniteSteps } = await run.readResults();
  return {
    parameters: run.readParameters(),
    losses: stepNumbers.map((step) => losses.slice(step * members, (step + 1) * members)),
    leastLosses: bestLosses,
    leastSteps: bestSteps,
    nonFinite: nonFiniteSteps,
    moments: (await run.readCheckpoint(steps)).moments,
  };
}

/** Requires that two runs agree. */
function compare(what: string, got: Trained, wanted: Trained, bound: number): void {
  const reached = {
    parameters: relativeDistance(got.parameters, wanted.parameters),
    losses: Math.max(...wanted.losses.map((own, step) => relativeDistance(got.losses[step]!, own))),
    leastLosses: relativeDistance(got.leastLosses, wanted.leastLosses),
    moments: wanted.moments.length === 0 ? 0 : relativeDistance(got.moments, wanted.moments),
  };
  expect(got.moments.length).toBe(wanted.moments.length);
  expect(reached.parameters, what).toBeLessThanOrEqual(bound);
  expect(reached.losses, what).toBeLessThanOrEqual(bound);
  expect(reached.leastLosses, what).toBeLessThanOrEqual(bound);
  expect(reached.moments, what).toBeLessThanOrEqual(10 * bound);
  expect([...(got.nonFinite as number[])]).toEqual([...(wanted.nonFinite as number[])]);
}

const optimizers: readonly Optimizer[] = withEveryOptimizer([
  sgd({ learningRate: 0.05 }),
  sgd({ learningRate: 0.02, momentum: 0.9 }),
  sgd({ learningRate: 0.02, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam({ learningRate: 0.01 }),
  adamW({ learningRate: 0.01, weightDecay: 0.1 }),
  rmsProp({ learningRate: 0.003 }),
  rmsProp({ learningRate: 0.003, momentum: 0.5, weightDecay: 0.01 }),
]);

interface Options {
  readonly optimizer?: Optimizer;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  readonly bootstrap?: boolean;
  readonly members?: number;
}

function caseOf(
  own: NetCase,
  { optimizer = optimizers[0]!, batchSize = own.rows, members = 1, ...rest }: Options,
): Case {
  const net = networkOf(own);
  const data = dataOf(net, own.rows, own.seed);
  const settings = {
    data,
    optimizer,
    batchSize,
    shuffle: rest.shuffle ?? true,
    seed: 5,
    bootstrap: rest.bootstrap ?? false,
  };
  return { net, settings, members, parameters: parametersOf(net, own.seed, members) };
}

const tiny: NetCase = {
  inputs: 2,
  layers: [2, 2, 1].map((width) => ({ width, activation: "sigmoid" })),
  loss: "squaredError",
  rows: 4,
  seed: 1,
};
const small = (own: Partial<NetCase>): NetCase => ({
  inputs: 3,
  layers: [5, 3].map((width) => ({ width, activation: "tanh" })),
  loss: "squaredError",
  rows: 13,
  seed: 2,
  ...own,
});

describe.each(fusings().map((useRelaxed) => [useRelaxed ? "relaxed madd" : "mul and add", useRelaxed] as const))(
  "%s",
  (_, useRelaxed) => {
    async function both(own: NetCase, options: Options): Promise<void> {
      const one = caseOf(own, { ...options, members: 1 });
      const many = caseOf(own, { members: 5, ...options });
      const bound = boundOf(one.settings.optimizer);
      const what = describeNet(one.net);
      compare(`samples ${what}`, await train(one, useRelaxed), await reference(one), bound);
      compare(`members ${what}`, await train(many, useRelaxed), await reference(many), bound);
    }

    test.each(activationNames)("activation %s", async (activation) => {
      await both(small({ layers: [5, 3].map((width) => ({ width, activation })), seed: 3 }), {});
    });

    test.each(lossNames)("loss %s", async (loss) => {
      await both(small({ loss }), {});
    });

    test.each(optimizers.map((optimizer) => [JSON.stringify(optimizer), optimizer] as const))(
      "%s",
      async (_, optimizer) => {
        await both(tiny, { optimizer });
        await both(small({}), { optimizer, batchSize: 5 });
      },
    );

    test.each([1, 2, 3, 4, 5, 7, 8, 9, 13])("batches of %d rows, shuffled, drawn and in order", async (batchSize) => {
      await both(small({}), { batchSize });
      await both(small({}), { batchSize, shuffle: false });
      await both(small({}), { batchSize, bootstrap: true });
    });

    test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("%d members", async (members) => {
      const own = caseOf(tiny, { members });
      compare(`${members} members`, await train(own, useRelaxed), await reference(own), 1e-5);
    });

    test.each([
      ["few", [7, 3]],
      ["many", [16, 8, 3]],
    ] as const)("%s parameters, odd batches", async (_, widths) => {
      const layers = widths.map((width) => ({ width, activation: "silu" as const }));
      for (const rows of [1, 3, 6, 11]) {
        await both(small({ layers, rows, loss: "softmaxCrossEntropy" }), { optimizer: adam({ learningRate: 0.01 }) });
        await both(small({ layers, rows: 11 }), { batchSize: rows });
      }
    });

    test("batches of several slices", async () => {
      const one = caseOf({ ...tiny, rows: 2 * 1024 + 7 }, {});
      compare("slices", await train(one, useRelaxed), await reference(one), 1e-5);
      const wide = caseOf(
        small({ layers: [16, 3].map((width) => ({ width, activation: "relu" })), rows: 1024 + 1 }),
        {},
      );
      compare("slices of many parameters", await train(wide, useRelaxed), await reference(wide), 1e-5);
    });

    test("activation, loss and optimizer of a user's", async () => {
      const net = network({ inputs: 3, layers: [dense(5, ownMish), dense(3, ownMish)], loss: ownLogCosh });
      const like = small({});
      const settings = { ...caseOf(like, { batchSize: 5 }).settings, optimizer: ownNadam() };
      const one = { net, settings, members: 1, parameters: parametersOf(net, 3, 1) };
      const many = { net, settings, members: 3, parameters: parametersOf(net, 3, 3) };
      compare("samples", await train(one, useRelaxed), await reference(one), 1e-5);
      compare("members", await train(many, useRelaxed), await reference(many), 1e-5);
    });

    test("a gradient that is not finite stops a member whose update hides it", async () => {
      const own = caseOf(small({ layers: [5, 3].map((width) => ({ width, activation: "identity" })) }), {
        members: 2,
        optimizer: ownLion({ learningRate: 0.01 }),
      });
      const parameters = own.parameters.map((value, at) => (at === own.net.parameterCount ? 3e38 : value));
      const { nonFinite, parameters: after } = await train({ ...own, parameters }, useRelaxed);
      expect([...(nonFinite as number[])]).toEqual([-1, 0]);
      expect(Array.from(after).every(Number.isFinite)).toBe(true);
    });

    test("members with learning rates, momenta and weight decays of their own", async () => {
      const own = caseOf(small({}), { members: 6, optimizer: sgd({ learningRate: 0.02 }) });
      const perMember = {
        learningRate: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06],
        momentum: [0, 0.1, 0.2, 0.3, 0.9, 0.5],
        weightDecay: [0, 0.01, 0, 0.1, 0.2, 0.001],
      };
      const varied = { ...own, settings: { ...own.settings, perMember } };
      compare("own rates", await train(varied, useRelaxed), await reference(varied), 1e-5);
    });

    test("members with seeds of their own take rows of their own", async () => {
      for (const bootstrap of [false, true]) {
        for (const batchSize of [1, 5, 13]) {
          const own = caseOf(small({}), { members: 6, batchSize, bootstrap });
          const varied = { ...own, settings: { ...own.settings, perMember: { seed: [7, 1, 9, 2 ** 40, 5, 6] } } };
          compare("own rows", await train(varied, useRelaxed), await reference(varied), 1e-5);
        }
      }
    });

    test.each([
      ["few", [5, 3]],
      ["many", [16, 16, 3]],
    ] as const)("members that diverge stop, the others do not, %s parameters", async (_, widths) => {
      const layers = widths.map((width) => ({ width, activation: "identity" as const }));
      const own = caseOf(small({ layers }), { members: 6, batchSize: 5 });
      const perMember = { learningRate: [0.01, 30, 0.02, 9, 0.03, 20] };
      const varied = { ...own, settings: { ...own.settings, perMember } };
      const { parameterCount } = varied.net;
      const [wanted, got] = [await reference(varied), await train(varied, useRelaxed)];
      const of = ({ parameters }: Trained, member: number): number[] =>
        Array.from(parameters).slice(member * parameterCount, (member + 1) * parameterCount);
      expect(Array.from(got.parameters).every(Number.isFinite)).toBe(true);
      for (let member = 0; member < 6; member++) {
        const [stopped, wantedStop] = [got.nonFinite[member]!, wanted.nonFinite[member]!];
        expect(wantedStop >= 0, `member ${member} of the reference`).toBe(member % 2 === 1);
        // A product of two values that fit may not: f32 may stop a step earlier than float64.
        expect(Math.abs(stopped - wantedStop), `member ${member} stopped at ${stopped}`).toBeLessThanOrEqual(1);
        const last = stopped < 0 ? steps : stopped;
        expect(stepNumbers.filter((step) => Number.isNaN(got.losses[step]![member]!) && step !== last)).toEqual(
          stepNumbers.filter((step) => step > last),
        );
        if (stopped < 0) expect(relativeDistance(of(got, member), of(wanted, member))).toBeLessThanOrEqual(1e-5);
      }
      const { net: network, settings } = varied;
      const longer = await createSmallRun({ network, settings, members: 6, parameters: own.parameters, useRelaxed });
      await longer.execute(0, steps + 5);
      for (const member of [1, 3, 5])
        expect(of({ ...got, parameters: longer.readParameters() }, member)).toEqual(of(got, member));
      const alone = caseOf(small({ layers }), { batchSize: 5, optimizer: sgd({ learningRate: 30 }) });
      const [single, wantedSingle] = [await train(alone, useRelaxed), await reference(alone)];
      expect(Math.abs(single.nonFinite[0]! - wantedSingle.nonFinite[0]!)).toBeLessThanOrEqual(1);
      expect(single.nonFinite[0]).toBeGreaterThan(0);
      expect(Array.from(single.parameters).every(Number.isFinite)).toBe(true);
      expect(Number.isNaN(single.losses[steps - 1]![0])).toBe(true);
    });
  },
);
