import { ThalwegError, printable } from "../node.ts";
import { faultInOptions } from "./optionNames.ts";

/** Exit codes and what they mean, as `--help` and the README list them. */
export const exitCodes = {
  ok: [0, "done"],
  failed: [1, "failed: a check did not pass, or the operating system reported an error"],
  wrongUse: [2, "usage error: an unknown option or a value out of range"],
  badFile: [3, "an unusable data, model or configuration file"],
  noDevice: [4, "the requested device is not available"],
  gpuLost: [5, "the GPU or a CPU thread was lost"],
  diverged: [6, "training diverged: NaN or infinity"],
  hungUp: [129, "the terminal was closed (SIGHUP); training saves its model first"],
  interrupted: [130, "interrupted by Ctrl-C; training saves its model first"],
  terminated: [143, "terminated by SIGTERM; training saves its model first"],
} as const satisfies Record<string, readonly [number, string]>;

const byErrorCode: Readonly<Record<string, number>> = {
  INVALID_INPUT: exitCodes.wrongUse[0],
  BAD_FILE: exitCodes.badFile[0],
  NO_DEVICE: exitCodes.noDevice[0],
  GPU_LOST: exitCodes.gpuLost[0],
  THREAD_FAILED: exitCodes.gpuLost[0],
  NON_FINITE: exitCodes.diverged[0],
};

/** Ends a command that has printed its result, with a message and an exit code other than 0. */
export class Stop extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const hasCode = (error: Error): error is Error & { code: string } => "code" in error && typeof error.code === "string";

/** commander's own errors: wrong use, or the end of `--help` and `--version`. */
const isCommander = (error: Error): error is Error & { code: string; exitCode: number } =>
  hasCode(error) && error.code.startsWith("commander.") && "exitCode" in error;

export function exitCodeOf(error: unknown): number {
  if (error instanceof Stop) return error.exitCode;
  if (error instanceof ThalwegError) return byErrorCode[error.code] ?? exitCodes.failed[0];
  if (error instanceof Error && isCommander(error)) return error.exitCode === 0 ? 0 : exitCodes.wrongUse[0];
  return exitCodes.failed[0];
}

/** One line that says what went wrong; empty when commander has already said all there is to say. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `failed: ${String(error)}`;
  if (error instanceof Stop) return error.message;
  if (error instanceof ThalwegError) {
    const { place, expected, got, fix } = faultInOptions(error);
    return printable(`${place}: expected ${expected}, got ${got}; ${fix}`);
  }
  if (isCommander(error)) {
    if (error.code === "commander.help" || error.exitCode === 0) return "";
    return error.message.replace(/^error: /, "").replaceAll(/\s+/g, " ");
  }
  if ("syscall" in error) return `${error.message}; check the path, its permissions and the free space`;
  return `internal error: ${error.message}; please report it, with what THALWEG_DEBUG=1 prints`;
}

/** What `--json` prints instead of a result. */
export function errorRecord(error: unknown): object {
  const { place, expected, got, fix } = error instanceof ThalwegError ? faultInOptions(error) : {};
  const code = error instanceof Error && hasCode(error) ? error.code : "FAILED";
  return { error: { code, message: messageOf(error), place, expected, got, fix }, exitCode: exitCodeOf(error) };
}
