// PyTorch's float64 runs repeated in WebAssembly: members and samples in lanes.

import { expect, test } from "vitest";
import { relativeDistance } from "./support/compare.ts";
import { goldens, partsOf, worstRelative } from "./support/goldens.ts";
import { createSmallRun } from "./support/wasmRuns.ts";
import { fusings } from "./support/wasmSweep.ts";

/** Straight-line code is for small networks. */
const mostParameters = 1000;
const small = goldens.filter((golden) => partsOf(golden).net.parameterCount <= mostParameters);

for (const golden of small) {
  const { net, data, optimizer } = partsOf(golden);
  const settings = { data, optimizer, batchSize: golden.batchSize, shuffle: true, seed: 0 };
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
      const loss = worstRelative(losses, golden.losses);
      console.log(`${golden.name}, ${name}: parameters ${parameters}, losses ${loss}`);
      expect(parameters).toBeLessThanOrEqual(bound);
      expect(loss).toBeLessThanOrEqual(bound);
    }
  });
}

test("there are such runs", () => expect(small.length).toBeGreaterThan(3));
