import { expect, test } from "vitest";
import { chartData } from "../src/web/playground/curveChart.ts";
import { curvesCsv, curvesJson } from "../src/web/playground/curveFiles.ts";
import { type CurveView, linesOf, nearestValue, type Run, smooth } from "../src/web/playground/curveLines.ts";
import { type CurveColors, curvesSvg, linearTicks, logarithmicTicks } from "../src/web/playground/curvePicture.ts";
import { History } from "../src/web/playground/history.ts";
import { describeSettings, mostPinned, PinnedRuns, thinOut } from "../src/web/playground/pinnedRuns.ts";
import { defaults } from "../src/web/playground/state.ts";
import { TrainingClock } from "../src/web/playground/trainingClock.ts";

// Curves without a page: lines, smoothing, pinned runs, files.

const view: CurveView = { measure: "loss", isLogarithmic: true, axis: "step", smoothing: 0 };

function runOf(name: string, losses: readonly number[]): Run {
  const history = new History();
  for (const [at, trainingLoss] of losses.entries()) {
    const accuracies = { trainingAccuracy: 0.5, testAccuracy: 0.25 };
    history.add({ step: 10 * (at + 1), seconds: at / 4, trainingLoss, testLoss: 2 * trainingLoss, ...accuracies }, 0.1);
  }
  return { name, settings: `settings of ${name}`, address: "v=1", entries: history.entries, marks: history.marks };
}

test("smoothing is the exponential average with its weight divided out", () => {
  expect(smooth([3, 3, 3], 0.9).map((value) => Number(value!.toFixed(12)))).toEqual([3, 3, 3]);
  const [first, second, third] = smooth([1, null, 3], 0.5);
  expect(first).toBe(1);
  expect(second).toBeNull();
  expect(third).toBeCloseTo((0.25 * 1 + 0.5 * 3) / 0.75, 12);
  const values = [1, 2, 3];
  expect(smooth(values, 0)).toBe(values);
});

test("lines are of the measure and the axis that are requested, and keep what they were before smoothing", () => {
  const { entries } = runOf("now", [0.5, 0, Number.NaN]);
  expect(linesOf(entries, view)).toMatchObject({
    xs: [10, 20, 30],
    training: [0.5, 1e-12, null],
    test: [1, 1e-12, null],
  });
  expect(linesOf(entries, { ...view, isLogarithmic: false, axis: "epoch" })).toMatchObject({
    xs: [1, 2, 3],
    training: [0.5, 0, null],
  });
  const smoothed = linesOf(entries, { ...view, measure: "accuracy", axis: "seconds", smoothing: 0.9 });
  expect(smoothed.xs).toEqual([0, 0.25, 0.5]);
  expect(smoothed.rawTraining).toEqual([50, 50, 50]);
});

test("epochs behind a change of the batch stay what they were", () => {
  const history = new History();
  const rest = { seconds: 0, trainingLoss: 1, testLoss: undefined, trainingAccuracy: 1, testAccuracy: undefined };
  history.add({ step: 100, ...rest }, 0.1);
  history.add({ step: 200, ...rest }, 1);
  history.mark(210, 3, 1);
  expect(history.entries.map(({ epoch }) => epoch)).toEqual([10, 110]);
  expect(history.marks).toEqual([{ kind: "diverged", step: 210, seconds: 3, epoch: 120 }]);
});

test("the value nearest to the pointer counts, within a line", () => {
  const values = [undefined, 1, undefined, undefined, null, 2, undefined];
  expect([0, 1, 2, 3, 4, 5, 6].map((at) => nearestValue(values, at))).toEqual([null, 1, 1, 1, 5, 5, null]);
});

test("runs beside each other share their places", () => {
  // What uPlot does: all places in order, undefined where a run has none.
  const join = (tables: readonly (readonly (readonly (number | null | undefined)[])[])[]): never => {
    const xs = [...new Set(tables.flatMap(([own]) => own as number[]))].toSorted((a, b) => a - b);
    const columns = tables.flatMap(([own, ...rest]) => rest.map((values) => xs.map((x) => values[own!.indexOf(x)])));
    return [xs, ...columns] as never;
  };
  const [now, pinned] = [runOf("now", [1, 0.5]), runOf("run 1", [3, 2, 1])];
  const data = chartData(join as never, [now, pinned], view) as unknown as unknown[][];
  expect(data).toHaveLength(1 + 4 + 2);
  expect(data[0]).toEqual([10, 20, 30]);
  expect(data[1]).toEqual([1, 0.5, undefined]);
  expect(data[3]).toEqual([null, null, undefined]); // nothing behind where nothing is smoothed
  expect(data[5]).toEqual([3, 2, 1]);
});

test("twenty runs are kept at most, thinned out, each with a number of its own", () => {
  const runs = new PinnedRuns();
  runs.pin(runOf("empty", []));
  expect(runs.all).toEqual([]);
  for (let at = 0; at < mostPinned + 3; at++) runs.pin(runOf("now", [1, 2]));
  expect(runs.isFull).toBe(true);
  expect(runs.all.map(({ name }) => name)).toEqual(Array.from({ length: 20 }, (_, at) => `run ${at + 1}`));
  runs.remove(20);
  runs.pin(
    runOf(
      "now",
      Array.from({ length: 1000 }, (_, at) => at),
    ),
  );
  expect(runs.all.at(-1)!.name).toBe("run 21");
  const { entries } = runs.all.at(-1)!;
  expect(entries.length).toBeLessThanOrEqual(300);
  expect([entries[0]!.step, entries.at(-1)!.step]).toEqual([10, 10_000]);
  for (const length of [1, 2, 299, 300, 301, 599, 1200]) {
    const all = Array.from({ length }, (_, at) => at);
    const few = thinOut(all, 300);
    expect(few.length).toBeLessThanOrEqual(300);
    expect([few[0], few.at(-1)]).toEqual([0, length - 1]);
  }
});

test("settings are reported in one line", () => {
  expect(describeSettings(defaults)).toBe(
    "spiral, noise 10 % · 2 → 8 tanh, 6 tanh → 1 · adam 0.01 · binaryCrossEntropy · batch 32 · seed 1",
  );
  const other = { ...defaults, layers: [], optimizer: "sgd", momentum: 0.9, weightDecay: 0.01 } as const;
  expect(describeSettings({ ...other, initializer: "zeros", networkSeed: 7 })).toMatch(
    /2 → 1 · sgd 0\.01 · momentum 0\.9 · decay 0\.01 · zeros · .* · seed 7$/,
  );
});

test("the clock counts training, not pauses", () => {
  const clock = new TrainingClock();
  expect(clock.lap(500, false)).toBe(0);
  clock.start(1000);
  clock.start(1500); // goes on as it is
  expect(clock.lap(2000, true)).toBe(1);
  expect(clock.lap(3000, false)).toBe(2);
  expect(clock.lap(90_000, false)).toBe(2);
  clock.start(100_000);
  expect(clock.lap(100_500, false)).toBe(2.5);
  clock.reset();
  expect(clock.seconds).toBe(0);
});

test("curves as CSV and JSON have every entry of every run", () => {
  const runs = [runOf("now", [1, 0.5]), runOf("run 1", [Number.NaN])];
  const lines = curvesCsv(runs).split("\n");
  expect(lines).toEqual([
    "step,epoch,seconds,training loss,test loss,training accuracy,test accuracy,run",
    "10,1,0,1,2,0.5,0.25,now",
    "20,2,0.25,0.5,1,0.5,0.25,now",
    "10,1,0,NaN,NaN,0.5,0.25,run 1",
    "",
  ]);
  const read = JSON.parse(curvesJson(runs)) as { version: number; runs: Run[] };
  expect(read.version).toBe(1);
  expect(read.runs[0]).toEqual(runs[0]);
  expect(read.runs[1]!.entries[0]!.trainingLoss).toBeNull();
});

const colors: CurveColors = {
  page: "#fff",
  ink: "#111",
  quiet: "#555",
  line: "#ddd",
  test: "#00f",
  bad: "#f00",
  runs: ["#080", "#808"],
};

test("the picture has a line for training and test of each run, within its frame, and no markup of names", () => {
  const runs = [runOf("now", [1, 0.1, 0.01]), { ...runOf("run 1", [1, 0.5]), settings: 'a < b & "c"' }];
  const picture = curvesSvg(runs, { ...view, smoothing: 0.5 }, colors);
  const paths = [...picture.matchAll(/<path d="([^"]*)" fill="none" stroke="([^"]*)"/g)];
  expect(paths.map(([, , color]) => color)).toEqual(["#111", "#00f", "#111", "#00f", "#080", "#080"]);
  for (const [, d] of paths) {
    const numbers = d!.match(/[\d.]+/g)!.map(Number);
    for (let at = 0; at < numbers.length; at += 2) {
      expect(numbers[at]).toBeGreaterThanOrEqual(72);
      expect(numbers[at]).toBeLessThanOrEqual(776);
      expect(numbers[at + 1]).toBeGreaterThanOrEqual(20);
      expect(numbers[at + 1]).toBeLessThanOrEqual(360);
    }
  }
  expect(picture).toContain("a &lt; b &amp; &quot;c&quot;");
  expect(picture).not.toMatch(/NaN|undefined|Infinity/);
  expect(curvesSvg([runOf("now", [0.3])], { ...view, measure: "accuracy" }, colors)).not.toMatch(/NaN|Infinity/);
  expect(curvesSvg([], view, colors)).not.toMatch(/NaN|Infinity/);
});

test("ticks are round numbers", () => {
  expect(linearTicks(0, 1000)).toEqual([0, 200, 400, 600, 800, 1000]);
  expect(linearTicks(0.13, 0.31)).toEqual([0.15, 0.2, 0.25, 0.3]);
  expect(linearTicks(5, 5)).toEqual([5]);
  expect(logarithmicTicks(0.003, 2)).toEqual([0.01, 0.1, 1]);
  expect(logarithmicTicks(0.15, 0.6)).toEqual([0.2, 0.5]);
  expect(logarithmicTicks(0.41, 0.9)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9]);
  expect(logarithmicTicks(1e-12, 1).length).toBeLessThanOrEqual(7);
});
