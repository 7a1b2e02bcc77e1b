// A device that was asked for nothing has the limits that WebGPU promises everywhere: everything trains there.

import { afterAll, beforeAll, expect, test } from "vitest";
import { strategyNames } from "../src/backend/executor.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { emitRows } from "../src/backend/webgpu/emit/emitRows.ts";
import { rowsKernel } from "../src/backend/webgpu/graphKernels.ts";
import type { BindingKind, Shader } from "../src/backend/webgpu/shader.ts";
import { scheduleOf } from "../src/graph/schedule.ts";
import { acquire, adam, createModel, dense, dropout, embedding, layerNorm, network, residual } from "../src/index.ts";
import { createExecutor } from "../src/backend/createExecutor.ts";
import { relativeDistance } from "./support/compare.ts";
import { expectClose } from "./support/expectClose.ts";
import { goldens, relative, trainList } from "./support/goldens.ts";
import { graphGoldens, trainGolden } from "./support/graphGoldens.ts";
import { graphCases, graphData, graphParameters } from "./support/graphs.ts";
import { someOf, testInFull } from "./support/share.ts";

/** Limits of every device, by the WebGPU specification (limits, default values), and those that kernels depend on. */
const promised = {
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBuffersPerShaderStage: 12,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};

let device: GpuDevice;
beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  device = (await acquire({ gpuDevice: await adapter!.requestDevice() })) as GpuDevice;
});
afterAll(() => {
  device.throwFault("after the tests");
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  device.gpu.destroy();
});

test("the device has the limits that are promised, and no feature", () => {
  const { limits, features } = device.gpu;
  const own = Object.fromEntries(Object.keys(promised).map((name) => [name, limits[name as keyof typeof promised]]));
  expect(own).toEqual(promised);
  expect([features.has("subgroups"), features.has("shader-f16"), device.hasQuads]).toEqual([false, false, false]);
});

const shaders = import.meta.glob<Shader>("../shaders/*.wgsl", { eager: true, import: "default" });
const storageBuffers = (bindings: readonly BindingKind[]): number =>
  bindings.filter((kind) => kind === "read" || kind === "write").length;

test("no kernel binds more storage buffers than every device offers", () => {
  const ofFiles = Object.entries(shaders).map(([path, { bindings }]) => [path, storageBuffers(bindings)] as const);
  const ofRows = graphCases.flatMap(({ name, network: net }) => {
    const schedule = scheduleOf(net);
    const rows = schedule.tasks.filter((task) => task.kind === "rows");
    return rows.map(({ nodes }) => {
      const { bindings } = rowsKernel(emitRows({ schedule, nodes, drops: true }));
      return [`rows of ${name}`, storageBuffers(bindings)] as const;
    });
  });
  const all = [...ofFiles, ...ofRows].toSorted(([, a], [, b]) => b - a);
  console.log(all.slice(0, 8).map(([name, count]) => `${name}: ${count}`).join("\n")); // prettier-ignore
  expect(ofRows.length).toBeGreaterThan(20);
  expect(all.find(([name]) => name.endsWith("trainMembers.wgsl"))![1]).toBe(8);
  expect(all[0]![1]).toBeLessThanOrEqual(promised.maxStorageBuffersPerShaderStage);
});

/** The smallest: kernels are compiled for this device alone. */
const [golden] = goldens.filter(({ widths }) => widths.join("-") === "2-2-2-1");
testInFull.each(strategyNames)("strategy %s follows PyTorch's float64 run, or says why not", async (strategy) => {
  if (strategy === "subgroups") {
    await expect(trainList(golden!, device, strategy)).rejects.toThrow(/train: strategy: expected one of/);
    return;
  }
  const { losses, parameters } = await trainList(golden!, device, strategy);
  expect(relative(losses, golden!.losses)).toBeLessThanOrEqual(1e-4);
  expect(relative(parameters, golden!.finalParameters)).toBeLessThanOrEqual(1e-4);
});

test.each(someOf(graphGoldens))("$name follows PyTorch's float64 run", async (own) => {
  const executor = await createExecutor(device, own.network, 1);
  try {
    const { losses, parameters } = await trainGolden(own, executor);
    expect(relativeDistance(losses, own.losses)).toBeLessThanOrEqual(1e-4);
    expect(relativeDistance(parameters, own.finalParameters)).toBeLessThanOrEqual(1e-4);
  } finally {
    executor.dispose();
  }
});

testInFull("layer norm, an embedding, dropout and residual blocks train as on the reference", async () => {
  const block = () => residual(layerNorm(), dense(8, "silu"), dropout(0.1), dense(6, "tanh"), dense(8));
  const layers = [
    embedding({ column: 1, categories: 5, width: 4 }),
    dense(8),
    block(),
    block(),
    block(),
    layerNorm(),
    dense(2),
  ];
  const net = network({ inputs: 4, layers, loss: "meanSquaredError" });
  const options = { optimizer: adam({ learningRate: 0.01 }), steps: 10, batchSize: 16, seed: 3 };
  const data = graphData(net, 40, 2);
  const parameters = graphParameters(net, 5);
  using model = await createModel(net, { device, parameters });
  using reference = await createModel(net, { device: await acquire({ device: "reference" }), parameters });
  await model.fit(data, options);
  await reference.fit(data, options);
  expectClose("parameter", await model.readParameters(), await reference.readParameters(), 1e-5);
});
