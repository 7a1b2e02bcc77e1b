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
The networks differ only in --learning-rate, --momentum, --weight-decay and --seed. Each takes one number for all;
a range a..b, or log:a..b for a logarithmic scale; or a list a,b,c. Lists are combined into a grid, ranges are
sampled by Latin hypercube. A seed sets the initial weights and the order of rows.
The network with the lowest held-out loss is saved as a model; --verify checks it.
With --halving or --hyperband most networks stop early; with --folds settings are compared by cross-validation.
`;

const swept =
  (flag: SweptFlag) =>
  (text: string): unknown =>
    parseValues(flag, text);

export function addSweepCommand(program: Command, interrupts: Interrupts): void {
  const command = program.command("sweep").argument("<file>", "table of training data");
  command.summary("train many networks side by side and save the best");
  command.usage("FILE --target COLUMN [options]").description(examples.trim());
  addDataOptions(command);
  addNetworkOptions(command).option(
    "--members <count>",
    "number of networks (default: one per grid point and seed, else 256)",
    integer("--members", 1, 2 ** 20),
  );
  addStepOptions(command, "values", swept)
    .option("--seed <values>", "seeds of initial weights and row order (default: 1, 2, 3, …)", swept("--seed"))
    .option("--bootstrap", "train each network on a bootstrap sample of the rows, drawn by its seed");
  addHalvingOptions(command);
  addUpdateOptions(command);
  addRegularisationOptions(command);
  addFoldOptions(
    addMetricsOption(addCheckOptions(command)),
    "compare the settings by k-fold cross-validation with each seed, then train the best on all rows",
  ).option(
    "--split-seed <number>",
    "seed of the held-out rows, the same for all networks, and of the sampling of ranges",
    integer("--split-seed", 0),
    1,
  );
  addOutputOptions(command)
    .option("--top <count>", "number of best networks to list", integer("--top", 1, 10_000), 10)
    .option("--csv <file>", "write one line per network: settings, losses, step at which it stopped");
  addConfigOptions(addCheckpointOptions(command));
  command.addHelpText("after", notes);
  command.action((file: string) =>
    withConfig<SweepFlags>(command, async (flags, isTyped) => {
      if (flags.printConfig) return printConfig(command, file, { flags, isTyped });
      return sweep(file, { flags, interrupts, isTyped });
    }),
  );
}
