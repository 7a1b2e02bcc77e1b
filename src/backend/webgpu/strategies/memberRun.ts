import { batchAt, widestOptimizer } from "../../batches.ts";
import {
  type MemberResults,
  requireAlive,
  type RunSettings,
  type TrainingRun,
  type Checkpoint,
} from "../../executor.ts";
import { write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { type Kernel, maxGroups } from "../kernel.ts";
import type { Network } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { rowCountOf } from "./costConstants.ts";
import type { FusedBuffers } from "./fusedBuffers.ts";
import {
  readLossRing,
  readNonFinite,
  readResults,
  readRunCheckpoint,
  type RunStatus,
  writeLearningRate,
} from "./runStatus.ts";
import { submitsInFlight } from "./stepRun.ts";
import { runBlock, storedStepBytes, writeStep } from "./uniforms.ts";

/** Steps of one dispatch at most: their numbers are written before it. */
export const maxStepsPerDispatch = 1024;
/** Time that one dispatch is meant to take, far below what watchdogs allow. */
const targetMs = 50;
/** Growth from one dispatch to the next: what was measured may have been a pause. */
const growth = 4;

/** What sizes a run of many steps a dispatch. */
export interface MemberPlan {
  readonly groupMembers: number;
  /** Members of one workgroup. */
  readonly workgroupMembers: number;
  readonly ringSteps: number;
  /** Estimate for all members. */
  readonly stepMs: number;
  /** Steps worth handing over at once. */
  readonly leastSteps: number;
}

export interface MemberRunParts {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  readonly plan: MemberPlan;
  readonly buffers: FusedBuffers;
  readonly parameters: GPUBuffer;
  readonly kernel: Kernel;
}

/** A dispatch over a group of members. */
interface Group {
  readonly bindGroup: GPUBindGroup;
  readonly run: GPUBuffer;
  readonly firstMember: number;
  readonly endMember: number;
}

/**
 * A training run whose dispatches each take many steps of a group of members, one group after the other: parameters are loaded
 * and stored once per dispatch. The bits do not depend on how many steps a dispatch takes.
 */
export class MemberRun implements TrainingRun {
  readonly ringSteps: number;
  readonly leastSteps: number;
  readonly #parts: MemberRunParts;
  readonly #steps: GPUBuffer;
  readonly #groups: readonly Group[];
  readonly #words = new DataView(new ArrayBuffer(maxStepsPerDispatch * storedStepBytes));
  readonly #rowCount: number;
  /** The widest of all members, which the kernels are written for. */
  readonly #optimizer: Optimizer;
  readonly #inFlight: Promise<void>[] = [];
  /** Steps of the next dispatch: few at first, then as many as fit the time. */
  #stepsPerDispatch: number;
  /** When the dispatch before was done: the device was free for the next. */
  #doneMs = 0;
  #stepsDone = 0;
  #isDisposed = false;

  private constructor(parts: MemberRunParts, steps: GPUBuffer, groups: readonly Group[]) {
    const { plan, settings, network } = parts;
    this.#parts = parts;
    this.#steps = steps;
    this.#groups = groups;
    this.ringSteps = plan.ringSteps;
    this.leastSteps = Math.min(plan.leastSteps, plan.ringSteps);
    this.#rowCount = rowCountOf(settings, network);
    this.#optimizer = widestOptimizer(settings);
    const groupMs = plan.stepMs / groups.length;
    this.#stepsPerDispatch = Math.max(1, Math.min(maxStepsPerDispatch, Math.floor(targetMs / (4 * groupMs))));
  }

  static create(parts: MemberRunParts): MemberRun {
    const { device, members, plan, buffers, parameters, kernel } = parts;
    const { owner, hyper, inputs, targets, settings, moments, losses, status } = buffers;
    const steps = owner.storage("steps", (maxStepsPerDispatch * storedStepBytes) / 4);
    const groups: Group[] = [];
    for (let firstMember = 0; firstMember < members; firstMember += plan.groupMembers) {
      const run = owner.uniform(`members from ${firstMember}`, runBlock(0, 0, 0).byteLength);
      const bound = [run, hyper, steps, inputs, targets, settings, parameters, moments, losses, status];
      const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const bindGroup = device.gpu.createBindGroup({ label: kernel.name, layout: kernel.layout, entries });
      groups.push({ bindGroup, run, firstMember, endMember: Math.min(members, firstMember + plan.groupMembers) });
    }
    return new MemberRun(parts, steps, groups);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    requireAlive("train", this.#isDisposed);
    this.#parts.device.throwFault("training");
    const end = firstStep + count;
    for (let step = firstStep; step < end;) {
      const steps = Math.min(this.#stepsPerDispatch, end - step, this.ringSteps);
      this.#writeSteps(step, steps);
      for (const group of this.#groups) {
        this.#submit(group, steps);
        if (this.#inFlight.length > submitsInFlight) await this.#inFlight.shift();
        requireAlive("train", this.#isDisposed);
      }
      step += steps;
    }
    this.#stepsDone = end;
  }

  /** The numbers of steps, in the order they are taken. */
  #writeSteps(firstStep: number, count: number): void {
    const { network, settings } = this.#parts;
    const optimizer = this.#optimizer;
    for (let index = 0; index < count; index++) {
      const step = firstStep + index;
      const batch = batchAt(settings, this.#rowCount, step);
      const chunk = { firstRow: 0, rows: batch.batchSize };
      const lossSlot = step % this.ringSteps;
      writeStep(this.#words, index * storedStepBytes, { network, optimizer, step, batch, chunk, lossSlot });
    }
    write(this.#parts.device.gpu, this.#steps, new Uint32Array(this.#words.buffer, 0, (count * storedStepBytes) / 4));
  }

  /** One dispatch and one submit: what it takes can be told from the time until it is done. */
  #submit({ bindGroup, run, firstMember, endMember }: Group, count: number): void {
    const { device, kernel, plan } = this.#parts;
    const { gpu } = device;
    write(gpu, run, runBlock(count, firstMember, endMember));
    const encoder = gpu.createCommandEncoder({ label: "training" });
    const pass = encoder.beginComputePass({ label: "training" });
    pass.setPipeline(kernel.pipeline);
    pass.setBindGroup(0, bindGroup, [0]);
    const workgroups = Math.ceil((endMember - firstMember) / plan.workgroupMembers);
    const rows = Math.ceil(workgroups / maxGroups);
    pass.dispatchWorkgroups(Math.ceil(workgroups / rows), rows);
    pass.end();
    const submittedMs = performance.now();
    gpu.queue.submit([encoder.finish()]);
    const done = device.settled("training", gpu.queue.onSubmittedWorkDone()).then(() => {
      const nowMs = performance.now();
      this.#adapt(count, nowMs - Math.max(submittedMs, this.#doneMs));
      this.#doneMs = nowMs;
    });
    done.catch(() => {}); // thrown where it is awaited
    this.#inFlight.push(done);
  }

  /** Sizes dispatches by the time that one took, from when the device was free for it. */
  #adapt(steps: number, ms: number): void {
    const wanted = Math.floor((steps * targetMs) / Math.max(ms, 0.01));
    this.#stepsPerDispatch = Math.max(1, Math.min(maxStepsPerDispatch, wanted, growth * this.#stepsPerDispatch));
  }

  async finished(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
    this.#parts.device.throwFault("training");
  }

  readLosses(firstStep: number, count: number): Promise<Float32Array> {
    return readLossRing(this.#status(), firstStep, count);
  }

  readNonFinite(): Promise<Float64Array> {
    return readNonFinite(this.#status());
  }

  readResults(): Promise<MemberResults> {
    return readResults(this.#status(), this.#stepsDone);
  }

  setLearningRate(learningRate: number): void {
    writeLearningRate(this.#status(), this.#parts.settings, learningRate);
  }

  readCheckpoint(step: number): Promise<Checkpoint> {
    const { settings, parameters, network, buffers } = this.#parts;
    const { parameterCount } = network;
    return readRunCheckpoint({ ...this.#status(), buffers, settings, parameters, parameterCount }, step);
  }

  #status(): RunStatus {
    requireAlive("train", this.#isDisposed);
    const { device, members, buffers } = this.#parts;
    return { device, members, buffers, ringSteps: this.ringSteps };
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Frees the buffers; the parameters stay with the executor. */
  dispose(): void {
    this.#isDisposed = true;
    this.#parts.buffers.owner.dispose();
  }
}
