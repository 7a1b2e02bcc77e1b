import { expect, test } from "vitest";
import { fromHalfFloats, toHalfFloats } from "../src/halfFloats.ts";
import { createUniform } from "./support/random.ts";

const halvesOf = (values: readonly number[]): number[] =>
  [...new Uint16Array(toHalfFloats(values).buffer)].slice(0, values.length);

test("every f16 comes back by its bits", () => {
  const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
  const values = fromHalfFloats(all);
  const back = halvesOf([...values]);
  const isNaN = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
  expect(all.findIndex((bits) => (isNaN(bits) ? !Number.isNaN(values[bits]!) : back[bits] !== bits))).toBe(-1);
});

test("values that are no f16 go to the nearest, and to the even one of two", () => {
  // Exact values of the format: 1 + 2⁻¹¹ lies between 1 and 1 + 2⁻¹⁰, 2⁻²⁵ between 0 and the least one.
  const cases: [number, number][] = [
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [2 ** -25, 0],
    [2 ** -25 * 1.001, 2 ** -24],
    [3 * 2 ** -25, 2 ** -23],
    [2 ** -14 - 2 ** -26, 2 ** -14],
    [65_519, 65_504],
    [65_520, Number.POSITIVE_INFINITY],
    [-1e9, Number.NEGATIVE_INFINITY],
    [1e-9, 0],
    [2047.9, 2048],
  ];
  for (const [value, wanted] of cases) {
    const [got] = fromHalfFloats(Uint16Array.from(halvesOf([value])));
    expect(got, String(value)).toBe(wanted);
  }
  const uniform = createUniform(11);
  for (let index = 0; index < 20_000; index++) {
    const value = Math.fround((2 * uniform() - 1) * 2 ** (40 * uniform() - 25));
    if (Math.abs(value) > 65_504) continue;
    const [bits] = halvesOf([value]) as [number];
    const [below, got, above] = fromHalfFloats(Uint16Array.of(bits - 1, bits, bits + 1)) as unknown as number[];
    const distance = Math.abs(value - got!);
    const neighbours = (bits & 0x7fff) === 0 || (bits & 0x7fff) === 0x7bff ? [] : [below!, above!];
    expect(
      neighbours.every((other) => distance <= Math.abs(value - other)),
      String(value),
    ).toBe(true);
  }
});
