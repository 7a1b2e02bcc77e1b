// Before packing: writes repository, homepage and bugs into package.json, from the address of Git's remote `origin`; `--remove` takes them
// out again. Without a remote on a public host there is nothing to write.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The page of a repository, from the address of a remote; undefined for folders and other addresses without a host. @param {string} remote */
export function pageOf(remote) {
  const [, host, path] =
    /^(?:https?:\/\/|git:\/\/|ssh:\/\/)?(?:[^@/]+@)?([\w-]+(?:\.[\w-]+)+)(?::\d+)?[/:](.+?)(?:\.git)?\/?$/.exec(
      remote,
    ) ?? [];
  return host && path ? `https://${host}/${path}` : undefined;
}

/** @param {string} text package.json  @param {string | undefined} page */
export function withLinks(text, page) {
  const bare = text.replace(/^ {2}"(?:repository|homepage|bugs)": .*\n/gm, "");
  if (!page) return bare;
  const links = [
    `  "repository": { "type": "git", "url": "git+${page}.git" },`,
    `  "homepage": "${page}#readme",`,
    `  "bugs": "${page}/issues",`,
  ];
  return bare.replace(/^ {2}"license".*\n/m, (line) => `${line}${links.join("\n")}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL("../package.json", import.meta.url);
  const { stdout } = spawnSync("git", ["remote", "get-url", "origin"], { encoding: "utf8" });
  const page = process.argv.includes("--remove") ? undefined : pageOf((stdout ?? "").trim());
  writeFileSync(file, withLinks(readFileSync(file, "utf8"), page));
}
