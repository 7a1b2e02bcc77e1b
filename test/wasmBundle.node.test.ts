// Threads of the WebAssembly backend from a library build: in Node, and bundled again by someone who uses the library.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { threadFile } from "../vite.threads.ts";

let folder: string;

const wasm = join(import.meta.dirname, "..", "src", "backend", "wasm");
const source = `
export async function countThreads(asked) {
  const [{ Heap }, { ThreadPool }] = await Promise.all([import(${JSON.stringify(join(wasm, "heap.ts"))}), import(${JSON.stringify(join(wasm, "pool.ts"))})]);
  const pool = await ThreadPool.open({ heap: new Heap({ isShared: true }), threads: asked, scratchBytes: 64 });
  const found = [pool.threads, pool.fallbackReason];
  await pool.dispose();
  return found;
}
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "thalweg-threads-"));
  await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
  await writeFile(join(folder, "entry.js"), source);
  await build({
    configFile: false,
    logLevel: "error",
    publicDir: false,
    plugins: [threadFile()],
    build: {
      target: "es2023",
      outDir: join(folder, "dist"),
      lib: { entry: { index: join(folder, "entry.js") }, formats: ["es"] },
      minify: false,
      rolldownOptions: { output: { entryFileNames: "[name].js", chunkFileNames: "chunks/[name]-[hash].js" } },
    },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("threads start from a library build in Node, and end", async () => {
  const script = `
    const { countThreads } = await import(${JSON.stringify(join(folder, "dist", "index.js"))});
    console.log(JSON.stringify(await countThreads(3)));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  expect(JSON.parse(stdout)).toEqual([3, null]);
});

test("the build keeps the form of workers that bundlers know, and their file once", async () => {
  const chunks = await readdir(join(folder, "dist", "chunks"));
  const texts = await Promise.all(chunks.map((name) => readFile(join(folder, "dist", "chunks", name), "utf8")));
  const all = texts.join("\n");
  expect(all.match(/new Worker\(new URL\("\.\.\/thread\.js", import\.meta\.url\), /g)).toHaveLength(2);
  expect(all).not.toContain("data:");
  const entry = await readFile(join(folder, "dist", "thread.js"), "utf8");
  expect(`${all}${entry}`.match(/function takeItems/g)).toHaveLength(1);
});

test("a page that is built from the library has the file of the workers", async () => {
  const page = join(folder, "page");
  await writeFile(join(folder, "index.html"), `<script type="module" src="./main.js"></script>`);
  await writeFile(
    join(folder, "main.js"),
    `import { countThreads } from "./dist/index.js"; globalThis.countThreads = countThreads;`,
  );
  await build({
    configFile: false,
    logLevel: "error",
    root: folder,
    build: { outDir: page },
    worker: { format: "es" },
  });
  const built = await readdir(join(page, "assets"));
  const workers = built.filter((name) => /^thread-.*\.js$/.test(name));
  const scripts = await Promise.all(built.map((name) => readFile(join(page, "assets", name), "utf8")));
  expect(workers.length).toBeGreaterThan(0);
  expect(scripts.some((text) => text.includes(`/assets/${workers[0]}`))).toBe(true);
});
