import { GpuLost, KernelRefused, ShaderFailed } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { createExecutor } from "./createExecutor.ts";
import type { Device } from "./device.ts";
import {
  type Dataset,
  disposedFault,
  type Executor,
  type FloatArray,
  type PlanReport,
  requireAlive,
  type RunSettings,
  type Scores,
  type Trace,
  type TrainingRun,
} from "./executor.ts";
import { successorOf } from "./successor.ts";
import { Waits } from "./waits.ts";

/** Most parameters that are kept on the host, to go on from: 16 MiB in float32. */
export const mostKept = 2 ** 22;
/** Losses in a row after which another kind of device computes, and after which none is left to try. */
const [mostOfSame, mostLosses] = [3, 6];
/** Losses that far apart are not in a row. */
const rowMs = 60_000;

/** What another device may do better: the device was lost, or accepts a call or a kernel no more. */
export const isOfDevice = (error: unknown): error is GpuLost | ShaderFailed =>
  error instanceof GpuLost || error instanceof ShaderFailed;

export interface Place {
  readonly device: Device;
  readonly network: AnyNetwork;
  readonly members: number;
  /** False: a loss is thrown. */
  readonly recovers: boolean;
}

/**
 * The executor of a model, which goes on elsewhere when its device is lost: on the same device opened again, else on the CPU, with the
 * parameters that were kept on the host. What was asked for is then done there. Nothing that is awaited outlives `dispose`.
 */
export class RecoveringExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #place: Place;
  #device: Device;
  #executor: Executor;
  #kept: FloatArray | undefined;
  #losses = 0;
  #lostMs = Number.NEGATIVE_INFINITY;
  #replacing: Promise<void> | undefined;
  #isDisposed = false;
  readonly #waits = new Waits();

  /** @param executor computes first, on `device` */
  constructor(place: Place, executor: Executor, device: Device = place.device) {
    this.network = executor.network;
    this.members = executor.members;
    this.#place = place;
    this.#device = device;
    this.#executor = executor;
  }

  static async open(place: Place): Promise<RecoveringExecutor> {
    const { network, members } = place;
    for (let device = place.device, losses = 1; ; losses++) {
      try {
        return new RecoveringExecutor(place, await createExecutor(device, network, members), device);
      } catch (error) {
        if (!place.recovers || !isOfDevice(error) || place.device.isDisposed || losses > mostLosses) throw error;
        device = await successorOf(device, error.fault.got, losses <= mostOfSame);
      }
    }
  }

  /** What computes now. */
  get device(): Device {
    return this.#device;
  }

  get recovers(): boolean {
    return this.#place.recovers;
  }

  get #keepsParameters(): boolean {
    return this.#place.recovers && this.members * this.network.parameterCount <= mostKept;
  }

  /** Whether a loss would cost nothing but time. */
  get canRecover(): boolean {
    return this.#kept !== undefined && !this.#isDisposed;
  }

  /** A training has come further: what to go on from, which stays as it is. */
  keep(parameters: FloatArray): void {
    if (!this.#keepsParameters) return;
    this.#kept = parameters;
    this.#losses = 0;
  }

  /** Rejects when the executor is disposed. */
  untilDisposed<T>(work: Promise<T>): Promise<T> {
    if (!this.#isDisposed) return this.#waits.until(work);
    work.catch(() => {}); // nobody waits for it
    return Promise.reject(disposedFault("model"));
  }

  async #recovering<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    for (;;) {
      const executor = this.#executor;
      try {
        return await this.untilDisposed(work(executor));
      } catch (error) {
        await this.#replace(executor, error);
      }
    }
  }

  /** Puts another executor in the place of one that failed. @throws the error where there is none, or where it is of another kind */
  async #replace(failed: Executor, error: unknown): Promise<void> {
    if (!isOfDevice(error) || !this.canRecover || this.#place.device.isDisposed) throw error;
    if (failed !== this.#executor) return; // somebody else has been told of it before
    this.#replacing ??= this.#openNext(error).finally(() => (this.#replacing = undefined));
    await this.untilDisposed(this.#replacing);
  }

  async #openNext(error: GpuLost | ShaderFailed): Promise<void> {
    const nowMs = performance.now();
    this.#losses = nowMs - this.#lostMs > rowMs ? 1 : this.#losses + 1;
    this.#lostMs = nowMs;
    if (this.#losses > mostLosses || this.#device.kind === "reference") throw error;
    const isSame = this.#losses <= mostOfSame && !(error instanceof KernelRefused);
    const next = await successorOf(this.#device, error.fault.got, isSame);
    const failed = this.#executor;
    try {
      const executor = await createExecutor(next, this.network, this.members);
      executor.writeParameters(this.#kept!);
      this.#executor = executor;
      failed.dispose();
      if (this.#isDisposed) executor.dispose();
    } catch (second) {
      // The failed one stays, and fails again: then the place of this one is taken.
      if (!isOfDevice(second)) this.#losses = mostOfSame; // its memory does not do
    }
    this.#device = next;
  }

  readParameters(first?: number, count?: number): Promise<FloatArray> {
    return this.#recovering((executor) => executor.readParameters(first, count));
  }

  writeParameters(parameters: FloatArray): void {
    requireAlive("writeParameters", this.#isDisposed);
    if (this.#keepsParameters) this.#kept = parameters.slice();
    try {
      this.#executor.writeParameters(parameters);
    } catch (error) {
      if (!this.canRecover || !isOfDevice(error)) throw error; // else they are kept, and written elsewhere
    }
  }

  predict(inputs: FloatArray): Promise<FloatArray> {
    return this.#recovering((executor) => executor.predict(inputs));
  }

  score(data: Dataset): Promise<Scores> {
    return this.#recovering((executor) => executor.score(data));
  }

  trace(data: Dataset, optimizer: Optimizer): Promise<Trace> {
    return this.#recovering((executor) => executor.trace(data, optimizer));
  }

  planRun(settings: RunSettings): PlanReport {
    return this.#executor.planRun(settings);
  }

  createRun(settings: RunSettings): Promise<TrainingRun> {
    return this.#recovering((executor) => executor.createRun(settings));
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#waits.end(disposedFault("model"));
    this.#executor.dispose();
  }
}
