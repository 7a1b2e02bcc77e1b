import { hasOwnRows, widestOptimizer } from "../../batches.ts";
import type { RunSettings } from "../../executor.ts";
import type { GpuDevice } from "../device.ts";
import type { Layout } from "../layout.ts";
import { Hyper, Layer, memberWords, stepStride } from "../layouts.ts";
import { momentCount } from "../../../math/optimizerFunction.ts";
import { rowCountOf } from "./costConstants.ts";
import { LimitExceeded } from "../../../errors.ts";
import { type LayerShape, type Network } from "../../../graph/network.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import { chooseVariant, kernelName, type MatmulLimits, type LayerVariant } from "../matmulVariants.ts";

/** What a plan needs to know of a device. */
export interface PlanLimits extends MatmulLimits {
  readonly maxBufferBytes: number;
  /** Floating-point operations that one dispatch may take. */
  readonly dispatchFlops: number;
}

export interface PlanRequest {
  readonly network: Network;
  readonly members: number;
  readonly batchSize: number;
  readonly rowCount: number;
}

/** Which variants of its products a layer runs. */
export interface LayerPlan {
  readonly forward: LayerVariant;
  readonly backwardInputs: LayerVariant;
  readonly backwardWeights: LayerVariant;
}

/** Sizes of a layered run: a function of the request and the limits alone, never of measured time. */
export interface LayeredPlan {
  /** Rows of one chunk, and capacity of the buffers of activations; a batch is `chunks` of them. */
  readonly chunkRows: number;
  readonly chunks: number;
  /** Members of one dispatch; the others run in further dispatches. */
  readonly groupMembers: number;
  /** Partial gradients, each summed over its own slices of the chunk. */
  readonly splits: number;
  /** Rows per buffer of the data set; one page holds all where it fits. */
  readonly inputPageRows: number;
  readonly targetPageRows: number;
  /** True where inputs or targets need several pages, so that each chunk is gathered from them. */
  readonly gathered: boolean;
  /** Losses kept until they are read, in steps. */
  readonly ringSteps: number;
  readonly layers: readonly LayerPlan[];
  /** Floating-point operations of one full step, forward and backward. */
  readonly flopsPerStep: number;
  /** The same with what values cost beside their sums: what submits are sized by. */
  readonly workPerStep: number;
}

/** Samples per slice of the sum over the batch: `SLICE_ROWS` of shaders/backwardWeights.wgsl. */
export const sliceRows = 128;
/** Every device offers bindings of this size; larger ones would make results depend on the device's limits. */
const workBytes = 128 * 2 ** 20;
const maxSplits = 256;
/** Floats that the partial gradients may take beyond the first. */
const splitFloats = 2 ** 22;
const maxRingSteps = 4096;

/** Planes of a layer's outputs: activations, and pre-activations where the derivative needs them. */
export const planesOf = ({ activation }: LayerShape): 1 | 2 => (savesPreActivation(activation) ? 2 : 1);

/** Row length of a layer's dOutputs: the last layer's carries the sample's loss as well. */
export const gradientColumnsOf = (network: Network, { index, fanOut }: LayerShape): number =>
  index === network.layers.length - 1 ? fanOut + 1 : fanOut;

/** What all products of a run have in common. */
interface Shared {
  readonly members: number;
  readonly splits: number;
}

function planLayer(limits: PlanLimits, { fanIn, fanOut }: LayerShape, rows: number, shared: Shared): LayerPlan {
  const { members, splits } = shared;
  const forward = { members, rows, columns: fanOut, splits: 1 };
  const backwardInputs = { members, rows, columns: fanIn, splits: 1 };
  const backwardWeights = { members, rows: fanIn, columns: fanOut, splits };
  return {
    forward: chooseVariant(limits, forward),
    backwardInputs: chooseVariant(limits, backwardInputs),
    backwardWeights: chooseVariant(limits, backwardWeights),
  };
}

const requireFit = (place: string, bytes: number, limit: number, fix: string): void => {
  if (bytes <= limit) return;
  throw new LimitExceeded({ place, expected: `at most ${limit} bytes in one buffer`, got: String(bytes), fix });
};

/** Bytes of the largest buffer per row of the batch: a layer's outputs and gradients for every member, or one gathered row. */
function rowBytes(network: Network, members: number): number {
  const values = network.layers.map((layer) =>
    Math.max(planesOf(layer) * layer.fanOut, gradientColumnsOf(network, layer)),
  );
  return 4 * Math.max(network.inputs, members * Math.max(...values));
}

/** What a value costs beside its sum, in floating-point operations: the invocation, the activation, loads and stores. */
const valueFlops = 64;
/** Floating-point operations of one sample's products, forward and backward. */
function productFlopsOf({ layers }: Network): number {
  const products = layers.reduce((total, { fanIn, fanOut }) => total + fanIn * fanOut, 0);
  return 2 * (3 * products - layers[0]!.fanIn * layers[0]!.fanOut);
}

/** The same, with what values cost beside their sums. */
function layeredSampleFlops(network: Network): number {
  const values = network.layers.reduce((total, { fanIn, fanOut }) => total + 2 * fanOut + fanIn, 0);
  return productFlopsOf(network) + valueFlops * values;
}

/** What a multiplication with its addition costs: 2, and 6 times that where a side is too narrow for a tile. */
const productFlops = ({ fanIn, fanOut }: LayerShape): number => (Math.min(fanIn, fanOut) < 4 ? 12 : 2);

/** Work of a layer's costliest dispatch per row of the batch, in floating-point operations. */
function rowWork(layer: LayerShape, members: number): number {
  const { index, fanIn, fanOut } = layer;
  const values = index === 0 ? fanOut : Math.max(fanIn, fanOut); // no gradient by the network's inputs is taken
  return members * (productFlops(layer) * fanIn * fanOut + valueFlops * values);
}

/** What a member costs in a dispatch however few values it has: a workgroup of 64 invocations. */
const memberFlops = 64 * valueFlops;
const maxGroups = 65_535;

/** Members of one dispatch: as many as so many rows of them may cost, in groups of equal size. */
export function groupMembersOf(limits: PlanLimits, network: Network, members: number, rows = 1): number {
  const cost = Math.max(memberFlops, ...network.layers.map((layer) => rows * rowWork(layer, 1)));
  const most = Math.max(1, Math.min(maxGroups, Math.floor(limits.dispatchFlops / cost)));
  return Math.ceil(members / Math.ceil(members / most));
}

/** Rows of one chunk: limited by memory, and by the time that one dispatch may take. */
export function chunkRowsOf(limits: PlanLimits, { network, members, batchSize }: PlanRequest): number {
  const capacity = Math.min(limits.maxBufferBytes, workBytes);
  const bytes = rowBytes(network, members);
  requireFit("plan: one sample of all members", bytes, capacity, "take fewer members or narrower layers");
  const group = groupMembersOf(limits, network, members);
  const work = Math.max(...network.layers.map((layer) => rowWork(layer, group)));
  const rows = Math.max(1, Math.min(batchSize, Math.floor(capacity / bytes), Math.floor(limits.dispatchFlops / work)));
  return rows < batchSize && rows > sliceRows ? rows - (rows % sliceRows) : rows;
}

/** Rows per page of data of a width. */
function pageRowsOf(limits: PlanLimits, width: number, rowCount: number): number {
  requireFit("plan: one row of data", width * 4, limits.maxBufferBytes, "use fewer columns");
  return Math.min(rowCount, Math.floor(limits.maxBufferBytes / (4 * width)));
}

/**
 * Plans a layered run.
 * @throws LimitExceeded when parameters, one sample or one row cannot fit a buffer
 */
export function planLayered(limits: PlanLimits, request: PlanRequest): LayeredPlan {
  const { network, members, rowCount } = request;
  const batchSize = Math.min(request.batchSize, rowCount);
  const gradientFloats = members * (network.parameterCount + 1);
  requireFit("plan: parameters", 4 * gradientFloats, limits.maxBufferBytes, "take fewer members or smaller layers");
  const chunkRows = chunkRowsOf(limits, { ...request, batchSize });
  const splitsThatFit = Math.floor(Math.min(splitFloats, limits.maxBufferBytes / 4) / gradientFloats);
  const splits = Math.max(1, Math.min(maxSplits, Math.ceil(chunkRows / sliceRows), splitsThatFit));
  const inputPageRows = pageRowsOf(limits, network.inputs, rowCount);
  const targetPageRows = pageRowsOf(limits, network.outputs, rowCount);
  const ringThatFits = Math.floor(Math.min(2 ** 22, limits.maxBufferBytes / 4) / members);
  const samples = members * batchSize;
  return {
    chunkRows,
    chunks: Math.ceil(batchSize / chunkRows),
    groupMembers: groupMembersOf(limits, network, members),
    splits,
    inputPageRows,
    targetPageRows,
    gathered: inputPageRows < rowCount || targetPageRows < rowCount,
    ringSteps: Math.max(1, Math.min(maxRingSteps, ringThatFits)),
    layers: network.layers.map((layer) => planLayer(limits, layer, chunkRows, { members, splits })),
    flopsPerStep: samples * productFlopsOf(network),
    workPerStep: samples * layeredSampleFlops(network) + (valueFlops + splits) * gradientFloats,
  };
}

/** Step slots written at once, 64 KiB: the smallest `maxBufferBytes`. A submit ends when they are used up. */
export const stepSlots = 256;

/** What is to be trained layer by layer. */
export interface BuffersRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  readonly plan: LayeredPlan;
  /** Layers of a graph; absent for a list, where layer by layer follows. */
  readonly graph?: GraphLayers | undefined;
}

/** What a graph of dense layers has that a list has not. */
export interface GraphLayers {
  /** Whether a layer reads the data. */
  readonly readsData: (layer: LayerShape) => boolean;
  /** Whether the gradient by the outputs of a layer has a buffer of its own. */
  readonly hasGradient: (layer: LayerShape) => boolean;
}

/** Members that `batchRows` holds the rows of. */
export const rowMembers = ({ network, members, settings }: Omit<BuffersRequest, "device">): number =>
  hasOwnRows(settings, rowCountOf(settings, network)) ? members : 1;

const uniformBytes = ({ bytes }: Layout): number => Math.ceil(bytes / 16) * 16;

/** Bytes that `createLayeredBuffers` will take, by its formula. */
export function layeredBytes(request: Omit<BuffersRequest, "device">): number {
  const { network, members, settings, plan, graph } = request;
  const samples = members * plan.chunkRows;
  const { inputs, targets } = settings.data;
  const work = network.layers.reduce((total, layer) => {
    const gradient = (graph?.hasGradient(layer) ?? true) ? gradientColumnsOf(network, layer) : 0;
    return total + samples * (planesOf(layer) * layer.fanOut + gradient);
  }, 0);
  const gathered = plan.gathered ? plan.chunkRows * (network.inputs + network.outputs) : 0;
  const gradients = plan.splits * members * (network.parameterCount + 1);
  const parameters = (1 + momentCount(widestOptimizer(settings))) * members * network.parameterCount;
  const small = rowMembers(request) * plan.chunkRows + (plan.ringSteps + memberWords) * members;
  const uniforms = stepSlots * stepStride + uniformBytes(Layer) * network.layers.length + uniformBytes(Hyper);
  return 4 * (inputs.length + targets.length + gathered + work + gradients + parameters + small) + uniforms;
}

/** Kernels of one step whose batch is one chunk, in order: 3L + 1 for L layers, gathering apart. */
export function kernelsOf({ layers }: LayeredPlan): string[] {
  const backward = layers.toReversed().flatMap((layer, place) => {
    const isFirst = place === layers.length - 1;
    const weights = kernelName("backwardWeights", layer.backwardWeights);
    return isFirst ? [weights] : [weights, kernelName("backwardInputs", layer.backwardInputs)];
  });
  return [...layers.map(({ forward }) => kernelName("forward", forward)), "loss", ...backward, "update"];
}
