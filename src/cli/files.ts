import fs from "node:fs";
import { Socket } from "node:net";
import path from "node:path";
import process from "node:process";
import {
  decodeModel,
  type ImportedModel,
  type ImportOptions,
  openModel,
  type ReadOptions,
  readTable,
  type SavedModel,
  type Table,
} from "../data.ts";
import { BadFile, type Device, type DeviceChoice, InvalidInput, acquire } from "../node.ts";
import { byteSize } from "./numbers.ts";
import type { Output } from "./output.ts";
import { isSameFile } from "./outputFile.ts";
import { working } from "./work.ts";

/** Layouts of tables that are read. */
export const layouts = "CSV, TSV, JSON, NDJSON, ARFF, libsvm, Parquet, Arrow, NumPy or IDX";

/** Text of more than this does not fit a string of V8. */
const maxFileBytes = 500_000_000;

function unreadable(place: string, expected: string, cause: NodeJS.ErrnoException): BadFile {
  const reasons = new Map([
    ["ENOENT", "no such file"],
    ["EISDIR", "a folder"],
    ["EACCES", "no permission to read it"],
  ]);
  const got = reasons.get(cause.code ?? "") ?? cause.message;
  const fix = /^https?:/.test(place) ? "download it first: thalweg reads local files only" : "check the path";
  return new BadFile({ place, expected, got, fix, cause });
}

/** Asynchronous, because a pipe that is not ready yet makes the synchronous read fail. */
async function readStdin(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

/** A named pipe, whose reading would wait for its writer, signals or not; the socket waits beside them. */
async function readPipe(file: string): Promise<Uint8Array> {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const parts: Uint8Array[] = [];
  for await (const part of new Socket({ fd, readable: true, writable: false })) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

/** `> table.csv` has emptied the table before the command starts, `>> table.csv` adds the result to it. */
function requireNotStdout(file: string): void {
  if (!isSameFile(file === "-" ? 0 : file, 1)) return;
  const expected = "a file other than the one stdout is redirected to";
  const fix = "redirect to another file; the shell's > has already emptied this one";
  throw new InvalidInput({ place: placeOf(file), expected, got: "the same file", fix });
}

/** Reads a whole file, `-` being stdin. */
export async function readBytes(file: string, expected: string): Promise<Uint8Array> {
  requireNotStdout(file);
  if (file === "-") return readStdin();
  try {
    const stat = fs.statSync(file);
    if (stat.isFIFO()) return await readPipe(file);
    const { size } = stat;
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

/** What messages call a file: its name; the path as given of what is no file, such as /dev/null. */
export function placeOf(file: string): string {
  if (file === "-") return "stdin";
  const isFile = fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? true;
  return isFile ? path.basename(file) : file;
}

export async function readTableFile(output: Output, file: string, options: ReadOptions): Promise<Table> {
  const place = placeOf(file);
  const bytes = await readBytes(file, `a table in ${layouts}`);
  const what = `reading ${place} (${byteSize(bytes.length)})`;
  return working(output, what, (onProgress) => readTable(bytes, place, { ...options, onProgress }));
}

export const readModelFile = async (file: string): Promise<SavedModel> =>
  decodeModel(await readBytes(file, "a model file that thalweg train wrote"), placeOf(file));

/** The files that a `model.json` of TensorFlow.js names, from its own folder alone. */
function filesBeside(file: string, bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (file === "-" || bytes[0] !== "{".charCodeAt(0)) return found;
  for (const [list] of new TextDecoder().decode(bytes).matchAll(/"paths"\s*:\s*\[[^\]]*\]/g)) {
    for (const [, name] of list.matchAll(/"([^"]+)"/g)) {
      const own = path.join(path.dirname(file), name!);
      const isHere = path.basename(name!) === name && fs.statSync(own, { throwIfNoEntry: false })?.isFile();
      if (isHere) found.set(name, fs.readFileSync(own));
    }
  }
  return found;
}

/** Reads a model of thalweg or of another program. */
export async function openModelFile(file: string, options: ImportOptions): Promise<SavedModel | ImportedModel> {
  const bytes = await readBytes(file, "a model");
  return openModel(bytes, placeOf(file), { ...options, files: filesBeside(file, bytes) });
}

/** Opens a device; drivers take seconds where they are started for the first time. */
export const openDevice = (output: Output, device: DeviceChoice): Promise<Device> =>
  working(output, "opening the device", () => acquire({ device }));
