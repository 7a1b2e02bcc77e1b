// More members than one dispatch takes: they are computed in groups, and each must come out as in the reference.

import { expect } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { FloatArray } from "../src/backend/executor.ts";
import { adam, dense, network } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { relativeDistance } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { testInFull } from "./support/share.ts";

const net = network({ inputs: 1, layers: [dense(2, "sigmoid"), dense(1)], loss: "squaredError" });
const members = 66_000;
/** Members of the first group and of the last that float64 repeats: they do not depend on each other. */
const compared = 500;

/** Values of those members, of values [rows, members, each]. */
const ofCompared = (values: FloatArray, each: number): FloatArray =>
  values.filter((_, at) => {
    const member = Math.floor(at / each) % members;
    return member < compared || member >= members - compared;
  });

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
  const reference = new ReferenceExecutor(net, 2 * compared);
  const count = net.parameterCount;
  const plan = await executor.planRun(settings);
  expect(plan.dispatchesPerStep).toBeGreaterThan(7);
  expect(plan.reason).toContain("the members in");
  const results = [];
  for (const each of [executor, reference]) {
    each.writeParameters(each === executor ? parameters : ofCompared(parameters, count));
    const run = await each.createRun(settings);
    await run.execute(0, 2);
    await run.finished();
    results.push({
      nonFinite: await run.readNonFinite(),
      losses: await run.readLosses(0, 2),
      parameters: await each.readParameters(),
      outputs: await each.predict(data.inputs),
    });
    run.dispose();
  }
  const [own, wanted] = results as [(typeof results)[0], (typeof results)[0]];
  expect(own.nonFinite).toHaveLength(members);
  expect(own.nonFinite.every((step) => step === -1)).toBe(true);
  for (const [key, each] of [
    ["losses", 1],
    ["parameters", count],
    ["outputs", 5],
  ] as const) {
    const found = ofCompared(own[key], each);
    expect(found).toHaveLength(wanted[key].length);
    expect(relativeDistance(found, wanted[key]), key).toBeLessThan(1e-5);
    // the last member by itself, lest it hide among the others
    const ofLast = (values: FloatArray): FloatArray => values.subarray(values.length - each);
    expect(relativeDistance(ofLast(found), ofLast(wanted[key])), `${key} of the last member`).toBeLessThan(1e-4);
  }
  executor.dispose();
  device.dispose();
});
