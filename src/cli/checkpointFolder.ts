import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { stateFolder } from "../node/stateFolder.ts";
import { removeStale } from "../node/writeAtomically.ts";

// Folders of checkpoints: one file a state, `step-000000500.safetensors`. The newest is the one that was written last, since a run that
// went back to an earlier step comes by later ones again.

export interface CheckpointFile {
  readonly file: string;
  readonly step: number;
}

const fileName = /^step-(\d{9,16})\.safetensors$/;

export const fileOfStep = (folder: string, step: number): string =>
  path.join(folder, `step-${String(step).padStart(9, "0")}.safetensors`);

/** The checkpoints of a folder, the newest first; none where there is no such folder. */
export function checkpointsIn(folder: string): CheckpointFile[] {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch {
    return [];
  }
  const found = names.flatMap((name) => {
    const step = fileName.exec(name)?.[1];
    const file = path.join(folder, name);
    const stat = step === undefined ? undefined : fs.statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat?.isFile() ? [{ file, step: Number(step), writtenNs: stat.mtimeNs }] : [];
  });
  return found.toSorted((a, b) => (a.writtenNs === b.writtenNs ? b.step - a.step : a.writtenNs < b.writtenNs ? 1 : -1));
}

/** Removes all checkpoints except the newest `keep`. */
export function prune(folder: string, keep: number): void {
  for (const { file } of checkpointsIn(folder).slice(keep)) fs.rmSync(file, { force: true });
}

const runsFolder = (): string => path.join(stateFolder(), "runs");
/** Runs that were not resumed for this long are removed. */
const forgottenMs = 30 * 24 * 3_600_000;

/** Commands whose runs are kept. */
export type RunCommand = "train" | "sweep";

/** What the folders of runs on a table begin with. */
function prefixOf(table: string, command: RunCommand): string {
  const place = table === "-" ? "-" : path.resolve(table);
  const stem = path
    .parse(place)
    .name.replaceAll(/[^A-Za-z0-9_-]+/g, "_")
    .slice(0, 40);
  const kind = command === "train" ? "" : `${command}-`;
  return `${stem}-${createHash("sha256").update(place).digest("hex").slice(0, 8)}-${kind}`;
}

/** A new folder for a run in the state folder of the system; it is not created yet. */
export const newRunFolder = (table: string, command: RunCommand): string =>
  path.join(runsFolder(), `${prefixOf(table, command)}${randomBytes(4).toString("hex")}`);

export const isRunFolder = (folder: string): boolean =>
  path.dirname(path.resolve(folder)) === path.resolve(runsFolder());

function foldersOfRuns(): string[] {
  try {
    return fs.readdirSync(runsFolder()).map((name) => path.join(runsFolder(), name));
  } catch {
    return [];
  }
}

/** Checkpoints in the state folder of runs on this table, those of the newest run first. */
export function checkpointsOfTable(table: string, command: RunCommand): CheckpointFile[] {
  const prefix = prefixOf(table, command);
  const isOwn = (name: string): boolean => name.startsWith(prefix) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length));
  const own = foldersOfRuns().filter((folder) => isOwn(path.basename(folder)));
  const runs = own.map((folder) => ({ folder, writtenMs: fs.statSync(folder).mtimeMs }));
  return runs.toSorted((a, b) => b.writtenMs - a.writtenMs).flatMap(({ folder }) => checkpointsIn(folder));
}

/** Removes runs in the state folder that were given up, and what killed programs have left in a folder. */
export function tidy(folder: string): void {
  removeStale(folder);
  for (const run of foldersOfRuns()) {
    const stat = fs.statSync(run, { throwIfNoEntry: false });
    if (stat && Date.now() - stat.mtimeMs > forgottenMs) fs.rmSync(run, { recursive: true, force: true });
  }
}
