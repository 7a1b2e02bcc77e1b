import { choice } from "../choice.ts";
import { element } from "../dom.ts";
import { type Axis, axisLabels, type AxisName } from "./grid.ts";
import { axisFault, axisOf, mostAlong } from "./state.ts";

const numberField = (
  label: string,
  step: string,
): { root: HTMLElement; input: HTMLInputElement; label: HTMLElement } => {
  const name = element("span", {}, label);
  const input = element("input", { type: "number", step, inputmode: "decimal" });
  return { root: element("label", { class: "field" }, name, input), input, label: name };
};

/** One side of the grid: what differs, from where to where, in how many values. */
export class AxisControl {
  readonly root: HTMLElement;
  readonly #changed: (axis: Axis) => void;
  readonly #name;
  readonly #from = numberField("From", "any");
  readonly #to = numberField("To", "any");
  readonly #count = numberField("Values", "1");
  readonly #fault = element("p", { class: "fault", role: "alert" });
  #axis: Axis | undefined;

  /** @param changed called with good axes only */
  constructor(title: string, changed: (axis: Axis) => void) {
    this.#changed = changed;
    this.#name = choice<AxisName>(title, axisLabels, (name) => changed(axisOf(name, this.#axis!.count)));
    for (const { input } of [this.#from, this.#to, this.#count]) {
      input.addEventListener("change", () => this.#read(input));
    }
    Object.assign(this.#count.input, { min: "1", max: String(mostAlong) });
    const numbers = element("div", { class: "axis-numbers" }, this.#from.root, this.#to.root, this.#count.root);
    this.root = element("div", { class: "axis-control" }, this.#name.root, numbers, this.#fault);
  }

  /** @param unavailable axes that cannot be chosen now */
  show(axis: Axis, unavailable: readonly AxisName[]): void {
    this.#axis = axis;
    this.#name.show(axis.name);
    for (const option of this.#name.select.options) option.disabled = unavailable.includes(option.value as AxisName);
    this.#from.input.value = String(axis.from);
    this.#to.input.value = String(axis.to);
    this.#to.root.hidden = axis.name === "seed";
    this.#from.label.textContent = axis.name === "seed" ? "First" : "From";
    this.#count.input.value = String(axis.count);
    this.#tell(undefined);
  }

  #read(changed: HTMLInputElement): void {
    const from = this.#from.input.valueAsNumber;
    const axis = { ...this.#axis!, from, to: this.#to.input.valueAsNumber, count: this.#count.input.valueAsNumber };
    const fault = axisFault(axis);
    this.#tell(fault, changed);
    if (fault === undefined) this.#changed(axis);
  }

  #tell(fault: string | undefined, at?: HTMLInputElement): void {
    this.#fault.textContent = fault ? `${axisLabels[this.#axis!.name]}: ${fault}.` : "";
    for (const { input } of [this.#from, this.#to, this.#count]) input.removeAttribute("aria-invalid");
    if (fault !== undefined) at?.setAttribute("aria-invalid", "true");
  }
}
