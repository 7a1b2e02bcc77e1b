// A training session: what the worker does with the messages of protocol.ts, one at a time and in order.

import { type Device, GpuLost, GpuOutOfMemory, LimitExceeded, NonFinite, ThalwegError } from "../../index.ts";
import { findFitting } from "./fitting.ts";
import type { FrameFunction } from "./frame.ts";
import { FrameGate } from "./frameGate.ts";
import { LossQueue } from "./lossQueue.ts";
import { nextSteps, Speedometer } from "./pacing.ts";
import type { FromWorker, Pace, SessionSettings, ToWorker } from "./protocol.ts";
import { createTrainee, type KeptState, trainsOneStep, type Acquire } from "./trainee.ts";
import { Training } from "./training.ts";

/** Where a session's messages go. */
export type Post<Frame> = (run: number, message: FromWorker<Frame>, transfer: readonly Transferable[]) => void;

/** Least time between two frames at a fixed number of steps. */
const frameMs = 33;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @param step that the training can continue from */
const tellFailure = (error: unknown, step: number | undefined): FromWorker<never> => ({
  type: "failed",
  ...(step !== undefined && { step }),
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
  /** What computes: the device, or what has taken its place. */
  #computing: Device | undefined;
  /** What befell the device last. */
  #loss = "";
  #settings: SessionSettings<Options> | undefined;
  #training: Training | undefined;
  #pace: Pace | undefined; // undefined: paused
  #isTicking = false;
  #fullSteps = 1;
  #speed = new Speedometer();
  #losses = new LossQueue();
  readonly #gate = new FrameGate();
  /** What to continue from when the training has failed. */
  #kept: KeptState | undefined;

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
    else if (message.type === "goOn") this.#goOn();
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

  /** Runs tasks in order; errors are reported or repaired. */
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
      this.#kept = undefined;
      await this.#open(settings);
      await this.#draw();
      if (pace !== undefined) this.#play(pace);
    });
  }

  async #open(settings: SessionSettings<Options>): Promise<void> {
    this.#device = await this.#acquireFor(settings);
    const onLost = (why: string): void => void (this.#loss = why);
    const { model, good } = await createTrainee(this.#device, settings, onLost);
    this.#training = new Training(model, settings, good);
    if (model.device !== this.#computing) this.#tellDevice(model.device);
    await this.#tellPlan(this.#training);
  }

  #tellDevice(device: Device): void {
    this.#computing = device;
    this.#tell({ type: "device", kind: device.kind, name: device.name, fallbackReason: device.fallbackReason });
  }

  async #tellPlan(training: Training): Promise<void> {
    const { parameterCount } = training.model.network;
    this.#tell({ type: "started", plan: await training.plan(), parameterCount });
  }

  async #acquireFor({ device = "auto" }: SessionSettings<Options>): Promise<Device> {
    const held = this.#device;
    const kind = device === "cpu" ? "wasm" : device; // without WebAssembly cpu is the reference, which opens at once
    const isWhole = held && held === this.#computing; // it was not lost
    const isFitting = isWhole && (device === "auto" ? held.kind !== "reference" : held.kind === kind);
    if (held && !isFitting) held.dispose();
    const opened = isFitting ? held : await this.#acquire({ device });
    this.#tellDevice(opened);
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
    for await (const { recovered, losses } of training.advance(steps)) {
      if (recovered) this.#losses.drop(); // they start over with the step that it continued from
      this.#losses.add(losses);
    }
    await this.#tellLoss(training);
  }

  /** Computes a frame, unless the page has yet to show the one before. */
  async #draw(): Promise<void> {
    this.#gate.isDue = !this.#gate.isOpen;
    if (this.#gate.isDue || !this.#training) return;
    const training = this.#training;
    const { model, step, epoch, state, progress, earlyStopping, isFinished } = training;
    const settings = this.#settings!;
    const isRunning = this.#pace !== undefined;
    const now = { step, state, progress, earlyStopping, isRunning, isFinished };
    const rendered = await this.#render({ model, settings, options: settings.options, ...now });
    await this.#tellLoss(training);
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
      if (error instanceof NonFinite) await this.#goBack(error);
      else if (error instanceof GpuOutOfMemory || error instanceof LimitExceeded) await this.#suggest(error);
      else this.#fail(error);
    } catch (second) {
      this.#fail(second);
    }
  }

  #fail(error: unknown): void {
    this.#kept = this.#training?.good ?? this.#kept;
    this.#pace = undefined;
    if (error instanceof GpuLost) this.#computing = undefined; // acquired again in any case
    const step = this.#kept?.step;
    this.#tell(tellFailure(error, step === 0 ? undefined : step));
  }

  /** What a training that has failed had come to is still here. */
  #goOn(): void {
    this.#enqueue(async () => {
      const kept = this.#kept;
      const from = kept && { parameters: kept.parameters, firstStep: kept.step, resume: kept.state };
      this.#close();
      this.#losses.drop();
      this.#gate.open();
      await this.#open({ ...this.#settings!, ...from });
      await this.#draw();
    });
  }

  /** The library continues by itself; the page is told that, and what computes. */
  async #tellLoss(training: Training): Promise<void> {
    const { device } = training.model;
    if (device === this.#computing) return;
    this.#tellDevice(device);
    await this.#tellPlan(training);
    this.#tell({ type: "resumed", step: training.resumedAt, why: this.#loss });
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
    if (this.#training?.progress) return this.#fail(error); // it has fitted so far
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
