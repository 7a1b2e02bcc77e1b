// A training as it is kept in the browser, and whether what was read is one.

import type { FloatArray } from "../../index.ts";

/** What of a training is kept, to go on from there. */
export interface SavedRun {
  readonly version: typeof runVersion;
  /** Date of the state, in milliseconds. */
  readonly savedAt: number;
  /** The view's address of then, without `?`. */
  readonly query: string;
  readonly step: number;
  /** [replicas, parameterCount]. */
  readonly parameters: FloatArray;
  /** What else the view needs: a picture of the reader's, say. */
  readonly attachment?: Blob;
}

/** Of the format: what another version has written is left alone. */
export const runVersion = 1;
/** Parameters that are kept at most: 4 MiB in float32, which a page hands to its store in some 30 ms. Larger trainings are not kept. */
const mostKept = 2 ** 20;
/** Older than this, a state is no interruption any more. */
const oldestMs = 24 * 60 * 60 * 1000;
const longestQuery = 2 ** 17;

const isNumbers = (value: unknown): value is FloatArray =>
  value instanceof Float32Array || value instanceof Float64Array;

/** Whether there is room for so many parameters. */
export const canBeKept = (count: number): boolean => count <= mostKept;

/** Whether parameters are some that a training can go on from, and not too many to be kept. */
export function isWhole(parameters: unknown): boolean {
  if (!isNumbers(parameters) || parameters.length === 0 || !canBeKept(parameters.length)) return false;
  // `for … of` takes ten times as long, and a frame is waiting.
  for (let at = 0; at < parameters.length; at++) if (!Number.isFinite(parameters[at])) return false;
  return true;
}

/** Checks what a browser has kept: another version of the page, or another page of its host, may have written it. */
export function readSavedRun(found: unknown, now: number): SavedRun | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const { version, savedAt, query, step, parameters, attachment } = found as Partial<Record<keyof SavedRun, unknown>>;
  const isTimely = typeof savedAt === "number" && savedAt <= now + 60_000 && now - savedAt < oldestMs;
  const isPlaced = typeof query === "string" && query.length <= longestQuery;
  const isStep = typeof step === "number" && Number.isSafeInteger(step) && step > 0;
  const isAttached = attachment === undefined || attachment instanceof Blob;
  const isRun = version === runVersion && isTimely && isPlaced && isStep && isAttached && isWhole(parameters);
  return isRun ? (found as SavedRun) : undefined;
}

/**
 * What a session starts from to go on with a state.
 * @param expected parameters that the view's network has, of all replicas
 * @throws Error where it is a state of another network
 */
export function startOf(
  { parameters, step }: SavedRun,
  expected: number,
): { parameters: FloatArray; firstStep: number } {
  if (parameters.length === expected) return { parameters, firstStep: step };
  throw new Error(`it has ${parameters.length} parameters, and this network ${expected}.`);
}

/** `14:02`, where the reader is. */
export const timeOf = ({ savedAt }: SavedRun): string =>
  new Date(savedAt).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
