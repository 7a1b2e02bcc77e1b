import { type Dimensions, type ReduceOperation, reductionNames, type StoredValues } from "../../tensorBackend.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import { axesOf } from "./strides.ts";

const countOf = ({ sizes }: Dimensions): number => sizes.reduce((product, size) => product * size, 1);

/** Slices in which values are reduced at first: by their number alone, so that the order of a sum never changes. */
const slicesOf = (reduced: number): number => (reduced <= 512 ? 1 : Math.min(1024, Math.ceil(reduced / 256)));

function encodeSlices(commands: CommandQueue, operation: ReduceOperation<GPUBuffer>, slices: number): void {
  const { name, a, kept, reduced, out, scale } = operation;
  const [keptCount, reducedCount] = [countOf(kept), countOf(reduced)];
  const axes = axesOf([kept.sizes, kept.strides, reduced.sizes, reduced.strides], [1, 0, 1, 0]);
  const counts = { kept: keptCount, reduced: reducedCount, slices };
  const ranks = [kept, reduced].map(({ sizes }) => Math.max(1, sizes.length)) as [number, number];
  commands.dispatchValues({
    kernel: { name: "reduce", types: [a.dtype, out.dtype] },
    constants: { OPERATION: reductionNames.indexOf(name), KEPT_RANK: ranks[0], REDUCED_RANK: ranks[1] },
    bound: [a.buffer, out.buffer],
    values: keptCount * slices,
    operations: 16 * Math.ceil(reducedCount / slices) + 16,
    uniform: { aOffset: a.offset, outOffset: out.offset, ...counts, axes: axes.words, scale },
  });
}

/** Records a reduction: one dispatch, or two where there are many values for one. */
export function encodeReduce(
  device: GpuDevice,
  operation: ReduceOperation<GPUBuffer>,
  commands: CommandQueue = commandQueueOf(device),
): void {
  const { kept, reduced } = operation;
  const keptCount = countOf(kept);
  const slices = slicesOf(countOf(reduced));
  if (slices === 1 || keptCount === 0) return encodeSlices(commands, operation, 1);
  const buffer = commands.pool.take("partial reductions", 4 * keptCount * slices);
  const partials: StoredValues<GPUBuffer> = { buffer, dtype: "f32", offset: 0 };
  encodeSlices(commands, { ...operation, out: partials, scale: 1 }, slices);
  const second = { kept: { sizes: [keptCount], strides: [1] }, reduced: { sizes: [slices], strides: [keptCount] } };
  encodeSlices(commands, { ...operation, ...second, a: partials }, 1);
  commands.release(buffer);
}
