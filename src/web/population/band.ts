import { type LineChart, lineChart } from "../lineChart.ts";
import { spreadShares } from "./quantiles.ts";
import type { MetricName } from "./state.ts";

/** Points of the band that are kept: beyond them every other one goes. */
const mostPoints = 400;
const shown = [0.95, 0.75, 0.5, 0.25, 0.05] as const;
const places = shown.map((share) => spreadShares.indexOf(share));

/** Quantiles of all networks over the steps. */
export class Band {
  readonly #histories = new Map<MetricName, { steps: number[]; quantiles: (readonly number[])[] }>();

  add(metric: MetricName, step: number, quantiles: readonly number[]): void {
    const history = this.#histories.get(metric) ?? { steps: [], quantiles: [] };
    this.#histories.set(metric, history);
    while ((history.steps.at(-1) ?? -1) >= step) {
      history.steps.pop(); // told again, or the training has gone back
      history.quantiles.pop();
    }
    history.steps.push(step);
    history.quantiles.push(quantiles);
    if (history.steps.length < mostPoints) return;
    const isKept = (_: unknown, index: number, all: readonly unknown[]): boolean => (all.length - 1 - index) % 2 === 0;
    history.steps = history.steps.filter(isKept);
    history.quantiles = history.quantiles.filter(isKept);
  }

  clear(): void {
    this.#histories.clear();
  }

  drawOn(chart: LineChart, metric: MetricName): void {
    const { steps = [], quantiles = [] } = this.#histories.get(metric) ?? {};
    chart.draw(
      steps,
      places.map((place) => quantiles.map((all) => all[place]!)),
    );
  }
}

export const isLoss = (metric: MetricName): boolean => metric === "testLoss" || metric === "trainingLoss";

/** A chart for the band of a metric: the middle line, half of the networks around it, and nine tenths. */
export const bandChart = (metric: MetricName): LineChart =>
  lineChart({
    label: "Quantiles of all networks over the steps",
    scale: isLoss(metric) ? "logarithmic" : "linear",
    heightPx: 230,
    lines: shown.map((share) => ({
      label: share === 0.5 ? "median" : `${100 * share} %`,
      colour: "--accent",
      width: share === 0.5 ? 2.5 : 0.75,
    })),
    bands: [
      { upper: 0, lower: 4, colour: "--accent", opacity: 0.14 },
      { upper: 1, lower: 3, colour: "--accent", opacity: 0.2 },
    ],
  });
