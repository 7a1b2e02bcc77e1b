import { LimitExceeded } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Optimizer } from "../math/optimizer.ts";
import type { Device } from "./device.ts";
import type {
  Dataset,
  Executor,
  FloatArray,
  PlanReport,
  RunSettings,
  Scores,
  Trace,
  TrainingRows,
  TrainingRun,
} from "./executor.ts";
import type { WasmMachine } from "./wasm/costModel.ts";
import { fusedNetwork } from "./wasm/strategy.ts";
import { planWasm } from "./wasm/plan.ts";
import { remembered } from "./wasm/remembered.ts";
import { whyNoWasm } from "./wasm/support.ts";
import type { GpuDevice } from "./webgpu/device.ts";

// A GPU takes microseconds to begin a step, which is longer than the whole step of a tiny network in WebAssembly. Its executor then
// offloads the run.

/**
 * A modest processor. Figures that were measured would be closer to the truth, but near the break-even they would choose again in every
 * process, and with the machine the last bits of a training change.
 */
const oneThread: WasmMachine = { threads: 1, flops: 2e10, bytesPerSecond: 1e10, phaseMs: 0 };
/** Milliseconds of compiling before the first step: the pipelines of a strategy, and a module of straight-line code. */
const compileMs = { gpu: 40, wasm: 5 } as const;
/** Steps over which compiling counts. Not those of the run: one that is resumed must choose as one that is not interrupted. */
const typicalSteps = 10_000;

/** Whether WebAssembly is faster, compiling included. @param gpuMs milliseconds of per step by the cost model @param wasmMs likewise */
export const isFasterInWasm = (gpuMs: number, wasmMs: number): boolean =>
  compileMs.wasm + typicalSteps * wasmMs < compileMs.gpu + typicalSteps * gpuMs;

/** WebAssembly beside a GPU, with one thread: opened once for a device, which ends it. Undefined where it cannot be opened. */
const companions = new WeakMap<GpuDevice, Promise<Device | undefined>>();

async function openCompanion(device: GpuDevice): Promise<Device | undefined> {
  const { WasmDevice } = await import("./wasm/device.ts");
  try {
    const companion = await WasmDevice.open(`computes beside ${device.name}`, 1);
    device.accompany(companion);
    return companion;
  } catch {
    return undefined; // the GPU does without
  }
}

/** The executor of one network on a GPU, which offloads runs where WebAssembly trains the network in straight-line code. */
export const withOffload = (device: GpuDevice, gpu: Executor): Executor =>
  whyNoWasm() === undefined && fusedNetwork(gpu.network) ? new OffloadingExecutor(device, gpu) : gpu;

/** A network on a GPU and in WebAssembly: each run computes where the cost model says, and the parameters stay there until the next. */
class OffloadingExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #device: GpuDevice;
  readonly #gpu: Executor;
  /** Created for the first run in WebAssembly. */
  #wasm: Executor | undefined;
  /** Which of them has the parameters. */
  #current: Executor;
  #isDisposed = false;

  constructor(device: GpuDevice, gpu: Executor) {
    this.network = gpu.network;
    this.members = gpu.members;
    this.#device = device;
    this.#gpu = this.#current = gpu;
  }

  readParameters(first?: number, count?: number): Promise<FloatArray> {
    return this.#current.readParameters(first, count);
  }

  writeParameters(parameters: FloatArray): void {
    this.#current.writeParameters(parameters);
  }

  predict(inputs: FloatArray): Promise<FloatArray> {
    return this.#current.predict(inputs);
  }

  score(data: Dataset): Promise<Scores> {
    return this.#current.score(data);
  }

  trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    return this.#current.trace(data, optimizer);
  }

  /** Strategies that are requested, and activations in 16 bits, are the GPU's. */
  async planRun(settings: RunSettings): Promise<PlanReport> {
    const onGpu = await this.#gpu.planRun(settings);
    const { strategy = "auto", activationStorage = "f32" } = settings;
    if (strategy !== "auto" || activationStorage !== "f32") return onGpu;
    const gpuMs = onGpu.stepMs ?? 0;
    const because = `faster than the GPU, which takes about ${Number(gpuMs.toPrecision(2))} ms per step and longer to compile`;
    const inWasm = planWasm(oneThread, { network: this.network, members: this.members, settings }, because);
    return isFasterInWasm(gpuMs, inWasm.stepMs!) ? inWasm : onGpu;
  }

  /** @returns undefined where WebAssembly could not be started after all */
  async #openWasm(): Promise<Executor | undefined> {
    const companion = this.#wasm
      ? undefined
      : await remembered(companions, this.#device, () => openCompanion(this.#device));
    if (!companion) return this.#wasm;
    const { openWasmExecutor } = await import("./wasm/executor.ts");
    this.#wasm ??= await openWasmExecutor(companion, this.network, this.members, { machine: oneThread });
    if (this.#isDisposed) this.#wasm.dispose();
    return this.#wasm;
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    const isOffloaded = (await this.planRun(settings)).machine === "wasm";
    const wasm = isOffloaded ? await this.#openWasm() : undefined;
    try {
      if (wasm) return await this.#createRunOn(wasm, settings);
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error; // data that fit the GPU need not fit WebAssembly's memory
    }
    return this.#createRunOn(this.#gpu, settings);
  }

  async #createRunOn(executor: Executor, settings: RunSettings): Promise<TrainingRun> {
    if (executor !== this.#current) {
      executor.writeParameters(await this.#current.readParameters());
      this.#current = executor;
    }
    return executor.createRun(settings);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#gpu.dispose();
    this.#wasm?.dispose();
  }
}
