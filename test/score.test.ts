// Loss and accuracy of members, reduced where the outputs are.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createTallies, score, scoresOf } from "../src/backend/score.ts";
import type { Dataset, FloatArray } from "../src/backend/executor.ts";
import {
  acquire,
  createModel,
  dense,
  type Device,
  lossNames,
  type LossName,
  type Model,
  network,
  type BuiltInNetwork,
  takesLogits,
} from "../src/index.ts";
import { poisoned, requireWithin, roundoff, untouched } from "./support/compare.ts";
import { runKernel, stepSlot } from "./support/kernelRun.ts";
import { lossBound } from "./support/lossBound.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { createUniform, randomFloats } from "./support/random.ts";
import { cases, oddSizes, memberCounts } from "./support/shapes.ts";
import { testInFull } from "./support/share.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const devices: [string, () => Device][] = [
  ["reference", () => cpu],
  ["GPU", gpu],
];

const sliceRows = 128;

interface Case {
  readonly firstRow: number;
  readonly rows: number;
  readonly fanOut: number;
  readonly members: number;
  /** Members that are scored; the others must stay as they are. */
  readonly grouped: number;
  /** Largest output. */
  readonly scale: number;
}

function targetsFor(name: LossName, length: number, scale: number): Float32Array {
  if (!takesLogits(name)) return randomFloats(21, length, scale);
  const uniform = createUniform(22);
  return Float32Array.from({ length }, () => (uniform() < 0.3 ? Math.round(uniform()) : uniform()));
}

/** Rows of a chunk that lie in a slice: the first, and the one behind the last. */
const rowsIn = (slice: number, { firstRow, rows }: Case): [number, number] => [
  Math.max(0, slice * sliceRows - firstRow),
  Math.min(rows, (slice + 1) * sliceRows - firstRow),
];

async function tryScore(name: LossName, one: Case): Promise<number> {
  const { firstRow, rows, fanOut, members, scale } = one;
  const groupMembers = Math.min(members, one.grouped);
  const net = network({ inputs: 1, layers: [dense(fanOut)], loss: name });
  const outputs = randomFloats(23, members * rows * fanOut, scale);
  const targets = targetsFor(name, rows * fanOut, scale);
  const firstSlice = Math.floor(firstRow / sliceRows);
  const slices = Math.floor((firstRow + rows - 1) / sliceRows) - firstSlice + 1;
  const splits = slices + 1;
  const losses = poisoned(splits * members);
  const hits = poisoned(splits * members);
  const sums = new Float32Array(losses.buffer);
  const wanted = untouched(splits * members);
  const wantedHits = hits.slice();
  for (let member = 0; member < groupMembers; member++) {
    for (let slice = firstSlice; slice < firstSlice + slices; slice++) {
      const at = (slice % splits) * members + member;
      const [first, end] = rowsIn(slice, one);
      const isContinued = firstRow + first > slice * sliceRows;
      if (isContinued) [sums[at], hits[at]] = [(member + 1) / 3, 5];
      const tallies = createTallies(1);
      let magnitude = isContinued ? sums[at]! : 0;
      let bound = 0;
      for (let row = first; row < end; row++) {
        const from = (member * rows + row) * fanOut;
        const own = Float64Array.from(outputs.subarray(from, from + fanOut));
        const target = Float64Array.from(targets.subarray(row * fanOut, (row + 1) * fanOut));
        const before = tallies.losses[0]!;
        score(net, { outputs: own, targets: target }, tallies, 0);
        magnitude += tallies.losses[0]! - before;
        bound += lossBound(name, { outputs: own, targets: target });
      }
      wanted.values[at] = tallies.losses[0]! + (isContinued ? sums[at]! : 0);
      wanted.bounds[at] = bound + (end - first) * roundoff * magnitude; // losses are not negative: their sum is their magnitude
      wantedHits[at] = tallies.hits[0]! + (isContinued ? 5 : 0);
    }
  }
  const [, , gotLosses, gotHits] = await runKernel(gpu(), {
    name: "score",
    functions: { loss: name },
    constants: {},
    step: stepSlot({ network: net, rowCount: firstRow + rows, rows, firstRow }),
    uniform: Uint32Array.of(fanOut, members, groupMembers, splits).buffer,
    storage: [outputs, targets, losses, hits],
    invocations: groupMembers * (slices + 1), // a row of invocations too many, as a chunk that begins elsewhere needs
    members: 1,
  });
  const shape = `${name} [${groupMembers} of ${members}, ${rows} from ${firstRow}, ${fanOut}], outputs up to ${scale}`;
  expect(gotHits, shape).toEqual(wantedHits);
  return requireWithin(shape, gotLosses!, wanted);
}

const someCase = fc.record({
  firstRow: fc.constantFrom(0, 1, 100, 127, 128, 1000),
  rows: fc.oneof(oddSizes, fc.constantFrom(127, 128, 129, 260)),
  fanOut: oddSizes,
  members: memberCounts,
  grouped: fc.constantFrom(1, 3, 5),
  scale: fc.constantFrom(1, 30, 1e4),
});

test.each(lossNames)("%s: sums of slices agree with float64 over odd shapes", async (name) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryScore(name, one));
  };
  const many: Case = { firstRow: 3, rows: 20, fanOut: 1, members: 300, grouped: 200, scale: 5 };
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(60, [[many]]));
  console.log(`score ${name}: largest error ${worst.toFixed(3)} of its bound`);
});

const netOf = (loss: LossName, outputs: number): BuiltInNetwork =>
  network({ inputs: 3, layers: [dense(5, "tanh"), dense(outputs)], loss });

/**
 * What the mean of float32 losses may be off, for one member: the bound of each sample's, and 128 roundings of a slice's sum;
 * slices are added in float64. Each is a mean over rows, or over rows and outputs, as the loss is.
 */
function meanBound(
  { loss, outputs: width }: BuiltInNetwork,
  outputs: FloatArray,
  { targets }: Dataset,
  mean: number,
): number {
  const rows = targets.length / width;
  const perRow = loss === "squaredError" || loss === "softmaxCrossEntropy" ? 1 : width;
  let total = 0;
  for (let at = 0; at < targets.length; at += width) {
    const [own, wanted] = [outputs, targets].map((values) => Float64Array.from(values.subarray(at, at + width)));
    total += lossBound(loss, { outputs: own!, targets: wanted! });
  }
  return total / (rows * perRow) + sliceRows * roundoff * mean;
}

const populations = lossNames.flatMap((loss, index) => [
  { loss, outputs: [1, 4, 7][index % 3]!, members: 1, rows: 301 },
  { loss, outputs: [3, 1, 2][index % 3]!, members: 5, rows: 67 },
  { loss, outputs: [2, 5, 1][index % 3]!, members: 300, rows: [1, 130, 9][index % 3]! },
]);

test.each(devices)("%s: evaluate scores the outputs, for all losses and sizes of population", async (kind, device) => {
  for (const { loss, outputs, members, rows } of populations) {
    const net = netOf(loss, outputs);
    const data = dataOf(net, rows, 3);
    using model = await createModel(net, { device: device(), members, parameters: parametersOf(net, 5, members) });
    const { losses, accuracies, loss: mean, accuracy } = await model.evaluate(data);
    const predicted = await model.logits(data.inputs);
    const shape = `${loss} [${members}, ${rows}, ${outputs}]`;
    expect(losses, shape).toHaveLength(members);
    expect(mean).toBeCloseTo([...losses].reduce((sum, own) => sum + own, 0) / members, 9);
    const tallies = createTallies(members);
    for (let member = 0; member < members; member++) {
      const own = Float64Array.from(
        predicted.subarray(member * data.targets.length, (member + 1) * data.targets.length),
      );
      score(net, { outputs: own, targets: Float64Array.from(data.targets) }, tallies, member);
    }
    const wanted = scoresOf(net, rows, tallies);
    expect(accuracies && Array.from(accuracies), shape).toEqual(wanted.accuracies && Array.from(wanted.accuracies));
    expect(accuracy === undefined, shape).toBe(!takesLogits(loss));
    for (const [member, exact] of wanted.losses.entries()) {
      const own = predicted.subarray(member * data.targets.length, (member + 1) * data.targets.length);
      const bound = kind === "reference" ? 0 : meanBound(net, own, data, exact); // both float64, in the same order
      expect(Math.abs(losses[member]! - exact), `${shape}, member ${member}`).toBeLessThanOrEqual(bound);
    }
  }
});

test("cuts into chunks, and how many slices are kept, change no bit", async () => {
  const net = network({ inputs: 2, layers: [dense(3, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });
  const data = dataOf(net, 1000, 4);
  const small = await narrowed(gpu(), 65_536);
  const parameters = parametersOf(net, 6, 300);
  const scores = [];
  for (const device of [gpu(), small]) {
    using model = await createModel(net, { device, members: 300, parameters });
    scores.push(await model.evaluate(data));
  }
  // 65,536 bytes hold 18 rows of 300 × 3 outputs, and 54 slices: slices of 128 rows are begun and continued
  expect(scores[1]).toEqual(scores[0]);
  expect(small.ledger).toEqual({ buffers: 0, bytes: 0 });
  small.dispose();
});

test.each(devices)("%s: scores at the same time are those one after the other", async (_, device) => {
  const net = netOf("binaryCrossEntropy", 2);
  using model = await createModel(net, { device: device(), members: 40 });
  const [one, other] = [dataOf(net, 300, 5), dataOf(net, 40, 6)];
  const calm = [await model.evaluate(one), await model.evaluate(other), await model.predict(other.inputs)];
  expect(await Promise.all([model.evaluate(one), model.evaluate(other), model.predict(other.inputs)])).toEqual(calm);
  await expect(model.evaluate({ ...one, targets: one.targets.subarray(2) })).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  expect(await model.evaluate(one)).toEqual(calm[0]);
});

test("a model that is disposed while it is scored frees everything at once and throws", async () => {
  const device = await narrowed(gpu(), 2 ** 20);
  const net = netOf("meanSquaredError", 2);
  const start = (): Promise<Model> => createModel(net, { device, members: 2000 });
  const data = dataOf(net, 1300, 7); // in 50 chunks
  const [early, late] = [await start(), await start()];
  await late.evaluate(data);
  const scores = [early.evaluate(data), late.evaluate(data)].map((each) =>
    expect(each).rejects.toMatchObject({ code: "DISPOSED" }),
  );
  early.dispose();
  setTimeout(() => late.dispose(), 1);
  await Promise.all(scores);
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  await expect(early.evaluate(data)).rejects.toMatchObject({ code: "DISPOSED" });
  device.throwFault("after scores");
  device.dispose();
});

testInFull("66,000 networks on 67 rows are scored in groups", async () => {
  const net = network({ inputs: 1, layers: [dense(1, "sigmoid"), dense(1)], loss: "squaredError" });
  const data = dataOf(net, 67, 8);
  const members = 66_000; // more than workgroups in one dimension; their 4.4 million outputs stay where they are
  const parameters = parametersOf(net, 9, members);
  using model = await createModel(net, { device: gpu(), members, parameters });
  using reference = await createModel(net, { device: cpu, members, parameters });
  const { losses } = await model.evaluate(data);
  const wanted = (await reference.evaluate(data)).losses;
  // outputs of two layers of 2 terms, their squares, sums of 67: some 100 roundings, and sigmoids off by 1e-6
  const errors = Array.from(wanted, (loss, at) => Math.abs(losses[at]! - loss) / (1e-2 + loss));
  const worst = errors.reduce((most, error) => Math.max(most, error));
  expect(worst).toBeLessThan(1e-5);
  expect((await model.evaluate(data)).losses).toEqual(losses);
});
