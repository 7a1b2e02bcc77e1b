import type { Command } from "commander";
import { addCheckpointOptions } from "./checkpointing.ts";
import { addConfigOptions, printConfig, withConfig } from "./config.ts";
import { integer } from "./flags.ts";
import { addFoldOptions } from "./folds.ts";
import { addHalvingOptions } from "./halving.ts";
import { addMetricsOption } from "./metrics.ts";
import type { Interrupts } from "./interrupts.ts";
import { addRegularisationOptions } from "./regularisation.ts";
import { addUpdateOptions } from "./updateFlags.ts";
import { sweep } from "./sweep.ts";
import type { SweepFlags } from "./sweepSession.ts";
import { parseValues, type SweptFlag } from "./sweepValues.ts";
import {
  addCheckOptions,
  addDataOptions,
  addNetworkOptions,
  addOutputOptions,
  addStepOptions,
} from "./trainOptions.ts";

const examples = `Examples:
  thalweg sweep penguins.json --target Species --learning-rate log:1e-4..1
  thalweg sweep cars.csv --target price --layers 8,16 --seed 0..99 --csv all.csv
  thalweg sweep cars.csv --target price --learning-rate log:1e-4..1 --hyperband
  thalweg sweep cars.csv --target price --weight-decay 0,1e-4,1e-2 --folds 5
`;

const notes = `
The networks differ in --learning-rate, --momentum, --weight-decay and --seed alone. Each takes a number, the same for all;
a range a..b, or log:a..b with even steps of the logarithm; or a list a,b,c. Lists are combined to a grid, ranges are
spread over the networks so that every part of each is tried. A seed decides the initial weights and the order of rows.
The best network, by the loss over the rows held out, is saved as a model like any other, and checked by --verify.
With --halving or --hyperband most networks stop early; with --folds the settings are compared by all rows, each held out once.
`;

const swept =
  (flag: SweptFlag) =>
  (text: string): unknown =>
    parseValues(flag, text);

export function addSweepCommand(program: Command, interrupts: Interrupts): void {
  const command = program.command("sweep").argument("<file>", "table to learn from");
  command.summary("train many networks side by side, and keep the best");
  command.usage("FILE --target COLUMN [options]").description(examples.trim());
  addDataOptions(command);
  addNetworkOptions(command).option(
    "--members <count>",
    "networks (default: one for each point of the grid and each seed, else 256)",
    integer("--members", 1, 2 ** 20),
  );
  addStepOptions(command, "values", swept)
    .option("--seed <values>", "of initial weights and order of rows (default: 1, 2, 3, …)", swept("--seed"))
    .option("--bootstrap", "train each on as many rows drawn with replacement, by its seed");
  addHalvingOptions(command);
  addUpdateOptions(command);
  addRegularisationOptions(command);
  addFoldOptions(
    addMetricsOption(addCheckOptions(command)),
    "compare the settings by cross-validation: so many parts of the rows are held out in turn, with each seed; the best is then trained on all rows",
  ).option(
    "--split-seed <number>",
    "of the rows held out, the same for all networks, and of how ranges are spread",
    integer("--split-seed", 0),
    1,
  );
  addOutputOptions(command)
    .option("--top <count>", "networks to list", integer("--top", 1, 10_000), 10)
    .option("--csv <file>", "write a line for each network: settings, losses, where it stopped");
  addConfigOptions(addCheckpointOptions(command));
  command.addHelpText("after", notes);
  command.action((file: string) =>
    withConfig<SweepFlags>(command, async (flags, isTyped) => {
      if (flags.printConfig) return printConfig(command, file, { flags, isTyped });
      return sweep(file, { flags, interrupts, isTyped });
    }),
  );
}
