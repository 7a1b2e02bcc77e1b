import fs from "node:fs";
import path from "node:path";
import { type SavedCheckpoint, type Table, decodeCheckpoint } from "../data.ts";
import { BadFile, type Device, InvalidInput } from "../node.ts";
import type { CheckpointFlags } from "./checkpointing.ts";
import { checkpointsIn, checkpointsOfTable, type RunCommand } from "./checkpointFolder.ts";
import { placeOf, readBytes } from "./files.ts";
import { withFolds } from "./folds.ts";
import { grouped } from "./numbers.ts";
import type { Output } from "./output.ts";
import { describeValues, type Values } from "./sweepValues.ts";
import { type CommonFlags, usualRate } from "./trainFlags.ts";

// `--resume`: the options of the run come from its checkpoint.

/** Flags of a command whose runs can be resumed. */
export interface ResumableFlags extends CommonFlags, CheckpointFlags {
  readonly learningRate?: number | Values;
  /** Of a sweep. */
  readonly splitSeed?: number;
  /** True and "latest": the newest; else a file or a folder. */
  readonly resume?: string | true;
}

/** A resumed run. */
export interface Resumed<Flags extends ResumableFlags> {
  readonly flags: Flags;
  readonly file: string;
  readonly saved: SavedCheckpoint;
}

/** Flags that only affect output, files and devices, and may differ when a run is resumed. */
const free: ReadonlySet<string> = new Set([
  "chart",
  "checkpoint",
  "config",
  "csv",
  "device",
  "every",
  "force",
  "history",
  "json",
  "keep",
  "metrics",
  "output",
  "printConfig",
  "quiet",
  "resume",
  "top",
  "verbose",
  "verify",
  "verifyWebgpu",
]);
/** Those of the free flags that a checkpoint does not keep. */
const momentary: ReadonlySet<string> = new Set([
  "chart",
  "config",
  "printConfig",
  "force",
  "history",
  "json",
  "quiet",
  "resume",
  "verbose",
]);

/** The options of a run that a checkpoint keeps. */
export const keptFlags = (flags: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(flags).filter(([key]) => !momentary.has(key)));

/** Fills in options that follow from others, so that a run's own configuration does not contradict it. */
function completed(flags: ResumableFlags): Readonly<Record<string, unknown>> {
  const all = withFolds(flags);
  const usual = usualRate(all.optimizer);
  const rate = all.splitSeed === undefined ? usual : { kind: "same", value: usual }; // that of a sweep
  return { ...all, learningRate: all.learningRate ?? rate };
}

const optionOf = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** An option as it was written. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  const isValues = typeof value === "object" && value !== null && "kind" in value;
  if (isValues) return describeValues(value as Values, String);
  return String((value as { readonly text?: unknown } | null | undefined)?.text ?? value ?? "none");
}

/** Whether only more epochs are requested. Rungs, and settings that are compared by folds, depend on the number of epochs, so such runs cannot be lengthened. */
const isLonger = (
  key: string,
  own: Readonly<Record<string, unknown>>,
  saved: Readonly<Record<string, unknown>>,
): boolean =>
  key === "epochs" &&
  Number(own[key]) > Number(saved[key]) &&
  saved["halving"] === undefined &&
  saved["hyperband"] === undefined &&
  (saved["folds"] === undefined || saved["splitSeed"] === undefined);

/**
 * The options of a run, and over them what was typed now, where that changes nothing of what is computed.
 * @param isTyped whether an option was given now
 * @throws InvalidInput on an option that contradicts, with both values
 */
function flagsOfRun<Flags extends ResumableFlags>(
  flags: Flags,
  saved: Readonly<Record<string, unknown>>,
  isTyped: (key: string) => boolean,
  file: string,
): Flags {
  const own = completed(flags);
  const before = completed(saved as unknown as Flags);
  const typed = Object.keys(own).filter((key) => isTyped(key));
  for (const key of typed) {
    if (free.has(key) || JSON.stringify(own[key]) === JSON.stringify(before[key])) continue;
    if (isLonger(key, own, before)) continue;
    const fix = "remove it, or start a new run without --resume";
    const expected = `${shown(before[key])}, as in the run of ${file}`;
    throw new InvalidInput({ place: optionOf(key), expected, got: shown(own[key]), fix });
  }
  const now = Object.entries(flags).filter(([key]) => momentary.has(key) || isTyped(key));
  return { ...saved, ...Object.fromEntries(now) } as unknown as Flags;
}

interface Sought {
  /** In the order in which they are tried. */
  readonly files: readonly string[];
  /** Damaged files are skipped, unless a file was named. */
  readonly isNamed: boolean;
}

const isFolder = (place: string): boolean => fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;

function seek(table: string, { resume, checkpoint }: ResumableFlags, command: RunCommand): Sought {
  if (typeof resume === "string" && resume !== "latest" && !isFolder(resume)) return { files: [resume], isNamed: true };
  const folder = typeof resume === "string" && resume !== "latest" ? resume : checkpoint;
  const found = typeof folder === "string" ? checkpointsIn(folder) : checkpointsOfTable(table, command);
  if (found.length > 0) return { files: found.map(({ file }) => file), isNamed: false };
  const expected = typeof folder === "string" ? `checkpoints in ${folder}` : `an interrupted run on ${placeOf(table)}`;
  const fix =
    typeof folder === "string"
      ? "pass the folder given to --checkpoint, or remove --resume"
      : "pass its checkpoint or folder: --resume PATH, or remove --resume";
  throw new InvalidInput({ place: "--resume", expected, got: "none", fix });
}

/** The options that a checkpoint of a command keeps. @throws BadFile, InvalidInput on a run of another command */
function keptOf({ run }: SavedCheckpoint, file: string, command: RunCommand): Record<string, unknown> {
  const { flags, command: own = "train" } = run;
  if (typeof flags !== "object" || flags === null) {
    const fix = "resume it in a program with decodeCheckpoint of thalweg/data";
    throw new BadFile({
      place: placeOf(file),
      expected: `a run of thalweg ${command}`,
      got: "a checkpoint of a program",
      fix,
    });
  }
  if (own !== command) {
    const got = `one of thalweg ${String(own)}`;
    const fix = `resume it with thalweg ${String(own)} FILE --resume ${file}`;
    throw new InvalidInput({ place: `--resume: ${file}`, expected: `a run of thalweg ${command}`, got, fix });
  }
  return flags as Record<string, unknown>;
}

export interface ResumeRequest<Flags> {
  readonly flags: Flags;
  readonly command: RunCommand;
  /** Whether an option was given now. */
  readonly isTyped: (key: string) => boolean;
}

/**
 * Reads the checkpoint that `--resume` means, and the options of its run.
 * @throws InvalidInput, BadFile
 */
export async function resume<Flags extends ResumableFlags>(
  output: Output,
  table: string,
  { flags, command, isTyped }: ResumeRequest<Flags>,
): Promise<Resumed<Flags>> {
  const { files, isNamed } = seek(table, flags, command);
  for (const [index, file] of files.entries()) {
    try {
      const saved = decodeCheckpoint(await readBytes(file, "a training checkpoint"), path.basename(file));
      const merged = flagsOfRun(flags, keptOf(saved, file, command), isTyped, path.basename(file));
      output.info("resume", `${file}: resuming after step ${grouped(saved.checkpoint.step)}`);
      return { flags: merged, file, saved };
    } catch (error) {
      if (!(error instanceof BadFile) || isNamed || index === files.length - 1) throw error;
      output.info("resume", `${error.message}; trying the previous checkpoint`);
    }
  }
  throw new Error("no checkpoint"); // the last one was read, or has thrown
}

/** Translates the library's errors about a resumed run to command-line terms. */
export function inOwnWords(error: unknown, table: Table): unknown {
  if (!(error instanceof InvalidInput) || !error.fault.place.startsWith("train: resume: ")) return error;
  const what = error.fault.place.slice("train: resume: ".length);
  const { expected, got } = error.fault;
  const fix = "pass the table of that run, or start a new one without --resume";
  return new InvalidInput({ place: `--resume: ${what} of ${table.place}`, expected, got, fix });
}

export function tellOtherDevice(output: Output, resumed: SavedCheckpoint | undefined, device: Device): void {
  const before = resumed?.run["device"];
  if (before === undefined || before === device.name) return;
  output.info("note", `the run started on ${String(before)}: results may differ in the last bits`);
}
