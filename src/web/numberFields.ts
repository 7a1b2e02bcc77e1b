// Numbers that a reader sets: their ranges, their place in the address, their slider.

import { element } from "./dom.ts";

/** A number that a reader may set. */
export interface NumberField {
  readonly label: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly initial: number;
  /** Whole numbers only; default: any. */
  readonly whole?: boolean;
  /** Powers of two only, between powers of two. */
  readonly powers?: boolean;
  /** A slider whose steps multiply. */
  readonly logarithmic?: boolean;
  /** One line on what it does. */
  readonly hint?: string;
}

/** Whether a number is one that the field takes. */
export function takes({ minimum, maximum, whole, powers }: NumberField, value: number): boolean {
  if (!(value >= minimum && value <= maximum)) return false;
  return (!whole && !powers) || (Number.isInteger(value) && (!powers || Number.isInteger(Math.log2(value))));
}

export type Fields<Name extends string> = Readonly<Record<Name, NumberField>>;
export type Values<Name extends string> = Readonly<Record<Name, number>>;

/** Where each number starts. */
export const initialValues = <Name extends string>(fields: Fields<Name>): Values<Name> =>
  Object.fromEntries(Object.entries<NumberField>(fields).map(([name, { initial }]) => [name, initial])) as Values<Name>;

/** What an address says, and which of it is of no use. */
export interface ReadValues<Name extends string> {
  /** The numbers that the address has, and no others. */
  readonly values: Partial<Values<Name>>;
  /** `width=abc`. */
  readonly rejected: readonly string[];
}

/** Reads the numbers that an address gives. */
export function readValues<Name extends string>(fields: Fields<Name>, params: URLSearchParams): ReadValues<Name> {
  const values: Partial<Record<Name, number>> = {};
  const rejected: string[] = [];
  for (const name of Object.keys(fields) as Name[]) {
    const text = params.get(name);
    if (text === null) continue;
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (takes(fields[name], value)) values[name] = value;
    else rejected.push(`${name}=${text.slice(0, 20)}`);
  }
  return { values, rejected };
}

/** Writes the numbers into an address. */
export function writeValues<Name extends string>(values: Partial<Values<Name>>, params: URLSearchParams): void {
  for (const [name, value] of Object.entries(values)) params.set(name, String(value));
}

/** Places of a logarithmic slider. */
const logSteps = 60;

interface Track {
  readonly steps: number;
  readonly step: number | "any";
  toPlace(value: number): number;
  toValue(place: number): number;
}

/** Two digits are as many as a slider can be set to. */
const rounded = (value: number): number => Number(value.toPrecision(2));

/** How the places of a slider stand for numbers. */
export function trackOf({ minimum, maximum, whole, powers, logarithmic }: NumberField): Track {
  if (powers) {
    const steps = Math.log2(maximum / minimum);
    return { steps, step: 1, toPlace: (value) => Math.log2(value / minimum), toValue: (place) => minimum * 2 ** place };
  }
  if (!logarithmic) {
    const steps = maximum - minimum;
    const toValue = (place: number): number => minimum + (whole ? place : Number(place.toFixed(2)));
    return { steps, step: whole ? 1 : steps / 100, toPlace: (value) => value - minimum, toValue };
  }
  const span = Math.log(maximum / minimum);
  return {
    steps: logSteps,
    step: 1,
    toPlace: (value) => Math.round((logSteps * Math.log(value / minimum)) / span),
    toValue: (place) => Math.min(maximum, Math.max(minimum, rounded(minimum * Math.exp((span * place) / logSteps)))),
  };
}

/** A slider or a field on the page. */
export interface NumberControl {
  readonly root: HTMLElement;
  /** Shows a number that was set elsewhere. */
  show(value: number): void;
}

/**
 * A labelled slider that shows its number.
 * @param changed called with when the reader has let go
 */
export function slider(name: string, field: NumberField, changed: (value: number) => void): NumberControl {
  const track = trackOf(field);
  const input = element("input", { type: "range", min: 0, max: track.steps, step: track.step, name });
  const output = element("output", { class: "numbers" });
  const tell = (value: number): void => {
    output.value = String(value);
    input.setAttribute("aria-valuetext", String(value));
  };
  input.addEventListener("input", () => tell(track.toValue(input.valueAsNumber)));
  input.addEventListener("change", () => changed(track.toValue(input.valueAsNumber)));
  const head = element("span", { class: "slider-head" }, element("span", {}, field.label), output);
  const root = element("label", { class: "field slider", ...(field.hint && { title: field.hint }) }, head, input);
  const show = (value: number): void => {
    input.valueAsNumber = track.toPlace(value);
    tell(value);
  };
  show(field.initial);
  return { root, show };
}

/**
 * A labelled field to type a number into; what the field does not take is marked and goes nowhere.
 * @param changed called with when the reader is done
 */
export function numberInput(name: string, field: NumberField, changed: (value: number) => void): NumberControl {
  const { minimum, maximum, whole, label } = field;
  const input = element("input", { type: "number", name, min: minimum, max: maximum, step: whole ? 1 : "any" });
  input.addEventListener("change", () => {
    const isGood = takes(field, input.valueAsNumber);
    input.setAttribute("aria-invalid", String(!isGood));
    if (isGood) changed(input.valueAsNumber);
    else input.reportValidity();
  });
  const root = element("label", { class: "field" }, element("span", {}, label), input);
  const show = (value: number): void => {
    input.value = String(value);
    input.removeAttribute("aria-invalid");
  };
  show(field.initial);
  return { root, show };
}
