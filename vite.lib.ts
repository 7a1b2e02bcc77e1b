// Builds dist/: the library for browsers and Node, and the command line. WGSL and dependencies are inlined.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, esmExternalRequirePlugin, type Plugin } from "vite";
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

/**
 * What the library loads together, from first to last: each chunk holds the modules named and what they import that no chunk before
 * it holds. A page that bundles the library takes its lazy parts as they are cut here; many small chunks would compress worse.
 */
const chunks = {
  thread: /src\/backend\/wasm\/thread\.js$/, // by itself: it is what a worker loads
  definitions:
    /src\/(graph\/(graphNetwork|layers)|math\/optimizer|backend\/(acquire|tensorCode)|model\/createModel)\.ts$/,
  // What models and tensors share, so that tensors do not load models: scalar functions, devices, kernels of a GPU.
  scalars: /src\/math\/(elementwise|scalarFunction)\.ts$/,
  devices: /src\/(nextTask|backend\/(companions|executor|waits))\.ts$/,
  kernels: /src\/backend\/webgpu\/(bufferOwner|device|kernel|layout|matmulVariants)\.ts$/,
  model: /src\/model\/model\.ts$/,
  // What training needs on any machine: without it each would load another one's code.
  training: /src\/(backend\/(batches|dropout|rowWeights|stepWork)|graph\/weightRanges|math\/updateValues)\.ts$/,
  losses: /src\/(backend\/(sampleLoss|score)|math\/(elementwise|float64Blocks|lossFunction))\.ts$/,
  trainer: /src\/model\/(trainer|options|trainingRows|eventsUntil|history|metrics)\.ts$/,
  metrics: /src\/metrics\/memberSums\.ts$/,
  backward: /src\/graph\/derive\.ts$/,
  wasmSupport: /src\/backend\/wasm\/(strategy|support|remembered)\.ts$/,
  wasmPlan: /src\/backend\/wasm\/plan\.ts$/,
  wasm: /src\/backend\/wasm\/(device|executor|program)\.ts$/,
  wasmCode: /src\/backend\/wasm\/(lossCode|maskCode|updateCode|rowDraw|vectorCode)\.ts$/, // what both ways of training write
  wasmFused: /src\/backend\/wasm\/fusedRun\.ts$/,
  wasmLayered: /src\/backend\/wasm\/(run|forwardPass)\.ts$/,
  webgpu: /src\/backend\/webgpu\/(device|strategies\/executor)\.ts$/,
  webgpuPlan: /strategies\/(planner|fusedPlan)\.ts$/,
  layered: /strategies\/(layeredRun|layeredPredictor)\.ts$/,
  fused: /strategies\/(fusedRun|fusedScorer)\.ts$/,
  trace: /strategies\/trace\.ts$/,
  graphs: /webgpu\/(graphKernels|emit\/emitRows)\.ts$/,
  lbfgs: /src\/math\/lbfgs\.ts$/, // of the CPU's two ways to compute
  reference: /src\/backend\/cpu\/executor\.ts$/,
};

/** So that `npx thalweg` runs it in a clone too: npm sets the bit only where it installs the package. */
const runnableCommand = (): Plugin => ({
  name: "runnable-command",
  writeBundle: ({ dir }) => chmodSync(join(dir!, "cli.js"), 0o755),
});

export default defineConfig({
  publicDir: false,
  // as imports, also where commander requires them
  plugins: [esmExternalRequirePlugin({ external: [/^node:/] }), shaders(), threadFile(), runnableCommand()],
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
        codeSplitting: {
          groups: Object.entries(chunks).map(([name, test], at, all) => ({ name, test, priority: all.length - at })),
        },
        banner: (chunk) => (chunk.name === "cli" && chunk.isEntry ? "#!/usr/bin/env node" : ""),
      },
    },
  },
});
