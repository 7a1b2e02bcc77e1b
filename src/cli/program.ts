import process from "node:process";
import type { Command } from "commander";
import { version } from "../../package.json";
import { CommandWithUsage } from "./command.ts";
import { addConvertCommands } from "./convert.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addEvaluateCommand } from "./evaluate.ts";
import { exitCodes } from "./exitCodes.ts";
import { addExplainCommand } from "./explain.ts";
import { addExportCommand } from "./exportCommand.ts";
import type { Interrupts } from "./interrupts.ts";
import { addPredictCommand } from "./predict.ts";
import { addSweepCommand } from "./sweepCommand.ts";
import { addTrainCommand } from "./trainCommand.ts";

const description = `Trains dense neural networks on the GPU (WebGPU) or the CPU (WebAssembly).

Examples:
  thalweg train penguins.json --target Species
  thalweg doctor
`;

const codeLines = Object.values(exitCodes).map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
const notes = `
Exit codes:
${codeLines.join("\n")}

Results go to stdout, everything else to stderr. NO_COLOR and FORCE_COLOR are respected.
`;

/** The command line: parse it with `parseAsync`, which throws instead of leaving the process. */
export function createProgram(interrupts: Interrupts): Command {
  const program = new CommandWithUsage("thalweg");
  program.description(description.trim()).version(version).addHelpText("after", notes);
  program.exitOverride().configureOutput({
    writeErr: (text) => process.stderr.write(text),
    outputError: () => {}, // told in one line by main.ts
  });
  addTrainCommand(program, interrupts);
  addSweepCommand(program, interrupts);
  addPredictCommand(program);
  addEvaluateCommand(program);
  addExplainCommand(program);
  addExportCommand(program);
  addConvertCommands(program);
  addDoctorCommand(program);
  return program;
}
