import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { TuningCache } from "../backend/tuning.ts";
import { InvalidInput } from "../index.ts";
import { writeAtomically } from "./writeAtomically.ts";

/** The file's texts by key; undefined where it is missing or holds anything else. */
async function readTexts(file: string): Promise<Map<string, string> | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    const texts = Object.entries(parsed) as [string, unknown][];
    return texts.every((each): each is [string, string] => typeof each[1] === "string") ? new Map(texts) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps what `tuneMatmul` has found in a file, for all adapters of the machine. A missing file counts as empty, and so does one
 * that holds anything else, which is kept as `.bak` when it is replaced. The name always stands for a complete one, and missing folders are created. Two programs that write at once may lose times, no more.
 * @throws InvalidInput without a name
 */
export function tuningFile(file: string): TuningCache {
  if (typeof file !== "string" || file === "") {
    const fix = "pass the path of a file that may be created";
    throw new InvalidInput({ place: "tuningFile", expected: "the name of a file", got: JSON.stringify(file), fix });
  }
  return {
    read: async (key) => (await readTexts(file))?.get(key),
    async write(key, text) {
      await mkdir(path.dirname(path.resolve(file)), { recursive: true });
      const known = await readTexts(file);
      const texts = new Map(known).set(key, text);
      const json = `${JSON.stringify(Object.fromEntries(texts), null, 2)}\n`;
      writeAtomically(file, new TextEncoder().encode(json), { keepOld: known === undefined });
    },
  };
}
