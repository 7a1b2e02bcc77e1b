import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { type ReadOptions, type SavedModel, type Table, decodeModel, readTable } from "../data.ts";
import { BadFile, InvalidInput } from "../node.ts";
import { placesOf } from "../node/writeAtomically.ts";

/** Text of more than this does not fit a string of V8. */
const maxFileBytes = 500_000_000;

function unreadable(place: string, expected: string, cause: NodeJS.ErrnoException): BadFile {
  const reasons = new Map([
    ["ENOENT", "no such file"],
    ["EISDIR", "a folder"],
    ["EACCES", "no permission to read it"],
  ]);
  const got = reasons.get(cause.code ?? "") ?? cause.message;
  return new BadFile({ place, expected, got, fix: "check the path", cause });
}

/** Asynchronous, because a pipe that is not ready yet makes the synchronous read fail. */
async function readStdin(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

/** Reads a whole file, `-` being stdin. */
async function readBytes(file: string, expected: string): Promise<Uint8Array> {
  if (file === "-") return readStdin();
  try {
    const { size } = fs.statSync(file);
    if (size <= maxFileBytes) return fs.readFileSync(file);
    const fix = "split the file, or train on a sample of its rows";
    throw new BadFile({
      place: file,
      expected: `a file of at most ${maxFileBytes / 1e6} MB`,
      got: `${size} bytes`,
      fix,
    });
  } catch (error) {
    throw error instanceof BadFile ? error : unreadable(file, expected, error as NodeJS.ErrnoException);
  }
}

export const placeOf = (file: string): string => (file === "-" ? "stdin" : path.basename(file));

export const readTableFile = async (file: string, options: ReadOptions): Promise<Table> =>
  readTable(await readBytes(file, "a file with a CSV, TSV or JSON table"), placeOf(file), options);

export const readModelFile = async (file: string): Promise<SavedModel> =>
  decodeModel(await readBytes(file, "a model file that thalweg train wrote"), placeOf(file));

function unwritable(place: string, expected: string, got: string, cause?: unknown): InvalidInput {
  const fix = "choose another path, or create the folder first";
  return new InvalidInput({ place, expected, got, fix, cause });
}

/** Creates and removes what `writeAtomically` would create: permissions alone do not tell that /proc takes no files. */
function tryToWrite(file: string): void {
  const { target, temporary } = placesOf(file);
  if (temporary === undefined) return fs.accessSync(target, fs.constants.W_OK);
  fs.closeSync(fs.openSync(temporary, "wx"));
  fs.rmSync(temporary);
}

/** Fails before an hour of training, not after it, when what an option names could not be written. */
export function requireWritable(file: string, flag = "--output"): void {
  const place = `${flag} ${file || '""'}`;
  if (file === "" || file === "-") throw unwritable(place, "the name of a file", file === "" ? "none" : "stdout");
  const folder = path.dirname(path.resolve(file));
  if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw unwritable(place, "the name of a file", "a folder");
  }
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw unwritable(place, "a file in an existing folder", `no folder ${folder}`);
  }
  try {
    tryToWrite(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const got = code === "EACCES" || code === "EPERM" ? `no permission in ${folder}` : message;
    throw unwritable(place, "a place where a file can be created", got, cause);
  }
}
