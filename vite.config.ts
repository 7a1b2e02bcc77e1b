// The demo page (`vite`) and the tests. The library and the command line are built by vite.lib.ts.

import "./test/host/node20.mjs";
import { configDefaults, defineConfig } from "vitest/config";
import { launchOptions } from "./test/host/chrome.mjs";
import { puppeteerProvider } from "./test/host/vitest-puppeteer.ts";

const shared = ["test/**/*.test.ts"];
const nodeOnly = ["test/**/*.node.test.ts"];
const endToEnd = ["test/**/*.e2e.ts"];

export default defineConfig({
  // Found late, a dependency would reload the page in the middle of a test.
  optimizeDeps: { include: ["papaparse", "valibot", "fast-check", "@jax-js/loaders"] },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks", // in a worker thread process.env is a copy, which the Vulkan loader does not see
    projects: [
      { extends: true, test: { name: "dawn", include: shared, setupFiles: ["test/setup-node.ts"] } },
      {
        extends: true,
        test: {
          name: "chrome",
          include: shared,
          exclude: [...configDefaults.exclude, ...nodeOnly],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: puppeteerProvider(launchOptions),
            instances: [{ browser: "chrome" as never, name: "chrome" }],
          },
        },
      },
      { extends: true, test: { name: "page", include: endToEnd, globalSetup: ["test/host/build.mjs"] } },
    ],
  },
});
