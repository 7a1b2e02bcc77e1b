import { expect, test } from "vitest";
import { type AnyNetwork, acquire, createModel, sgd } from "../src/index.ts";
import { unscheduled } from "../src/graph/schedule.ts";
import { deriveStep } from "../src/graph/derive.ts";
import { graphOf } from "../src/graph/graphNetwork.ts";
import { graphCases, graphData, graphParameters } from "./support/graphs.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const cpu = await acquire({ device: "cpu" });
const optimizer = sgd({ learningRate: 0.1 });

const onGpu = graphCases.filter(({ network }) => !unscheduled(deriveStep(graphOf(network))));

/** Values agree to what float32 rounds: relative to the largest. */
function expectClose(what: string, values: ArrayLike<number>, wanted: ArrayLike<number>, bound: number): void {
  const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
  expect(values.length, what).toBe(wanted.length);
  for (let at = 0; at < wanted.length; at++) {
    const error = Math.abs(values[at]! - wanted[at]!) / largest;
    expect(error <= bound ? "" : `${what} ${at}: ${values[at]}, wanted ${wanted[at]}`).toBe("");
  }
}

async function compare(net: AnyNetwork, replicas: number, rows: number): Promise<void> {
  const parameters = graphParameters(net, 5, replicas);
  const data = graphData(net, rows, 9);
  using reference = await createModel(net, { device: cpu, replicas, parameters });
  using model = await createModel(net, { device: device(), replicas, parameters });
  expectClose("output", await model.predict(data.inputs), await reference.predict(data.inputs), 2e-6);
  expectClose("score", (await model.scores(data)).losses, (await reference.scores(data)).losses, 2e-6);
  const [own, wanted] = [await model.trace(data, optimizer), await reference.trace(data, optimizer)];
  for (const key of ["activations", "preActivations", "dPreActivations"] as const) {
    own[key].forEach((values, layer) => expectClose(`${key} of layer ${layer}`, values, wanted[key][layer]!, 4e-6));
  }
  expectClose("gradient", own.gradients, wanted.gradients, 4e-6);
  expectClose("loss", own.losses, wanted.losses, 2e-6);
  const options = { optimizer, steps: 6, batchSize: Math.ceil(rows / 2), seed: 3 };
  await model.fit(data, options);
  await reference.fit(data, options);
  expectClose("parameter", await model.readParameters(), await reference.readParameters(), 1e-5);
}

test.each(onGpu)("the GPU agrees with the reference: $name", async ({ network: net }) => {
  await compare(net, 1, 7);
  await compare(net, 3, 5);
});
