// PyTorch's float64 runs repeated in WebAssembly: members and samples in lanes.

import { expect, test } from "vitest";
import { Heap } from "../src/backend/wasm/heap.ts";
import { MemberRun } from "../src/backend/wasm/memberRun.ts";
import { SampleRun } from "../src/backend/wasm/sampleRun.ts";
import type { RunSettings } from "../src/backend/executor.ts";
import { type ActivationName, dense, type LossName, network } from "../src/graph/network.ts";
import { adam, adamW, type Optimizer, rmsProp, sgd } from "../src/math/optimizer.ts";
import { relativeDistance } from "./support/compare.ts";
import { fusings } from "./support/wasmSweep.ts";

const heap = new Heap({ isShared: false });

interface Golden {
  name: string;
  widths: number[];
  activations: ActivationName[];
  loss: LossName;
  optimizer: { name: "sgd" | "adam" | "adamW" | "rmsProp" };
  batchSize: number;
  steps: number;
  inputs: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  losses: number[];
}

const files = import.meta.glob<Golden>("./golden/*.json", { eager: true, import: "default" });
const optimizers = { sgd, adam, adamW, rmsProp };
/** Straight-line code is for small networks. */
const mostParameters = 1000;

const worst = (values: ArrayLike<number>, wanted: number[]): number =>
  Math.max(...wanted.map((value, at) => Math.abs(values[at]! - value) / Math.abs(value)));

function caseOf(golden: Golden) {
  const { name, ...options } = golden.optimizer;
  const optimizer: Optimizer = optimizers[name](options);
  const layers = golden.activations.map((activation, index) => dense(golden.widths[index + 1]!, activation));
  const net = network({ inputs: golden.widths[0]!, layers, loss: golden.loss });
  const data = { inputs: Float64Array.from(golden.inputs), targets: Float64Array.from(golden.targets) };
  const settings: RunSettings = { data, optimizer, batchSize: golden.batchSize, shuffle: true, seed: 0 };
  return { net, settings };
}

for (const golden of Object.values(files)) {
  const { net, settings } = caseOf(golden);
  if (net.parameterCount > mostParameters) continue;
  const bound = golden.optimizer.name.startsWith("adam") ? 1e-4 : 1e-5;
  const steps = Array.from({ length: golden.steps }, (_, step) => step);

  test.each(fusings())(`${golden.name} follows PyTorch's float64 run, relaxed madd: %s`, async (useRelaxed) => {
    const request = { network: net, settings, useRelaxed };
    const one = await SampleRun.create({ heap, ...request }, golden.initialParameters);
    const many = await MemberRun.create({ heap, ...request, members: 1 }, golden.initialParameters);
    const losses: Record<string, number[]> = { samples: [], members: [] };
    for (const step of steps) {
      one.execute(step, 1);
      many.execute(step, 1);
      losses.samples!.push(one.readLosses(step)[0]!);
      losses.members!.push(many.readLosses(step)[0]!);
    }
    for (const [name, run] of Object.entries({ samples: one, members: many })) {
      const parameters = relativeDistance(run.readParameters(), golden.finalParameters);
      const loss = worst(losses[name]!, golden.losses);
      console.log(`${golden.name}, ${name}: parameters ${parameters}, losses ${loss}`);
      expect(parameters).toBeLessThanOrEqual(bound);
      expect(loss).toBeLessThanOrEqual(bound);
    }
  });
}

test("there are such runs", () => expect(Object.keys(files).length).toBeGreaterThan(3));
