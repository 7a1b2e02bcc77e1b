import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { type CheckpointToSave, checkpointParts, encodeCheckpoint } from "../data.ts";
import { type Checkpoint, type CheckpointOptions, InvalidInput } from "../node.ts";
import { makeFolder, writeAtomically, writeAtomicallyLater } from "../node/writeAtomically.ts";
import {
  checkpointsIn,
  fileOfStep,
  isRunFolder,
  newRunFolder,
  prune,
  type RunCommand,
  tidy,
} from "./checkpointFolder.ts";
import { integer } from "./flags.ts";
import { counted, duration } from "./numbers.ts";
import { shellWord } from "./safeText.ts";

// Checkpoint files of a running training: in the folder that --checkpoint names, else in the state folder of the
// system once the run has taken half a minute.

/** Of `--checkpoint`, `--every` and `--keep`. */
export interface CheckpointFlags {
  /** False: --no-checkpoint. */
  readonly checkpoint?: string | boolean;
  readonly every?: CheckpointOptions["interval"];
  readonly keep?: number;
}

/** Interval where no checkpoints were requested. */
const usualInterval = { ms: 30_000 } as const;
const keptInFolder = 3;
/** States of fewer parameters are written within milliseconds: nothing is trained meanwhile, so that no step beyond an interval is lost. */
const atOnceFloats = 2 ** 20;

/** Steps, or a number with a unit of time. */
function every(text: string): CheckpointOptions["interval"] {
  const [, digits, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?\s*$/.exec(text) ?? [];
  const count = Number(digits);
  const unitMs = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }[unit];
  if (unitMs !== undefined && count > 0) return { ms: count * unitMs };
  if (unit === "" && Number.isSafeInteger(count) && count >= 1) return { steps: count };
  const fix = "write it like 500 or 30s";
  const expected = "steps, or a time in ms, s, m or h";
  throw new InvalidInput({ place: "--every", expected, got: JSON.stringify(text.slice(0, 60)), fix });
}

export const addCheckpointOptions = (command: Command): Command =>
  command
    .optionsGroup("Checkpoints:")
    .option(
      "--checkpoint <folder>",
      "folder for checkpoints (default: the system's state folder, once a run takes 30 s)",
    )
    .option("--no-checkpoint", "write no checkpoints")
    .option("--every <steps or time>", "interval between checkpoints: 500 or 30s (default: 30s)", every)
    .option("--keep <count>", "number of newest checkpoints to keep", integer("--keep", 1, 10_000))
    .option("--resume [latest or path]", "resume an interrupted run with the options it was started with");

interface Request {
  /** Flags of the command line. */
  readonly flags: CheckpointFlags & { readonly force?: boolean };
  /** The table as the user named it. */
  readonly table: string;
  /** The checkpoint that the run resumes from. */
  readonly resumed: string | undefined;
  readonly command: RunCommand;
}

/** Where a run's checkpoints go. */
export interface CheckpointPlace {
  readonly folder: string;
  /** Nobody named the folder: it is removed when the run has ended well. */
  readonly isOwn: boolean;
}

/**
 * Makes sure before anything is read that checkpoints can be written, and that those of another run are not mixed with them.
 * @returns undefined with --no-checkpoint
 * @throws InvalidInput
 */
export function claimCheckpoints({ flags, table, resumed, command }: Request): CheckpointPlace | undefined {
  const { checkpoint, force = false } = flags;
  if (checkpoint === false) return undefined;
  if (typeof checkpoint !== "string") {
    const folder = resumed === undefined ? newRunFolder(table, command) : path.dirname(resumed);
    return { folder, isOwn: isRunFolder(folder) };
  }
  const place = `--checkpoint ${checkpoint}`;
  const others = checkpointsIn(checkpoint).length;
  if (others > 0 && resumed === undefined && !force) {
    const fix = "add --resume to continue it, --force to replace it, or choose another folder";
    const got = counted(others, "checkpoint");
    throw new InvalidInput({ place, expected: "a folder without checkpoints of another run", got, fix });
  }
  try {
    makeFolder(checkpoint);
    fs.accessSync(checkpoint, fs.constants.W_OK);
  } catch (cause) {
    const [expected, fix] = ["a writable folder", "choose another folder"];
    throw new InvalidInput({ place, expected, got: (cause as Error).message, fix, cause });
  }
  return { folder: checkpoint, isOwn: false };
}

interface Context {
  readonly flags: CheckpointFlags;
  readonly table: string;
  readonly place: CheckpointPlace;
  readonly command: RunCommand;
  readonly contentOf: (checkpoint: Checkpoint) => CheckpointToSave;
  /** No checkpoints are written from this step on; default: never. */
  readonly lastStep?: number;
  /** Says a line between those of the progress. */
  readonly say: (text: string) => void;
}

/** Writes the checkpoints of one run. */
export class Checkpointing {
  readonly #context: Context;
  /** Tried in order: if one cannot be written to, the next is used. */
  readonly #folders: string[];
  readonly #keep: number;
  #told: string | undefined;
  #newest: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
    const { folder, isOwn } = context.place;
    const { table, command } = context;
    this.#keep = context.flags.keep ?? (isOwn ? 1 : keptInFolder);
    const own = isOwn ? folder : newRunFolder(table, command);
    const temporary = path.join(os.tmpdir(), "thalweg", path.basename(own));
    this.#folders = [...new Set([folder, own, temporary])];
    tidy(folder);
  }

  get option(): CheckpointOptions {
    return {
      interval: this.#context.flags.every ?? usualInterval,
      save: (checkpoint) => this.#save(checkpoint),
    };
  }

  /** Line of output before the first step; undefined where no checkpoints were requested. */
  get description(): string | undefined {
    const { flags, place } = this.#context;
    if (place.isOwn && flags.every === undefined) return undefined;
    const { interval } = this.option;
    const distance =
      "steps" in interval ? counted(interval.steps, "step") : duration("ms" in interval ? interval.ms : 0);
    return `every ${distance} in ${place.folder}, keeping the newest${this.#keep === 1 ? "" : ` ${this.#keep}`}`;
  }

  /** The command line that resumes the run; undefined where nothing has been written. */
  get command(): string | undefined {
    if (this.#newest === undefined) return undefined;
    const { table, place, command } = this.#context;
    const folder = path.dirname(this.#newest);
    const isFound = place.isOwn && folder === place.folder && table !== "-";
    const words = ["thalweg", command, table, "--resume", ...(isFound ? [] : [folder])];
    return words.map(shellWord).join(" ");
  }

  get newest(): string | undefined {
    return this.#newest;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Reports a checkpoint that cannot be written anywhere; training continues. */
  #save(checkpoint: Checkpoint): Promise<void> | undefined {
    if (checkpoint.step >= (this.#context.lastStep ?? Infinity)) return undefined;
    if (checkpoint.parameters.length > atOnceFloats) return (this.#writing = this.#writeLater(checkpoint));
    try {
      this.writeNow(checkpoint);
    } catch (error) {
      this.#tellFailure(error);
    }
    return undefined;
  }

  #tellFailure(error: unknown): void {
    this.#tell(`checkpoints cannot be written: ${(error as Error).message}; training continues without them`);
  }

  /** Writes while training continues. */
  async #writeLater(checkpoint: Checkpoint): Promise<void> {
    const parts = checkpointParts(this.#context.contentOf(checkpoint));
    let first: unknown;
    for (const folder of this.#folders) {
      try {
        makeFolder(folder);
        const file = fileOfStep(folder, checkpoint.step);
        await writeAtomicallyLater(file, parts);
        return this.#written(file, first);
      } catch (error) {
        first ??= error;
      }
    }
    this.#tellFailure(first);
  }

  /** At once. @throws the system's error where no place takes it */
  writeNow(checkpoint: Checkpoint): void {
    const bytes = encodeCheckpoint(this.#context.contentOf(checkpoint));
    let first: unknown;
    for (const folder of this.#folders) {
      try {
        makeFolder(folder);
        const file = fileOfStep(folder, checkpoint.step);
        writeAtomically(file, bytes);
        return this.#written(file, first);
      } catch (error) {
        first ??= error;
      }
    }
    throw first;
  }

  #written(file: string, failure: unknown): void {
    const { place } = this.#context;
    this.#newest = file;
    const folder = path.dirname(file);
    prune(folder, this.#keep);
    if (failure !== undefined) this.#tell(`${(failure as Error).message}; writing checkpoints to ${folder} instead`);
    else if (place.isOwn)
      this.#tell(`checkpoints are saved in ${folder}; to resume an interrupted run: ${this.command}`);
  }

  /** Prints each message once. */
  #tell(text: string): void {
    if (text !== this.#told) this.#context.say(text);
    this.#told = text;
  }

  /** The run has succeeded and its model is saved: removes checkpoints that were not requested. */
  async end(): Promise<void> {
    await this.#writing;
    const { folder, isOwn } = this.#context.place;
    for (const each of this.#folders) if (isOwn || each !== folder) fs.rmSync(each, { recursive: true, force: true });
    this.#newest = undefined;
  }
}
