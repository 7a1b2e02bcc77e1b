// The page: `npm run dev` serves it with the Bench view, and `npm run page` builds both into dist-page/, for any folder of any host.

import { join } from "node:path";
import { defineConfig } from "vite";
import { checks, cssTarget, isolationHeaders } from "./vite.bench.ts";
import { shaders } from "./vite.shaders.ts";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  publicDir: false,
  // Found late, a dependency would reload the page under its reader.
  optimizeDeps: { entries: ["index.html", "bench/index.html"] },
  plugins: [shaders()],
  worker: { format: "es", plugins: () => [shaders()], rolldownOptions: { checks } },
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  build: {
    target: "es2023",
    cssTarget,
    outDir: "dist-page",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: join(import.meta.dirname, "index.html"), checks },
  },
});
