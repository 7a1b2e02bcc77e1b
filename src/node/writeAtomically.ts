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

/** Creates a folder and those above it. `fs.mkdirSync` with `recursive` never returns in a place like /proc (Node 20). */
export function makeFolder(folder: string): void {
  const absolute = path.resolve(folder);
  if (fs.existsSync(absolute)) return;
  makeFolder(path.dirname(absolute));
  try {
    fs.mkdirSync(absolute);
  } catch (error) {
    if (!isTaken(error)) throw error; // another program was quicker
  }
}

/** A file is written in less time: what is older was left by a program that was killed, or by a machine that went off. */
const staleMs = 600_000;
/** Names of temporary files; earlier ones had the number of their process. */
const temporaryName = /^\..+\.(?:[0-9a-f]{8}|\d{1,10})\.tmp$/;

/**
 * Removes temporary files of this module that were left behind in a folder.
 * @param file only those of this file's name
 */
export function removeStale(folder: string, file?: string): void {
  try {
    const names = fs.readdirSync(folder).filter((name) => temporaryName.test(name));
    for (const name of names) {
      if (file !== undefined && !name.startsWith(`.${file}.`)) continue;
      const place = path.join(folder, name);
      if (Date.now() - fs.statSync(place).mtimeMs > staleMs) fs.rmSync(place, { force: true });
    }
  } catch {
    // another program was quicker, or the folder takes no changes: it is only tidying
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

/** Bytes that are handed to the system at a time. */
const sliceBytes = 2 ** 26;

async function writePartsSynced(file: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await fs.promises.open(file, "wx", 0o666);
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length;) {
        const { bytesWritten } = await handle.write(part, at, Math.min(sliceBytes, part.length - at));
        at += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * As `writeAtomically`, in pieces and while the program continues. Where the process exits meanwhile the temporary file is removed; a
 * process that is killed leaves it.
 */
export async function writeAtomicallyLater(file: string, parts: readonly Uint8Array[]): Promise<void> {
  const { target, temporary } = placesOf(file);
  if (temporary === undefined) throw new Error(`${file} is no regular file`);
  const remove = (): void => fs.rmSync(temporary, { force: true });
  process.once("exit", remove);
  try {
    await writePartsSynced(temporary, parts);
    await fs.promises.rename(temporary, target);
  } catch (error) {
    remove();
    throw error;
  } finally {
    process.off("exit", remove);
  }
  syncFolder(path.dirname(target));
}
