import process from "node:process";
import { exitCodes } from "./exitCodes.ts";
import { isDrawn, leaveLive, writeAbove } from "./liveText.ts";
import { oneLine } from "./safeText.ts";

/** Ctrl-C, SIGTERM and SIGHUP: the first ends the work under way in order, the second ends the process. */
export interface Interrupts {
  /**
   * Starts work that can end in order: the first signal aborts it.
   * @param rescue saves at once what there is when a second signal comes, and says where it is
   */
  begin(rescue: () => string | undefined): AbortSignal;
  /** The work has ended and is in the file `saved`; the next signal ends the process. */
  end(saved: string): void;
  /** Exit code of the signal that has come; 0 before. */
  readonly exitCode: number;
}

export function createInterrupts(): Interrupts {
  let working: AbortController | undefined;
  let rescueWork: () => string | undefined = () => undefined;
  let exitCode = 0;
  let saved: string | undefined;
  const say = (text: string, isLast = false): void => {
    const start = isDrawn() ? "" : "\n"; // a terminal has written ^C
    if (isLast) leaveLive();
    writeAbove(`${start}thalweg: ${oneLine(text)}\n`);
  };
  const interrupt = (code: number): void => {
    const first = exitCode === 0;
    exitCode = code;
    if (first && working) {
      say("finishing this step and saving; Ctrl-C again to exit now");
      return working.abort(new Error("interrupted"));
    }
    const where = rescued() ?? (saved === undefined ? undefined : `the model is in ${saved}`);
    say(where === undefined ? "interrupted" : `interrupted; ${where}`, true);
    process.exit(code);
  };
  const rescued = (): string | undefined => {
    if (!working) return undefined;
    try {
      return rescueWork();
    } catch (error) {
      return `saving failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  process.on("SIGINT", () => interrupt(exitCodes.interrupted[0]));
  process.on("SIGTERM", () => interrupt(exitCodes.terminated[0]));
  process.on("SIGHUP", () => interrupt(exitCodes.hungUp[0]));
  return {
    begin(rescue) {
      working = new AbortController();
      rescueWork = rescue;
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
