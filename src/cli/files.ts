import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { type SavedModel, type Table, decodeModel, readTable } from "../data.ts";
import { BadFile, InvalidInput } from "../node.ts";

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

export const readTableFile = async (file: string): Promise<Table> =>
  readTable(await readBytes(file, "a file with a CSV, TSV or JSON table"), placeOf(file));

export const readModelFile = async (file: string): Promise<SavedModel> =>
  decodeModel(await readBytes(file, "a model file that thalweg train wrote"), placeOf(file));

/** Fails before an hour of training, not after it, when the model could not be written. */
export function requireWritable(file: string): void {
  const fault = (expected: string, got: string): InvalidInput =>
    new InvalidInput({
      place: `--output ${file}`,
      expected,
      got,
      fix: "choose another path, or create the folder first",
    });
  const folder = path.dirname(path.resolve(file));
  if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw fault("the name of a file", "a folder");
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw fault("a file in an existing folder", `no folder ${folder}`);
  }
  try {
    fs.accessSync(folder, fs.constants.W_OK);
  } catch {
    throw fault("a folder that may be written", `no permission for ${folder}`);
  }
}

/** Renames are durable only when the folder is on disk too; Windows cannot open folders and does not need it. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

function writeSynced(file: string, bytes: Uint8Array): void {
  const handle = fs.openSync(file, "wx");
  try {
    fs.writeFileSync(handle, bytes);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/**
 * Writes a file so that its name always stands for a complete file, the old one or the new one. Synchronous, so that no
 * signal handler runs in between and leaves the temporary file behind.
 */
export function writeAtomically(file: string, bytes: Uint8Array): void {
  const existing = fs.statSync(file, { throwIfNoEntry: false });
  const target = existing ? fs.realpathSync(file) : path.resolve(file);
  if (existing && !existing.isFile()) return fs.writeFileSync(target, bytes); // never rename over /dev/null
  const folder = path.dirname(target);
  const temporary = path.join(folder, `.${path.basename(target)}.${process.pid}.tmp`);
  try {
    writeSynced(temporary, bytes);
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
}
