// The Bench view: `npm run dev` serves it, and `npm run bench` builds what it opens in Chrome from the same settings.

import { join } from "node:path";
import { type Alias, defineConfig, type UserConfig } from "vite";
import { shaders } from "./vite.shaders.ts";

const root = join(import.meta.dirname, "bench");

/** With these headers a page is cross-origin isolated: wasm gets threads, and clocks get finer. */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The float64 reference is loaded as the judge and as a contender; and how long plugins take is no news. */
export const checks = { ineffectiveDynamicImport: false, bundlerTimings: false };

/** They know light-dark(). */
export const cssTarget = ["chrome123", "firefox120", "safari17.5"];

export interface PageOptions {
  /** The page, from bench/. */
  readonly input: string;
  readonly outDir: string;
  readonly minify: "no" | "all";
  /** Imports to take from elsewhere. */
  readonly alias?: Alias[];
}

/** One page, and nothing in it that only another page needs. */
export const pageConfig = ({ input, outDir, minify, alias = [] }: PageOptions): UserConfig => ({
  root,
  publicDir: false,
  resolve: { alias },
  plugins: [shaders()],
  worker: { format: "es", plugins: () => [shaders()], rolldownOptions: { checks } },
  build: {
    target: "es2023",
    cssTarget,
    outDir,
    emptyOutDir: true,
    assetsInlineLimit: 0, // a file each, so that what a page fetches can be counted
    reportCompressedSize: false,
    chunkSizeWarningLimit: Number.POSITIVE_INFINITY,
    minify: minify === "all",
    rolldownOptions: { input: join(root, input), checks },
  },
});

export default defineConfig({
  ...pageConfig({ input: "index.html", outDir: join(root, "dist", "page"), minify: "no" }),
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
});
