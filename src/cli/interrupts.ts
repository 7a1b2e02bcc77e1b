import process from "node:process";
import { exitCodes } from "./exitCodes.ts";
import { oneLine } from "./safeText.ts";

/** Ctrl-C and SIGTERM: the first ends the work under way in order, the second ends the process. */
export interface Interrupts {
  /** Starts work that can end in order: the first signal aborts it. */
  begin(): AbortSignal;
  /** The work has ended and is in the file `saved`; the next signal ends the process. */
  end(saved: string): void;
  /** Exit code of the signal that has come; 0 before. */
  readonly exitCode: number;
}

export function createInterrupts(): Interrupts {
  let working: AbortController | undefined;
  let exitCode = 0;
  let saved: string | undefined;
  const say = (text: string): void => void process.stderr.write(`\nthalweg: ${oneLine(text)}\n`);
  const interrupt = (code: number): void => {
    const first = exitCode === 0;
    exitCode = code;
    if (first && working) {
      say("finishing this step and saving; Ctrl-C again to exit now");
      return working.abort(new Error("interrupted"));
    }
    say(saved === undefined ? "interrupted" : `interrupted; the model is in ${saved}`);
    process.exit(code);
  };
  process.on("SIGINT", () => interrupt(exitCodes.interrupted[0]));
  process.on("SIGTERM", () => interrupt(exitCodes.terminated[0]));
  return {
    begin() {
      working = new AbortController();
      return working.signal;
    },
    end(file) {
      working = undefined;
      saved = file;
    },
    get exitCode() {
      return exitCode;
    },
  };
}
