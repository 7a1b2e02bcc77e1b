import type { Command } from "commander";
import { addCheckpointOptions } from "./checkpointing.ts";
import { addConfigOptions, printConfig, withConfig } from "./config.ts";
import { layouts } from "./files.ts";
import { integer, number } from "./flags.ts";
import { addFoldOptions } from "./folds.ts";
import { addMetricsOption } from "./metrics.ts";
import type { Interrupts } from "./interrupts.ts";
import { addRegularisationOptions } from "./regularisation.ts";
import { addUpdateOptions } from "./updateFlags.ts";
import { train } from "./train.ts";
import type { TrainFlags } from "./trainFlags.ts";
import {
  addCheckOptions,
  addDataOptions,
  addNetworkOptions,
  addOutputOptions,
  addStepOptions,
} from "./trainOptions.ts";

const examples = `Examples:
  thalweg train penguins.json --target Species --verify
  thalweg train cars.csv --target price --layers 32,32 --epochs 200
  thalweg train cars.csv --resume
`;

const notes = `
FILE is ${layouts}, or - for stdin; its content decides, not its name. JSON is an array of row objects.
Numbers and dates are standardised, texts become one-hot inputs or embeddings, ids are ignored; the output shows how each column was
read, docs/tables.md has the rules. A target with texts or few different whole numbers means classification, with other
numbers regression; --task overrides this. Ctrl-C saves the model and prints the command that resumes the run.
`;

export function addTrainCommand(program: Command, interrupts: Interrupts): void {
  const command = program.command("train").argument("<file>", "table of training data");
  command.summary("train a network on a table").usage("FILE --target COLUMN [options]").description(examples.trim());
  addDataOptions(command);
  addNetworkOptions(command).option(
    "--members <count>",
    "number of networks trained side by side, each with its own seed",
    integer("--members", 1, 2 ** 20),
    1,
  );
  command.option("--init <file>", "start from the weights of a model: thalweg, PyTorch, ONNX, Keras or TensorFlow.js");
  addStepOptions(command, "number", number).option(
    "--seed <number>",
    "seed of the split, the initial weights and the row order",
    integer("--seed", 0),
    1,
  );
  addUpdateOptions(command);
  addRegularisationOptions(command);
  addFoldOptions(addMetricsOption(addCheckOptions(command)));
  addOutputOptions(command).option(
    "--history <file>",
    "write losses and scores per epoch: .csv, .json, or .svg with curves",
  );
  addConfigOptions(addCheckpointOptions(command));
  command.addHelpText("after", notes);
  command.action((file: string) =>
    withConfig<TrainFlags>(command, async (flags, isTyped) => {
      if (flags.printConfig) return printConfig(command, file, { flags, isTyped });
      return train(file, { flags, interrupts, isTyped });
    }),
  );
}
