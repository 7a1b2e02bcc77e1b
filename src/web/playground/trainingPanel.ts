// How the network is trained.

import { type InitializerName, initializerNames, optimizerNames } from "../../index.ts";
import { element } from "../dom.ts";
import { choicesOf, type Field, rangeField, selectField, type SelectField, showNumber } from "./controls.ts";
import type { Panel, Update } from "./panel.ts";
import { hasMomentum, searchesLine, withOptimizer } from "./setup.ts";
import { defaults, lossesOf, type PlaygroundState } from "./state.ts";
import { TrainingDetails } from "./trainingDetails.ts";

const lossLabels: Record<string, string> = {
  squaredError: "half squared",
  meanSquaredError: "squared",
  meanAbsoluteError: "absolute",
  huber: "Huber",
  logCosh: "log cosh",
  binaryCrossEntropy: "cross entropy",
};
const optimizerLabels: Record<string, string> = {
  sgd: "SGD",
  adam: "Adam",
  adamW: "AdamW",
  rmsProp: "RMSProp",
  lion: "Lion",
  nadam: "NAdam",
  adagrad: "Adagrad",
  adadelta: "Adadelta",
  adamax: "Adamax",
  muon: "Muon",
  lbfgs: "L-BFGS",
};

const batchSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const momenta = [0, 0.5, 0.8, 0.9, 0.95, 0.99];

/** A logarithmic slider from 1e-5 to 10: ten places a power of ten. */
const places = 60;
const rateAt = (place: number): number => Number((10 ** (place / 10 - 5)).toPrecision(2));
const placeOf = (rate: number): number => Math.round(Math.min(places, Math.max(0, 10 * (Math.log10(rate) + 5))));

export class TrainingPanel implements Panel {
  readonly element: HTMLElement;
  readonly #rate: Field<number>;
  readonly #optimizer: SelectField<PlaygroundState["optimizer"]>;
  readonly #loss: SelectField<PlaygroundState["loss"]>;
  readonly #batch: SelectField<string>;
  readonly #momentum: SelectField<string>;
  readonly #initializer: SelectField<InitializerName | "auto">;
  readonly #details: TrainingDetails;
  #state: PlaygroundState = defaults;

  constructor(update: Update) {
    this.#rate = rangeField({
      label: "Learning rate",
      least: 0,
      most: places,
      text: (place) => String(rateAt(place)),
      onInput: (place) => update({ learningRate: rateAt(place) }),
    });
    this.#optimizer = selectField({
      label: "Optimizer",
      choices: optimizerNames.map((value) => ({ value, label: optimizerLabels[value] ?? value })),
      onChange: (optimizer) => update(withOptimizer(this.#state, optimizer)),
    });
    this.#loss = selectField({ label: "Loss", choices: [], onChange: (loss) => update({ loss }) });
    const onBatch = (size: string): void => update({ batchSize: Number(size) });
    this.#batch = selectField({ label: "Batch size", choices: [], onChange: onBatch });
    const onMomentum = (momentum: string): void => update({ momentum: Number(momentum) });
    this.#momentum = selectField({ label: "Momentum", choices: [], onChange: onMomentum });
    this.#initializer = selectField({
      label: "Initial weights",
      choices: choicesOf(["auto", ...initializerNames]),
      onChange: (initializer) => update({ initializer }),
    });
    this.#details = new TrainingDetails(update);
    const fields = [this.#optimizer, this.#loss, this.#batch, this.#momentum, this.#initializer];
    this.element = element(
      "section",
      { class: "card training-settings", "aria-label": "Training", "data-group": "training" },
      element("h2", {}, "Training"),
      element("div", { class: "fields" }, this.#rate.element, ...fields.map((field) => field.element)),
      this.#details.element,
    );
  }

  show(state: PlaygroundState): void {
    this.#state = state;
    this.#rate.set(placeOf(state.learningRate));
    this.#optimizer.set(state.optimizer);
    this.#loss.offer(lossesOf(state.task).map((value) => ({ value, label: lossLabels[value] ?? value })));
    this.#loss.set(state.loss);
    showNumber(this.#batch, batchSizes, state.batchSize);
    this.#batch.enable(!searchesLine(state));
    showNumber(this.#momentum, momenta, state.momentum);
    this.#momentum.enable(hasMomentum(state));
    this.#initializer.set(state.initializer);
    this.#details.show(state);
  }

  /** The current step of the training. */
  tell(step: number): void {
    this.#details.tell(step);
  }
}
