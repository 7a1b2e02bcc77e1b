// WGSL without comments and indentation in what is built: of the bytes of the shaders, gzipped, that is a third.

import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

const query = "?raw";

/** The same code; a comment in WGSL here always runs to the end of its line. */
const compact = (code: string): string =>
  code
    .split("\n")
    .map((line) => line.replace(/\/\/.*/, "").trim())
    .filter((line) => line !== "")
    .join("\n");

export const compactShaders = (): Plugin => ({
  name: "compact-shaders",
  apply: "build",
  enforce: "pre",
  async load(id) {
    if (!id.endsWith(`.wgsl${query}`)) return undefined;
    return `export default ${JSON.stringify(compact(await readFile(id.slice(0, -query.length), "utf8")))};`;
  },
});
