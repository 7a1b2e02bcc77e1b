import { productWork } from "../matmulVariants.ts";
import type { LayerShape } from "../../../graph/network.ts";
import { type Optimizer } from "../../../math/optimizer.ts";
import { momentCount } from "../../../math/optimizerFunction.ts";
import type { PlanLimits, PlanRequest } from "./layeredPlan.ts";

// What a step costs, in milliseconds: the planner takes the strategy that costs least. docs/engine.md derives it.

/** What a step layer by layer is planned for. */
export interface LayeredRequest extends PlanRequest {
  readonly optimizer: Optimizer;
}

interface Machine {
  /** Invocations that make headway at once. */
  readonly lanes: number;
  /** Operations that one of them does in a second. */
  readonly laneFlops: number;
  readonly dispatchMs: number;
  /** Operations a second of the layered strategy's products at their best, all lanes together. */
  readonly productFlops: number;
  /** What a value of the layered strategy takes beside its sum: the invocation, the activation, loads and stores. */
  readonly valueMs: number;
  /** A workgroup of the layered strategy, however little it does: each dispatch has one at least for every member. */
  readonly workgroupMs: number;
  /** What values in workgroup memory instead of registers cost a kernel, as a factor. */
  readonly sharedFactor: number;
  /** One barrier of a workgroup, and the workgroups that pass theirs at once. */
  readonly barrierMs: number;
  readonly workgroups: number;
  /** What parameters in private arrays instead of registers cost a kernel, as a factor. */
  readonly arrayFactor: number;
  /** Bytes of parameters that are loaded and stored in a second. */
  readonly bytesPerSecond: number;
}

/** Measured on SwiftShader, whose 2 cores share what one can do here; for hardware an estimate that errs towards fewer lanes. */
export const machines: Readonly<Record<PlanLimits["kind"], Machine>> = {
  software: {
    lanes: 4,
    laneFlops: 1.1e9,
    dispatchMs: 0.018,
    productFlops: 5e9,
    valueMs: 2e-5,
    workgroupMs: 0.025,
    sharedFactor: 3.2,
    barrierMs: 0.003,
    workgroups: 2,
    arrayFactor: 1,
    bytesPerSecond: 1e9,
  },
  gpu: {
    lanes: 16_384,
    laneFlops: 6e8,
    dispatchMs: 0.006,
    productFlops: 6e12,
    valueMs: 1e-8,
    workgroupMs: 1e-5,
    sharedFactor: 1.5,
    barrierMs: 0.0002,
    workgroups: 128,
    arrayFactor: 8,
    bytesPerSecond: 1e12,
  },
};

/** Milliseconds of so many invocations that each do `flops`. */
export function spreadMs(kind: PlanLimits["kind"], invocations: number, flops: number): number {
  const { lanes, laneFlops } = machines[kind];
  return (1000 * Math.max(1, invocations / lanes) * flops) / laneFlops;
}

/** Work of a layer's products, in multiplications and additions of the fastest kind. */
function layerWork(limits: PlanLimits, { index, fanIn, fanOut }: LayerShape, request: PlanRequest): number {
  const { members, batchSize: rows } = request;
  const one = { members, splits: 1 };
  const forward = productWork(limits, { ...one, rows, columns: fanOut }, fanIn);
  const backwardWeights = productWork(limits, { ...one, rows: fanIn, columns: fanOut }, rows);
  const backwardInputs = index === 0 ? 0 : productWork(limits, { ...one, rows, columns: fanIn }, fanOut);
  return 2 * (forward + backwardWeights + backwardInputs);
}

/** Milliseconds of a step layer by layer. */
export function layeredStepMs(limits: PlanLimits, request: LayeredRequest): number {
  const { network, members, batchSize, optimizer } = request;
  const { dispatchMs, productFlops, valueMs, workgroupMs: leastMs } = machines[limits.kind];
  const { layers, parameterCount } = network;
  const work = layers.reduce((sum, layer) => sum + layerWork(limits, layer, request), 0);
  const values = layers.reduce((sum, { fanIn, fanOut }) => sum + 2 * fanOut + fanIn, 0);
  const updated = parameterCount * (1 + momentCount(optimizer));
  return (
    (3 * layers.length + 1) * (dispatchMs + members * leastMs) +
    (1000 * work) / productFlops +
    members * (batchSize * values + 1.5 * updated) * valueMs
  );
}

/** What each of several workgroups does. */
export interface WorkgroupWork {
  readonly workgroups: number;
  /** Threads that have something to do. */
  readonly threads: number;
  /** Floating-point operations of one workgroup. */
  readonly flops: number;
  /** Barriers that it passes. */
  readonly barriers: number;
}

/** Milliseconds of workgroups that share values between barriers. */
export function workgroupMs(kind: PlanLimits["kind"], work: WorkgroupWork): number {
  const { workgroups, threads, flops, barriers } = work;
  const machine = machines[kind];
  const waits = Math.max(1, workgroups / machine.workgroups) * barriers * machine.barrierMs;
  return machine.sharedFactor * spreadMs(kind, workgroups * threads, flops / threads) + waits;
}
