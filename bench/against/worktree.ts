import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import type { Alias } from "vite";
import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";

/** thalweg at another revision, ready to race as a contender. */
export interface Baseline {
  /** `thalweg@0ac1e22f40b1` */
  readonly contender: string;
  /** Puts it into the table of contenders. */
  readonly alias: readonly Alias[];
  /** @returns what the error of a build says of a file of the revision; undefined where it names none */
  faultIn(message: string): string | undefined;
  remove(): void;
}

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "bench", ".against");
/** What is no source of the bench. */
const leftOut = new Set(["results", "dist", basename(folder)]);

const wrongUse = (message: string): Stop => new Stop(`--against: ${message}`, exitCodes.wrongUse[0]);

const git = (...words: string[]): string =>
  execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();

function requireGit(): void {
  try {
    git("rev-parse", "--git-dir");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw wrongUse(isMissing ? "needs git, which is not installed" : "needs a checkout of git; this folder is none");
  }
}

/** @returns the whole name of a commit */
function commitOf(revision: string): string {
  try {
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`);
  } catch {
    throw wrongUse(`git knows no revision ${revision}; \`git log --oneline\` lists them`);
  }
}

function removeWorktree(path: string): void {
  try {
    git("worktree", "remove", "--force", path);
  } catch {
    // there is none, or half of one
  }
  rmSync(path, { recursive: true, force: true });
  git("worktree", "prune");
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** What takes the place of contenders/baseline.ts. */
const cardText = (contender: string): string => `import type { ContenderCard } from "../race/contract.ts";

export const baseline: ContenderCard | undefined = {
  name: ${JSON.stringify(contender)},
  label: ${JSON.stringify(contender)},
  processor: "gpu",
  hosts: ["chrome", "node"],
  kinds: ["step"],
  load: async () => (await import("./thalweg/stepsAlone.ts")).stepsAlone,
};
`;

/** The bench of today over the sources of then: only src/ and shaders/ differ. */
function useBenchOfToday(path: string): void {
  const bench = join(root, "bench");
  rmSync(join(path, "bench"), { recursive: true, force: true });
  for (const name of readdirSync(bench).filter((entry) => !leftOut.has(entry))) {
    cpSync(join(bench, name), join(path, "bench", name), { recursive: true });
  }
}

/** The line that says what is wrong: `[MISSING_EXPORT] "tileRows" is not exported by "src/backend/webgpu/strategies/layeredPlan.ts".` */
function faultIn(message: string, prefix: string): string | undefined {
  const lines = stripVTControlCharacters(message).split("\n");
  if (!lines.some((line) => line.includes(prefix))) return undefined;
  const fault = lines.find((line) => /^\[[A-Z_]+\] /.test(line)) ?? lines.find((line) => line.includes(prefix))!;
  return fault.replaceAll(prefix, "").trim();
}

/**
 * Checks a revision out below bench/.against/, until `remove` or the end of the process.
 * @throws Stop where there is no git, or no such revision
 */
export function openBaseline(revision: string): Baseline {
  requireGit();
  const commit = commitOf(revision).slice(0, 12);
  const path = join(folder, commit);
  const remove = (): void => {
    process.off("exit", remove);
    removeWorktree(path);
  };
  removeWorktree(path); // left over where a process was killed
  process.once("exit", remove);
  git("worktree", "add", "--detach", "--force", path, commit);
  useBenchOfToday(path);
  const contender = `thalweg@${commit}`;
  const replacement = join(path, "bench", "contenders", "baseline.ts");
  writeFileSync(replacement, cardText(contender));
  return {
    contender,
    alias: [{ find: /^\.\/baseline\.ts$/, replacement }],
    faultIn: (message) => faultIn(message, `bench/.against/${commit}/`),
    remove,
  };
}
