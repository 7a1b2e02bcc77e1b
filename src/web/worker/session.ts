// A training session: what the worker does with the messages of protocol.ts, one at a time and in order.

import { type Device, GpuLost, GpuOutOfMemory, LimitExceeded, NonFinite, ThalwegError } from "../../index.ts";
import { findFitting } from "./fitting.ts";
import type { FrameFunction } from "./frame.ts";
import { FrameGate } from "./frameGate.ts";
import { LossQueue } from "./lossQueue.ts";
import { nextSteps, Speedometer } from "./pacing.ts";
import type { FromWorker, Pace, SessionSettings, ToWorker } from "./protocol.ts";
import { acquireAgain, createTrainee, trainsOneStep, type Acquire } from "./trainee.ts";
import { Training } from "./training.ts";

/** Where a session's messages go. */
export type Post<Frame> = (run: number, message: FromWorker<Frame>, transfer: readonly Transferable[]) => void;

/** Least time between two frames at a fixed number of steps. */
const frameMs = 33;
/** Times that a GPU may be lost in a row without a step in between. */
const mostLosses = 3;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const tellFailure = (error: unknown): FromWorker<never> => ({
  type: "failed",
  code: error instanceof ThalwegError ? error.code : "UNEXPECTED",
  message: error instanceof Error ? error.message : String(error),
});

/** Trains one model at a time for one page. */
export class TrainingSession<Options, Frame> {
  readonly #render: FrameFunction<Options, Frame>;
  readonly #post: Post<Frame>;
  readonly #acquire: Acquire;
  #queue: Promise<void> = Promise.resolve();
  #run = 0;
  #newestRun = 0;
  #device: Device | undefined;
  #settings: SessionSettings<Options> | undefined;
  #training: Training | undefined;
  #pace: Pace | undefined; // undefined: paused
  #isTicking = false;
  #fullSteps = 1;
  #speed = new Speedometer();
  #losses = new LossQueue();
  readonly #gate = new FrameGate();
  #lossesInARow = 0;

  constructor(render: FrameFunction<Options, Frame>, post: Post<Frame>, acquire: Acquire) {
    this.#render = render;
    this.#post = post;
    this.#acquire = acquire;
  }

  /** Takes a message of the page. */
  receive(message: ToWorker<Options>): void {
    if (message.type === "shown") this.#shown(message.frame);
    else if (message.type === "start") this.#start(message.run, message.settings, message.pace);
    else if (message.type === "play") this.#play(message.pace);
    else if (message.type === "pause") this.#pause();
    else if (message.type === "step") this.#step(message.steps);
    else if (message.type === "learningRate") this.#enqueue(async () => this.#setLearningRate(message.learningRate));
    else if (message.type === "options") this.#setOptions(message.options);
    else this.#enqueue(() => this.#tellParameters(message.request));
  }

  /** Frees model and device, after what is under way. */
  async dispose(): Promise<void> {
    this.#pace = undefined;
    this.#gate.release();
    this.#enqueue(async () => this.#close());
    await this.#queue;
    this.#device?.dispose();
  }

  /** Does one thing after the other; what goes wrong is told, or mended. */
  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => this.#mend(error));
  }

  #tell(message: FromWorker<Frame>, transfer: readonly Transferable[] = []): void {
    this.#post(this.#run, message, transfer);
  }

  #start(run: number, settings: SessionSettings<Options>, pace: Pace | undefined): void {
    this.#pace = undefined; // what is under way ends after its frame
    this.#gate.release();
    this.#newestRun = run;
    this.#enqueue(async () => {
      if (run !== this.#newestRun) return; // replaced before it began
      this.#close();
      this.#run = run;
      this.#settings = settings;
      this.#speed = new Speedometer();
      this.#losses = new LossQueue();
      this.#gate.open();
      this.#fullSteps = 1;
      this.#lossesInARow = 0;
      await this.#open();
      await this.#draw();
      if (pace !== undefined) this.#play(pace);
    });
  }

  async #open(): Promise<void> {
    const settings = this.#settings!;
    this.#device = await this.#acquireFor(settings);
    const { model, good } = await createTrainee(this.#device, settings);
    this.#training = new Training(model, settings, good);
    const { parameterCount } = model.network;
    this.#tell({ type: "started", plan: await this.#training.plan(), parameterCount });
  }

  async #acquireFor({ device = "auto" }: SessionSettings<Options>): Promise<Device> {
    const held = this.#device;
    const kind = device === "cpu" ? "wasm" : device; // without WebAssembly cpu is the reference, which opens at once
    const isFitting = held && (device === "auto" ? held.kind !== "reference" : held.kind === kind);
    if (held && !isFitting) held.dispose();
    const opened = isFitting ? held : await this.#acquire({ device });
    this.#tell({ type: "device", kind: opened.kind, name: opened.name, fallbackReason: opened.fallbackReason });
    return opened;
  }

  #close(): void {
    this.#training?.dispose();
    this.#training = undefined;
  }

  #play(pace: Pace): void {
    this.#pace = pace;
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#enqueue(() => this.#tick());
  }

  #pause(): void {
    this.#pace = undefined;
    this.#gate.release();
    this.#enqueue(() => this.#tellPaused());
  }

  #step(steps: number): void {
    this.#pace = undefined;
    this.#gate.release();
    this.#enqueue(async () => {
      await this.#advance(steps);
      await this.#tellPaused();
    });
  }

  #setLearningRate(learningRate: number): void {
    const settings = this.#settings;
    if (settings) this.#settings = { ...settings, optimizer: { ...settings.optimizer, learningRate } };
    this.#training?.setLearningRate(learningRate);
  }

  #setOptions(options: Options): void {
    this.#enqueue(async () => {
      if (this.#settings) this.#settings = { ...this.#settings, options };
      if (this.#pace === undefined) await this.#draw();
    });
  }

  async #tellParameters(request: number): Promise<void> {
    if (!this.#training) return;
    const { model, step, state } = this.#training;
    const parameters = (await model.readParameters()).slice();
    this.#tell({ type: "parameters", request, step, parameters, state }, [parameters.buffer as ArrayBuffer]);
  }

  async #tellPaused(): Promise<void> {
    if (!this.#training) return;
    await this.#draw();
    this.#tell({ type: "paused", step: this.#training.step, isFinished: this.#training.isFinished });
  }

  /** A stretch of training and its frame; then the next, behind what has come in meanwhile. */
  async #tick(): Promise<void> {
    this.#isTicking = false;
    const pace = this.#pace;
    if (pace === undefined || !this.#training) return;
    const startMs = performance.now();
    const before = this.#training.step;
    await this.#advance(pace === "full" ? this.#fullSteps : pace.steps);
    const spentMs = performance.now() - startMs;
    this.#fullSteps = nextSteps(this.#fullSteps, spentMs);
    if (this.#training.isFinished) {
      this.#pace = undefined;
      await this.#gate.opened(); // what is told to be finished shows its last step
      await this.#tellPaused();
      return;
    }
    await this.#draw();
    if (pace !== "full") await this.#keepRhythm(startMs);
    this.#speed.add(this.#training.step - before, performance.now() - startMs);
    if (this.#pace !== undefined) this.#play(this.#pace);
  }

  async #advance(steps: number): Promise<void> {
    const training = this.#training;
    if (!training || training.isFinished) return;
    await training.advance(steps);
    this.#lossesInARow = 0;
    this.#losses.add(training.progress?.losses);
  }

  /** Computes a frame, unless the page has yet to show the one before. */
  async #draw(): Promise<void> {
    this.#gate.isDue = !this.#gate.isOpen;
    if (this.#gate.isDue || !this.#training) return;
    const { model, step, epoch, state, progress, isFinished } = this.#training;
    const settings = this.#settings!;
    const isRunning = this.#pace !== undefined;
    const context = { model, settings, options: settings.options, step, state, progress, isRunning, isFinished };
    const rendered = await this.#render(context);
    const losses = this.#losses.take();
    const { stepsPerSecond } = this.#speed;
    const frame = this.#gate.send();
    const { content, transfer = [] } = rendered;
    const buffers = [...transfer, losses.buffer as ArrayBuffer];
    this.#tell({ type: "frame", frame, step, epoch, stepsPerSecond, losses, isRunning, content }, buffers);
  }

  #shown(frame: number): void {
    this.#gate.show(frame);
    if (this.#gate.isDue && this.#pace === undefined) this.#enqueue(() => this.#draw());
  }

  /** Waits until the frame is shown, and for the rest of its time. */
  async #keepRhythm(startMs: number): Promise<void> {
    await this.#gate.opened();
    const restMs = frameMs - (performance.now() - startMs);
    if (restMs > 1) await pause(restMs);
  }

  async #mend(error: unknown): Promise<void> {
    try {
      if (error instanceof GpuLost) await this.#resume(error);
      else if (error instanceof NonFinite) await this.#goBack(error);
      else if (error instanceof GpuOutOfMemory || error instanceof LimitExceeded) await this.#suggest(error);
      else this.#fail(error);
    } catch (second) {
      if (second instanceof GpuLost) await this.#mend(second);
      else this.#fail(second);
    }
  }

  #fail(error: unknown): void {
    this.#pace = undefined;
    this.#tell(tellFailure(error));
  }

  /** A new device, a new model with the parameters of the last event, and on. */
  async #resume(error: GpuLost): Promise<void> {
    if (++this.#lossesInARow > mostLosses) return this.#fail(error);
    const settings = this.#settings!;
    const good = this.#training?.good;
    this.#close();
    const lost = this.#device;
    lost?.dispose();
    this.#device = undefined;
    const device = (this.#device = await acquireAgain(this.#acquire, lost?.kind ?? "gpu"));
    this.#tell({ type: "device", kind: device.kind, name: device.name, fallbackReason: device.fallbackReason });
    const kept = good && { parameters: good.parameters, firstStep: good.step, resume: good.state };
    const from = { ...settings, ...kept };
    const created = await createTrainee(device, from);
    this.#training = new Training(created.model, from, created.good);
    this.#losses.drop();
    this.#gate.open();
    this.#tell({ type: "resumed", step: this.#training.step, why: error.fault.got });
    await this.#draw();
    if (this.#pace !== undefined) this.#play(this.#pace);
  }

  async #goBack(error: NonFinite): Promise<void> {
    this.#pace = undefined;
    const training = this.#training!;
    const { step, learningRate } = { step: training.divergedAt(error), learningRate: training.learningRate };
    training.goBack();
    this.#losses.drop();
    await this.#draw();
    this.#tell({ type: "diverged", step, goodStep: training.step, learningRate, message: error.message });
  }

  async #suggest(error: ThalwegError): Promise<void> {
    this.#pace = undefined;
    this.#close();
    const settings = this.#settings!;
    const device = this.#device!;
    this.#tell({ type: "fitting" });
    const size = { members: settings.members ?? 1, batchSize: settings.batchSize };
    const fits = await findFitting(size, (smaller) => trainsOneStep(device, { ...settings, ...smaller }));
    this.#tell({ type: "outOfMemory", message: error.message, fits });
  }
}
