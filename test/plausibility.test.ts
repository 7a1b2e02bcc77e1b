import { expect, test } from "vitest";
import type { Block } from "../bench/race/host.ts";
import { checkOf, deviationOf, distrustBlocks, distrustRates, ratesOf } from "../bench/race/plausibility.ts";
import { races } from "../bench/race/races.ts";
import { type StepWorkload, workOf, type Workload } from "../bench/race/workload.ts";

const block = (changes: Partial<Block>): Block => ({
  ms: 1,
  handOverMs: 0.5,
  value: 0.25,
  first: 0.25,
  steps: undefined,
  ...changes,
});

const { workload } = races.find(({ name }) => name === "products")!.points[0]!;
const many = races.find(({ name }) => name === "populations")!.points[1]!.workload as StepWorkload;
const start = Float64Array.of(0, 0);
const truth = { rounds: 1, state: Float64Array.of(3, 4), rounded: Float64Array.of(3, 4) };
const deviation = (...values: number[]) => deviationOf(workload, Float32Array.from(values), truth, start).deviation;

test("deviation is relative to the way from the start", () => {
  expect(deviation(3, 4)).toBe(0);
  expect(deviation(3, 5)).toBeCloseTo(0.2, 12);
  const near = deviationOf(workload, Float32Array.of(3, 5), truth, Float64Array.of(3, 3.5));
  expect(near.deviation).toBeCloseTo(2, 12);
});

test("no number, and no state of another length, is close to anything", () => {
  expect(deviation(Number.NaN, 4)).toBe(Number.MAX_VALUE);
  expect(deviation(3)).toBe(Number.MAX_VALUE);
  expect(deviation()).toBe(Number.MAX_VALUE);
});

test("a state that has not moved is wrong, however much rounding drifts", () => {
  const shaky = { ...truth, rounded: Float64Array.of(30, 40) };
  const { deviation: off, bound } = deviationOf(workload, Float32Array.of(0, 0), shaky, start);
  expect(off).toBe(1);
  expect(bound).toBe(0.05);
});

test("of many networks the worst counts", () => {
  const state = Float64Array.from({ length: 10 }, () => 1);
  const reference = { rounds: 1, state, rounded: state };
  const oneOff = Float32Array.from(state);
  oneOff[7] = 1.5;
  const found = deviationOf({ ...many, members: 10 }, oneOff, reference, new Float64Array(10));
  expect(found.deviation).toBeCloseTo(0.5, 12);
});

test("a check of nothing is not passed", () => {
  expect(checkOf([]).passed).toBe(false);
  expect(checkOf([{ rounds: 1, deviation: 2, bound: 1 }]).passed).toBe(false);
  expect(checkOf([{ rounds: 1, deviation: 1, bound: 1 }]).passed).toBe(true);
});

test("the bound grows with the drift that rounding alone causes", () => {
  const state = Float64Array.of(1, 1);
  const calm = { rounds: 1, state, rounded: state };
  const shaky = { rounds: 1, state, rounded: Float64Array.of(1, 1.001) };
  expect(deviationOf(workload, Float32Array.of(1, 1), calm, start).bound).toBe(1e-5);
  expect(deviationOf(workload, Float32Array.of(1, 1), shaky, start).bound).toBeCloseTo((16 * 0.001) / Math.SQRT2, 10);
});

test("honest blocks are trusted", () => {
  expect(distrustBlocks([block({}), block({ value: 0.5, first: 0.5 })])).toBeUndefined();
});

test("a value that is not the state's, or no number, is not trusted", () => {
  expect(distrustBlocks([block({}), block({ value: 0.5 })])).toContain("0.5, is not the first of its state, 0.25");
  expect(distrustBlocks([block({ value: Number.NaN, first: Number.NaN })])).toContain("NaN");
});

const work = { flops: 1e6, bytes: 1e3, samples: 1, networks: 1 };
const ceilings = {
  cpu: { flopsPerSecond: 2e9, bytesPerSecond: 1e6 },
  gpu: { flopsPerSecond: 4e9, bytesPerSecond: 5e5, emptyNs: 1, dependentNs: 1 },
};

test("rates are held against the ceiling of the processor", () => {
  expect(ratesOf(work, 1, "cpu", ceilings)).toEqual({
    flopsPerSecond: 1e9,
    bytesPerSecond: 1e6,
    flopsShare: 0.5,
    bytesShare: 1,
  });
  expect(ratesOf(work, 1, "gpu", ceilings)).toMatchObject({ flopsShare: 0.25, bytesShare: 2 });
  expect(ratesOf(work, 1, "either", ceilings)).toMatchObject({ flopsShare: 0.25, bytesShare: 1 });
  expect(ratesOf(work, 1, "gpu", { cpu: ceilings.cpu })).toEqual({ flopsPerSecond: 1e9, bytesPerSecond: 1e6 });
});

test("100 % is possible, more is not", () => {
  const rates = { flopsPerSecond: 1, bytesPerSecond: 1 };
  expect(distrustRates(rates)).toBeUndefined();
  expect(distrustRates({ ...rates, flopsShare: 1, bytesShare: 1 })).toBeUndefined();
  expect(distrustRates({ ...rates, flopsShare: 1.2, bytesShare: 1 })).toContain("120 % of the arithmetic ceiling");
  expect(distrustRates({ ...rates, flopsShare: 0.1, bytesShare: 3 })).toContain("300 % of the memory ceiling");
});

test("the work of a step is counted by hand for 2-2-2-1", () => {
  const { workload: step } = races.find(({ name }) => name === "tiny")!.points[0]!;
  expect((step as StepWorkload).batchSize).toBe(1);
  // 10 weights forward and twice backward (60), less the inputs' gradient (8); 5 sigmoids (35); the loss (3); 15 updates
  expect(workOf(step)).toEqual({ flops: 60 - 8 + 35 + 3 + 2 * 15, bytes: 4 * 3, samples: 1, networks: 1 });
});

test("a product of n × n is 2 n³ operations over 3 n² values", () => {
  const product: Workload = { kind: "product", name: "p", form: "NN", size: 4, batch: 3 };
  expect(workOf(product)).toEqual({ flops: 3 * 128, bytes: 3 * 4 * 48, samples: 3, networks: 3 });
});

test("races and their points have names of their own", () => {
  const names = races.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { points } of races) {
    const pointNames = points.map(({ workload }) => workload.name);
    expect(new Set(pointNames).size).toBe(pointNames.length);
    expect(points.some(({ isQuick }) => isQuick)).toBe(true);
  }
});
