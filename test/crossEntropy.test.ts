// Cross entropies and their slopes keep their digits as a probability goes to 1, and leave masked classes out: the float64 reference
// by central differences, then every kernel that computes them.

import { expect, test } from "vitest";
import { elementLoss, sampleLoss } from "../src/backend/sampleLoss.ts";
import { softmax } from "../src/math/softmax.ts";
import type { StrategyName } from "../src/backend/executor.ts";
import { createReference } from "../src/backend/createReference.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { dense, type LossName, network, type BuiltInNetwork } from "../src/graph/network.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { sgd } from "../src/math/optimizer.ts";
import { leastNormal, poisoned, requireWithin, roundoff, untouched } from "./support/compare.ts";
import { type LogitRow, marginRows, margins, maskedRows } from "./support/crossEntropyCases.ts";
import { runKernel, stepSlot } from "./support/kernelRun.ts";
import { lossBound, slopeBounds } from "./support/lossBound.ts";
import { gradientColumnsOf } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
const softmaxLoss: LossName = "softmaxCrossEntropy";
const infinity = Number.POSITIVE_INFINITY;

/** Loss and slope of a row in float64. */
function exact(name: LossName, { logits, targets }: LogitRow) {
  const sample = { outputs: Float64Array.from(logits), targets: Float64Array.from(targets) };
  const slopes = new Float64Array(logits.length);
  return { sample, loss: sampleLoss(name, sample.outputs, sample.targets, slopes), slopes };
}

/** Slope along one output by central differences, h⁴ off. */
function difference(name: LossName, row: LogitRow, column: number): number {
  const at = (step: number): number => {
    const outputs = Float64Array.from(row.logits);
    outputs[column]! += step;
    return sampleLoss(name, outputs, Float64Array.from(row.targets), new Float64Array(outputs.length));
  };
  const h = 2 ** -8;
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

test("the reference's slopes are the limits of central differences, relative to their own size at every margin", () => {
  let worst = 0;
  for (const row of marginRows(4)) {
    const { slopes, loss } = exact(softmaxLoss, row);
    const probabilities = softmax(row.logits);
    const targetSum = row.targets.reduce((sum, t) => sum + t, 0);
    for (const [column, slope] of slopes.entries()) {
      const [p, t] = [probabilities[column]!, row.targets[column]!];
      const others = probabilities.reduce((sum, value, at) => (at === column ? sum : sum + value), 0);
      const terms = p * (targetSum - t) + t * others;
      const rounding = (2 ** -51 * loss) / 2 ** -8; // of the loss, over the distance of the points
      const error = Math.abs(difference(softmaxLoss, row, column) - slope) / (1e-8 * terms + 4 * rounding + 1e-300);
      worst = Math.max(worst, error);
    }
  }
  for (const margin of margins) {
    for (const [x, t] of [
      [margin, 1],
      [-margin, 0],
      [margin, 0.9],
      [-margin, 1],
    ] as const) {
      const row = { logits: Float32Array.of(x), targets: Float32Array.of(t) };
      const { slopes, loss } = exact("binaryCrossEntropy", row);
      const rounding = (2 ** -51 * loss) / 2 ** -8;
      const allowed = 1e-8 * Math.abs(slopes[0]!) + 4 * rounding;
      worst = Math.max(worst, Math.abs(difference("binaryCrossEntropy", row, 0) - slopes[0]!) / allowed);
    }
  }
  console.log(`central differences: largest error ${worst.toFixed(3)} of its bound`);
  expect(worst).toBeLessThanOrEqual(1);
});

test("the reference where float64 itself would cancel: e^−50 and e^−100 to 15 digits", () => {
  for (const margin of [50, 100]) {
    const row = { logits: Float32Array.of(margin, 0), targets: Float32Array.of(1, 0) };
    const { slopes, loss } = exact(softmaxLoss, row);
    for (const value of [loss, -slopes[0]!, slopes[1]!])
      expect(Math.abs(value / Math.exp(-margin) - 1)).toBeLessThan(1e-15);
    const [one, slope] = elementLoss("binaryCrossEntropy", margin, 1);
    for (const value of [one, -slope]) expect(Math.abs(value / Math.exp(-margin) - 1)).toBeLessThan(1e-15);
  }
});

/** Rows through `loss` and through `score`, in one dispatch each. @returns largest errors in units of the bounds */
async function tryKernels(rows: readonly LogitRow[], classes: number): Promise<{ slopes: number; scores: number }> {
  const whole = network({ inputs: 1, layers: [dense(classes)], loss: softmaxLoss });
  const layer = whole.layers[0]!;
  const outputs = Float32Array.from(rows.flatMap(({ logits }) => [...logits]));
  const targets = Float32Array.from(rows.flatMap((row) => [...row.targets]));
  const wanted = untouched(rows.length * (classes + 1));
  let [total, totalBound] = [0, 0];
  for (const [at, row] of rows.entries()) {
    const { sample, loss, slopes } = exact(softmaxLoss, row);
    const bounds = [...slopeBounds(softmaxLoss, sample), lossBound(softmaxLoss, sample)];
    for (const [column, value] of [...slopes, loss].entries()) {
      const place = at * (classes + 1) + column;
      wanted.values[place] = value / rows.length;
      wanted.bounds[place] = bounds[column]! / rows.length + 4 * roundoff * Math.abs(value / rows.length) + leastNormal;
    }
    total += loss;
    totalBound += lossBound(softmaxLoss, sample);
  }
  const numbers = { step: stepSlot({ network: whole, rows: rows.length }), members: 1 };
  const [, , , dOutputs] = await runKernel(device(), {
    ...numbers,
    name: "loss",
    functions: { activation: "identity", loss: softmaxLoss },
    constants: { SAVED_PLANE: 0 },
    uniform: layerBlock({
      network: whole,
      layer,
      gradientColumns: gradientColumnsOf(whole, layer),
      members: 1,
      capacity: rows.length,
      sharesInputs: false,
      splits: 1,
    }),
    storage: [outputs, targets, Uint32Array.from(rows.keys()), poisoned(wanted.values.length)],
    invocations: rows.length,
  });
  const slices = Math.ceil(rows.length / 128);
  const [, , losses] = await runKernel(device(), {
    ...numbers,
    name: "score",
    functions: { loss: softmaxLoss },
    constants: {},
    uniform: Uint32Array.of(classes, 1, 1, slices).buffer,
    storage: [outputs, targets, poisoned(slices), poisoned(slices)],
    invocations: slices,
  });
  const sum = new Float32Array(losses!.buffer, losses!.byteOffset, slices).reduce((a, b) => a + b, 0);
  const scores = Math.abs(sum - total) / (totalBound + (rows.length + 2) * roundoff * total);
  return { slopes: requireWithin(`${classes} classes`, dOutputs!, wanted), scores };
}

test.each([2, 3, 10, 1000])(
  "kernels loss and score, %i classes: margins of 0 to 100, soft targets",
  async (classes) => {
    const { slopes, scores } = await tryKernels(marginRows(classes), classes);
    console.log(
      `${classes} classes: largest error ${slopes.toFixed(3)} of the bound, sums of losses ${scores.toFixed(3)}`,
    );
    expect(scores).toBeLessThanOrEqual(1);
  },
);

test.each([2, 4, 10, 1000])("kernels loss and score, %i classes: masked ones count as absent", async (classes) => {
  const rows = maskedRows(classes);
  for (const row of rows) {
    const { loss, slopes } = exact(softmaxLoss, row);
    const present = [...row.logits.keys()].filter((at) => row.logits[at] !== -infinity);
    const absent = exact(softmaxLoss, {
      logits: Float32Array.from(present, (at) => row.logits[at]!),
      targets: Float32Array.from(present, (at) => row.targets[at]!),
    });
    expect(Number.isFinite(loss)).toBe(true);
    expect(Math.abs(loss - absent.loss)).toBeLessThanOrEqual(1e-13 * absent.loss);
    expect(slopes.every((slope, at) => row.logits[at] !== -infinity || slope === 0)).toBe(true);
    expect(Math.abs(slopes[present[0]!]! - absent.slopes[0]!)).toBeLessThanOrEqual(1e-13 * Math.abs(absent.slopes[0]!));
  }
  const { scores } = await tryKernels(rows, classes);
  expect(scores).toBeLessThanOrEqual(1);
});

const strategies = [
  "layered",
  "members",
  "subgroups",
  "groups",
  "samples",
  "tiles",
] as const satisfies readonly StrategyName[];

/**
 * One step of sgd with rate 1 from biases of 0 on a row with the input 2: the biases are then the slopes, with a minus in front. A
 * member has weights that make the logits of one row; a masked one is the product −6e38, which is −∞ in float32.
 */
async function stepOf(net: BuiltInNetwork, strategy: StrategyName, rows: readonly LogitRow[]) {
  const width = net.outputs;
  const parameters = Float32Array.from(
    rows.flatMap(({ logits }) => [
      ...logits.map((logit) => (logit === -infinity ? -3e38 : logit / 2)),
      ...new Float32Array(width),
    ]),
  );
  const data = { inputs: Float32Array.of(2), targets: rows[0]!.targets };
  const executor = await GpuExecutor.create(device(), net, rows.length);
  try {
    executor.writeParameters(parameters);
    const scored = await executor.score(data);
    const optimizer = sgd({ learningRate: 1 });
    const run = await executor.createRun({ data, optimizer, batchSize: 1, shuffle: false, seed: 1, strategy });
    await run.execute(0, 1);
    const losses = await run.readLosses(0, 1);
    run.dispose();
    const after = await executor.readParameters();
    const slopes = rows.map((_, at) =>
      Array.from(after.subarray((2 * at + 1) * width, (2 * at + 2) * width), (b) => -b),
    );
    return { losses, slopes, scores: scored.losses };
  } finally {
    executor.dispose();
  }
}

/** Rows with the same targets. */
function byTargets(rows: readonly LogitRow[]): LogitRow[][] {
  const groups = new Map<string, LogitRow[]>();
  for (const row of rows) {
    const key = row.targets.join(" ");
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

async function tryPath(net: BuiltInNetwork, strategy: StrategyName, rows: readonly LogitRow[]): Promise<number> {
  let worst = 0;
  const hold = (text: string, value: number, wanted: number, bound: number): void => {
    const error =
      value === wanted ? 0 : Math.abs(value - wanted) / (bound + 6 * roundoff * Math.abs(wanted) + leastNormal);
    worst = Math.max(worst, error);
    if (!(error <= 1)) throw new Error(`${strategy}, ${text}: ${value}, wanted ${wanted} ± ${bound}: ${error} of it`);
  };
  const scale = net.loss === softmaxLoss ? 1 : 1 / net.outputs;
  for (const group of byTargets(rows)) {
    const { losses, slopes, scores } = await stepOf(net, strategy, group);
    for (const [member, row] of group.entries()) {
      const wanted = exact(net.loss, row);
      const text = `logits ${row.logits}, targets ${row.targets}`;
      const bound = lossBound(net.loss, wanted.sample) * scale;
      hold(`loss of ${text}`, losses[member]!, wanted.loss * scale, bound);
      hold(`score of ${text}`, scores[member]!, wanted.loss * scale, bound);
      const bounds = slopeBounds(net.loss, wanted.sample);
      for (const [column, slope] of wanted.slopes.entries()) {
        hold(`slope ${column} of ${text}`, slopes[member]![column]!, slope * scale, bounds[column]! * scale);
      }
    }
  }
  return worst;
}

const binaryRows: LogitRow[] = [0, 1, 0.9, 0.001].flatMap((t) =>
  margins.map((margin) => ({
    logits: Float32Array.of(margin, -margin),
    targets: Float32Array.of(t, Math.fround(1 - t)),
  })),
);
const maskedBinary: LogitRow[] = [{ logits: Float32Array.of(-infinity, 2), targets: Float32Array.of(0, 1) }];

test.each(strategies)("%s: loss, slopes and scores over margins and masks, softmax and binary", async (strategy) => {
  const multiple = network({ inputs: 1, layers: [dense(3)], loss: softmaxLoss });
  const binary = network({ inputs: 1, layers: [dense(2)], loss: "binaryCrossEntropy" });
  const worst = [
    await tryPath(multiple, strategy, marginRows(3)),
    await tryPath(multiple, strategy, maskedRows(3)),
    await tryPath(binary, strategy, binaryRows),
    await tryPath(binary, strategy, maskedBinary),
  ];
  console.log(`${strategy}: largest errors ${worst.map((each) => each.toFixed(3)).join(", ")} of their bounds`);
});

test.each(strategies)("%s: a row of −∞ only, or with ∞ or NaN, stops the member", async (strategy) => {
  const net = network({ inputs: 1, layers: [dense(3)], loss: softmaxLoss });
  const targets = Float32Array.of(0, 1, 0);
  const rows = [
    [-infinity, -infinity, -infinity],
    [infinity, 0, 0],
    [0, 6e38, 0],
    [Number.NaN, 0, 0],
    [0, 0, Number.NaN],
    [-infinity, 0, 0],
  ].map((logits) => ({ logits: Float32Array.from(logits), targets }));
  const { losses } = await stepOf(net, strategy, rows);
  expect(Array.from(losses, Number.isFinite)).toEqual([false, false, false, false, false, true]);
});

test("accuracy where classes are masked: the largest of the others is the answer", async () => {
  const net = network({ inputs: 1, layers: [dense(3)], loss: softmaxLoss });
  const parameters = Float32Array.of(-3e38, 1, 0.5, 0, 0, 0);
  const data = { inputs: Float32Array.of(2, 2), targets: Float32Array.of(0, 1, 0, 0, 0, 1) };
  const executor = await GpuExecutor.create(device(), net, 1);
  const reference = createReference(net, 1);
  executor.writeParameters(parameters);
  reference.writeParameters(parameters);
  for (const each of [executor, reference]) expect([...(await each.score(data)).accuracies!]).toEqual([0.5]);
  executor.dispose();
});
