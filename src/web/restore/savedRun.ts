// A training as it is kept in the browser, and whether what was read is one.

import { type Checkpoint, type FloatArray, isCheckpoint } from "../../index.ts";
import type { ParametersMessage, SessionSettings } from "../worker/protocol.ts";

/** A state of the library without its parameters, which are kept in any case. */
export type StateRest = Omit<Checkpoint, "parameters">;

/** The stored state of a training. */
export interface SavedRun {
  readonly version: typeof runVersion;
  /** Date of the state, in milliseconds. */
  readonly savedAt: number;
  /** The view's address of then, without `?`. */
  readonly query: string;
  readonly step: number;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  /** The rest of the training's state. Without it momentum and moments restart at 0. */
  readonly rest?: StateRest | undefined;
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

/** Whether parameters are some that a training can continue from, and not too many to be kept. */
export function isWhole(parameters: unknown): boolean {
  if (!isNumbers(parameters) || parameters.length === 0 || !canBeKept(parameters.length)) return false;
  // `for … of` takes ten times as long, and a frame is waiting.
  for (let at = 0; at < parameters.length; at++) if (!Number.isFinite(parameters[at])) return false;
  return true;
}

/** Whether a rest is one; whether it is of the network that the view has, `startOf` and the library tell. */
const isRest = (rest: unknown, parameters: unknown): boolean =>
  rest === undefined || (typeof rest === "object" && isCheckpoint({ ...rest, parameters }));

/** Checks what a browser has kept: another version of the page, or another page of its host, may have written it. */
export function readSavedRun(found: unknown, now: number): SavedRun | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const run = found as Partial<Record<keyof SavedRun, unknown>>;
  const { version, savedAt, query, step, parameters, attachment, rest } = run;
  const isTimely = typeof savedAt === "number" && savedAt <= now + 60_000 && now - savedAt < oldestMs;
  const isPlaced = typeof query === "string" && query.length <= longestQuery;
  const isStep = typeof step === "number" && Number.isSafeInteger(step) && step > 0;
  const isAttached = attachment === undefined || attachment instanceof Blob;
  const isRun =
    version === runVersion &&
    isTimely &&
    isPlaced &&
    isStep &&
    isAttached &&
    isWhole(parameters) &&
    isRest(rest, parameters);
  return isRun ? (found as SavedRun) : undefined;
}

/** What is kept of a session's answer. */
export function keptOf({
  step,
  parameters,
  state,
}: Pick<ParametersMessage, "step" | "parameters" | "state">): Pick<SavedRun, "step" | "parameters" | "rest"> {
  if (!state) return { step, parameters };
  const { parameters: _, ...rest } = state;
  return { step, parameters: state.parameters, rest };
}

/** Where a session continues from. */
export type SessionStart = Required<Pick<SessionSettings<unknown>, "parameters" | "firstStep" | "resume">>;

/**
 * What a session starts from to continue with a state.
 * @param expected parameters that the view's network has, of all members
 * @throws Error where it is a state of another network
 */
export function startOf({ parameters, step, rest }: SavedRun, expected: number): SessionStart {
  if (parameters.length !== expected) {
    throw new Error(`it has ${parameters.length} parameters, and this network ${expected}.`);
  }
  return { parameters, firstStep: step, resume: rest && { ...rest, parameters } };
}

/** `14:02`, where the reader is. */
export const timeOf = ({ savedAt }: SavedRun): string =>
  new Date(savedAt).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
