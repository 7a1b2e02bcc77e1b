import fc from "fast-check";
import { expect, test } from "vitest";
import { initialMoments, update } from "../src/backend/cpu/update.ts";
import { kernelUpdateOf } from "../src/backend/webgpu/emit/emitOptimizer.ts";
import { updateKernel } from "../src/backend/webgpu/kernels.ts";
import { dense, network } from "../src/graph/network.ts";
import { adam, adamW, type Optimizer, rmsProp, sgd } from "../src/math/optimizer.ts";
import { inOrder } from "../src/math/expression.ts";
import { momentCount, updateOf } from "../src/math/optimizerFunction.ts";
import { memberHyperParameters } from "../src/math/hyperParameters.ts";
import { updateValuesOf } from "../src/math/updateValues.ts";
import { updateInvocations } from "../src/backend/webgpu/strategies/costConstants.ts";
import { planLayered } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { hyperBlock, memberBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned, requireWithin, roundoff, untouched } from "./support/compare.ts";
import { errorBoundOf, type Judged } from "./support/expressionSweep.ts";
import { memberPart, runKernel, stepSlot } from "./support/kernelRun.ts";
import { withEveryOptimizer } from "./support/optimizers.ts";
import { randomFloats } from "./support/random.ts";
import { cases, memberCounts } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const nothing = new Float32Array(0);

const optimizers = Object.fromEntries(
  withEveryOptimizer([
    sgd({ learningRate: 0.3, weightDecay: 0.02 }),
    sgd({ learningRate: 0.3, momentum: 0.9, weightDecay: 0.02 }),
    sgd({ learningRate: 0.3, momentum: 0.8, nesterov: true, weightDecay: 0.05 }),
    adam({ learningRate: 0.01, weightDecay: 0.03 }),
    adamW({ learningRate: 0.01, weightDecay: 0.1, beta1: 0.8, beta2: 0.95 }),
    rmsProp({ learningRate: 0.01, weightDecay: 0.03 }),
    rmsProp({ learningRate: 0.01, momentum: 0.7, alpha: 0.9, epsilon: 1e-4 }),
  ]).map((own) => [labelOf(own), own]),
);

function labelOf({ name, momentum, nesterov }: Optimizer): string {
  return [name, ...(momentum === 0 ? [] : ["with momentum"]), ...(nesterov ? ["of Nesterov"] : [])].join(" ");
}

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

/** State that is the same for gradients of either sign is never negative: means of squares, largest gradients. */
function isEven(optimizer: Optimizer): boolean[] {
  const [plus, minus] = [1, -1].map((gradient) => {
    const moments = initialMoments(optimizer, Float64Array.of(0));
    update({ optimizer, step: 0, gradients: Float64Array.of(gradient), parameters: Float64Array.of(0), moments });
    return moments.map(([value]) => value!);
  });
  return plus!.map((value, state) => value === minus![state]);
}

/** Random state; what is never negative is no smaller than what one gradient leaves. */
function stateOf(optimizer: Optimizer, { width, members, splits, scale }: Case): State {
  const count = 2 * width * members;
  const moments = randomFloats(14, 2 * count, scale);
  for (const [state, isOneSigned] of isEven(optimizer).entries()) {
    const own = moments.subarray(state * count, (state + 1) * count);
    if (isOneSigned) own.set(own.map((value) => (0.1 + Math.abs(value)) ** 2));
  }
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
    source: updateKernel(kernelUpdateOf(optimizer), whole),
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
 * Bounds of the new parameter and state: those of the primitives carried through the update's expressions. Numbers that the host computes
 * are rounded once; a gradient is a sum of splits, and may be off by what rounding them costs.
 */
function boundsOf(optimizer: Optimizer, step: number) {
  const { hosted, state, runValues, stepValues } = updateValuesOf(optimizer);
  const rounded = (value: number): Judged => ({ value, error: roundoff * Math.abs(value) });
  const numbers = {
    ...Object.fromEntries(memberHyperParameters.map((name) => [name, rounded(optimizer[name])])),
    ...Object.fromEntries(Array.from(runValues(optimizer), (value, at) => [`hyper ${at}`, rounded(value)])),
    ...Object.fromEntries(Array.from(stepValues(optimizer, step), (value, at) => [`step ${at}`, rounded(value)])),
  };
  const names = [...Object.keys(numbers), "gradient", "parameter", ...state];
  const judges = hosted.outputs.map((output) => errorBoundOf(output, names));
  return (gradient: Judged, old: readonly number[]): number[] =>
    judges.map((judge) => judge(...Object.values(numbers), gradient, ...old).error);
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
  const bounds = boundsOf(optimizer, step);
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
    const planes = Array.from({ length: momentCount(optimizer) }, (_, plane) => plane * members + member);
    const moments = planes.map((plane) => memberPart(state.moments, plane, count));
    const old = moments.map((values) => values.slice());
    update({ optimizer, step, gradients: sums.subarray(0, count), parameters, moments });
    for (let at = 0; at < count; at++) {
      const gradient = { value: sums[at]!, error: splits * roundoff * sizes[at]! };
      const [ofParameter, ...ofMoments] = bounds(gradient, [before[at]!, ...old.map((values) => values[at]!)]);
      wanted.values[member * count + at] = parameters[at]!;
      wanted.bounds[member * count + at] = ofParameter!;
      for (const [plane, first] of planes.entries()) {
        wantedMoments.values[first * count + at] = moments[plane]![at]!;
        wantedMoments.bounds[first * count + at] = ofMoments[plane]!;
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

const takesMaximum = (optimizer: Optimizer): boolean =>
  inOrder(updateOf(optimizer).outputs).some(({ primitive }) => primitive === "maximum");

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
      // WGSL's max may take the other operand: such a moment is whole again after a step.
      if (place === "second moment" && value !== Number.POSITIVE_INFINITY && takesMaximum(optimizer)) continue;
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

test.each(["adam", "adamW", "rmsProp", "rmsProp with momentum", "nadam", "adagrad", "adadelta"])(
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
