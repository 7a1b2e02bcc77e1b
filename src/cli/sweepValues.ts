import { InvalidInput } from "../node.ts";
import { grouped, short } from "./numbers.ts";

/** Numbers between two, ends included; `from` is below `to`. */
export interface RangeOfValues {
  readonly kind: "range";
  readonly from: number;
  readonly to: number;
  readonly scale: "linear" | "log";
}

/** What an option of a sweep gives the networks: the same number to all, each a number of a list, or numbers of a range. */
export type Values =
  | { readonly kind: "same"; readonly value: number }
  | { readonly kind: "list"; readonly values: readonly number[] }
  | RangeOfValues;

/** Options that may differ from network to network. */
export type SweptFlag = "--learning-rate" | "--momentum" | "--weight-decay" | "--seed";

interface Rule {
  readonly expected: string;
  /** A text that is right, for the remedy. */
  readonly example: string;
  accepts(value: number): boolean;
}

/** Floats that a GPU does not take for 0 or for infinite. */
const magnitude = (example: string): Rule => ({
  expected: "0, or numbers from 1.18e-38 to 3.4e38",
  example,
  accepts: (value) => value === 0 || (value >= 2 ** -126 && value < 3.4028234663852886e38),
});

const rules: Readonly<Record<SweptFlag, Rule>> = {
  "--learning-rate": magnitude("log:1e-4..1"),
  "--momentum": {
    expected: "numbers from 0 to below 1",
    example: "0..0.95",
    accepts: (value) => value >= 0 && value < 1,
  },
  "--weight-decay": magnitude("log:1e-6..1e-2"),
  "--seed": {
    expected: "integers from 0 to 2⁵³ − 1",
    example: "0..255",
    accepts: (value) => Number.isSafeInteger(value) && value >= 0,
  },
};

function fault(flag: SweptFlag, expected: string, got: string, fix?: string): InvalidInput {
  const remedy = fix ?? `write it like ${rules[flag].example}`;
  return new InvalidInput({ place: flag, expected, got: JSON.stringify(got.slice(0, 60)), fix: remedy });
}

function parseNumber(flag: SweptFlag, text: string): number {
  const { expected, accepts } = rules[flag];
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) {
    throw fault(flag, "a number, a range a..b or log:a..b, or a list a,b,c", text);
  }
  if (accepts(value)) return value;
  throw fault(flag, expected, text, "pass numbers in that range");
}

function parseRange(flag: SweptFlag, text: string, scale: "linear" | "log"): Values {
  const at = text.indexOf("..");
  const from = parseNumber(flag, text.slice(0, at));
  const to = parseNumber(flag, text.slice(at + 2));
  if (from > to) {
    const upwards = `${scale === "log" ? "log:" : ""}${to}..${from}`;
    throw fault(flag, "a range from the smaller number to the larger", text, `write ${upwards}`);
  }
  if (scale === "log" && from === 0) throw fault(flag, "numbers above 0 for a range with log:", text);
  return from === to ? { kind: "same", value: from } : { kind: "range", from, to, scale };
}

/**
 * Reads the value of a swept option: `0.01`, `a..b`, `log:a..b` or `a,b,c`.
 * @throws InvalidInput that names the option
 */
export function parseValues(flag: SweptFlag, text: string): Values {
  const prefix = /^\s*log:/.exec(text)?.[0];
  if (prefix !== undefined) {
    if (flag === "--seed") throw fault(flag, "a range of seeds without log:", text);
    if (!text.includes("..") || text.includes(",")) throw fault(flag, "a range a..b after log:", text);
    return parseRange(flag, text.slice(prefix.length), "log");
  }
  if (text.includes(",")) {
    const values = text.split(",").map((item) => parseNumber(flag, item));
    return { kind: "list", values };
  }
  return text.includes("..") ? parseRange(flag, text, "linear") : { kind: "same", value: parseNumber(flag, text) };
}

/** Values as a program writes them: a number, a list of numbers, or a range as it is typed. */
export function valueText(values: Values): number | readonly number[] | string {
  if (values.kind === "same") return values.value;
  if (values.kind === "list") return values.values;
  return `${values.scale === "log" ? "log:" : ""}${values.from}..${values.to}`;
}

/** `0.0001 to 1 (log)`, `0.1, 0.01`, `0.1`. */
export function describeValues(values: Values, show: (value: number) => string = short): string {
  if (values.kind === "same") return show(values.value);
  if (values.kind === "range")
    return `${show(values.from)} to ${show(values.to)}${values.scale === "log" ? " (log)" : ""}`;
  const most = 6;
  const shown = values.values.slice(0, most).map(show).join(", ");
  const more = values.values.length - most;
  return more > 0 ? `${shown}, … ${grouped(more)} more` : shown;
}
