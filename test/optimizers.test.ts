// The optimizers that came with the trainer's goldens: against PyTorch's float64 runs on every machine, and NAdam and the options that no
// run has against PyTorch's algorithms written out.

import { describe, expect, test } from "vitest";
import { update } from "../src/backend/cpu/update.ts";
import {
  acquire,
  adadelta,
  adagrad,
  adamax,
  createModel,
  createOptimizer,
  type Device,
  hyperParameterDefaults,
  nadam,
  type Optimizer,
  optimizerNames,
} from "../src/index.ts";
import { initialMoments } from "../src/backend/cpu/update.ts";
import { updateValuesOf } from "../src/math/updateValues.ts";
import { relativeDistance } from "./support/compare.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainerGolden } from "./support/trainerGoldens.ts";

const gpu = shareDevice();
const [reference, wasm] = [await acquire({ device: "reference" }), await acquire({ device: "wasm" })];

async function train(name: string, device: Device, strategy: "auto" | "members" | "layered") {
  const golden = trainerGolden(name);
  const { data, network, steps, batchSize } = golden;
  using model = await createModel(network, { device, parameters: Float64Array.from(golden.initialParameters) });
  const losses: number[] = [];
  const optimizer = golden.createOptimizer();
  for await (const event of model.train(data, { optimizer, steps, batchSize, strategy })) losses.push(...event.losses);
  return {
    losses: relativeDistance(losses, golden.losses),
    parameters: relativeDistance(await model.readParameters(), golden.finalParameters),
  };
}

describe.each(["adagrad", "adadelta", "adamax", "lion"])("%s", (name) => {
  test.each([
    ["the CPU reference", () => reference, "auto", 1e-9],
    ["WebAssembly", () => wasm, "auto", 1e-4],
    ["WebGPU", gpu, "members", 1e-4],
  ] as const)("%s follows PyTorch's float64 run", async (_, device, strategy, bound) => {
    const { losses, parameters } = await train(name, device(), strategy);
    expect(losses).toBeLessThanOrEqual(bound);
    expect(parameters).toBeLessThanOrEqual(bound);
  });
});

/** Parameters after steps with gradients, by the reference's update. */
function updated(optimizer: Optimizer, parameters: Float64Array, gradients: readonly Float64Array[]): Float64Array {
  const own = parameters.slice();
  const moments = initialMoments(optimizer, own);
  gradients.forEach((gradient, step) => update({ optimizer, step, gradients: gradient, parameters: own, moments }));
  return own;
}

/** One parameter, step after step: PyTorch's algorithm, with variables of its own. @returns the new parameter */
type Algorithm = () => (parameter: number, gradient: number, step: number) => number;

const nadamBy =
  ({ learningRate: rate, weightDecay, momentumDecay }: Optimizer): Algorithm =>
  () => {
    let [mean, square, product] = [0, 0, 1];
    return (parameter, raw, step) => {
      const gradient = raw + weightDecay * parameter;
      const mu = 0.9 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
      const next = 0.9 * (1 - 0.5 * 0.96 ** ((step + 1) * momentumDecay));
      product *= mu;
      mean += (gradient - mean) * (1 - 0.9);
      square = 0.999 * square + (1 - 0.999) * gradient * gradient;
      const root = Math.sqrt(square / (1 - 0.999 ** step)) + 1e-8;
      return (
        parameter -
        (rate * (1 - mu) * gradient) / (1 - product) / root -
        (rate * next * mean) / (1 - product * next) / root
      );
    };
  };

const adagradBy =
  ({ learningRate, learningRateDecay, initialAccumulatorValue, weightDecay }: Optimizer): Algorithm =>
  () => {
    let sum = initialAccumulatorValue;
    return (parameter, raw, step) => {
      const gradient = raw + weightDecay * parameter;
      sum += gradient * gradient;
      return parameter - ((learningRate / (1 + (step - 1) * learningRateDecay)) * gradient) / (Math.sqrt(sum) + 1e-10);
    };
  };

const adadeltaBy =
  ({ learningRate, rho, weightDecay }: Optimizer): Algorithm =>
  () => {
    let [square, changes] = [0, 0];
    return (parameter, raw) => {
      const gradient = raw + weightDecay * parameter;
      square = rho * square + (1 - rho) * gradient * gradient;
      const change = (Math.sqrt(changes + 1e-6) / Math.sqrt(square + 1e-6)) * gradient;
      changes = rho * changes + (1 - rho) * change * change;
      return parameter - learningRate * change;
    };
  };

const adamaxBy =
  ({ learningRate, weightDecay }: Optimizer): Algorithm =>
  () => {
    let [mean, norm] = [0, 0];
    return (parameter, raw, step) => {
      const gradient = raw + weightDecay * parameter;
      mean += (gradient - mean) * (1 - 0.9);
      norm = Math.max(0.999 * norm, Math.abs(gradient) + 1e-8);
      return parameter - ((learningRate / (1 - 0.9 ** step)) * mean) / norm;
    };
  };

test.each<[string, Optimizer, (optimizer: Optimizer) => Algorithm]>([
  ["nadam", nadam(), nadamBy],
  ["nadam with decays", nadam({ learningRate: 0.1, momentumDecay: 0.05, weightDecay: 0.03 }), nadamBy],
  ["nadam of a constant momentum", nadam({ momentumDecay: 0 }), nadamBy],
  ["adagrad with decays", adagrad({ learningRate: 0.1, learningRateDecay: 0.2, weightDecay: 0.03 }), adagradBy],
  ["adagrad from a sum", adagrad({ learningRate: 0.1, initialAccumulatorValue: 0.7 }), adagradBy],
  ["adadelta with decay", adadelta({ learningRate: 0.3, rho: 0.8, weightDecay: 0.03 }), adadeltaBy],
  ["adamax with decay", adamax({ weightDecay: 0.03 }), adamaxBy],
])("%s takes the steps of PyTorch's algorithm", (_, optimizer, by) => {
  const [count, steps] = [5, 40];
  const parameters = Float64Array.from(randomFloats(3, count));
  const gradients = Array.from({ length: steps }, (__, step) => Float64Array.from(randomFloats(50 + step, count)));
  const wanted = parameters.map((first, at) => {
    const take = by(optimizer)();
    return gradients.reduce((parameter, gradient, step) => take(parameter, gradient[at]!, step + 1), first);
  });
  expect(relativeDistance(updated(optimizer, parameters, gradients), wanted)).toBeLessThan(1e-13);
});

test("defaults are PyTorch's", () => {
  expect(hyperParameterDefaults("nadam")).toEqual({
    learningRate: 2e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    momentumDecay: 4e-3,
  });
  expect(hyperParameterDefaults("adagrad")).toEqual({
    learningRate: 1e-2,
    learningRateDecay: 0,
    weightDecay: 0,
    initialAccumulatorValue: 0,
    epsilon: 1e-10,
  });
  expect(hyperParameterDefaults("adadelta")).toEqual({ learningRate: 1, rho: 0.9, epsilon: 1e-6, weightDecay: 0 });
  expect(hyperParameterDefaults("adamax")).toEqual({
    learningRate: 2e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
  });
});

test("what the host computes of a step does not depend on the steps that were requested before", () => {
  for (const name of optimizerNames) {
    const [walked, jumped] = [createOptimizer(name), createOptimizer(name)];
    const { stepValues } = updateValuesOf(walked);
    let walkedValues = Float64Array.of();
    for (let step = 0; step <= 3000; step++) walkedValues = stepValues(walked, step).slice();
    expect([...stepValues(jumped, 3000)]).toEqual([...walkedValues]);
    expect([...stepValues(jumped, 12)]).toEqual([...stepValues(walked, 12)]);
    expect(walkedValues.every(Number.isFinite)).toBe(true);
  }
});

test.each(["reference", "wasm", "members", "layered"] as const)(
  "%s: adagrad's sum starts at its given value, and is resumed",
  async (kind) => {
    const device = kind === "reference" ? reference : kind === "wasm" ? wasm : gpu();
    const strategy = kind === "members" || kind === "layered" ? kind : "auto";
    const { network, data } = trainerGolden("adagrad");
    const options = { optimizer: adagrad({ initialAccumulatorValue: 2 }), strategy, batchSize: 4, seed: 1 } as const;
    const parametersAfter = async (steps: number, cut?: number) => {
      using model = await createModel(network, { device, seed: 3, members: 3 });
      if (cut !== undefined) await model.fit(data, { ...options, steps: cut });
      await model.fit(data, { ...options, steps, resume: cut === undefined ? undefined : model.checkpoint });
      return { parameters: await model.readParameters(), moments: model.checkpoint!.moments };
    };
    const whole = await parametersAfter(9);
    expect(whole.moments.every((sum) => sum >= 2)).toBe(true);
    expect(await parametersAfter(9, 4)).toEqual(whole);
  },
);
