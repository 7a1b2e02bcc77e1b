import { type Command, Option } from "commander";
import { activationNames, deviceChoices, initializerNames, lossNames, optimizerNames } from "../node.ts";
import { integer, name, number, widths } from "./flags.ts";
import type { Interrupts } from "./interrupts.ts";
import { train } from "./train.ts";
import type { TrainFlags } from "./trainFlags.ts";

const examples = `Examples:
  thalweg train penguins.json --target Species --verify
  thalweg train cars.csv --target price --layers 32,32 --epochs 200
`;

const notes = `
FILE is CSV, TSV or JSON rows (an array of objects), or - for stdin; its content decides, not its name.
Numbers are standardised, texts become one-hot inputs, rows with missing cells (empty, null, NA) are left out.
A target of texts is learned as classes, a target of numbers by regression. Ctrl-C saves what has been learned.
`;

function addDataOptions(command: Command): Command {
  return command
    .option("--target <columns>", "column to predict, or several columns of numbers: a,b (required)")
    .option(
      "--task <task>",
      "classification or regression (default: by the target)",
      name("--task", ["classification", "regression"]),
    )
    .option("--columns <columns>", "columns to learn from (default: all others)")
    .option("--ignore <columns>", "columns to leave out")
    .option("--validation <share>", "share of the rows that is held out", number("--validation"), 0.2);
}

function addNetworkOptions(command: Command): Command {
  const layers = new Option("--layers <widths>", "widths of the hidden layers, or none").default([16], "16");
  layers.argParser(widths("--layers"));
  return command
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
    )
    .option(
      "--replicas <count>",
      "networks trained side by side, each from its own seed",
      integer("--replicas", 1, 2 ** 20),
      1,
    );
}

function addTrainingOptions(command: Command): Command {
  return command
    .option("--optimizer <name>", optimizerNames.join(", "), name("--optimizer", optimizerNames), "adam")
    .option("--learning-rate <rate>", "(default: 0.01; sgd 0.1)", number("--learning-rate"))
    .option("--momentum <share>", "for sgd and rmsProp", number("--momentum"))
    .option("--nesterov", "for sgd with momentum")
    .option("--weight-decay <rate>", "pull of the weights towards 0", number("--weight-decay"))
    .option("--epochs <count>", "passes over the rows", integer("--epochs", 1), 60)
    .option("--batch-size <rows>", "rows per step", integer("--batch-size", 1, 2 ** 31), 32)
    .option("--seed <number>", "of the split, the initial weights and the order of rows", integer("--seed", 0), 1);
}

function addOutputOptions(command: Command): Command {
  return command
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--output <file>", "where the model goes (default: FILE.safetensors in this folder)")
    .option("--verify", "take the same steps in float64 on the CPU and compare")
    .option("--json", "print one JSON object instead of text")
    .option("--quiet", "print the result only");
}

export function addTrainCommand(program: Command, interrupts: Interrupts): void {
  const command = program.command("train").argument("<file>", "table to learn from");
  command.summary("train a network on a table").usage("FILE --target COLUMN [options]").description(examples.trim());
  for (const add of [addDataOptions, addNetworkOptions, addTrainingOptions, addOutputOptions]) add(command);
  command.addHelpText("after", notes);
  command.action((file: string, flags: TrainFlags) => train(file, flags, interrupts));
}
