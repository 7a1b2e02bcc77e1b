import { expect, test } from "vitest";

const squares = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> values: array<f32>;

  @compute @workgroup_size(4)
  fn main(@builtin(global_invocation_id) id: vec3u) {
    values[id.x] = values[id.x] * values[id.x];
  }
`;

async function requestAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter)
    throw new Error("this host has no GPU adapter; run `node scripts/ensure-chrome.mjs`, then the tests again");
  return adapter;
}

async function runOnGpu(device: GPUDevice, code: string, input: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const values = device.createBuffer({ size: input.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  const staging = device.createBuffer({ size: input.byteLength, usage: MAP_READ | COPY_DST });
  device.queue.writeBuffer(values, 0, input);
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: values } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(input.length / 4);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, staging, 0, input.byteLength);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return new Float32Array(staging.getMappedRange().slice(0));
}

test("the host has a GPU adapter that computes", async () => {
  const device = await (await requestAdapter()).requestDevice();
  const result = await runOnGpu(device, squares, Float32Array.of(1, -2, 3, 0.5, 0, 8, -1, 16));
  expect([...result]).toEqual([1, 4, 9, 0.25, 0, 64, 1, 256]);
  device.destroy();
});
