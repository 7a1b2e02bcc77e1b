import { type ActivationName, activationNames, type OptimizerName, optimizerNames } from "../../index.ts";
import { choice } from "../choice.ts";
import { element } from "../dom.ts";
import { type NumberControl, type NumberField, slider } from "../numberFields.ts";
import { type DatasetName, datasetNames, labelOf, taskOf } from "../playground/datasets.ts";
import { mostLayers, mostNeurons, type PlaygroundState, withTask } from "../playground/state.ts";
import { AxisControl } from "./axisControl.ts";
import type { AxisName } from "./grid.ts";
import { searchesLine, takes, withOptimizer as optimizerChanges } from "../playground/setup.ts";
import { TrainingDetails } from "../playground/trainingDetails.ts";
import { axisOf, type PopulationState, trainedBase } from "./state.ts";

const stepsField: NumberField = { label: "Steps", minimum: 100, maximum: 100_000, initial: 1000, logarithmic: true };
const batchField: NumberField = { label: "Batch size", minimum: 1, maximum: 512, initial: 32, powers: true };
const rateField: NumberField = {
  label: "Learning rate",
  minimum: 1e-4,
  maximum: 10,
  initial: 0.1,
  logarithmic: true,
};

const namesOf = <Name extends string>(names: readonly Name[]): Record<Name, string> =>
  Object.fromEntries(names.map((name): [string, string] => [name, name])) as Record<Name, string>;

/** `8 6` → [8, 6]; undefined where it is no list of widths. */
function parseWidths(text: string): number[] | undefined {
  const widths = text
    .split(/[\s,·x×-]+/)
    .filter(Boolean)
    .map(Number);
  const isGood =
    widths.length <= mostLayers &&
    widths.every((width) => Number.isInteger(width) && width >= 1 && width <= mostNeurons);
  return isGood ? widths : undefined;
}

/** Axes whose hyper-parameter the optimizer does not have. */
const withoutUse = (optimizer: OptimizerName): AxisName[] =>
  (["momentum", "weightDecay"] as const).filter((name) => !takes(optimizer, name));

/** A momentum axis makes no sense with Adam: weight decay, or else the seed, takes its place. */
function withOptimizer(state: PopulationState, optimizer: OptimizerName): PopulationState {
  const { columns, rows } = state.grid;
  const unused = withoutUse(optimizer);
  const isTaken = [columns.name, rows.name, ...unused].includes("weightDecay");
  const other = isTaken ? "seed" : "weightDecay";
  const kept = (axis: typeof columns) => (unused.includes(axis.name) ? axisOf(other, axis.count) : axis);
  const base = { ...state.base, ...optimizerChanges(state.base, optimizer) };
  return { ...state, base, grid: { columns: kept(columns), rows: kept(rows) } };
}

/** A schedule is as long as the training; the rest is what a link from the playground brings. */
const without = ["scheduleSteps", "weightDecay", "l1", "labelSmoothing", "clipNorm", "ema"] as const;

/** Everything that is chosen before a population is trained. */
export class Controls {
  readonly root: HTMLElement;
  readonly #changed: (state: PopulationState) => void;
  readonly #data = choice<DatasetName>(
    "Data",
    Object.fromEntries(datasetNames.map((name) => [name, labelOf(name)])) as Record<DatasetName, string>,
    (data) => this.#setBase({ ...withTask(this.#state!.base, taskOf(data)), data, points: [] }),
  );
  readonly #widths = element("input", { type: "text", inputmode: "numeric", spellcheck: "false" });
  readonly #activation = choice<ActivationName>("Activation", namesOf(activationNames), () => this.#readLayers());
  readonly #optimizer = choice<OptimizerName>("Optimizer", namesOf(optimizerNames), (optimizer) =>
    this.#changed(withOptimizer(this.#state!, optimizer)),
  );
  readonly #batch: NumberControl = slider("batch", batchField, (batchSize) => this.#setBase({ batchSize }));
  readonly #steps: NumberControl = slider("steps", stepsField, (steps) => this.#changed({ ...this.#state!, steps }));
  readonly #rate: NumberControl = slider("rate", rateField, (learningRate) => this.#setBase({ learningRate }));
  readonly #columns = new AxisControl("Horizontal axis", (columns) => this.#setGrid({ columns }));
  readonly #rows = new AxisControl("Vertical axis", (rows) => this.#setGrid({ rows }));
  readonly #details = new TrainingDetails((changes) => this.#setBase(changes), without);
  #state: PopulationState | undefined;

  /** @param changed called with what the reader wants now */
  constructor(changed: (state: PopulationState) => void) {
    this.#changed = changed;
    this.#widths.addEventListener("change", () => this.#readLayers());
    const widths = element("label", { class: "field" }, element("span", {}, "Neurons per hidden layer"), this.#widths);
    this.root = element(
      "div",
      { class: "controls" },
      this.#data.root,
      widths,
      this.#activation.root,
      this.#optimizer.root,
      this.#rate.root,
      this.#batch.root,
      this.#steps.root,
      this.#details.element,
      element("h3", {}, "Vary"),
      this.#columns.root,
      this.#rows.root,
    );
  }

  show(state: PopulationState): void {
    this.#state = state;
    const { base, grid, steps } = state;
    if (base.data !== "own") this.#data.show(base.data);
    this.#widths.value = base.layers.map(({ width }) => width).join(" ");
    this.#widths.removeAttribute("aria-invalid");
    this.#activation.show(base.layers[0]?.activation ?? "tanh");
    this.#optimizer.show(base.optimizer);
    this.#batch.show(base.batchSize);
    this.#batch.root.hidden = searchesLine(base);
    this.#steps.show(steps);
    this.#rate.show(base.learningRate);
    this.#rate.root.hidden = grid.columns.name === "learningRate" || grid.rows.name === "learningRate";
    const axes = [grid.columns.name, grid.rows.name];
    const decay = axes.includes("weightDecay") ? { weightDecay: 0 } : {};
    this.#details.show({ ...trainedBase(state), ...decay }, axes.includes("learningRate"));
    this.#columns.show(grid.columns, [...withoutUse(base.optimizer), grid.rows.name]);
    this.#rows.show(grid.rows, [...withoutUse(base.optimizer), grid.columns.name]);
  }

  /** The current step of the training. */
  tell(step: number): void {
    this.#details.tell(step);
  }

  #setBase(changes: Partial<PlaygroundState>): void {
    const state = this.#state!;
    this.#changed({ ...state, base: { ...state.base, ...changes } });
  }

  #setGrid(changes: Partial<PopulationState["grid"]>): void {
    const state = this.#state!;
    this.#changed({ ...state, grid: { ...state.grid, ...changes } });
  }

  #readLayers(): void {
    const widths = parseWidths(this.#widths.value);
    this.#widths.setAttribute("aria-invalid", String(!widths));
    const activation = this.#activation.select.value as ActivationName;
    if (widths) this.#setBase({ layers: widths.map((width) => ({ width, activation })) });
  }
}
