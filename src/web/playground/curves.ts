// Loss and accuracy over the steps, on training and test points. uPlot is fetched when there is something to draw.

import type uPlot from "uplot";
import { element } from "../dom.ts";
import { themeColor } from "./colors.ts";
import { checkField, radioField } from "./controls.ts";
import { formatCount, formatNumber, formatPercent } from "./format.ts";
import type { History, HistoryEntry } from "./history.ts";

type Measure = "loss" | "accuracy";

/** Between two redraws. */
const redrawMs = 120;
const height = 190;
/** Until the library is asked for again. */
const retryMs = 3000;

/** Few of the ticks of a logarithmic scale: powers of ten, at most some six; where there are not two, 1, 2 and 5 of each. */
function fewTicks(_: uPlot, ticks: number[]): (number | null)[] {
  const digit = (tick: number): number => Math.round(tick / 10 ** Math.floor(Math.log10(tick) + 1e-9));
  const powers = ticks.filter((tick) => digit(tick) === 1);
  if (powers.length < 2) return ticks.map((tick) => ([1, 2, 5].includes(digit(tick)) ? tick : null));
  const each = Math.ceil(powers.length / 6);
  const kept = new Set(powers.filter((tick) => Math.round(Math.log10(tick)) % each === 0));
  return ticks.map((tick) => (kept.has(tick) ? tick : null));
}

export class Curves {
  readonly element: HTMLElement;
  readonly #history: History;
  readonly #plot = element("div", {
    class: "plot",
    role: "img",
    "data-empty": "The curves begin with the first step.",
  });
  readonly #measure = radioField<Measure>({
    legend: "Curve",
    name: "curve",
    choices: [
      { value: "loss", label: "Loss" },
      { value: "accuracy", label: "Accuracy" },
    ],
    onChange: (measure) => this.#choose(measure, this.#isLogarithmic),
  });
  readonly #logarithmic = checkField("log", (isOn) => this.#choose(this.#shown, isOn));
  readonly #resize: ResizeObserver;
  #library: typeof uPlot | undefined;
  #isLoading = false;
  #isDisposed = false;
  #chart: uPlot | undefined;
  #shown: Measure = "loss";
  #isLogarithmic = true;
  #drawnMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(history: History) {
    this.#history = history;
    this.#measure.set("loss");
    this.#logarithmic.set(true);
    const head = element("div", { class: "row spread" }, this.#measure.element, this.#logarithmic.element);
    this.element = element("div", { class: "curves" }, head, this.#plot);
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(this.#plot);
  }

  /** Draws what has come, a few times a second. */
  show(): void {
    if (!this.#library) void this.#load();
    const restMs = redrawMs - (performance.now() - this.#drawnMs);
    if (restMs <= 0) this.#draw();
    else this.#timer ??= setTimeout(() => this.#draw(), restMs);
  }

  /** Accuracy is of classes alone. */
  offerAccuracy(isOffered: boolean): void {
    this.#measure.element.hidden = !isOffered;
    if (isOffered || this.#shown === "loss") return;
    this.#measure.set("loss");
    this.#choose("loss", this.#isLogarithmic);
  }

  /** Colours are those of the theme at this time. */
  restyle(): void {
    this.#chart?.destroy();
    this.#chart = undefined;
    this.show();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#resize.disconnect();
    this.#chart?.destroy();
    this.#isDisposed = this.#isLoading = true; // what is being fetched comes too late
  }

  #choose(measure: Measure, isLogarithmic: boolean): void {
    this.#shown = measure;
    this.#isLogarithmic = isLogarithmic;
    this.#logarithmic.element.hidden = measure === "accuracy";
    this.restyle();
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const [{ default: library }] = await Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]);
      if (this.#plot.isConnected) this.#library = library;
      this.#draw();
    } catch {
      this.#plot.dataset.empty = "The curves could not be fetched; the numbers above are right.";
      setTimeout(() => (this.#isLoading = this.#isDisposed), retryMs);
    }
  }

  #data(): uPlot.AlignedData {
    const { entries } = this.#history;
    const steps = entries.map(({ step }) => step);
    // A logarithm has no zero.
    const value = (of: (entry: HistoryEntry) => number | undefined) => (entry: HistoryEntry) => {
      const number = of(entry);
      if (number === undefined || !Number.isFinite(number)) return null;
      return this.#isLogarithmic && this.#shown === "loss" ? Math.max(number, 1e-12) : number;
    };
    if (this.#shown === "accuracy") {
      const percent = (share: number | undefined): number | undefined => share && 100 * share;
      const training = value(({ trainingAccuracy }) => percent(trainingAccuracy));
      return [steps, entries.map(training), entries.map(value(({ testAccuracy }) => percent(testAccuracy)))];
    }
    return [
      steps,
      entries.map(value(({ trainingLoss }) => trainingLoss)),
      entries.map(value(({ testLoss }) => testLoss)),
    ];
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnMs = performance.now();
    this.#describe();
    const { entries } = this.#history;
    if (!this.#library || entries.length === 0 || this.#plot.clientWidth === 0) {
      this.#plot.classList.add("empty");
      this.#chart?.destroy();
      this.#chart = undefined;
      return;
    }
    this.#plot.classList.remove("empty");
    if (this.#chart) this.#chart.setData(this.#data());
    else this.#chart = new this.#library(this.#options(), this.#data(), this.#plot);
  }

  /** The picture in words, for those who do not see it. */
  #describe(): void {
    const last = this.#history.entries.at(-1);
    const marks = this.#history.marks.map((mark) => `; diverged at step ${formatCount(mark)}`).join("");
    if (!last) {
      this.#plot.setAttribute("aria-label", `No steps yet${marks}`);
      return;
    }
    const { step, trainingLoss, testLoss, trainingAccuracy, testAccuracy } = last;
    const isLoss = this.#shown === "loss";
    const training = isLoss ? formatNumber(trainingLoss) : formatPercent(trainingAccuracy);
    const held = isLoss ? testLoss : testAccuracy;
    const test = held === undefined ? "" : `, on test points ${isLoss ? formatNumber(held) : formatPercent(held)}`;
    const label = `${isLoss ? "Loss" : "Accuracy"} at step ${formatCount(step)}: ${training}${test}${marks}`;
    this.#plot.setAttribute("aria-label", label);
  }

  #fit(): void {
    const { clientWidth: width } = this.#plot;
    if (this.#chart && width > 0) this.#chart.setSize({ width, height });
    else this.show();
  }

  #options(): uPlot.Options {
    const color = (name: string): string => themeColor(this.element, name);
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const isLoss = this.#shown === "loss";
    const text = (value: number | null): string =>
      value === null ? "" : isLoss ? formatNumber(value) : `${value.toFixed(1)} %`;
    const series = (label: string, stroke: string, dash: number[]): uPlot.Series => ({
      label,
      stroke,
      dash,
      width: 1.75,
      points: { show: false },
      value: (_, value) => text(value),
    });
    return {
      width: this.#plot.clientWidth,
      height,
      cursor: { points: { size: 7 } },
      scales: { x: { time: false, range: (_, least, most) => this.#steps(least, most) }, y: this.#range() },
      axes: [
        { ...axis, size: 30, space: 60, values: (_, ticks) => ticks.map((tick) => formatCount(tick)) },
        {
          ...axis,
          size: 52,
          space: 28,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : text(tick))),
          filter: (chart, ticks) => (isLoss && this.#isLogarithmic ? fewTicks(chart, ticks) : ticks),
          grid: {
            ...axis.grid,
            filter: (chart, ticks) => (isLoss && this.#isLogarithmic ? fewTicks(chart, ticks) : ticks),
          },
        },
      ],
      series: [
        { label: "step", value: (_, value) => (value === null ? "" : formatCount(value)) },
        series("training", color("--ink"), []),
        series("test", color("--accent"), [5, 4]),
      ],
      hooks: { draw: [(chart) => this.#drawMarks(chart)] },
    };
  }

  /** All steps, and those at which training diverged. */
  #steps(least: number | null, most: number | null): [number, number] {
    return [least ?? 0, this.#history.marks.reduce((a, b) => Math.max(a, b), Math.max(most ?? 1, (least ?? 0) + 1))];
  }

  #range(): uPlot.Scale {
    if (this.#shown === "accuracy") return { range: (_, least) => [Math.min(45, least), 100.5] };
    return this.#isLogarithmic ? { distr: 3 } : { range: (_, __, most) => [0, most * 1.05] };
  }

  /** A red line with its word where training diverged. */
  #drawMarks(chart: uPlot): void {
    const { ctx, bbox } = chart;
    for (const step of this.#history.marks) {
      const x = chart.valToPos(step, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width + 1) continue;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = themeColor(this.element, "--on-bad");
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.font = `${11 * devicePixelRatio}px system-ui`;
      ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
      ctx.fillText(" diverged ", x, bbox.top + 12 * devicePixelRatio);
      ctx.restore();
    }
  }
}
