// Which points: the classic sets, painted ones, a file; noise, split, batch.

import { element } from "../dom.ts";
import { type ColorRamp, colorAt, cssColor } from "./colors.ts";
import { type Field, radioField, rangeField, selectField } from "./controls.ts";
import { type DatasetName, datasetNames, drawDataset, labelOf, taskOf } from "./datasets.ts";
import type { Panel, Update } from "./panel.ts";
import { extent } from "./points.ts";
import { type PlaygroundState, withTask } from "./state.ts";

export interface DataOptions {
  readonly update: Update;
  readonly onFile: (file: File) => void;
  /** Takes all points away, to paint on an empty plane. */
  readonly onClear: () => void;
}

const thumbnailSize = 56;

export class DataPanel implements Panel {
  readonly element: HTMLElement;
  /** Where a file's columns are chosen. */
  readonly fileSlot = element("div", {});
  readonly #thumbnails = new Map<DatasetName, HTMLCanvasElement>();
  readonly #sets: Field<DatasetName | undefined>;
  readonly #noise: Field<number>;
  readonly #share: Field<number>;
  readonly #seed: HTMLInputElement;
  readonly #networkSeed = element("span", { class: "quiet" });
  readonly #task: ReturnType<typeof selectField<PlaygroundState["task"]>>;
  readonly #own = element("p", { class: "quiet" });
  #state: PlaygroundState | undefined;

  constructor(ramp: ColorRamp, options: DataOptions) {
    const { update } = options;
    this.#sets = radioField({
      legend: "Data set",
      name: "data-set",
      choices: datasetNames.map((name) => ({ value: name, label: labelOf(name), picture: this.#thumbnail(name) })),
      onChange: (name) => update({ ...withTask(this.#state!, taskOf(name)), data: name, points: [] }),
    });
    const percent = (place: number): string => `${place} %`;
    const noise = (place: number): void => update({ noise: place });
    this.#noise = rangeField({ label: "Noise", least: 0, most: 50, text: percent, onChange: noise });
    const share = (place: number): void => update({ share: 5 * place });
    const shareText = (place: number): string => percent(5 * place);
    this.#share = rangeField({ label: "Training share", least: 2, most: 18, text: shareText, onChange: share });
    this.#seed = this.#seedInput(update);
    this.#task = selectField({
      label: "Target type",
      choices: [
        { value: "classification", label: "two classes" },
        { value: "regression", label: "numbers" },
      ],
      onChange: (task) => update(withTask(this.#state!, task)),
    });
    this.element = element(
      "section",
      { class: "card data", "aria-label": "Data", "data-group": "data" },
      element("h2", {}, "Data"),
      this.#sets.element,
      this.#noise.element,
      this.#share.element,
      this.#seedField(update),
      this.#ownPoints(options),
    );
    this.ramp = ramp;
  }

  set ramp(ramp: ColorRamp) {
    for (const [name, canvas] of this.#thumbnails) drawThumbnail(canvas, name, ramp);
  }

  show(state: PlaygroundState): void {
    this.#state = state;
    const isOwn = state.data === "own";
    this.#sets.set(isOwn ? undefined : (state.data as DatasetName));
    this.#noise.set(state.noise);
    this.#noise.enable(!isOwn);
    this.#share.set(Math.round(state.share / 5));
    this.#seed.value = String(state.seed);
    const { networkSeed } = state;
    this.#networkSeed.textContent = networkSeed === undefined ? "" : `Network seed: ${networkSeed}.`;
    this.#task.element.hidden = !isOwn;
    this.#task.set(state.task);
    this.#own.textContent = isOwn
      ? `${state.points.length} points of your own, saved in the URL.`
      : "Paint on the map, or drop a table with two columns of numbers and a target.";
  }

  #thumbnail(name: DatasetName): HTMLCanvasElement {
    const canvas = element("canvas", { width: thumbnailSize, height: thumbnailSize, "aria-hidden": "true" });
    this.#thumbnails.set(name, canvas);
    return canvas;
  }

  #seedInput(update: Update): HTMLInputElement {
    const input = element("input", {
      type: "number",
      min: 0,
      max: 2 ** 32 - 1,
      step: 1,
      onchange: () => {
        const seed = Number(input.value);
        const isGood = input.value !== "" && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32;
        input.setAttribute("aria-invalid", String(!isGood));
        if (isGood) update({ seed, networkSeed: undefined });
      },
    });
    return input;
  }

  #seedField(update: Update): HTMLElement {
    const next = (): void => update({ seed: (this.#state!.seed + 1) % 2 ** 32, networkSeed: undefined });
    return element(
      "div",
      { class: "row seed" },
      element("label", { class: "field" }, element("span", {}, "Seed"), this.#seed),
      element("button", { type: "button", onclick: next }, "Next seed"),
      this.#networkSeed,
    );
  }

  #ownPoints({ onFile, onClear }: DataOptions): HTMLElement {
    const input = element("input", {
      type: "file",
      class: "visually-hidden",
      "aria-label": "Open a table",
      accept: ".csv,.tsv,.txt,.json,text/csv",
      onchange: () => {
        const [file] = input.files ?? [];
        if (file) onFile(file);
        input.value = "";
      },
    });
    const open = element("label", { class: "button" }, "Open a table…", input);
    const clear = element("button", { type: "button", onclick: onClear }, "Clear");
    const buttons = element("div", { class: "row" }, open, clear);
    return element(
      "div",
      { class: "own" },
      element("h3", {}, "Your own points"),
      buttons,
      this.fileSlot,
      this.#task.element,
      this.#own,
    );
  }
}

function drawThumbnail(canvas: HTMLCanvasElement, name: DatasetName, ramp: ColorRamp): void {
  const context = canvas.getContext("2d")!;
  const zero = ramp[ramp.length / 2]!;
  context.fillStyle = cssColor(zero);
  context.fillRect(0, 0, thumbnailSize, thumbnailSize);
  const at = (x: number): number => ((x + extent) / (2 * extent)) * thumbnailSize;
  for (const { x1, x2, value } of drawDataset(name, 1, 0, 220)) {
    context.fillStyle = cssColor(colorAt(ramp, value));
    context.fillRect(at(x1) - 1.2, thumbnailSize - at(x2) - 1.2, 2.4, 2.4);
  }
}
