// Quads: whether four neighbours of a dispatch are one is tried on the device, and kernels that need it are left out where not.

import { expect, test } from "vitest";
import { matmulVariantsOf } from "../src/backend/webgpu/matmulVariants.ts";
import { acquire } from "../src/backend/acquire.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { haveQuads } from "../src/backend/webgpu/quads.ts";
import * as t from "../src/tensor.ts";
import { largestDifference } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";

type CreateModule = (descriptor: GPUShaderModuleDescriptor) => GPUShaderModule;

/** A device whose shaders are changed on their way to the compiler. */
async function openChanged(change: (code: string) => string): Promise<{ first: GpuDevice; second: GpuDevice }> {
  const first = await openDevice();
  const { gpu } = first;
  const create: CreateModule = gpu.createShaderModule.bind(gpu);
  gpu.createShaderModule = ((descriptor) => create({ ...descriptor, code: change(descriptor.code) })) as CreateModule;
  return { first, second: (await acquire({ gpuDevice: gpu })) as GpuDevice };
}

test("a software adapter with subgroups has quads, and nothing is left of the probe", async () => {
  const device = await openDevice();
  if (device.kind === "software") expect(device.hasQuads).toBe(device.gpu.features.has("subgroups"));
  expect(await haveQuads(device.gpu)).toBe(device.hasQuads);
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  device.throwFault("quads");
  device.dispose();
});

/** What a device might do instead, and a shader that it refuses. */
const mistakes: Record<string, (code: string) => string> = {
  "neighbours in another order": (code) => code.replace("quadBroadcast(index, 1u)", "quadBroadcast(index, 2u)"),
  "quads of two rows": (code) =>
    code.replaceAll(
      /quadBroadcast\(index, (\d)u\)/g,
      "(index / 16u * 16u + index % 8u / 2u * 2u + $1u / 2u * 8u + $1u % 2u)",
    ),
  "one wrong invocation": (code) => code.replace("seen[index] =", "seen[min(index, 254u)] ="),
  "a shader that is refused": (code) => code.replace("quadBroadcast(index, 0u)", "quadBroadcast(index)"),
};

for (const [name, change] of Object.entries(mistakes)) {
  test(`quads are left out where the probe finds ${name}`, async () => {
    const { first, second } = await openChanged((code) => (code.includes("fn quadProbe") ? change(code) : code));
    expect([second.hasQuads, matmulVariantsOf(second).includes("quads")]).toEqual([false, false]);
    second.throwFault("quads");
    first.dispose();
  });
}

test("products are the same bits with quads and without", async () => {
  const { first, second } = await openChanged((code) => (code.includes("fn quadProbe") ? "" : code));
  const [m, k, n] = [70, 33, 66]; // quads would be taken
  const [a, b] = [randomFloats(1, m * k), randomFloats(2, k * n)];
  const products = await Promise.all(
    [first, second].map(async (device) => {
      using left = t.tensor(device, a, [m, k]);
      using right = t.tensor(device, b, [k, n]);
      using product = t.matmul(left, right);
      return product.read();
    }),
  );
  expect(largestDifference(products[0]!, products[1]!)).toBe(0);
  expect([first.ledger, second.ledger]).toEqual([
    { buffers: 0, bytes: 0 },
    { buffers: 0, bytes: 0 },
  ]);
  first.dispose();
});
