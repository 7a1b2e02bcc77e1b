// What a training session tells of its troubles, in words for the reader.

import { notice } from "./notices.ts";
import { roughNumber } from "./shortNumber.ts";
import type {
  DeviceMessage,
  DivergedMessage,
  FailedMessage,
  Fitting,
  OutOfMemoryMessage,
  ResumedMessage,
} from "./worker/protocol.ts";

/** One line where no GPU computes. */
export function tellDevice({ kind, why }: DeviceMessage): void {
  if (kind === "cpu") notice("info", `Training on the processor, without WebGPU: ${why ?? "there is no adapter"}`);
}

export function tellResumed({ step, why }: ResumedMessage): void {
  notice("warn", `The GPU was lost (${why}). Training resumed at step ${step.toLocaleString("en")}.`);
}

/** @param goOn trains on with another learning rate */
export function tellDiverged(message: DivergedMessage, goOn: (learningRate: number) => void): void {
  const { step, goodStep, learningRate } = message;
  const lower = Number((learningRate / 3).toPrecision(2));
  const text =
    `Training diverged at step ${step.toLocaleString("en")}: learning rate ${roughNumber(learningRate)} is too high. ` +
    `The network is back at step ${goodStep.toLocaleString("en")}.`;
  notice("bad", text, { label: `Go on with ${roughNumber(lower)}`, run: () => goOn(lower) });
}

/** @param accept starts again with what fits */
export function tellOutOfMemory({ message, fits }: OutOfMemoryMessage, accept: (fits: Fitting) => void): void {
  if (!fits) {
    notice("bad", `Not enough memory: ${message}`);
    return;
  }
  const label =
    "replicas" in fits
      ? `Train ${fits.replicas.toLocaleString("en")} networks`
      : `Take ${fits.batchSize.toLocaleString("en")} a step`;
  notice("bad", `Not enough memory: ${message}`, { label, run: () => accept(fits) });
}

export function tellFailed({ message }: FailedMessage, retry: () => void): void {
  notice("bad", message, { label: "Try again", run: retry });
}
