import { expect, test } from "vitest";
import { activate, activateDerivative } from "../src/backend/cpu/activation.ts";
import { sampleLoss } from "../src/backend/sampleLoss.ts";
import { erfOf, normalDistributionOf, softplusOf } from "../src/math/specialFunctions.ts";
import { type ActivationName, activationNames, lossNames, takesLogits } from "../src/graph/network.ts";
import { savesPreActivation } from "../src/math/scalarFunction.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned } from "./support/compare.ts";
import { runKernel, stepSlot } from "./support/kernelRun.ts";
import { createUniform } from "./support/random.ts";
import { lastLayer, middleLayer, gradientColumnsOf } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

const smallestNormal = 2 ** -126;
/** Every power of two that is an f32 and no larger than 1e4. */
const powers = Array.from({ length: 126 + 14 }, (_, index) => 2 ** (index - 126));
const dense = Array.from({ length: 8001 }, (_, index) => (index - 4000) / 200);
const uniform = createUniform(21);
const anywhere = Array.from({ length: 4000 }, () => (2 * uniform() - 1) * 10 ** (8 * uniform() - 4));
const edges = [0, -0, 1e4, -1e4, 88.8, -88.8, 80, -80, 103, -104, Math.PI, -Math.PI / 2, 4.60517, -4.60518];
/** Inputs in [−1e4, 1e4]. */
const grid = Float32Array.from([...dense, ...powers, ...powers.map((x) => -x), ...anywhere, ...edges]);

/** Values of an activation at the grid, by the forward kernel of a layer with weight 1 and bias 0. */
async function activateOnGpu(activation: ActivationName, inputs: Float32Array): Promise<Float32Array> {
  const { network, layer } = middleLayer(1, 1, activation);
  const parameters = new Float32Array(network.parameterCount);
  parameters[layer.weightsOffset] = 1;
  const rows = inputs.length;
  const results = await runKernel(device(), {
    name: "forward",
    functions: { activation },
    constants: { ROWS: 0, SAVES_PRE_ACTIVATION: 0 },
    step: stepSlot({ network, rows }),
    uniform: layerBlock({ network, layer, members: 1, capacity: rows, sharesInputs: true, splits: 1 }),
    storage: [inputs, parameters, poisoned(rows), poisoned(4), parameters],
    invocations: rows,
    members: 1,
  });
  return new Float32Array(results[2]!.slice().buffer);
}

/** Slopes at saved values, by the backwardInputs kernel of a layer with weight 1 and gradient 1. */
async function slopesOnGpu(activation: ActivationName, saved: Float32Array): Promise<Float32Array> {
  const { network, layer } = middleLayer(1, 1);
  const parameters = new Float32Array(network.parameterCount).fill(1);
  const rows = saved.length;
  const results = await runKernel(device(), {
    name: "backwardInputs",
    functions: { activation },
    constants: { SAVED_PLANE: 0 },
    step: stepSlot({ network, rows }),
    uniform: layerBlock({ network, layer, members: 1, capacity: rows, sharesInputs: false, splits: 1 }),
    storage: [new Float32Array(rows).fill(1), parameters, saved, poisoned(rows), parameters],
    invocations: rows,
    members: 1,
  });
  return new Float32Array(results[3]!.slice().buffer);
}

/**
 * What f32 may be off by: 4e-7 of the value (7 units in the last place: an exponential, a division and a few roundings) plus
 * an absolute part. That is for values near 0: WGSL lets exp(x) be off by 3 + 2|x| units, a part of at most 1e-7 once it
 * is multiplied by e^−|x|; and values below 2^−126 may be flushed to 0.
 */
const absoluteBound: Partial<Record<ActivationName, number>> = { identity: 0, relu: 0, leakyRelu: 0 };
const valueBound = (activation: ActivationName, value: number): number =>
  4e-7 * Math.abs(value) + (absoluteBound[activation] ?? 1e-7) + smallestNormal;
const slopeBound = (activation: ActivationName, slope: number): number =>
  4e-7 * Math.abs(slope) + (absoluteBound[activation] ?? 2e-7);

interface Comparison {
  readonly what: string;
  readonly at: ArrayLike<number>;
  readonly got: Float32Array;
  readonly wanted: (x: number) => number;
  readonly bound: (wanted: number, x: number) => number;
}

/** Throws at the worst point, unless every value is finite and within its bound. @returns the worst, in bounds */
function compare({ what, at, got, wanted, bound }: Comparison): number {
  let worst = { ratio: 0, text: "" };
  for (const [index, value] of got.entries()) {
    const x = at[index]!;
    const expected = wanted(x);
    if (!Number.isFinite(value)) throw new Error(`${what} at ${x} is ${value}, wanted ${expected}`);
    const ratio = Math.abs(value - expected) / Math.max(bound(expected, x), Number.MIN_VALUE);
    if (ratio > worst.ratio) worst = { ratio, text: `${what} at ${x} is ${value}, wanted ${expected}` };
  }
  if (worst.ratio > 1) throw new Error(`${worst.text}: ${worst.ratio} times the bound`);
  return worst.ratio;
}

test.each(activationNames)("%s: values and slopes on the GPU are finite and within their bounds", async (name) => {
  const values = compare({
    what: name,
    at: grid,
    got: await activateOnGpu(name, grid),
    wanted: (x) => activate(name, x),
    bound: (value) => valueBound(name, value),
  });
  const saved = savesPreActivation(name) ? grid : Float32Array.from(grid, (x) => activate(name, x));
  const slopes = compare({
    what: `slope of ${name}, saved`,
    at: saved,
    got: await slopesOnGpu(name, saved),
    wanted: (x) => activateDerivative(name, x),
    bound: (slope) => slopeBound(name, slope),
  });
  console.log(`${name}: value ${values.toFixed(3)}, slope ${slopes.toFixed(3)} of its bound`);
});

test.each(activationNames)("%s: the float64 slope is the limit of central differences", (name) => {
  const hasKink = name === "relu" || name === "leakyRelu";
  const h = 2 ** -10;
  const f = (x: number): number => activate(name, x);
  for (const z of [...dense, ...anywhere]) {
    const x = Math.max(-30, Math.min(30, z));
    if (hasKink && Math.abs(x) < 3 * h) continue;
    if (name === "elu" && Math.abs(x) < 3 * h) continue; // its second derivative jumps
    const difference = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
    const slope = activateDerivative(name, savesPreActivation(name) ? x : f(x));
    // truncation h⁴/30 · f⁽⁵⁾, and the rounding of f over h
    const bound = 2e-12 * (1 + Math.abs(f(x))) + 1e-11;
    if (!(Math.abs(difference - slope) < bound))
      expect.fail(`${name} at ${x}: slope ${slope}, differences say ${difference} ± ${bound}`);
  }
});

test.each(activationNames)("%s in float64 is finite everywhere", (name) => {
  for (const x of [...grid, 1e300, -1e300]) {
    const value = activate(name, x);
    if (!Number.isFinite(value)) expect.fail(`${name}(${x}) is ${value}`);
    if (Math.abs(x) > 1e8) continue;
    const slope = activateDerivative(name, savesPreActivation(name) ? x : value);
    if (!Number.isFinite(slope)) expect.fail(`the slope of ${name} at ${x} is ${slope}`);
  }
});

const outputs = [...grid.filter((_, index) => index % 37 === 0), ...edges];
const targets = [0, 1, 0.3, -1e4, 1e4, 1e-30, 7.5, -0.2];

test.each(lossNames)("%s in float64: finite, and its gradient is the limit of central differences", (name) => {
  const own = takesLogits(name) ? [0, 1, 0.3, 1e-30] : targets;
  const h = 2 ** -10;
  for (const y of outputs) {
    for (const t of own) {
      const row = (x: number): Float64Array =>
        name === "softmaxCrossEntropy" ? Float64Array.of(x, 0.5, -2) : Float64Array.of(x);
      const target = name === "softmaxCrossEntropy" ? Float64Array.of(t, 0.9 * (1 - t), 0.1) : Float64Array.of(t);
      const gradient = new Float64Array(target.length);
      const unused = new Float64Array(target.length);
      const f = (x: number): number => sampleLoss(name, row(x), target, unused);
      if (!Number.isFinite(sampleLoss(name, row(y), target, gradient)))
        expect.fail(`${name}(${y}, ${t}) is not finite`);
      const kink = name === "huber" ? Math.abs(Math.abs(y - t) - 1) : Math.abs(y - t);
      if ((name === "huber" || name === "meanAbsoluteError") && kink < 3 * h) continue;
      const difference = (8 * (f(y + h) - f(y - h)) - (f(y + 2 * h) - f(y - 2 * h))) / (12 * h);
      const bound = 1e-11 + 1e-12 * f(y);
      if (!(Math.abs(difference - gradient[0]!) <= bound))
        expect.fail(`${name}(${y}, ${t}): gradient ${gradient[0]}, differences say ${difference} ± ${bound}`);
    }
  }
});

test.each(lossNames)("%s on the GPU is finite for outputs and targets in [−1e4, 1e4]", async (name) => {
  const own = takesLogits(name) ? [0, 1, 0.3, 1e-30] : targets;
  const pairs = outputs.flatMap((y) => own.map((t) => [y, t] as const));
  const { network, layer } = lastLayer(1, 2);
  const rows = pairs.length;
  const results = await runKernel(device(), {
    name: "loss",
    functions: { activation: "identity", loss: name },
    constants: { SAVED_PLANE: 0 },
    step: stepSlot({ network, rows }),
    uniform: layerBlock({
      network,
      layer,
      gradientColumns: gradientColumnsOf(network, layer),
      members: 1,
      capacity: rows,
      sharesInputs: false,
      splits: 1,
    }),
    storage: [
      Float32Array.from(pairs.flatMap(([y]) => [y, -y])),
      Float32Array.from(pairs.flatMap(([, t]) => [t, takesLogits(name) ? 1 - t : -t])),
      Uint32Array.from(pairs.keys()),
      poisoned(3 * rows),
    ],
    invocations: rows,
    members: 1,
  });
  const bits = results[3]!;
  const at = new Float32Array(bits.buffer, bits.byteOffset, bits.length).findIndex((value) => !Number.isFinite(value));
  expect(at < 0 ? "all finite" : `${name} of (${pairs[Math.floor(at / 3)]})`).toBe("all finite");
});

test("erf and the normal distribution agree with published values", () => {
  // Abramowitz and Stegun, table 7.1, and mpmath 1.3 with 30 digits
  const erfs = [
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [-0.5, -0.5204998778130465],
  ] as const;
  for (const [x, wanted] of erfs) expect(Math.abs(erfOf(x) - wanted), `erf(${x})`).toBeLessThanOrEqual(4e-16);
  const tails = [
    [0, 0.5],
    [-1, 0.15865525393145705],
    [-2, 0.022750131948179207],
    [-5, 2.866515718791939e-7],
    [-10, 7.61985302416052606e-24],
    [-37, 5.725571222524576e-300],
    [1.6448536269514722, 0.95],
    [3, 0.9986501019683699],
  ] as const;
  for (const [x, wanted] of tails) {
    const error = Math.abs(normalDistributionOf(x) / wanted - 1);
    expect(error, `Φ(${x})`).toBeLessThanOrEqual(1e-14 + 2e-16 * x * x);
  }
  expect(softplusOf(-50)).toBeCloseTo(Math.exp(-50), 30);
});

/** Pre-activations from −30 to 30, where saved activations reach their ends. */
const sweep = Float32Array.from({ length: 2 ** 18 }, (_, at) => (30 * (at - 2 ** 17)) / 2 ** 17);

test.each(activationNames)(
  "%s: slopes at the activations that the GPU saved keep their bound at 2¹⁸ points",
  async (name) => {
    const saved = savesPreActivation(name) ? sweep : await activateOnGpu(name, sweep);
    // Saved activations are rounded, and 1 − a² keeps only the absolute part of that as a goes to 1: slopes are compared with those of
    // the pre-activations themselves, and relative digits are not promised near saturation. So it is in PyTorch.
    const exact: Partial<Record<ActivationName, (z: number) => number>> = {
      sigmoid: (z) => activate("sigmoid", z) * activate("sigmoid", -z),
      tanh: (z) => 1 / Math.cosh(z) ** 2,
    };
    const wanted = exact[name] ?? ((z) => activateDerivative(name, savesPreActivation(name) ? z : activate(name, z)));
    const got = await slopesOnGpu(name, saved);
    const worst = compare({
      what: `slope of ${name}`,
      at: sweep,
      got,
      wanted,
      bound: (slope) => slopeBound(name, slope),
    });
    console.log(`slope of ${name} from what was saved: ${worst.toFixed(3)} of its bound`);
  },
);

/** WGSL lets exp(x) be off by 3 + 2|x| units in the last place: what tails are off by, relative to themselves. */
const tailBound = (exponent: number, value: number): number =>
  (4e-7 + (3 + 2 * Math.abs(exponent)) * 2 ** -23) * Math.abs(value);

const tails: [ActivationName, number, (z: number) => number][] = [
  ["gelu", -12.9, (z) => 0.5 * z * z],
  ["sigmoid", -87.3, (z) => z],
  ["silu", -87.3, (z) => z],
  ["softplus", -87.3, (z) => z],
];

test.each(tails)("%s keeps its relative accuracy down to %d", async (name, end, exponentOf) => {
  const inputs = Float32Array.from({ length: 2 ** 16 }, (_, at) => (end * at) / 2 ** 16);
  const worst = compare({
    what: name,
    at: inputs,
    got: await activateOnGpu(name, inputs),
    wanted: (z) => activate(name, z),
    bound: (value, z) => tailBound(exponentOf(z), value),
  });
  console.log(`tail of ${name}: ${worst.toFixed(3)} of its bound`);
});
