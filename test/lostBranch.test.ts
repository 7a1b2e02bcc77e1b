// Branches that lose pass no gradient, whatever the slope behind them: right values are PyTorch's.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { StrategyName } from "../src/backend/executor.ts";
import type { Device } from "../src/backend/device.ts";
import { acquire, dense, network, sgd } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import * as t from "../src/tensor.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const shared = shareDevice();
const places = [
  { name: "device", open: async (): Promise<Device> => shared() },
  { name: "cpu", open: () => acquire({ device: "reference" }) },
];
const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;

/** Values, slopes and slopes of the slopes of what is summed up, at every entry of x. */
function derivativesOf(device: Device, f: (x: t.Tensor) => t.Tensor, at: readonly number[], shape = [at.length]) {
  const first = (x: t.Tensor): t.Tensor => t.sum(f(x));
  const second = (x: t.Tensor): t.Tensor => t.sum(t.grad(first)(x));
  return t.tidy(() => {
    const x = t.tensor(device, at, shape);
    return [f(x), t.grad(first)(x), t.grad(second)(x)];
  });
}

async function readAll(tensors: readonly t.Tensor[]): Promise<number[][]> {
  const values = await Promise.all(tensors.map((each) => each.read()));
  t.dispose(tensors);
  return values.map((each) => [...each]);
}

/** x where it is positive, else a constant at which what follows has an infinite slope. */
const clamps: Record<string, (x: t.Tensor) => t.Tensor> = {
  relu: t.relu,
  maximum: (x) => t.maximum(x, 0),
  "maximum, the other way round": (x) => t.maximum(0, x),
  minimum: (x) => t.negate(t.minimum(t.negate(x), 0)),
  where: (x) => t.where(t.greater(x, 0), x, 0),
  "where, the other way round": (x) => t.where(t.greater(0, x), 0, x),
  "elu of where": (x) => t.elu(t.where(t.greater(x, 0), x, 0)),
  "max with 0": (x) => t.max(t.concat([t.reshape(x, [-1, 1]), t.zeros(x.device, [x.size, 1])], 1), 1),
};

/** Functions whose slope is infinite at 0, and their slopes, and the slopes of these. */
const outer: Record<string, [(y: t.Tensor) => t.Tensor, (y: number) => number, (y: number) => number]> = {
  sqrt: [t.sqrt, (y) => 0.5 / Math.sqrt(y), (y) => -0.25 * y ** -1.5],
  log: [t.log, (y) => 1 / y, (y) => -1 / y ** 2],
  "power 1/2.4": [
    (y) => t.power(y, 1 / 2.4),
    (y) => y ** (-1.4 / 2.4) / 2.4,
    (y) => (-1.4 / 2.4 ** 2) * y ** (-3.8 / 2.4),
  ],
  "power −1": [(y) => t.power(y, -1), (y) => -1 / y ** 2, (y) => 2 / y ** 3],
};

for (const { name, open } of places) {
  test(`${name}: any mask, before every function with an infinite slope`, async () => {
    const device = await open();
    const magnitude = fc.double({ min: 0.1, max: 4, noNaN: true }).map(Math.fround);
    const values = fc.array(fc.tuple(magnitude, fc.boolean()), { minLength: 8, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(...Object.keys(clamps)), async (signed, clamp) => {
        const at = signed.map(([size, isNegative]) => (isNegative ? -size : size));
        for (const [outside, [f, slope, bend]] of Object.entries(outer)) {
          const results = derivativesOf(device, (x) => f(clamps[clamp]!(x)), at);
          const [, first, second] = await readAll(results);
          for (const [index, x] of at.entries()) {
            const text = `${outside} of ${clamp} at ${x}`;
            const [wanted, wantedBend] = x > 0 ? [slope(x), bend(x)] : [0, 0];
            expect(Math.abs(first![index]! - wanted), text).toBeLessThanOrEqual(1e-5 * Math.abs(wanted));
            expect(Math.abs(second![index]! - wantedBend), text).toBeLessThanOrEqual(1e-5 * Math.abs(wantedBend));
          }
        }
      }),
      { numRuns: 10 },
    );
  });

  test(`${name}: at the kink, in rows, and of what has no slope`, async () => {
    const device = await open();
    const cases: [string, (x: t.Tensor) => t.Tensor, number[], number[]][] = [
      // PyTorch 2: relu and its like take 0 at 0; maximum shares, so that half of infinity is left
      ["sqrt(relu)", (x) => t.sqrt(t.relu(x)), [-1, 0, 4], [0, 0, 0.25]],
      ["log(relu)", (x) => t.log(t.relu(x)), [-1, 0, 4], [0, 0, 0.25]],
      ["sqrt(maximum(x, 0))", (x) => t.sqrt(t.maximum(x, 0)), [-1, 0, 4], [0, infinity, 0.25]],
      ["sqrt(max(row))", (x) => t.sqrt(t.max(x)), [-1, 0, -3], [0, infinity, 0]],
      ["sqrt(max(rows))", (x) => t.sqrt(t.max(t.reshape(x, [2, 2]), 1)), [-1, 0, 4, 3], [0, infinity, 0.25, 0]],
      ["sqrt(absolute)", (x) => t.sqrt(t.absolute(x)), [-4, 0, 4], [-0.25, 0, 0.25]],
      ["sqrt of power 0 less 1", (x) => t.sqrt(t.subtract(t.power(x, 0), 1)), [-4, 0.5], [0, 0]],
      ["where of infinite values", (x) => t.where(t.greater(x, 0), t.multiply(x, 2), infinity), [-1, 3], [0, 2]],
      // What is not taken gets a gradient of 0; 0 times the infinite slope of what it was made of is NaN, as in PyTorch.
      ["where of a log", (x) => t.where(t.greater(x, 0), t.log(x), 0), [-1, 0, 4], [-0, nan, 0.25]],
      ["log of where", (x) => t.log(t.where(t.greater(x, 0), x, 1)), [-1, 0, 4], [0, 0, 0.25]],
    ];
    for (const [text, f, at, wanted] of cases) {
      const [, gradient] = await readAll(derivativesOf(device, f, at));
      expect(
        gradient!.map((value) => value + 0),
        text,
      ).toEqual(wanted.map((value) => value + 0));
    }
  });

  test(`${name}: where takes numbers, repeats operands, and takes every value but 0 for true`, async () => {
    const device = await open();
    const results = t.tidy(() => {
      const condition = t.tensor(device, [1, 0, -0.5, 0], [2, 2]);
      const row = t.tensor(device, [10, 20], [2]);
      const column = t.tensor(device, [1, 2], [2, 1]);
      const weights = t.tensor(device, [1, 2, 3, 4], [2, 2]);
      const f = (a: t.Tensor, b: t.Tensor): t.Tensor => t.sum(t.multiply(weights, t.where(condition, a, b)));
      return [
        t.where(condition, row, column),
        t.where(condition, 7, row),
        t.where(condition, 1, 2),
        t.where(t.tensor(device, [0, 1, 0]), t.tensor(device, [[3]].flat(), [1, 1]), nan),
        ...t.grad(f, [0, 1])(row, column),
        t.grad((c: t.Tensor) => t.sum(t.where(c, row, column)))(condition),
      ];
    });
    const shapes = results.map(({ shape }) => shape);
    expect(shapes).toEqual([[2, 2], [2, 2], [2, 2], [1, 3], [2], [2, 1], [2, 2]]);
    expect(await readAll(results)).toEqual([
      [10, 1, 10, 2],
      [7, 20, 7, 20],
      [1, 2, 1, 2],
      [nan, 3, nan],
      [4, 0],
      [2, 4],
      [0, 0, 0, 0],
    ]);
    expect(() => t.where(1 as never, 2, 3)).toThrow(/where: condition.*tensor/s);
  });
}

const strategies = [
  "layered",
  "members",
  "subgroups",
  "groups",
  "samples",
  "tiles",
] as const satisfies readonly StrategyName[];
const net = network({ inputs: 1, layers: [dense(3, "relu"), dense(1)], loss: "squaredError" });

test.each(strategies)(
  "%s: a dead relu passes nothing, even where the gradient by its output is infinite",
  async (strategy) => {
    // Units 1 and 2 are dead at x = 1; behind them are weights at which dOutput · weight overflows.
    const initial = Float32Array.of(-1, 0, 0.5, 0, 0, 0.25, 3e38, -3e38, 2, 0.5);
    const data = { inputs: Float32Array.of(1), targets: Float32Array.of(-100) };
    const results = [];
    for (const executor of [await GpuExecutor.create(shared(), net, 1), new ReferenceExecutor(net, 1)]) {
      executor.writeParameters(initial);
      const optimizer = sgd({ learningRate: 1e-3 });
      const run = await executor.createRun({ data, optimizer, batchSize: 1, shuffle: false, seed: 1, strategy });
      await run.execute(0, 1);
      run.dispose();
      results.push([...(await executor.readParameters())]);
      executor.dispose();
    }
    const [own, wanted] = results as [number[], number[]];
    expect(own.slice(0, 2)).toEqual([-1, 0]);
    for (const [at, value] of wanted.entries()) expect(own[at]! / (value || 1), `${at}`).toBeCloseTo(value && 1, 5);
  },
);
