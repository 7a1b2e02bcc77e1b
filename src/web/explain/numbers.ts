// The numbers that a step starts from: all of them can be edited, and stand in the address where they are not the example's.

import { network } from "../../index.ts";
import { nodeNames, parameterNames, type StepStart, workedExample } from "../../explain.ts";

/** The network of the first screen: 2-2-2-1. */
export const net = network(workedExample.network);
export const names = nodeNames(net);
export const parameters = parameterNames(net);
export const learningRateName = "η";

const { input, target, learningRate } = workedExample;
export const exampleNumbers: StepStart = { parameters: workedExample.parameters, input, target, learningRate };

/** Every number that can be edited: x1, x2, t, η, w1 … w10, b1 … b5. */
export const numberNames: readonly string[] = [
  ...names.inputs,
  ...names.targets,
  learningRateName,
  ...parameters.map(({ name }) => name),
];

/** Where a name's number lies; undefined for the learning rate. */
function placeOf(name: string): { key: "input" | "target" | "parameters"; index: number } | undefined {
  const parameter = parameters.find((each) => each.name === name);
  if (parameter) return { key: "parameters", index: parameter.index };
  if (names.inputs.includes(name)) return { key: "input", index: names.inputs.indexOf(name) };
  if (names.targets.includes(name)) return { key: "target", index: names.targets.indexOf(name) };
  return undefined;
}

export function readNumber(numbers: StepStart, name: string): number {
  const place = placeOf(name);
  return place ? numbers[place.key][place.index]! : numbers.learningRate;
}

export function withNumber(numbers: StepStart, name: string, value: number): StepStart {
  const place = placeOf(name);
  if (!place) return { ...numbers, learningRate: value };
  return { ...numbers, [place.key]: Float64Array.from(numbers[place.key]).with(place.index, value) };
}

/** Largest and least size of numbers that may be typed: beyond them float32 has nothing sensible to say. */
const largest = 1e6;
const least = 1e-30;
/** Largest size that an address may bring. */
const most = 1e30;

/** What is wrong with a typed number, in words; or the number. A comma counts as a point. */
export function parseNumber(name: string, typed: string): number | string {
  const text = typed.trim().replace("−", "-").replace(",", ".");
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return `${name}: a number is needed, such as 0.25`;
  if (Math.abs(value) > largest) return `${name}: at most ${largest.toLocaleString("en")} in size`;
  if (value !== 0 && Math.abs(value) < least) return `${name}: 0, or at least ${least} in size`;
  if (name === learningRateName && value < 0) return `${name}: the learning rate is 0 or more`;
  return value;
}

/** The learning rate is called `rate` in addresses. */
const keyOf = (name: string): string => (name === learningRateName ? "rate" : name);

/** Training may leave numbers that nobody would type: whatever float32 holds with room to spare is taken back. */
function isSensible(name: string, value: number): boolean {
  const size = Math.abs(value);
  return size === 0 || (size >= least && size <= most && (name !== learningRateName || value > 0));
}

/** Numbers out of an address; what is missing or makes no sense is the example's. */
export function numbersOf(params: URLSearchParams): StepStart {
  let numbers = exampleNumbers;
  for (const name of numberNames) {
    const text = params.get(keyOf(name))?.trim();
    if (text && isSensible(name, Number(text))) numbers = withNumber(numbers, name, Number(text));
  }
  return numbers;
}

/** The numbers that are not the example's, for an address. */
export function writeNumbers(numbers: StepStart, params: URLSearchParams): void {
  for (const name of numberNames) {
    const value = readNumber(numbers, name);
    if (value !== readNumber(exampleNumbers, name)) params.set(keyOf(name), String(value));
  }
}
