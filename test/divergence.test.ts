// What a diverged training names as its cause.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { float32Limit, update } from "../src/backend/cpu/update.ts";
import { type Optimizer, acquire, adam, adamW, createModel, dense, network, rmsProp, sgd } from "../src/index.ts";
import { divergenceRemedy, mostDecay } from "../src/model/divergence.ts";

const settingsOf = (optimizer: Optimizer, scale = 1, more: object = {}) => ({
  data: { inputs: Float32Array.of(scale, -1), targets: Float32Array.of(1, 0) },
  optimizer,
  batchSize: 2,
  shuffle: true,
  seed: 1,
  ...more,
});

/** Size of a parameter that only decay acts on, after many steps from 1. */
function sizeAfterDecay(optimizer: Optimizer): number {
  const parameters = Float64Array.of(1);
  const moments = [new Float64Array(1), new Float64Array(1)] as const;
  for (let step = 0; step < 3000; step++) {
    update({ optimizer, step, gradients: new Float64Array(1), parameters, moments });
    if (Math.abs(parameters[0]!) > 1e6) break;
  }
  return Math.abs(parameters[0]!);
}

test("the bound of decay is where the steps of the reference begin to grow", () => {
  const makers = [
    (weightDecay: number) => adamW({ learningRate: 1, weightDecay }),
    (weightDecay: number, momentum: number) => sgd({ learningRate: 1, weightDecay, momentum }),
    (weightDecay: number, momentum: number) => sgd({ learningRate: 1, weightDecay, momentum, nesterov: momentum > 0 }),
  ];
  const momenta = fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 0.95, noNaN: true }));
  fc.assert(
    fc.property(fc.constantFrom(...makers), momenta, (make, momentum) => {
      const most = mostDecay(make(1, momentum));
      expect(sizeAfterDecay(make(most * 1.02, momentum))).toBeGreaterThan(100);
      expect(sizeAfterDecay(make(most * 0.98, momentum))).toBeLessThan(1e-3);
    }),
  );
});

describe("the remedy names", () => {
  test.each<[string, Optimizer, number, RegExp]>([
    ["the rate", sgd({ learningRate: 3 }), 1, /^lower learningRate \(it is 3\)$/],
    ["decay", sgd({ learningRate: 0.1, weightDecay: 100 }), 1, /^lower weightDecay \(it is 100\): .* below 20$/],
    ["decay of adamW", adamW({ learningRate: 0.01, weightDecay: 1000 }), 1, /^lower weightDecay .* below 200$/],
    ["decay with momentum", sgd({ learningRate: 0.1, weightDecay: 50, momentum: 0.9 }), 1, /^lower weightDecay .* 38$/],
    ["decay that overflows", adam({ weightDecay: 1e25 }), 1, /^lower weightDecay \(it is 1e\+25\): .*overflow$/],
    ["rate and decay", sgd({ learningRate: 0.1, weightDecay: 8 }), 1, /^lower learningRate .* or weightDecay \(8\)$/],
    ["not decay, by which adam divides", adam({ learningRate: 1, weightDecay: 1 }), 1, /^lower learningRate/],
    ["momentum", sgd({ momentum: 0.99 }), 1, /^lower learningRate .* or momentum \(0\.99, .* 100 times as long\)$/],
    ["momentum of rmsProp", rmsProp({ momentum: 0.95 }), 1, /or momentum \(0\.95, .* 20 times/],
    ["the inputs", sgd(), 4_200_000, /^standardise the inputs \(they reach 4200000\), or lower learningRate/],
  ])("%s", (_, optimizer, scale, remedy) => {
    expect(divergenceRemedy(settingsOf(optimizer, scale), 1)).toMatch(remedy);
  });

  test("the settings of all members", () => {
    const own = (weightDecay: number[]) => ({ perMember: { learningRate: [0.1, 1], weightDecay } });
    expect(divergenceRemedy(settingsOf(sgd(), 1, own([100, 50])), 2)).toMatch(
      /^lower weightDecay \(it is from 50 to 100\): .* below 2$/,
    );
    expect(divergenceRemedy(settingsOf(sgd(), 1, own([100, 0])), 2)).toBe("lower learningRate (it is from 0.1 to 1)");
  });
});

test("a training that decay alone makes diverge reports it", async () => {
  const device = await acquire({ device: "reference" });
  const net = network({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError" });
  const model = await createModel(net, { device, seed: 1 });
  const data = { inputs: Float32Array.of(1, -1), targets: Float32Array.of(1, -1) };
  const fit = (weightDecay: number) =>
    model.fit(data, { optimizer: sgd({ learningRate: 0.1, weightDecay }), steps: 3000 });
  await expect(fit(100)).rejects.toThrow(
    /training diverged; lower weightDecay \(it is 100\): .* unless it is below 20/,
  );
  await fit(15);
});

test("the reference has diverged in the step in which a value leaves f32", async () => {
  const device = await acquire({ device: "reference" });
  const net = network({ inputs: 1, layers: [dense(1)], loss: "meanSquaredError" });
  const data = { inputs: Float32Array.of(1, -1), targets: Float32Array.of(1, -1) };
  const makers = [
    (learningRate: number) => sgd({ learningRate }),
    (learningRate: number) => sgd({ learningRate, momentum: 0.9 }),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...makers), fc.double({ min: 3, max: 1e6, noNaN: true }), async (make, rate) => {
      const model = await createModel(net, { device, seed: 1 });
      await expect(model.fit(data, { optimizer: make(rate), steps: 3000 })).rejects.toThrow(
        /training diverged; lower learningRate/,
      );
      const parameters = await model.readParameters();
      expect(parameters.every((value) => Number.isFinite(Math.fround(value)))).toBe(true);
      model.dispose();
    }),
    { numRuns: 20 },
  );
});

test("update says that a value does not fit f32, and leaves its parameter as it was", () => {
  const moments = () => [new Float64Array(2), new Float64Array(2)] as const;
  const step = (optimizer: Optimizer, gradient: number) => {
    const parameters = Float64Array.of(2, 2);
    const isFinite = update({
      optimizer,
      step: 0,
      gradients: Float64Array.of(gradient, 0),
      parameters,
      moments: moments(),
      limit: float32Limit,
    });
    return { isFinite, parameters: [...parameters] };
  };
  expect(step(sgd({ learningRate: 1 }), 3e38).isFinite).toBe(true);
  expect(step(sgd({ learningRate: 1 }), 4e38)).toEqual({ isFinite: false, parameters: [2, 2] });
  expect(step(sgd({ learningRate: 100 }), 1e37)).toEqual({ isFinite: false, parameters: [2, 2] });
  expect(step(adam(), 1e22).isFinite).toBe(false); // its square
});
