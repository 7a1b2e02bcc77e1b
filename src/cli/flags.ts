import { InvalidInput } from "../node.ts";
import { closestName } from "../data.ts";

// Readers of option values. Each takes the option's name for its message, and gives commander a function of the text.

/** Unsigned integers that JSON, f64 and the generator of random numbers hold exactly. */
const maxInteger = Number.MAX_SAFE_INTEGER;

function fault(place: string, expected: string, got: string, fix: string): InvalidInput {
  return new InvalidInput({ place, expected, got: JSON.stringify(got.slice(0, 60)), fix });
}

/** A number; NaN for any other text, also for none. */
const parse = (text: string): number => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : Number.NaN;
};

/** How to write what was probably meant. */
function numberRemedy(text: string): string {
  const percent = parse(text.replace(/%\s*$/, ""));
  if (text.trim().endsWith("%") && !Number.isNaN(percent)) return `write ${percent / 100}`;
  if (/^[+-]?\d*,\d+$/.test(text.trim())) return `write ${text.trim().replace(",", ".")}: decimals take a point`;
  if (/[,;:]|\.\./.test(text)) return "pass one number; thalweg sweep takes lists and ranges";
  return "write it like 0.01 or 1e-3";
}

export const number =
  (flag: string) =>
  (text: string): number => {
    const value = parse(text);
    if (!Number.isNaN(value)) return value;
    throw fault(flag, "a number", text, numberRemedy(text));
  };

export const integer =
  (flag: string, minimum: number, maximum = maxInteger) =>
  (text: string): number => {
    const value = parse(text);
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
    throw fault(
      flag,
      "names separated by commas",
      text,
      text.trim() === "" ? "pass at least one name" : "remove the extra comma",
    );
  };

export const numberList =
  (flag: string) =>
  (text: string): number[] => {
    const values = text.split(",").map(parse);
    if (!values.some(Number.isNaN)) return values;
    throw fault(flag, "numbers separated by commas", text, "write it like 1,0.5");
  };

/** One to `most` whole numbers of at least 0. */
export const integerList =
  (flag: string, most: number) =>
  (text: string): number[] => {
    const values = text.split(",").map(parse);
    if (values.length <= most && values.every((value) => Number.isSafeInteger(value) && value >= 0)) return values;
    throw fault(flag, `up to ${most} whole numbers separated by commas`, text, "write it like 1000 or 1000,10");
  };

/** Names are compared without case, `-`, `_` and spaces. */
export const folded = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, "");

/** What other libraries call our names. */
const synonyms = new Map([
  ["mse", "meanSquaredError"],
  ["l2", "meanSquaredError"],
  ["mae", "meanAbsoluteError"],
  ["l1", "meanAbsoluteError"],
  ["bce", "binaryCrossEntropy"],
  ["crossentropy", "softmaxCrossEntropy"],
  ["categoricalcrossentropy", "softmaxCrossEntropy"],
  ["softmax", "softmaxCrossEntropy"],
  ["logistic", "sigmoid"],
  ["linear", "identity"],
  ["swish", "silu"],
  ["sin", "sine"],
  ["xavier", "glorotUniform"],
  ["glorot", "glorotUniform"],
  ["kaiming", "heUniform"],
  ["he", "heUniform"],
  ["lecun", "lecunNormal"],
  ["classify", "classification"],
  ["classifier", "classification"],
  ["regress", "regression"],
]);

export const name =
  <const Name extends string>(flag: string, names: readonly Name[]) =>
  (text: string): Name => {
    const found = names.find((known) => known === text) ?? names.find((known) => folded(known) === folded(text));
    if (found !== undefined) return found;
    const closest = names.find((known) => known === synonyms.get(folded(text))) ?? closestName(text, names);
    const fix = closest === undefined ? "choose one of them" : `did you mean ${closest}?`;
    throw fault(flag, `one of ${names.join(", ")}`, text, fix);
  };

const maxWidth = 2 ** 20;

/** Widths of hidden layers, or `none`. */
export const widths =
  (flag: string) =>
  (text: string): number[] => {
    if (text.trim() === "none") return [];
    const values = text.split(",").map(parse);
    if (values.every((width) => Number.isInteger(width) && width >= 1 && width <= maxWidth)) return values;
    const meant = text.match(/\d+/g) ?? [];
    const isSeparated = /^[[( ]*\d+([ ,;x×*-]+\d+)*[\]) ]*$/.test(text) && meant.every((digits) => Number(digits) >= 1);
    const fix = isSeparated
      ? `did you mean ${meant.join(",")}?`
      : "write it like 16 or 32,16, or none for no hidden layer";
    throw fault(flag, `widths from 1 to ${maxWidth} separated by commas`, text, fix);
  };
