import { askedDevice } from "../askedDevice.ts";
import type {
  DeviceMessage,
  DivergedMessage,
  Envelope,
  FailedMessage,
  FrameMessage,
  FromWorker,
  OutOfMemoryMessage,
  Pace,
  ParametersMessage,
  PausedMessage,
  ResumedMessage,
  SessionSettings,
  StartedMessage,
  ToWorker,
} from "./protocol.ts";

/** What a page does when its session tells something. Each is called in the order of the messages. */
export interface SessionListeners<Frame> {
  device?(message: DeviceMessage): void;
  started?(message: StartedMessage): void;
  /** Draws; the worker computes the next frame when this is done, or what it returns has resolved. */
  frame(message: FrameMessage<Frame>): void | Promise<void>;
  paused?(message: PausedMessage): void;
  resumed?(message: ResumedMessage): void;
  diverged?(message: DivergedMessage): void;
  fitting?(): void;
  outOfMemory?(message: OutOfMemoryMessage): void;
  failed(message: FailedMessage): void;
}

/** The page's end of a session. */
export class SessionClient<Options, Frame> {
  readonly #worker: Worker;
  readonly #listeners: SessionListeners<Frame>;
  readonly #requests = new Map<number, (message: ParametersMessage) => void>();
  #run = 0;
  #request = 0;

  /** @param worker a module worker that calls `serveSession`; ended by `dispose` */
  constructor(worker: Worker, listeners: SessionListeners<Frame>) {
    this.#worker = worker;
    this.#listeners = listeners;
    worker.addEventListener("message", ({ data }) => this.#receive(data as Envelope<Frame>));
    worker.addEventListener("error", (event) => {
      const message = `The worker failed: ${event.message || "it could not be loaded"}`;
      listeners.failed({ type: "failed", code: "UNEXPECTED", message });
    });
  }

  /** Replaces what is under way. @param pace trains at once; without it the session waits for `play` or `step` */
  start(settings: SessionSettings<Options>, pace?: Pace): void {
    this.#requests.clear(); // never answered: they asked for another network
    const device = askedDevice();
    const whole = device === undefined ? settings : { device, ...settings };
    this.#send({ type: "start", run: ++this.#run, settings: whole, pace });
  }

  play(pace: Pace): void {
    this.#send({ type: "play", pace });
  }

  /** After a failure that told a step: goes back there, and waits for `play`. */
  goOn(): void {
    this.#send({ type: "goOn" });
  }

  pause(): void {
    this.#send({ type: "pause" });
  }

  /** Pauses, and takes so many steps. */
  step(steps: number): void {
    this.#send({ type: "step", steps });
  }

  /** Holds from the next step on, keeps momentum and moments. */
  setLearningRate(learningRate: number): void {
    this.#send({ type: "learningRate", learningRate });
  }

  /** What the frame function is told from now on; brings a frame also where training is paused. */
  setOptions(options: Options): void {
    this.#send({ type: "options", options });
  }

  /** Parameters as they are after what is under way. */
  readParameters(): Promise<ParametersMessage> {
    const request = ++this.#request;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.#send({ type: "parameters", request });
    });
  }

  /** Ends the worker, and with it its device. */
  dispose(): void {
    this.#worker.terminate();
  }

  #send(message: ToWorker<Options>): void {
    this.#worker.postMessage(message, []);
  }

  #receive({ run, message }: Envelope<Frame>): void {
    if (run !== this.#run) return;
    if (message.type !== "frame") {
      this.#tell(message);
      return;
    }
    const shown = (): void => this.#send({ type: "shown", frame: message.frame });
    try {
      const showing = this.#listeners.frame(message);
      if (showing) void showing.finally(shown);
      else shown();
    } catch (error) {
      shown(); // the next one may be better
      throw error;
    }
  }

  #tell(message: Exclude<FromWorker<Frame>, FrameMessage<Frame>>): void {
    if (message.type === "device") this.#listeners.device?.(message);
    else if (message.type === "started") this.#listeners.started?.(message);
    else if (message.type === "paused") this.#listeners.paused?.(message);
    else if (message.type === "resumed") this.#listeners.resumed?.(message);
    else if (message.type === "diverged") this.#listeners.diverged?.(message);
    else if (message.type === "fitting") this.#listeners.fitting?.();
    else if (message.type === "outOfMemory") this.#listeners.outOfMemory?.(message);
    else if (message.type === "failed") this.#listeners.failed(message);
    else this.#requests.get(message.request)?.(message);
  }
}
