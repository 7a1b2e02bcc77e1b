import fc from "fast-check";
import { expect, test } from "vitest";
import { loss } from "../src/cpu/loss.ts";
import { Step } from "../src/cpu/step.ts";
import { ReferenceExecutor } from "../src/cpu/executor.ts";
import type { Dataset } from "../src/executor.ts";
import {
  acquire,
  adam,
  type AnyNetwork,
  asChain,
  concat,
  createModel,
  dense,
  dropout,
  embedding,
  initialize,
  InvalidInput,
  type Layer,
  layerNorm,
  type LossName,
  network,
  parametersOf,
  residual,
  sgd,
  verifyTraining,
} from "../src/index.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";

const cpu = await acquire({ device: "cpu" });

type GoldenLayer =
  | { layer: "dense"; units: number; activation: "identity" }
  | { layer: "residual"; layers: GoldenLayer[] }
  | { layer: "layerNorm" }
  | { layer: "embedding"; column: number; categories: number; width: number };

interface Golden {
  name: string;
  inputs: number;
  layers: GoldenLayer[];
  loss: LossName;
  optimizer: { name: string; learningRate: number };
  batchSize: number;
  steps: number;
  classWeights?: number[];
  labelSmoothing?: number;
  x: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  losses: number[];
}

const layerOf = (own: GoldenLayer): Layer => {
  if (own.layer === "dense") return dense(own.units, own.activation);
  if (own.layer === "residual") return residual(...own.layers.map(layerOf));
  return own.layer === "layerNorm" ? layerNorm() : embedding(own);
};

/**
 * Targets with which the plain cross entropy is the weighted mean with smoothed labels: Σ w t (−log p) / Σ w, where the weight
 * of each class multiplies its share of the smoothed target, as in `torch.nn.functional.cross_entropy`.
 */
function weightedTargets({ targets, classWeights, labelSmoothing = 0, batchSize }: Golden, outputs: number): Float64Array {
  if (!classWeights) return Float64Array.from(targets);
  const total = targets.reduce((sum, t, at) => sum + t * classWeights[at % outputs]!, 0);
  return Float64Array.from(targets, (t, at) => {
    const smooth = (1 - labelSmoothing) * t + labelSmoothing / outputs;
    return (smooth * classWeights[at % outputs]! * batchSize) / total;
  });
}

const goldens = import.meta.glob<Golden>("./graphGolden/*.json", { eager: true, import: "default" });
const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));
const relative = (values: ArrayLike<number>, wanted: readonly number[]): number =>
  norm(wanted.map((value, at) => values[at]! - value)) / norm(wanted);

test.each(Object.values(goldens))("$name: the reference repeats PyTorch's float64 run", async (golden) => {
  const net = network({ inputs: golden.inputs, layers: golden.layers.map(layerOf), loss: golden.loss });
  const executor = new ReferenceExecutor(net, 1);
  executor.writeParameters(Float64Array.from(golden.initialParameters));
  const data = { inputs: Float64Array.from(golden.x), targets: weightedTargets(golden, net.outputs) };
  const { learningRate } = golden.optimizer;
  const settings = { data, optimizer: adam({ learningRate }), batchSize: golden.batchSize, shuffle: false, seed: 0 };
  const run = await executor.createRun(settings);
  await run.execute(0, golden.steps);
  expect(relative(await run.readLosses(0, golden.steps), golden.losses)).toBeLessThanOrEqual(1e-12);
  expect(relative(await executor.readParameters(), golden.finalParameters)).toBeLessThanOrEqual(1e-10);
});

const masks = { seed: 3, step: 5 };

/** Loss and gradients of a step with dropout on. */
function stepAt(net: AnyNetwork, { inputs, targets }: Dataset, parameters: Float64Array) {
  const rows = targets.length / net.outputs;
  const step = new Step(net, rows);
  const pass = { rows, inputs: Float64Array.from(inputs), parameters, masks };
  return { loss: step.forwardBackward(pass, Float64Array.from(targets)), gradients: step.gradients };
}

function lossAt(net: AnyNetwork, { inputs, targets }: Dataset, parameters: Float64Array): number {
  const rows = targets.length / net.outputs;
  const outputs = new Step(net, rows).forward({ rows, inputs: Float64Array.from(inputs), parameters, masks });
  const dOutputs = new Float64Array(outputs.length);
  const shape = { loss: net.loss, batchSize: rows, fanOut: net.outputs };
  return loss({ ...shape, outputs, targets: Float64Array.from(targets), dOutputs });
}

/** By four points, h⁴/30 · f⁽⁵⁾ off, and the same with half the distance: where they differ there is a kink between. */
function slopesAt(net: AnyNetwork, data: Dataset, parameters: Float64Array, index: number): [number, number] {
  const at = (shift: number): number => {
    const moved = parameters.slice();
    moved[index]! += shift;
    return lossAt(net, data, moved);
  };
  const slope = (h: number): number => (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  return [slope(2 ** -11), slope(2 ** -12)];
}

/** @returns how many parameters were compared, and how many lie at a kink */
function compareWithDifferences(net: AnyNetwork, rows: number, seed: number): { compared: number; kinks: number } {
  const data = graphData(net, rows, seed);
  const parameters = graphParameters(net, seed);
  const { gradients, loss: value } = stepAt(net, data, parameters);
  expect(value).toBe(lossAt(net, data, parameters));
  let kinks = 0;
  for (const [index, gradient] of gradients.entries()) {
    const [wanted, finer] = slopesAt(net, data, parameters, index);
    const bound = 1e-6 * Math.abs(wanted) + 1e-8;
    if (Math.abs(wanted - finer) > bound / 10) kinks++;
    else {
      const text = `${parametersOf(net).findLast(({ offset }) => offset <= index)!.name}: ${gradient}, wanted ${wanted}`;
      expect(Math.abs(gradient - wanted) <= bound ? "" : `seed ${seed}: ${text}`).toBe("");
    }
  }
  return { compared: gradients.length - kinks, kinks };
}

test.each(graphCases)("gradients are the limits of central differences: $name", ({ network: net }) => {
  const { kinks } = compareWithDifferences(net, 7, 11);
  expect(kinks).toBe(0);
});

test("gradients of random graphs are the limits of central differences", () => {
  let [compared, kinks] = [0, 0];
  const check = (seed: number): void => {
    const own = compareWithDifferences(randomGraph(seed), 1 + (seed % 4), seed);
    compared += own.compared;
    kinks += own.kinks;
  };
  fc.assert(fc.property(fc.nat(1e6), check), allCases(150));
  console.log(`${compared} slopes of random graphs compared, ${kinks} at kinks`);
  expect(kinks / (compared + kinks)).toBeLessThan(0.1);
});
