import { type Command } from "commander";
import {
  type ClassWeights,
  dropout,
  gaussianNoise,
  InvalidInput,
  type Layer,
  type Mixup,
  type TrainOptions,
} from "../node.ts";
import { number, numberList } from "./flags.ts";

// What keeps a network from learning its rows by heart, and how much rows count: options of `thalweg train` and `thalweg sweep`.

export interface RegularisationFlags {
  readonly weightColumn?: string;
  readonly labelSmoothing?: number;
  readonly classWeights?: ClassWeights;
  readonly dropout?: number;
  readonly noise?: number;
  readonly mixup?: Mixup;
}

const classWeights = (text: string): ClassWeights =>
  text.trim() === "balanced" ? "balanced" : numberList("--class-weights")(text);

function mixup(text: string): Mixup {
  const [alpha, copies, ...others] = numberList("--mixup")(text);
  if (others.length === 0) return { alpha: alpha!, ...(copies !== undefined && { copies }) };
  const fix = "write it like 0.2 or 0.2,20";
  throw new InvalidInput({ place: "--mixup", expected: "alpha, or alpha and copies", got: JSON.stringify(text), fix });
}

export function addRegularisationOptions(command: Command): Command {
  return command
    .optionsGroup("Regularisation:")
    .option(
      "--class-weights <weights>",
      "balanced: weight classes inversely to their number of rows; or one number per class, in output order",
      classWeights,
    )
    .option(
      "--label-smoothing <share>",
      "for cross entropy: share of each target spread over all classes, for example 0.1",
      number("--label-smoothing"),
    )
    .option("--dropout <rate>", "dropout rate after each hidden layer, for example 0.1", number("--dropout"))
    .option(
      "--noise <deviation>",
      "standard deviation of Gaussian noise added to the standardised inputs in training, for example 0.1",
      number("--noise"),
    )
    .option(
      "--mixup <alpha[,copies]>",
      "train on mixtures of two rows with λ ~ Beta(alpha, alpha), for example 0.2; copies (10) per row; not with embeddings",
      mixup,
    );
}

/** What comes behind a hidden layer. */
export const behindHidden = ({ dropout: rate }: RegularisationFlags): Layer[] =>
  rate === undefined || rate === 0 ? [] : [dropout(rate)];

/** What comes behind the inputs. */
export const behindInputs = ({ noise }: RegularisationFlags): Layer[] =>
  noise === undefined || noise === 0 ? [] : [gaussianNoise(noise)];

/** The corresponding options of `train`. */
export const regularisationOf = ({
  labelSmoothing,
  classWeights: weights,
  mixup: mixing,
}: RegularisationFlags): TrainOptions => ({
  ...(labelSmoothing !== undefined && { labelSmoothing }),
  ...(weights !== undefined && { classWeights: weights }),
  ...(mixing !== undefined && { mixup: mixing }),
});
