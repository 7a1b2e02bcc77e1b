// What befalls a training, in words, with what can be done about it.

import { notice } from "../notices.ts";
import type { DivergedMessage, OutOfMemoryMessage, ResumedMessage } from "../worker/protocol.ts";
import { formatCount } from "./format.ts";

export function tellResumed({ step, why }: ResumedMessage): void {
  const what = `The GPU was lost (${why}).`;
  notice("info", `${what} Training resumed at step ${formatCount(step)}; momentum and moments begin anew.`);
}

/** @param goOn goes on from the good state with another learning rate */
export function tellDiverged(
  { step, goodStep, learningRate }: DivergedMessage,
  goOn: (learningRate: number) => void,
): void {
  const lower = Number((learningRate / 10).toPrecision(2));
  const where = `at step ${formatCount(step)}: a learning rate of ${learningRate} is too high`;
  notice("bad", `Training diverged ${where}. The network is back at step ${formatCount(goodStep)}.`, {
    label: `Go on with ${lower}`,
    run: () => goOn(lower),
  });
}

/** @param use trains with another batch size */
export function tellOutOfMemory({ message, fits }: OutOfMemoryMessage, use: (batchSize: number) => void): void {
  if (!fits || !("batchSize" in fits)) {
    notice("bad", message);
    return;
  }
  const { batchSize } = fits;
  notice("bad", `The GPU has not enough memory for this batch. A batch of ${batchSize} fits.`, {
    label: `Use ${batchSize}`,
    run: () => use(batchSize),
  });
}
