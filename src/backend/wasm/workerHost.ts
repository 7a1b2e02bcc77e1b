// Workers of Node and of browsers behind one face.

import { type Order, type Report, threadName } from "./thread.js";

export interface WorkerListeners {
  report(report: Report): void;
  /** It ended, or could not begin: nothing more comes from it. */
  ended(reason: string): void;
}

/** A worker that runs `thread.js`. */
export interface ThreadWorker {
  tell(order: Order): void;
  /** Ends it. @returns when it is gone */
  terminate(): Promise<void>;
}

type NodeThreads = NonNullable<ReturnType<typeof nodeThreads>>;

/** Threads of Node, without an import that a browser could not resolve. */
const nodeThreads = () => globalThis.process?.getBuiltinModule?.("node:worker_threads");

function startInNode(threads: NodeThreads, listeners: WorkerListeners): ThreadWorker {
  const { Worker } = threads;
  // without the flags of the process: some of them, as --input-type, are for its own script alone
  const worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: threadName, execArgv: [] });
  worker.on("message", (report: Report) => listeners.report(report));
  worker.on("error", (error) => listeners.ended(String(error)));
  worker.on("exit", (code) => listeners.ended(`its worker exited with code ${code}`));
  worker.unref(); // a pool that nobody disposes of does not keep the process; behind the listeners, which take the reference again
  return {
    tell: (order) => worker.postMessage(order, []),
    terminate: async () => void (await worker.terminate()),
  };
}

function startInBrowser(listeners: WorkerListeners): ThreadWorker {
  const worker = new Worker(new URL("./thread.js", import.meta.url), { type: "module", name: threadName });
  worker.addEventListener("message", ({ data }) => listeners.report(data as Report));
  worker.addEventListener("error", ({ message }) => listeners.ended(message || "its worker could not be loaded"));
  worker.addEventListener("messageerror", () => listeners.ended("its worker could not read a message"));
  return {
    tell: (order) => worker.postMessage(order, []),
    terminate: () => {
      worker.terminate();
      return Promise.resolve();
    },
  };
}

/** Starts a worker. @throws what the host throws where a policy of the page forbids workers */
export function startWorker(listeners: WorkerListeners): ThreadWorker {
  const threads = nodeThreads();
  return threads ? startInNode(threads, listeners) : startInBrowser(listeners);
}

/** Whether this host has threads with shared memory: Node, and pages that are cross-origin isolated. */
export const hasThreads = (): boolean =>
  typeof SharedArrayBuffer !== "undefined" &&
  (typeof Worker !== "undefined" || nodeThreads() !== undefined) &&
  globalThis.crossOriginIsolated !== false;

/** More threads than this wait for memory rather than compute. */
const mostThreads = 16;

/** Threads that a device starts: as many as this machine runs at once. */
export function coreCount(): number {
  const inNode = globalThis.process?.getBuiltinModule?.("node:os").availableParallelism();
  return Math.min(mostThreads, inNode ?? globalThis.navigator?.hardwareConcurrency ?? 1);
}

/** Whether this thread may sleep. That of a page may not: it would freeze the page. */
export function maySleep(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
