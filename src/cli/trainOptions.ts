import { type Command, Option } from "commander";
import {
  activationNames,
  defaultEpochs,
  deviceChoices,
  hyperParameterDefaults,
  initializerNames,
  lossNames,
  optimizerNames,
  strategyNames,
} from "../node.ts";
import { categoryEncodings, missingCellsChoices } from "../data.ts";
import { addReadOptions } from "./readFlags.ts";
import { schedule, scheduleUsage } from "./scheduleFlag.ts";
import { addStoppingOptions } from "./stopping.ts";
import { usualRate } from "./trainFlags.ts";
import { integer, name, number, widths } from "./flags.ts";

// Options that `thalweg train` and `thalweg sweep` share.

const strategies = ["auto", ...strategyNames] as const;

export function addDataOptions(command: Command): Command {
  command
    .optionsGroup("Table:")
    .option("--target <columns>", "column to predict, or several columns of numbers: a,b (required)")
    .option(
      "--task <task>",
      "classification or regression (default: by the target)",
      name("--task", ["classification", "regression"]),
    )
    .option("--columns <columns>", "input columns (default: all other usable columns)")
    .option("--ignore <columns>", "columns to exclude")
    .option(
      "--missing-cells <choice>",
      "impute: fill with median or most frequent value; drop: drop such rows; auto: impute if over 5 % of the rows would be lost",
      name("--missing-cells", missingCellsChoices),
      "auto",
    )
    .option(
      "--categories <choice>",
      "auto: embeddings for columns with more than 10 categories; oneHot: no embeddings",
      name("--categories", categoryEncodings),
      "auto",
    )
    .option("--weight-column <column>", "column with row weights; not used as an input");
  return addReadOptions(command);
}

export function addNetworkOptions(command: Command): Command {
  const layers = new Option("--layers <widths>", "widths of the hidden layers, like 32,32, or none").default(
    [16],
    "16",
  );
  layers.argParser(widths("--layers"));
  return command
    .optionsGroup("Network:")
    .addOption(layers)
    .option(
      "--activation <name>",
      `activation of the hidden layers: ${activationNames.join(", ")}`,
      name("--activation", activationNames),
      "tanh",
    )
    .option("--loss <name>", `loss function: ${lossNames.join(", ")} (default: by the task)`, name("--loss", lossNames))
    .option(
      "--initializer <name>",
      `initial weights: ${initializerNames.join(", ")} (default: by the activation)`,
      name("--initializer", initializerNames),
    );
}

/** Reads a number of the optimizer: one for `train`, several for `sweep`. */
type RateReader = (flag: "--learning-rate" | "--momentum" | "--weight-decay") => (text: string) => unknown;

const rates = `learning rate (default: ${optimizerNames.map((own) => `${own} ${usualRate(own)}`).join(", ")})`;
const withMomentum = optimizerNames.filter((own) => "momentum" in hyperParameterDefaults(own)).join(", ");

function addLineSearchOptions(command: Command): Command {
  const { toleranceGradient, toleranceChange } = hyperParameterDefaults("lbfgs");
  return command
    .option(
      "--max-iterations <count>",
      "for lbfgs: iterations per outer step, as PyTorch's max_iter (default: 20)",
      integer("--max-iterations", 1, 2 ** 24 - 1),
    )
    .option(
      "--max-evaluations <count>",
      "for lbfgs: evaluations per outer step, as PyTorch's max_eval (default: 5/4 of the iterations)",
      integer("--max-evaluations", 1, 2 ** 24 - 1),
    )
    .option(
      "--history-size <pairs>",
      "for lbfgs: number of stored update pairs, as PyTorch's history_size (default: 10)",
      integer("--history-size", 1, 1024),
    )
    .option(
      "--tolerance-gradient <size>",
      `for lbfgs: a network stops when all its gradients are below this (default: ${String(toleranceGradient)})`,
      number("--tolerance-gradient"),
    )
    .option(
      "--tolerance-change <size>",
      `for lbfgs: a network stops when loss or parameters change less (default: ${String(toleranceChange)})`,
      number("--tolerance-change"),
    );
}

/** @param what placeholder of the numbers that `read` reads */
export function addStepOptions(command: Command, what: string, read: RateReader): Command {
  command
    .optionsGroup("Training:")
    .option("--optimizer <name>", optimizerNames.join(", "), name("--optimizer", optimizerNames), "adam")
    .option(`--learning-rate <${what}>`, rates, read("--learning-rate"))
    .option(`--momentum <${what}>`, `momentum, for ${withMomentum}`, read("--momentum"))
    .option("--nesterov", "Nesterov momentum, for sgd; muon always uses it")
    .option(`--weight-decay <${what}>`, "strength of the decay of weights towards 0", read("--weight-decay"));
  return addLineSearchOptions(command)
    .option("--schedule <name:numbers>", `learning-rate schedule, in steps: ${scheduleUsage}`, schedule("--schedule"))
    .option(
      "--warmup <steps>",
      "steps of linear warm-up from a third of the learning rate, before the schedule",
      integer("--warmup", 1),
    )
    .option("--epochs <count>", "passes over the rows", integer("--epochs", 1), defaultEpochs)
    .option("--batch-size <rows>", "rows per step; lbfgs uses all", integer("--batch-size", 1, 2 ** 31), 32);
}

/** Options that show how good the model is, and whether its steps were computed correctly. */
export function addCheckOptions(command: Command): Command {
  command.optionsGroup("Validation and checks:");
  command.option("--validation <share>", "share of the rows held out for validation", number("--validation"), 0.2);
  return addStoppingOptions(command)
    .option("--verify", "repeat the steps in float64 on the CPU and compare")
    .option(
      "--verify-webgpu",
      "like --verify; also repeat the steps on a WebGPU adapter if training ran without WebGPU",
    );
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup("Device:")
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option(
      "--strategy <name>",
      `how training steps are computed: ${strategies.join(", ")}`,
      name("--strategy", strategies),
      "auto",
    )
    .optionsGroup("Output:")
    .option("--output <file>", "model file (default: FILE.safetensors in this folder)")
    .option("--force", "replace an existing file without keeping a .bak copy")
    .option("--no-chart", "do not draw the loss curves in a terminal")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .option("--verbose", "show why the strategy was chosen, its kernels and memory");
}
