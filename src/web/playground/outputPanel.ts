// The large map with its legend, scores, and curves.

import { element } from "../dom.ts";
import type { Ramps } from "./colors.ts";
import { checkField, radioField } from "./controls.ts";
import type { Run } from "./curveLines.ts";
import { Curves } from "./curves.ts";
import { formatNumber, formatPercent } from "./format.ts";
import type { FitOfPoints, Neuron, PlaygroundFrame } from "./frame.ts";
import type { Panel, Update } from "./panel.ts";
import type { Split } from "./datasets.ts";
import type { Point } from "./points.ts";
import type { PlaygroundState } from "./state.ts";
import { type BrushName, brushNames, Surface } from "./surface.ts";

export interface OutputOptions {
  readonly update: Update;
  readonly onPaint: (points: readonly Point[]) => void;
}

const brushLabels: Record<BrushName, string> = { off: "Off", positive: "Blue", negative: "Orange", erase: "Erase" };

/** Between the classes, which are −1 and 1: a probability of one half. */
const boundary = 0;

const noProbe = "Point at the map to read a value.";

/** The value that a neuron's full colour stands for. */
function largestOf(values: Float32Array): number {
  let largest = 1e-9;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

export class OutputPanel implements Panel {
  readonly element: HTMLElement;
  readonly surface: Surface;
  readonly curves: Curves;
  readonly #title = element("h2", {}, "Output");
  readonly #numbers = [-1, -0.5, 0, 0.5, 1].map((share) => ({ share, text: element("span", {}, formatNumber(share)) }));
  readonly #boundary = element("span", { class: "boundary" });
  readonly #probe = element("p", { class: "quiet numbers reading" }, noProbe);
  readonly #scores = element("tbody", {});
  readonly #test;
  readonly #discrete;
  #split: Split = { training: [], test: [] };
  #state: PlaygroundState | undefined;

  constructor(ramps: Ramps, run: () => Run, options: OutputOptions) {
    const onProbe = (text: string | undefined): void => void (this.#probe.textContent = text ?? noProbe);
    this.surface = new Surface(ramps, { onPaint: options.onPaint, onProbe });
    this.curves = new Curves(run, (curves) => options.update({ curves }));
    this.curves.element.dataset.group = "curves";
    this.#test = checkField("Test points", (showsTest) => options.update({ showsTest }));
    this.#discrete = checkField("Discretize", (discretizes) => options.update({ discretizes }));
    const brush = radioField({
      legend: "Paint",
      name: "brush",
      choices: brushNames.map((name) => ({ value: name, label: brushLabels[name] })),
      onChange: (name) => (this.surface.brush = name),
    });
    brush.set("off");
    brush.element.dataset.group = "painting";
    const bar = element("span", { class: "ramp", "aria-hidden": "true" });
    const numbers = element("span", { class: "ticks numbers" }, ...this.#numbers.map(({ text }) => text));
    const legend = element("div", { class: "legend" }, this.#boundary, element("div", {}, bar, numbers));
    const keys = "Arrow keys move the probe, Shift moves it further; Enter paints with the chosen brush.";
    const head = element(
      "tr",
      {},
      ...["Points", "Loss", "Accuracy"].map((text) => element("th", { scope: "col" }, text)),
    );
    const caption = element("caption", { class: "visually-hidden" }, "Scores");
    this.element = element(
      "section",
      { class: "card output", "aria-label": "Output" },
      element("div", { class: "row spread" }, this.#title, legend),
      this.surface.element,
      element("p", { id: "surface-keys", class: "visually-hidden" }, keys),
      this.#probe,
      brush.element,
      element("div", { class: "row toggles" }, this.#test.element, this.#discrete.element),
      element("table", { class: "scores numbers" }, caption, element("thead", {}, head), this.#scores),
      this.curves.element,
    );
  }

  show(state: PlaygroundState): void {
    this.#state = state;
    this.#test.set(state.showsTest);
    this.#discrete.set(state.discretizes);
    this.curves.choose(state.curves, state.task === "classification");
    this.element.classList.toggle("numbers-only", state.task === "regression");
    this.#boundary.textContent = state.task === "classification" ? "Line: decision boundary" : "Line: 0";
    this.#showPoints();
  }

  showPoints(split: Split): void {
    this.#split = split;
    this.#showPoints();
  }

  #showPoints(): void {
    const { training, test } = this.#split;
    const { showsTest = false, discretizes = false } = this.#state ?? {};
    const counts = `${training.length} training points, ${test.length} test points`;
    const label = `Map of the network's output for x₁ and x₂ from −6 to 6; ${counts}`;
    this.surface.show({ training, test, showsTest, discretizes }, label);
  }

  draw({ surface, neuron, details }: PlaygroundFrame): void {
    const scale = neuron ? largestOf(surface) : 1;
    this.#title.textContent = neuron ? `Neuron ${neuron.layer + 1}.${neuron.unit + 1}` : "Output";
    for (const { share, text } of this.#numbers) text.textContent = formatNumber(share * scale);
    this.surface.draw(surface, scale, neuron ? undefined : boundary);
    this.#boundary.hidden = neuron !== undefined;
    if (details) this.#showScores(details.training, details.test);
  }

  /** Where no frame will come, the title is that of what is shown. */
  expect(neuron: Neuron | undefined): void {
    this.element.classList.toggle("neuron", neuron !== undefined);
  }

  #showScores(training: FitOfPoints, test: FitOfPoints | undefined): void {
    const isClasses = this.#state?.task === "classification";
    const row = (name: string, { loss, accuracy }: FitOfPoints): HTMLElement =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        element("td", { "data-score": `${name.toLowerCase()} loss` }, formatNumber(loss)),
        element("td", {}, isClasses ? formatPercent(accuracy) : "–"),
      );
    this.#scores.replaceChildren(row("Training", training), ...(test ? [row("Test", test)] : []));
  }

  dispose(): void {
    this.surface.dispose();
    this.curves.dispose();
  }
}
