import fs from "node:fs";
import path from "node:path";
import process from "node:process";

/** The file that a path stands for, and the one beside it that takes its place; none where it is no file, as /dev/null. */
export function placesOf(file: string): { target: string; temporary: string | undefined } {
  const existing = fs.statSync(file, { throwIfNoEntry: false });
  const target = existing ? fs.realpathSync(file) : path.resolve(file);
  if (existing && !existing.isFile()) return { target, temporary: undefined }; // never rename over /dev/null
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  return { target, temporary };
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
  const { target, temporary } = placesOf(file);
  if (temporary === undefined) return fs.writeFileSync(target, bytes);
  try {
    writeSynced(temporary, bytes);
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(path.dirname(target));
}
