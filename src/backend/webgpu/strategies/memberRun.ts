import { batchAt } from "../../batches.ts";
import { write } from "../bufferOwner.ts";
import { runBlock } from "../fusedKernels.ts";
import { bind, type Kernel, maxGroups, submitPass } from "../kernel.ts";
import { maxStepsPerDispatch } from "./fusedPlan.ts";
import { GpuRun, type RunBuffers, type RunParts } from "./gpuRun.ts";
import { writeStep } from "./uniforms.ts";
import { storedStepBytes } from "../layouts.ts";

/** Every buffer of a fused run, owned together. Parameters belong to the executor. */
export interface FusedBuffers extends RunBuffers {
  /** [rows, inputs] and [rows, outputs]. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
}

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

export interface MemberRunParts extends RunParts {
  readonly plan: MemberPlan;
  readonly buffers: FusedBuffers;
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
export class MemberRun extends GpuRun<MemberRunParts> {
  readonly leastSteps: number;
  readonly #steps: GPUBuffer;
  readonly #groups: readonly Group[];
  readonly #words = new DataView(new ArrayBuffer(maxStepsPerDispatch * storedStepBytes));
  /** Steps of the next dispatch: few at first, then as many as fit the time. */
  #stepsPerDispatch: number;
  /** When the dispatch before was done: the device was free for the next. */
  #doneMs = 0;

  private constructor(parts: MemberRunParts, steps: GPUBuffer, groups: readonly Group[]) {
    super(parts);
    const { plan } = parts;
    this.#steps = steps;
    this.#groups = groups;
    this.leastSteps = Math.min(plan.leastSteps, plan.ringSteps);
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
      const bindGroup = bind(device, kernel, `members from ${firstMember}`, bound);
      groups.push({ bindGroup, run, firstMember, endMember: Math.min(members, firstMember + plan.groupMembers) });
    }
    return new MemberRun(parts, steps, groups);
  }

  protected async submitSteps(firstStep: number, count: number): Promise<void> {
    const end = firstStep + count;
    for (let step = firstStep; step < end;) {
      const steps = Math.min(this.#stepsPerDispatch, end - step, this.ringSteps);
      for (const group of this.#groups) {
        await this.inFlight.add(this.#submit(group, step, steps));
        this.requireAlive();
      }
      step += steps;
    }
  }

  /** The numbers of steps, in the order they are taken. */
  #writeSteps(firstStep: number, count: number): void {
    const { network, settings } = this.parts;
    const { optimizer } = this;
    for (let index = 0; index < count; index++) {
      const step = firstStep + index;
      const batch = batchAt(settings, this.rowCount, step);
      const chunk = { firstRow: 0, rows: batch.batchSize };
      const lossSlot = step % this.ringSteps;
      writeStep(this.#words, index * storedStepBytes, { network, optimizer, step, batch, chunk, lossSlot });
    }
    write(this.parts.device, this.#steps, new Uint32Array(this.#words.buffer, 0, (count * storedStepBytes) / 4));
  }

  /** One dispatch and one submit: what it takes can be told from the time until it is done. */
  #submit(group: Group, firstStep: number, count: number): Promise<void> {
    const { device } = this.parts;
    const { gpu } = device;
    const submittedMs = performance.now();
    device.guarded("training", () => {
      if (group.firstMember === 0) this.#writeSteps(firstStep, count);
      this.#dispatch(group, count);
    });
    return device.settled("training", gpu.queue.onSubmittedWorkDone()).then(() => {
      const nowMs = performance.now();
      this.#adapt(count, nowMs - Math.max(submittedMs, this.#doneMs));
      this.#doneMs = nowMs;
    });
  }

  #dispatch({ bindGroup, run, firstMember, endMember }: Group, count: number): void {
    const { device, kernel, plan } = this.parts;
    write(device, run, runBlock(count, firstMember, endMember));
    submitPass(device, "training", (pass) => {
      pass.setPipeline(kernel.pipeline);
      pass.setBindGroup(0, bindGroup, [0]);
      const workgroups = Math.ceil((endMember - firstMember) / plan.workgroupMembers);
      const rows = Math.ceil(workgroups / maxGroups);
      pass.dispatchWorkgroups(Math.ceil(workgroups / rows), rows);
    });
  }

  /** Sizes dispatches by the time that one took, from when the device was free for it. */
  #adapt(steps: number, ms: number): void {
    const wanted = Math.floor((steps * targetMs) / Math.max(ms, 0.01));
    this.#stepsPerDispatch = Math.max(1, Math.min(maxStepsPerDispatch, wanted, growth * this.#stepsPerDispatch));
  }
}
