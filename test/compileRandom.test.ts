import { describe, expect, test } from "vitest";
import type { Device } from "../src/index.ts";
import { acquire, Disposed } from "../src/index.ts";
import {
  add,
  compile,
  concat,
  divide,
  dispose,
  grad,
  greater,
  logSumExp,
  matmul,
  max,
  mean,
  multiply,
  ones,
  reshape,
  silu,
  slice,
  softmax,
  sqrt,
  square,
  subtract,
  sum,
  tanh,
  type Tensor,
  tensor,
  tidy,
  transpose,
  where,
} from "../src/tensor.ts";
import { shareOf } from "./support/share.ts";
import { createUniform } from "./support/random.ts";
import { largestDifference } from "./support/compare.ts";

/** A random function of a matrix, a row, a column and a square matrix, with several results. */
function randomFunction(seed: number): (x: Tensor, row: Tensor, column: Tensor, square: Tensor) => Tensor[] {
  return (x, row, column, weights) => {
    const uniform = createUniform(seed);
    const below = (count: number): number => Math.floor(uniform() * count);
    const whole = [x];
    const pick = (): Tensor => whole[below(whole.length)]!;
    const kept = { keepDims: true };
    const steps: ((a: Tensor, b: Tensor) => Tensor)[] = [
      (a, b) => add(a, b),
      (a, b) => multiply(a, tanh(b)),
      (a) => subtract(a, mean(a, -1, kept)),
      (a) => add(a, sum(tanh(a), 0, kept)),
      (a) => multiply(silu(a), row),
      (a) => add(a, column),
      (a) => divide(a, sqrt(add(mean(square(a), -1, kept), 1))),
      (a) => subtract(a, max(a, -1, kept)),
      (a, b) => where(greater(a, b), a, multiply(b, 0.5)),
      (a) => tanh(matmul(a, weights)),
      (a) => softmax(a),
      (a) => transpose(transpose(a)),
      (a) => concat([slice(a, [0, 1]), slice(a, [0, 0], [a.shape[0]!, 1])], 1),
      (a) => reshape(tanh(reshape(a, [-1])), a.shape),
      (a) => add(a, mean(a)),
      (a) => multiply(a, max(tanh(a), 0, kept)),
      (a) => add(a, logSumExp(a, -1, kept)),
    ];
    for (let count = 3 + below(9); count > 0; count--) whole.push(steps[below(steps.length)]!(pick(), pick()));
    const last = whole.at(-1)!;
    return [last, pick(), mean(square(last)), sum(pick(), 0)];
  };
}

function matrices(device: Device, seed: number, rows: number, columns: number) {
  const uniform = createUniform(seed + 1);
  const of = (...shape: number[]): Tensor =>
    tensor(
      device,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * uniform() - 1),
      shape,
    );
  return [of(rows, columns), of(columns), of(rows, 1), of(columns, columns)] as const;
}

const sizes = [
  [5, 4],
  [7, 130],
  [1, 9],
  [70, 3],
  [64, 64],
] as const;

/** The results of a random function, or its gradients, by one call or by the second call of what was compiled. */
async function resultsOf(
  device: Device,
  seed: number,
  isCompiled: boolean,
  isDerived: boolean,
): Promise<Float64Array[]> {
  const f = randomFunction(seed);
  const loss = (x: Tensor, row: Tensor, column: Tensor, weights: Tensor): Tensor => f(x, row, column, weights)[2]!;
  const own: typeof f = isDerived ? grad(loss, [0, 1, 2, 3]) : f;
  const once = await compile(own);
  const [rows, columns] = sizes[seed % sizes.length]!;
  const inputs = matrices(device, seed, rows, columns);
  const results = tidy(() => (isCompiled ? (once(...inputs), once(...inputs)) : own(...inputs)));
  const values = await Promise.all(results.map(async (one) => Float64Array.from(await one.read())));
  dispose({ results, inputs: [...inputs] });
  once.dispose();
  return values;
}

describe("random functions and their gradients are what they are without compiling", () => {
  test.each(["reference", "wasm", "software"] as const)("on %s", { timeout: 300_000 }, async (kind) => {
    const device = await acquire({ device: kind });
    const reference = await acquire({ device: "reference" });
    for (let seed = 1; seed <= shareOf(30); seed++) {
      for (const isDerived of [false, true]) {
        const wanted = await resultsOf(reference, seed, false, isDerived);
        const got = await resultsOf(device, seed, true, isDerived);
        const deviations = got.map(
          (one, at) => largestDifference(one, wanted[at]!) / Math.max(1e-2, ...wanted[at]!.map(Math.abs)),
        );
        const bound = kind === "reference" ? 1e-12 : 2e-4;
        expect([seed, isDerived, deviations.map((one) => one < bound)], String(deviations)).toEqual([
          seed,
          isDerived,
          deviations.map(() => true),
        ]);
      }
    }
    device.dispose();
    reference.dispose();
  });
});

describe("what is traced", () => {
  const onDevice = (work: (device: Device) => Promise<void>) => async () => {
    const device = await acquire({ device: "software" });
    await work(device);
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
    device.dispose();
  };

  test(
    "results may be arguments, what is from around it, constants, and views of one value",
    onDevice(async (device) => {
      const outside = tensor(device, [7, 8]);
      const f = await compile((a: Tensor) => {
        const sum = add(a, outside);
        return { a, outside, ones: ones(device, [2]), sum, column: reshape(sum, [2, 1]), twice: [sum] };
      });
      const a = tensor(device, [1, 2]);
      for (let call = 0; call < 3; call++) {
        const result = f(a);
        expect(result.column.shape).toEqual([2, 1]);
        const tensors = [result.a, result.outside, result.ones, result.sum, result.column, result.twice[0] as Tensor];
        const values = await Promise.all(tensors.map(async (one) => [...(await one.read())]));
        expect(values).toEqual([
          [1, 2],
          [7, 8],
          [1, 1],
          [8, 10],
          [8, 10],
          [8, 10],
        ]);
        dispose(tensors);
      }
      outside.dispose(); // the program holds it
      const last = f(a);
      expect([...(await last.sum.read())]).toEqual([8, 10]);
      dispose(last);
      f.dispose();
      a.dispose();
    }),
  );

  test(
    "donated arguments are used up; those that somebody else holds keep their values",
    onDevice(async (device) => {
      const f = await compile((a: Tensor, b: Tensor) => add(multiply(a, 2), b), { donate: [0] });
      const [a, b] = [tensor(device, [1, 2]), tensor(device, [10, 20])];
      const first = f(a, b);
      expect([...(await first.read())]).toEqual([12, 24]);
      await expect(a.read()).rejects.toThrow(Disposed);
      const view = reshape(first, [2, 1]);
      const second = f(first, b);
      expect([...(await second.read()), ...(await view.read())]).toEqual([34, 68, 12, 24]);
      const third = f(second, second);
      expect([...(await third.read())]).toEqual([102, 204]);
      dispose([b, view, third]);
      f.dispose();
    }),
  );

  test(
    "within grad and within another compiled function it is the function itself",
    onDevice(async (device) => {
      const inner = await compile((a: Tensor) => sum(square(a)));
      const a = tensor(device, [1, 2, 3]);
      const gradient = grad(inner)(a);
      expect([...(await gradient.read())]).toEqual([2, 4, 6]);
      const outer = await compile((own: Tensor) => add(inner(own), 1));
      const value = outer(a);
      expect(await value.item()).toBe(15);
      dispose([a, gradient, value]);
      for (const f of [inner, outer]) f.dispose();
    }),
  );
});
