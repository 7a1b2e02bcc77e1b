import type { Network } from "../network.ts";
import { momentCount, type Optimizer } from "../optimizer.ts";
import { layeredSampleFlops, type PlanLimits, type PlanRequest } from "./layeredPlan.ts";

// What a step costs, in milliseconds: the planner takes the path that costs least. docs/engine.md derives it.

/** What an activation and its slope cost, in floating-point operations. */
const activationFlops = 24;

/** Floating-point operations of one sample, forward, loss and backward, with what functions cost. */
export function sampleFlops({ inputs, layers, outputs }: Network): number {
  const weights = layers.reduce((sum, { fanIn, fanOut }) => sum + fanIn * fanOut, 0);
  const units = layers.reduce((sum, { fanOut }) => sum + fanOut, 0);
  return 6 * weights - 2 * inputs * layers[0]!.fanOut + activationFlops * (units + outputs) + 8 * inputs;
}

/** Floating-point operations of one parameter's update. */
export const updateFlops = (optimizer: Optimizer): number => 12 + 12 * momentCount(optimizer);

interface Machine {
  /** Invocations that make headway at once. */
  readonly lanes: number;
  /** Operations that one of them does in a second. */
  readonly laneFlops: number;
  readonly dispatchMs: number;
  /** Operations a second of the products of the layered path, all lanes together. */
  readonly layeredFlops: number;
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
    layeredFlops: 2.2e9,
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
    layeredFlops: 6e12,
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

/** Milliseconds of a step layer by layer. */
export function layeredStepMs({ kind }: PlanLimits, { network, replicas, batchSize }: PlanRequest): number {
  const { dispatchMs, layeredFlops } = machines[kind];
  const dispatches = 3 * network.layers.length + 1;
  return dispatches * dispatchMs + (1000 * replicas * batchSize * layeredSampleFlops(network)) / layeredFlops;
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
