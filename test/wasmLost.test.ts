// A thread that dies while a model trains: a typed error, and a checkpoint from which another device goes on.

import { expect, test } from "vitest";
import { GpuLost, ThreadFailed } from "../src/errors.ts";
import { WasmDevice } from "../src/backend/wasm/device.ts";
import { hasThreads } from "../src/backend/wasm/workerHost.ts";
import { adam, createModel, dense, network, type Progress } from "../src/index.ts";
import { withWorkers } from "./support/workers.ts";

const rows = 512;
const data = {
  inputs: Float32Array.from({ length: 8 * rows }, (_, at) => Math.sin(at)),
  targets: Float32Array.from({ length: rows }, (_, at) => Math.cos(at)),
};
const options = { optimizer: adam(), batchSize: 256, seed: 2, steps: 60 };

test.runIf(hasThreads()).each([
  ["layer by layer", network({ inputs: 8, layers: [dense(64, "tanh"), dense(1)], loss: "meanSquaredError" }), 1],
  ["in straight-line code", network({ inputs: 8, layers: [dense(8, "tanh"), dense(1)], loss: "meanSquaredError" }), 32],
] as const)("a thread that dies while a model trains %s", (_, net, members) =>
  withWorkers(async (workers) => {
    const device = await WasmDevice.open("", 3);
    const model = await createModel(net, { device, members, recover: false });
    const train = async (): Promise<void> => {
      let last: Progress | undefined;
      for await (last of model.train(data, { ...options, logInterval: { steps: 10 } }))
        if (last.step === 20) {
          workers[0]!.crash();
          await expect.poll(() => workers[0]!.isGone()).toBe(true);
        }
    };
    const error = await train().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ThreadFailed);
    expect(error).toBeInstanceOf(GpuLost); // whoever resumes after a lost GPU resumes after this too
    const resume = model.checkpoint!;
    expect(resume.step).toBe(20);
    model.dispose();
    device.dispose();

    const second = await WasmDevice.open("", 2);
    const [whole, rest] = [
      await createModel(net, { device: second, members }),
      await createModel(net, { device: second, members }),
    ];
    await whole.fit(data, options);
    await rest.fit(data, { ...options, resume });
    expect(await rest.readParameters()).toEqual(await whole.readParameters());
    whole.dispose();
    rest.dispose();
    second.dispose();
  }),
);
