import { shortNumber } from "../shortNumber.ts";
import { type Axis, isLogarithmic, valueAt } from "./grid.ts";

/** A number beside an axis. */
export interface Tick {
  /** Where on the axis, in shares of its length: cells have their values in their middles. */
  readonly share: number;
  readonly label: string;
}

/** 1, 2 or 5 times a power of ten, the next at or above a number. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
}

/** Multiples of a nice step. */
function linearValues(from: number, to: number, most: number): number[] {
  const step = niceStep(Math.max((to - from) / most, 1e-12));
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Powers of ten, fewer where there are many; with 2 and 5 times them where there are few. */
function logarithmicValues(from: number, to: number, most: number): number[] {
  const first = Math.ceil(Math.log10(from) - 1e-9);
  const last = Math.floor(Math.log10(to) + 1e-9);
  if (last - first + 1 >= 3) {
    const every = Math.ceil((last - first + 1) / most);
    return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) =>
      Number(`1e${String(first + index * every)}`),
    );
  }
  const all = Array.from({ length: last - first + 3 }, (_, index) => first - 1 + index).flatMap((power) =>
    [1, 2, 5].map((digit) => Number(`${String(digit)}e${String(power)}`)),
  );
  return all.filter((value) => value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9));
}

function shareOf({ name, from, to, count }: Axis, value: number): number {
  const share = isLogarithmic(name) ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  return (0.5 + share * (count - 1)) / count;
}

/** The numbers along an axis, at most about so many. */
export function ticksOf(axis: Axis, most: number): Tick[] {
  const [from, to] = [valueAt(axis, 0), valueAt(axis, axis.count - 1)];
  if (axis.count === 1 || from === to) return [{ share: 0.5, label: shortNumber(from) }];
  const values = isLogarithmic(axis.name) ? logarithmicValues(from, to, most) : linearValues(from, to, most);
  const whole = axis.name === "seed" ? values.filter(Number.isInteger) : values;
  return whole.map((value) => ({ share: shareOf({ ...axis, from, to }, value), label: shortNumber(value) }));
}
