// The command line `thalweg`: everything ends here, in one line about what went wrong and an exit code.

import process from "node:process";
import { printable } from "../node.ts";
import { Stop, errorRecord, exitCodeOf, messageOf } from "./exitCodes.ts";
import { createInterrupts } from "./interrupts.ts";
import { leaveLive } from "./liveText.ts";
import { createOutput, flush, watchStreams } from "./output.ts";
import { createProgram } from "./program.ts";
import { oneLine } from "./safeText.ts";

function tell(error: unknown): void {
  const message = messageOf(error);
  if (message === "") return;
  leaveLive();
  process.stderr.write(`thalweg: ${oneLine(message.replaceAll(/\s*\n\s*/g, " "))}\n`);
  if (process.env["THALWEG_DEBUG"])
    process.stderr.write(`${printable(String(error instanceof Error ? error.stack : error))}\n`);
  const isResult = error instanceof Stop; // its record has been printed
  if (!isResult) createOutput({ json: process.argv.includes("--json") }).record(errorRecord(error));
}

async function run(): Promise<number> {
  const interrupts = createInterrupts();
  try {
    await createProgram(interrupts).parseAsync(process.argv);
    return 0;
  } catch (error) {
    tell(error);
    return exitCodeOf(error);
  }
}

process.on("exit", leaveLive);
let unwritten: Error | undefined;
watchStreams((error) => (unwritten ??= error));
process.on("uncaughtException", (error) => {
  tell(error);
  process.exit(exitCodeOf(error));
});
const code = await run();
await flush();
if (unwritten) tell(unwritten);
process.exit(unwritten ? exitCodeOf(unwritten) : code);
