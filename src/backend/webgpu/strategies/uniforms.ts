import { type Batch, optimizerOf, seedOf } from "../../batches.ts";
import { lossScale } from "../../sampleLoss.ts";
import type { RunSettings } from "../../executor.ts";
import type { LayerShape, Network } from "../../../graph/network.ts";
import type { Optimizer } from "../../../math/optimizer.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { blockOf, placesOf, writeStruct } from "../layout.ts";
import { Hyper, Layer, MemberSettings, Step } from "../layouts.ts";
import { keyOf, streams } from "../../../random.ts";
import { gradientColumnsOf, type LayeredPlan } from "./layeredPlan.ts";

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
  readonly network: Network;
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
    const values = { learningRate, momentum, weightDecay, orderSeed };
    writeStruct(view, MemberSettings.bytes * member, MemberSettings, values);
  }
  return new Uint32Array(buffer);
}

export interface LayerWords {
  readonly network: Network;
  readonly layer: LayerShape;
  readonly members: number;
  /** Rows that the buffers of activations hold per member. */
  readonly capacity: number;
  /** True where the layer reads rows that all members share. */
  readonly sharesInputs: boolean;
  /** True where every member takes rows of its own. */
  readonly ownRows?: boolean;
  readonly splits: number;
}

/** `Layer` of shaders/step.wgsl. */
export const layerBlock = ({
  network,
  layer,
  members,
  capacity,
  sharesInputs,
  ownRows,
  splits,
}: LayerWords): ArrayBuffer =>
  blockOf(Layer, {
    fanIn: layer.fanIn,
    fanOut: layer.fanOut,
    weightsOffset: layer.weightsOffset,
    parameterCount: network.parameterCount,
    members,
    capacity,
    inputMemberStride: sharesInputs ? 0 : capacity * layer.fanIn,
    gradientColumns: gradientColumnsOf(network, layer),
    splits,
    rowsMemberStride: ownRows ? capacity : 0,
  });

/** `Hyper` of shaders/optimizer.wgsl; 1 − β, for example, is computed in float64, since 1 − f32(β) is off by up to 5e-5. */
export const hyperBlock = (
  { parameterCount }: Network,
  members: number,
  { splits }: Pick<LayeredPlan, "splits">,
  optimizer: Optimizer,
): ArrayBuffer => {
  const values = kernelUpdateOf(optimizer).hyperValues(optimizer);
  const named = Array.from(values, (value, at) => [`value${at}`, value] as const);
  return blockOf(Hyper, { members, parameterCount, splits, ...Object.fromEntries(named) });
};
