// The page's end of the worker.

import { askedDevice } from "../askedDevice.ts";
import type { Answers, Fault, FromWorker, Place, Request, ToWorker } from "./protocol.ts";

class RemoteFault extends Error {
  readonly code: string;
  constructor({ code, message }: Fault) {
    super(message);
    this.name = "RemoteFault";
    this.code = code;
  }
}

export interface Listeners {
  /** Where the worker computes, told with every answer. */
  readonly place: (place: Place) => void;
  /** The GPU was lost meanwhile, and the request computed again where `place` has told. */
  readonly lost: () => void;
}

/** A worker that is started with the first request. */
export class Remote {
  readonly #listeners: Listeners;
  readonly #waiting = new Map<number, (answer: FromWorker) => void>();
  #worker: Worker | undefined;
  #requests = 0;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#receive(data));
    worker.addEventListener("error", (event) => this.#fail(event.message || "the worker could not be started"));
    return worker;
  }

  #receive(message: FromWorker): void {
    if (message.place) this.#listeners.place(message.place);
    if (message.wasLost) this.#listeners.lost();
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }

  #fail(message: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const [id, answer] of this.#waiting) answer({ id, fault: { code: "WORKER", message } });
    this.#waiting.clear();
  }

  /** @throws RemoteFault */
  async ask<Kind extends Request["kind"]>(request: Request & { readonly kind: Kind }): Promise<Answers[Kind]> {
    this.#worker ??= this.#start();
    const id = ++this.#requests;
    const message = await new Promise<FromWorker>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker!.postMessage({ id, request, device: askedDevice() } satisfies ToWorker, []);
    });
    if (message.fault) throw new RemoteFault(message.fault);
    return message.answer as Answers[Kind];
  }

  dispose(): void {
    this.#worker?.terminate();
    this.#waiting.clear();
  }
}
