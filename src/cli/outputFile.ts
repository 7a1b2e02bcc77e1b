import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { decodeModelHeader, modelHeaderBytes } from "../data.ts";
import { InvalidInput, describeArchitecture } from "../node.ts";
import { stateFolder } from "../node/stateFolder.ts";
import { makeFolder, placesOf, removeStale, targetOf, writeAtomically } from "../node/writeAtomically.ts";
import { byteSize, counted } from "./numbers.ts";
import type { Output } from "./output.ts";

// What an option names is written only where nothing of the user's is lost by it.

/** A file that an option names, found fit to be written. */
export interface OutputFile {
  /** The table as the user named it. */
  readonly path: string;
  /** What it holds now, where it is one of ours: "a model, 10-16-3". */
  readonly old: string | undefined;
  /**
   * Writes the whole file. What it holds is kept as `.bak`, unless the work is finished and the user has said `--force`.
   * @returns the path of what was kept
   * @throws the system's error, whose message then names a copy in the state folder of the system, or in that for temporary files
   */
  write(bytes: Uint8Array, isFinished: boolean): string | undefined;
}

/** What a file may be to be replaced. */
interface Kind {
  /** "a model that thalweg wrote" */
  readonly expected: string;
  /** Says what the file with these first bytes is; undefined where it is not of this kind. */
  describe(start: Uint8Array): string | undefined;
}

export const modelKind: Kind = {
  expected: "a model that thalweg wrote",
  describe(start) {
    try {
      const { network, training } = decodeModelHeader(start, "");
      const steps = training ? `, ${counted(training.steps, "step")}` : "";
      return `a model, ${describeArchitecture(network)}${steps}`;
    } catch {
      return undefined;
    }
  },
};

function textKind(expected: string, starts: readonly string[], what: string): Kind {
  const begins = (start: Uint8Array, first: string): boolean =>
    new TextDecoder().decode(start.subarray(0, first.length)) === first;
  const described = (start: Uint8Array): string | undefined =>
    starts.some((first) => begins(start, first)) ? what : undefined;
  return { expected, describe: described };
}

export const sweepTableKind: Kind = textKind(
  "a table that thalweg sweep --csv wrote",
  ["member,rank,", "setting,rank,"],
  "a table of a sweep",
);

/** What the files of `thalweg export` begin with, ONNX by its producer; the page names its generator further on. */
const exportStarts = ["// A network that thalweg trained", "\b\u0007\u0012\u0007thalweg", "<!doctype html>\n"];
export const exportKind: Kind = {
  expected: "a file that thalweg export wrote",
  describe(start) {
    const text = new TextDecoder().decode(start.subarray(0, 1000));
    const isPage = text.includes('<meta name="generator" content="thalweg">');
    const found = exportStarts.find((first) => text.startsWith(first));
    return found !== undefined && (isPage || !found.startsWith("<")) ? "an exported network" : undefined;
  },
};
/** What a history begins with, by which it is known again. */
export const historyStarts = {
  csv: "epoch,step,loss,",
  json: '{"kind":"thalweg history"',
  svg: '<svg data-kind="thalweg-history"',
} as const;

const historyOf = (first: string): Kind =>
  textKind("a history that thalweg train --history wrote", [first], "a history of a training");
export const historyKinds = {
  csv: historyOf(historyStarts.csv),
  json: historyOf(historyStarts.json),
  svg: historyOf(historyStarts.svg),
} as const;

interface Claim {
  readonly file: string;
  readonly flag: "--output" | "--csv" | "--history" | "OUT";
  readonly kind: Kind;
  /** Files that the command reads, `-` being stdin. */
  readonly inputs: readonly string[];
  /** Other files that it writes. */
  readonly others?: readonly OutputFile[];
  readonly force: boolean;
}

const anotherPath = "choose another path";

const refusal = (place: string, expected: string, got: string, fix = anotherPath): InvalidInput =>
  new InvalidInput({ place, expected, got, fix });

type Place = string | number;

/** Regular files are the same when device and inode are: links of both kinds and other spellings lead to one inode. */
function identityOf(place: Place): string | undefined {
  try {
    const stat =
      typeof place === "number" ? fs.fstatSync(place, { bigint: true }) : fs.statSync(place, { bigint: true });
    return stat.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
  } catch {
    return undefined;
  }
}

/** Whether two names or handles lead to one regular file that exists. */
export function isSameFile(a: Place, b: Place): boolean {
  const identity = identityOf(a);
  return identity !== undefined && identity === identityOf(b);
}

/** Whether two names lead to one file, which need not exist. */
function isSameTarget(a: string, b: string): boolean {
  const ignoresCase = process.platform === "darwin" || process.platform === "win32";
  const [first, second] = [a, b].map((file) => (ignoresCase ? targetOf(file).toLowerCase() : targetOf(file)));
  return first === second || isSameFile(a, b);
}

const stdin = 0;
const streams = [
  [1, "stdout"],
  [2, "stderr"],
] as const;

function requireOther({ file, inputs, others = [] }: Claim, place: string): void {
  for (const input of inputs) {
    if (!isSameFile(file, input === "-" ? stdin : input)) continue;
    const isSameName = path.resolve(file) === path.resolve(input);
    throw refusal(place, "a file other than the input", isSameName ? "the same file" : `${input} itself`);
  }
  for (const other of others) {
    if (isSameTarget(file, other.path)) throw refusal(place, "a file other than the model", "the same");
  }
  for (const [stream, name] of streams) {
    if (isSameFile(file, stream)) throw refusal(place, `a file other than the one for ${name}`, "the same file");
  }
}

/** Creates and removes what `writeAtomically` would create: permissions alone do not tell that /proc takes no files. */
function tryToWrite(file: string): void {
  const { target, temporary } = placesOf(file);
  if (temporary === undefined) return fs.accessSync(target, fs.constants.W_OK);
  fs.closeSync(fs.openSync(temporary, "wx"));
  fs.rmSync(temporary);
}

function requirePlace(file: string, place: string): void {
  if (file === "" || file === "-") throw refusal(place, "the name of a file", file === "" ? "none" : "stdout");
  const isFolder = /[/\\]$/.test(file) || fs.statSync(file, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder) throw refusal(place, "the name of a file", "a folder");
  const folder = path.dirname(targetOf(file));
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  throw refusal(place, "a file in an existing folder", `no folder ${folder}`, "create the folder first");
}

/** What the system has refused, in words of the option. */
function refusedBySystem({ file, flag }: Claim, cause: NodeJS.ErrnoException): InvalidInput {
  const denied = cause.code === "EACCES" || cause.code === "EPERM" || cause.code === "EROFS";
  const got = denied ? `no permission in ${path.dirname(path.resolve(file))}` : cause.message;
  const expected = "a place where a file can be created";
  return new InvalidInput({ place: `${flag} ${file}`, expected, got, fix: anotherPath, cause });
}

function readStart(file: string): Uint8Array {
  const handle = fs.openSync(file, "r");
  try {
    const start = new Uint8Array(modelHeaderBytes);
    return start.subarray(0, fs.readSync(handle, start, 0, start.length, 0));
  } finally {
    fs.closeSync(handle);
  }
}

/** What the file holds where it may be replaced; undefined where there is nothing to lose. */
function requireOwn({ file, kind }: Claim, place: string): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  const expected = `a new file, or ${kind.expected}`;
  if ((stat.mode & 0o222) === 0) throw refusal(place, expected, "a file that is read-only");
  if (stat.size === 0) return undefined;
  const old = kind.describe(readStart(file));
  if (old !== undefined) return old;
  throw refusal(
    place,
    expected,
    `a file of ${byteSize(stat.size)} that is neither`,
    `${anotherPath}, or remove the file`,
  );
}

/** Changes whenever the file does. */
function stampOf(file: string): string {
  const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}` : "";
}

/** Folders of other disks, perhaps. */
const otherPlaces: readonly (() => string)[] = [
  () => path.join(stateFolder(), "rescued", randomBytes(4).toString("hex")),
  () => fs.mkdtempSync(path.join(os.tmpdir(), "thalweg-")),
];

/** A folder that has gone, or a full disk: what took an hour goes to the system's state folder, or to that for temporary files. */
function rescue(file: string, bytes: Uint8Array): string {
  for (const place of otherPlaces) {
    try {
      const folder = place();
      makeFolder(folder);
      const copy = path.join(folder, path.basename(file));
      writeAtomically(copy, bytes);
      return `what was to be written is in ${copy}`;
    } catch {
      // the next one may take it
    }
  }
  return "it could not be written elsewhere either";
}

/**
 * Makes sure before the work begins that a file can be written at its end, and that nothing is lost by it.
 * @throws InvalidInput for a file that is read, or the same as another that is written; one that exists and is not of this
 * kind, or read-only; a folder; a place that takes no files
 */
export function claimOutput(claim: Claim): OutputFile {
  const { file, flag, force } = claim;
  const place = `${flag} ${file || '""'}`;
  let old: string | undefined;
  try {
    requirePlace(file, place);
    requireOther(claim, place);
    old = requireOwn(claim, place);
    tryToWrite(file);
  } catch (error) {
    throw error instanceof InvalidInput ? error : refusedBySystem(claim, error as NodeJS.ErrnoException);
  }
  removeStale(path.dirname(targetOf(file)), path.basename(targetOf(file)));
  const stamp = stampOf(file);
  return {
    path: file,
    old,
    write(bytes, isFinished) {
      try {
        return writeAtomically(file, bytes, { keepOld: !(force && isFinished && stampOf(file) === stamp) });
      } catch (error) {
        const refused = error as NodeJS.ErrnoException;
        refused.message = `${file}: ${refused.message}; ${rescue(file, bytes)}`;
        throw refused;
      }
    },
  };
}

/** Says what will happen to files that exist. */
export function describeOutputs(output: Output, files: readonly OutputFile[], force: boolean): void {
  for (const { path: file, old } of files) {
    if (old === undefined) continue;
    const fate = force
      ? "it is replaced when the work is finished (--force)"
      : "it is kept as .bak if the new one differs";
    output.info("output", `${file} exists (${old}): ${fate}`);
  }
}

/** `, the old one is in m.safetensors.bak` */
export const describeKept = (kept: string | undefined): string =>
  kept === undefined ? "" : `, the old one is in ${path.relative("", kept)}`;
