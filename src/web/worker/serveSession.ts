import { acquire } from "../../index.ts";
import type { FrameFunction } from "./frame.ts";
import type { Envelope, SessionSettings, ToWorker } from "./protocol.ts";
import { TrainingSession } from "./session.ts";

/** What a worker's global scope is to a session. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/**
 * Makes this worker a training session; the last line of a view's worker module.
 * @param complete makes of a page's settings what is trained: data that would take the page too long, for example
 */
export function serveSession<Options, Frame>(
  render: FrameFunction<Options, Frame>,
  complete: (settings: SessionSettings<Options>) => SessionSettings<Options> = (settings) => settings,
): void {
  const scope = globalThis as unknown as WorkerScope;
  const session = new TrainingSession<Options, Frame>(
    render,
    (run, message, transfer) => scope.postMessage({ run, message } satisfies Envelope<Frame>, [...transfer]),
    acquire,
  );
  scope.addEventListener("message", ({ data }) => {
    const message = data as ToWorker<Options>;
    session.receive(message.type === "start" ? { ...message, settings: complete(message.settings) } : message);
  });
}
