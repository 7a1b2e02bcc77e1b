// The file that threads of the WebAssembly backend run, in library builds.

import { dirname, join, posix, relative } from "node:path";
import type { Plugin } from "vite";

const file = join(import.meta.dirname, "src", "backend", "wasm", "thread.js");
const written = 'new URL("./thread.js", import.meta.url)';
const fileName = "thread.js";
const placeholder = "__THALWEG_THREAD__";

/**
 * Keeps `new Worker(new URL("…/thread.js", import.meta.url))` in what is built, with the file beside it. Vite itself would write it as a data: URL
 * or with an absolute path; this form runs in Node and in browsers as it is, and the bundlers of those who use the library know it.
 */
export const threadFile = (): Plugin => ({
  name: "thalweg:thread-file",
  apply: "build",
  enforce: "pre",
  transform: {
    filter: { code: written },
    handler(code) {
      this.emitFile({ type: "chunk", id: file, fileName, preserveSignature: "strict" });
      return { code: code.replaceAll(written, placeholder), map: null };
    },
  },
  renderChunk(code, chunk) {
    if (!code.includes(placeholder)) return null;
    const path = posix.join(relative(dirname(chunk.fileName), ".").replaceAll("\\", "/"), fileName);
    const url = path.startsWith(".") ? path : `./${path}`;
    return { code: code.replaceAll(placeholder, `new URL(${JSON.stringify(url)}, import.meta.url)`), map: null };
  },
});
