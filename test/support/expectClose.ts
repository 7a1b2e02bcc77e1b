import { expect } from "vitest";

/** Values agree to what float32 rounds, relative to the largest. */
export function expectClose(what: string, values: ArrayLike<number>, wanted: ArrayLike<number>, bound: number): void {
  const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
  expect(values.length, what).toBe(wanted.length);
  for (let at = 0; at < wanted.length; at++) {
    const error = Math.abs(values[at]! - wanted[at]!) / largest;
    expect(error <= bound ? "" : `${what} ${at}: ${values[at]}, wanted ${wanted[at]}`).toBe("");
  }
}
