// What a page downloads before and while it trains, as scripts/bundle-sizes.mjs measures it with the built package.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { bundleSizes } from "../scripts/bundle-sizes.mjs";

let sizes: Awaited<ReturnType<typeof bundleSizes>>;
beforeAll(async () => {
  sizes = await bundleSizes();
}, 120_000);

const filesOf = (stage: keyof typeof sizes): string[] => sizes[stage].files.map(({ file }) => file);

test("importing what defines a network takes at most 12 kB", () => {
  expect(sizes.imported.gzip).toBeGreaterThan(1000); // it was measured
  expect(sizes.imported.gzip).toBeLessThanOrEqual(12_000);
});

test("createModel on WebGPU has downloaded at most 45 kB, and nothing of the CPU or of the strategies", () => {
  expect(sizes.webgpuCreated.gzip).toBeLessThanOrEqual(45_000);
  const others = ["reference.mjs", "wasm.mjs", "layered.mjs", "fused.mjs", "graphs.mjs", "modelFile.mjs"];
  expect(filesOf("webgpuCreated").filter((file) => others.includes(file))).toEqual([]);
});

test("importing tensors takes at most 36 kB, and nothing of models, training or strategies", () => {
  expect(sizes.tensors.gzip).toBeGreaterThan(20_000);
  expect(sizes.tensors.gzip).toBeLessThanOrEqual(36_000);
  const others = [
    "model.mjs",
    "trainer.mjs",
    "training.mjs",
    "webgpu.mjs",
    "webgpuPlan.mjs",
    "layered.mjs",
    "wasm.mjs",
  ];
  expect(filesOf("tensors").filter((file) => others.includes(file))).toEqual([]);
});

test("createModel in WebAssembly has downloaded at most 12 kB for it, and nothing that writes code or computes tensors", () => {
  const files = sizes.wasmCreated.files.filter(
    ({ file }) => !sizes.webgpuCreated.files.some((own) => own.file === file),
  );
  const own = files.reduce((sum, { gzip }) => sum + gzip, 0);
  expect(own).toBeGreaterThan(1000);
  expect(own).toBeLessThanOrEqual(12_000);
  const others = ["wasmCode.mjs", "wasmFused.mjs", "wasmLayered.mjs", "tensorBackend.mjs"];
  expect(filesOf("wasmLayered")).toEqual(expect.arrayContaining(others.filter((file) => /Code|Layered/.test(file))));
  expect(filesOf("wasmCreated").filter((file) => others.includes(file))).toEqual([]);
});

test("training downloads the strategy that is taken", () => {
  expect(filesOf("webgpuLayered")).toContain("layered.mjs");
  expect(filesOf("webgpuLayered")).not.toContain("fused.mjs");
  expect(filesOf("webgpuFused")).toContain("fused.mjs");
  expect(filesOf("wasmLayered")).not.toContain("wasmFused.mjs");
  expect(filesOf("wasmFused")).not.toContain("wasmLayered.mjs");
});

test("training on the CPU downloads nothing of WebGPU", () => {
  const webgpu = ["kernels.mjs", "webgpu.mjs", "layered.mjs", "fused.mjs"];
  for (const stage of ["referenceTrained", "wasmFused", "wasmLayered"] as const)
    expect(filesOf(stage).filter((file) => webgpu.includes(file))).toEqual([]);
});

test("a device in WebAssembly has the code of tensors where they were imported before it was acquired", async () => {
  const urlOf = (face: string): string => pathToFileURL(join(import.meta.dirname, "..", "dist", `${face}.js`)).href;
  const program = `
    const { acquire } = await import("${urlOf("index")}");
    const early = await acquire({ device: "wasm" });
    const { tensor, add } = await import("${urlOf("tensor")}");
    try { tensor(early, [1]); } catch (error) { console.log(error.message); }
    const late = await acquire({ device: "wasm" });
    console.log(String(await add(tensor(late, [1]), 1).read()));
    console.log(String(await add(tensor(early, [2]), 1).read())); // loaded meanwhile
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  const [refusal, ...values] = stdout.trim().split("\n");
  expect(refusal).toMatch(/^tensor: device: expected a device that was acquired after thalweg\/tensor was imported/);
  expect(values).toEqual(["2", "3"]);
});
