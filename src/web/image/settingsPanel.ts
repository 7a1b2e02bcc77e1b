import { element } from "../dom.ts";
import { type NumberControl, numberInput, slider } from "../numberFields.ts";
import { imageFields, type ImageSetting, type ImageSettings, sizeOf, type SizeName, sizes } from "./settings.ts";

/** Those that the panel shows, in its order; the others follow the size. */
const shown = ["scale", "rate", "waves", "width", "depth", "side", "batch", "seed"] as const satisfies ImageSetting[];

const sizeLabels: Readonly<Record<SizeName, string>> = {
  small: "Small: any device",
  medium: "Medium",
  large: "Large: for GPUs",
};

/** Settings of the training. */
export class SettingsPanel {
  readonly root: HTMLElement;
  readonly #controls: ReadonlyMap<ImageSetting, NumberControl>;
  readonly #size: HTMLSelectElement;

  /** @param changed called with settings that the reader has changed, and nothing else */
  constructor(changed: (settings: Partial<ImageSettings>) => void) {
    this.#controls = new Map(
      shown.map((name) => {
        const control = name === "seed" ? numberInput : slider;
        return [name, control(name, imageFields[name], (value) => changed({ [name]: value }))];
      }),
    );
    const options = Object.entries(sizeLabels).map(([value, label]) => element("option", { value }, label));
    this.#size = element(
      "select",
      { name: "size" },
      ...options,
      element("option", { value: "own", hidden: true }, "Custom"),
    );
    this.#size.addEventListener("change", () => changed(sizes[this.#size.value as SizeName]));
    const size = element("label", { class: "field" }, element("span", {}, "Size"), this.#size);
    const controls = [...this.#controls.values()].map(({ root }) => root);
    this.root = element("div", { class: "settings" }, size, ...controls);
  }

  show(settings: ImageSettings): void {
    for (const [name, { show }] of this.#controls) show(settings[name]);
    this.#size.value = sizeOf(settings) ?? "own";
  }
}
