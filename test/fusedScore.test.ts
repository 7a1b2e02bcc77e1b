// Scores of small networks, one invocation for each slice of the rows and member: against float64, against itself, and where
// the executor takes them. What holds for these and for scores layer by layer is tried for both.

import fc from "fast-check";
import { expect, test } from "vitest";
import { scoreMembers } from "../src/backend/cpu/scoreMembers.ts";
import type { Dataset, Scores } from "../src/backend/executor.ts";
import { BufferOwner } from "../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import {
  type ActivationName,
  activationNames,
  createModel,
  dense,
  type LossName,
  lossNames,
  network,
  type Network,
  takesLogits,
} from "../src/index.ts";
import { scoresFused } from "../src/backend/webgpu/strategies/fusedPlan.ts";
import { FusedScorer } from "../src/backend/webgpu/strategies/fusedScorer.ts";
import { LayeredPredictor } from "../src/backend/webgpu/strategies/layeredPredictor.ts";
import { roundoff } from "./support/compare.ts";
import { openDevice, memberPart } from "./support/kernelRun.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { dataOf, describeNet, networkOf, parametersOf } from "./support/nets.ts";
import { cases } from "./support/shapes.ts";
import { shareOf, testInFull, testOf } from "./support/share.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();

const scorers = { fused: FusedScorer, "layer by layer": LayeredPredictor };
const kinds = ["fused", "layer by layer"] as const;
type Kind = (typeof kinds)[number];

interface Scored {
  readonly net: Network;
  readonly parameters: Float32Array;
  readonly data: Dataset;
  readonly device?: GpuDevice;
}

async function scoresBy(kind: Kind, { net, parameters, data, device = gpu() }: Scored): Promise<Scores> {
  const owner = new BufferOwner(device);
  const members = parameters.length / net.parameterCount;
  try {
    const request = { device, network: net, members, parameters: owner.upload("parameters", parameters) };
    const scorer = await scorers[kind].create(request);
    const scores = await scorer.score(data);
    scorer.dispose();
    return scores;
  } finally {
    owner.dispose();
  }
}

const fusedScores = (scored: Scored): Promise<Scores> => scoresBy("fused", scored);

const float64Scores = ({ net, parameters, data }: Scored): Promise<Scores> => {
  const members = parameters.length / net.parameterCount;
  const each = Array.from({ length: members }, (_, member) => memberPart(parameters, member, net.parameterCount));
  return scoreMembers(net, each, data);
};

/**
 * What a loss may be off, relative to 1 + itself: a few layers of sums of up to 17 terms of magnitude about 1 (17 · 2⁻²⁴ each),
 * functions off by 5e-7, and the 128 roundings of a slice's sum (128 · 2⁻²⁴ at most, and hardly ever more than their root).
 */
const lossError = 1e-5;

/** Answers may differ where an output is as good as 0, or two are as good as equal: such rows are rare. */
async function requireLike64(scored: Scored): Promise<number> {
  const shape = describeNet(scored.net);
  const [own, truth] = [await fusedScores(scored), await float64Scores(scored)];
  expect(own.losses, shape).toHaveLength(truth.losses.length);
  let worst = 0;
  for (const [member, wanted] of truth.losses.entries()) {
    const error = Math.abs(own.losses[member]! - wanted) / (1 + wanted);
    expect(error, `${shape}, member ${member}`).toBeLessThan(lossError);
    worst = Math.max(worst, error);
  }
  expect(own.accuracies === undefined, shape).toBe(truth.accuracies === undefined);
  for (const [member, wanted] of (truth.accuracies ?? []).entries()) {
    const answers = scored.data.targets.length / (scored.net.loss === "softmaxCrossEntropy" ? scored.net.outputs : 1);
    const mistaken = Math.abs(own.accuracies![member]! - wanted) * answers;
    expect(mistaken, `${shape}, member ${member}: answers`).toBeLessThanOrEqual(0.01 * answers);
  }
  return worst;
}

const widths = fc.integer({ min: 1, max: 17 });
const rowCounts = fc.constantFrom(1, 2, 3, 64, 127, 128, 129, 257, 301);
const memberCounts = fc.constantFrom(1, 2, 5, 65);
/** Rows and members that the same kernel takes: a network compiles one of its own. */
const someSizes = fc.array(fc.record({ rows: rowCounts, members: memberCounts }), { minLength: 1, maxLength: 4 });
const someCase = fc.record({
  inputs: widths,
  layers: fc.array(fc.record({ width: widths, activation: fc.constantFrom<ActivationName>(...activationNames) }), {
    minLength: 1,
    maxLength: 3,
  }),
  sizes: someSizes,
});

const follows = (loss: LossName, isOneOfItsKind: boolean): void =>
  testOf(isOneOfItsKind)(`${loss}: follows float64 over odd shapes and all activations`, async () => {
    let worst = 0;
    let forms = 0;
    await fc.assert(
      fc.asyncProperty(someCase, async ({ inputs, layers, sizes }) => {
        const net = networkOf({ inputs, layers, loss, rows: sizes[0]!.rows, seed: 1 });
        forms |= net.parameterCount > 48 ? 2 : 1;
        for (const { rows, members } of sizes) {
          const scored = { net, parameters: parametersOf(net, 5, members), data: dataOf(net, rows, 3) };
          worst = Math.max(worst, await requireLike64(scored));
        }
      }),
      cases(5, [
        [
          {
            inputs: 3,
            layers: [
              { width: 4, activation: "tanh" },
              { width: 2, activation: "identity" },
            ],
            sizes: [{ rows: 9, members: 300 }],
          },
        ],
        [
          {
            inputs: 17,
            layers: [
              { width: 16, activation: "gelu" },
              { width: 9, activation: "elu" },
            ],
            sizes: [{ rows: 129, members: 5 }],
          },
        ],
      ]),
    );
    if (shareOf(5) > 1) expect(forms).toBe(3); // parameters by name, and in an array
    console.log(`fused score ${loss}: largest error ${worst.toExponential(1)}`);
  });

for (const loss of lossNames) follows(loss, loss === "meanSquaredError" || loss === "softmaxCrossEntropy");

testInFull.each(activationNames)("%s follows float64, below the last layer and in it", async (activation) => {
  const net = network({ inputs: 3, layers: [dense(5, activation), dense(2, activation)], loss: "huber" });
  await requireLike64({ net, parameters: parametersOf(net, 6, 5), data: dataOf(net, 140, 4) });
});

const tiny: Network = network({ inputs: 3, layers: [dense(4, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });
const wider: Network = network({ inputs: 5, layers: [dense(12, "silu"), dense(3)], loss: "binaryCrossEntropy" });

testInFull.each([tiny, wider])("a member has the same score alone and among 300", async (net) => {
  const data = dataOf(net, 333, 5);
  const parameters = parametersOf(net, 7, 300);
  const all = await fusedScores({ net, parameters, data });
  for (const member of [0, 1, 63, 64, 299]) {
    const own = parameters.slice(member * net.parameterCount, (member + 1) * net.parameterCount);
    const alone = await fusedScores({ net, parameters: own, data });
    expect(alone.losses[0]).toBe(all.losses[member]);
    expect(alone.accuracies![0]).toBe(all.accuracies![member]);
  }
  expect(await fusedScores({ net, parameters, data })).toEqual(all);
});

const cutsChangeNothing = (kind: Kind, net: Network) => async (): Promise<void> => {
  const small = await narrowed(gpu(), 65_536);
  // 65,536 bytes hold 25 slices of 5 inputs; or 54 rows of 25 × 12 activations, and 5,461 rows of 3 inputs
  const [rows, members] = kind === "fused" ? [8000, 100] : [5600, 25];
  const data = dataOf(net, rows, 8);
  const parameters = parametersOf(net, 9, members);
  const wanted = await scoresBy(kind, { net, parameters, data });
  expect(await scoresBy(kind, { net, parameters, data, device: small })).toEqual(wanted);
  expect(small.ledger).toEqual({ buffers: 0, bytes: 0 });
  small.dispose();
};

for (const kind of kinds) {
  for (const net of [tiny, wider]) {
    testOf(kind === "fused")(`${kind}: cuts into chunks and dispatches change no bit`, cutsChangeNothing(kind, net));
  }
}

test("70,000 networks on 40 rows follow float64, in several dispatches", async () => {
  const net = network({ inputs: 2, layers: [dense(3, "sigmoid"), dense(1)], loss: "meanSquaredError" });
  const scored = { net, parameters: parametersOf(net, 10, 70_000), data: dataOf(net, 40, 11) };
  const { dispatchWorkgroups, submit } = await countCalls(() => fusedScores(scored).then(() => {}));
  expect(dispatchWorkgroups).toBeGreaterThan(0);
  expect(submit).toBe(dispatchWorkgroups! + 1); // and one to read the sums
  await requireLike64(scored);
});

test("sums beyond 128 rows are those of float64", async () => {
  // Every row loses 0.1²: float32 alone would be off by 1e-3 after a million rows.
  const net = network({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError" });
  const rows = 1_000_000;
  const data = { inputs: new Float32Array(rows), targets: new Float32Array(rows).fill(0.1) };
  const { losses } = await fusedScores({ net, parameters: new Float32Array(2), data });
  expect(Math.abs(losses[0]! / Math.fround(0.1) ** 2 - 1)).toBeLessThan(128 * roundoff);
});

testInFull("a loss that is not finite is that member's alone", async () => {
  for (const net of [tiny, wider]) {
    const data = dataOf(net, 131, 5);
    const parameters = parametersOf(net, 7, 5);
    const calm = await fusedScores({ net, parameters, data });
    parameters[3 * net.parameterCount - 1] = Number.NaN;
    const { losses } = await fusedScores({ net, parameters, data });
    expect(losses[2]).toBeNaN();
    expect([...losses].toSpliced(2, 1)).toEqual([...calm.losses].toSpliced(2, 1));
  }
});

const limitsOf = ({ kind, hasQuads, maxBufferBytes, dispatchFlops }: GpuDevice) => ({
  kind,
  hasQuads,
  maxBufferBytes,
  dispatchFlops,
});

testInFull("the executor takes it for populations of small networks, and frees it", async () => {
  const device = await openDevice();
  const wide = network({ inputs: 30, layers: [dense(40, "relu"), dense(1)], loss: "squaredError" });
  expect(scoresFused(device, tiny, 300, 400)).toBe(true);
  expect(scoresFused(device, tiny, 1, 1)).toBe(true);
  expect(scoresFused(device, wider, 300, 400)).toBe(false); // compiling it would take longer
  expect(scoresFused(device, wider, 100_000, 400)).toBe(true);
  expect(scoresFused(device, wide, 100_000, 400)).toBe(false); // too many parameters for one invocation
  expect(scoresFused({ ...limitsOf(device), maxBufferBytes: 1000 }, tiny, 1, 400)).toBe(false); // no slice fits
  for (const [net, isFused] of [
    [tiny, true],
    [wide, false],
  ] as const) {
    const data = dataOf(net, 400, 12);
    const parameters = parametersOf(net, 13, 300);
    using model = await createModel(net, { device, members: 300, parameters });
    const scores = await model.evaluate(data);
    const truth = await float64Scores({ net, parameters, data });
    for (const [member, wanted] of truth.losses.entries()) {
      expect(Math.abs(scores.losses[member]! - wanted) / (1 + wanted)).toBeLessThan(lossError);
    }
    const { dispatchWorkgroups, createBuffer } = await countCalls(() => model.evaluate(data).then(() => {}));
    if (isFused) expect(dispatchWorkgroups).toBeLessThanOrEqual(3); // one layer after the other, it would be 3 for each chunk
    expect(createBuffer).toBe(1); // to read the sums
  }
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  device.dispose();
});

test.each(kinds)("%s: a scorer that is disposed while it scores frees everything at once and throws", async (kind) => {
  const device = await narrowed(gpu(), 2 ** 20);
  const data = dataOf(tiny, 40_000, 7);
  const owner = new BufferOwner(device);
  const parameters = owner.upload("parameters", parametersOf(tiny, 1, 2000));
  const scorer = await scorers[kind].create({ device, network: tiny, members: 2000, parameters });
  const scores = expect(scorer.score(data)).rejects.toMatchObject({ code: "DISPOSED" });
  setTimeout(() => scorer.dispose(), 1);
  await scores;
  owner.dispose();
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  await expect(scorer.score(data)).rejects.toMatchObject({ code: "DISPOSED" });
  device.throwFault("after scores");
  device.dispose();
});

const withLogits = lossNames.filter((name): name is LossName => takesLogits(name));

test.each(withLogits)("%s: ties and thresholds are reported as on the CPU", async (loss) => {
  // No weight but 0: outputs are the biases, exactly, and so are their ties.
  const net = network({ inputs: 1, layers: [dense(3)], loss });
  const biases = [
    [0, 0, 0],
    [1, 2, 2],
    [2, 1, 2],
    [-1, 0, 0.5],
  ];
  const parameters = Float32Array.from(biases.flatMap((bias) => [0, 0, 0, ...bias]));
  const targets = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5, 0.5, 0, 0.25, 0.5, 0.75);
  const data = { inputs: new Float32Array(5), targets };
  const [own, truth] = [await fusedScores({ net, parameters, data }), await float64Scores({ net, parameters, data })];
  expect([...own.accuracies!]).toEqual([...truth.accuracies!]);
});
