// More members than one dispatch takes: they are computed in groups, and each must come out as in the reference.

import { expect } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { adam, dense, network } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { relativeDistance } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { testInFull } from "./support/share.ts";

const net = network({ inputs: 1, layers: [dense(2, "sigmoid"), dense(1)], loss: "squaredError" });
const members = 66_000;

testInFull("66,000 members train and predict as the reference does", async () => {
  const device = await openDevice();
  const data = dataOf(net, 5, 1);
  const settings = {
    data,
    optimizer: adam({ learningRate: 0.05 }),
    batchSize: 2,
    shuffle: true,
    seed: 3,
    strategy: "layered",
  } as const;
  const parameters = parametersOf(net, 7, members);
  const executor = await GpuExecutor.create(device, net, members);
  const reference = new ReferenceExecutor(net, members);
  const plan = executor.planRun(settings);
  expect(plan.dispatchesPerStep).toBeGreaterThan(7);
  expect(plan.reason).toContain("the members in");
  const results = [];
  for (const each of [executor, reference]) {
    each.writeParameters(parameters);
    const run = await each.createRun(settings);
    await run.execute(0, 4);
    await run.finished();
    const nonFinite = await run.readNonFinite();
    const losses = await run.readLosses(0, 4);
    run.dispose();
    results.push({
      losses,
      parameters: await each.readParameters(),
      outputs: await each.predict(data.inputs),
      nonFinite,
    });
  }
  const [own, wanted] = results as [(typeof results)[0], (typeof results)[0]];
  expect(own.nonFinite.every((step) => step === -1)).toBe(true);
  for (const key of ["losses", "parameters", "outputs"] as const) {
    expect(own[key]).toHaveLength(wanted[key].length);
    expect(relativeDistance(own[key], wanted[key]), key).toBeLessThan(1e-5);
    // each group by itself, lest a small one hide among the others
    const last = own[key].length - Math.floor(own[key].length / members);
    expect(
      relativeDistance(own[key].subarray(last), wanted[key].subarray(last)),
      `${key} of the last member`,
    ).toBeLessThan(1e-4);
  }
  executor.dispose();
  device.dispose();
});
