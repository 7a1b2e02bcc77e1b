import fc from "fast-check";
import { expect, test } from "vitest";
import { greatestCommonDivisor, median, summarize } from "../bench/measure/statistics.ts";
import type { Block } from "../bench/race/host.ts";
import { pairedRatios } from "../bench/race/racer.ts";

test("median and quartiles of known samples", () => {
  expect(summarize([7])).toEqual({ median: 7, lowerQuartile: 7, upperQuartile: 7, least: 7, most: 7 });
  expect(summarize([4, 1, 3, 2])).toEqual({ median: 2.5, lowerQuartile: 1.75, upperQuartile: 3.25, least: 1, most: 4 });
  expect(summarize([5, 1, 4, 2, 3])).toEqual({ median: 3, lowerQuartile: 2, upperQuartile: 4, least: 1, most: 5 });
});

test("samples are sorted by size, not as text", () => {
  expect(median([10, 9, 100])).toBe(10);
});

test("ties: half of the samples equal", () => {
  expect(summarize([2, 2, 2, 9, 1])).toEqual({ median: 2, lowerQuartile: 2, upperQuartile: 2, least: 1, most: 9 });
  expect(summarize([3, 3, 3, 3])).toEqual({ median: 3, lowerQuartile: 3, upperQuartile: 3, least: 3, most: 3 });
});

test("one wild outlier moves the extremes alone", () => {
  const calm = [10, 11, 12, 13, 14, 15, 16, 17, 18];
  const { most: wildest, ...wild } = summarize([...calm, 1e9]);
  const { most: _, ...usual } = summarize([...calm, 19]);
  expect(wild).toEqual(usual);
  expect(wildest).toBe(1e9);
});

test("the samples stay as they were", () => {
  const samples = [3, 1, 2];
  summarize(samples);
  expect(samples).toEqual([3, 1, 2]);
});

test("a summary is in order, scales with its samples, and forgets their order", () => {
  const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.array(positive, { minLength: 1, maxLength: 30 }), (samples) => {
      const { least, lowerQuartile, median: middle, upperQuartile, most } = summarize(samples);
      const ordered = [least, lowerQuartile, middle, upperQuartile, most];
      expect(ordered).toEqual(ordered.toSorted((a, b) => a - b));
      expect(summarize(samples.toReversed())).toEqual(summarize(samples));
      expect(summarize(samples.map((sample) => 2 * sample)).median).toBe(2 * middle);
    }),
  );
});

const blockOf = (ms: number): Block => ({ ms, handOverMs: 0, value: 0, first: 0, steps: undefined });

test("ratios are paired by round, and rounds that one sat out do not count", () => {
  const own = [blockOf(10), blockOf(30), undefined, blockOf(8)];
  const base = [blockOf(5), blockOf(10), blockOf(1), undefined];
  expect(pairedRatios(own, base)).toEqual([2, 3]);
  expect(pairedRatios([], base)).toEqual([]);
});

test("drift that meets both alike leaves no trace in paired ratios", () => {
  const drift = [1, 3, 0.5, 7];
  const own = drift.map((factor) => blockOf(4 * factor));
  const base = drift.map((factor) => blockOf(2 * factor));
  expect(pairedRatios(own, base)).toEqual([2, 2, 2, 2]);
});

test("the step of a clock is the greatest common divisor of what it shows", () => {
  expect(greatestCommonDivisor([65_536n * 3n, 65_536n * 7n])).toBe(65_536n);
  expect(greatestCommonDivisor([0n, 6n])).toBe(6n);
  expect(greatestCommonDivisor([])).toBe(0n);
});
