import fs from "node:fs";
import path from "node:path";
import { type SavedCheckpoint, decodeCheckpoint } from "../data.ts";
import { BadFile, InvalidInput } from "../node.ts";
import { checkpointsIn, checkpointsOfTable } from "./checkpointFolder.ts";
import { placeOf, readBytes } from "./files.ts";
import { withFolds } from "./folds.ts";
import { grouped } from "./numbers.ts";
import type { Output } from "./output.ts";
import { type TrainFlags, usualRate } from "./trainFlags.ts";

// `--resume`: the options of the run come from its checkpoint.

/** A run that goes on. */
export interface Resumed {
  readonly flags: TrainFlags;
  readonly file: string;
  readonly saved: SavedCheckpoint;
}

/** What says where and how things are told, and may be another each time. */
const free: ReadonlySet<string> = new Set([
  "chart",
  "checkpoint",
  "config",
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
  "verify",
  "verifyWebgpu",
]);
/** Of the free ones those that a run does not pass on. */
const momentary: ReadonlySet<string> = new Set([
  "chart",
  "config",
  "printConfig",
  "force",
  "history",
  "json",
  "quiet",
  "resume",
]);

/** Of a run, what a checkpoint keeps of its options. */
export const keptFlags = (flags: TrainFlags): Record<string, unknown> =>
  Object.fromEntries(Object.entries(flags).filter(([key]) => !momentary.has(key)));

/** With what the options make of each other, so that a run's own configuration does not contradict it. */
function completed(flags: TrainFlags): Readonly<Record<string, unknown>> {
  const all = withFolds(flags);
  return { ...all, learningRate: all.learningRate ?? usualRate(all.optimizer) };
}

const optionOf = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** An option as it was written. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  return String((value as { readonly text?: unknown } | null | undefined)?.text ?? value ?? "none");
}

/**
 * The options of a run, and over them what was typed now, where that changes nothing of what is computed.
 * @param isTyped whether an option was given now
 * @throws InvalidInput on an option that contradicts, with both values
 */
function flagsOfRun(
  flags: TrainFlags,
  saved: Readonly<Record<string, unknown>>,
  isTyped: (key: string) => boolean,
  file: string,
): TrainFlags {
  const own = completed(flags);
  const before = completed(saved as unknown as TrainFlags);
  const typed = Object.keys(own).filter((key) => isTyped(key));
  for (const key of typed) {
    if (free.has(key) || JSON.stringify(own[key]) === JSON.stringify(before[key])) continue;
    if (key === "epochs" && Number(own[key]) > Number(before[key])) continue; // the run is made longer
    const fix = "leave it out, or start a new run without --resume";
    const expected = `${shown(before[key])}, as in the run of ${file}`;
    throw new InvalidInput({ place: optionOf(key), expected, got: shown(own[key]), fix });
  }
  const now = Object.entries(flags).filter(([key]) => momentary.has(key) || isTyped(key));
  return { ...saved, ...Object.fromEntries(now) } as unknown as TrainFlags;
}

interface Sought {
  /** In the order in which they are tried. */
  readonly files: readonly string[];
  /** Damaged files are passed over, where nobody named one. */
  readonly isNamed: boolean;
}

const isFolder = (place: string): boolean => fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;

function seek(table: string, { resume, checkpoint }: TrainFlags): Sought {
  if (typeof resume === "string" && resume !== "latest" && !isFolder(resume)) return { files: [resume], isNamed: true };
  const folder = typeof resume === "string" && resume !== "latest" ? resume : checkpoint;
  const found = typeof folder === "string" ? checkpointsIn(folder) : checkpointsOfTable(table);
  if (found.length > 0) return { files: found.map(({ file }) => file), isNamed: false };
  const expected =
    typeof folder === "string" ? `checkpoints in ${folder}` : `a run on ${placeOf(table)} that was cut off`;
  const fix =
    typeof folder === "string"
      ? "name the folder that --checkpoint named, or leave --resume out"
      : "name its checkpoint or its folder: --resume PATH, or leave --resume out";
  throw new InvalidInput({ place: "--resume", expected, got: "none", fix });
}

/**
 * Reads the checkpoint that `--resume` means, and the options of its run.
 * @throws InvalidInput, BadFile
 */
export async function resume(
  output: Output,
  table: string,
  flags: TrainFlags,
  isTyped: (key: string) => boolean,
): Promise<Resumed> {
  const { files, isNamed } = seek(table, flags);
  for (const [index, file] of files.entries()) {
    try {
      const saved = decodeCheckpoint(await readBytes(file, "a checkpoint of a training"), path.basename(file));
      const kept = saved.run["flags"];
      if (typeof kept !== "object" || kept === null) {
        const fix = "go on with it in a program: decodeCheckpoint of thalweg/data";
        throw new BadFile({ place: placeOf(file), expected: "a run of thalweg train", got: "another state", fix });
      }
      const merged = flagsOfRun(flags, kept as Record<string, unknown>, isTyped, path.basename(file));
      output.info("resume", `${file}: goes on after step ${grouped(saved.checkpoint.step)}`);
      return { flags: merged, file, saved };
    } catch (error) {
      if (!(error instanceof BadFile) || isNamed || index === files.length - 1) throw error;
      output.info("resume", `${error.message}; taking the one before`);
    }
  }
  throw new Error("no checkpoint"); // the last one was read, or has thrown
}
