import { productWork } from "../matmulVariants.ts";
import { scheduleOf } from "../../../graph/schedule.ts";
import type { Task } from "../../../graph/tasks.ts";
import { type Optimizer } from "../../../math/optimizer.ts";
import { stateCount } from "../../../math/optimizerFunction.ts";
import { orthogonalFlops } from "../../stepWork.ts";
import { orthogonalKernels } from "./orthogonalPlan.ts";
import { type PlanLimits, type PlanRequest, valuesOf } from "./layeredPlan.ts";

// What a step costs, in milliseconds: the planner takes the strategy that costs least. docs/engine.md derives it.

/** A step whose cost is requested. */
export interface CostRequest extends PlanRequest {
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

/** Operations of the product of a task, in those of the fastest kind. */
function workOf(limits: PlanLimits, task: Task, { members, batchSize: rows }: PlanRequest): number {
  if (task.kind !== "dense" && task.kind !== "denseInputs" && task.kind !== "denseWeights") return 0;
  const { fanIn, fanOut } = task.layer;
  const one = { members, splits: 1 };
  if (task.kind === "dense") return 2 * productWork(limits, { ...one, rows, columns: fanOut }, fanIn);
  if (task.kind === "denseInputs") return 2 * productWork(limits, { ...one, rows, columns: fanIn }, fanOut);
  return 2 * productWork(limits, { ...one, rows: fanIn, columns: fanOut }, rows);
}

/** Milliseconds of a step layer by layer. */
export function layeredStepMs(limits: PlanLimits, request: CostRequest): number {
  const { network, members, batchSize, optimizer } = request;
  const { dispatchMs, productFlops, valueMs, workgroupMs: leastMs } = machines[limits.kind];
  const schedule = scheduleOf(network);
  const { tasks } = schedule;
  const work = tasks.reduce((sum, task) => sum + workOf(limits, task, request), 0);
  const values = tasks.reduce((sum, task) => sum + valuesOf(schedule, task), network.inputs);
  const updated = network.parameterCount * (1 + stateCount(optimizer, network.parameterCount));
  const dispatches = tasks.length + 1 + orthogonalKernels(limits, network, optimizer, members).length;
  return (
    dispatches * (dispatchMs + members * leastMs) +
    (1000 * (work + members * orthogonalFlops(network, optimizer))) / productFlops +
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
