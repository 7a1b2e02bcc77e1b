import { type Batch, optimizerOf, seedOf } from "../batches.ts";
import { lossScale } from "../cpu/loss.ts";
import type { RunSettings } from "../executor.ts";
import { kernelUpdateOf } from "../gpu/emitOptimizer.ts";
import type { LayerShape, Network } from "../network.ts";
import type { Optimizer } from "../optimizer.ts";
import { keyOf, streams } from "../random.ts";
import { gradientColumnsOf, type LayeredPlan } from "./layeredPlan.ts";

/** Distance of two step slots: the largest offset alignment that WebGPU allows a device to ask for. */
export const stepStride = 256;
/** Bytes that a kernel sees of a slot: `Step` of shaders/step.wgsl. */
export const stepBytes = 64;

/** Places of some words in `Step`, for those who write no others. */
export const stepWord = { chunkRows: 1, firstPosition: 2, firstReplica: 9 } as const;

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
  /** The widest of all replicas. */
  readonly optimizer: Optimizer;
  readonly step: number;
  readonly batch: Batch;
  readonly chunk: Chunk;
  readonly lossSlot: number;
  /** First replica of the group that is computed; default 0. */
  readonly firstReplica?: number;
}

/** Writes `Step`, without objects in between: a fused dispatch takes a thousand. Bias corrections are computed here, in float64. */
export function writeStep(view: DataView, offset: number, options: StepWords): void {
  const { network, optimizer, step, batch, chunk, lossSlot, firstReplica = 0 } = options;
  const u32At = (word: number, value: number): void => view.setUint32(offset + 4 * word, value, true);
  const f32At = (word: number, value: number): void => view.setFloat32(offset + 4 * word, value, true);
  u32At(0, Math.min(step, 0xfffffffe)); // 0xffffffff stands for "no step" where NaN is noted
  u32At(stepWord.chunkRows, chunk.rows);
  u32At(2, batch.firstPosition + chunk.firstRow);
  u32At(3, batch.rowCount);
  u32At(4, batch.orderKey[0]);
  u32At(5, batch.orderKey[1]);
  u32At(6, chunk.firstRow);
  u32At(7, lossSlot);
  f32At(8, lossScale(network.loss, batch.batchSize, network.outputs));
  u32At(stepWord.firstReplica, firstReplica);
  u32At(10, batch.epoch % 2 ** 32);
  const values = kernelUpdateOf(optimizer).stepValues(optimizer, step);
  for (let at = 0; at < values.length; at++) f32At(11 + at, values[at]!);
}

/** Bytes of one `ReplicaSettings` of shaders/step.wgsl in an array. */
const replicaSettingsBytes = 24;
/** 4-byte values that a run holds of a replica beside its parameters, moments and losses: settings and status. */
export const replicaWords = replicaSettingsBytes / 4 + 3;

/** `ReplicaSettings` of every replica. */
export function replicaBlock(settings: RunSettings, replicas: number): Uint32Array {
  const buffer = new ArrayBuffer(replicaSettingsBytes * replicas);
  const view = new DataView(buffer);
  for (let replica = 0; replica < replicas; replica++) {
    const { learningRate, momentum, weightDecay } = optimizerOf(settings, replica);
    const [low, high] = keyOf(seedOf(settings, replica), streams.order);
    writeWords(view, replicaSettingsBytes * replica, [
      f32(learningRate),
      f32(momentum),
      f32(weightDecay),
      u32(0),
      u32(low),
      u32(high),
    ]);
  }
  return new Uint32Array(buffer);
}

export interface LayerWords {
  readonly network: Network;
  readonly layer: LayerShape;
  readonly replicas: number;
  /** Rows that the buffers of activations hold per replica. */
  readonly capacity: number;
  /** True where the layer reads rows that all replicas share. */
  readonly sharesInputs: boolean;
  /** True where every replica takes rows of its own. */
  readonly ownRows?: boolean;
  readonly slots: number;
}

/** `Layer` of shaders/step.wgsl. */
export function layerBlock({
  network,
  layer,
  replicas,
  capacity,
  sharesInputs,
  ownRows,
  slots,
}: LayerWords): ArrayBuffer {
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
    u32(ownRows ? capacity : 0),
  ]);
}

/** `Hyper` of src/gpu/emitOptimizer.ts; 1 − β, for example, is computed in float64, since 1 − f32(β) is off by up to 5e-5. */
export function hyperBlock(
  network: Network,
  replicas: number,
  { slots }: Pick<LayeredPlan, "slots">,
  optimizer: Optimizer,
): ArrayBuffer {
  const values = kernelUpdateOf(optimizer).hyperValues(optimizer);
  return block([u32(replicas), u32(network.parameterCount), u32(slots), ...Array.from(values, f32)]);
}

/** Distance of two entries in an array of `Step`, whose largest member has an alignment of 8 bytes. */
export const storedStepBytes = 64;

/** `Run` of shaders/trainReplicas.wgsl. */
export const runBlock = (steps: number, firstReplica: number, endReplica: number): ArrayBuffer =>
  block([u32(steps), u32(firstReplica), u32(endReplica)]);

/** `Slices` of shaders/trainSamples.wgsl. */
export const slicesBlock = (rows: number, slots: number, replicas: number): ArrayBuffer =>
  block([u32(rows), u32(slots), u32(replicas)]);

/** `Page` of shaders/gatherRows.wgsl. */
export const pageBlock = (firstRow: number, pageRows: number, width: number): ArrayBuffer =>
  block([u32(firstRow), u32(pageRows), u32(width)]);
