// The worked example's numbers: every one from the CPU reference to 1e-12, from the GPU to 1e-6 relative.

import { expect, test } from "vitest";
import { acquire, createModel, network, sgd } from "../src/index.ts";
import { explain, workedExample } from "../src/explain.ts";
import example from "./worked-example.json";

/** Flat layout: per layer weights [fanIn, fanOut] row-major, then bias. */
const flat = ["w1", "w3", "w2", "w4", "b1", "b2", "w5", "w7", "w6", "w8", "b3", "b4", "w9", "w10", "b5"] as const;
const nodes = [["h1", "h2"], ["g1", "g2"], ["y"]];
const optimizer = sgd({ learningRate: workedExample.learningRate });
const data = { inputs: workedExample.input, targets: workedExample.target };

const bounds = { reference: 1e-12, wasm: 1e-6, software: 1e-6, gpu: 1e-6 };

async function open(kind: "reference" | "auto") {
  const device = await acquire({ device: kind });
  const model = await createModel(network(workedExample.network), { device, parameters: workedExample.parameters });
  return { device, model, bound: bounds[device.kind] };
}

/** [name, value, value of the file] of everything one step computes. */
async function oneStep(kind: "reference" | "auto") {
  const { device, model, bound } = await open(kind);
  const trace = await model.trace(data, optimizer);
  const forward = example.forward as Record<string, number>;
  const rows = nodes.flatMap((names, layer) =>
    names.flatMap((name, column) => [
      [`z_${name}`, trace.preActivations[layer]![column]!, forward[`z_${name}`]!],
      [`a_${name}`, trace.activations[layer]![column]!, forward[`a_${name}`]!],
    ]),
  );
  rows.push(["loss", trace.losses[0]!, example.loss]);
  for (const [index, name] of flat.entries()) {
    rows.push([`gradient of ${name}`, trace.gradients[index]!, example.gradients[name]]);
    rows.push([`${name} after one step`, trace.after[index]!, example.afterOneStep[name]]);
  }
  model.dispose();
  device.dispose();
  return { kind: device.kind, rows: rows as [string, number, number][], bound };
}

for (const kind of ["reference", "auto"] as const) {
  test(`${kind}: sums, activations, loss, 15 gradients and 15 updated parameters equal the example`, async () => {
    const { rows, bound, kind: actual } = await oneStep(kind);
    expect(actual === "reference").toBe(kind === "reference");
    expect(rows).toHaveLength(2 * 5 + 1 + 2 * 15);
    for (const [name, value, wanted] of rows) {
      expect(Math.abs(value - wanted) / Math.abs(wanted), name).toBeLessThanOrEqual(bound);
    }
  });

  test(`${kind}: the losses and outputs of steps 0 to 100 equal the example`, async () => {
    const { device, model, bound } = await open(kind);
    const losses: number[] = [];
    const outputs: number[] = [(await model.predict(data.inputs))[0]!];
    for await (const event of model.train(data, { optimizer, steps: 101, logInterval: { steps: 1 } })) {
      losses.push(...event.losses);
      outputs.push((await model.predict(data.inputs))[0]!);
    }
    // Rounding adds up over the steps: on a GPU by about one unit in the last place a step.
    const grown = device.kind === "reference" ? bound : 10 * bound;
    for (const [step, wanted] of example.lossesOfSteps0To100.entries()) {
      expect(Math.abs(losses[step]! / wanted - 1), `loss of step ${step}`).toBeLessThanOrEqual(grown);
      const output = example.outputsOfSteps0To100[step]!;
      expect(Math.abs(outputs[step]! / output - 1), `output of step ${step}`).toBeLessThanOrEqual(grown);
    }
    expect(losses).toHaveLength(example.lossesOfSteps0To100.length);
    model.dispose();
    device.dispose();
  });
}

test("explain writes the example's numbers in every format, in float64 and float32", async () => {
  const { device, model } = await open("auto");
  const { input, target, learningRate, parameters } = workedExample;
  for (const format of ["text", "markdown", "tex", "mathml", "csv"] as const) {
    const page = await explain(model, { input, target, learningRate, parameters, format });
    expect(page).toContain("0.85049311458");
    expect(page).toContain("0.36166926897399");
    expect(page).toContain("float32");
  }
  model.dispose();
  device.dispose();
});
