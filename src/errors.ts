/** What every error of thalweg states: place, expected, got, and how to fix it. */
export interface Fault {
  /** The function, file, line or column at fault, as the user knows it. */
  readonly place: string;
  readonly expected: string;
  readonly got: string;
  /** One sentence with the remedy, without a final full stop. */
  readonly fix: string;
  readonly cause?: unknown;
}

const bidiAndBreaks = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** `\u001b` for ESC: the escape that JSON and JavaScript read back. */
const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * Makes text from a file safe to print: control characters (C0, DEL, C1), which a terminal would obey, and marks that
 * change the direction of writing become escapes like `\u001b`. Tabs and line feeds stay.
 */
export const printable = (text: string): string =>
  text.replaceAll(bidiAndBreaks, (character) =>
    character === "\n" || character === "\t" ? character : escapeOf(character),
  );

/** Base of all errors thrown on purpose; `code` is stable, the message is `place: expected …, got …; fix`, printable. */
export abstract class ThalwegError extends Error {
  abstract readonly code: string;
  readonly fault: Fault;

  constructor(fault: Fault) {
    const { place, expected, got, fix, cause } = fault;
    const message = printable(`${place}: expected ${expected}, got ${got}; ${fix}`);
    super(message, cause === undefined ? undefined : { cause });
    this.fault = fault;
    this.name = new.target.name;
  }
}

/** An argument or option is wrong. */
export class InvalidInput extends ThalwegError {
  readonly code = "INVALID_INPUT";
}

/** A data or model file cannot be used. */
export class BadFile extends ThalwegError {
  readonly code = "BAD_FILE";
}

/** The device that was requested does not exist here. */
export class NoDevice extends ThalwegError {
  readonly code = "NO_DEVICE";
}

/** The GPU went away: driver reset, process crash, or `destroy()`. */
export class GpuLost extends ThalwegError {
  readonly code: "GPU_LOST" | "THREAD_FAILED" = "GPU_LOST";
}

/** A thread of the CPU ended, or failed in what it computed: as after a lost GPU, the device has to be acquired again. */
export class ThreadFailed extends GpuLost {
  override readonly code = "THREAD_FAILED";
}

/** The GPU has not enough memory. */
export class GpuOutOfMemory extends ThalwegError {
  readonly code = "GPU_OUT_OF_MEMORY";
}

/** The request is larger than a limit of the device. */
export class LimitExceeded extends ThalwegError {
  readonly code = "LIMIT_EXCEEDED";
}

/** A shader or pipeline was refused by the driver, or a GPU call failed validation. */
export class ShaderFailed extends ThalwegError {
  readonly code = "SHADER_FAILED";
}

/** The driver refused to compile a kernel: others may do, and so may the CPU. */
export class KernelRefused extends ShaderFailed {}

/** Training produced a value that is not finite. */
export class NonFinite extends ThalwegError {
  readonly code = "NON_FINITE";
}

/** The object was disposed and is used again. */
export class Disposed extends ThalwegError {
  readonly code = "DISPOSED";
}

/** Earlier names of options. */
const formerNames: ReadonlyMap<string, string> = new Map([
  ["replicas", "members"],
  ["replica", "member"],
  ["perReplica", "perMember"],
  ["path", "strategy"],
  ["every", "logInterval"],
]);

/** Throws `InvalidInput` unless `options` is an object whose keys are all known. */
export function requireOptions(place: string, options: unknown, known: readonly string[]): void {
  const expected = `options among ${known.join(", ")}`;
  if (typeof options !== "object" || options === null) {
    throw new InvalidInput({ place, expected, got: String(options), fix: "pass an object" });
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const name = formerNames.get(unknown);
  const fix = name !== undefined && known.includes(name) ? `did you mean ${name}?` : "remove it or correct its name";
  throw new InvalidInput({ place, expected, got: unknown, fix });
}
