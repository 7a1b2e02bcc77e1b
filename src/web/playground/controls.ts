// Fields of the panels.

import { element } from "../dom.ts";

/** A field that shows one value and reports another. */
export interface Field<Value> {
  readonly element: HTMLElement;
  set(value: Value): void;
  enable(isEnabled: boolean): void;
}

export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

export interface SelectOptions<Value extends string> {
  readonly label: string;
  readonly choices: readonly Choice<Value>[];
  /** One line on what it does. */
  readonly hint?: string;
  readonly onChange: (value: Value) => void;
}

/** A select whose choices may change. */
export interface SelectField<Value extends string> extends Field<Value> {
  offer(choices: readonly Choice<Value>[]): void;
  /** Another hint, where it has one. */
  explain(hint: string): void;
}

let hints = 0;

export function selectField<Value extends string>(options: SelectOptions<Value>): SelectField<Value> {
  const select = element("select", { onchange: () => options.onChange(select.value as Value) });
  const offer = (choices: readonly Choice<Value>[]): void =>
    select.replaceChildren(...choices.map(({ value, label }) => element("option", { value }, label)));
  offer(options.choices);
  const label = element("label", { class: "field" }, element("span", {}, options.label), select);
  const hint = element("p", { class: "hint", id: `hint-${++hints}` }, options.hint);
  if (options.hint !== undefined) select.setAttribute("aria-describedby", hint.id);
  return {
    element: options.hint === undefined ? label : element("div", { class: "hinted" }, label, hint),
    set: (value) => (select.value = value),
    enable: (isEnabled) => (select.disabled = !isEnabled),
    offer,
    explain: (text) => (hint.textContent = text),
  };
}

export interface RangeOptions {
  readonly label: string;
  /** Whole numbers, both ends included. */
  readonly least: number;
  readonly most: number;
  /** What a place of the slider is called. */
  readonly text: (place: number) => string;
  /** While it is moved. */
  readonly onInput?: (place: number) => void;
  /** When it is let go. */
  readonly onChange?: (place: number) => void;
}

/** A slider with its value beside the label. */
export function rangeField({ label, least, most, text, onInput, onChange }: RangeOptions): Field<number> {
  const value = element("output", { class: "numbers" });
  const show = (): void => {
    value.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", value.textContent);
  };
  const input = element("input", {
    type: "range",
    min: least,
    max: most,
    oninput: () => {
      show();
      onInput?.(Number(input.value));
    },
    onchange: () => onChange?.(Number(input.value)),
  });
  return {
    element: element("label", { class: "field range" }, element("span", {}, label, value), input),
    set: (place) => {
      input.value = String(place);
      show();
    },
    enable: (isEnabled) => (input.disabled = !isEnabled),
  };
}

export function checkField(label: string, onChange: (isOn: boolean) => void): Field<boolean> {
  const input = element("input", { type: "checkbox", onchange: () => onChange(input.checked) });
  return {
    element: element("label", { class: "check" }, input, label),
    set: (isOn) => (input.checked = isOn),
    enable: (isEnabled) => (input.disabled = !isEnabled),
  };
}

export interface RadioOptions<Value extends string> {
  readonly legend: string;
  readonly name: string;
  readonly choices: readonly (Choice<Value> & { readonly picture?: Node })[];
  readonly onChange: (value: Value) => void;
}

/** One of a few, side by side. */
export function radioField<Value extends string>(options: RadioOptions<Value>): Field<Value | undefined> {
  const inputs = options.choices.map(({ value }) =>
    element("input", { type: "radio", name: options.name, value, onchange: () => options.onChange(value) }),
  );
  const labels = options.choices.map(({ label, picture }, at) =>
    element("label", {}, inputs[at], picture, element("span", {}, label)),
  );
  return {
    element: element("fieldset", { class: "segments" }, element("legend", {}, options.legend), ...labels),
    set: (value) => {
      for (const input of inputs) input.checked = input.value === value;
    },
    enable: (isEnabled) => {
      for (const input of inputs) input.disabled = !isEnabled;
    },
  };
}

/** A select of numbers that also shows one which is none of its own: an address may bring any. */
export function showNumber(
  field: SelectField<string>,
  own: readonly number[],
  value: number,
  text: (value: number) => string = String,
): void {
  const offered = own.includes(value) ? own : [...own, value].toSorted((a, b) => a - b);
  field.offer(offered.map((one) => ({ value: String(one), label: text(one) })));
  field.set(String(value));
}

export const choicesOf = <Value extends string>(values: readonly Value[]): Choice<Value>[] =>
  values.map((value) => ({ value, label: value }));
