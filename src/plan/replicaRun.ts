import { batchAt } from "../batches.ts";
import { requireAlive, type RunSettings, type TrainingRun } from "../executor.ts";
import { write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import { groupSize, type Kernel } from "../gpu/kernel.ts";
import type { Network } from "../network.ts";
import type { FusedPlan } from "./fusedPlan.ts";
import type { FusedBuffers } from "./fusedRun.ts";
import { readLossRing, readNonFinite } from "./runStatus.ts";
import { submitsInFlight } from "./stepRun.ts";
import { runBlock, storedStepBytes, writeStep } from "./uniforms.ts";

/** Steps of one dispatch at most: their numbers are written before it. */
const maxSteps = 1024;
/** Time that one dispatch is meant to take, far below what watchdogs allow. */
const targetMs = 40;
/** Growth from one dispatch to the next: what was measured may have been a pause. */
const growth = 4;

export interface ReplicaRunParts {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly replicas: number;
  readonly settings: RunSettings;
  readonly plan: FusedPlan;
  readonly buffers: FusedBuffers;
  readonly parameters: GPUBuffer;
  readonly kernel: Kernel;
}

/** A dispatch over a group of replicas. */
interface Group {
  readonly bindGroup: GPUBindGroup;
  readonly run: GPUBuffer;
  readonly firstReplica: number;
  readonly endReplica: number;
}

/** A training run whose dispatches each take many steps of many replicas. The bits do not depend on how many. */
export class ReplicaRun implements TrainingRun {
  readonly ringSteps: number;
  readonly #parts: ReplicaRunParts;
  readonly #steps: GPUBuffer;
  readonly #groups: readonly Group[];
  readonly #words = new DataView(new ArrayBuffer(maxSteps * storedStepBytes));
  readonly #rowCount: number;
  readonly #inFlight: Promise<void>[] = [];
  /** Steps of the next dispatch: few at first, then as many as fit the time. */
  #stepsPerDispatch: number;
  #isDisposed = false;

  private constructor(parts: ReplicaRunParts, steps: GPUBuffer, groups: readonly Group[]) {
    const { plan, settings, network } = parts;
    this.#parts = parts;
    this.#steps = steps;
    this.#groups = groups;
    this.ringSteps = plan.ringSteps;
    this.#rowCount = settings.data.targets.length / network.outputs;
    this.#stepsPerDispatch = Math.max(1, Math.min(maxSteps, Math.floor(targetMs / (4 * plan.stepMs))));
  }

  static create(parts: ReplicaRunParts): ReplicaRun {
    const { device, replicas, plan, buffers, parameters, kernel } = parts;
    const { owner, hyper, inputs, targets, moments, losses, nonFinite } = buffers;
    const steps = owner.storage("steps", (maxSteps * storedStepBytes) / 4);
    const groups: Group[] = [];
    for (let firstReplica = 0; firstReplica < replicas; firstReplica += plan.groupReplicas) {
      const run = owner.uniform(`replicas from ${firstReplica}`, runBlock(0, 0, 0).byteLength);
      const bound = [run, hyper, steps, inputs, targets, parameters, moments, losses, nonFinite];
      const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const bindGroup = device.gpu.createBindGroup({ label: kernel.name, layout: kernel.layout, entries });
      groups.push({ bindGroup, run, firstReplica, endReplica: Math.min(replicas, firstReplica + plan.groupReplicas) });
    }
    return new ReplicaRun(parts, steps, groups);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    requireAlive("train", this.#isDisposed);
    this.#parts.device.throwFault("training");
    const end = firstStep + count;
    for (let step = firstStep; step < end;) {
      const steps = Math.min(this.#stepsPerDispatch, end - step);
      this.#submit(step, steps);
      step += steps;
      if (this.#inFlight.length > submitsInFlight) await this.#inFlight.shift();
      requireAlive("train", this.#isDisposed);
    }
  }

  /** The numbers of steps, in the order they are taken. */
  #writeSteps(firstStep: number, count: number): void {
    const { network, settings } = this.#parts;
    const { optimizer } = settings;
    for (let index = 0; index < count; index++) {
      const step = firstStep + index;
      const batch = batchAt(settings, this.#rowCount, step);
      const chunk = { firstRow: 0, rows: batch.batchSize };
      const lossSlot = step % this.ringSteps;
      writeStep(this.#words, index * storedStepBytes, { network, optimizer, step, batch, chunk, lossSlot });
    }
    write(this.#parts.device.gpu, this.#steps, new Uint32Array(this.#words.buffer, 0, (count * storedStepBytes) / 4));
  }

  #submit(firstStep: number, count: number): void {
    const { device, kernel } = this.#parts;
    const { gpu } = device;
    this.#writeSteps(firstStep, count);
    const encoder = gpu.createCommandEncoder({ label: "training" });
    const pass = encoder.beginComputePass({ label: "training" });
    pass.setPipeline(kernel.pipeline);
    for (const { bindGroup, run, firstReplica, endReplica } of this.#groups) {
      write(gpu, run, runBlock(count, firstReplica, endReplica));
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(Math.ceil((endReplica - firstReplica) / groupSize));
    }
    pass.end();
    const startMs = performance.now();
    const isAlone = this.#inFlight.length === 0;
    gpu.queue.submit([encoder.finish()]);
    const done = device.settled("training", gpu.queue.onSubmittedWorkDone()).then(() => {
      if (isAlone) this.#adapt(count, performance.now() - startMs);
    });
    done.catch(() => {}); // thrown where it is awaited
    this.#inFlight.push(done);
  }

  /** Sizes dispatches by what one took that had the device to itself: an upper bound of its time. */
  #adapt(steps: number, ms: number): void {
    const perDispatch = ms / this.#groups.length;
    const wanted = Math.floor((steps * targetMs) / Math.max(perDispatch, 0.01));
    this.#stepsPerDispatch = Math.max(1, Math.min(maxSteps, wanted, growth * this.#stepsPerDispatch));
  }

  async finished(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
    this.#parts.device.throwFault("training");
  }

  readLosses(firstStep: number, count: number): Promise<Float32Array> {
    requireAlive("train", this.#isDisposed);
    const { losses } = this.#parts.buffers;
    return readLossRing(this.#parts, { losses, ringSteps: this.ringSteps }, firstStep, count);
  }

  readNonFinite(): Promise<Float64Array> {
    requireAlive("train", this.#isDisposed);
    return readNonFinite(this.#parts, this.#parts.buffers);
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
