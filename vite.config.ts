// The demo page (`vite`) and the tests. The library and the command line are built by vite.lib.ts.

import "./test/host/heap.mjs";
import "./test/host/node20.mjs";
import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { benchHasChanged } from "./test/host/benchHasChanged.mjs";
import { launchOptions } from "./test/host/chrome.mjs";
import { puppeteerProvider } from "./test/host/vitest-puppeteer.ts";
import { isolationHeaders } from "./vite.bench.ts";
import { shaders } from "./vite.shaders.ts";

const shared = ["test/**/*.test.ts"];
const nodeOnly = ["test/**/*.node.test.ts"];
const endToEnd = ["test/**/*.e2e.ts"];

/** `npm run test:full`: each host takes all. Otherwise Node takes all, and Chrome a case of each kind (test/support/share.ts). */
const isFull = process.env.THALWEG_TESTS === "full";
/** THALWEG_RUNS names a file for the list of kernels and shapes that ran, and in which host (scripts/test.mjs writes it). */
const recorder = process.env.THALWEG_RUNS ? ["test/support/recordRuns.ts"] : [];

export default defineConfig({
  plugins: [shaders()],
  server: { headers: isolationHeaders }, // threads of WebAssembly need an isolated page
  // Found late, a dependency would reload the page in the middle of a test.
  optimizeDeps: {
    include: [
      "papaparse",
      "valibot",
      "fast-check",
      "@jax-js/loaders",
      "hyparquet",
      "@uwdata/flechette",
      "fzstd",
      "jsfive",
    ],
  },
  test: {
    testTimeout: 240_000, // a busy machine takes many times what a quiet one does
    hookTimeout: 240_000,
    pool: "forks", // in a worker thread process.env is a copy, which the Vulkan loader does not see
    maxWorkers: Math.max(2, availableParallelism() - 1), // beside Chrome: with one, its core would idle at the end
    projects: [
      {
        extends: true,
        test: {
          name: "dawn",
          include: shared,
          isolate: false, // a worker keeps its device from file to file, with what was compiled on it
          setupFiles: ["test/setup-node.ts", ...recorder],
          provide: { share: "all" },
        },
      },
      {
        extends: true,
        test: {
          name: "chrome",
          include: shared,
          exclude: [...configDefaults.exclude, ...nodeOnly],
          setupFiles: recorder,
          isolate: false, // as in Node: one page for all files, and what was compiled is kept
          provide: { share: isFull ? "all" : "few" },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: puppeteerProvider(launchOptions),
            instances: [{ browser: "chrome" as never, name: "chrome" }],
          },
        },
      },
      {
        extends: true,
        test: {
          name: "page",
          include: endToEnd,
          globalSetup: ["test/host/build.mjs"],
          provide: { share: isFull || benchHasChanged() ? "all" : "few" },
        },
      },
    ],
  },
});
