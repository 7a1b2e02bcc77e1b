import { expect } from "vitest";

/** Values agree to what float32 rounds, relative to the largest. */
export function expectClose(what: string, values: ArrayLike<number>, wanted: ArrayLike<number>, bound: number): void {
  let largest = 1e-2;
  for (let at = 0; at < wanted.length; at++) largest = Math.max(largest, Math.abs(wanted[at]!));
  expect(values.length, what).toBe(wanted.length);
  for (let at = 0; at < wanted.length; at++) {
    const error = Math.abs(values[at]! - wanted[at]!) / largest;
    if (!(error <= bound)) expect.fail(`${what} ${at}: ${values[at]}, wanted ${wanted[at]}`); // also where it is NaN
  }
}
