// What a page downloads before and while it trains, as scripts/bundle-sizes.mjs measures it with the built package.

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

test("training downloads the strategy that is taken", () => {
  expect(filesOf("webgpuLayered")).toContain("layered.mjs");
  expect(filesOf("webgpuLayered")).not.toContain("fused.mjs");
  expect(filesOf("webgpuFused")).toContain("fused.mjs");
});

test("training on the CPU downloads nothing of WebGPU", () => {
  const webgpu = ["webgpu.mjs", "layered.mjs", "fused.mjs"];
  for (const stage of ["referenceTrained", "wasmTrained"] as const)
    expect(filesOf(stage).filter((file) => webgpu.includes(file))).toEqual([]);
});
