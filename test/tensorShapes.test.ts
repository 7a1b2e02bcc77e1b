// Shapes: operations over sizes of 0, of 1 and odd ones, repeated on either side, against arrays written out in float64.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Device } from "../src/backend/device.ts";
import { acquire } from "../src/index.ts";
import type { Shape } from "../src/backend/shape.ts";
import * as t from "../src/tensor.ts";
import { coordinatesOf, groupsOf, valueAt } from "./support/arrays.ts";
import { roundoff, sumBound } from "./support/compare.ts";
import { randomFloats } from "./support/random.ts";
import { cases } from "./support/shapes.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();

const sizes = fc.constantFrom(0, 1, 1, 2, 3, 5, 7);
const shapes = fc.array(sizes, { maxLength: 4 });
const count = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Two shapes that fit: each size of either may be 1 instead, and leading ones may be missing. */
const shapePairs = shapes.chain((shape) =>
  fc
    .tuple(
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.nat({ max: shape.length }),
      fc.boolean(),
    )
    .map(([onesA, onesB, missing, isA]) => {
      const a = shape.map((size, axis) => (onesA[axis] && !onesB[axis] ? 1 : size));
      const b = shape.map((size, axis) => (onesB[axis] ? 1 : size));
      return isA ? { a: a.slice(missing), b } : { a, b: b.slice(missing) };
    }),
);

/** Runs on the device and on the CPU reference, with what either may be off by. */
const places = [
  { name: "device", open: async (): Promise<Device> => shared(), unit: roundoff },
  { name: "wasm", open: sharedWasm, unit: roundoff },
  { name: "cpu", open: () => acquire({ device: "reference" }), unit: 2 ** -53 },
];

interface Wanted {
  readonly shape: Shape;
  readonly values: readonly number[];
  /** In units of the place's rounding. */
  readonly bounds: readonly number[];
}

async function requireEqual(
  text: string,
  result: t.Tensor,
  { shape, values, bounds }: Wanted,
  unit: number,
): Promise<void> {
  expect(result.shape, text).toEqual(shape);
  const got = await result.read();
  expect(got.length, text).toBe(count(shape));
  for (const [at, value] of values.entries()) {
    const isGood = Math.abs(got[at]! - value) <= unit * bounds[at]! || got[at] === value;
    if (!isGood) expect(`${text}: value ${at} is ${got[at]}`).toBe(`${value} ± ${unit * bounds[at]!}`);
  }
}

/** Calls made for a property are all tidied up; the ledger is looked at behind the last. */
function property(name: string, runs: number, arbitrary: fc.Arbitrary<unknown>, attempt: unknown): void {
  for (const place of places) {
    test(`${place.name}: ${name}`, async () => {
      const device = await place.open();
      const check = attempt as (device: Device, one: unknown, unit: number) => Promise<void>;
      await fc.assert(
        fc.asyncProperty(arbitrary, (one) => check(device, one, place.unit)),
        cases(runs),
      );
      expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
    });
  }
}

const operations = { add: t.add, subtract: t.subtract, multiply: t.multiply, divide: t.divide, maximum: t.maximum };
const reductions = { sum: t.sum, mean: t.mean, max: t.max, logSumExp: t.logSumExp };
const functions = {
  add: (x: number, y: number) => x + y,
  subtract: (x: number, y: number) => x - y,
  multiply: (x: number, y: number) => x * y,
  divide: (x: number, y: number) => x / y,
  maximum: Math.max,
} as const;

const broadcastOf = (a: Shape, b: Shape): number[] => {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, axis: number): number => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
};

property(
  "functions of two tensors follow NumPy's rule, and so do their gradients",
  120,
  fc.record({ pair: shapePairs, name: fc.constantFrom(...(Object.keys(functions) as (keyof typeof functions)[])) }),
  async (
    device: Device,
    { pair: { a, b }, name }: { pair: { a: Shape; b: Shape }; name: keyof typeof functions },
    unit: number,
  ) => {
    const [x, y] = [randomFloats(1, count(a)), randomFloats(2, count(b)).map((value) => value + Math.sign(value))];
    const shape = broadcastOf(a, b);
    const at = coordinatesOf(shape).map((place) => [valueAt(x, a, place), valueAt(y, b, place)] as const);
    const values = at.map(([first, second]) => functions[name](first, second));
    using left = t.tensor(device, x, a);
    using right = t.tensor(device, y, b);
    using result = operations[name](left, right);
    // One rounding; a quotient may be off by 2.5 units in the last place.
    await requireEqual(
      `${name} [${a}] [${b}]`,
      result,
      { shape, values, bounds: values.map((value) => 6 * Math.abs(value)) },
      unit,
    );
    if (name !== "multiply") return;
    // Gradients of Σ x·y: of each, the other one, summed over where it was repeated.
    const gradients = t.grad((first: t.Tensor, second: t.Tensor) => t.sum(t.multiply(first, second)), [0, 1])(
      left,
      right,
    );
    for (const [index, own] of [a, b].entries()) {
      const sums = new Float64Array(count(own));
      const magnitudes = new Float64Array(count(own));
      const numbers = Float64Array.from({ length: count(own) }, (_, number) => number);
      for (const [number, place] of coordinatesOf(shape).entries()) {
        const target = valueAt(numbers, own, place);
        sums[target]! += at[number]![1 - index]!;
        magnitudes[target]! += Math.abs(at[number]![1 - index]!);
      }
      const wanted = {
        shape: own,
        values: [...sums],
        bounds: [...magnitudes].map((each) => sumBound(count(shape), each) / roundoff),
      };
      await requireEqual(`gradient ${index} of [${a}] · [${b}]`, gradients[index]!, wanted, unit);
    }
    t.dispose(gradients);
  },
);

const reduceCases = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray(shape.map((_, axis) => axis)),
    negative: fc.boolean(),
    keepDims: fc.boolean(),
    name: fc.constantFrom("sum", "mean", "max", "logSumExp"),
  }),
);
interface ReduceCase {
  readonly shape: Shape;
  readonly axes: readonly number[];
  readonly negative: boolean;
  readonly keepDims: boolean;
  readonly name: "sum" | "mean" | "max" | "logSumExp";
}

const logSumExp = (values: readonly number[]): number => {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
};
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

property(
  "sum, mean, max and logSumExp over any axes",
  160,
  reduceCases,
  async (device: Device, one: ReduceCase, unit: number) => {
    const { shape, axes, negative, keepDims, name } = one;
    const values = randomFloats(3, count(shape), 50);
    using a = t.tensor(device, values, shape);
    const named = negative ? axes.map((axis) => axis - shape.length) : axes;
    const groups = groupsOf(values, shape, axes);
    if (name !== "sum" && axes.some((axis) => shape[axis] === 0)) {
      expect(() => reductions[name](a, named, { keepDims })).toThrow(`the shape [${shape.join(", ")}]`);
      return;
    }
    const compute = {
      sum: total,
      mean: (group: readonly number[]) => total(group) / group.length,
      max: (group: readonly number[]) => Math.max(...group),
      logSumExp,
    };
    const kept = shape.flatMap((size, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [size]));
    const bounds = groups.map((group) => {
      const magnitude = total(group.map(Math.abs)) / (name === "mean" ? group.length : 1);
      // A logarithm is off by 2⁻²¹ near 1, an exponential by 3 + 2·|x| units, of sums up to the number of values.
      return name === "logSumExp"
        ? 16 + group.length + 2 * Math.max(...group.map(Math.abs))
        : sumBound(group.length, 2 * magnitude) / roundoff;
    });
    using result = reductions[name](a, named, { keepDims });
    await requireEqual(
      `${name} of [${shape}] over [${named}]`,
      result,
      { shape: kept, values: groups.map(compute[name]), bounds },
      unit,
    );
  },
);

const layoutCases = shapes.chain((shape) => {
  const perAxis = (most: (size: number) => fc.Arbitrary<number>) => fc.tuple(...shape.map(most));
  return fc.record({
    shape: fc.constant(shape),
    order: fc.shuffledSubarray(
      shape.map((_, axis) => axis),
      { minLength: shape.length },
    ),
    begin: perAxis((size) => fc.nat({ max: size })),
    length: perAxis((size) => fc.nat({ max: size })),
    before: perAxis(() => fc.nat({ max: 2 })),
    after: perAxis(() => fc.nat({ max: 2 })),
  });
});
interface LayoutCase {
  readonly shape: Shape;
  readonly order: readonly number[];
  readonly begin: readonly number[];
  readonly length: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

property(
  "transpose, slice, pad, concat and reshape move every value to its place",
  120,
  layoutCases,
  async (device: Device, one: LayoutCase) => {
    const { shape, order, begin, before, after } = one;
    const values = randomFloats(4, count(shape));
    const exactly = (result: t.Tensor, wantedShape: Shape, take: (place: number[]) => number) =>
      requireEqual(
        `[${shape}] to [${wantedShape}]`,
        result,
        {
          shape: wantedShape,
          values: coordinatesOf(wantedShape).map(take),
          bounds: coordinatesOf(wantedShape).map(() => 0),
        },
        0,
      );
    using a = t.tensor(device, values, shape);
    using transposed = t.transpose(a, order);
    await exactly(
      transposed,
      order.map((axis) => shape[axis]!),
      (place) =>
        valueAt(
          values,
          shape,
          shape.map((_, axis) => place[order.indexOf(axis)]!),
        ),
    );
    const end = begin.map((start, axis) => Math.min(shape[axis]!, start + one.length[axis]!));
    using sliced = t.slice(a, begin, end);
    await exactly(
      sliced,
      end.map((stop, axis) => stop - begin[axis]!),
      (place) =>
        valueAt(
          values,
          shape,
          place.map((at, axis) => at + begin[axis]!),
        ),
    );
    // A view of a view, as an operand: its place in the buffer is that of both.
    using doubled = t.add(sliced, sliced);
    await exactly(
      doubled,
      sliced.shape,
      (place) =>
        2 *
        valueAt(
          values,
          shape,
          place.map((at, axis) => at + begin[axis]!),
        ),
    );
    using padded = t.pad(a, before, after);
    await exactly(
      padded,
      shape.map((size, axis) => before[axis]! + size + after[axis]!),
      (place) => {
        const own = place.map((at, axis) => at - before[axis]!);
        return own.every((at, axis) => at >= 0 && at < shape[axis]!) ? valueAt(values, shape, own) : 0;
      },
    );
    using line = t.reshape(a, [-1]);
    await exactly(line, [count(shape)], ([at]) => values[at!]!);
    if (shape.length === 0) return;
    using joined = t.concat(
      [a, a, sliced.shape.every((size, axis) => axis === 0 || size === shape[axis]) ? sliced : a],
      0,
    );
    expect(joined.shape.slice(1)).toEqual(shape.slice(1));
    const read = await joined.read();
    expect([...read.subarray(values.length, 2 * values.length)]).toEqual([...values]);
  },
);

const productCases = fc
  .record({ m: sizes, n: sizes, k: sizes, leading: shapePairs, transposeA: fc.boolean(), transposeB: fc.boolean() })
  .filter(({ leading: { a, b } }) => Math.max(a.length, b.length) <= 4);
interface ProductCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly leading: { readonly a: Shape; readonly b: Shape };
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const transposesOf = ({ transposeA, transposeB }: ProductCase): t.TransposeOptions => ({ transposeA, transposeB });

/** A product written out, with the sum of magnitudes. */
function productOf(
  x: Float32Array,
  y: Float32Array,
  one: ProductCase,
): Wanted & { readonly a: Shape; readonly b: Shape } {
  const { m, n, k, leading, transposeA, transposeB } = one;
  const a = [...leading.a, ...(transposeA ? [k, m] : [m, k])];
  const b = [...leading.b, ...(transposeB ? [n, k] : [k, n])];
  const shape = [...broadcastOf(leading.a, leading.b), m, n];
  const terms = coordinatesOf(shape).map((place) => {
    const [outer, row, column] = [place.slice(0, -2), place.at(-2)!, place.at(-1)!];
    return Array.from({ length: k }, (_, i) => {
      const first = valueAt(x, a, [...outer, ...(transposeA ? [i, row] : [row, i])]);
      return first * valueAt(y, b, [...outer, ...(transposeB ? [column, i] : [i, column])]);
    });
  });
  const bounds = terms.map((each) => sumBound(k, total(each.map(Math.abs))) / roundoff);
  return { a, b, shape, values: terms.map(total), bounds };
}

property(
  "matmul repeats leading dimensions on either side, in all transposes, and its gradients sum over them",
  120,
  productCases,
  async (device: Device, one: ProductCase, unit: number) => {
    const { m, n, k, leading } = one;
    const x = randomFloats(5, count(leading.a) * m * k);
    const y = randomFloats(6, count(leading.b) * k * n);
    const wanted = productOf(x, y, one);
    using a = t.tensor(device, x, wanted.a);
    using b = t.tensor(device, y, wanted.b);
    const text = `matmul [${wanted.a}] [${wanted.b}] ${one.transposeA} ${one.transposeB}`;
    using result = t.matmul(a, b, transposesOf(one));
    await requireEqual(text, result, wanted, unit);
    const gradients = t.grad(
      (first: t.Tensor, second: t.Tensor) => t.sum(t.matmul(first, second, transposesOf(one))),
      [0, 1],
    )(a, b);
    // Of Σ a·b by a value of a: the sum of the values of b that it meets.
    for (const [index, own] of [wanted.a, wanted.b].entries()) {
      const sums = new Float64Array(count(own));
      const magnitudes = new Float64Array(count(own));
      const numbers = Float64Array.from({ length: count(own) }, (_, number) => number);
      for (const place of coordinatesOf(wanted.shape)) {
        const [outer, row, column] = [place.slice(0, -2), place.at(-2)!, place.at(-1)!];
        for (let i = 0; i < k; i++) {
          const inA = [...outer, ...(one.transposeA ? [i, row] : [row, i])];
          const inB = [...outer, ...(one.transposeB ? [column, i] : [i, column])];
          const target = valueAt(numbers, own, index === 0 ? inA : inB);
          const other = index === 0 ? valueAt(y, wanted.b, inB) : valueAt(x, wanted.a, inA);
          sums[target]! += other;
          magnitudes[target]! += Math.abs(other);
        }
      }
      const bounds = [...magnitudes].map((each) => sumBound(count(wanted.shape) * k, 2 * each) / roundoff);
      await requireEqual(
        `gradient ${index} of ${text}`,
        gradients[index]!,
        { shape: own, values: [...sums], bounds },
        unit,
      );
    }
    t.dispose(gradients);
  },
);

/** Long reductions are taken in slices, and long dispatches are cut: the device against the CPU reference. */
const longCases: { readonly shape: Shape; readonly axes: readonly number[] }[] = [
  { shape: [513], axes: [0] },
  { shape: [3, 100_003], axes: [1] },
  { shape: [5001, 7], axes: [0] },
  { shape: [37, 5, 41], axes: [0, 2] },
  { shape: [1 << 20], axes: [0] },
];

const longCasesOf = places.slice(0, 2).flatMap((place) => longCases.map((one) => ({ ...place, ...one })));

test.each(longCasesOf)("$name: reductions of $shape over $axes keep their bounds", async ({ open, shape, axes }) => {
  const [cpu, device] = [await acquire({ device: "reference" }), await open()];
  const values = randomFloats(7, count(shape), 3);
  const reduced = axes.reduce((product, axis) => product * shape[axis]!, 1);
  using own = t.tensor(device, values, shape);
  using truth = t.tensor(cpu, values, shape);
  for (const name of ["sum", "mean", "max", "logSumExp"] as const) {
    using result = reductions[name](own, axes);
    using wanted = reductions[name](truth, axes);
    const magnitude = { sum: 3 * reduced, mean: 3, max: 0, logSumExp: 0 }[name];
    // log Σ exp: an exponential is off by 3 + 2·6 units, sums in blocks by far fewer than their length.
    const bound = name === "logSumExp" ? 64 * roundoff * Math.log(reduced) : sumBound(reduced, magnitude);
    const [got, exact] = [await result.read(), await wanted.read()];
    const worst = Math.max(...exact.map((value, at) => Math.abs(value - got[at]!)));
    expect(worst, `${name} of [${shape}] over [${axes}]`).toBeLessThanOrEqual(bound);
  }
});

test.each(places.slice(0, 2))(
  "$name: more values than one dispatch takes: by operations, and by workgroups of one dimension",
  async ({ open }) => {
    const device = await open();
    const length = 3_000_001;
    using a = t.tensor(device, randomFloats(8, length));
    using doubled = t.multiply(a, 2);
    const [before, after] = [await a.read(), await doubled.read()];
    expect(after.findIndex((value, at) => value !== 2 * before[at]!)).toBe(-1);
    const width = 2100; // 4.4 million values: more than 65,535 workgroups of 64
    using column = t.tensor(device, randomFloats(9, width), [width, 1]);
    using row = t.tensor(device, randomFloats(10, width), [1, width]);
    using product = t.matmul(column, row);
    const [x, y, outer] = [await column.read(), await row.read(), await product.read()];
    const isWrong = (value: number, at: number): boolean =>
      value !== Math.fround(x[Math.floor(at / width)]! * y[at % width]!);
    expect(outer.findIndex(isWrong)).toBe(-1);
  },
);
