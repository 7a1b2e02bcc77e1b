import { backward } from "./differentiate.ts";
import { inOrder, Expression } from "./expression.ts";
import { float64Function } from "./float64.ts";
import { primitives } from "./primitives.ts";
import { Simplifier } from "./simplify.ts";

/** Something about a function that a training meets, and where. */
export interface Finding {
  /**
   * `kink`: the slope jumps; `jump`: the value does; `notFinite`: value or slope is infinite or NaN, in float64 or only in float32;
   * `unstable`: float32 has few of the digits.
   */
  readonly kind: "kink" | "jump" | "notFinite" | "unstable";
  readonly at: number;
  readonly text: string;
}

/** The input that is moved. */
interface Moved {
  readonly name: string;
  /** Largest size of it. */
  readonly range: number;
}

const largest = 3.4028234663852886e38;

/** Evenly over ±32, and every power of two up to the range, both signs; 0 as well. */
function samplesOf(range: number): number[] {
  const even = Array.from({ length: 2049 }, (_, at) => (at - 1024) / 32);
  const powers: number[] = [];
  for (let power = 2 ** -20; power <= range; power *= 2) powers.push(power, -power, 1.3 * power, -1.3 * power);
  const all = [...even, ...powers].filter((x) => Math.abs(x) <= range).map(Math.fround);
  return [...new Set(all)].toSorted((a, b) => a - b);
}

/** The value as float32 would have it: every operation rounded, denormals flushed. */
function float32Function(output: Expression, names: readonly string[]): (...inputs: number[]) => number {
  const order = inOrder([output]);
  const values = new Float32Array(order.length);
  const steps = order.map((node) => {
    if (node.kind === "input") return (inputs: readonly number[]) => inputs[names.indexOf(node.name)]!;
    if (node.kind === "constant") return () => node.value;
    const { compute } = primitives[node.primitive!];
    const places = node.operands.map((operand) => order.indexOf(operand));
    const [a, b, c, d] = places as [number, number, number, number];
    if (places.length === 1) return () => compute(values[a]!);
    if (places.length === 2) return () => compute(values[a]!, values[b]!);
    return () => compute(values[a]!, values[b]!, values[c]!, values[d]!);
  });
  return (...inputs) => {
    for (const [at, step] of steps.entries()) {
      values[at] = step(inputs);
      if (Math.abs(values[at]) < 2 ** -126) values[at] = 0;
    }
    return values[order.length - 1]!;
  };
}

/** What is compared to choose a branch: left − right of every choice. */
function choicesOf(output: Expression): Expression[] {
  return inOrder([output]).flatMap(({ primitive, operands: [a, b] }) => {
    if (primitive?.startsWith("where") || primitive === "maximum" || primitive === "minimum") return [a!.minus(b!)];
    return primitive === "absolute" || primitive === "sign" ? [a!] : [];
  });
}

/** Where a function changes its sign between two points. */
function rootOf(f: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let step = 0; step < 80 && low < high; step++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (f(middle) > 0 === f(high) > 0) high = middle;
    else low = middle;
  }
  return Math.abs(high) < 1e-12 ? 0 : high;
}

const digits = (value: number): string => String(Number(value.toPrecision(6)));

/**
 * Looks at a function of one moved input: whether values and slopes are finite and keep their digits in float32, at samples and on both
 * sides of every place where a branch changes, and where it has kinks and jumps.
 * @returns what was found, from 0 outwards
 * @param fixed values of its other inputs
 */
export function checkFunction(
  output: Expression,
  { name, range }: Moved,
  fixed: ReadonlyMap<string, number>,
): Finding[] {
  const simplifier = new Simplifier();
  const constants = new Map([...fixed].map(([input, value]) => [input, Expression.constant(value)]));
  const own = simplifier.simplify(output.substitute(constants));
  const input = inOrder([own]).find((node) => node.kind === "input");
  const slope = (input && backward(simplifier, own, Expression.constant(1), [input])[0]) ?? Expression.constant(0);
  const parts = [
    { what: "value", wanted: float64Function(own, [name]), rounded: float32Function(own, [name]) },
    { what: "slope", wanted: float64Function(slope, [name]), rounded: float32Function(slope, [name]) },
  ] as const;
  const samples = samplesOf(range);
  const edges = [own, slope].flatMap(choicesOf).flatMap((choice) => {
    const compared = float64Function(choice, [name]);
    return samples.slice(1).flatMap((x, at) => {
      const before = samples[at]!;
      return compared(before) > 0 === compared(x) > 0 ? [] : [rootOf(compared, before, x)];
    });
  });
  const distinct = edges
    .toSorted((a, b) => a - b)
    .filter((x, at, all) => at === 0 || x - all[at - 1]! > 1e-8 * Math.max(1, Math.abs(x)));
  // Next to an edge float32 may take the other branch.
  const isAtEdge = (x: number): boolean =>
    distinct.some((edge) => Math.abs(x - edge) <= 1e-5 * Math.max(1, Math.abs(x)));
  const at = (x: number): Finding[] => parts.flatMap((part) => soundness(part, name, x));
  const found = [
    ...[...samples, ...distinct.map(Math.fround)].flatMap((x) =>
      at(x).filter(({ kind }) => kind !== "unstable" || !isAtEdge(x)),
    ),
    ...distinct.flatMap((x) => breaks(parts[0].wanted, parts[1].wanted, name, x)),
  ];
  return found.toSorted((a, b) => Math.abs(a.at) - Math.abs(b.at));
}

interface Part {
  readonly what: string;
  readonly wanted: (x: number) => number;
  readonly rounded: (x: number) => number;
}

/** Relative error that float32 may have at most, of a few operations near cancellation. */
const tolerance = 1e-3;

function soundness({ what, wanted, rounded }: Part, name: string, x: number): Finding[] {
  const [exact, own] = [wanted(x), rounded(x)];
  const at = `the ${what} at ${name} = ${digits(x)}`;
  if (!Number.isFinite(exact)) return [{ kind: "notFinite", at: x, text: `${at} is ${exact}` }];
  if (Math.abs(exact) > largest) return [];
  if (!Number.isFinite(own))
    return [{ kind: "notFinite", at: x, text: `${at} is ${own} in float32, and ${digits(exact)} in float64` }];
  const isClose = Math.abs(own - exact) <= tolerance * Math.max(Math.abs(exact), tolerance);
  return isClose ? [] : [{ kind: "unstable", at: x, text: `${at} is ${digits(own)} in float32, not ${digits(exact)}` }];
}

/** Values and slopes close to both sides of a place where a branch changes. */
function breaks(value: (x: number) => number, slope: (x: number) => number, name: string, x: number): Finding[] {
  const step = 1e-9 * Math.max(1, Math.abs(x));
  const [before, here, after] = [value(x - step), value(x), value(x + step)];
  const steepness = Math.max(1, Math.abs(slope(x - step)), Math.abs(slope(x + step)));
  const far = Math.max(Math.abs(before - here), Math.abs(after - here), Math.abs(after - before));
  if (far > 1e-6 * Math.max(1, Math.abs(here)) + 4 * step * steepness) {
    const text = `the value jumps at ${name} = ${digits(x)} from ${digits(before)} to ${digits(after)}`;
    return [{ kind: "jump", at: x, text }];
  }
  const [left, right] = [slope(x - step), slope(x + step)];
  if (Math.abs(left - right) <= 1e-6 * steepness) return [];
  const text = `the slope jumps at ${name} = ${digits(x)} from ${digits(left)} to ${digits(right)}`;
  return [{ kind: "kink", at: x, text }];
}
