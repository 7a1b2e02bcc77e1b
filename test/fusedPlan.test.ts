import fc from "fast-check";
import { expect, test } from "vitest";
import { adam, dense, network, type Network, sgd } from "../src/index.ts";
import { layeredStepMs } from "../src/backend/webgpu/strategies/costModel.ts";
import {
  type FusedLimits,
  type FusedPlan,
  type FusedPlanRequest,
  planFused,
} from "../src/backend/webgpu/strategies/fusedPlan.ts";
import { allCases } from "./support/shapes.ts";
import { testInFull } from "./support/share.ts";

const sigmoidNet = (widths: readonly number[]): Network =>
  network({
    inputs: widths[0]!,
    layers: widths.slice(1).map((width) => dense(width, "sigmoid")),
    loss: "squaredError",
  });

const tiny = sigmoidNet([2, 2, 2, 1]);
const software: FusedLimits = {
  kind: "software",
  hasQuads: true,
  maxBufferBytes: 2 ** 30,
  dispatchFlops: 8e7,
  maxWorkgroupBytes: 32_768,
  subgroupLanes: 4,
};
const gpu: FusedLimits = {
  kind: "gpu",
  hasQuads: true,
  maxBufferBytes: 2 ** 31,
  dispatchFlops: 1e10,
  maxWorkgroupBytes: 32_768,
  subgroupLanes: 32,
};

const requestOf = (net: Network, own: Partial<FusedPlanRequest> = {}): FusedPlanRequest => ({
  network: net,
  members: 1,
  batchSize: 4,
  rowCount: own.batchSize ?? 4,
  optimizer: sgd(),
  ...own,
});

const planOf = (limits: FusedLimits, request: FusedPlanRequest, strategy: string): FusedPlan | undefined =>
  planFused(limits, request).find((plan) => plan.strategy === strategy);

function requireSound(limits: FusedLimits, request: FusedPlanRequest, plan: FusedPlan): void {
  const { strategy, chunkRows, sliceRows, splits, groupMembers, ringSteps, leastSteps, tile, stepMs } = plan;
  const { network: net, members } = request;
  const batchSize = Math.min(request.batchSize, request.rowCount);
  const largest = 4 * Math.max(splits * members * (net.parameterCount + 1), ringSteps * members);
  expect(largest).toBeLessThanOrEqual(limits.maxBufferBytes);
  expect(splits * sliceRows).toBeGreaterThanOrEqual(batchSize);
  expect((splits - 1) * sliceRows).toBeLessThan(batchSize);
  const whole = strategy === "samples" ? Math.min(64, splits) * sliceRows : sliceRows;
  expect(chunkRows === batchSize || chunkRows % whole === 0).toBe(true);
  expect(groupMembers).toBeGreaterThanOrEqual(1);
  expect(groupMembers).toBeLessThanOrEqual(members);
  if (strategy === "samples" || strategy === "tiles") expect(members).toBeLessThanOrEqual(65_535);
  if (tile) expect(tile.workgroupBytes).toBeLessThanOrEqual(limits.maxWorkgroupBytes);
  expect(ringSteps).toBeGreaterThanOrEqual(1);
  expect(leastSteps).toBeGreaterThanOrEqual(1);
  expect(stepMs).toBeGreaterThan(0);
}

const upTo = (maximum: number): fc.Arbitrary<number> =>
  fc.double({ min: 0, max: 1, noNaN: true }).map((share) => Math.max(1, Math.floor(maximum ** share)));

const someRequest: fc.Arbitrary<FusedPlanRequest> = fc
  .record({
    widths: fc.array(upTo(200), { minLength: 2, maxLength: 5 }),
    members: upTo(1e6),
    batchSize: upTo(1e7),
    rowCount: upTo(1e7),
    optimizer: fc.constantFrom(sgd(), adam()),
  })
  .map(({ widths, ...rest }) => ({ network: sigmoidNet(widths), ...rest }));

const someLimits: fc.Arbitrary<FusedLimits> = fc.record({
  kind: fc.constantFrom("gpu" as const, "software" as const),
  hasQuads: fc.boolean(),
  maxBufferBytes: fc.double({ min: 16, max: 32, noNaN: true }).map((bits) => Math.floor(2 ** bits)),
  dispatchFlops: fc.double({ min: 4, max: 12, noNaN: true }).map((digits) => Math.floor(10 ** digits)),
  maxWorkgroupBytes: fc.constantFrom(16_384, 32_768, 65_536),
  subgroupLanes: fc.constantFrom(undefined, 4, 32, 64),
});

testInFull("every fused plan keeps the limits of its device", () => {
  let planned = 0;
  const check = (limits: FusedLimits, request: FusedPlanRequest) => {
    for (const plan of planFused(limits, request)) {
      requireSound(limits, request, plan);
      planned++;
    }
  };
  fc.assert(fc.property(someLimits, someRequest, check), allCases(2000));
  expect(planned).toBeGreaterThan(1000);
});

test("a million members and ten million samples are planned", () => {
  for (const limits of [software, gpu]) {
    const many = requestOf(tiny, { members: 1e6 });
    requireSound(limits, many, planOf(limits, many, "members")!);
    const long = requestOf(tiny, { batchSize: 1e7 });
    requireSound(limits, long, planOf(limits, long, "samples")!);
  }
});

test("slices depend on the batch alone", () => {
  const slicesOf = ({ splits, sliceRows }: FusedPlan) => ({ splits, sliceRows });
  for (const strategy of ["samples", "tiles"]) {
    for (const batchSize of [1, 15, 16, 17, 1000, 16_385, 1_048_577, 3_000_000]) {
      const wanted = slicesOf(planOf(software, requestOf(tiny, { batchSize }), strategy)!);
      for (const limits of [gpu, { ...gpu, dispatchFlops: 1e9 }]) {
        for (const members of [1, 3]) {
          expect(slicesOf(planOf(limits, requestOf(tiny, { batchSize, members }), strategy)!)).toEqual(wanted);
        }
      }
    }
  }
});

/** The cheapest strategy by the cost model. */
function cheapest(limits: FusedLimits, request: FusedPlanRequest): string {
  const costs = planFused(limits, request).map(({ strategy, stepMs }): [string, number] => [strategy, stepMs]);
  const all: [string, number][] = [["layered", layeredStepMs(limits, request)], ...costs];
  return all.reduce((best, each) => (each[1] < best[1] ? each : best))[0];
}

test("on a software adapter strategies without barriers are taken, and wide networks go layer by layer", () => {
  expect(["members", "subgroups"]).toContain(cheapest(software, requestOf(tiny)));
  expect(cheapest(software, requestOf(tiny, { members: 100_000 }))).toBe("members");
  expect(cheapest(software, requestOf(tiny, { batchSize: 2 ** 20 }))).toBe("samples");
  expect(cheapest(software, requestOf(sigmoidNet([64, 64, 64, 1]), { batchSize: 1024 }))).toBe("layered");
  expect(cheapest(software, requestOf(sigmoidNet([784, 512, 512, 10]), { batchSize: 1024 }))).toBe("layered");
});

test("on a GPU medium networks are trained by workgroups", () => {
  expect(cheapest(gpu, requestOf(tiny, { members: 100_000 }))).toBe("members");
  expect(cheapest(gpu, requestOf(sigmoidNet([8, 16, 16, 1]), { members: 1024, batchSize: 32 }))).toBe("groups");
  expect(cheapest(gpu, requestOf(sigmoidNet([64, 64, 64, 1]), { batchSize: 65_536 }))).toBe("tiles");
  expect(cheapest(gpu, requestOf(sigmoidNet([784, 512, 512, 10]), { batchSize: 1024 }))).toBe("layered");
});
