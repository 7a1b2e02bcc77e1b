// What a page downloads that imports thalweg: `node scripts/bundle-sizes.mjs [file.json]`, after `npm run build`. A small program is bundled
// with the built package as an application would be, minified, and run in Node as far as each stage below; V8 tells which of its files
// were loaded. Sizes are bytes after gzip -9, file by file.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const dist = join(import.meta.dirname, "..", "dist");

/** A program as a user writes it; `stage` says how far it goes. */
const program = `
  import { acquire, createModel, dense, network, sgd } from "thalweg";
  const { options, strategy, finish } = await globalThis.stage;
  const layers = [dense(8, "tanh"), dense(1)];
  if (options) {
    const device = await acquire(options);
    const model = await createModel(network({ inputs: 2, layers, loss: "squaredError" }), { device });
    if (strategy) {
      const data = { inputs: new Float32Array(8), targets: new Float32Array(4) };
      await model.fit(data, { optimizer: sgd({ learningRate: 0.1 }), steps: 2, strategy });
    }
    model.dispose();
  }
  finish();
`;

/** A program of tensors; on a device it loads that device's kernels as well. */
const tensorProgram = `
  import { grad, matmul, sum, tensor } from "thalweg/tensor";
  const { finish } = await globalThis.stage;
  globalThis.used = [grad, matmul, sum, tensor];
  finish();
`;

/** On which device each stage computes, and by which strategy it trains; without one it ends with createModel. */
const stages = {
  imported: {},
  tensors: {},
  referenceTrained: { device: "reference", strategy: "auto" },
  wasmCreated: { device: "wasm" },
  wasmFused: { device: "wasm", strategy: "samples" },
  wasmLayered: { device: "wasm", strategy: "layered" },
  webgpuCreated: { device: "webgpu" },
  webgpuLayered: { device: "webgpu", strategy: "layered" },
  webgpuFused: { device: "webgpu", strategy: "members" },
};

/** @typedef {keyof typeof stages} Stage */
/** @typedef {{ file: string, bytes: number, gzip: number }} Size */
/** @typedef {{ gzip: number, files: Size[] }} Loaded */

/** Opens the device as a page finds it, outside of the program that is measured. @param {{ device?: string, strategy?: string }} stage */
const preludeOf = ({ device, strategy = "" }) => `
  const open = async () => {
    if (${device !== "webgpu"}) return ${device ? `{ device: "${device}" }` : "undefined"};
    const { gpu } = await (await import(${JSON.stringify(pathToFileURL(join(dist, "node.js")).href)})).acquire({ device: "software" });
    return { gpuDevice: gpu };
  };
  globalThis.stage = open().then((options) => ({ options, strategy: "${strategy}", finish: () => process.exit(0) }));`;

/** Bundles a program. @param {string} folder @param {string} text */
async function bundle(folder, text) {
  await writeFile(join(folder, "program.js"), text);
  await build({
    configFile: false,
    logLevel: "error",
    root: folder,
    resolve: { alias: { "thalweg/tensor": join(dist, "tensor.js"), thalweg: join(dist, "index.js") } },
    build: {
      target: "es2023",
      outDir: "app",
      modulePreload: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: join(folder, "program.js"),
        output: { entryFileNames: "program.mjs", chunkFileNames: "[name].mjs" },
      },
    },
  });
}

/** Runs a stage. @param {string} folder @param {Stage} stage @returns {Promise<Loaded>} what it has loaded of the bundle */
async function run(folder, stage) {
  const coverage = join(folder, stage);
  const prelude = `data:text/javascript,${encodeURIComponent(preludeOf(stages[stage]))}`;
  await promisify(execFile)(process.execPath, ["--import", prelude, join(folder, "app", "program.mjs")], {
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  });
  /** @type {Set<string>} of the program and of its threads */
  const urls = new Set();
  for (const report of await readdir(coverage)) {
    /** @type {{ result: { url: string }[] }} */
    const { result } = JSON.parse(await readFile(join(coverage, report), "utf8"));
    for (const { url } of result) urls.add(url);
  }
  const app = pathToFileURL(join(folder, "app/")).href;
  const files = [];
  for (const url of urls) {
    if (!url.startsWith(app)) continue;
    const code = await readFile(fileURLToPath(url));
    const file = url.slice(app.length).replace(/-[\w-]{8}(?=\d*\.mjs)/, "");
    files.push({ file, bytes: code.length, gzip: gzipSync(code, { level: 9 }).length });
  }
  return { gzip: files.reduce((sum, { gzip }) => sum + gzip, 0), files };
}

/** What each stage loads. @returns {Promise<Record<Stage, Loaded>>} */
export async function bundleSizes() {
  if (!existsSync(join(dist, "index.js"))) throw new Error("there is no dist/index.js; run `npm run build` first");
  const folder = await mkdtemp(join(tmpdir(), "thalweg-bundle-"));
  try {
    const names = /** @type {Stage[]} */ (Object.keys(stages));
    const loaded = [];
    for (const [text, own] of /** @type {[string, Stage[]][]} */ ([
      [program, names.filter((name) => name !== "tensors")],
      [tensorProgram, ["tensors"]],
    ])) {
      await bundle(folder, text);
      for (const name of own) loaded.push([name, await run(folder, name)]);
    }
    return Object.fromEntries(loaded);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = await bundleSizes();
  for (const [stage, { gzip, files }] of Object.entries(sizes)) {
    console.log(
      `${stage.padEnd(14)} ${String(gzip).padStart(6)} B  ${files.map(({ file, gzip: own }) => `${file} ${own}`).join(", ")}`,
    );
  }
  const [, , path] = process.argv;
  if (path) await writeFile(path, `${JSON.stringify({ unit: "bytes after gzip -9", ...sizes }, undefined, 2)}\n`);
}
