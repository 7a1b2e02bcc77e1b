// Muon: against PyTorch's algorithm written out in float64 (support/muonByHand.ts), and every machine against the reference.

import { describe, expect, test } from "vitest";
import type { RunSettings } from "../src/backend/executor.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { matricesOf } from "../src/graph/denseMatrices.ts";
import { parametersOf } from "../src/graph/graphNetwork.ts";
import {
  acquire,
  type AnyNetwork,
  type Checkpoint,
  cosine,
  createModel,
  dense,
  type Device,
  ema,
  embedding,
  exponential,
  layerNorm,
  muon,
  network,
  residual,
  type TrainOptions,
  verifyTraining,
} from "../src/index.ts";
import { relativeDistance } from "./support/compare.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { graphData, graphParameters } from "./support/graphs.ts";
import { flattened, layersOf, trainByHand } from "./support/muonByHand.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevices } from "./support/sharedDevice.ts";
import { timeless } from "./support/timeless.ts";

const devices = shareDevices();
const reference = await acquire({ device: "reference" });
const machines: readonly (readonly [string, () => Promise<Device>, number])[] = [
  ["the CPU reference", devices.reference, 1e-9],
  ["WebAssembly", devices.wasm, 1e-4],
  ["WebGPU", devices.webgpu, 1e-4],
];
const fast = machines.slice(1);

const tanhNetwork = ([inputs, ...widths]: readonly number[]) =>
  network({
    inputs: inputs!,
    layers: widths.map((width, at) => (at === widths.length - 1 ? dense(width) : dense(width, "tanh"))),
    loss: "meanSquaredError",
  });

const rowsOf = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) =>
    Array.from({ length: width }, (__, column) => values[row * width + column]!),
  );

describe.each(machines)("%s", (_, device, bound) => {
  test.each([
    ["its defaults", [3, 33, 7, 7, 33, 2], {}],
    [
      "a larger rate, without Nesterov's momentum",
      [4, 70, 130, 70, 1],
      { learningRate: 0.05, nesterov: false, weightDecay: 0 },
    ],
    [
      "steps of AdamW's size in hidden layers",
      [3, 8, 6, 5, 2],
      { matchRmsAdamW: true, hiddenOnly: true, rateOfOthers: 3 },
    ],
    ["three iterations", [1, 12, 1], { newtonSchulzSteps: 3, momentum: 0.5, learningRate: 0.01 }],
  ] as const)("follows PyTorch's algorithm with %s", async (__, widths, options) => {
    const optimizer = muon(options);
    using model = await createModel(tanhNetwork(widths), { device: await device(), seed: 3 });
    const before = await model.readParameters();
    const [rows, inputs, outputs] = [20, widths[0], widths.at(-1)!];
    const data = { inputs: randomFloats(1, rows * inputs), targets: randomFloats(2, rows * outputs) };
    await model.fit(data, { optimizer, steps: 10, batchSize: rows });
    const last = widths.length - 2;
    const wanted = trainByHand(
      layersOf(before, widths),
      { inputs: rowsOf(data.inputs, inputs), targets: rowsOf(data.targets, outputs) },
      { steps: 10, numbers: optimizer, isMatrix: (layer) => !optimizer.hiddenOnly || (layer > 0 && layer < last) },
    );
    expect(relativeDistance(await model.readParameters(), flattened(wanted))).toBeLessThan(bound);
  });
});

/** A table, and matrices of one column, wide, tall and square ones on either side of what a workgroup takes whole. */
const mixed = network({
  inputs: 3,
  layers: [
    embedding({ column: 1, categories: 5, width: 3 }),
    dense(40, "tanh"),
    dense(70, "tanh"),
    residual(layerNorm(), dense(70, "tanh")),
    dense(33, "tanh"),
    dense(7, "tanh"),
    dense(1),
  ],
  loss: "meanSquaredError",
});
const mixedData = graphData(mixed, 24, 3);
const mixedParameters = graphParameters(mixed, 5, 3).map((value) => 0.3 * value);

/** Parameters and state after a training. */
async function trained(device: Device, net: AnyNetwork, parameters: Float64Array, options: TrainOptions) {
  const members = parameters.length / net.parameterCount;
  using model = await createModel(net, { device, members, parameters });
  await model.fit(mixedData, { batchSize: 10, seed: 2, ...options });
  return { parameters: await model.readParameters(), checkpoint: model.checkpoint! };
}

const partOf = (values: Float64Array, member: number, members: number): Float64Array => {
  const count = values.length / members;
  return values.slice(member * count, (member + 1) * count);
};

describe.each(fast)("on %s", (_, open, bound) => {
  test("members of a graph train as in float64, and as each alone bit for bit", async () => {
    const device = await open();
    const rates = [0.02, 0.01, 0.03];
    const perMember = { learningRate: rates, momentum: [0.95, 0.8, 0.9], weightDecay: [0.1, 0, 0.5] };
    const options = { optimizer: muon({ rateOfOthers: 0.2 }), steps: 5, perMember };
    const all = await trained(device, mixed, mixedParameters, options);
    const wanted = await trained(reference, mixed, mixedParameters, options);
    expect(relativeDistance(all.parameters, wanted.parameters)).toBeLessThan(bound);
    expect(relativeDistance(all.checkpoint.moments, wanted.checkpoint.moments)).toBeLessThan(10 * bound);
    for (const member of [0, 2]) {
      const own = Object.fromEntries(Object.entries(perMember).map(([name, values]) => [name, [values[member]!]]));
      const alone = await trained(device, mixed, partOf(mixedParameters, member, 3), { ...options, perMember: own });
      const part = partOf(Float64Array.from(all.parameters), member, 3);
      expect([...alone.parameters], `member ${member}`).toEqual([...part]);
    }
  });

  test("many members of a small network, an even number of iterations", async () => {
    const device = await open();
    const net = tanhNetwork([3, 8, 5, 2]);
    const parameters = graphParameters(net, 4, 70);
    const options = { optimizer: muon({ learningRate: 0.02, newtonSchulzSteps: 4 }), steps: 6 };
    const data = graphData(net, 20, 1);
    const fit = async (on: Device, own: Float64Array) => {
      using model = await createModel(net, { device: on, members: own.length / net.parameterCount, parameters: own });
      await model.fit(data, options);
      return model.readParameters();
    };
    const all = await fit(device, parameters);
    expect(relativeDistance(all, await fit(reference, parameters))).toBeLessThan(bound);
    const last = partOf(Float64Array.from(all), 69, 70);
    expect([...(await fit(device, partOf(parameters, 69, 70)))]).toEqual([...last]);
  });

  test("with all that is done around an update, resumed with the same bits", async () => {
    const device = await open();
    const options: TrainOptions = {
      optimizer: muon({ learningRate: 0.02, hiddenOnly: true }),
      steps: 6,
      clipNorm: 0.5,
      clipValue: 0.1,
      l1: 1e-3,
      decay: "weights",
      average: ema(0.9),
      schedule: { learningRate: cosine(), momentum: exponential({ gamma: 0.99 }) },
    };
    const own = mixedParameters.slice(0, mixed.parameterCount);
    const whole = await trained(device, mixed, own, options);
    const wanted = await trained(reference, mixed, own, options);
    expect(relativeDistance(whole.parameters, wanted.parameters)).toBeLessThan(bound);
    using model = await createModel(mixed, { device, parameters: own });
    let resume: Checkpoint | undefined;
    for await (const { step } of model.train(mixedData, {
      batchSize: 10,
      seed: 2,
      ...options,
      logInterval: { steps: 3 },
    })) {
      if (step !== 3) continue;
      resume = structuredClone(model.checkpoint);
      break;
    }
    const { parameters, checkpoint } = await trained(device, mixed, own, { ...options, resume });
    expect([...parameters]).toEqual([...whole.parameters]);
    expect(timeless(checkpoint)).toEqual(timeless(whole.checkpoint));
  });

  test("a member whose gradients are not finite stops, with parameters that are, and the others continue", async () => {
    const device = await open();
    const net = tanhNetwork([3, 8, 2]);
    const parameters = graphParameters(net, 4, 2);
    parameters.fill(1e30, net.parameterCount, net.parameterCount + 5);
    parameters[2 * net.parameterCount - 1] = 1e25; // of the loss: its square overflows
    using model = await createModel(net, { device, members: 2, parameters });
    await model.fit(graphData(net, 20, 1), { optimizer: muon(), steps: 4 });
    expect([...model.results!.nonFiniteSteps]).toEqual([-1, 0]);
    expect((await model.readParameters()).every(Number.isFinite)).toBe(true);
  });

  test("a plan says why it is layer by layer, and other strategies are refused", async () => {
    const device = await open();
    using model = await createModel(tanhNetwork([3, 8, 2]), { device });
    const data = graphData(model.network, 20, 1);
    const plan = await model.plan(data, { optimizer: muon() });
    expect(plan.strategy).toBe("layered");
    expect(plan.reason).toContain("it makes whole matrices orthogonal");
    expect(plan.kernels).toEqual(expect.arrayContaining(["directions", "normalise", "orthogonalise"]));
    const strategy = device.kind === "wasm" ? "samples" : "members";
    await expect(model.fit(data, { optimizer: muon(), strategy, steps: 1 })).rejects.toThrow(
      /strategy: expected .*layered for muon, since it makes whole matrices orthogonal.* got (members|samples)/,
    );
  });

  test("a training is verified", async () => {
    const device = await open();
    const net = tanhNetwork([3, 8, 8, 2]);
    using model = await createModel(net, { device, seed: 1 });
    const initialParameters = await model.readParameters();
    const data = graphData(net, 20, 1);
    const options = { optimizer: muon({ learningRate: 0.01 }), steps: 20 };
    await model.fit(data, options);
    expect((await verifyTraining(model, { initialParameters, data, options })).passed).toBe(true);
  });
});

/** Eigenvalues of a symmetric matrix by Jacobi's rotations. */
function eigenvalues(matrix: number[][]): number[] {
  const a = matrix.map((row) => [...row]);
  for (let sweep = 0; sweep < 20; sweep++) {
    for (let p = 0; p < a.length; p++) {
      for (let q = p + 1; q < a.length; q++) {
        if (a[p]![q] === 0) continue;
        const theta = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!);
        const [c, s] = [Math.cos(theta), Math.sin(theta)];
        for (const row of a) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!];
        const [first, second] = [a[p]!, a[q]!];
        a[p] = first.map((value, at) => c * value - s * second[at]!);
        a[q] = first.map((value, at) => s * value + c * second[at]!);
      }
    }
  }
  return a.map((row, at) => row[at]!);
}

test.each(machines)("singular values of a direction are near 1 on %s", async (_, open) => {
  const shapes = [
    [33, 7],
    [20, 90],
    [1, 40],
    [40, 1],
    [7, 33],
    [90, 20],
  ] as const;
  const device = await open();
  // Gradients Σ xdᵀ of many rows have singular values that are not far apart; their squares overflow float32.
  for (const [fanIn, fanOut] of shapes.slice(0, device.kind === "software" ? 2 : undefined)) {
    const net = network({ inputs: fanIn, layers: [dense(fanOut)], loss: "squaredError" });
    using model = await createModel(net, { device, seed: 3 });
    const rows = 400;
    const data = { inputs: randomFloats(1, rows * fanIn, 1e18), targets: randomFloats(2, rows * fanOut) };
    model.writeParameters(new Float32Array(net.parameterCount));
    const optimizer = muon({ learningRate: 1, weightDecay: 0, matchRmsAdamW: true });
    const { before, after } = await model.trace(data, optimizer);
    const factor = 0.2 * Math.sqrt(Math.max(fanIn, fanOut));
    const at = (row: number, column: number): number =>
      (before[row * fanOut + column]! - after[row * fanOut + column]!) / factor;
    const [side, other] = [Math.min(fanIn, fanOut), Math.max(fanIn, fanOut)];
    const value = (short: number, long: number): number => (fanIn <= fanOut ? at(short, long) : at(long, short));
    const gram = Array.from({ length: side }, (__, row) =>
      Array.from({ length: side }, (___, column) =>
        Array.from({ length: other }, (____, k) => value(row, k) * value(column, k)).reduce((sum, one) => sum + one, 0),
      ),
    );
    for (const square of eigenvalues(gram)) {
      expect(Math.sqrt(square), `${fanIn} × ${fanOut}`).toBeGreaterThan(0.68);
      expect(Math.sqrt(square), `${fanIn} × ${fanOut}`).toBeLessThan(1.14);
    }
  }
});

test("the weights of dense layers are matrices; tables, biases, scales and shifts are not", () => {
  const isMatrix = (mask: Float64Array) =>
    parametersOf(mixed).flatMap(({ offset, size, name }) =>
      mask.subarray(offset, offset + size).every((one) => one === 1) ? [name] : [],
    );
  const weights = parametersOf(mixed).filter(({ name, start }) => start === "weights" && name.endsWith(".weights"));
  const names = weights.map(({ name }) => name);
  const all = matricesOf(mixed, { hiddenOnly: false });
  expect(isMatrix(all.mask)).toEqual(names);
  const sum = weights.reduce((total, { size }) => total + size, 0);
  expect(all.mask.reduce((total, one) => total + one, 0)).toBe(sum);
  expect(isMatrix(matricesOf(mixed, { hiddenOnly: true }).mask)).toEqual(names.slice(1, -1));
});

test("a network without hidden layers learns by AdamW where only those are made orthogonal", async () => {
  const net = tanhNetwork([3, 8, 2]);
  for (const [, open, bound] of machines) {
    const device = await open();
    using model = await createModel(net, { device, seed: 3 });
    const before = await model.readParameters();
    const data = { inputs: randomFloats(1, 60), targets: randomFloats(2, 40) };
    const optimizer = muon({ hiddenOnly: true });
    await model.fit(data, { optimizer, steps: 5, batchSize: 20 });
    const start = layersOf(before, [3, 8, 2]);
    const rows = { inputs: rowsOf(data.inputs, 3), targets: rowsOf(data.targets, 2) };
    const wanted = trainByHand(start, rows, { steps: 5, numbers: optimizer, isMatrix: () => false });
    expect(relativeDistance(await model.readParameters(), flattened(wanted))).toBeLessThan(bound);
  }
});

test.each([
  [{ newtonSchulzSteps: 0 }, /muon: newtonSchulzSteps: expected an integer from 1 to 99, got 0/],
  [{ newtonSchulzSteps: 2.5 }, /muon: newtonSchulzSteps: expected an integer from 1 to 99, got 2.5/],
  [{ newtonSchulzSteps: 100 }, /muon: newtonSchulzSteps: expected an integer from 1 to 99, got 100/],
  [{ momentum: 1 }, /muon: momentum: expected a number from 0 to below 1, got 1/],
  [{ rateOfOthers: -1 }, /muon: rateOfOthers: expected 0, or an f32/],
  [{ rateOfOther: 1 }, /muon: expected options among .*rateOfOthers.*, got rateOfOther;/],
])("muon(%j) is refused", (options, message) => {
  expect(() => muon(options as object)).toThrow(message);
});

test("the buffers of a run are those of its plan, and a step creates none", async () => {
  const device = (await devices.webgpu()) as GpuDevice;
  const executor = await GpuExecutor.create(device, mixed, 3);
  executor.writeParameters(mixedParameters);
  const optimizer = { ...muon(), around: { clipNorm: 1 } };
  const settings: RunSettings = { data: mixedData, optimizer, batchSize: 10, shuffle: true, seed: 0 };
  const run = await executor.createRun(settings);
  const plan = await executor.planRun(settings);
  expect(plan.bytes).toBe(device.ledger.bytes);
  const { dispatchWorkgroups, beginComputePass, submit, ...others } = await countCalls(async () => {
    await run.execute(0, 3);
    await run.finished();
  });
  expect(dispatchWorkgroups).toBe(3 * plan.dispatchesPerStep);
  expect([beginComputePass, submit]).toEqual([1, 1]);
  for (const [name, count] of Object.entries(others)) if (name !== "writeBuffer") expect(count, name).toBe(0);
  run.dispose();
  executor.dispose();
});
