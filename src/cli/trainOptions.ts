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
    .option("--columns <columns>", "columns to learn from (default: all others that are of use)")
    .option("--ignore <columns>", "columns to leave out")
    .option(
      "--missing-cells <choice>",
      "impute: fill with median or most frequent value; drop: leave their rows out; auto: impute where over 5 % of the rows would be lost",
      name("--missing-cells", missingCellsChoices),
      "auto",
    )
    .option(
      "--categories <choice>",
      "auto: columns of more than 10 categories get an embedding; oneHot: none does",
      name("--categories", categoryEncodings),
      "auto",
    )
    .option("--weight-column <column>", "column of numbers that say how much each row counts; it is no input");
  return addReadOptions(command);
}

export function addNetworkOptions(command: Command): Command {
  const layers = new Option("--layers <widths>", "widths of the hidden layers, or none").default([16], "16");
  layers.argParser(widths("--layers"));
  return command
    .optionsGroup("Network:")
    .addOption(layers)
    .option(
      "--activation <name>",
      `of the hidden layers: ${activationNames.join(", ")}`,
      name("--activation", activationNames),
      "tanh",
    )
    .option("--loss <name>", `${lossNames.join(", ")} (default: by the task)`, name("--loss", lossNames))
    .option(
      "--initializer <name>",
      `${initializerNames.join(", ")} (default: by the activation)`,
      name("--initializer", initializerNames),
    );
}

/** Reads a number of the optimizer: one for `train`, several for `sweep`. */
type RateReader = (flag: "--learning-rate" | "--momentum" | "--weight-decay") => (text: string) => unknown;

const rates = `(default: ${optimizerNames.map((own) => `${own} ${usualRate(own)}`).join(", ")})`;
const withMomentum = optimizerNames.filter((own) => "momentum" in hyperParameterDefaults(own)).join(", ");

function addLineSearchOptions(command: Command): Command {
  const { toleranceGradient, toleranceChange } = hyperParameterDefaults("lbfgs");
  return command
    .option(
      "--max-iterations <count>",
      "for lbfgs: iterations after which the same parameters are evaluated once more (default: 20)",
      integer("--max-iterations", 1, 2 ** 24 - 1),
    )
    .option(
      "--max-evaluations <count>",
      "for lbfgs: evaluations after which they are evaluated once more (default: 5/4 of the iterations)",
      integer("--max-evaluations", 1, 2 ** 24 - 1),
    )
    .option(
      "--history-size <pairs>",
      "for lbfgs: differences of gradients that directions are computed from (default: 10)",
      integer("--history-size", 1, 1024),
    )
    .option(
      "--tolerance-gradient <size>",
      `for lbfgs: a network stops when all its gradients are smaller (default: ${String(toleranceGradient)})`,
      number("--tolerance-gradient"),
    )
    .option(
      "--tolerance-change <size>",
      `for lbfgs: the least change of loss or parameters (default: ${String(toleranceChange)})`,
      number("--tolerance-change"),
    );
}

/** @param what placeholder of the numbers that `read` reads */
export function addStepOptions(command: Command, what: string, read: RateReader): Command {
  command
    .optionsGroup("Training:")
    .option("--optimizer <name>", optimizerNames.join(", "), name("--optimizer", optimizerNames), "adam")
    .option(`--learning-rate <${what}>`, rates, read("--learning-rate"))
    .option(`--momentum <${what}>`, `for ${withMomentum}`, read("--momentum"))
    .option("--nesterov", "for sgd with momentum; muon has it anyway")
    .option(`--weight-decay <${what}>`, "pull of the weights towards 0", read("--weight-decay"));
  return addLineSearchOptions(command)
    .option("--schedule <name:numbers>", `of the learning rate, in steps: ${scheduleUsage}`, schedule("--schedule"))
    .option(
      "--warmup <steps>",
      "raise the learning rate from a third of it, before the schedule",
      integer("--warmup", 1),
    )
    .option("--epochs <count>", "passes over the rows", integer("--epochs", 1), defaultEpochs)
    .option("--batch-size <rows>", "rows per step; lbfgs takes all", integer("--batch-size", 1, 2 ** 31), 32);
}

/** What tells how good the model is, and whether its steps were right. */
export function addCheckOptions(command: Command): Command {
  command.optionsGroup("Validation and checks:");
  command.option("--validation <share>", "share of the rows that is held out", number("--validation"), 0.2);
  return addStoppingOptions(command)
    .option("--verify", "take the same steps in float64 on the CPU and compare")
    .option(
      "--verify-webgpu",
      "as --verify, and where the training ran without WebGPU take the same steps on a WebGPU adapter, if there is one",
    );
}

export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup("Device:")
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option(
      "--strategy <name>",
      `how steps are computed: ${strategies.join(", ")}`,
      name("--strategy", strategies),
      "auto",
    )
    .optionsGroup("Output:")
    .option("--output <file>", "where the model goes (default: FILE.safetensors in this folder)")
    .option("--force", "replace an existing model without keeping it as .bak")
    .option("--no-chart", "show no curves of the losses in a terminal")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only")
    .option("--verbose", "say why the strategy was chosen, with its kernels and memory");
}
