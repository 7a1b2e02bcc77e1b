import { choice } from "../choice.ts";
import { element } from "../dom.ts";
import { figureList } from "../figureList.ts";
import { Interval } from "../interval.ts";
import type { LineChart } from "../lineChart.ts";
import { encodeState } from "../playground/state.ts";
import { roughNumber } from "../shortNumber.ts";
import type { FrameMessage } from "../worker/protocol.ts";
import { Band, bandChart, isLoss } from "./band.ts";
import { bestNetworks, bestTable } from "./bestTable.ts";
import { rangeOf } from "./colourScale.ts";
import { columnTable } from "./columnTable.ts";
import { describeCell, networksOf } from "./grid.ts";
import { HeatMap } from "./heatMap.ts";
import { Legend } from "./legend.ts";
import type { Metric, PopulationFrame } from "./protocol.ts";
import { spreadShares } from "./quantiles.ts";
import { StepRate } from "./stepRate.ts";
import { cellState, type MetricName, type PopulationState } from "./state.ts";

const metricLabels: Readonly<Record<MetricName, string>> = {
  testLoss: "Loss on test rows",
  trainingLoss: "Loss on training rows",
  testAccuracy: "Accuracy on test rows",
  trainingAccuracy: "Accuracy on training rows",
};

/** What stands where the numbers of a network will. */
const hint = "Point at a cell, or move to one with the arrow keys.";

const figureLabels = {
  step: "Steps",
  speed: "Training steps/s, all networks",
  left: "Time left",
  median: "Median",
  diverged: "Diverged",
  early: "Stopped early",
  saved: "Steps saved",
} as const;

/** `3 s`, `4 min`, `2 h`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const at = (metric: Metric, share: (typeof spreadShares)[number]): number =>
  metric.quantiles[spreadShares.indexOf(share)]!;

/** Where the playground trains a network of the population by itself, so many steps. */
export function playgroundAddress(state: PopulationState, network: number, steps: number): string {
  const params = encodeState(cellState(state, network));
  params.set("steps", String(steps));
  return `#/playground?${params}`;
}

export interface ResultsListeners {
  readonly metricChanged: (metric: MetricName) => void;
  /** A network is to be opened in the playground. */
  readonly opened: (network: number) => void;
}

/** Heat map, band, figures and the best networks of a population. */
export class Results {
  readonly map: HTMLElement;
  readonly band = element("div", {});
  readonly best = bestTable();
  readonly figures = figureList(figureLabels);
  readonly #heatMap: HeatMap;
  readonly #legend = new Legend();
  readonly #reading = element("p", { class: "reading numbers", "aria-live": "polite" }, hint);
  readonly #metricChoice;
  readonly #columns = columnTable();
  readonly #history = new Band();
  #chart: LineChart;
  #state: PopulationState;
  #metrics: PopulationFrame["metrics"];
  #stopping: PopulationFrame["stopping"];
  #isRunning = false;
  readonly #opened: (network: number) => void;
  readonly #rate = new StepRate();
  readonly #bestDue = new Interval(1000);

  constructor(state: PopulationState, { metricChanged, opened }: ResultsListeners) {
    this.#opened = opened;
    this.#state = state;
    this.#metricChoice = choice<MetricName>("Show", metricLabels, metricChanged);
    this.#heatMap = new HeatMap({
      pointed: (network) => this.#read(network),
      opened,
    });
    const head = element("div", { class: "map-head" }, this.#metricChoice.root, this.#legend.root);
    this.map = element("div", { class: "map" }, head, this.#heatMap.root, this.#reading, this.#columns.root);
    this.#chart = bandChart(state.metric);
    this.band.append(this.#chart.root);
  }

  dispose(): void {
    this.#heatMap.dispose();
    this.#chart.dispose();
  }

  /** A new population. */
  begin(state: PopulationState): void {
    this.#state = state;
    this.#metrics = this.#stopping = undefined;
    this.#legend.showEarly(state.base.patience > 0);
    this.#isRunning = false;
    this.#rate.restart();
    this.#history.clear();
    this.#heatMap.setGrid(state.grid);
    this.#replaceChart();
    this.#showMetric();
  }

  /** Another figure of the same population. */
  setMetric(metric: MetricName): void {
    this.#state = { ...this.#state, metric };
    this.#replaceChart();
    this.#showMetric();
    this.#draw();
  }

  /** Step of the parameters that early stopping has given a network back; undefined where it has its newest. */
  restoredStep(network: number): number | undefined {
    const step = this.#stopping?.restoredSteps[network] ?? -1;
    return step >= 0 ? step : undefined;
  }

  show({ step, isRunning, content }: FrameMessage<PopulationFrame>): void {
    if (isRunning || this.#isRunning) this.#rate.add(content.taken, performance.now());
    this.#showFigures(step, isRunning, content);
    if (!isRunning) this.#rate.restart();
    this.#isRunning = isRunning;
    this.#stopping = content.stopping;
    if (!content.metrics) return;
    this.#metrics = content.metrics;
    for (const [name, { quantiles }] of Object.entries(content.metrics)) {
      this.#history.add(name as MetricName, step, quantiles);
    }
    this.#showMetric();
    this.#draw();
  }

  #showFigures(step: number, isRunning: boolean, { diverged, stopping }: PopulationFrame): void {
    const { steps, grid } = this.#state;
    const { perSecond } = this.#rate; // of all networks together
    this.figures.set("step", `${step.toLocaleString("en")} of ${steps.toLocaleString("en")}`);
    if (Number.isFinite(perSecond)) this.figures.set("speed", Math.round(perSecond).toLocaleString("en"));
    const seconds = ((steps - step) * (networksOf(grid) - (stopping?.count ?? 0))) / perSecond;
    this.figures.set("left", isRunning && Number.isFinite(seconds) ? duration(seconds) : "–");
    this.figures.set("diverged", diverged.toLocaleString("en"));
    this.figures.set("early", stopping?.count.toLocaleString("en"));
    this.figures.set("saved", stopping && `${(100 * stopping.saved).toFixed(0)} %`);
  }

  #replaceChart(): void {
    this.#chart.dispose();
    this.#chart = bandChart(this.#state.metric);
    this.band.replaceChildren(this.#chart.root);
  }

  /** The metric that is shown: accuracy only where the loss knows classes. */
  #showMetric(): void {
    const { metric } = this.#state;
    this.#metricChoice.show(metric);
    const has = (kind: string): boolean => Object.keys(this.#metrics!).some((name) => name.endsWith(kind));
    for (const option of this.#metricChoice.select.options) {
      option.disabled = this.#metrics !== undefined && !has(isLoss(option.value as MetricName) ? "Loss" : "Accuracy");
    }
  }

  #draw(): void {
    const { metric } = this.#state;
    const shown = this.#metrics?.[metric];
    if (!shown) return this.#heatMap.clear(); // scored when its turn comes
    const range = rangeOf(at(shown, 0.01), at(shown, 0.99), isLoss(metric) ? "loss" : "accuracy");
    this.#heatMap.draw(shown.values, range, this.#stopping?.stoppedSteps);
    this.#legend.show(metricLabels[metric], range);
    this.#history.drawOn(this.#chart, metric);
    this.figures.set("median", Number.isFinite(at(shown, 0.5)) ? roughNumber(at(shown, 0.5)) : "–");
    this.#tabulate(shown);
  }

  /** What is not worth doing at every frame. */
  #tabulate(shown: Metric): void {
    const { metric, grid } = this.#state;
    if (!this.#bestDue.isDue() && this.#isRunning) return;
    const best = bestNetworks(shown.values, isLoss(metric)).map((network) => ({
      network,
      value: shown.values[network]!,
    }));
    this.#columns.show(grid, shown.values);
    this.best.show(grid, metricLabels[metric], best, {
      addressOf: (network) => playgroundAddress(this.#state, network, this.#state.steps),
      open: this.#opened,
    });
  }

  /** The numbers of a network in a line. */
  #read(network: number | undefined): void {
    const { grid } = this.#state;
    if (network === undefined) {
      this.#reading.textContent = hint;
      return;
    }
    const values = Object.entries(this.#metrics ?? {}).map(([name, { values }]) => {
      const value = values[network]!;
      return Number.isFinite(value)
        ? `${metricLabels[name as MetricName].toLowerCase()} ${roughNumber(value)}`
        : undefined;
    });
    const told = values.filter((text) => text !== undefined);
    const state = this.#metrics && told.length === 0 ? ["diverged: its loss or weights are no longer finite"] : told;
    this.#reading.textContent = [describeCell(grid, network), ...state, ...this.#stopText(network)].join(" · ");
  }

  /** `stopped early at step 340, best at 290`. */
  #stopText(network: number): string[] {
    const stopped = this.#stopping?.stoppedSteps[network] ?? -1;
    if (stopped < 0) return [];
    const best = this.restoredStep(network)!.toLocaleString("en");
    return [`stopped early at step ${stopped.toLocaleString("en")}, best at ${best}`];
  }
}
