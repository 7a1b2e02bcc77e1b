import type { Batch } from "../batches.ts";
import { lossScale } from "../cpu/loss.ts";
import type { LayerShape, Network } from "../network.ts";
import type { Optimizer } from "../optimizer.ts";
import { gradientColumnsOf, type LayeredPlan } from "./layeredPlan.ts";

/** Distance of two step slots: the largest offset alignment that WebGPU allows a device to ask for. */
export const stepStride = 256;
/** Bytes that a kernel sees of a slot: `Step` of shaders/step.wgsl. */
export const stepBytes = 64;

/** Places of two words in `Step`, for those who write no others. */
export const stepWord = { chunkRows: 1, firstReplica: 12 } as const;

/** One word of a uniform: an integer, or a float. */
type Word = { readonly u32: number } | { readonly f32: number };
const u32 = (value: number): Word => ({ u32: value });
const f32 = (value: number): Word => ({ f32: value });

function writeWords(view: DataView, offset: number, words: readonly Word[]): void {
  for (const [index, word] of words.entries()) {
    if ("u32" in word) view.setUint32(offset + 4 * index, word.u32, true);
    else view.setFloat32(offset + 4 * index, word.f32, true);
  }
}

function block(words: readonly Word[]): ArrayBuffer {
  const buffer = new ArrayBuffer(Math.ceil(words.length / 4) * 16);
  writeWords(new DataView(buffer), 0, words);
  return buffer;
}

/** A stretch of a batch that is computed at once. */
export interface Chunk {
  readonly firstRow: number;
  readonly rows: number;
}

export interface StepWords {
  readonly network: Network;
  readonly optimizer: Optimizer;
  readonly step: number;
  readonly batch: Batch;
  readonly chunk: Chunk;
  readonly lossSlot: number;
  /** First replica of the group that is computed; default 0. */
  readonly firstReplica?: number;
}

/** Writes `Step`; the powers of Adam's bias correction are taken here, in float64. */
export function writeStep(view: DataView, offset: number, options: StepWords): void {
  const { network, optimizer, step, batch, chunk, lossSlot, firstReplica = 0 } = options;
  const { learningRate, beta1, beta2, name } = optimizer;
  const corrects = name === "adam" || name === "adamW";
  writeWords(view, offset, [
    u32(Math.min(step, 0xfffffffe)), // 0xffffffff stands for "no step" where NaN is noted
    u32(chunk.rows),
    u32(batch.firstPosition + chunk.firstRow),
    u32(batch.rowCount),
    u32(batch.orderKey[0]),
    u32(batch.orderKey[1]),
    u32(chunk.firstRow === 0 ? 0 : 1),
    u32(lossSlot),
    f32(lossScale(network.loss, batch.batchSize, network.outputs)),
    f32(learningRate),
    f32(corrects ? learningRate / (1 - beta1 ** (step + 1)) : learningRate),
    f32(corrects ? 1 / Math.sqrt(1 - beta2 ** (step + 1)) : 1),
    u32(firstReplica),
  ]);
}

export interface LayerWords {
  readonly network: Network;
  readonly layer: LayerShape;
  readonly replicas: number;
  /** Rows that the buffers of activations hold per replica. */
  readonly capacity: number;
  /** True where the layer reads rows that all replicas share. */
  readonly sharesInputs: boolean;
  readonly slots: number;
}

/** `Layer` of shaders/step.wgsl. */
export function layerBlock({ network, layer, replicas, capacity, sharesInputs, slots }: LayerWords): ArrayBuffer {
  return block([
    u32(layer.fanIn),
    u32(layer.fanOut),
    u32(layer.weightsOffset),
    u32(network.parameterCount),
    u32(replicas),
    u32(capacity),
    u32(sharesInputs ? 0 : capacity * layer.fanIn),
    u32(gradientColumnsOf(network, layer)),
    u32(slots),
  ]);
}

/** `Hyper` of shaders/update.wgsl; 1 − β is taken in float64, since 1 − f32(β) is off by up to 5e-5. */
export function hyperBlock(
  network: Network,
  replicas: number,
  { slots }: Pick<LayeredPlan, "slots">,
  optimizer: Optimizer,
): ArrayBuffer {
  const { momentum, weightDecay, beta1, beta2, alpha, epsilon } = optimizer;
  return block([
    u32(replicas),
    u32(network.parameterCount),
    u32(slots),
    f32(momentum),
    f32(weightDecay),
    f32(beta1),
    f32(1 - beta1),
    f32(beta2),
    f32(1 - beta2),
    f32(alpha),
    f32(1 - alpha),
    f32(epsilon),
  ]);
}

/** Distance of two entries in an array of `Step`, whose largest member has an alignment of 8 bytes. */
export const storedStepBytes = 56;

/** `Run` of shaders/trainReplicas.wgsl. */
export const runBlock = (steps: number, firstReplica: number, endReplica: number): ArrayBuffer =>
  block([u32(steps), u32(firstReplica), u32(endReplica)]);

/** `Slices` of shaders/trainSamples.wgsl. */
export const slicesBlock = (rows: number, slots: number, replicas: number): ArrayBuffer =>
  block([u32(rows), u32(slots), u32(replicas)]);

/** `Page` of shaders/gatherRows.wgsl. */
export const pageBlock = (firstRow: number, pageRows: number, width: number): ArrayBuffer =>
  block([u32(firstRow), u32(pageRows), u32(width)]);
