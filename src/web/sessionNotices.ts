// Messages shown when a training session fails or recovers, with the action they offer.

import { cpuNotice, notice, type Notice } from "./notices.ts";
import type {
  DeviceMessage,
  DivergedMessage,
  FailedMessage,
  Fitting,
  OutOfMemoryMessage,
  ResumedMessage,
} from "./worker/protocol.ts";

const grouped = (count: number): string => count.toLocaleString("en");

/** One line where no WebGPU adapter computes. */
export function tellDevice({ kind, fallbackReason }: DeviceMessage): Notice | undefined {
  return kind === "wasm" || kind === "reference"
    ? cpuNotice(`Training on the CPU: ${fallbackReason}.`, fallbackReason!)
    : undefined;
}

export function tellResumed({ step, why }: ResumedMessage): void {
  const what = `The GPU was lost (${why}).`;
  notice("info", `${what} Training resumed at step ${grouped(step)}.`);
}

/** @param goOn resumes from the good state with another learning rate */
export function tellDiverged(
  { step, goodStep, learningRate }: DivergedMessage,
  goOn: (learningRate: number) => void,
): void {
  const lower = Number((learningRate / 10).toPrecision(2));
  const where = `at step ${grouped(step)}: a learning rate of ${learningRate} is too high`;
  notice("bad", `Training diverged ${where}. The network is back at step ${grouped(goodStep)}.`, {
    label: `Continue with ${lower}`,
    run: () => goOn(lower),
  });
}

/** @param use trains with what fits: another batch size, or fewer networks */
export function tellOutOfMemory({ message, fits }: OutOfMemoryMessage, use: (fits: Fitting) => void): void {
  if (!fits) {
    notice("bad", message);
    return;
  }
  const [what, fitting] =
    "members" in fits
      ? [`this many networks. ${grouped(fits.members)} fit`, fits.members]
      : [`this batch. A batch of ${grouped(fits.batchSize)} fits`, fits.batchSize];
  notice("bad", `The GPU does not have enough memory for ${what}.`, {
    label: `Use ${grouped(fitting)}`,
    run: () => use(fits),
  });
}

/** @param retry restarts the training @param goOn resumes from the last state, where there is one */
export function tellFailed({ message, step }: FailedMessage, retry: () => void, goOn: () => void): void {
  const isKept = step !== undefined;
  const label = isKept ? `Continue from step ${grouped(step)}` : "Restart";
  notice("bad", message, { label, run: isKept ? goOn : retry });
}
