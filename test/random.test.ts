import { expect, test } from "vitest";
import { type Batch, batchAt, rowsOf, stepsPerEpoch } from "../src/backend/batches.ts";
import { defaultInitializer, initialize, type InitializerName, initializerNames } from "../src/graph/initializers.ts";
import { activationNames, dense, network } from "../src/graph/network.ts";
import { sgd } from "../src/math/optimizer.ts";
import { pageBlock } from "../src/backend/webgpu/kernels.ts";
import {
  normalAt,
  normalQuantile,
  orderKey,
  permutation,
  permute,
  streams,
  threefry2x32,
  uniformAt,
} from "../src/random.ts";
import { hashOf, poisoned } from "./support/compare.ts";
import { batchOf, runKernel, stepSlot } from "./support/kernelRun.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

test("threefry2x32 repeats the known answers of Random123", () => {
  const ones = 0xffffffff;
  expect(threefry2x32(0, 0, 0, 0)).toEqual([0x6b200159, 0x99ba4efe]);
  expect(threefry2x32(ones, ones, ones, ones)).toEqual([0x1cb996fc, 0xbb002be7]);
  expect(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toEqual([0xc4923a9c, 0x483df7a0]);
});

test("normalQuantile agrees with published values and inverts the sign", () => {
  // Wichura 1988, and the quantiles of R's qnorm with 16 digits
  const values = [
    [0.25, -0.6744897501960817],
    [0.001, -3.090232306167813],
    [1e-20, -9.262340089798408],
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.9, 1.2815515655446004],
    [2 ** -53, -8.20953615160139],
  ] as const;
  for (const [probability, wanted] of values) {
    expect(Math.abs(normalQuantile(probability) - wanted)).toBeLessThanOrEqual(4e-15 * Math.max(1, Math.abs(wanted)));
  }
  for (const p of [0.01, 0.07, 0.3, 2 ** -30]) expect(normalQuantile(1 - p)).toBeCloseTo(-normalQuantile(p), 8);
});

test("uniform numbers are in (0, 1), spread evenly, and streams are independent", () => {
  const count = 20_000;
  const values = Array.from({ length: count }, (_, counter) => uniformAt(7, streams.noise, counter));
  const other = Array.from({ length: count }, (_, counter) => uniformAt(7, streams.order, counter));
  expect(values.every((value) => value > 0 && value < 1)).toBe(true);
  const mean = (all: number[]): number => all.reduce((sum, value) => sum + value, 0) / all.length;
  // 5 standard errors of the mean, of the variance, and of the covariance
  expect(Math.abs(mean(values) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
  expect(Math.abs(mean(values.map((v) => (v - 0.5) ** 2)) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / count));
  expect(Math.abs(mean(values.map((v, at) => (v - 0.5) * (other[at]! - 0.5))))).toBeLessThan(5 / 12 / Math.sqrt(count));
  expect(new Set([1, 2 ** 32 + 1, 2 ** 40 + 1, 2 ** 53 - 1].map((seed) => uniformAt(seed, 0, 0))).size).toBe(4);
  expect(uniformAt(1, 0, 5)).not.toBe(uniformAt(1, 0, 2 ** 32 + 5));
});

const isBijection = (rows: Uint32Array): boolean =>
  new Set(rows).size === rows.length && rows.every((row) => row < rows.length);

test("permute is a bijection of every count from 1 to 300, and of large ones", () => {
  for (let count = 1; count <= 300; count++)
    expect(isBijection(permutation(count, count, 1)), `count ${count}`).toBe(true);
  for (const count of [4095, 4096, 4097, 65_537, 100_000]) expect(isBijection(permutation(count, 3, 1))).toBe(true);
});

test("permute covers a count of more than 2³¹ without leaving it", () => {
  const key = orderKey(5, streams.order, 0);
  for (const count of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1]) {
    const images = Array.from({ length: 50 }, (_, index) => permute(index, count, key));
    expect(images.every((row) => row >= 0 && row < count)).toBe(true);
    expect(new Set(images).size).toBe(50);
  }
});

test("each position of a shuffled epoch holds every row equally often", () => {
  const count = 10;
  const epochs = 4000;
  const seen = new Uint32Array(count * count);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const key = orderKey(11, streams.order, epoch);
    for (let position = 0; position < count; position++) seen[position * count + permute(position, count, key)]!++;
  }
  const wanted = epochs / count;
  const chiSquare = seen.reduce((sum, times) => sum + (times - wanted) ** 2 / wanted, 0);
  expect(chiSquare).toBeLessThan(81 + 5 * Math.sqrt(2 * 81)); // 9 × 9 degrees of freedom, 5 standard deviations
});

const whole = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });

/** The first `rows` places of an epoch's order, by the shader. */
async function orderOnGpu(rowCount: number, rows: number, seed: number): Promise<Uint32Array> {
  const step = { network: whole, rows, rowCount, batchSize: rowCount - 1, shuffle: true, seed };
  const results = await runKernel(device(), {
    name: "gatherRows",
    constants: {},
    step: stepSlot(step),
    uniform: pageBlock(0, rowCount, 1),
    storage: [Uint32Array.from({ length: rowCount }, (_, row) => row), poisoned(rows)],
    invocations: rows,
    members: 1,
  });
  return results[1]!.slice();
}

test("the shader draws the same order as the CPU reference", async () => {
  const counts = [
    2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 255, 257, 1000, 1023, 1025, 65_537,
  ];
  for (const rowCount of counts) {
    const step = {
      network: whole,
      rows: rowCount - 1,
      rowCount,
      batchSize: rowCount - 1,
      shuffle: true,
      seed: rowCount,
    };
    expect(await orderOnGpu(rowCount, rowCount - 1, rowCount), `${rowCount} rows`).toEqual(rowsOf(batchOf(step)));
  }
  const large = 2 ** 20 + 7;
  const step = { network: whole, rows: large - 1, rowCount: large, batchSize: large - 1, shuffle: true, seed: 9 };
  const batch: Batch = { ...batchOf(step), batchSize: 20_000 };
  const order = await orderOnGpu(large, large - 1, 9);
  expect(order.subarray(0, 20_000)).toEqual(rowsOf(batch));
  expect(new Set(order).size).toBe(large - 1);
});

test("every epoch takes every row once, whatever the batch size", () => {
  const empty = new Float32Array(0);
  const base = { data: { inputs: empty, targets: empty }, optimizer: sgd(), shuffle: true, seed: 4 };
  for (const [rowCount, batchSize] of [
    [10, 3],
    [10, 10],
    [10, 64],
    [1, 1],
    [257, 64],
    [64, 63],
  ] as const) {
    const perEpoch = stepsPerEpoch(rowCount, Math.min(batchSize, rowCount));
    const epochs = [0, 1].map((epoch) =>
      Array.from({ length: perEpoch }, (_, step) => [
        ...rowsOf(batchAt({ ...base, batchSize }, rowCount, epoch * perEpoch + step)),
      ]).flat(),
    );
    for (const rows of epochs) expect(isBijection(Uint32Array.from(rows)), `${rowCount} by ${batchSize}`).toBe(true);
    if (rowCount > 60 && batchSize < rowCount) expect(epochs[0]).not.toEqual(epochs[1]);
  }
});

test("a batch of all rows keeps their order, shuffled or not", () => {
  const empty = new Float32Array(0);
  const base = { data: { inputs: empty, targets: empty }, optimizer: sgd(), shuffle: true, seed: 4 };
  const inOrder = Uint32Array.from({ length: 50 }, (_, row) => row);
  for (const batchSize of [50, 64]) expect(rowsOf(batchAt({ ...base, batchSize }, 50, 3))).toEqual(inOrder);
  expect(rowsOf(batchAt({ ...base, batchSize: 49 }, 50, 0))).not.toEqual(inOrder.subarray(0, 49));
});

const wide = network({ inputs: 300, layers: [dense(100, "tanh"), dense(3)], loss: "squaredError" });

/** Variance of the weights of a layer 300 → 100. */
const variances: Record<InitializerName, number> = {
  glorotUniform: 2 / 400,
  glorotNormal: 2 / 400,
  heUniform: 2 / 300,
  heNormal: 2 / 300,
  lecunUniform: 1 / 300,
  lecunNormal: 1 / 300,
  normal: 0.05 ** 2,
  uniform: 0.1 ** 2 / 12,
  zeros: 0,
};

/** Bits of 2-17-3 with seed 42, recorded once: every host must draw the same. */
const recorded: Record<InitializerName, string> = {
  glorotUniform: "381e162568bcce02",
  glorotNormal: "58972232358b050c",
  heUniform: "18dd553488d89944",
  heNormal: "b0531f2f35f8859c",
  lecunUniform: "0eb1aedefa4ebd85",
  lecunNormal: "fd265497fe73fa75",
  normal: "7d15d0e278ddc001",
  uniform: "6a8719e02c8894f3",
  zeros: "db696f78397bfac5",
};

test.each(initializerNames)("%s has its mean and variance, zero biases, and the recorded bits", (initializer) => {
  const { weightsOffset, biasOffset, fanOut } = wide.layers[0]!;
  const parameters = initialize(wide, { seed: 3, members: 1, initializer });
  const weights = Float64Array.from(parameters.subarray(weightsOffset, biasOffset));
  const mean = weights.reduce((sum, value) => sum + value, 0) / weights.length;
  const variance = weights.reduce((sum, value) => sum + value ** 2, 0) / weights.length;
  const wanted = variances[initializer];
  const kurtosis = initializer.toLowerCase().endsWith("normal") ? 2 : 0.8; // Var(x²) / Var(x)²
  expect(Math.abs(mean)).toBeLessThanOrEqual(5 * Math.sqrt(wanted / weights.length));
  expect(Math.abs(variance - wanted)).toBeLessThanOrEqual(5 * wanted * Math.sqrt(kurtosis / weights.length));
  expect(parameters.subarray(biasOffset, biasOffset + fanOut).every((value) => value === 0)).toBe(true);
  if (kurtosis === 0.8 && wanted > 0)
    expect(Math.max(...weights.map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(3 * wanted) * (1 + 1e-7));
  const small = network({ inputs: 2, layers: [dense(17, "relu"), dense(3)], loss: "squaredError" });
  expect(hashOf(initialize(small, { seed: 42, members: 2, initializer }))).toBe(recorded[initializer]);
});

test("member r starts as a model of its own with seed + r", () => {
  const small = network({ inputs: 3, layers: [dense(5, "relu"), dense(2, "tanh")], loss: "squaredError" });
  const seed = 2 ** 40 + 5;
  const all = initialize(small, { seed, members: 5 });
  for (let member = 0; member < 5; member++) {
    const own = all.subarray(member * small.parameterCount, (member + 1) * small.parameterCount);
    expect(own).toEqual(initialize(small, { seed: seed + member, members: 1 }));
  }
  expect(hashOf(all.subarray(0, small.parameterCount))).not.toBe(
    hashOf(all.subarray(small.parameterCount, 2 * small.parameterCount)),
  );
});

test("seeds that are no whole numbers below 2⁵³, for any member, are refused", () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53, "1" as unknown as number]) {
    expect(() => initialize(wide, { seed, members: 1 })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  }
  const one = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });
  expect(() => initialize(one, { seed: 2 ** 53 - 1, members: 3 })).toThrow(
    expect.objectContaining({ code: "INVALID_INPUT" }),
  );
});

test("every activation has a default initialiser", () => {
  for (const name of activationNames) expect(initializerNames).toContain(defaultInitializer(name));
  expect(normalAt(1, 0, 0)).not.toBe(normalAt(1, 1, 0));
});
