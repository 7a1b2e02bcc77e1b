// Mixup: mixtures of two rows by shares of a beta distribution, and a training that learns from them.

import { expect, test } from "vitest";
import {
  acquire,
  adam,
  createModel,
  dense,
  type Dataset,
  type Device,
  embedding,
  type FloatArray,
  network,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import { exponential, symmetricBetaAt } from "../src/model/beta.ts";
import { mixedRows } from "../src/model/mixup.ts";
import { planTraining } from "../src/model/options.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const reference = await acquire({ device: "reference" });
const wasm = await acquire({ device: "wasm" });
const devices: [string, () => Device][] = [["reference", () => reference], ["WebAssembly", () => wasm], ["GPU", gpu]]; // prettier-ignore
const any = (value: unknown) => value as never;
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });

/**
 * Distribution function of Beta(a, a) in x ≤ ½, by the series of the incomplete beta function whose terms are all positive (DLMF 8.17.8), and by
 * symmetry above; the complete one is 2 · B(½; a, a).
 */
function betaDistribution(a: number): (x: number) => number {
  const incomplete = (x: number): number => {
    let [term, sum] = [1, 1];
    for (let n = 0; n < 400; n++) {
      term *= ((2 * a + n) / (a + 1 + n)) * x;
      sum += term;
    }
    return (x ** a * (1 - x) ** a * sum) / a;
  };
  const whole = 2 * incomplete(0.5);
  return (x) => (x <= 0.5 ? incomplete(x) / whole : 1 - incomplete(1 - x) / whole);
}

test.each([0.05, 0.2, 0.5, 1, 2, 7.5, 40])(
  "shares of Beta(%d, same) have its moments and its distribution",
  (alpha) => {
    const count = 20_000;
    const draw = (seed: number) =>
      Float64Array.from({ length: count }, (_, index) => symmetricBetaAt(alpha, seed, { stream: 9, index }));
    const shares = draw(3);
    expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
    const mean = shares.reduce((sum, share) => sum + share, 0) / count;
    const variance = 1 / (4 * (2 * alpha + 1));
    // Bounds of four standard errors; the fourth moment is at most that of the variance · ¼.
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(variance / count));
    const squares = shares.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / count;
    expect(Math.abs(squares - variance)).toBeLessThan(4 * Math.sqrt((0.25 * variance) / count));
    // Kolmogorov and Smirnov: beyond 1.95 / √n with a probability of 0.001.
    const distribution = betaDistribution(alpha);
    const sorted = shares.toSorted();
    const distance = sorted.reduce((most, share, at) => {
      if (share === 1) return most; // float64 has no number within 2⁻⁵³ of it: where alpha is small, much lies there
      const expected = distribution(share);
      return Math.max(most, Math.abs(expected - at / count), Math.abs(expected - (at + 1) / count));
    }, 0);
    expect(distance).toBeLessThan(1.95 / Math.sqrt(count));
    // Neighbours, and other seeds, are independent.
    const covariance = (a: Float64Array, b: Float64Array) =>
      a.reduce((sum, share, at) => sum + (share - 0.5) * (b[at]! - 0.5), 0) / a.length / variance;
    expect(Math.abs(covariance(shares.subarray(1), shares.subarray(0, count - 1)))).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(covariance(shares, draw(4)))).toBeLessThan(4 / Math.sqrt(count));
  },
);

test("the exponential function is that of Math.exp to a few last bits, and never above 1", () => {
  for (let x = 0; x > -699; x -= 0.37) {
    expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(8 * 2 ** -52);
    expect(exponential(x)).toBeLessThanOrEqual(1);
  }
  expect([exponential(-1000), exponential(0)]).toEqual([0, 1]);
});

test("alpha as small as 1e-6 gives shares of 0 and 1, and as large as 1e6 halves", () => {
  const of = (alpha: number) =>
    Array.from({ length: 100 }, (_, index) => symmetricBetaAt(alpha, 1, { stream: 9, index }));
  const ends = of(1e-6);
  expect(ends.every((share) => share < 1e-3 || share > 1 - 1e-3)).toBe(true);
  expect(Math.abs(ends.filter((share) => share > 0.5).length - 50)).toBeLessThan(20);
  expect(of(1e6).every((share) => Math.abs(share - 0.5) < 0.01)).toBe(true);
});

const classes = network({ inputs: 3, layers: [dense(8, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
const rows = 30;
const data: Dataset = dataOf(classes, rows, 1);
const rowOf = (values: FloatArray, row: number, width: number) => [...values.subarray(row * width, (row + 1) * width)];

test("each mixture lies between its row and a partner, inputs and targets at one share; partners are permutations", () => {
  const copies = 3;
  const mixed = mixedRows(classes, data, { alpha: 0.4, copies, seed: 5 });
  expect([mixed.inputs.length, mixed.targets.length]).toEqual([copies * rows * 3, copies * rows * 4]);
  expect(mixed.inputs).toBeInstanceOf(data.inputs.constructor);
  const found: { partner: number; share: number }[] = [];
  for (let index = 0; index < copies * rows; index++) {
    const own = rowOf(data.inputs, index % rows, 3);
    const value = rowOf(mixed.inputs, index, 3);
    // Of all rows the one on whose line with the row of the mixture it lies, found without looking at how it was drawn.
    const candidates = Array.from({ length: rows }, (_, partner) => {
      const other = rowOf(data.inputs, partner, 3);
      const along = own.map((x, k) => x - other[k]!);
      const norm = along.reduce((sum, d) => sum + d * d, 0);
      const share = norm === 0 ? 1 : along.reduce((sum, d, k) => sum + d * (value[k]! - other[k]!), 0) / norm;
      const away = Math.max(...value.map((x, k) => Math.abs(other[k]! + share * along[k]! - x)));
      return { partner, share, away };
    }).filter(({ share, away }) => away < 1e-6 && share > -1e-6 && share < 1 + 1e-6);
    const targetsFit = candidates.filter(({ partner, share }) => {
      const [a, b] = [rowOf(data.targets, index % rows, 4), rowOf(data.targets, partner, 4)];
      return rowOf(mixed.targets, index, 4).every((t, k) => Math.abs(share * a[k]! + (1 - share) * b[k]! - t) < 1e-5);
    });
    expect(targetsFit.length).toBeGreaterThan(0);
    if (targetsFit.length === 1) found.push(targetsFit[0]!);
    const sum = rowOf(mixed.targets, index, 4).reduce((all, t) => all + t, 0);
    expect(Math.abs(sum - 1)).toBeLessThan(1e-6); // probabilities still
  }
  expect(found.length).toBeGreaterThan(copies * rows * 0.8); // the others are so close to one of their rows that any partner fits
  expect(new Set(found.map(({ partner }) => partner)).size).toBeGreaterThan(rows * 0.8);
  const again = mixedRows(classes, data, { alpha: 0.4, copies, seed: 5 });
  expect(again).toEqual(mixed);
  const other = mixedRows(classes, data, { alpha: 0.4, copies, seed: 6 });
  expect(other.inputs).not.toEqual(mixed.inputs);
  // More copies of the same seed begin with the same ones.
  const more = mixedRows(classes, data, { alpha: 0.4, copies: 5, seed: 5 });
  expect(more.inputs.subarray(0, mixed.inputs.length)).toEqual(mixed.inputs);
});

test("partners of a copy are each row once, and equal values stay what they are", () => {
  // Inputs that name the row: their mixtures over a copy sum to λ-weighted sums; with halves they tell partner + row.
  const named = network({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError" });
  const numbers = Float64Array.from({ length: rows }, (_, row) => 2 ** (row % 26) + row);
  const halves = mixedRows(named, { inputs: numbers, targets: numbers }, { alpha: 1e6, copies: 2, seed: 1 });
  for (const copy of [0, 1]) {
    const own = halves.inputs.subarray(copy * rows, (copy + 1) * rows);
    const partners = Array.from(own, (value, row) => {
      const other = 2 * value - numbers[row]!;
      return [...numbers.keys()].toSorted((a, b) => Math.abs(numbers[a]! - other) - Math.abs(numbers[b]! - other))[0]!;
    });
    expect(new Set(partners).size).toBeGreaterThan(rows * 0.7); // small numbers beside large ones are lost in the share's deviation
  }
  const equal = { inputs: new Float32Array(rows).fill(0.1), targets: new Float32Array(rows).fill(0.3) };
  const same = mixedRows(named, equal, { alpha: 0.2, copies: 1 });
  expect([same.inputs, same.targets]).toEqual([equal.inputs, equal.targets]);
  const single = mixedRows(
    named,
    { inputs: Float32Array.of(2), targets: Float32Array.of(3) },
    { alpha: 0.2, copies: 2 },
  );
  expect([...single.inputs, ...single.targets]).toEqual([2, 2, 3, 3]);
});

test("weights of rows: the loss of a mixture is the mixture of the weighted losses", () => {
  const weights = Float64Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 0 : 1 + (row % 5)));
  const [inputs, targets] = [Float64Array.from(data.inputs), Float64Array.from(data.targets)];
  const mixup = { alpha: 0.7, copies: 2, seed: 5 };
  const plain = mixedRows(classes, { inputs, targets }, mixup);
  const mixed = mixedRows(classes, { inputs, targets, weights }, mixup);
  expect(mixed.inputs).toEqual(plain.inputs);
  // One-hot targets times weights, mixed by the same shares and partners: what a data set of weighted targets gives.
  const regression = network({ inputs: 3, layers: [dense(4)], loss: "meanSquaredError" });
  const folded = targets.map((target, at) => target * weights[Math.floor(at / 4)]!);
  const wanted = mixedRows(regression, { inputs, targets: folded }, mixup);
  for (const [at, target] of mixed.targets.entries())
    expect(Math.abs(target * mixed.weights![Math.floor(at / 4)]! - wanted.targets[at]!)).toBeLessThan(1e-12);
});

const optionsOf = (members: number): TrainOptions => ({
  optimizer: adam({ learningRate: 0.05 }),
  batchSize: 8,
  epochs: 9, // of 4 steps: of the 3 · 30 mixtures a pass takes 12 steps
  seed: 5,
  perMember: { seed: Array.from({ length: members }, (_, member) => 60 + member) },
  labelSmoothing: 0.1,
});
const mixup = { alpha: 0.4, copies: 3, seed: 5 };

test.each(devices)(
  "%s: a training learns from the mixtures, as many steps an epoch as there are rows",
  async (_, device) => {
    using model = await createModel(classes, { device: device(), members: 3, seed: 1 });
    const epochs: number[] = [];
    const onEpoch = ({ epoch }: { readonly epoch: number }): void => void epochs.push(epoch);
    const { steps } = await model.fit(data, { ...optionsOf(3), mixup, onEpoch });
    expect([steps, epochs]).toEqual([36, [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    // By hand: the mixtures as a data set of its own.
    using byHand = await createModel(classes, { device: device(), members: 3, seed: 1 });
    const { epochs: __, ...others } = optionsOf(3);
    await byHand.fit(mixedRows(classes, data, mixup), { ...others, steps: 36 });
    expect(await model.readParameters()).toEqual(await byHand.readParameters());
    using plain = await createModel(classes, { device: device(), members: 3, seed: 1 });
    await plain.fit(data, optionsOf(3));
    expect(await model.readParameters()).not.toEqual(await plain.readParameters());
  },
);

test("resumed it ends with the same bits; other mixtures are another training", async () => {
  using whole = await createModel(classes, { device: wasm, members: 2, seed: 1 });
  const states: Parameters<NonNullable<TrainOptions["checkpoint"]>["save"]>[0][] = [];
  const save = (state: (typeof states)[number]): void => void states.push(state);
  await whole.fit(data, { ...optionsOf(2), mixup, checkpoint: { interval: { steps: 7 }, save } });
  for (const resume of states) {
    using second = await createModel(classes, { device: wasm, members: 2 });
    await second.fit(data, { ...optionsOf(2), mixup, resume });
    expect(await second.readParameters()).toEqual(await whole.readParameters());
  }
  using other = await createModel(classes, { device: wasm, members: 2 });
  const resume = states[0]!;
  for (const options of [{ mixup: { ...mixup, alpha: 0.5 } }, { mixup: { ...mixup, copies: 4 } }, {}])
    await expect(other.fit(data, { ...optionsOf(2), ...options, resume })).rejects.toEqual(
      invalid(/^train: resume: data: expected rows of [0-9a-f]{16}/),
    );
});

test("the batch of all rows draws as many mixtures, and verifyTraining takes the same steps", async () => {
  using model = await createModel(classes, { device: wasm, members: 2, seed: 1 });
  const initialParameters = await model.readParameters();
  const options: TrainOptions = { optimizer: adam(), epochs: 6, batchSize: 1000, mixup: { alpha: 0.3 } };
  const { settings, perEpoch } = await planTraining(classes, data, options, 2);
  expect([settings.batchSize, perEpoch, settings.data.inputs.length]).toEqual([30, 1, 10 * 90]);
  await model.fit(data, options);
  expect(await verifyTraining(model, { initialParameters, data, options })).toMatchObject({ passed: true });
});

test.each<[string, unknown, RegExp]>([
  ["no alpha", {}, /^train: mixup: alpha: expected a number from 1e-6 to 1e6, got undefined; pass 0\.2/],
  ["an alpha of 0", { alpha: 0 }, /^train: mixup: alpha: .* got 0;/],
  ["NaN", { alpha: Number.NaN }, /^train: mixup: alpha: .* got NaN;/],
  ["a number alone", 0.2, /^train: mixup: expected options among alpha, copies, seed, got 0\.2;/],
  ["half a copy", { alpha: 1, copies: 1.5 }, /^train: mixup: copies: .* got 1\.5/],
  ["more copies than memory", { alpha: 1, copies: 2 ** 30 }, /^train: mixup: copies: expected an integer from 1 to \d+, got 1073741824/],
  ["half a seed", { alpha: 1, seed: 0.5 }, /^train: mixup: seed: .* got 0\.5/],
  ["another option", { alpha: 1, lambda: 2 }, /^train: mixup: expected options among alpha, copies, seed, got lambda/],
])("%s: an error that says what is expected", async (_, wrong, message) => {
  using model = await createModel(classes, { device: reference });
  await expect(model.fit(data, { mixup: any(wrong) })).rejects.toEqual(invalid(message));
}); // prettier-ignore

test("numbers of categories are not mixed, and folds not across", async () => {
  const layers = [embedding({ column: 1, categories: 12, width: 3 }), dense(4)];
  const embedded = network({ inputs: 2, layers, loss: "softmaxCrossEntropy" });
  using model = await createModel(embedded, { device: reference });
  const own = { inputs: Float32Array.of(0.5, 3, 0.1, 7), targets: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0) };
  await expect(model.fit(own, { mixup: { alpha: 0.2 } })).rejects.toEqual(
    invalid(
      /^train: mixup: expected columns of numbers, which can be mixed, got numbers of categories in column 1; prepare the table with categories: "oneHot"/,
    ),
  );
  using plain = await createModel(classes, { device: reference });
  await expect(plain.crossValidate(data, any({ mixup: { alpha: 0.2 } }))).rejects.toEqual(
    invalid(
      /^crossValidate: expected no mixup: held-out rows would be mixed with training rows, got one; leave it out/,
    ),
  );
});
