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
      "balanced: classes count alike, however many rows they have; or a number for each class, in the order of the output",
      classWeights,
    )
    .option(
      "--label-smoothing <share>",
      "of a cross entropy: share of each target that all classes have in common, 0.1 for example",
      number("--label-smoothing"),
    )
    .option(
      "--dropout <rate>",
      "share of the values behind each hidden layer that every step leaves out, 0.1 for example",
      number("--dropout"),
    )
    .option(
      "--noise <deviation>",
      "standard deviation of normal noise that every step adds to the standardised inputs, 0.1 for example",
      number("--noise"),
    )
    .option(
      "--mixup <alpha[,copies]>",
      "learn from mixtures of two rows by λ ~ Beta(alpha, alpha), 0.2 for example: so many (10) of each row, not with embeddings",
      mixup,
    );
}

/** What comes behind a hidden layer. */
export const behindHidden = ({ dropout: rate }: RegularisationFlags): Layer[] =>
  rate === undefined || rate === 0 ? [] : [dropout(rate)];

/** What comes behind the inputs. */
export const behindInputs = ({ noise }: RegularisationFlags): Layer[] =>
  noise === undefined || noise === 0 ? [] : [gaussianNoise(noise)];

/** What the training is told of it. */
export const regularisationOf = ({
  labelSmoothing,
  classWeights: weights,
  mixup: mixing,
}: RegularisationFlags): TrainOptions => ({
  ...(labelSmoothing !== undefined && { labelSmoothing }),
  ...(weights !== undefined && { classWeights: weights }),
  ...(mixing !== undefined && { mixup: mixing }),
});
