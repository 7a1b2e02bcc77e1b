// Curves of the losses in a terminal, as an emulated one shows them.

import fc from "fast-check";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { drawLive, eraseLive, leaveLive } from "../src/cli/liveText.ts";
import { lossChart } from "../src/cli/lossChart.ts";
import { LossCurve, type LossPoint } from "../src/cli/lossCurve.ts";
import { createOutput } from "../src/cli/output.ts";
import { createProgressView } from "../src/cli/progress.ts";
import type { Progress } from "../src/node.ts";
import { escapesIn, Screen } from "./support/screen.ts";

/** The course of a training of 200 epochs. */
const course = (epochs = 200): LossPoint[] =>
  Array.from({ length: epochs }, (_, at) => ({
    epoch: at + 1,
    loss: Math.exp(-at / 30) + 0.01,
    validation: Math.exp(-at / 30) + 0.05,
  }));

describe("a chart", () => {
  test("a falling loss, with the rows held out above it", () => {
    const lines = lossChart(course(), "loss", { columns: 60, rows: 30 })!;
    expect(lines[0]).toBe("loss (log) by epoch  ━ training  • validation");
    expect(lines[1]).toMatch(/^ +1┤•/);
    expect(lines.at(-3)).toMatch(/━$/); // the lowest line is the end of the training loss
    expect(lines.at(-2)).toMatch(/^ +└─.*┬/);
    expect(lines.at(-1)!.trim().split(/ +/)).toEqual(["50", "100", "150", "200"]);
    const labels = lines.flatMap((line) => /^ *([\d.e-]+)┤/.exec(line)?.[1] ?? []);
    expect(labels.map(Number)).toEqual([...labels].map(Number).toSorted((a, b) => b - a));
    expect(labels).toContain("0.1");
  });

  test("losses that hardly change, or are not all positive, on a linear scale", () => {
    const flat = course().map((point) => ({ ...point, loss: 1 + point.loss / 10, validation: undefined }));
    expect(lossChart(flat, "loss", { columns: 60, rows: 30 })![0]).toBe("loss by epoch  ━ training");
    const negative = course().map((point) => ({ ...point, loss: point.loss - 0.5 }));
    expect(lossChart(negative, "loss", { columns: 60, rows: 30 })![0]).not.toContain("log");
  });

  test("none in a small terminal, or of two points", () => {
    expect(lossChart(course(), "loss", { columns: 59, rows: 30 })).toBe(undefined);
    expect(lossChart(course(), "loss", { columns: 80, rows: 12 })).toBe(undefined);
    expect(lossChart(course(2), "loss", { columns: 80, rows: 30 })).toBe(undefined);
  });

  test("whatever the losses are, it fits and has no escapes without colours", () => {
    const loss = fc.oneof(
      fc.double(),
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.constantFrom(0, 1, 1e300, 1e-300),
    );
    const steps = fc.array(fc.record({ by: fc.double({ min: 1e-6, max: 100, noNaN: true }), loss, held: fc.option(loss) }), { maxLength: 80 }); // prettier-ignore
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) });
    fc.assert(
      fc.property(steps, size, (all, { columns, rows }) => {
        let epoch = 0;
        const points = all.map(({ by, loss: own, held }) => ({ epoch: (epoch += by), loss: own, validation: held ?? undefined })); // prettier-ignore
        const lines = lossChart(points, "median loss", { columns, rows }) ?? [];
        expect(lines.length).toBeLessThanOrEqual(Math.max(0, rows - 3));
        for (const line of lines) {
          expect(line.length).toBeLessThan(columns);
          expect(line).toBe(stripVTControlCharacters(line));
        }
      }),
    );
  });
});

test("a curve of a million events stays short, and as long as the run", () => {
  const curve = new LossCurve();
  for (let epoch = 1; epoch <= 1e6; epoch++) curve.add({ epoch, loss: epoch, validation: undefined });
  const { points } = curve;
  expect(points.length).toBeLessThan(513);
  expect(points.length).toBeGreaterThan(250);
  expect(points.at(-1)!.epoch).toBe(1e6);
  expect(points[0]!.epoch).toBeLessThanOrEqual(1e6 / 250);
  for (const { epoch, loss } of points) expect(Math.abs(loss - epoch)).toBeLessThanOrEqual(1e6 / 250);
});

describe("while a training runs", () => {
  const { stderr } = process;
  const own = ["isTTY", "columns", "rows", "getColorDepth"] as const;
  const before = own.map((key) => Object.getOwnPropertyDescriptor(stderr, key));
  let screen: Screen;
  let written: string[] = [];
  let nowMs = 0;

  function beTerminal(columns: number, rows: number, colours = false): void {
    const values = { isTTY: true, columns, rows, getColorDepth: () => (colours ? 4 : 1) };
    for (const key of own) Object.defineProperty(stderr, key, { value: values[key], configurable: true });
  }

  /** What the terminal shows now. */
  async function shown(): Promise<string[]> {
    await screen.write(written.splice(0).join(""));
    return screen.lines;
  }

  beforeEach(() => {
    [written, nowMs] = [[], 0];
    screen = new Screen({ cols: 80, rows: 30 });
    beTerminal(80, 30);
    vi.stubEnv("CI", "");
    vi.stubEnv("FORCE_COLOR", undefined);
    vi.stubEnv("TERM", "xterm");
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    vi.spyOn(stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
  });
  afterEach(() => {
    leaveLive();
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    for (const [at, key] of own.entries()) {
      const descriptor = before[at];
      if (descriptor) Object.defineProperty(stderr, key, descriptor);
      else Reflect.deleteProperty(stderr, key);
    }
  });

  const epochs = 100;
  const eventOf = (epoch: number): Progress => ({
    step: epoch * 10,
    steps: epochs * 10,
    epoch,
    learningRate: 0.01,
    loss: Math.exp(-epoch / 20),
    losses: new Float32Array(),
    validation: { loss: Math.exp(-epoch / 25), losses: new Float64Array(), accuracy: undefined, accuracies: undefined },
    diverged: 0,
    recovered: undefined,
    stopped: 0,
    stepsPerSecond: 100,
    elapsedMs: epoch * 100,
    etaMs: (epochs - epoch) * 100,
  });

  /** Shows events of a tenth of a second each. */
  async function show(view: ReturnType<typeof createProgressView>, from: number, to: number): Promise<void> {
    for (let epoch = from; epoch <= to; epoch++) {
      nowMs += 100;
      view.show(eventOf(epoch));
      if (epoch === 10) await vi.dynamicImportSettled();
    }
  }

  test("curves above the line of figures after a second, drawn over, and left at the end", async () => {
    const output = createOutput({});
    output.info("training", "100 epochs");
    const view = createProgressView(output, { epochs, chart: true });
    await show(view, 1, 9);
    expect(await shown()).toEqual(["training  100 epochs", expect.stringMatching(/^ {2}9\/100 /)]);
    await show(view, 10, 50);
    const lines = await shown();
    expect(lines.slice(0, 2)).toEqual(["training  100 epochs", expect.stringMatching(/^loss \(log\) by epoch /)]);
    expect(lines.at(-1)).toMatch(/^ 50\/100 ━+ +loss 0\.08208 val 0\.1353 100 steps\/s ETA 0:05/);
    expect(lines.length).toBe(1 + 16);
    await show(view, 51, 100);
    view.end();
    output.info("", "afterwards");
    const end = await shown();
    expect(end.length).toBe(1 + 16 + 1);
    expect(end.at(-2)).toMatch(/^100\/100 /);
    expect(end.at(-1)).toBe("          afterwards");
    expect(screen.cursor).toEqual([0, end.length]);
    expect(stderr.listenerCount("resize")).toBe(0);
  });

  test("what is said meanwhile goes above the curves", async () => {
    const output = createOutput({});
    const view = createProgressView(output, { epochs, chart: true });
    await show(view, 1, 50);
    const lines = await shown();
    output.info("", "the device was lost");
    output.info("", "the training goes on");
    expect(await shown()).toEqual(["          the device was lost", "          the training goes on", ...lines]);
    await show(view, 51, 60);
    view.end();
    expect((await shown()).length).toBe(lines.length + 2);
  });

  test("lines longer than the terminal is high push it up without a trace", async () => {
    const output = createOutput({});
    const view = createProgressView(output, { epochs, chart: true });
    await show(view, 1, 50);
    for (let line = 0; line < 40; line++) output.info("", `note ${line} ${"x".repeat(100)}`);
    await show(view, 51, 55);
    view.end();
    const lines = await shown();
    expect(lines.filter((line) => line.includes("note "))).toHaveLength(40);
    expect(lines.filter((line) => line.includes("loss (log) by epoch"))).toHaveLength(1);
  });

  test("a terminal that becomes narrower, wider and low", async () => {
    const view = createProgressView(createOutput({}), { epochs, chart: true });
    await show(view, 1, 30);
    await shown();
    for (const [columns, rows] of [
      [65, 30],
      [70, 20],
      [50, 40],
      [90, 30],
    ] as const) {
      beTerminal(columns, rows);
      screen.resize(columns, rows);
      stderr.emit("resize");
      const lines = await shown();
      expect(lines.filter((line) => line.includes("/100"))).toHaveLength(1);
      expect(lines.filter((line) => line.includes("by epoch"))).toHaveLength(columns < 60 ? 0 : 1);
      for (const line of lines) expect(line.length).toBeLessThan(columns);
    }
    view.end();
  });

  test("at most ten times a second, and less often where drawing takes long", async () => {
    const view = createProgressView(createOutput({}), { epochs, chart: true });
    await show(view, 1, 10);
    written = [];
    for (let event = 0; event < 1000; event++) {
      nowMs += 1;
      view.show(eventOf(11 + event / 100));
    }
    expect(written.length).toBeLessThanOrEqual(11);
    vi.mocked(stderr.write).mockImplementation((text) => {
      nowMs += 5;
      return written.push(String(text)) > 0;
    });
    written = [];
    const startMs = nowMs;
    while (nowMs < startMs + 10_000) {
      nowMs += 1;
      view.show(eventOf(30));
    }
    expect(written.length).toBeLessThanOrEqual(21);
    view.end();
  });

  test("one line with --no-chart, in a dumb terminal, and in a short run; without escapes", async () => {
    const run = async (chart: boolean, to = epochs): Promise<string[]> => {
      const view = createProgressView(createOutput({}), { epochs, chart });
      await show(view, 1, to);
      view.end();
      expect(written.join("")).not.toMatch(/[^\P{Cc}\r\n]/u);
      const lines = await shown();
      screen = new Screen({ cols: 80, rows: 30 });
      return lines;
    };
    const line = [expect.stringMatching(/^100\/100 /)];
    expect(await run(false)).toEqual(line);
    expect(await run(true, 9)).toEqual([expect.stringMatching(/^ {2}9\/100 /)]);
    vi.stubEnv("TERM", "dumb");
    expect(await run(true)).toEqual(line);
  });

  test("colours tell the curves apart where the terminal has them", async () => {
    const text = async (colours: boolean): Promise<string> => {
      beTerminal(80, 30, colours);
      const view = createProgressView(createOutput({}), { epochs, chart: true });
      await show(view, 1, 20);
      view.end();
      return written.splice(0).join("");
    };
    expect(escapesIn(await text(false)).filter((sequence) => sequence.endsWith("m"))).toEqual([]);
    expect(escapesIn(await text(true))).toContain("[34m");
  });

  test("lines are erased without a trace, one or several", async () => {
    for (const lines of [["one"], ["one", "two", "three"]]) {
      drawLive(lines);
      expect(await shown()).toEqual(lines);
      drawLive(lines.slice(0, -1).concat("end"));
      eraseLive();
      expect(await shown()).toEqual([]);
      expect(screen.cursor).toEqual([0, 0]);
    }
  });
});
