// Train, step, reset; speed; current step.

import type { PlanReport } from "../../index.ts";
import { element } from "../dom.ts";
import type { Notice } from "../notices.ts";
import { tellDevice } from "../sessionNotices.ts";
import type { DeviceMessage } from "../worker/protocol.ts";
import { type Field, selectField } from "./controls.ts";
import { formatCount, formatNumber } from "./format.ts";
import type { Panel, Update } from "./panel.ts";
import { paceNames, type PaceName, type PlaygroundState } from "./state.ts";

/** What can be done to a training. */
export interface RunControls {
  /** Trains, or pauses. */
  toggle(): void;
  step(steps: number): void;
  /** To the end of the epoch. */
  finishEpoch(): void;
  reset(): void;
}

const paceLabels: Record<PaceName, string> = {
  "1": "1 step per frame",
  "10": "10 steps per frame",
  "100": "100 steps per frame",
  full: "full speed",
};

const machineLabels = { gpu: "GPU", software: "software GPU", wasm: "CPU", reference: "CPU" };

const figure = (label: string, value: HTMLElement): HTMLElement =>
  element("div", { class: "figure" }, element("dt", {}, label), value);

export interface Standing {
  readonly step: number;
  readonly epoch: number;
  readonly stepsPerSecond: number;
  readonly redrawsPerSecond: number;
  /** Of the next step, where a schedule changes it. */
  readonly learningRate: number | undefined;
}

export class Toolbar implements Panel {
  readonly element: HTMLElement;
  readonly #toggle: HTMLButtonElement;
  readonly #pace: Field<PaceName>;
  readonly #step = element("dd", { "data-figure": "step" }, "0");
  readonly #epoch = element("dd", { "data-figure": "epoch" }, "0");
  readonly #speed = element("dd", { "data-figure": "speed" }, "–");
  readonly #redraws = element("dd", { "data-figure": "redraws" }, "–");
  readonly #rate = element("dd", { "data-figure": "rate" });
  readonly #rateFigure = figure("Rate now", this.#rate);
  #notice: Notice | undefined;
  readonly #device = element("dd", { class: "device", "data-figure": "device" }, "starting…");

  constructor(update: Update, run: RunControls) {
    const onToggle = (): void => run.toggle();
    this.#toggle = element("button", { type: "button", class: "primary toggle", onclick: onToggle }, "▶ Train");
    this.#pace = selectField({
      label: "Speed",
      choices: paceNames.map((value) => ({ value, label: paceLabels[value] })),
      onChange: (pace) => update({ pace }),
    });
    this.#pace.element.dataset.group = "speed";
    const button = (label: string, title: string, onclick: () => void): HTMLElement =>
      element("button", { type: "button", title, onclick }, label);
    this.element = element(
      "section",
      { class: "card toolbar", "aria-label": "Run" },
      element(
        "div",
        { class: "row run" },
        this.#toggle,
        button("Step", "One training step: one batch (S)", () => run.step(1)),
        button("Epoch", "Train to the end of the epoch: every point once (E)", () => run.finishEpoch()),
        button("Reset", "Restart with the same seed (R)", () => run.reset()),
        this.#pace.element,
      ),
      element(
        "dl",
        { class: "figures numbers" },
        figure("Step", this.#step),
        figure("Epoch", this.#epoch),
        this.#rateFigure,
        figure("Steps/s", this.#speed),
        figure("Redraws/s", this.#redraws),
        figure("Device", this.#device),
      ),
    );
    this.setPlaying(false);
  }

  show({ pace }: PlaygroundState): void {
    this.#pace.set(pace);
  }

  setPlaying(isPlaying: boolean): void {
    this.#toggle.textContent = isPlaying ? "❚❚ Pause" : "▶ Train";
    this.#toggle.title = `${isPlaying ? "Pause" : "Train"} (Space)`;
  }

  /** Says why, where it is no hardware GPU. */
  showDevice(message: DeviceMessage): void {
    const { kind, name, fallbackReason } = message;
    this.#notice?.dismiss();
    this.#notice = tellDevice(message);
    this.#device.textContent = machineLabels[kind];
    this.#device.title = fallbackReason === undefined ? name : `${name}: ${fallbackReason}`;
  }

  /** A GPU may hand a small network over. */
  showPlan({ machine, strategy, reason }: PlanReport): void {
    this.#device.textContent = machineLabels[machine];
    const [place] = this.#device.title.split("\n");
    this.#device.title = `${place}\nStrategy ${strategy}: ${reason}`;
  }

  showStanding({ step, epoch, stepsPerSecond, redrawsPerSecond, learningRate }: Standing): void {
    this.#rateFigure.hidden = learningRate === undefined;
    this.#rate.textContent = learningRate === undefined ? "" : formatNumber(learningRate);
    this.#step.textContent = formatCount(step);
    this.#epoch.textContent = epoch < 100 ? epoch.toFixed(1) : formatCount(epoch);
    this.#speed.textContent = stepsPerSecond > 0 ? formatCount(stepsPerSecond) : "–";
    this.#redraws.textContent = redrawsPerSecond > 0 ? redrawsPerSecond.toFixed(0) : "–";
  }
}
