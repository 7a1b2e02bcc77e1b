/**
 * What a page and the worker that trains for it say to each other.
 *
 * A view has a worker module of its own that calls `serveSession(frame)` (serveSession.ts); the page holds a
 * `SessionClient` (client.ts). There may be several sessions, each in its worker, each with its device.
 *
 *     page                                  worker
 *     start { run, settings, pace? }   →
 *                                      ←    device { kind, name, fallbackReason } which GPU, or why the CPU
 *                                      ←    started { plan, parameterCount }
 *     play { pace } · pause · step     →
 *                                      ←    frame { step, losses, content }  content: what the view's `frame` computed
 *     shown { frame }                  →                                     only now the next frame is computed
 *     learningRate · options           →
 *     parameters { request }           →
 *                                      ←    parameters { request, step, parameters }
 *                                      ←    paused { step, isFinished }
 *                                      ←    resumed · diverged · fitting, outOfMemory · failed
 *
 * - Everything between two frames is the library's: steps at full speed, nothing read but losses and parameters.
 *   A frame is computed between dispatches, and only when the page has shown the one before: a slow page gets fewer
 *   frames, newest first, and never slows the training. Nothing waits for `requestAnimationFrame`, so that a page out of
 *   sight continues training.
 * - A lost GPU is acquired again and the training continues from its last event as if nothing had been: `resumed` says from which
 *   step. Where no GPU comes back it continues on the CPU.
 * - Early stopping ends a training with the best parameters when all of its members have stopped: `isFinished`. To continue from there is
 *   another `start`.
 * - A training that diverges stops, and the network is back in the best state seen: `diverged` says which step that was.
 * - Lack of memory comes with a batch size or a number of members that was tried and does fit.
 * - `start` replaces what was under way; messages carry the number of their run, and the client drops those of earlier ones.
 * - What is large (losses, parameters, the frame's arrays) is transferred, not copied.
 */

import type {
  Dataset,
  DeviceChoice,
  DeviceKind,
  FloatArray,
  InitializerName,
  NetworkOptions,
  Optimizer,
  PlanReport,
  Checkpoint,
  Schedule,
  TrainOptions,
} from "../../index.ts";

/** Options of a training of the library that a session passes on as they are. */
export const passedOn = [
  "perMember",
  "bootstrap",
  "strategy",
  "clipNorm",
  "l1",
  "labelSmoothing",
  "average",
  "validation",
  "earlyStopping",
  "reduceOnPlateau",
] as const satisfies (keyof TrainOptions)[];

/** What is trained, and how. `Options` is what the view's frame function is told. */
export interface SessionSettings<Options> extends Pick<TrainOptions, (typeof passedOn)[number]> {
  /** Default: auto. */
  readonly device?: DeviceChoice;
  readonly network: NetworkOptions;
  readonly data: Dataset;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  /** Of the initial parameters; a list has one seed for each member. Default 0. */
  readonly seed?: number | ArrayLike<number>;
  /** Of the order of rows. Default 0. */
  readonly orderSeed?: number;
  readonly members?: number;
  readonly initializer?: InitializerName;
  /** Go on from these [members, parameterCount], instead of drawing some. */
  readonly parameters?: FloatArray;
  /** Step that `parameters` or `resume` belong to. Default 0. */
  readonly firstStep?: number;
  /** Go on from where a training of these settings stood; its step counts from where momentum and the order of rows last began. */
  readonly resume?: Checkpoint | undefined;
  /** Of the learning rate; counted from step 0 of the session, whatever it starts from. */
  readonly schedule?: Schedule;
  /** Rate of dropout behind every hidden layer. */
  readonly dropout?: number;
  /** Step at which the training is finished. Default: never. */
  readonly lastStep?: number;
  readonly options: Options;
}

/** Steps between two frames: as many as fit some 40 ms, or so many, and then at most 30 frames a second. */
export type Pace = "full" | { readonly steps: number };

export type ToWorker<Options> =
  | {
      readonly type: "start";
      readonly run: number;
      readonly settings: SessionSettings<Options>;
      readonly pace?: Pace | undefined;
    }
  | { readonly type: "play"; readonly pace: Pace }
  | { readonly type: "pause" }
  | { readonly type: "goOn" }
  | { readonly type: "step"; readonly steps: number }
  | { readonly type: "learningRate"; readonly learningRate: number }
  | { readonly type: "options"; readonly options: Options }
  | { readonly type: "parameters"; readonly request: number }
  | { readonly type: "shown"; readonly frame: number };

export interface DeviceMessage {
  readonly type: "device";
  readonly kind: DeviceKind;
  readonly name: string;
  /** One line why this is not a hardware GPU. */
  readonly fallbackReason: string | undefined;
}

export interface StartedMessage {
  readonly type: "started";
  readonly plan: PlanReport;
  readonly parameterCount: number;
}

export interface FrameMessage<Frame> {
  readonly type: "frame";
  /** Number of the frame, for `shown`. */
  readonly frame: number;
  /** Steps done. */
  readonly step: number;
  /** Epochs done, a fraction within one. */
  readonly epoch: number;
  /** Over the last second or so of training; 0 before any. */
  readonly stepsPerSecond: number;
  /** Losses before each step since the last frame [steps, members], the newest 2²² of them at most; the last one is of `step` − 1. */
  readonly losses: FloatArray;
  readonly isRunning: boolean;
  readonly content: Frame;
}

export interface PausedMessage {
  readonly type: "paused";
  readonly step: number;
  /** True when `lastStep` is reached, or early stopping has stopped all members. */
  readonly isFinished: boolean;
}

export interface ParametersMessage {
  readonly type: "parameters";
  readonly request: number;
  readonly step: number;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  /** What a training continues from as if nothing had been; undefined before the first step, and for large models. */
  readonly state: Checkpoint | undefined;
}

export interface ResumedMessage {
  readonly type: "resumed";
  /** Step that the training continues from. */
  readonly step: number;
  readonly why: string;
}

export interface DivergedMessage {
  readonly type: "diverged";
  /** First step whose numbers were not finite. */
  readonly step: number;
  /** Step whose parameters the network has now. */
  readonly goodStep: number;
  readonly learningRate: number;
  readonly message: string;
}

/** There is not enough memory; smaller trainings are tried, which may take a while, and `outOfMemory` follows. */
export interface FittingMessage {
  readonly type: "fitting";
}

export interface OutOfMemoryMessage {
  readonly type: "outOfMemory";
  readonly message: string;
  /** Instead of what was requested; tried, and it fits. Undefined where nothing was found. */
  readonly fits: Fitting | undefined;
}

/** A change of the settings that needs less memory. */
export type Fitting = { readonly members: number } | { readonly batchSize: number };

export interface FailedMessage {
  readonly type: "failed";
  /** Of a ThalwegError, else "UNEXPECTED". */
  readonly code: string;
  readonly message: string;
  /** What `goOn` continues from. */
  readonly step?: number;
}

export type FromWorker<Frame> =
  | DeviceMessage
  | StartedMessage
  | FrameMessage<Frame>
  | PausedMessage
  | ParametersMessage
  | ResumedMessage
  | DivergedMessage
  | FittingMessage
  | OutOfMemoryMessage
  | FailedMessage;

/** As it travels: with the number of the `start` that it belongs to. */
export interface Envelope<Frame> {
  readonly run: number;
  readonly message: FromWorker<Frame>;
}
