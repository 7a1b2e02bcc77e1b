import type { Command } from "commander";
import type { Prepared } from "../data.ts";
import { type EarlyStopping, InvalidInput, type StoppingResult, type TrainOptions } from "../node.ts";
import { integer, name, number } from "./flags.ts";
import { counted, grouped } from "./numbers.ts";

// Early stopping on the command line: options, what they ask for, and what is told at the end.

export interface StoppingFlags {
  readonly patience?: number;
  readonly minDelta?: number;
  readonly monitor?: "loss" | "accuracy";
}

export const addStoppingOptions = (command: Command): Command =>
  command
    .option(
      "--patience <epochs>",
      "stop after so many epochs in a row in which the rows held out were fitted no better, and restore the best epoch",
      integer("--patience", 0, 2 ** 32),
    )
    .option("--min-delta <number>", "what counts as better, for --patience (default: 0)", number("--min-delta"))
    .option(
      "--monitor <metric>",
      "what is watched, for --patience: loss or accuracy",
      name("--monitor", ["loss", "accuracy"]),
    );

/**
 * What the flags ask for.
 * @throws InvalidInput where they do not fit each other
 */
export function stoppingOf(
  {
    patience,
    minDelta,
    monitor,
    verifyWebgpu,
    members = 1,
  }: StoppingFlags & { verifyWebgpu?: boolean; members?: number },
  { validation }: Pick<Prepared, "validation">,
): Pick<TrainOptions, "earlyStopping" | "validation"> {
  if (patience === undefined) {
    const flag = minDelta !== undefined ? "--min-delta" : "--monitor";
    if (minDelta === undefined && monitor === undefined) return {};
    const expected = "--patience beside it: the epochs to wait for something better";
    throw new InvalidInput({ place: flag, expected, got: "none", fix: "add --patience 10" });
  }
  if (!validation) {
    const fix = "leave --validation at its default, or --patience out";
    throw new InvalidInput({ place: "--patience", expected: "rows that are held out", got: "--validation 0", fix });
  }
  if (verifyWebgpu && members > 1) {
    const expected = "one member, where --patience stops each at a step of its own";
    const fix = "leave --members or --verify-webgpu out";
    throw new InvalidInput({ place: "--verify-webgpu", expected, got: `--members ${members}`, fix });
  }
  const earlyStopping: EarlyStopping = {
    patience,
    ...(minDelta !== undefined && { minDelta }),
    ...(monitor && { metric: monitor }),
  };
  return { earlyStopping, validation };
}

const rangeOf = (values: readonly number[]): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? grouped(least) : `${grouped(least)} to ${grouped(most)}`;
};

/** One sentence: `stopped after epoch 43, best epoch 33 restored`. @param epochs that were asked for */
export function describeStopping(
  { stoppedSteps, bestSteps }: StoppingResult,
  { perEpoch, epochs }: { readonly perEpoch: number; readonly epochs: number },
): string {
  const epochsOf = (steps: Float64Array): number[] =>
    Array.from(steps)
      .filter((step) => step > 0)
      .map((step) => Math.round(step / perEpoch));
  const [stopped, best] = [epochsOf(stoppedSteps), epochsOf(bestSteps)];
  const members = stoppedSteps.length;
  const many = best.length > 1 ? "best epochs" : "best epoch";
  const restored = best.length === 0 ? "none was a number" : `${many} ${rangeOf(best)} restored`;
  if (stopped.length === 0) return `went on to the end, after ${counted(epochs, "epoch")}; ${restored}`;
  const who = members === 1 ? "stopped" : `${grouped(stopped.length)} of ${grouped(members)} members stopped`;
  return `${who} after ${stopped.length > 1 ? "epochs" : "epoch"} ${rangeOf(stopped)}, ${restored}`;
}
