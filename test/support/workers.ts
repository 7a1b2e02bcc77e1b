// Threads of WebAssembly that a test can end as a crash would, in Node and in browsers.

interface Started {
  /** Ends it as a crash would. */
  crash(): void;
  isGone(): boolean;
}

/** Workers that are started while `action` runs. */
export async function withWorkers(action: (started: readonly Started[]) => Promise<void>): Promise<void> {
  const started: Started[] = [];
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  const [NodeWorker, WebWorker] = [threads?.Worker, globalThis.Worker];
  if (threads && NodeWorker) {
    threads.Worker = class extends NodeWorker {
      constructor(...args: ConstructorParameters<typeof NodeWorker>) {
        super(...args);
        started.push({ crash: () => void this.terminate(), isGone: () => this.threadId === -1 });
      }
    };
  } else {
    globalThis.Worker = class extends WebWorker {
      #isGone = false;
      constructor(...args: ConstructorParameters<typeof WebWorker>) {
        super(...args);
        started.push({ crash: () => this.#crash(), isGone: () => this.#isGone });
      }
      override terminate(): void {
        this.#isGone = true; // a browser tells no more
        super.terminate();
      }
      #crash(): void {
        this.terminate();
        this.dispatchEvent(new ErrorEvent("error", { message: "crashed" }));
      }
    };
  }
  try {
    await action(started);
  } finally {
    if (threads && NodeWorker) threads.Worker = NodeWorker;
    else globalThis.Worker = WebWorker;
  }
}
