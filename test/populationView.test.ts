import fc from "fast-check";
import { expect, test } from "vitest";
import { acquire } from "../src/index.ts";
import { sessionOf, pointsOf } from "../src/web/playground/setup.ts";
import { decodeState, encodeState } from "../src/web/playground/state.ts";
import { bestNetworks } from "../src/web/population/bestTable.ts";
import { colourOf, paintValues, rangeOf, shareOf, valueOfShare, viridis } from "../src/web/population/colourScale.ts";
import { summarizeColumns } from "../src/web/population/columnTable.ts";
import { type Axis, cellOf, networksOf, perMemberOf, shrunk, valueAt } from "../src/web/population/grid.ts";
import { quantiles } from "../src/web/population/quantiles.ts";
import {
  axisOf,
  cellState,
  defaultState,
  type PopulationState,
  readAddress,
  writeAddress,
} from "../src/web/population/state.ts";
import { StepRate } from "../src/web/population/stepRate.ts";
import { sessionSettings } from "../src/web/population/training.ts";
import { scheduleOf } from "../src/web/playground/schedules.ts";
import { ticksOf } from "../src/web/population/ticks.ts";
import { shortNumber } from "../src/web/shortNumber.ts";
import type { SessionSettings } from "../src/web/worker/protocol.ts";
import { createTrainee, optionsFrom } from "../src/web/worker/trainee.ts";

const rates: Axis = { name: "learningRate", from: 1e-4, to: 1, count: 5 };
const seeds: Axis = { name: "seed", from: 10, to: 0, count: 3 };

test("every network has the values of its column and its row", () => {
  const grid = { columns: rates, rows: seeds };
  const { learningRate, seed, momentum } = perMemberOf(grid);
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
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), { minLength: 1 }), (values) => {
      const band = quantiles(values);
      const sorted = band.toSorted((a, b) => a - b);
      expect(band).toEqual(sorted);
      expect(band[0]).toBeGreaterThanOrEqual(Math.min(...values));
      expect(band.at(-1)).toBeLessThanOrEqual(Math.max(...values));
    }),
  );
});

test("bright cells have low losses and high accuracies", () => {
  const losses = rangeOf(0.001, 10, "loss");
  expect(losses).toEqual({ low: 0.001, high: 10, logarithmic: true, brightIsLow: true });
  expect(colourOf(losses, 0.001)).toEqual(viridis(1));
  expect(colourOf(losses, 10)).toEqual(viridis(0));
  expect(shareOf(losses, 0.1)).toBeCloseTo(0.5, 12);
  expect(valueOfShare(losses, 0.5)).toBeCloseTo(0.1, 12);
  expect(colourOf(rangeOf(0.5, 1, "accuracy"), 1)).toEqual(viridis(1));
});

test("a range of equal, of zero or of no values still has colours", () => {
  expect(shareOf(rangeOf(2, 2, "loss"), 2)).toBe(0.5);
  expect(shareOf(rangeOf(0, 0, "loss"), 0)).toBe(0.5);
  expect(rangeOf(0, 1, "loss").low).toBeGreaterThan(0);
  expect(colourOf(rangeOf(Number.NaN, Number.NaN, "loss"), 1)).toHaveLength(3);
});

test("pictures of values have their colours, and gaps where networks have stopped", () => {
  const range = rangeOf(0.001, 10, "loss");
  const pixels = new Uint8ClampedArray(12);
  paintValues(pixels, [0.001, Number.NaN, 10], range);
  expect([...pixels.subarray(0, 4)]).toEqual([...viridis(1), 255]);
  expect(pixels[7]).toBe(0);
  expect([...pixels.subarray(8)]).toEqual([...viridis(0), 255]);
});

test("pictures of many values have the colours of single ones", () => {
  const values = Float32Array.from({ length: 500 }, (_, index) => 10 ** (index / 100 - 4));
  for (const range of [rangeOf(0.001, 10, "loss"), rangeOf(0.2, 0.9, "accuracy"), rangeOf(0.5, 0.5, "accuracy")]) {
    const pixels = new Uint8ClampedArray(4 * values.length);
    paintValues(pixels, values, range);
    for (const [index, value] of values.entries()) {
      const [red, green, blue] = colourOf(range, value);
      // One of 256 colours beside the exact one.
      expect(Math.abs(pixels[4 * index]! - red)).toBeLessThanOrEqual(3);
      expect(Math.abs(pixels[4 * index + 1]! - green)).toBeLessThanOrEqual(3);
      expect(Math.abs(pixels[4 * index + 2]! - blue)).toBeLessThanOrEqual(3);
    }
  }
});

test("the rate of steps is that of the last minute, and starts over after a pause", () => {
  const rate = new StepRate();
  rate.add(0, 1000);
  expect(rate.perSecond).toBeNaN();
  rate.add(50, 6000);
  expect(rate.perSecond).toBe(10);
  rate.add(60, 16_000); // scoring
  expect(rate.perSecond).toBe(4);
  rate.add(660, 66_000);
  expect(rate.perSecond).toBeCloseTo(610 / 60);
  rate.restart();
  rate.add(660, 90_000);
  expect(rate.perSecond).toBeNaN();
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
  expect([0, 1e-5, 0.001, 0.25, 12_345, 2e9].map(shortNumber)).toEqual(["0", "1e-5", "0.001", "0.25", "12,345", "2e9"]);
});

test("a population survives its address", () => {
  const state: PopulationState = {
    base: {
      ...defaultState.base,
      data: "spiral",
      noise: 25,
      optimizer: "rmsProp",
      layers: [
        { width: 5, activation: "relu" },
        { width: 3, activation: "relu" },
      ],
    },
    grid: { columns: { ...axisOf("momentum", 7), to: 0.5 }, rows: { ...axisOf("seed", 9), from: 40 } },
    steps: 250,
    metric: "trainingAccuracy",
  };
  const { state: read, problems } = readAddress(new URLSearchParams(String(writeAddress(state))));
  expect(problems).toEqual([]);
  expect(writeAddress(read)).toEqual(writeAddress(state));
  expect(read.base).toEqual(state.base);
  expect(read.steps).toBe(250);
  expect(readAddress(new URLSearchParams()).state).toEqual(defaultState);
});

test("invalid settings in an address are reported and ignored", () => {
  const problemsOf = (text: string) => readAddress(new URLSearchParams(text)).problems.length;
  expect(problemsOf("x=learningRate~1~0.1~8")).toBe(1);
  expect(problemsOf("x=colour~1~2~8")).toBe(1);
  expect(problemsOf("x=seed~1.5~0~8")).toBe(1);
  expect(problemsOf("x=seed~1~0~8&y=seed~1~0~8")).toBe(1);
  expect(problemsOf("steps=0")).toBe(1);
  expect(problemsOf("x=learningRate~0.01~0.1~2000")).toBe(1);
  expect(problemsOf("x=learningRate~0.01~0.1~8&steps=10")).toBe(0);
});

test("a grid is halved along its longer side until it is small enough", () => {
  const grid = { columns: { ...rates, count: 64 }, rows: { ...seeds, count: 48 } };
  expect(networksOf(shrunk(grid, 5000))).toBe(3072);
  expect(networksOf(shrunk(grid, 3071))).toBe(1536);
  expect(networksOf(shrunk(grid, 0.5))).toBe(1);
});

test("the best networks are found, and those that have diverged are none", () => {
  const values = [3, Number.NaN, 1, 2, 0.5, 9, 1];
  expect(bestNetworks(values, true, 3)).toEqual([4, 2, 6]);
  expect(bestNetworks(values, false, 2)).toEqual([5, 0]);
  expect(bestNetworks([Number.NaN], true)).toEqual([]);
});

test("columns are reported in numbers", () => {
  const values = Float32Array.from({ length: 15 }, (_, network) => (network === 7 ? Number.NaN : network));
  const columns = summarizeColumns({ columns: rates, rows: seeds }, values);
  expect(columns.map(({ value }) => value)).toEqual([1e-4, 1e-3, 0.01, 0.1, 1]);
  expect(columns[0]).toMatchObject({ lowest: 0, median: 5, highest: 10, diverged: 0 });
  expect(columns[2]).toMatchObject({ lowest: 2, highest: 12, diverged: 1 });
});

/** Parameters after some steps, as the session's trainee takes them. */
async function train(settings: SessionSettings<unknown>, steps: number): Promise<Float64Array> {
  const device = await acquire({ device: "reference" });
  const { model } = await createTrainee(device, settings);
  await model.fit(settings.data, { ...optionsFrom(settings, 0), steps });
  const parameters = Float64Array.from(await model.readParameters());
  model.dispose();
  device.dispose();
  return parameters;
}

test("the network of a cell is the one that its address opens in the playground, bit for bit", async () => {
  const grids = [
    { columns: axisOf("learningRate", 3), rows: axisOf("seed", 2) },
    { columns: axisOf("momentum", 3), rows: axisOf("weightDecay", 2) },
  ];
  const regular = {
    schedule: "cosine",
    warmUp: 3,
    dropout: 0.2,
    clipNorm: 0.1,
    l1: 0.01,
    labelSmoothing: 0.1,
  } as const;
  for (const grid of grids) {
    const base = { ...defaultState.base, ...(grid === grids[1] && regular) };
    const state = { ...defaultState, base, grid, steps: 12 };
    const settings = sessionSettings(state);
    if (grid === grids[1]) expect(settings.schedule).toEqual(scheduleOf({ ...base, scheduleSteps: 9 }));
    const all = await train(settings, 12);
    const each = all.length / 6;
    for (const network of [0, 4, 5]) {
      const { state: opened, problems } = decodeState(encodeState(cellState(state, network)));
      expect(problems).toEqual([]);
      const single = sessionOf(opened, pointsOf(opened), undefined);
      expect(await train(single, 12)).toEqual(all.slice(network * each, (network + 1) * each));
    }
  }
});
