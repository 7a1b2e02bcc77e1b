import fc from "fast-check";
import { expect, test } from "vitest";
import { colourOf, rangeOf, shareOf, valueOfShare, viridis } from "../src/web/population/colourScale.ts";
import { type Axis, cellOf, networksOf, perReplicaOf, valueAt } from "../src/web/population/grid.ts";
import { quantiles } from "../src/web/population/quantiles.ts";
import { ticksOf } from "../src/web/population/ticks.ts";
import { shortNumber } from "../src/web/shortNumber.ts";

const rates: Axis = { name: "learningRate", from: 1e-4, to: 1, count: 5 };
const seeds: Axis = { name: "seed", from: 10, to: 0, count: 3 };

test("every network has the values of its column and its row", () => {
  const grid = { columns: rates, rows: seeds };
  const { learningRate, seed, momentum } = perReplicaOf(grid);
  expect(networksOf(grid)).toBe(15);
  expect(momentum).toBeUndefined();
  expect(Array.from(learningRate as Float64Array).slice(0, 5)).toEqual([1e-4, 1e-3, 0.01, 0.1, 1]);
  for (let network = 0; network < 15; network++) {
    const { column, row } = cellOf(grid, network);
    expect(learningRate![network]).toBe(valueAt(rates, column));
    expect(seed![network]).toBe(10 + row);
  }
});

test("an axis of one value takes its middle", () => {
  expect(valueAt({ ...rates, count: 1 }, 0)).toBeCloseTo(0.01, 12);
  expect(valueAt({ ...seeds, count: 1 }, 0)).toBe(10);
});

test("quantiles are those of NumPy, and leave out what is not finite", () => {
  expect(quantiles([4, 1, 3, 2], [0, 0.25, 0.5, 1])).toEqual([1, 1.75, 2.5, 4]);
  expect(quantiles([Number.NaN, 7, Infinity], [0.05, 0.5, 0.95])).toEqual([7, 7, 7]);
  expect(quantiles([Number.NaN], [0.5])).toEqual([Number.NaN]);
});

test("quantiles rise with their share and lie within the values", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (values) => {
      const band = quantiles(values);
      const sorted = band.toSorted((a, b) => a - b);
      expect(band).toEqual(sorted);
      expect(band[0]).toBeGreaterThanOrEqual(Math.min(...values));
      expect(band[4]).toBeLessThanOrEqual(Math.max(...values));
    }),
  );
});

test("bright cells have low losses and high accuracies", () => {
  const losses = rangeOf([0.001, 0.1, 10, Number.NaN], "loss");
  expect(losses).toEqual({ low: 0.001, high: 10, logarithmic: true, brightIsLow: true });
  expect(colourOf(losses, 0.001)).toEqual(viridis(1));
  expect(colourOf(losses, 10)).toEqual(viridis(0));
  expect(shareOf(losses, 0.1)).toBeCloseTo(0.5, 12);
  expect(valueOfShare(losses, 0.5)).toBeCloseTo(0.1, 12);
  const accuracies = rangeOf([0.5, 0.75, 1], "accuracy");
  expect(colourOf(accuracies, 1)).toEqual(viridis(1));
});

test("a range of equal, of zero or of no values still has colours", () => {
  expect(shareOf(rangeOf([2, 2], "loss"), 2)).toBe(0.5);
  expect(shareOf(rangeOf([0, 0], "loss"), 0)).toBe(0.5);
  expect(rangeOf([0, 1], "loss").low).toBeGreaterThan(0);
  expect(colourOf(rangeOf([], "loss"), 1)).toHaveLength(3);
});

test("brightness rises along the scale", () => {
  const brightness = Array.from({ length: 21 }, (_, index) => {
    const [red, green, blue] = viridis(index / 20);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  expect(brightness).toEqual(brightness.toSorted((a, b) => a - b));
});

test("ticks stand where their values do", () => {
  expect(ticksOf(rates, 6)).toEqual([
    { share: 0.1, label: "1e-4" },
    { share: 0.3, label: "0.001" },
    { share: 0.5, label: "0.01" },
    { share: 0.7, label: "0.1" },
    { share: 0.9, label: "1" },
  ]);
  expect(ticksOf({ ...seeds, count: 100 }, 5).map(({ label }) => label)).toEqual(["20", "40", "60", "80", "100"]);
  expect(ticksOf({ ...rates, from: 0.01, to: 0.05 }, 6).map(({ label }) => label)).toEqual(["0.01", "0.02", "0.05"]);
  expect(ticksOf({ ...seeds, count: 1 }, 5)).toEqual([{ share: 0.5, label: "10" }]);
});

test("axes have a few ticks, all on the axis", () => {
  const spans = fc.tuple(fc.double({ min: 1e-6, max: 1, noNaN: true }), fc.double({ min: 1.5, max: 1e5, noNaN: true }));
  fc.assert(
    fc.property(spans, fc.integer({ min: 2, max: 400 }), ([from, times], count) => {
      for (const name of ["learningRate", "momentum"] as const) {
        const ticks = ticksOf({ name, from, to: from * times, count }, 6);
        expect(ticks.length).toBeLessThanOrEqual(9);
        for (const { share } of ticks) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
      }
    }),
  );
});

test("numbers are short", () => {
  expect([0, 1e-5, 0.001, 0.25, 12_345].map(shortNumber)).toEqual(["0", "1e-5", "0.001", "0.25", "12,345"]);
});
