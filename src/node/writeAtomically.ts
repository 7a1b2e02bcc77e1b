import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";

/** As many links as Linux follows. */
const maxLinks = 40;

/** The file that a name leads to: links are followed, also to a file that does not exist yet. */
export function targetOf(file: string, links = maxLinks): string {
  if (fs.existsSync(file)) return fs.realpathSync(file);
  const absolute = path.resolve(file);
  const isLink = fs.lstatSync(absolute, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  if (isLink && links > 0) return targetOf(path.resolve(path.dirname(absolute), fs.readlinkSync(absolute)), links - 1);
  const folder = path.dirname(absolute);
  return fs.existsSync(folder) ? path.join(fs.realpathSync(folder), path.basename(absolute)) : absolute;
}

/**
 * The file that a name leads to, and a new one beside it that takes its place; none where it is no file, as /dev/null. Random:
 * in containers programs share process ids with others that were killed.
 */
export function placesOf(file: string): { target: string; temporary: string | undefined } {
  const target = targetOf(file);
  const existing = fs.statSync(target, { throwIfNoEntry: false });
  if (existing && !existing.isFile()) return { target, temporary: undefined }; // never rename over /dev/null
  const name = `.${path.basename(target)}.${randomBytes(4).toString("hex")}.tmp`;
  return { target, temporary: path.join(path.dirname(target), name) };
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

/** Gives a file the owner, where that is allowed, and the permissions of the one that it replaces. */
function takeOver(handle: number, { uid, gid, mode }: fs.Stats): void {
  const own = fs.fstatSync(handle);
  try {
    if (own.uid !== uid || own.gid !== gid) fs.fchownSync(handle, uid, gid);
  } catch {
    // only root may give files away
  }
  fs.fchmodSync(handle, mode & 0o777);
}

function writeSynced(file: string, bytes: Uint8Array, replaced: fs.Stats | undefined): void {
  const handle = fs.openSync(file, "wx", replaced ? 0o600 : 0o666);
  try {
    fs.writeFileSync(handle, bytes);
    if (replaced) takeOver(handle, replaced);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "EEXIST";

/** A second name for a file, or where there are none (FAT, files of other users) a copy. */
function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to);
  } catch (error) {
    if (isTaken(error)) throw error;
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  }
}

/** Keeps a file under the first free name of `.bak`, `.bak2`, `.bak3`, …: nothing that was kept before is lost. */
function keep(file: string): string {
  for (let count = 1; ; count++) {
    const kept = `${file}.bak${count === 1 ? "" : count}`;
    try {
      linkOrCopy(file, kept);
      return kept;
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}

interface WriteOptions {
  /** Keeps what the file holds as `.bak` beside it, where it holds anything else. */
  readonly keepOld?: boolean;
}

/**
 * Writes a file so that its name always stands for a complete file, the old one or the new one. Links are followed; permissions
 * stay as they are. Synchronous, so that no signal handler runs in between and leaves the temporary file behind.
 * @returns the path of the old file where it was kept
 */
export function writeAtomically(file: string, bytes: Uint8Array, options: WriteOptions = {}): string | undefined {
  const { target, temporary } = placesOf(file);
  if (temporary === undefined) {
    fs.writeFileSync(target, bytes);
    return undefined;
  }
  const old = fs.statSync(target, { throwIfNoEntry: false });
  const isLost =
    old !== undefined && old.size > 0 && !(old.size === bytes.length && fs.readFileSync(target).equals(bytes));
  let kept: string | undefined;
  try {
    writeSynced(temporary, bytes, old);
    if (options.keepOld && isLost) kept = keep(target);
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    if (kept !== undefined) fs.rmSync(kept, { force: true });
    throw error;
  }
  syncFolder(path.dirname(target));
  return kept;
}
