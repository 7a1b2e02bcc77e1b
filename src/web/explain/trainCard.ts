// Training steps on the GPU, and the loss over them.

import { element } from "../dom.ts";
import { drawCurve } from "./curve.ts";
import type { Place, Run } from "./protocol.ts";
import { inWords } from "./sentences.ts";

const counts = [1, 10, 100];

export interface TrainCard {
  readonly element: HTMLElement;
  /** @param losses before each step, and now */
  showCurve(losses: readonly number[]): void;
  showPlace(place: Place): void;
  showBusy(isBusy: boolean): void;
  tell(run: Run): void;
}

/** @param run takes so many steps */
export function createTrainCard(run: (steps: number) => void): TrainCard {
  const figure = element("figure", {});
  const place = element("p", { class: "quiet place" }, "The device opens when you train.");
  const status = element("p", { class: "quiet numbers", role: "status" });
  let isBusy = false;
  let isGpu = false;
  const buttons = counts.map((steps) =>
    element(
      "button",
      { type: "button", "data-steps": steps, onclick: () => !isBusy && run(steps) },
      steps === 1 ? "1 step" : `${steps} steps`,
    ),
  );
  return {
    element: element(
      "section",
      { class: "card train", "aria-labelledby": "train-title" },
      element("h2", { id: "train-title" }, "Train"),
      element("div", { class: "row", role: "group", "aria-label": "Run" }, element("span", {}, "Run"), ...buttons),
      figure,
      status,
      place,
    ),
    showCurve: (losses) => figure.replaceChildren(drawCurve(losses)),
    showPlace: ({ kind, name, fallbackReason }) => {
      isGpu = kind === "gpu";
      const precision = kind === "reference" ? "float64" : "float32";
      place.textContent = `Computed by ${name}, ${precision}${fallbackReason ? ` (${fallbackReason})` : ""}.`;
    },
    showBusy: (busy) => {
      isBusy = busy;
      for (const button of buttons) button.setAttribute("aria-disabled", String(busy));
      if (busy) status.textContent = "Running…";
    },
    tell: ({ losses, tookMs, machine }) => {
      const count = losses.length === 1 ? "1 step" : `${losses.length} steps`;
      const time = tookMs < 1 ? "under 1 ms" : `${inWords(Number(tookMs.toPrecision(2)))} ms`;
      const where = isGpu && machine === "wasm" ? " on the CPU, which is faster for so small a network" : "";
      status.textContent = `${count} done in ${time}${where}, including setup and readback.`;
    },
  };
}
