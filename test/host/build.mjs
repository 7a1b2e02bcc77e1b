// Builds, once before the tests that use them as a user would, dist/ and the page.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const shell = process.platform === "win32";

/** @param {import("vitest/node").TestProject} project  @returns what takes the page away again */
export default async function setup(project) {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  const page = [
    "vite",
    "build",
    "--config",
    "vite.page.ts",
    "--outDir",
    folder,
    "--emptyOutDir",
    "--logLevel",
    "error",
  ];
  await Promise.all([run("npm", ["run", "--silent", "build"], { shell }), run("npx", page, { shell })]);
  project.provide("pageFolder", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
