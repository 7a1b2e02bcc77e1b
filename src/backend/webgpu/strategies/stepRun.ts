import { type Batch, batchAt } from "../../batches.ts";
import { write } from "../bufferOwner.ts";
import { type Dispatch, encode } from "../kernel.ts";
import { GpuRun, type RunBuffers, type RunParts } from "./gpuRun.ts";
import { stepSlots } from "./layeredPlan.ts";
import { type Chunk, writeStep } from "./uniforms.ts";
import { stepStride } from "../layouts.ts";

/** Work of one submit, in dispatch budgets (100 ms each): watchdogs end submits of seconds. */
const submitBudgets = 2;

/** One submit under construction. */
interface Submit {
  readonly encoder: GPUCommandEncoder;
  readonly pass: GPUComputePassEncoder;
  slots: number;
  work: number;
}

/** Sizes that cut a step into dispatches, and steps into submits. */
export interface StepPlan {
  readonly chunkRows: number;
  readonly groupMembers: number;
  readonly ringSteps: number;
  readonly workPerStep: number;
}

/** All dispatches of one step: those of every chunk and group of members, and the update behind the last chunk. */
export interface StepDispatches {
  /** Once per chunk, before all groups. */
  readonly gathers: readonly Dispatch[];
  readonly chunk: readonly Dispatch[];
  readonly update: readonly Dispatch[];
}

/** Everything a run of several dispatches a step is made of. */
export interface StepRunParts<Buffers extends RunBuffers> extends RunParts {
  readonly plan: StepPlan;
  /** With the slots of `Step`, which every dispatch reads. */
  readonly buffers: Buffers & { readonly steps: GPUBuffer };
  readonly dispatches: StepDispatches;
}

/** A training run of several dispatches a step, many steps a submit, nothing read back. */
export class StepRun<Buffers extends RunBuffers> extends GpuRun<StepRunParts<Buffers>> {
  /** Steps are dispatches of their own. */
  readonly leastSteps = 1;
  readonly #slots = new ArrayBuffer(stepSlots * stepStride);
  readonly #slotView = new DataView(this.#slots);
  #submit: Submit | undefined;

  protected async submitSteps(firstStep: number, count: number): Promise<void> {
    const { settings, plan, members } = this.parts;
    for (let step = firstStep; step < firstStep + count; step++) {
      const batch = batchAt(settings, this.rowCount, step);
      for (let firstRow = 0; firstRow < batch.batchSize; firstRow += plan.chunkRows) {
        const rows = Math.min(plan.chunkRows, batch.batchSize - firstRow);
        for (let member = 0; member < members; member += plan.groupMembers) {
          if (this.#isFull(rows)) await this.#flush();
          this.parts.device.recorded("training", () => this.#encodeChunk(step, batch, { firstRow, rows }, member));
        }
      }
    }
    await this.#flush();
  }

  /** Work of so many rows of one group of members. */
  #workOf(rows: number): number {
    const { plan, members, settings } = this.parts;
    const share = Math.min(1, plan.groupMembers / members);
    return (share * plan.workPerStep * rows) / settings.batchSize;
  }

  /** True when another chunk would be too many slots or too much work for the submit under construction. */
  #isFull(rows: number): boolean {
    if (!this.#submit) return false;
    const budget = submitBudgets * this.parts.device.dispatchFlops;
    return this.#submit.slots === stepSlots || this.#submit.work + this.#workOf(rows) > budget;
  }

  #begin(): Submit {
    const encoder = this.parts.device.gpu.createCommandEncoder({ label: "training" });
    return { encoder, pass: encoder.beginComputePass({ label: "training" }), slots: 0, work: 0 };
  }

  #encodeChunk(step: number, batch: Batch, chunk: Chunk, firstMember: number): void {
    const { network, dispatches } = this.parts;
    const { optimizer } = this;
    const submit = (this.#submit ??= this.#begin());
    const offset = submit.slots++ * stepStride;
    submit.work += this.#workOf(chunk.rows);
    const lossSlot = step % this.ringSteps;
    writeStep(this.#slotView, offset, { network, optimizer, step, batch, chunk, lossSlot, firstMember });
    const gathers = firstMember === 0 ? dispatches.gathers : [];
    for (const dispatch of gathers) encode(submit.pass, dispatch, chunk.rows, offset);
    for (const dispatch of dispatches.chunk) encode(submit.pass, dispatch, chunk.rows, offset);
    const isLast = chunk.firstRow + chunk.rows === batch.batchSize;
    if (isLast) for (const dispatch of dispatches.update) encode(submit.pass, dispatch, chunk.rows, offset);
  }

  /** Submits what is encoded, and waits until few submits are under way. */
  async #flush(): Promise<void> {
    const submit = this.#submit;
    if (!submit) return;
    this.#submit = undefined;
    this.requireAlive();
    const { device } = this.parts;
    const { queue } = device.gpu;
    device.guarded("training", () => {
      submit.pass.end();
      write(device, this.buffers.steps, new Uint32Array(this.#slots, 0, (submit.slots * stepStride) / 4));
      device.submit("training", submit.encoder);
    });
    await this.inFlight.add(device.settled("training", queue.onSubmittedWorkDone()));
  }
}
