import fc from "fast-check";
import { expect, test } from "vitest";
import { update } from "../src/backend/cpu/update.ts";
import { kernelUpdateOf } from "../src/backend/webgpu/emit/emitOptimizer.ts";
import { updateKernel } from "../src/backend/webgpu/kernels.ts";
import { dense, network } from "../src/graph/network.ts";
import { adam, adamW, lion, type Optimizer, rmsProp, sgd } from "../src/math/optimizer.ts";
import { momentCount } from "../src/math/optimizerFunction.ts";
import { updateInvocations } from "../src/backend/webgpu/strategies/costConstants.ts";
import { planLayered } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { hyperBlock, memberBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned, requireWithin, roundoff, untouched } from "./support/compare.ts";
import { memberPart, runKernel, stepSlot } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import { cases, memberCounts } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const nothing = new Float32Array(0);

const optimizers: Record<string, Optimizer> = {
  sgd: sgd({ learningRate: 0.3, weightDecay: 0.02 }),
  momentum: sgd({ learningRate: 0.3, momentum: 0.9, weightDecay: 0.02 }),
  nesterov: sgd({ learningRate: 0.3, momentum: 0.8, nesterov: true, weightDecay: 0.05 }),
  adam: adam({ learningRate: 0.01, weightDecay: 0.03 }),
  adamW: adamW({ learningRate: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.95 }),
  rmsProp: rmsProp({ learningRate: 0.01, weightDecay: 0.03 }),
  lion: lion({ learningRate: 0.01, weightDecay: 0.1 }),
  rmsPropMomentum: rmsProp({ learningRate: 0.01, momentum: 0.7, alpha: 0.9, epsilon: 1e-4 }),
};

interface Case {
  /** Width of the only layer: 2 · width parameters. */
  readonly width: number;
  readonly members: number;
  readonly splits: number;
  readonly step: number;
  /** Parameters of an invocation. */
  readonly entries: number;
  /** Largest gradient. */
  readonly scale: number;
}

interface State {
  readonly gradients: Float32Array;
  readonly parameters: Float32Array;
  readonly moments: Float32Array;
}

/** Random state; second moments and means of squares are no smaller than what one gradient leaves. */
function stateOf(optimizer: Optimizer, { width, members, splits, scale }: Case): State {
  const count = 2 * width * members;
  const moments = randomFloats(14, 2 * count, scale);
  const squares = optimizer.name === "rmsProp" ? 0 : count;
  if (optimizer.name !== "sgd")
    for (let at = 0; at < count; at++) moments[squares + at] = (0.1 + Math.abs(moments[at]!)) ** 2;
  return {
    gradients: randomFloats(15, splits * members * (2 * width + 1), scale),
    parameters: randomFloats(16, count),
    moments,
  };
}

const run = (optimizer: Optimizer, state: State, one: Case) => {
  const { width, members, splits, step, entries } = one;
  const whole = network({ inputs: 1, layers: [dense(width)], loss: "squaredError" });
  const limits = { kind: "software", hasQuads: true, maxBufferBytes: 2 ** 28, dispatchFlops: 1e8 } as const;
  const plan = { ...planLayered(limits, { network: whole, members, batchSize: 1, rowCount: 1 }), splits };
  return runKernel(device(), {
    source: updateKernel(kernelUpdateOf(optimizer)),
    constants: { ENTRIES: entries },
    step: stepSlot({ network: whole, optimizer, step, rows: 1, lossSlot: 2 }),
    uniform: hyperBlock(whole, members, plan, optimizer),
    storage: [
      memberBlock(
        { data: { inputs: nothing, targets: nothing }, optimizer, batchSize: 1, shuffle: false, seed: 0 },
        members,
      ),
      state.gradients,
      new Float32Array([...state.parameters, ...new Float32Array(poisoned(8).buffer)]),
      state.moments,
      poisoned(4 * members),
      new Uint32Array(3 * members).fill(0xffffffff).fill(0x7f7fffff, members, 2 * members),
    ],
    invocations: updateInvocations(whole, entries),
    members,
  });
};

/**
 * Bound of one updated parameter: the direction is made of terms that may cancel (momentum, decay, gradient), each rounded a
 * few times, and divided by a root that is always positive (16 units for division and root, as WGSL allows them 2.5 and 4);
 * the parameter itself is rounded at most twice.
 */
const updateBound = (before: number, after: number, terms: number): number =>
  2 * roundoff * (Math.abs(before) + Math.abs(after)) + 16 * roundoff * (Math.abs(after - before) + terms);

/** Size of the terms of the direction, times the learning rate over the denominator. */
function termsOf(optimizer: Optimizer, step: number, { g, p, first, second }: Record<string, number>): number {
  const { name, learningRate, momentum, beta1, beta2, alpha, epsilon, weightDecay } = optimizer;
  const gradient = Math.abs(g!) + weightDecay * Math.abs(p!);
  if (name === "sgd") return learningRate * (2 * gradient + Math.abs(momentum * first!));
  if (name === "lion") return learningRate * (1 + weightDecay * Math.abs(p!));
  if (name === "rmsProp") {
    const root = Math.sqrt(alpha * first! + (1 - alpha) * (g! + weightDecay * p!) ** 2);
    return learningRate * (gradient / (root + epsilon) + momentum * Math.abs(second!));
  }
  const decayed = g! + (name === "adam" ? weightDecay * p! : 0);
  const root = Math.sqrt((beta2 * second! + (1 - beta2) * decayed ** 2) / (1 - beta2 ** (step + 1)));
  const mean = beta1 * Math.abs(first!) + (1 - beta1) * gradient;
  return (
    (learningRate / (1 - beta1 ** (step + 1)) / (root + epsilon)) * mean + learningRate * weightDecay * Math.abs(p!)
  );
}

async function tryUpdate(name: string, one: Case): Promise<number> {
  const optimizer = optimizers[name]!;
  const { width, members, splits, step } = one;
  const count = 2 * width;
  const state = stateOf(optimizer, one);
  const wanted = untouched(members * count + 8);
  const losses = untouched(4 * members);
  // Moments that the optimizer does not keep must stay as they are.
  const wantedMoments = { values: Float64Array.from(state.moments), bounds: new Float64Array(state.moments.length) };
  for (let member = 0; member < members; member++) {
    const sums = new Float64Array(count + 1);
    const sizes = new Float64Array(count + 1);
    for (let split = 0; split < splits; split++) {
      const own = memberPart(state.gradients, split * members + member, count + 1);
      own.forEach((value, at) => (sums[at]! += value));
      own.forEach((value, at) => (sizes[at]! += Math.abs(value)));
    }
    losses.values[2 * members + member] = sums[count]!;
    losses.bounds[2 * members + member] = splits * roundoff * sizes[count]!;
    const parameters = memberPart(state.parameters, member, count);
    const before = parameters.slice();
    const moments = [0, 1].map((plane) => memberPart(state.moments, plane * members + member, count));
    const old = moments.map((values) => values.slice());
    // rmsProp without momentum keeps no second moment; the reference's must then not matter
    if (optimizer.name === "rmsProp" && optimizer.momentum === 0) moments[1]!.fill(0);
    if (optimizer.name === "sgd" && optimizer.momentum === 0) moments[0]!.fill(0);
    update({ optimizer, step, gradients: sums.subarray(0, count), parameters, moments: [moments[0]!, moments[1]!] });
    for (let at = 0; at < count; at++) {
      const values = { g: sizes[at]!, p: before[at]!, first: old[0]![at]!, second: old[1]![at]! };
      const exact = { ...values, g: Math.max(Math.abs(sums[at]!), 1e-30) };
      // the root shrinks with the true gradient, the terms grow with its parts
      const terms = Math.max(termsOf(optimizer, step, exact), termsOf(optimizer, step, exact) * (sizes[at]! / exact.g));
      wanted.values[member * count + at] = parameters[at]!;
      wanted.bounds[member * count + at] = updateBound(before[at]!, parameters[at]!, terms);
      const size = sizes[at]! + optimizer.weightDecay * Math.abs(before[at]!);
      const squares = optimizer.name === "rmsProp" ? 0 : 1;
      for (let plane = 0; plane < momentCount(optimizer); plane++) {
        const index = (plane * members + member) * count + at;
        const largest = plane === squares && optimizer.name !== "sgd" ? size ** 2 : size;
        const direction = optimizer.name === "rmsProp" && plane === 1 ? terms / optimizer.learningRate : 0;
        wantedMoments.values[index] = moments[plane]![at]!;
        wantedMoments.bounds[index] = 16 * roundoff * (Math.abs(old[plane]![at]!) + largest + direction);
      }
    }
  }
  const [, , parameters, kept, ring, status] = await run(optimizer, state, one);
  const shape = `update ${name} ${members} × ${count}, ${splits} splits, step ${step}, gradients up to ${one.scale}`;
  expect([...status!.subarray(0, members)], shape).toEqual(Array(members).fill(0xffffffff));
  requireWithin(`${shape}: losses`, ring!, losses);
  requireWithin(`${shape}: moments`, kept!, wantedMoments);
  return requireWithin(shape, parameters!, wanted);
}

const someCase = fc.record({
  width: fc.constantFrom(1, 3, 17, 31, 32, 33, 100),
  members: memberCounts,
  splits: fc.constantFrom(1, 2, 5),
  step: fc.constantFrom(0, 1, 9, 1000, 100_000),
  entries: fc.constantFrom(1, 2, 7, 8),
  scale: fc.constantFrom(1, 1e-4, 100),
});

test.each(Object.keys(optimizers))("update by %s agrees with float64", async (name) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryUpdate(name, one));
  };
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(40));
  console.log(`update ${name}: largest error ${worst.toFixed(3)} of its bound`);
});

const planted: [string, number][] = [
  ["NaN", Number.NaN],
  ["+∞", Number.POSITIVE_INFINITY],
  ["−∞", Number.NEGATIVE_INFINITY],
];
const places = ["gradient", "parameter", "loss", "first moment", "second moment"] as const;

test.each(Object.keys(optimizers))("update by %s notices what is not finite, wherever it is planted", async (name) => {
  const optimizer = optimizers[name]!;
  const one: Case = { width: 40, members: 3, splits: 2, step: 7, entries: 3, scale: 1 };
  for (const [label, value] of planted) {
    for (const place of places) {
      if (place === "first moment" && momentCount(optimizer) < 1) continue;
      if (place === "second moment" && momentCount(optimizer) < 2) continue;
      const state = stateOf(optimizer, one);
      if (place === "gradient") state.gradients[81 + 30] = value;
      if (place === "loss") state.gradients[81 + 80] = value;
      if (place === "parameter") state.parameters[80 + 79] = value;
      if (place === "first moment") state.moments[80 + 5] = value;
      if (place === "second moment") state.moments[240 + 80 + 5] = value;
      const [, , after, , , status] = await run(optimizer, state, one);
      expect([...status!.subarray(0, 3)], `${label} in a ${place}`).toEqual([0xffffffff, 7, 0xffffffff]);
      if (place !== "parameter")
        expect(
          new Float32Array(after!.buffer, after!.byteOffset, 240).every(Number.isFinite),
          `${label} in a ${place}`,
        ).toBe(true);
    }
  }
});

test.each(["adam", "adamW", "rmsProp", "rmsPropMomentum"])(
  "update by %s notices a gradient whose square overflows, which would stop its parameter for ever",
  async (name) => {
    const one: Case = { width: 40, members: 2, splits: 1, step: 3, entries: 1, scale: 1 };
    const state = stateOf(optimizers[name]!, one);
    state.gradients[81 + 7] = 1e25;
    const [, , after, , , status] = await run(optimizers[name]!, state, one);
    expect([...status!.subarray(0, 2)]).toEqual([0xffffffff, 3]);
    expect(new Float32Array(after!.buffer, after!.byteOffset, 160).every(Number.isFinite)).toBe(true);
  },
);
