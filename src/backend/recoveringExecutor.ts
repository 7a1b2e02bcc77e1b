import { Disposed, GpuLost, KernelRefused, ShaderFailed } from "../errors.ts";
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
  type TrainingRows,
  type TrainingRun,
} from "./executor.ts";
import { successorOf } from "./successor.ts";
import { Waits } from "./waits.ts";

/** Most parameters that are kept on the host, to continue from: 16 MiB in float32. */
const mostKept = 2 ** 22;
/** Losses in a row after which another kind of device computes, and after which none is left to try. */
const [mostOfSame, mostLosses] = [3, 6];
/** Losses that far apart are not in a row. */
const rowMs = 60_000;

/** Whether an error is the device's, so that another device may succeed: it was lost, or refused a call or a kernel. */
export const isOfDevice = (error: unknown): error is GpuLost | ShaderFailed =>
  error instanceof GpuLost || error instanceof ShaderFailed;

/** Returns why the device was lost or refused, in one line. */
export const whyOf = ({ fault }: GpuLost | ShaderFailed): string => fault.got.replace(/^a lost one \((.*)\)$/s, "$1");

export interface Place {
  readonly device: Device;
  readonly network: AnyNetwork;
  readonly members: number;
  /** False: a loss is thrown. */
  readonly recovers: boolean;
  /** Told of a loss at once. */
  readonly onLost?: ((why: string) => void) | undefined;
}

/**
 * The executor of a model. When its device is lost it continues on the same device opened again, else on the CPU, with the
 * parameters that were kept on the host, and repeats the requested work there.
 */
export class RecoveringExecutor implements Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly #place: Place;
  #device: Device;
  #executor: Executor;
  #kept: FloatArray | undefined;
  #losses = 0;
  #why = "";
  #lostMs = Number.NEGATIVE_INFINITY;
  #replacing: Promise<void> | undefined;
  #isDisposed = false;
  readonly #creators = new WeakMap<TrainingRun, Executor>();
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
        place.onLost?.(whyOf(error));
        device = await successorOf(device, whyOf(error), losses <= mostOfSame);
      }
    }
  }

  /** The executor that computes now. */
  get device(): Device {
    return this.#device;
  }

  /** Why the previous device was replaced, in one line. */
  get why(): string {
    return this.#why;
  }

  /** Whether a lost device is replaced. */
  get recovers(): boolean {
    return this.#place.recovers;
  }

  get #keepsParameters(): boolean {
    return this.#place.recovers && this.members * this.network.parameterCount <= mostKept;
  }

  get #canRecover(): boolean {
    return this.#kept !== undefined && !this.#isDisposed;
  }

  /** The parameters as a training has them now, to continue from if it is the last event; they stay as they are. Not of large models. */
  keep(parameters: FloatArray | undefined): void {
    if (this.#keepsParameters && parameters) this.#kept = parameters;
  }

  /** A training has come further: losses are counted from here. */
  cameFurther(): void {
    this.#losses = 0;
  }

  /** Rejects when the executor is disposed. */
  untilDisposed<T>(work: Promise<T>): Promise<T> {
    if (!this.#isDisposed) return this.#waits.until(work);
    work.catch(() => {}); // nobody waits for it
    return Promise.reject(disposedFault("model"));
  }

  /** @param mayMove whether another device is a remedy */
  async #recovering<T>(
    work: (executor: Executor) => Promise<T>,
    mayMove: (error: unknown) => boolean = () => true,
  ): Promise<T> {
    for (;;) {
      const executor = this.#executor;
      try {
        return await work(executor);
      } catch (error) {
        if (this.#isReplaced(executor)) continue;
        if (!mayMove(error)) throw error;
        await this.#replace(executor, error);
      }
    }
  }

  /** Another computes meanwhile: what the one before said last, that it was freed for example, is of no interest. */
  #isReplaced(executor: Executor): boolean {
    return executor !== this.#executor && !this.#isDisposed;
  }

  /** Whether the device of a run was lost while something else was computed. */
  hasLeft(run: TrainingRun): boolean {
    const creator = this.#creators.get(run);
    return creator !== undefined && this.#isReplaced(creator);
  }

  /** Puts another executor in the place of one that failed. @throws the error where there is none, or where it is of another kind */
  async #replace(failed: Executor, error: unknown): Promise<void> {
    if (this.#isReplaced(failed)) return; // another caller has already replaced it
    if (!isOfDevice(error) || !this.#canRecover || this.#place.device.isDisposed) throw error;
    this.#replacing ??= this.#openNext(error).finally(() => (this.#replacing = undefined));
    await this.untilDisposed(this.#replacing);
  }

  async #openNext(error: GpuLost | ShaderFailed): Promise<void> {
    const nowMs = performance.now();
    this.#losses = nowMs - this.#lostMs > rowMs ? 1 : this.#losses + 1;
    this.#lostMs = nowMs;
    if (this.#losses > mostLosses || this.#device.kind === "reference") throw error;
    this.#why = whyOf(error);
    this.#place.onLost?.(this.#why);
    const isSame = this.#losses <= mostOfSame && !(error instanceof KernelRefused);
    const next = await successorOf(this.#device, this.#why, isSame);
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

  /** Requests made before `dispose` are still answered. */
  readParameters(first?: number, count?: number): Promise<FloatArray> {
    return this.#recovering((executor) => executor.readParameters(first, count));
  }

  writeParameters(parameters: FloatArray): void {
    requireAlive("writeParameters", this.#isDisposed);
    if (this.#keepsParameters) this.#kept = parameters.slice();
    this.#write(parameters);
  }

  #write(parameters: FloatArray): void {
    try {
      this.#executor.writeParameters(parameters);
    } catch (error) {
      if (!this.#canRecover || !isOfDevice(error)) throw error; // else they are kept, and written elsewhere
    }
  }

  predict(inputs: FloatArray): Promise<FloatArray> {
    return this.untilDisposed(this.#recovering((executor) => executor.predict(inputs)));
  }

  score(data: Dataset): Promise<Scores> {
    return this.untilDisposed(this.#recovering((executor) => executor.score(data)));
  }

  trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace> {
    return this.untilDisposed(this.#recovering((executor) => executor.trace(data, optimizer)));
  }

  planRun(settings: RunSettings): Promise<PlanReport> {
    return this.#executor.planRun(this.#possible(settings));
  }

  /** A requested strategy belongs to the requested device. */
  #possible(settings: RunSettings): RunSettings {
    return this.#device.kind === this.#place.device.kind ? settings : { ...settings, strategy: "auto" };
  }

  async createRun(settings: RunSettings): Promise<TrainingRun> {
    const { strategy = "auto" } = settings;
    const isOpen = (error: unknown): boolean => strategy === "auto" || !(error instanceof KernelRefused);
    const create = async (executor: Executor): Promise<TrainingRun> => {
      const run = await executor.createRun(this.#possible(settings));
      this.#creators.set(run, executor);
      if (this.#isDisposed) run.dispose(); // nobody waits for it any more
      return run;
    };
    return this.untilDisposed(this.#recovering(create, isOpen));
  }

  /**
   * A training continues after an error of its device, on another one, from `settings.resume`; the failed run is its own to free.
   * @throws the error where there is no other, or where it is none of a device
   */
  async goOn(failed: TrainingRun, error: unknown, settings: RunSettings): Promise<TrainingRun> {
    const creator = this.#creators.get(failed) ?? this.#executor;
    if (this.#place.recovers && settings.resume) this.#kept = settings.resume.parameters;
    try {
      await this.#replace(creator, error);
      this.#write(this.#kept!);
      return await this.createRun(settings);
    } finally {
      if (!this.#keepsParameters) this.#kept = undefined;
    }
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#waits.end(
      new Disposed({
        place: "model",
        expected: "no dispose() before the running computation ends",
        got: "dispose()",
        fix: "abort the training with its signal, await it, then dispose the model",
      }),
    );
    this.#executor.dispose();
  }
}
