import process from "node:process";
import { exitCodes } from "../../src/cli/exitCodes.ts";

/** Ctrl-C and SIGTERM: the first ends the race in order, the second at once. */
export interface Interrupts {
  readonly signal: AbortSignal;
  /** Exit code of the signal that has come; 0 before. */
  readonly exitCode: number;
}

/** npm passes on a Ctrl-C that the terminal has already sent to everyone. */
const echoMs = 500;

export function createInterrupts(tell: (text: string) => void): Interrupts {
  const controller = new AbortController();
  let exitCode = 0;
  let firstMs = 0;
  const interrupt = (code: number): void => {
    if (exitCode !== 0 && performance.now() - firstMs < echoMs) return;
    if (exitCode !== 0) process.exit(code);
    [exitCode, firstMs] = [code, performance.now()];
    tell("bench: stopping after what is under way; Ctrl-C again to exit now");
    controller.abort(new Error("interrupted"));
  };
  process.on("SIGINT", () => interrupt(exitCodes.interrupted[0]));
  process.on("SIGTERM", () => interrupt(exitCodes.terminated[0]));
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
  };
}
