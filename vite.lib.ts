// Builds dist/: the library for browsers and Node, and the command line. WGSL and dependencies are inlined.

import { defineConfig, esmExternalRequirePlugin } from "vite";
import { shaders } from "./vite.shaders.ts";
import { threadFile } from "./vite.threads.ts";

const entry = {
  index: "src/index.ts",
  node: "src/node.ts",
  data: "src/data.ts",
  tensor: "src/tensor.ts",
  explain: "src/explain.ts",
  cli: "src/cli/main.ts",
};

export default defineConfig({
  publicDir: false,
  // as imports, also where commander requires them
  plugins: [esmExternalRequirePlugin({ external: [/^node:/] }), shaders(), threadFile()],
  build: {
    target: "es2023",
    lib: { entry, formats: ["es"] },
    minify: false,
    license: { fileName: "licenses.md" }, // of the inlined dependencies
    rolldownOptions: {
      external: ["webgpu"],
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "chunks/[name]-[hash].js",
        banner: (chunk) => (chunk.name === "cli" && chunk.isEntry ? "#!/usr/bin/env node" : ""),
      },
    },
  },
});
