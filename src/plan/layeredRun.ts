import { type Batch, batchAt } from "../batches.ts";
import { requireAlive, type TrainingRun } from "../executor.ts";
import { readStretches, write } from "../gpu/bufferOwner.ts";
import { encode } from "../gpu/kernel.ts";
import { type BuffersRequest, createLayeredBuffers, type LayeredBuffers, stepSlots } from "./layeredBuffers.ts";
import { createStepDispatches, type StepDispatches } from "./layeredDispatches.ts";
import type { LayeredPlan } from "./layeredPlan.ts";
import { type Chunk, stepStride, writeStep } from "./uniforms.ts";

/** Submits that may be under way at once: enough to keep the GPU busy, few enough to stop within a moment. */
const submitsInFlight = 2;
/** Work of one submit, in dispatch budgets (100 ms each): watchdogs end submits of seconds. */
const submitBudgets = 2;

/** Status of a replica whose numbers are finite. */
const noStep = 0xffffffff;

/** One submit under construction. */
interface Submit {
  readonly encoder: GPUCommandEncoder;
  readonly pass: GPUComputePassEncoder;
  slots: number;
  work: number;
}

/** A training run on the layered path: several dispatches a step, many steps a submit, nothing read back. */
export class LayeredRun implements TrainingRun {
  readonly ringSteps: number;
  readonly buffers: LayeredBuffers;
  readonly #request: BuffersRequest;
  readonly #plan: LayeredPlan;
  readonly #dispatches: StepDispatches;
  readonly #slots = new ArrayBuffer(stepSlots * stepStride);
  readonly #slotView = new DataView(this.#slots);
  readonly #rowCount: number;
  readonly #inFlight: Promise<void>[] = [];
  #submit: Submit | undefined;
  #isDisposed = false;

  private constructor(request: BuffersRequest, buffers: LayeredBuffers, dispatches: StepDispatches) {
    this.#request = request;
    this.#plan = request.plan;
    this.ringSteps = request.plan.ringSteps;
    this.buffers = buffers;
    this.#dispatches = dispatches;
    this.#rowCount = request.settings.data.targets.length / request.network.outputs;
  }

  /**
   * Allocates buffers, uploads data and compiles pipelines.
   * @param parameters [replicas, parameterCount], updated by the run
   */
  static async create(request: BuffersRequest, parameters: GPUBuffer): Promise<LayeredRun> {
    const { device } = request;
    const buffers = await device.checked(
      "training: buffers",
      () => createLayeredBuffers(request),
      ({ owner }) => owner.dispose(),
    );
    try {
      const dispatches = await createStepDispatches({ ...request, parameters, buffers });
      return new LayeredRun(request, buffers, dispatches);
    } catch (error) {
      buffers.owner.dispose();
      throw error;
    }
  }

  async execute(firstStep: number, count: number): Promise<void> {
    requireAlive("train", this.#isDisposed);
    this.#request.device.throwFault("training");
    const { settings } = this.#request;
    for (let step = firstStep; step < firstStep + count; step++) {
      const batch = batchAt(settings, this.#rowCount, step);
      for (let firstRow = 0; firstRow < batch.batchSize; firstRow += this.#plan.chunkRows) {
        const rows = Math.min(this.#plan.chunkRows, batch.batchSize - firstRow);
        for (let replica = 0; replica < this.#request.replicas; replica += this.#plan.groupReplicas) {
          if (this.#isFull(rows)) await this.#flush();
          this.#encodeChunk(step, batch, { firstRow, rows }, replica);
        }
      }
    }
    await this.#flush();
  }

  /** Work of so many rows of one group of replicas. */
  #workOf(rows: number): number {
    const share = Math.min(1, this.#plan.groupReplicas / this.#request.replicas);
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

  #encodeChunk(step: number, batch: Batch, chunk: Chunk, firstReplica: number): void {
    const { network, settings } = this.#request;
    const { optimizer } = settings;
    const submit = (this.#submit ??= this.#begin());
    const offset = submit.slots++ * stepStride;
    submit.work += this.#workOf(chunk.rows);
    const lossSlot = step % this.ringSteps;
    writeStep(this.#slotView, offset, { network, optimizer, step, batch, chunk, lossSlot, firstReplica });
    const gathers = firstReplica === 0 ? this.#dispatches.gathers : [];
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

  async readLosses(firstStep: number, count: number): Promise<Float32Array> {
    requireAlive("train", this.#isDisposed);
    const { replicas } = this.#request;
    const first = firstStep % this.ringSteps;
    const head = Math.min(count, this.ringSteps - first);
    const buffer = this.buffers.losses;
    const stretches = [{ buffer, first: first * replicas, length: head * replicas }];
    if (count > head) stretches.push({ buffer, first: 0, length: (count - head) * replicas });
    return new Float32Array(await readStretches(this.#request.device, "training: losses", stretches));
  }

  async readNonFinite(): Promise<Float64Array> {
    requireAlive("train", this.#isDisposed);
    const stretch = { buffer: this.buffers.nonFinite, first: 0, length: this.#request.replicas };
    const words = new Uint32Array(await readStretches(this.#request.device, "training: status", [stretch]));
    return Float64Array.from(words, (step) => (step === noStep ? -1 : step));
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
