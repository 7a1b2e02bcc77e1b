// Sine and its slope for every f32: in kernels of tensors, and in networks on every strategy.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { FloatArray, StrategyName } from "../src/backend/executor.ts";
import { adam, createModel, dense, network, sgd } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { activateDerivative, dispose, grad, sine, sum, type Tensor, tensor } from "../src/tensor.ts";
import { createUniform } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const strategies = [
  "layered",
  "members",
  "subgroups",
  "groups",
  "samples",
  "tiles",
] as const satisfies readonly StrategyName[];

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);
const floatOf = (word: number): number => {
  bits[0] = word;
  return float[0]!;
};

/** Distance of the f32 values around one; that of the smallest normal ones below them. */
const ulpOf = (value: number): number => {
  float[0] = Math.abs(value);
  return 2 ** (Math.max(1, bits[0]! >>> 23) - 150);
};

/** What shaders/scalar.wgsl says; f32 that are not normal may be 0. */
const boundOf = (x: number, value: number): number => 2 ** -126 + (Math.abs(x) < 16_384 ? 2.5 * ulpOf(value) : 3e-7);

const infinityBits = 0x7f800000;
const count = 2 ** 18;
/** Every power of two, with its neighbours. */
const powers = Array.from({ length: 254 }, (_, at) => (at + 1) << 23).flatMap((word) => [word - 1, word, word + 1]);
const spread = Array.from({ length: count / 2 }, (_, at) => 1 + Math.floor((at * (infinityBits - 2)) / (count / 2)));
const uniform = createUniform(31);
const anywhere = Array.from({ length: count / 8 }, () => 1 + Math.floor(uniform() * (infinityBits - 2)));

/** Next to multiples of π/2, where the reduction cancels most; up to 2⁵², where float64 still tells them apart. */
const nearQuarterTurns = Array.from({ length: count / 4 }, (_, at) => {
  const quarters = at < 40_000 ? at : Math.round(2 ** (15 + uniform() * 37));
  return Math.fround(quarters * (Math.PI / 2));
});
/** 16367173 · 2⁷² is next to a multiple of π/2 as no other large f32 is (J.-M. Muller, Elementary Functions, 11.3). */
const hardest = 16_367_173 * 2 ** 72;
const words = [...powers, ...spread, ...anywhere, 0x46800000, 0x467fffff];
const magnitudes = [0, ...words.map(floatOf), ...nearQuarterTurns, hardest];
const grid = Float32Array.from(magnitudes.flatMap((x) => [x, -x]));

/** Throws at the worst point unless every value keeps its bound. @returns the worst, in bounds */
function worstOf(name: string, inputs: ArrayLike<number>, got: FloatArray, right: (x: number) => number): number {
  let [worst, at] = [0, 0];
  for (const [index, own] of got.entries()) {
    const [x, wanted] = [inputs[index]!, right(inputs[index]!)];
    const ratio = Math.abs(own) <= 1 ? Math.abs(own - wanted) / boundOf(x, wanted) : Infinity;
    if (ratio > worst) [worst, at] = [ratio, index];
  }
  const text = `${name} of ${inputs[at]} is ${got[at]}, not ${right(inputs[at]!)}: ${worst} times the bound`;
  expect(worst <= 1 ? "" : text).toBe("");
  return worst;
}

/** Sine, its slope, and its gradient, which takes another kernel. */
async function check(values: Float32Array): Promise<number[]> {
  const x = tensor(device(), values);
  const results = [sine(x), activateDerivative("sine", x), grad((at: Tensor) => sum(sine(at)))(x)];
  const [sines, slopes, gradients] = (await Promise.all(results.map((result) => result.read()))) as [
    FloatArray,
    FloatArray,
    FloatArray,
  ];
  dispose([x, results]);
  expect(gradients).toEqual(slopes);
  return [worstOf("sine", values, sines, Math.sin), worstOf("its slope", values, slopes, Math.cos)];
}

test("every power of two, f32 of the whole range, and next to multiples of π/2", async () => {
  const [value, slope] = await check(grid);
  console.log(`${grid.length} values: sine ${value!.toFixed(3)}, slope ${slope!.toFixed(3)} of its bound`);
});

test("any f32", async () => {
  const anyFloat = fc.float({ noNaN: true, noDefaultInfinity: true });
  await fc.assert(
    fc.asyncProperty(fc.array(anyFloat, { minLength: 64, maxLength: 256 }), async (values) => {
      await check(Float32Array.from(values));
    }),
    { numRuns: 60 },
  );
});

/** x → two sines → linear, at weights that f32 has exactly, so that angles of any size are those of float64. */
const net = network({ inputs: 1, layers: [dense(2, "sine"), dense(1)], loss: "squaredError" });
const initial = Float32Array.of(1, -2, 0, 0, 0.5, 0.25, 0.125);
const large = Float32Array.of(
  1e9,
  -1e9,
  1e5,
  2e5,
  1e38,
  -1e30,
  16_384,
  2 ** 40,
  16_383.5,
  7,
  -0.5,
  0,
  1e7,
  1e8,
  12_345,
  3,
);
const rows = large.length;
const largeTargets = Float32Array.from(large, (_, row) => (row % 3) - 1);

for (const strategy of strategies) {
  test(`${strategy}: a step at inputs up to 1e38 is that of float64`, async () => {
    const data = { inputs: large, targets: largeTargets };
    const results = [];
    for (const executor of [await GpuExecutor.create(device(), net, 1), new ReferenceExecutor(net, 1)]) {
      executor.writeParameters(initial);
      const optimizer = sgd({ learningRate: 1e-30 });
      const run = await executor.createRun({ data, optimizer, batchSize: rows, shuffle: false, seed: 1, strategy });
      await run.execute(0, 1);
      const losses = await run.readLosses(0, 1);
      run.dispose();
      results.push([losses[0]!, ...(await executor.readParameters())]);
      executor.dispose();
    }
    const [own, wanted] = results as [number[], number[]];
    for (const [at, value] of wanted.entries()) {
      expect(Math.abs(own[at]! - value), `${at}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
    }
  });

  test(`${strategy}: training on large inputs does not diverge`, async () => {
    const data = { inputs: large.map((x) => Math.max(-1e9, Math.min(1e9, x))), targets: largeTargets };
    using model = await createModel(net, { device: device(), seed: 3 });
    await model.fit(data, { optimizer: adam({ learningRate: 1e-3 }), steps: 50, strategy });
    const outputs = await model.predict(data.inputs);
    expect(outputs.every((value) => Math.abs(value) < 10)).toBe(true);
  });
}
