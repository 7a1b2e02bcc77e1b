import fc from "fast-check";
import { expect, test } from "vitest";
import { LimitExceeded } from "../src/errors.ts";
import { gridOf, groupSize } from "../src/backend/webgpu/kernel.ts";
import { activationNames, dense, network, type Network } from "../src/graph/network.ts";
import {
  kernelsOf,
  type LayeredPlan,
  nodeStrideOf,
  type PlanLimits,
  type PlanRequest,
  planLayered,
} from "../src/backend/webgpu/strategies/layeredPlan.ts";
import { valueInvocations, weightInvocations } from "../src/backend/webgpu/matmulVariants.ts";
import { scheduleOf } from "../src/graph/schedule.ts";
import { allCases, gradientColumnsOf } from "./support/shapes.ts";
import { testInFull } from "./support/share.ts";

/** Sizes spread over orders of magnitude. */
const upTo = (maximum: number): fc.Arbitrary<number> =>
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => Math.max(1, Math.floor(maximum ** share)));

const someNetwork: fc.Arbitrary<Network> = fc
  .record({
    inputs: upTo(4000),
    widths: fc.array(upTo(3000), { minLength: 1, maxLength: 6 }),
    activation: fc.constantFrom(...activationNames),
  })
  .map(({ inputs, widths, activation }) =>
    network({ inputs, layers: widths.map((width) => dense(width, activation)), loss: "squaredError" }),
  );

const someLimits: fc.Arbitrary<PlanLimits> = fc.record({
  kind: fc.constantFrom("gpu" as const, "software" as const),
  hasQuads: fc.boolean(),
  maxBufferBytes: fc.double({ min: 16, max: 32, noNaN: true }).map((bits) => Math.floor(2 ** bits)),
  dispatchFlops: fc.double({ min: 4, max: 12, noNaN: true }).map((digits) => Math.floor(10 ** digits)),
});

const someRequest = fc.record({
  network: someNetwork,
  members: upTo(2 ** 20),
  batchSize: upTo(1e7),
  rowCount: upTo(1e7),
});

type ListRequest = PlanRequest & { readonly network: Network };

/** Bytes of every buffer that a run of this plan allocates, but for the optimizer's moments and what has a fixed size. */
function buffersOf(plan: LayeredPlan, { network: net, members, rowCount }: ListRequest): Record<string, number> {
  const { chunkRows, splits, inputPageRows, targetPageRows, ringSteps, gathered } = plan;
  const schedule = scheduleOf(net);
  const sizes: Record<string, number> = {
    inputs: Math.min(inputPageRows, rowCount) * net.inputs,
    targets: Math.min(targetPageRows, rowCount) * net.outputs,
    batchRows: chunkRows,
    gradients: splits * members * (net.parameterCount + 1),
    losses: ringSteps * members,
  };
  if (gathered) Object.assign(sizes, { gathered: chunkRows * Math.max(net.inputs, net.outputs) });
  for (const [arena, width] of schedule.arenaWidths.entries()) {
    sizes[`arena ${arena}`] = width * nodeStrideOf(schedule, members * chunkRows);
  }
  return Object.fromEntries(Object.entries(sizes).map(([name, values]) => [name, 4 * values]));
}

/** Invocations of each dispatch of a chunk, as src/backend/webgpu/strategies/layeredDispatches.ts counts them. */
function invocationsOf({ chunkRows, splits, layers }: LayeredPlan, net: Network): number[] {
  const values = net.layers.flatMap(({ index, fanIn, fanOut }) => [
    valueInvocations(layers[index]!.forward, chunkRows, fanOut),
    valueInvocations(layers[index]!.backwardInputs, chunkRows, fanIn),
  ]);
  const weights = net.layers.map((layer) => {
    const columns = gradientColumnsOf(net, layer);
    return splits * weightInvocations(layers[layer.index]!.backwardWeights, layer, columns);
  });
  return [...values, ...weights, net.parameterCount + 1];
}

function requireSound(limits: PlanLimits, request: ListRequest): void {
  const { network: net, members, rowCount } = request;
  const plan = planLayered(limits, request);
  const batchSize = Math.min(request.batchSize, rowCount);
  expect(plan.chunkRows).toBeGreaterThanOrEqual(1);
  expect(plan.chunkRows * plan.chunks).toBeGreaterThanOrEqual(batchSize);
  expect(plan.chunkRows * (plan.chunks - 1)).toBeLessThan(batchSize);
  expect(plan.splits).toBeGreaterThanOrEqual(1);
  expect(plan.ringSteps).toBeGreaterThanOrEqual(1);
  for (const [name, bytes] of Object.entries(buffersOf(plan, request))) {
    if (bytes > limits.maxBufferBytes) throw new Error(`${name}: ${bytes} bytes of ${limits.maxBufferBytes}`);
  }
  expect(plan.groupMembers).toBeGreaterThanOrEqual(1);
  expect(plan.groupMembers).toBeLessThanOrEqual(Math.min(members, 65_535));
  for (const { fanIn, fanOut } of net.layers) {
    const flops = 2 * fanIn * fanOut * plan.groupMembers * plan.chunkRows;
    if (plan.chunkRows > 1) expect(flops).toBeLessThanOrEqual(limits.dispatchFlops);
  }
  for (const invocations of invocationsOf(plan, net)) {
    const [x, y] = gridOf(invocations);
    expect(x).toBeLessThanOrEqual(65_535);
    expect(y).toBeLessThanOrEqual(65_535);
    expect(x * y * groupSize).toBeGreaterThanOrEqual(invocations);
    expect(x * y * groupSize).toBeLessThan(2 ** 32); // linearIndex is a u32
  }
  expect(kernelsOf(net, plan)).toHaveLength(3 * net.layers.length + 1);
}

testInFull("every plan keeps the limits of its device, or says which one it cannot keep", () => {
  let planned = 0;
  let refused = 0;
  const check = (limits: PlanLimits, request: ListRequest) => {
    try {
      requireSound(limits, request);
      planned++;
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error;
      refused++;
      expect(error.message).toMatch(/expected at most \d+/);
      // a refusal must be true: parameters, one sample of all members, or one row do not fit
      const { network: net, members } = request;
      const schedule = scheduleOf(net);
      const largest = Math.max(...schedule.arenaWidths) * nodeStrideOf(schedule, members);
      const needed = 4 * Math.max(net.inputs, members * (net.parameterCount + 1), largest);
      expect(needed).toBeGreaterThan(Math.min(limits.maxBufferBytes, 2 ** 27));
    }
  };
  fc.assert(fc.property(someLimits, someRequest, check), allCases(3000));
  console.log(`${planned} planned, ${refused} refused`);
  expect(planned).toBeGreaterThan(1000);
  expect(refused).toBeGreaterThan(50);
});

test("a plan depends on nothing but its arguments, and batches from 1 to 10⁷ rows are planned", () => {
  const net = network({ inputs: 784, layers: [dense(128, "relu"), dense(10)], loss: "softmaxCrossEntropy" });
  const limits: PlanLimits = { kind: "software", hasQuads: true, maxBufferBytes: 2 ** 27, dispatchFlops: 5e7 };
  for (const batchSize of [1, 127, 128, 129, 4096, 65_535, 65_536, 1e6, 1e7]) {
    const request = { network: net, members: 1, batchSize, rowCount: 1e7 };
    expect(planLayered(limits, request)).toEqual(planLayered({ ...limits }, { ...request }));
    requireSound(limits, request);
  }
});

test("members beyond a dispatch's workgroups or its work are cut into groups of equal size", () => {
  const net = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });
  const gpu: PlanLimits = { kind: "gpu", hasQuads: true, maxBufferBytes: 2 ** 30, dispatchFlops: 1e10 };
  const software: PlanLimits = { ...gpu, kind: "software", dispatchFlops: 8e7 };
  const groupOf = (limits: PlanLimits, members: number): number => {
    const request = { network: net, batchSize: 4, rowCount: 4, members };
    requireSound(limits, request);
    return planLayered(limits, request).groupMembers;
  };
  expect(groupOf(gpu, 65_535)).toBe(65_535);
  expect(groupOf(gpu, 65_536)).toBe(32_768);
  expect(groupOf(gpu, 1_000_000)).toBe(62_500);
  expect(groupOf(software, 10_000)).toBe(10_000);
  expect(groupOf(software, 65_535)).toBe(16_384); // 64 invocations each, at 64 operations
});

test("the inputs that all members share are counted once", () => {
  const net = network({ inputs: 784, layers: [dense(1)], loss: "squaredError" });
  const limits: PlanLimits = { kind: "software", hasQuads: true, maxBufferBytes: 2 ** 30, dispatchFlops: 8e7 };
  requireSound(limits, { network: net, members: 60_000, batchSize: 2, rowCount: 2 });
});

test("gridOf covers its invocations up to 2³² with no dimension above 65,535", () => {
  for (const invocations of [1, 63, 64, 65, 64 * 65_535 - 1, 64 * 65_535, 64 * 65_535 + 1, 2 ** 31, 2 ** 32 - 64]) {
    const [x, y] = gridOf(invocations);
    expect(Math.max(x, y)).toBeLessThanOrEqual(65_535);
    expect(x * y * groupSize).toBeGreaterThanOrEqual(invocations);
    expect((x - 1) * y * groupSize).toBeLessThan(invocations);
  }
});
