// Loss and accuracy over the steps, on training and test points. uPlot is fetched when there is something to draw.

import type uPlot from "uplot";
import { element } from "../dom.ts";
import { themeColor } from "./colors.ts";
import { checkField, radioField, rangeField, selectField } from "./controls.ts";
import { chartData, chartOptions, measureText, seriesOfPinned } from "./curveChart.ts";
import { type AxisName, type CurveView, type Measure, type Run } from "./curveLines.ts";
import type { CurveColors } from "./curvePicture.ts";
import { formatCount, formatNumber, formatPercent } from "./format.ts";
import { PinnedList, runColors } from "./pinnedList.ts";
import { mostPinned, PinnedRuns } from "./pinnedRuns.ts";

/** Between two redraws. */
const redrawMs = 120;
const height = 190;
/** Until the library is requested again. */
const retryMs = 3000;

/** They outlast the view: one may look at another one and come back. */
const pinned = new PinnedRuns();

const isEmpty = ({ entries }: Run): boolean => entries.length === 0;

export class Curves {
  readonly element: HTMLElement;
  readonly #own: () => Run;
  readonly #onChoose: (view: CurveView) => void;
  readonly #plot = element("div", {
    class: "plot",
    role: "img",
    "data-empty": "Press Train to see curves.",
  });
  readonly #measure = radioField<Measure>({
    legend: "Curve",
    name: "curve",
    choices: [
      { value: "loss", label: "Loss" },
      { value: "accuracy", label: "Accuracy" },
    ],
    onChange: (measure) => this.#choose({ measure }),
  });
  readonly #logarithmic = checkField("log", (isLogarithmic) => this.#choose({ isLogarithmic }));
  readonly #axis = selectField<AxisName>({
    label: "X axis",
    choices: [
      { value: "step", label: "steps" },
      { value: "epoch", label: "epochs" },
      { value: "seconds", label: "seconds of training" },
    ],
    onChange: (axis) => this.#choose({ axis }),
  });
  readonly #smoothing = rangeField({
    label: "Smoothing",
    least: 0,
    most: 99,
    text: (place) => (place / 100).toFixed(2),
    onInput: (place) => this.#choose({ smoothing: place / 100 }),
  });
  readonly #pin = element("button", { type: "button", onclick: () => this.#pinRun() }, "Pin this run");
  readonly #list = new PinnedList({
    onRemove: (run) => {
      pinned.remove(run.number);
      this.#showPinned();
      this.#pin.focus();
    },
  });
  readonly #resize: ResizeObserver;
  #library: typeof uPlot | undefined;
  #isLoading = false;
  #isDisposed = false;
  #chart: uPlot | undefined;
  #view: CurveView = { measure: "loss", isLogarithmic: true, axis: "step", smoothing: 0 };
  /** As the state has it: accuracy too, where it is not offered. */
  #wanted = this.#view;
  #drawnMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param own the run under way, as it is now
   * @param onChoose the reader wants to see something else: `choose` shows it
   */
  constructor(own: () => Run, onChoose: (view: CurveView) => void) {
    this.#own = own;
    this.#onChoose = onChoose;
    const head = element("div", { class: "row spread" }, this.#measure.element, this.#logarithmic.element);
    this.element = element(
      "div",
      { class: "curves" },
      head,
      this.#plot,
      element("div", { class: "fields" }, this.#axis.element, this.#smoothing.element),
      element("div", { class: "row" }, this.#pin),
      this.#list.element,
    );
    this.#showPinned();
    this.#resize = new ResizeObserver(() => this.#fit());
    this.#resize.observe(this.#plot);
  }

  get view(): CurveView {
    return this.#view;
  }

  /** The run under way, then the pinned ones; without any that has not begun. */
  get runs(): readonly Run[] {
    return this.#runs().filter((run) => !isEmpty(run));
  }

  /** Colours of the theme that is shown now. */
  get colors(): CurveColors {
    const color = (name: string): string => themeColor(this.element, name);
    return {
      page: color("--card"),
      ink: color("--ink"),
      quiet: color("--quiet"),
      line: color("--line"),
      test: color("--accent"),
      bad: color("--on-bad"),
      runs: Array.from({ length: runColors }, (_, at) => color(`--run-${at + 1}`)),
    };
  }

  /** Draws what has come, a few times a second. */
  show(): void {
    if (!this.#library) void this.#load();
    const restMs = redrawMs - (performance.now() - this.#drawnMs);
    if (restMs <= 0) this.#draw();
    else this.#timer ??= setTimeout(() => this.#draw(), restMs);
  }

  /** @param offersAccuracy what is predicted are classes */
  choose(wanted: CurveView, offersAccuracy: boolean): void {
    const before = this.#view;
    const measure = offersAccuracy ? wanted.measure : "loss";
    this.#wanted = wanted;
    this.#view = { ...wanted, measure };
    this.#measure.element.hidden = !offersAccuracy;
    this.#logarithmic.element.hidden = measure === "accuracy";
    this.#measure.set(measure);
    this.#logarithmic.set(wanted.isLogarithmic);
    this.#axis.set(wanted.axis);
    this.#smoothing.set(Math.round(100 * wanted.smoothing));
    const { isLogarithmic, axis, smoothing } = wanted;
    if (before.measure !== measure || before.isLogarithmic !== isLogarithmic || before.axis !== axis) this.restyle();
    else if (before.smoothing !== smoothing) this.show(); // its axes and series stay
  }

  /** Draws with other colours, axes or series. */
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

  #runs(): readonly [Run, ...Run[]] {
    return [this.#own(), ...pinned.all];
  }

  #choose(changes: Partial<CurveView>): void {
    this.#onChoose({ ...this.#wanted, ...changes });
  }

  #pinRun(): void {
    pinned.pin(this.#own());
    this.#showPinned();
  }

  #showPinned(): void {
    this.#list.show(pinned.all);
    this.#offerPin();
    if (this.#chart) this.restyle();
  }

  #offerPin(): void {
    const cannot = pinned.isFull || isEmpty(this.#own());
    this.#pin.setAttribute("aria-disabled", String(cannot));
    this.#pin.title = pinned.isFull
      ? `At most ${mostPinned} pinned runs: remove one first`
      : "Keep these curves for comparison";
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const [{ default: library }] = await Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]);
      if (this.#plot.isConnected) this.#library = library;
      this.#draw();
    } catch {
      this.#plot.dataset.empty = "The curves could not be loaded; the numbers above are correct.";
      setTimeout(() => (this.#isLoading = this.#isDisposed), retryMs);
    }
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnMs = performance.now();
    const own = this.#own();
    this.#describe(own);
    this.#offerPin();
    if (this.#plot.clientWidth === 0) return; // not laid out: what is drawn stays
    if (!this.#library || (isEmpty(own) && pinned.all.length === 0)) {
      this.#plot.classList.add("empty");
      this.#chart?.destroy();
      this.#chart = undefined;
      return;
    }
    this.#plot.classList.remove("empty");
    const data = chartData(this.#library.join, this.#runs(), this.#view);
    if (this.#chart) this.#chart.setData(data);
    else this.#chart = new this.#library(this.#options(), data, this.#plot);
  }

  #options(): uPlot.Options {
    return chartOptions({
      view: this.#view,
      colors: this.colors,
      width: this.#plot.clientWidth,
      height,
      runs: () => this.#runs(),
      onCursor: (places) => this.#read(places),
    });
  }

  /** Values of the pinned runs under the pointer. */
  #read(places: readonly (number | null)[]): void {
    const { data } = this.#chart ?? {};
    const text = (series: number): string | undefined => {
      const place = places[series];
      const value = place == null ? undefined : data?.[series]?.[place];
      return value == null ? undefined : measureText(this.#view, value);
    };
    const texts = pinned.all.map((_, at) => {
      const [training, test] = [text(seriesOfPinned(at)), text(seriesOfPinned(at) + 1)];
      if (training === undefined) return "";
      return `here: training ${training}${test === undefined ? "" : `, test ${test}`}`;
    });
    this.#list.read(texts);
  }

  /** The picture in words, for those who do not see it. */
  #describe({ entries, marks }: Run): void {
    const last = entries.at(-1);
    const words = { diverged: "diverged at", best: "best weights of" };
    const told = marks.map(({ kind, step }) => `; ${words[kind]} step ${formatCount(step)}`).join("");
    if (!last) {
      this.#plot.setAttribute("aria-label", `No steps yet${told}`);
      return;
    }
    const { step, trainingLoss, testLoss, trainingAccuracy, testAccuracy } = last;
    const isLoss = this.#view.measure === "loss";
    const training = isLoss ? formatNumber(trainingLoss) : formatPercent(trainingAccuracy);
    const held = isLoss ? testLoss : testAccuracy;
    const test = held === undefined ? "" : `, on test points ${isLoss ? formatNumber(held) : formatPercent(held)}`;
    const label = `${isLoss ? "Loss" : "Accuracy"} at step ${formatCount(step)}: ${training}${test}${told}`;
    this.#plot.setAttribute("aria-label", label);
  }

  #fit(): void {
    const { clientWidth: width } = this.#plot;
    if (this.#chart && width > 0) this.#chart.setSize({ width, height });
    else this.show();
  }
}
