import { type Command } from "commander";
import { type Average, type DecayGroup, ema, InvalidInput, swa, type TrainOptions } from "../node.ts";
import { integerList, name, number } from "./flags.ts";

// What is done around an optimizer's update: options of `thalweg train` and `thalweg sweep`.

export interface UpdateFlags {
  readonly clipNorm?: number;
  readonly clipValue?: number;
  readonly l1?: number;
  readonly decay?: DecayGroup;
  readonly ema?: number;
  /** Start, and where there are two numbers every how many steps. */
  readonly swa?: readonly number[];
}

export function addUpdateOptions(command: Command): Command {
  return command
    .option("--clip-norm <norm>", "clip the gradient norm to this value", number("--clip-norm"))
    .option("--clip-value <value>", "clamp every gradient to ± this", number("--clip-value"))
    .option(
      "--l1 <lambda>",
      "penalty λ · Σ |w| over weights and embeddings; not included in reported losses",
      number("--l1"),
    )
    .option(
      "--decay <which>",
      "weights: exclude biases, scales and shifts from weight decay (default: all)",
      name("--decay", ["all", "weights"]),
    )
    .option("--ema <decay>", "use an exponential moving average of the parameters: for example 0.999", number("--ema"))
    .option(
      "--swa <start[,every]>",
      "use the mean of the parameters after this step and every later step (or every n-th)",
      integerList("--swa", 2),
    );
}

function averageOf({ ema: decay, swa: steps }: UpdateFlags): Average | undefined {
  if (steps !== undefined && decay !== undefined) {
    const fix = "leave one of them out";
    throw new InvalidInput({ place: "--swa", expected: "no --ema with it", got: "both", fix });
  }
  if (steps !== undefined) return swa({ start: steps[0]!, every: steps[1] ?? 1 });
  return decay === undefined ? undefined : ema(decay);
}

/** The corresponding options of `train`. */
export function updateOptionsOf(flags: UpdateFlags): TrainOptions {
  const { clipNorm, clipValue, l1, decay } = flags;
  const average = averageOf(flags);
  return {
    ...(clipNorm !== undefined && { clipNorm }),
    ...(clipValue !== undefined && { clipValue }),
    ...(l1 !== undefined && { l1 }),
    ...(decay !== undefined && { decay }),
    ...(average !== undefined && { average }),
  };
}
