// What --verify and --verify-webgpu make of their comparisons.

import { expect, test, vi } from "vitest";
import { type GpuDevice, ownerOf } from "../src/backend/webgpu/device.ts";
import type { TrainFlags } from "../src/cli/trainFlags.ts";
import { createOutput } from "../src/cli/output.ts";
import type { Session } from "../src/cli/training.ts";
import { announceLength, exitCodeOfChecks, requireVerified, verify } from "../src/cli/verify.ts";
import { acquire, createModel, dense, network, sgd, type Progress, type Verification } from "../src/node.ts";

const passed: Verification = {
  deviation: 1e-7,
  bound: 1e-6,
  passed: true,
  conclusive: true,
  normDeviation: 1e-7,
  worst: { name: "layers.0.bias[0]", value: 1, reference: 1 },
  reason: "",
};
const failed = { ...passed, deviation: 1e-5, passed: false };
const repeated = { device: "an adapter", ms: 1 };

test.each([
  ["training on WebGPU", { verification: passed, webgpu: { ...repeated, ...failed } }],
  ["the trained parameters", { verification: failed, webgpu: { ...repeated, ...passed } }],
])("a deviation of %s above the bound fails the command", (what, verified) => {
  expect(exitCodeOfChecks(verified)).toBe(1);
  expect(() => requireVerified(verified)).toThrow(what);
});

test.each([
  ["everything within its bound", { verification: passed, webgpu: { ...repeated, ...passed } }],
  ["no adapter", { verification: passed, webgpu: { unavailable: "none" } }],
  ["no comparison asked for", undefined],
])("%s does not", (_, verified) => {
  expect(exitCodeOfChecks(verified)).toBe(0);
  expect(() => requireVerified(verified)).not.toThrow();
});

test("a check of more than ten seconds is said to be long, once, after a second", () => {
  let nowMs = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const lengthOf = (perStepMs: number): string[] => {
    const lines: string[] = [];
    nowMs = 0;
    const announce = announceLength({ ...createOutput({}), info: (_, text) => void lines.push(text) });
    for (let done = 1; done <= 30; done++) {
      nowMs += perStepMs;
      announce({ done, total: 30 });
    }
    return lines;
  };
  expect(lengthOf(100)).toEqual([]);
  expect(lengthOf(600)).toEqual(["this takes about 0:17; the model is already saved, Ctrl-C skips the check"]);
  expect(lengthOf(5000)).toEqual(["this takes about 2:25; the model is already saved, Ctrl-C skips the check"]);
  now.mockRestore();
});

test("a training that a GPU offloaded to WebAssembly is repeated on WebGPU", async () => {
  const software = (await acquire({ device: "software" })) as GpuDevice;
  const found = await ownerOf(software.gpu, { isOwned: false, isRequired: false, maxBufferBytes: undefined });
  const device = Object.assign(found, { kind: "gpu" as const }); // it poses as hardware
  const model = await createModel(network({ inputs: 2, layers: [dense(2, "tanh"), dense(1)], loss: "huber" }), {
    device,
  });
  const training = { inputs: Float32Array.of(0, 1, 1, 0), targets: Float32Array.of(1, 0) };
  const options = { optimizer: sgd(), batchSize: 2, steps: 3 };
  const initial = await model.readParameters();
  let last: Progress | undefined;
  for await (last of model.train(training, options));
  const flags = { verifyWebgpu: true, quiet: true } as TrainFlags;
  const session = { flags, model, options, prepared: { training }, output: createOutput(flags) } as unknown as Session;
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const verified = await verify(session, { last, finished: true }, initial);
  const told = write.mock.calls.join("\n");
  write.mockRestore();
  expect(verified).toMatchObject({ verification: { passed: true }, webgpu: { passed: true } });
  expect(told).toMatch(/webgpu +the same 3 steps on .* ms on WebAssembly \(offloaded from the GPU\)/);
  device.dispose();
  software.dispose();
});
