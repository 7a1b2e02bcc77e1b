import { InvalidInput } from "../node.ts";
import { closestName } from "../data.ts";

// Readers of option values. Each takes the option's name for its message, and gives commander a function of the text.

/** Unsigned integers that JSON, f64 and the generator of random numbers hold exactly. */
const maxInteger = Number.MAX_SAFE_INTEGER;

function fault(place: string, expected: string, got: string, fix: string): InvalidInput {
  return new InvalidInput({ place, expected, got: JSON.stringify(got.slice(0, 60)), fix });
}

function parseNumber(place: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw fault(place, "a number", text, "write it like 0.01 or 1e-3");
}

export const number =
  (flag: string) =>
  (text: string): number =>
    parseNumber(flag, text);

export const integer =
  (flag: string, minimum: number, maximum = maxInteger) =>
  (text: string): number => {
    const value = parseNumber(flag, text);
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    const range = maximum === maxInteger ? `an integer ≥ ${minimum}` : `an integer from ${minimum} to ${maximum}`;
    throw fault(flag, range, text, "pass a whole number in that range");
  };

/** Comma-separated texts; an empty one between commas is an error. */
export const list =
  (flag: string) =>
  (text: string): string[] => {
    const items = text.split(",").map((item) => item.trim());
    if (items.every((item) => item !== "")) return items;
    throw fault(flag, "names separated by commas", text, "remove the extra comma");
  };

export const numberList =
  (flag: string) =>
  (text: string): number[] =>
    list(flag)(text).map((item) => parseNumber(flag, item));

export const name =
  <const Name extends string>(flag: string, names: readonly Name[]) =>
  (text: string): Name => {
    const found = names.find((known) => known === text);
    if (found !== undefined) return found;
    const closest = closestName(text, names);
    const fix = closest === undefined ? "choose one of them" : `did you mean ${closest}?`;
    throw fault(flag, `one of ${names.join(", ")}`, text, fix);
  };

/** Widths of hidden layers, or `none`. */
export const widths =
  (flag: string) =>
  (text: string): number[] => {
    if (text.trim() === "none") return [];
    return list(flag)(text).map((item) => integer(flag, 1, 2 ** 20)(item));
  };
