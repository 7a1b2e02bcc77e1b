// Whether the long tests of bench/ are due. Where Git cannot tell, they are.

import { spawnSync } from "node:child_process";

/** @param {string[]} words  @returns {string | undefined} what Git answers, undefined when it fails */
function git(...words) {
  const { status, stdout } = spawnSync("git", words, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** The commit that this branch left main at; on main itself the one before the last. */
function base() {
  const head = git("rev-parse", "HEAD");
  const left = ["origin/main", "main"].map((name) => git("merge-base", name, "HEAD"));
  return left.find((commit) => commit && commit !== head) ?? git("rev-parse", "HEAD~1");
}

const isOfBench = /^(bench\/|test\/bench|test\/support\/bench|vite\.bench)/;

/** Files of the races and their tests that are new or changed since `base()`, committed or not. */
export function benchHasChanged() {
  const since = base();
  const changed = since && git("diff", "--name-only", since);
  const added = git("ls-files", "--others", "--exclude-standard");
  if (changed === undefined || added === undefined) return true;
  return `${changed}\n${added}`.split("\n").some((path) => isOfBench.test(path));
}
