// f16 where no adapter at hand offers it: Dawn's null backend checks every shader, binding and call, and computes nothing.

import { create } from "webgpu";
import { expect, test } from "vitest";
import { GpuDevice } from "../src/backend/webgpu/device.ts";
import { acquire } from "../src/index.ts";
import { cast, dispose, grad, tensor, type Tensor, zeros } from "../src/tensor.ts";
import { operationCases, weighted } from "./support/tensorOperations.ts";

/** Kept for ever: an instance that is garbage-collected ends the process. */
const keeper = globalThis as { thalwegWithoutBackend?: GPU };
keeper.thalwegWithoutBackend = create(["backend=null"]);

test("every operation and its gradients are accepted with f16 operands, and with one of each kind", async () => {
  const device = await acquire({ gpu: keeper.thalwegWithoutBackend });
  if (!(device instanceof GpuDevice)) throw new Error(`no null backend: ${device.fallbackReason}`);
  expect(device.gpu.features.has("shader-f16")).toBe(true);
  for (const one of operationCases) {
    for (const types of [["f16"], ["f16", "f32"], ["f32", "f16"]] as const) {
      const inputs = one.inputs.map(({ shape }, at) => zeros(device, shape, { dtype: types[at % types.length]! }));
      const results = grad((all: Tensor[]) => cast(weighted(one.apply(...all)), "f32"))(inputs);
      expect(results.map(({ dtype }) => dtype)).toEqual(inputs.map(({ dtype }) => dtype));
      for (const result of results) await result.read();
      dispose([inputs, results]);
    }
  }
  device.throwFault("after all operations");
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  device.dispose();
});

test("f16 values take two bytes", async () => {
  const device = await acquire({ gpu: keeper.thalwegWithoutBackend });
  const half = tensor(device, new Float32Array(1024), [1024], { dtype: "f16" });
  const single = tensor(device, new Float32Array(1024), [1024]);
  expect(half.dtype).toBe("f16");
  expect(device.ledger.bytes).toBe(2 * 1024 + 4 * 1024);
  expect((await half.read()).length).toBe(1024);
  dispose([half, single]);
  device.dispose();
});
