import { type Batch, optimizerOf, seedOf } from "../../batches.ts";
import { lossScale } from "../../sampleLoss.ts";
import type { RunSettings } from "../../executor.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import type { LayerShape } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { blockOf, placesOf, writeStruct } from "../layout.ts";
import { Hyper, Layer, MemberSettings, Step } from "../layouts.ts";
import { keyOf, streams } from "../../../random.ts";
import type { LayeredPlan } from "./layeredPlan.ts";

const at = placesOf(
  Step,
  "index",
  "chunkRows",
  "firstPosition",
  "rowCount",
  "orderKey",
  "firstRow",
  "lossSlot",
  "lossScale",
  "firstMember",
  "epoch",
  "value0",
  "value1",
  "value2",
  "value3",
  "value4",
);

/** Places of some words in `Step`, for those who write no others. */
export const stepWord = {
  chunkRows: at.chunkRows / 4,
  firstPosition: at.firstPosition / 4,
  firstMember: at.firstMember / 4,
} as const;

/** A stretch of a batch that is computed at once. */
export interface Chunk {
  readonly firstRow: number;
  readonly rows: number;
}

export interface StepWords {
  readonly network: AnyNetwork;
  /** The widest of all members. */
  readonly optimizer: Optimizer;
  readonly step: number;
  readonly batch: Batch;
  readonly chunk: Chunk;
  readonly lossSlot: number;
  /** First member of the group that is computed; default 0. */
  readonly firstMember?: number;
}

/** Writes `Step`, without objects in between: a fused dispatch takes a thousand. Bias corrections are computed here, in float64. */
export function writeStep(view: DataView, offset: number, options: StepWords): void {
  const { network, optimizer, step, batch, chunk, lossSlot, firstMember = 0 } = options;
  const setInteger = (place: number, value: number): void => view.setUint32(offset + place, value, true);
  const setFloat = (place: number, value: number): void => view.setFloat32(offset + place, value, true);
  setInteger(at.index, Math.min(step, 0xfffffffe)); // 0xffffffff stands for "no step" where NaN is noted
  setInteger(at.chunkRows, chunk.rows);
  setInteger(at.firstPosition, batch.firstPosition + chunk.firstRow);
  setInteger(at.rowCount, batch.rowCount);
  setInteger(at.orderKey, batch.orderKey[0]);
  setInteger(at.orderKey + 4, batch.orderKey[1]);
  setInteger(at.firstRow, chunk.firstRow);
  setInteger(at.lossSlot, lossSlot);
  setFloat(at.lossScale, lossScale(network.loss, batch.batchSize, network.outputs));
  setInteger(at.firstMember, firstMember);
  setInteger(at.epoch, batch.epoch % 2 ** 32);
  const values = kernelUpdateOf(optimizer).stepValues(optimizer, step);
  for (let index = 0; index < values.length; index++) setFloat(at.value0 + 4 * index, values[index]!);
}

/** `MemberSettings` of every member. */
export function memberBlock(settings: RunSettings, members: number): Uint32Array {
  const buffer = new ArrayBuffer(MemberSettings.bytes * members);
  const view = new DataView(buffer);
  for (let member = 0; member < members; member++) {
    const { learningRate, momentum, weightDecay } = optimizerOf(settings, member);
    const orderSeed = keyOf(seedOf(settings, member), streams.order);
    const heldOutFrom = settings.heldOut?.from[member] ?? 0;
    const values = { learningRate, momentum, weightDecay, heldOutFrom, orderSeed };
    writeStruct(view, MemberSettings.bytes * member, MemberSettings, values);
  }
  return new Uint32Array(buffer);
}

/** What `Layer` says of the kernel that reads it. */
export interface LayerValues {
  /** Default: a vector without inputs at the first parameter. */
  readonly layer?: Pick<LayerShape, "fanIn" | "fanOut" | "weightsOffset">;
  /** True where the layer reads rows that all members share. */
  readonly sharesInputs?: boolean;
  /** Row length of its gradients; default: that of its outputs. */
  readonly gradientColumns?: number;
}

export interface LayerWords extends LayerValues {
  readonly network: Pick<AnyNetwork, "parameterCount">;
  readonly members: number;
  /** Rows that the buffers of activations hold per member. */
  readonly capacity: number;
  /** Samples from one node to the next in the same buffer; default: without gaps. */
  readonly nodeStride?: number;
  /** True where each member draws its own rows. */
  readonly ownRows?: boolean;
  readonly splits: number;
}

/** `Layer` of shaders/step.wgsl. */
export function layerBlock(words: LayerWords): ArrayBuffer {
  const { network, layer, members, capacity, sharesInputs, ownRows, splits } = words;
  const { fanIn, fanOut, weightsOffset } = layer ?? { fanIn: 0, fanOut: 0, weightsOffset: 0 };
  return blockOf(Layer, {
    fanIn,
    fanOut,
    weightsOffset,
    parameterCount: network.parameterCount,
    members,
    capacity,
    inputMemberStride: sharesInputs ? 0 : capacity * fanIn,
    gradientColumns: words.gradientColumns ?? fanOut,
    splits,
    rowsMemberStride: ownRows ? capacity : 0,
    nodeStride: words.nodeStride ?? members * capacity,
  });
}

/** `Hyper` of shaders/hyper.wgsl; 1 − β, for example, is computed in float64, since 1 − f32(β) is off by up to 5e-5. */
export const hyperBlock = (
  { parameterCount }: AnyNetwork,
  members: number,
  { splits }: Pick<LayeredPlan, "splits">,
  optimizer: Optimizer,
): ArrayBuffer => {
  const values = kernelUpdateOf(optimizer).hyperValues(optimizer);
  const named = Array.from(values, (value, at) => [`value${at}`, value] as const);
  return blockOf(Hyper, { members, parameterCount, splits, ...Object.fromEntries(named) });
};
