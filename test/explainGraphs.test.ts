// A training step of graphs, written out: every formula gives the reference's own gradients.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  centralDifferences,
  describeStep,
  explain,
  referenceStep,
  explainStep,
  type StepLine,
  type StepOptions,
} from "../src/explain.ts";
import { evaluate } from "../src/explain/expression.ts";
import type { GraphNetwork } from "../src/graph/graphNetwork.ts";
import {
  acquire,
  activation,
  type AnyNetwork,
  createModel,
  dense,
  dropout,
  embedding,
  InvalidInput,
  layerNorm,
  math,
  network,
  residual,
  sgd,
} from "../src/index.ts";
import { expectClose } from "./support/expectClose.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";
import { shareWasm } from "./support/sharedDevice.ts";

const cpu = await acquire({ device: "reference" });
const wasm = shareWasm();
const learningRate = 0.1;

async function stepOf(net: AnyNetwork, seed = 5): Promise<StepOptions<AnyNetwork>> {
  const { inputs: input, targets: target } = graphData(net, 1, 9);
  using model = await createModel(net, { device: cpu, parameters: graphParameters(net, seed) });
  const reference = await model.trace({ inputs: input, targets: target }, sgd({ learningRate }));
  return { network: net, reference, input, target, learningRate };
}

/** `describeStep` itself refuses a line whose formula does not give its result. */
function expectWhole(lines: readonly StepLine[], net: AnyNetwork): void {
  const gradients = lines.filter(({ section }) => section === "gradients");
  expect(gradients).toHaveLength(net.parameterCount);
  expect(lines.filter(({ section }) => section === "update")).toHaveLength(net.parameterCount);
  const loss = lines.findLast(({ section }) => section === "loss")!;
  expect(evaluate(loss.formula!)).toBeCloseTo(loss.result, 9);
  expect(new Set(gradients.map(({ quantity }) => quantity.text)).size).toBe(net.parameterCount);
}

const small = graphCases.filter(({ network: net }) => net.parameterCount <= 400);

test.each(small)("$name: formulas give the gradients, in every format", async ({ network: net }) => {
  const step = await stepOf(net);
  expectWhole(describeStep(step), net);
  const start = { ...step, parameters: step.reference.before };
  expectClose("gradient", step.reference.gradients, centralDifferences(net, start), 1e-8);
  expectClose("gradient", referenceStep(net, start).gradients, Float64Array.from(step.reference.gradients), 1e-15);
  for (const format of ["text", "markdown", "tex", "mathml", "csv"] as const) {
    const written = explainStep({ ...step, format });
    expect(written).not.toMatch(/NaN|undefined|Infinity/);
    expect(written.length).toBeGreaterThan(1000);
  }
  const text = explainStep({ ...step, format: "text" });
  expect(Math.max(...text.split("\n").map((row) => row.length))).toBeLessThan(101);
});

test("formulas of random graphs give the gradients", () =>
  fc.assert(
    fc.asyncProperty(fc.nat(1e6), async (seed) => {
      const net = randomGraph(seed);
      if (net.parameterCount <= 400) expectWhole(describeStep(await stepOf(net, seed)), net);
    }),
    allCases(60),
  ));

const block = network({
  inputs: 2,
  layers: [
    embedding({ column: 1, categories: 5, width: 2 }),
    dense(2, "tanh"),
    residual(
      layerNorm(),
      dense(
        2,
        activation("ownMish", (z) => z.times(math.tanh(math.softplus(z)))),
      ),
      dropout(0.5),
    ),
    dense(2),
  ],
  loss: "softmaxCrossEntropy",
}) as GraphNetwork;

describe("a residual block behind an embedding", () => {
  test("reads as the layers do", async () => {
    using model = await createModel(block, { device: cpu, seed: 3 });
    const text = await explain(model, { input: [0.5, 2], target: [0, 1], learningRate, format: "text" });
    for (const part of [
      "a graph of 21 nodes, loss softmaxCrossEntropy\n",
      "layers.0.table[2, 1] ",
      "Forward, v1: dense, layers.1\n",
      "v1_1 = w1·x1 + w3·e5 + w5·e6 + b1\n", // category 2: the third row of the table
      "Forward, v3: mean over the units\n",
      "v3 = (v2_1 + v2_2)/2\n",
      "v7_1 = v4_1/(v6 + 0.00001)^(½)·scale1 + shift1\n",
      "Forward, v9: ownMish\n",
      "v9_1 = v8_1·tanh(ln(1 + e^(v8_1)))\n",
      "Forward, v10: dropout, rate 0.5\n",
      "v10_1 = 0\n", // the mask of a trace
      "v10_2 = v9_2/0.5\n",
      "s = ln(e^(v12_1) + e^(v12_2))\n",
      "∂L/∂v12_1 = (t1 + t2)·e^(v12_1 − s) − t1\n",
      "∂L/∂v9_2 = ∂L/∂v11_2/0.5\n",
      "∂L/∂e1 = 0\n",
      "∂L/∂w1 = ∂L/∂v1_1·x1\n",
      "scale1 ← scale1 − η·∂L/∂scale1\n",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("with the float32 results of a device beside it", async () => {
    using model = await createModel(block, { device: await wasm(), seed: 3 });
    const text = await explain(model, { input: [0.5, 2], target: [0, 1], learningRate, format: "text" });
    expect(text).not.toContain("GPU"); // WebAssembly computes
    expect(text.match(/float32 -?[\d.[\]e-]+\n/g)!.length).toBeGreaterThan(2 * block.parameterCount);
  });

  test("a trace of another row or rate is refused", async () => {
    const step = await stepOf(block);
    const other = (changes: Partial<StepOptions<AnyNetwork>>) => () => describeStep({ ...step, ...changes });
    expect(other({ target: Float64Array.of(0.5, 0.5) })).toThrow("by its formula");
    expect(other({ learningRate: 0.2 })).toThrow("by its formula");
    expect(other({ input: step.input.slice(1) })).toThrow(InvalidInput);
    expect(other({ input: Float64Array.of(0.5, 5) })).toThrow("expected a category, an integer from 0 to 4");
    const gradients = Float64Array.from(step.reference.gradients, (value, index) =>
      index === 11 ? value + 1e-3 : value,
    );
    expect(other({ reference: { ...step.reference, gradients } })).toThrow(/∂L\/∂w2: expected .* by its formula/);
  });
});

test("a graph that nobody could read is refused", async () => {
  const wide = network({ inputs: 30, layers: [layerNorm(), dense(20)], loss: "meanSquaredError" });
  using model = await createModel(wide, { device: cpu });
  const row = { input: Array(30).fill(0.5), target: Array(20).fill(0), learningRate, format: "text" } as const;
  await expect(explain(model, row)).rejects.toThrow("at most 400 parameters, so that a reader can follow, got 680");
  const long = network({ inputs: 300, loss: "meanSquaredError" }, (x) => x.plus(1).times(2).plus(1).times(3).plus(4).times(5).plus(x).sum().pipe(dense(1))); // prettier-ignore
  using other = await createModel(long, { device: cpu });
  const longRow = { input: Array(300).fill(0.5), target: [0], learningRate, format: "text" } as const;
  await expect(explain(other, longRow)).rejects.toThrow("at most 2000 values");
});
