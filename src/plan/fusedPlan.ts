import type { Network } from "../network.ts";
import { momentCount, type Optimizer } from "../optimizer.ts";
import type { PlanLimits, PlanRequest } from "./layeredPlan.ts";

/**
 * How a fused run spreads over invocations. `replicas`: one trains a replica, many steps in one dispatch.
 * `samples`: one takes a slice of the batch through all layers; with the update two dispatches a step.
 */
export type FusedMapping = "replicas" | "samples";

/** Sizes of a fused run: a function of the request and the limits alone, never of measured time. */
export interface FusedPlan {
  readonly mapping: FusedMapping;
  /** Rows of one dispatch, and replicas of one. */
  readonly chunkRows: number;
  readonly groupReplicas: number;
  /** samples: slices of a chunk and their rows. */
  readonly slots: number;
  readonly sliceRows: number;
  readonly ringSteps: number;
  /** Floating-point operations of one step, with what functions cost. */
  readonly workPerStep: number;
  /** Estimated by the cost model, in milliseconds. */
  readonly stepMs: number;
}

/** More parameters than this are too much straight-line code for drivers, and too many registers. */
export const maxFusedParameters = 512;
/** Terms that one invocation adds up one after the other: the error of a sum grows with them. */
const maxSliceRows = 1024;
const leastSliceRows = 16;
const maxSlots = 1024;
const maxRingSteps = 4096;
const workgroup = 64;

/** What an activation and its slope cost, in floating-point operations. */
const activationFlops = 24;

/** Work of one sample, forward, loss and backward. */
export function sampleFlops({ inputs, layers, outputs }: Network): number {
  const weights = layers.reduce((sum, { fanIn, fanOut }) => sum + fanIn * fanOut, 0);
  const units = layers.reduce((sum, { fanOut }) => sum + fanOut, 0);
  return 6 * weights - 2 * inputs * layers[0]!.fanOut + activationFlops * (units + outputs) + 8 * inputs;
}

/** Work of one update of one replica. */
const updateFlops = ({ parameterCount }: Network, optimizer: Optimizer): number =>
  parameterCount * (6 + 12 * momentCount(optimizer));

/**
 * The cost model. Lanes are invocations that make headway at once; a lane does so many operations a second. Measured on
 * SwiftShader with 2 cores (4 lanes each); for hardware an estimate that errs towards fewer lanes.
 */
const machine = {
  software: { lanes: 8, laneFlops: 4e8, dispatchMs: 0.012, layeredFlops: 1e9 },
  gpu: { lanes: 8192, laneFlops: 4e8, dispatchMs: 0.006, layeredFlops: 2e12 },
} as const;

interface FusedRequest extends PlanRequest {
  readonly optimizer: Optimizer;
}

/** Milliseconds of `invocations` that each do `flops`. */
function spreadMs(kind: PlanLimits["kind"], invocations: number, flops: number): number {
  const { lanes, laneFlops } = machine[kind];
  return (1000 * Math.max(1, invocations / lanes) * flops) / laneFlops;
}

/** Milliseconds of a step layer by layer, by the same model. */
export function layeredStepMs({ kind }: PlanLimits, { network, replicas, batchSize }: PlanRequest): number {
  const { dispatchMs, layeredFlops } = machine[kind];
  const dispatches = 3 * network.layers.length + 1;
  return dispatches * dispatchMs + (1000 * replicas * batchSize * sampleFlops(network)) / layeredFlops;
}

const ringStepsOf = (limits: PlanLimits, replicas: number): number =>
  Math.max(1, Math.min(maxRingSteps, Math.floor(Math.min(2 ** 22, limits.maxBufferBytes / 4) / replicas)));

function planReplicas(limits: PlanLimits, request: FusedRequest): FusedPlan | undefined {
  const { network, replicas, batchSize, optimizer } = request;
  if (batchSize > maxSliceRows) return undefined;
  const work = batchSize * sampleFlops(network) + updateFlops(network, optimizer);
  const most = Math.max(1, Math.floor(limits.dispatchFlops / work));
  return {
    mapping: "replicas",
    chunkRows: batchSize,
    groupReplicas: Math.min(replicas, Math.max(workgroup, most - (most % workgroup))),
    slots: 1,
    sliceRows: batchSize,
    ringSteps: ringStepsOf(limits, replicas),
    workPerStep: replicas * work,
    stepMs: spreadMs(limits.kind, replicas, work),
  };
}

/** Slices are sized by the batch alone, so that sums have the same order on every device. */
function planSamples(limits: PlanLimits, request: FusedRequest): FusedPlan | undefined {
  const { network, replicas, batchSize, optimizer } = request;
  const perSample = sampleFlops(network);
  const most = Math.floor(limits.dispatchFlops / (replicas * perSample));
  if (most < leastSliceRows || replicas > 65_535) return undefined;
  const chunkRows = Math.min(batchSize, most, maxSlots * maxSliceRows);
  const slots = Math.min(maxSlots, Math.ceil(chunkRows / leastSliceRows));
  const sliceRows = Math.ceil(chunkRows / slots);
  const partialFloats = slots * replicas * (network.parameterCount + 1);
  if (4 * partialFloats > limits.maxBufferBytes) return undefined;
  const { dispatchMs } = machine[limits.kind];
  const chunks = Math.ceil(batchSize / chunkRows);
  const update = updateFlops(network, optimizer) / network.parameterCount + 2 * slots;
  const invocations = replicas * Math.max(workgroup, slots);
  return {
    mapping: "samples",
    chunkRows,
    groupReplicas: replicas,
    slots,
    sliceRows,
    ringSteps: ringStepsOf(limits, replicas),
    workPerStep: replicas * (batchSize * perSample + network.parameterCount * update),
    stepMs:
      (chunks + 1) * dispatchMs +
      chunks * spreadMs(limits.kind, invocations, (sliceRows * slots * perSample) / Math.max(workgroup, slots)) +
      spreadMs(limits.kind, replicas * Math.max(workgroup, network.parameterCount), update),
  };
}

/** Whether the data of a run fit one binding each, which the fused kernels need. */
function fitsBindings(limits: PlanLimits, { network, rowCount, replicas }: FusedRequest, moments: number): boolean {
  const largest = Math.max(
    rowCount * Math.max(network.inputs, network.outputs),
    Math.max(1, moments) * replicas * network.parameterCount,
  );
  return 4 * largest <= limits.maxBufferBytes;
}

/**
 * The faster fused mapping by the cost model, or the one asked for.
 * @returns undefined where the network or the data are too large for it
 */
export function planFused(limits: PlanLimits, wanted: FusedRequest, mapping?: FusedMapping): FusedPlan | undefined {
  const request = { ...wanted, batchSize: Math.min(wanted.batchSize, wanted.rowCount) };
  if (request.network.parameterCount > maxFusedParameters) return undefined;
  if (!fitsBindings(limits, request, momentCount(request.optimizer))) return undefined;
  const plans = [planReplicas(limits, request), planSamples(limits, request)].filter((plan) => plan !== undefined);
  const wantedPlans = plans.filter((plan) => mapping === undefined || plan.mapping === mapping);
  return wantedPlans.sort((a, b) => a.stepMs - b.stepMs)[0];
}
