// The built package as others take it: its command, its types without skipLibCheck, a bundle for Node.

import { execFile, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pageOf, withLinks } from "../scripts/package-links.mjs";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
let folder: string;

const program = `
  import { acquire, createModel, dense, network, sgd } from "thalweg";
  import { readTable } from "thalweg/data";
  import { explainStep } from "thalweg/explain";
  import { tensor } from "thalweg/tensor";
  const device = await acquire({ device: "software" });
  using model = await createModel(network({ inputs: 1, layers: [dense(1)], loss: "squaredError" }), { device });
  const { history } = await model.fit({ inputs: Float32Array.of(1), targets: Float32Array.of(1) }, { optimizer: sgd(), steps: 1 });
  console.log(device.kind, history.loss.length, typeof readTable, typeof explainStep, typeof tensor);
`;

/** A folder of someone who has installed the package, and what it takes for a GPU in Node. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "consumer-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/thalweg"), "junction");
  symlinkSync(join(root, "node_modules/webgpu"), join(folder, "node_modules/webgpu"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "program.ts"), program);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["node16", "node16"],
  ["esnext", "bundler"],
])("its types hold without skipLibCheck: module %s, resolution %s", async (module, moduleResolution) => {
  const compilerOptions = { target: "es2023", lib: ["es2023", "dom"], types: [], strict: true, skipLibCheck: false };
  const tsconfig = {
    compilerOptions: { ...compilerOptions, module, moduleResolution, noEmit: true },
    files: ["program.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  const { stdout } = await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
  expect(stdout).toBe("");
});

test("a bundle that esbuild makes for Node keeps the GPU", async () => {
  const outfile = join(folder, "bundle.mjs");
  const entryPoints = [join(folder, "program.ts")];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
  });
  const { stdout } = await run(process.execPath, [outfile]);
  expect(stdout).toBe("software 1 function function function\n");
});

test.skipIf(process.platform === "win32")("the command can be run as it was built", () => {
  const command = join(root, "dist/cli.js");
  accessSync(command, constants.X_OK);
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  expect([status, stdout.trim()]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)]);
});

test("links of the package come from Git's remote, and go again", () => {
  for (const remote of ["https://forge.example/a/b.git", "git@forge.example:a/b.git", "ssh://git@forge.example:22/a/b"])
    expect(pageOf(remote)).toBe("https://forge.example/a/b");
  for (const remote of ["", "/srv/b.git", "../b"]) expect(pageOf(remote)).toBeUndefined();
  const text = readFileSync(join(root, "package.json"), "utf8");
  const linked = JSON.parse(withLinks(text, "https://forge.example/a/b"));
  expect(linked).toMatchObject({
    bugs: "https://forge.example/a/b/issues",
    homepage: "https://forge.example/a/b#readme",
  });
  expect(linked.repository.url).toBe("git+https://forge.example/a/b.git");
  expect(withLinks(withLinks(text, "https://forge.example/a/b"), undefined)).toBe(text);
});
