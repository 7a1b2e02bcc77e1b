import fc from "fast-check";
import { expect, test } from "vitest";
import { rowsOf } from "../src/backend/batches.ts";
import { backwardWeights } from "../src/backend/cpu/backwardWeights.ts";
import type { LayerShape, Network } from "../src/graph/network.ts";
import { sliceRows } from "../src/backend/webgpu/strategies/layeredPlan.ts";
import {
  alignmentOf,
  kernelName,
  type LayerVariant,
  variantConstants,
  weightInvocations,
} from "../src/backend/webgpu/matmulVariants.ts";
import { layerBlock } from "../src/backend/webgpu/strategies/uniforms.ts";
import { poisoned, requireWithin, roundoff, sumBound, untouched, type Wanted } from "./support/compare.ts";
import { batchOf, memberPart, runKernel, stepSlot } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import {
  cases,
  lastLayer,
  middleLayer,
  oddSizes,
  memberCounts,
  variants,
  gradientColumnsOf,
} from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

interface Case {
  readonly rows: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly members: number;
  readonly splits: number;
  /** The first layer reads the data set at batchRows. */
  readonly gathers: boolean;
  /** Not the first chunk of its batch: adds to what is there. */
  readonly accumulates: boolean;
  readonly isLast: boolean;
}

interface Member {
  readonly network: Network;
  readonly layer: LayerShape;
  readonly inputs: Float64Array;
  /** [rows, fanOut], and the loss of each sample where the layer is the last. */
  readonly dOutputs: Float64Array;
  readonly losses: Float64Array | undefined;
  readonly sources: Uint32Array;
}

const gradientsOf = ({ network, layer, inputs, dOutputs, sources }: Member, rows: number[]): Float64Array => {
  const gradients = new Float64Array(network.parameterCount + 1);
  const { fanOut } = layer;
  backwardWeights({
    layer,
    batchSize: rows.length,
    inputs,
    dOutputs: Float64Array.from(rows.flatMap((row) => [...dOutputs.subarray(row * fanOut, (row + 1) * fanOut)])),
    gradients,
    batchRows: Uint32Array.from(rows, (row) => sources[row]!),
  });
  return gradients;
};

const magnitudes = (values: Float64Array): Float64Array => values.map(Math.abs);

/** One split of one member: sums over the slices s, s + splits, … The bound is that of a sum over those rows. */
function fillSlot(
  wanted: Wanted,
  one: Member,
  { rows, first }: { rows: number[]; first: number },
  before: Float32Array,
) {
  const { layer, losses } = one;
  const own = gradientsOf(one, rows);
  const size = gradientsOf({ ...one, inputs: magnitudes(one.inputs), dOutputs: magnitudes(one.dOutputs) }, rows);
  const end = layer.biasOffset + layer.fanOut;
  for (let entry = layer.weightsOffset; entry < end; entry++) {
    wanted.values[first + entry] = before[first + entry]! + own[entry]!;
    wanted.bounds[first + entry] = sumBound(rows.length, size[entry]!) + roundoff * Math.abs(before[first + entry]!);
  }
  if (!losses) return;
  const total = rows.reduce((sum, row) => sum + losses[row]!, 0);
  wanted.values[first + end] = before[first + end]! + total;
  wanted.bounds[first + end] = sumBound(rows.length, total) + roundoff * Math.abs(before[first + end]!);
}

const rowsOfSlot = (rows: number, splits: number, split: number): number[] =>
  Array.from({ length: rows }, (_, row) => row).filter((row) => Math.floor(row / sliceRows) % splits === split);

async function tryBackwardWeights(variant: LayerVariant, one: Case): Promise<number> {
  const { rows, fanIn, fanOut, members, splits, gathers, accumulates, isLast } = one;
  const { network, layer } = (isLast ? lastLayer : middleLayer)(fanIn, fanOut);
  const capacity = rows + 2;
  const columns = gradientColumnsOf(network, layer);
  const firstRow = accumulates ? 7 : 0;
  const step = { network, rows, rowCount: 2 * rows + 40, batchSize: rows + 9, shuffle: true, firstRow };
  const drawn = rowsOf(batchOf(step)).subarray(firstRow, firstRow + rows);
  const sources = gathers ? drawn : Uint32Array.from({ length: rows }, (_, row) => row);
  const inputRows = gathers ? step.rowCount : capacity;
  const inputs = randomFloats(6, (gathers ? 1 : members) * inputRows * fanIn);
  const dOutputs = randomFloats(7, members * capacity * columns);
  if (isLast) for (let at = fanOut; at < dOutputs.length; at += columns) dOutputs[at] = Math.abs(dOutputs[at]!);
  const width = network.parameterCount + 1;
  const wanted = untouched(splits * members * width + 64);
  const before = accumulates ? randomFloats(8, wanted.values.length) : new Float32Array(wanted.values.length);
  const gradients = poisoned(wanted.values.length);
  for (let member = 0; member < members; member++) {
    const own = memberPart(dOutputs, member, capacity * columns);
    const sample: Member = {
      network,
      layer,
      inputs: gathers ? Float64Array.from(inputs) : memberPart(inputs, member, inputRows * fanIn),
      dOutputs: own.filter((_, at) => at % columns < fanOut),
      losses: isLast ? own.filter((_, at) => at % columns === fanOut) : undefined,
      sources,
    };
    for (let split = 0; split < splits; split++) {
      const first = (split * members + member) * width;
      fillSlot(wanted, sample, { rows: rowsOfSlot(rows, splits, split), first }, before);
    }
  }
  // What is there before: poison where nothing may be read, values where the kernel adds to them.
  const floats = new Float32Array(gradients.buffer);
  if (accumulates) wanted.values.forEach((value, at) => Number.isNaN(value) || (floats[at] = before[at]!));
  const results = await runKernel(device(), {
    name: kernelName("backwardWeights", variant),
    constants: { GATHERS: gathers ? 1 : 0, ...variantConstants(variant, device().kind, alignmentOf("rows", columns)) },
    step: stepSlot(step),
    uniform: layerBlock({
      network,
      layer,
      gradientColumns: gradientColumnsOf(network, layer),
      members,
      capacity,
      sharesInputs: gathers,
      splits,
    }),
    storage: [inputs, dOutputs, gathers ? drawn : poisoned(capacity), gradients, dOutputs],
    invocations: splits * weightInvocations(variant, layer, columns),
    members,
  });
  const marks = [gathers && "gathers", accumulates && "accumulates", isLast && "last"].filter(Boolean).join(", ");
  const shape = `backwardWeights ${variant} [${rows}] × [${fanIn}, ${fanOut}], ${splits} splits, ${members} members, ${marks}`;
  return requireWithin(shape, results[3]!, wanted);
}

const someCase = fc.record({
  rows: fc.oneof(oddSizes, fc.constantFrom(127, 128, 129, 300)),
  fanIn: oddSizes,
  fanOut: oddSizes,
  members: memberCounts,
  splits: fc.constantFrom(1, 2, 3),
  gathers: fc.boolean(),
  accumulates: fc.boolean(),
  isLast: fc.boolean(),
});
const plain = { members: 1, splits: 1, gathers: false, accumulates: false, isLast: true } as const;
const large: Case[] = [
  { ...plain, rows: 4096, fanIn: 5, fanOut: 3, splits: 32 },
  { ...plain, rows: 4095, fanIn: 3, fanOut: 5, splits: 5, accumulates: true, members: 2 },
  { ...plain, rows: 4097, fanIn: 1, fanOut: 1, splits: 1, gathers: true },
  { ...plain, rows: 3, fanIn: 129, fanOut: 65, splits: 2 },
  { ...plain, rows: 33, fanIn: 12, fanOut: 36, members: 2, isLast: false, accumulates: true },
  { ...plain, rows: 130, fanIn: 17, fanOut: 7, gathers: true },
];

test.each(variants)("backwardWeights, %s, agrees with float64 over odd shapes", async (variant) => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, await tryBackwardWeights(variant, one));
  };
  const examples = large.map((one): [Case] => [one]);
  await fc.assert(fc.asyncProperty(someCase, attempt), cases(100, examples));
  console.log(`backwardWeights, ${variant}: largest error ${worst.toFixed(3)} of its bound`);
});

/** Bits of the gradients after two chunks of a batch, by one variant. */
async function twoChunks(variant: LayerVariant): Promise<Uint32Array> {
  const { network, layer } = lastLayer(9, 6);
  const capacity = 400;
  const columns = gradientColumnsOf(network, layer);
  let gradients = new Uint32Array(network.parameterCount + 1);
  for (const firstRow of [0, 400]) {
    const results = await runKernel(device(), {
      name: kernelName("backwardWeights", variant),
      constants: { GATHERS: 0, ...variantConstants(variant, device().kind, alignmentOf("rows", columns)) },
      step: stepSlot({ network, rows: 400, rowCount: 800, firstRow }),
      uniform: layerBlock({
        network,
        layer,
        gradientColumns: gradientColumnsOf(network, layer),
        members: 1,
        capacity,
        sharesInputs: false,
        splits: 1,
      }),
      storage: [
        randomFloats(9, capacity * 9),
        randomFloats(10, capacity * columns),
        poisoned(4),
        gradients,
        randomFloats(10, capacity * columns),
      ],
      invocations: weightInvocations(variant, layer, columns),
      members: 1,
    });
    gradients = results[3]!.slice();
  }
  return gradients;
}

test("all variants add in the same order, so that a plan may choose by size without changing a bit", async () => {
  const plainBits = await twoChunks("plain");
  for (const variant of variants) expect(await twoChunks(variant), variant).toEqual(plainBits);
});
