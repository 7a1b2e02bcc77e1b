import { type Batch, batchAt, widestOptimizer } from "../../batches.ts";
import {
  type MemberResults,
  requireAlive,
  type RunSettings,
  type TrainingRun,
  type Checkpoint,
} from "../../executor.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { encode } from "../kernel.ts";
import type { Network } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { rowCountOf } from "./costConstants.ts";
import { stepSlots } from "./layeredBuffers.ts";
import type { StepDispatches } from "./layeredDispatches.ts";
import {
  readLossRing,
  readNonFinite,
  readResults,
  readRunCheckpoint,
  type RunStatus,
  writeLearningRate,
} from "./runStatus.ts";
import { type Chunk, stepStride, writeStep } from "./uniforms.ts";

/** Submits that may be under way at once: enough to keep the GPU busy, few enough to stop within a moment. */
export const submitsInFlight = 2;
/** Work of one submit, in dispatch budgets (100 ms each): watchdogs end submits of seconds. */
const submitBudgets = 2;

/** One submit under construction. */
interface Submit {
  readonly encoder: GPUCommandEncoder;
  readonly pass: GPUComputePassEncoder;
  slots: number;
  work: number;
}

/** What every run reads and frees, whatever else its strategy holds. */
export interface RunBuffers {
  readonly owner: BufferOwner;
  /** [ringSteps, members]. */
  readonly losses: GPUBuffer;
  /** [3, members]. */
  readonly status: GPUBuffer;
  /** [members] of `MemberSettings`. */
  readonly settings: GPUBuffer;
  /** [momentCount, members, parameterCount]. */
  readonly moments: GPUBuffer;
}

/** Sizes that cut a step into dispatches, and steps into submits. */
export interface StepPlan {
  readonly chunkRows: number;
  readonly groupMembers: number;
  readonly ringSteps: number;
  readonly workPerStep: number;
}

/** Everything a run of several dispatches a step is made of. */
export interface StepRunParts<Buffers extends RunBuffers> {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  readonly plan: StepPlan;
  /** With the slots of `Step`, which every dispatch reads. */
  readonly buffers: Buffers & { readonly steps: GPUBuffer };
  readonly dispatches: StepDispatches;
  /** [members, parameterCount]: the executor's. */
  readonly parameters: GPUBuffer;
}

/** A training run of several dispatches a step, many steps a submit, nothing read back. Owns its buffers. */
export class StepRun<Buffers extends RunBuffers> implements TrainingRun {
  readonly ringSteps: number;
  readonly buffers: StepRunParts<Buffers>["buffers"];
  readonly #request: StepRunParts<Buffers>;
  readonly #plan: StepPlan;
  readonly #dispatches: StepDispatches;
  readonly #slots = new ArrayBuffer(stepSlots * stepStride);
  readonly #slotView = new DataView(this.#slots);
  readonly #rowCount: number;
  /** The widest of all members, which the kernels are written for. */
  readonly #optimizer: Optimizer;
  readonly #inFlight: Promise<void>[] = [];
  #submit: Submit | undefined;
  #stepsDone = 0;
  #isDisposed = false;

  constructor(parts: StepRunParts<Buffers>) {
    this.#request = parts;
    this.#plan = parts.plan;
    this.ringSteps = parts.plan.ringSteps;
    this.buffers = parts.buffers;
    this.#dispatches = parts.dispatches;
    this.#rowCount = rowCountOf(parts.settings, parts.network);
    this.#optimizer = widestOptimizer(parts.settings);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    requireAlive("train", this.#isDisposed);
    this.#request.device.throwFault("training");
    const { settings } = this.#request;
    for (let step = firstStep; step < firstStep + count; step++) {
      const batch = batchAt(settings, this.#rowCount, step);
      for (let firstRow = 0; firstRow < batch.batchSize; firstRow += this.#plan.chunkRows) {
        const rows = Math.min(this.#plan.chunkRows, batch.batchSize - firstRow);
        for (let member = 0; member < this.#request.members; member += this.#plan.groupMembers) {
          if (this.#isFull(rows)) await this.#flush();
          this.#encodeChunk(step, batch, { firstRow, rows }, member);
        }
      }
    }
    await this.#flush();
    this.#stepsDone = firstStep + count;
  }

  /** Work of so many rows of one group of members. */
  #workOf(rows: number): number {
    const share = Math.min(1, this.#plan.groupMembers / this.#request.members);
    return (share * this.#plan.workPerStep * rows) / this.#request.settings.batchSize;
  }

  /** True when another chunk would be too many slots or too much work for the submit under construction. */
  #isFull(rows: number): boolean {
    if (!this.#submit) return false;
    const budget = submitBudgets * this.#request.device.dispatchFlops;
    return this.#submit.slots === stepSlots || this.#submit.work + this.#workOf(rows) > budget;
  }

  #begin(): Submit {
    const encoder = this.#request.device.gpu.createCommandEncoder({ label: "training" });
    return { encoder, pass: encoder.beginComputePass({ label: "training" }), slots: 0, work: 0 };
  }

  #encodeChunk(step: number, batch: Batch, chunk: Chunk, firstMember: number): void {
    const { network } = this.#request;
    const optimizer = this.#optimizer;
    const submit = (this.#submit ??= this.#begin());
    const offset = submit.slots++ * stepStride;
    submit.work += this.#workOf(chunk.rows);
    const lossSlot = step % this.ringSteps;
    writeStep(this.#slotView, offset, { network, optimizer, step, batch, chunk, lossSlot, firstMember });
    const gathers = firstMember === 0 ? this.#dispatches.gathers : [];
    for (const dispatch of gathers) encode(submit.pass, dispatch, chunk.rows, offset);
    for (const dispatch of this.#dispatches.chunk) encode(submit.pass, dispatch, chunk.rows, offset);
    const isLast = chunk.firstRow + chunk.rows === batch.batchSize;
    if (isLast) encode(submit.pass, this.#dispatches.update, chunk.rows, offset);
  }

  /** Submits what is encoded, and waits until few submits are under way. */
  async #flush(): Promise<void> {
    const submit = this.#submit;
    if (!submit) return;
    this.#submit = undefined;
    requireAlive("train", this.#isDisposed);
    const { device } = this.#request;
    const { queue } = device.gpu;
    submit.pass.end();
    write(device.gpu, this.buffers.steps, new Uint32Array(this.#slots, 0, (submit.slots * stepStride) / 4));
    queue.submit([submit.encoder.finish()]);
    const done = device.settled("training", queue.onSubmittedWorkDone());
    done.catch(() => {}); // thrown where it is awaited
    this.#inFlight.push(done);
    if (this.#inFlight.length > submitsInFlight) await this.#inFlight.shift();
  }

  async finished(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
    this.#request.device.throwFault("training");
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

  readCheckpoint(step: number): Promise<Checkpoint> {
    const { settings, parameters, network } = this.#request;
    const { parameterCount } = network;
    return readRunCheckpoint({ ...this.#status(), buffers: this.buffers, settings, parameters, parameterCount }, step);
  }

  #status(): RunStatus {
    requireAlive("train", this.#isDisposed);
    const { device, members } = this.#request;
    return { device, members, buffers: this.buffers, ringSteps: this.ringSteps };
  }

  setLearningRate(learningRate: number): void {
    writeLearningRate(this.#status(), this.#request.settings, learningRate);
  }

  /** Steps are dispatches of their own. */
  get leastSteps(): number {
    return 1;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Frees the buffers; the parameters stay with the executor. */
  dispose(): void {
    this.#isDisposed = true;
    this.buffers.owner.dispose();
  }
}
