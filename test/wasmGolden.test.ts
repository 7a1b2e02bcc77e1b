// PyTorch's float64 runs repeated in WebAssembly: members and samples in lanes.

import { expect, test } from "vitest";
import type { RunSettings } from "../src/backend/executor.ts";
import { type ActivationName, dense, type LossName, network } from "../src/graph/network.ts";
import { createOptimizer, type Optimizer, type OptimizerName } from "../src/math/optimizer.ts";
import { relativeDistance } from "./support/compare.ts";
import { createSmallRun } from "./support/wasmRuns.ts";
import { fusings } from "./support/wasmSweep.ts";

interface Golden {
  name: string;
  widths: number[];
  activations: ActivationName[];
  loss: LossName;
  optimizer: { name: OptimizerName };
  batchSize: number;
  steps: number;
  inputs: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  losses: number[];
}

const files = import.meta.glob<Golden>("./golden/*.json", { eager: true, import: "default" });
/** Straight-line code is for small networks. */
const mostParameters = 1000;

const worst = (values: ArrayLike<number>, wanted: number[]): number =>
  Math.max(...wanted.map((value, at) => Math.abs(values[at]! - value) / Math.abs(value)));

function caseOf(golden: Golden) {
  const { name, ...options } = golden.optimizer;
  const optimizer: Optimizer = createOptimizer(name, options);
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
    const { initialParameters: first } = golden;
    const one = await createSmallRun({ ...request, parameters: first });
    const many = await createSmallRun({ ...request, parameters: [...first, ...first], members: 2 });
    for (const [name, run, members] of [
      ["samples", one, 1],
      ["members", many, 2],
    ] as const) {
      const losses: number[] = [];
      for (const step of steps) {
        await run.execute(step, 1);
        losses.push((await run.readLosses(step, 1))[members - 1]!);
      }
      const parameters = relativeDistance(run.readParameters().slice(-net.parameterCount), golden.finalParameters);
      const loss = worst(losses, golden.losses);
      console.log(`${golden.name}, ${name}: parameters ${parameters}, losses ${loss}`);
      expect(parameters).toBeLessThanOrEqual(bound);
      expect(loss).toBeLessThanOrEqual(bound);
    }
  });
}

test("there are such runs", () => expect(Object.keys(files).length).toBeGreaterThan(3));
