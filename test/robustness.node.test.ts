// Out-of-bounds accesses are hidden by the checks that Dawn adds to every shader (its robustness transform). Without them
// the same training must give the same bits. Dawn ignores toggles that it does not know: a planted fault must show.

import { expect, test } from "vitest";
import { adam, createModel, dense, type LossName, network, rmsProp, sgd } from "../src/index.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { openDawn } from "./host/openDawn.ts";
import { hashOf } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf } from "./support/nets.ts";
import {
  dispose,
  logSumExp,
  matmul,
  reshape,
  slice,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "../src/tensor.ts";
import { randomFloats } from "./support/random.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";
import { edgeCases } from "./support/tensorEdges.ts";
import { inputsOn, operationCases, weighted } from "./support/tensorOperations.ts";

const checked = shareDevice();
const unchecked = await openDevice({ gpu: await openDawn("enable-dawn-features=disable_robustness") });

const outOfBounds = /* wgsl */ `
  @group(0) @binding(0) var<storage, read> values: array<u32>;
  @group(0) @binding(1) var<storage, read_write> results: array<u32>;

  @compute @workgroup_size(1)
  fn readBehindTheEnd() {
    results[0] = values[arrayLength(&values) + results[0]];
  }
`;

/** What a read behind the end of a binding gives; the buffer itself goes on, so that the read is harmless. */
async function readBehindTheEnd({ gpu }: GpuDevice): Promise<number> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const values = gpu.createBuffer({ size: 1024, usage: STORAGE | COPY_DST });
  const results = gpu.createBuffer({ size: 16, usage: STORAGE | COPY_SRC | COPY_DST });
  const staging = gpu.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
  gpu.queue.writeBuffer(
    values,
    0,
    Uint32Array.from({ length: 256 }, (_, index) => (index < 64 ? 1 : 2)),
  );
  gpu.queue.writeBuffer(results, 0, Uint32Array.of(3, 0, 0, 0));
  const module = gpu.createShaderModule({ code: outOfBounds });
  const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const entries = [
    { binding: 0, resource: { buffer: values, size: 256 } },
    { binding: 1, resource: { buffer: results } },
  ];
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(results, 0, staging, 0, 16);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const [value] = new Uint32Array(staging.getMappedRange().slice(0));
  for (const buffer of [values, results, staging]) buffer.destroy();
  return value!;
}

test("a planted read behind the end shows that the checks are off", async () => {
  expect(await readBehindTheEnd(checked())).toBe(1); // the last value of the binding
  expect(await readBehindTheEnd(unchecked)).not.toBe(1);
});

interface Case {
  readonly widths: readonly number[];
  readonly loss: LossName;
  readonly rows: number;
  readonly batchSize: number;
  readonly members: number;
  readonly optimizer: ReturnType<typeof sgd>;
}

const cases: Case[] = [
  {
    widths: [2, 2, 2, 1],
    loss: "squaredError",
    rows: 4,
    batchSize: 4,
    members: 1,
    optimizer: sgd({ learningRate: 0.5 }),
  },
  { widths: [3, 17, 9, 5], loss: "softmaxCrossEntropy", rows: 131, batchSize: 32, members: 2, optimizer: adam() },
  { widths: [1, 33, 1], loss: "huber", rows: 300, batchSize: 300, members: 5, optimizer: rmsProp({ momentum: 0.5 }) },
  {
    widths: [7, 65, 63, 4, 3],
    loss: "binaryCrossEntropy",
    rows: 67,
    batchSize: 67,
    members: 1,
    optimizer: sgd({ momentum: 0.9 }),
  },
];

async function train(device: GpuDevice, one: Case, place: number): Promise<string> {
  const { widths, loss, rows, batchSize, members, optimizer } = one;
  // One activation: it accesses no memory, and each would compile kernels of its own.
  const layers = widths.slice(1).map((width, index) => dense(width, index === widths.length - 2 ? "identity" : "tanh"));
  using model = await createModel(network({ inputs: widths[0]!, layers, loss }), { device, seed: place, members });
  const data = dataOf(model.network, rows, place);
  const { history } = await model.fit(data, { optimizer, steps: 25, batchSize, logInterval: { steps: 25 } });
  const outputs = await model.logits(data.inputs);
  const parameters = await model.readParameters();
  if (place % 2 === 0) return hashOf(parameters, outputs, Float64Array.from(history.loss));
  const { gradients } = await model.trace(dataOf(model.network, Math.min(rows, 40), place), optimizer);
  return hashOf(parameters, outputs, gradients, Float64Array.from(history.loss));
}

test.each(cases.map((one, place) => [one.widths.join("-"), one, place] as const))(
  "training %s gives the same bits without the checks",
  async (_, one, place) => {
    expect(await train(unchecked, one, place)).toBe(await train(checked(), one, place));
  },
);

test("data in pages and batches in chunks give the same bits without the checks", async () => {
  const small = await narrowed(checked(), 65_536);
  const bare = await narrowed(unchecked, 65_536);
  const one: Case = { ...cases[1]!, widths: [20, 40, 3], rows: 1500, batchSize: 700, members: 3 };
  expect(await train(bare, { ...one, rows: 1000 }, 7)).toBe(await train(small, { ...one, rows: 1000 }, 7));
});

/** Values and gradients of every operation, with sizes at which tiles and slices end in the middle. */
async function tensorBits(device: GpuDevice): Promise<string> {
  const parts: ArrayBufferView[] = [];
  const note = async (results: readonly Tensor[]): Promise<void> => {
    for (const result of results) parts.push(await result.read());
    dispose(results);
  };
  for (const one of operationCases) {
    const inputs = inputsOn(device, one);
    const { value, gradient } = valueAndGrad((all: Tensor[]) => weighted(one.apply(...all)))(inputs);
    await note([value, ...gradient]);
    dispose(inputs);
  }
  const a = tensor(device, randomFloats(1, 3 * 67 * 131), [3, 67, 131]);
  const b = tensor(device, randomFloats(2, 131 * 41), [131, 41]);
  const long = tensor(device, randomFloats(3, 3 * 1003), [1003, 3]);
  await note(tidy(() => [matmul(a, b), matmul(a, a, { transposeB: true }), sum(long, 0), logSumExp(long)]));
  // Long sums: in slices, and by the kernel for a few values; also where matrices lie within others, at an odd place.
  const line = tensor(device, randomFloats(4, 3 * 4103 + 8));
  const within = (length: number, shape: number[]): Tensor => reshape(slice(line, [5], [5 + length]), shape);
  await note(
    tidy(() => [
      matmul(within(2 * 4099, [4099, 2]), within(3 * 4099, [4099, 3]), { transposeA: true }),
      matmul(within(5 * 2051, [5, 2051]), within(6 * 2051, [2051, 6])),
      matmul(within(5 * 2051, [2051, 5]), within(6 * 2051, [6, 2051]), { transposeA: true, transposeB: true }),
    ]),
  );
  // Operands without values.
  for (const one of edgeCases.filter(({ inputs }) => inputs.some(({ shape }) => shape.includes(0)))) {
    const inputs = inputsOn(device, one);
    await note(tidy(() => [one.apply(...inputs)]));
    dispose(inputs);
  }
  dispose([a, b, long, line]);
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  return hashOf(...parts);
}

test("operations of tensors and their gradients give the same bits without the checks", async () => {
  expect(await tensorBits(unchecked)).toBe(await tensorBits(checked()));
});
