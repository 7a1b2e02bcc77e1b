import { dataRowsOf, hasOwnRows, rowCountOf, widestOptimizer } from "../../batches.ts";
import type { RunSettings } from "../../executor.ts";
import type { GpuDevice } from "../device.ts";
import type { Layout } from "../layout.ts";
import { Hyper, Layer, memberWords, stepStride } from "../layouts.ts";
import { searchesLine, stateCount } from "../../../math/optimizerFunction.ts";
import { orthogonalFlops } from "../../stepWork.ts";
import { searchBytes, squareBytes } from "./costConstants.ts";
import { orthogonalBytes } from "./orthogonalPlan.ts";
import { LimitExceeded } from "../../../errors.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { type LayerShape, targetWidth } from "../../../graph/network.ts";
import { type Schedule, scheduleOf } from "../../../graph/schedule.ts";
import type { Task } from "../../../graph/tasks.ts";
import { chooseVariant, kernelName, type MatmulLimits, type LayerVariant } from "../matmulVariants.ts";

/** What a plan needs to know of a device. */
export interface PlanLimits extends MatmulLimits {
  readonly maxBufferBytes: number;
  /** Floating-point operations that one dispatch may take. */
  readonly dispatchFlops: number;
}

export interface PlanRequest {
  readonly network: AnyNetwork;
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

/** What a value costs beside its sum, in floating-point operations: the invocation, the activation, loads and stores. */
const valueFlops = 64;

/** Floating-point operations of the products of a task, per sample. */
function productFlopsOf({ step }: Schedule, task: Task): number {
  if (task.kind === "table") return 2 * step.parameters[task.parameter]!.size;
  if (task.kind !== "dense" && task.kind !== "denseInputs" && task.kind !== "denseWeights") return 0;
  return 2 * task.layer.fanIn * task.layer.fanOut;
}

/** Values of nodes that a task computes, or adds up, per sample. */
export function valuesOf({ nodes }: Schedule, task: Task): number {
  if (task.kind === "rows") return task.nodes.reduce((sum, node) => sum + nodes[node]!.width, 0);
  if (task.kind === "denseInputs") return task.layer.fanIn;
  if (task.kind === "dense" || task.kind === "denseWeights") return task.layer.fanOut;
  return nodes[task.kind === "loss" ? task.output : task.gradient]!.width;
}

/** How much longer products take where a side is too narrow for a tile. */
const narrowFactor = ({ fanIn, fanOut }: LayerShape): number => (Math.min(fanIn, fanOut) < 4 ? 6 : 1);

/** Work of the costliest dispatch per sample, in floating-point operations. */
function mostWork(schedule: Schedule): number {
  const works = schedule.tasks.map((task) => {
    const factor = "layer" in task && task.layer ? narrowFactor(task.layer) : 1;
    return factor * productFlopsOf(schedule, task) + valueFlops * valuesOf(schedule, task);
  });
  return Math.max(...works);
}

/** What a member costs in a dispatch however few values it has: a workgroup of 64 invocations. */
const memberFlops = 64 * valueFlops;
const maxGroups = 65_535;

/** Members of one dispatch: as many as so many rows of them may cost, in groups of equal size. */
export function groupMembersOf(limits: PlanLimits, network: AnyNetwork, members: number, rows = 1): number {
  const cost = Math.max(memberFlops, rows * mostWork(scheduleOf(network)));
  const most = Math.max(1, Math.min(maxGroups, Math.floor(limits.dispatchFlops / cost)));
  return Math.ceil(members / Math.ceil(members / most));
}

/** Samples that arenas of the schedule hold, of which some have no use. */
export const nodeStrideOf = ({ sampleUnit }: Schedule, samples: number): number =>
  sampleUnit * Math.ceil(samples / sampleUnit);

/** Rows of one chunk: limited by memory, and by the time that one dispatch may take. */
export function chunkRowsOf(limits: PlanLimits, { network, members, batchSize }: PlanRequest): number {
  const schedule = scheduleOf(network);
  const capacity = Math.min(limits.maxBufferBytes, workBytes);
  const widest = 4 * Math.max(1, ...schedule.arenaWidths);
  const bytes = Math.max(4 * network.inputs, widest * nodeStrideOf(schedule, members));
  requireFit("plan: one sample of all members", bytes, capacity, "use fewer members or narrower layers");
  const samples = schedule.sampleUnit * Math.floor(capacity / (widest * schedule.sampleUnit));
  const rowsThatFit = Math.min(samples / members, capacity / (4 * network.inputs));
  const work = groupMembersOf(limits, network, members) * mostWork(schedule);
  const rows = Math.max(1, Math.floor(Math.min(batchSize, rowsThatFit, limits.dispatchFlops / work)));
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
  const schedule = scheduleOf(network);
  const sum = (per: (task: Task) => number): number => schedule.tasks.reduce((total, task) => total + per(task), 0);
  const batchSize = Math.min(request.batchSize, rowCount);
  const gradientFloats = members * (network.parameterCount + 1);
  requireFit("plan: parameters", 4 * gradientFloats, limits.maxBufferBytes, "use fewer members or smaller layers");
  const chunkRows = chunkRowsOf(limits, { ...request, batchSize });
  const splitsThatFit = Math.floor(Math.min(splitFloats, limits.maxBufferBytes / 4) / gradientFloats);
  const splits = Math.max(1, Math.min(maxSplits, Math.ceil(chunkRows / sliceRows), splitsThatFit));
  const inputPageRows = pageRowsOf(limits, network.inputs, rowCount);
  const targetPageRows = pageRowsOf(limits, targetWidth(network), rowCount);
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
    layers: schedule.layers.map((layer) => planLayer(limits, layer, chunkRows, { members, splits })),
    flopsPerStep: samples * sum((task) => productFlopsOf(schedule, task)),
    workPerStep:
      samples * sum((task) => productFlopsOf(schedule, task) + valueFlops * valuesOf(schedule, task)) +
      (valueFlops + splits) * gradientFloats,
  };
}

/** Step slots written at once, 64 KiB: the smallest `maxBufferBytes`. A submit ends when they are used up. */
export const stepSlots = 256;

/** What is to be trained where. */
export interface RunRequest {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  /** Members that the training began with: how sums are divided depends on their number. */
  readonly plannedMembers?: number;
  readonly settings: RunSettings;
}

/** What is to be trained layer by layer. */
export interface LayeredRequest extends RunRequest {
  readonly plan: LayeredPlan;
  /** Invocations that take a row of nodes together; default by the device. */
  readonly lanes?: number;
}

/** Throws `LimitExceeded` where a buffer does not hold what an optimizer keeps. */
function requireState({ device, network, members, settings }: RunRequest): void {
  const { parameterCount } = network;
  const optimizer = widestOptimizer(settings);
  const bytes = 4 * stateCount(optimizer, parameterCount) * members * parameterCount;
  const smaller = searchesLine(optimizer) ? "a smaller historySize, or " : "";
  const fix = `use ${smaller}fewer members or smaller layers`;
  requireFit(`plan: what ${optimizer.name} keeps`, bytes, device.maxBufferBytes, fix);
}

/** Plans a run layer by layer. */
export function layeredRequest(request: RunRequest): LayeredRequest {
  const { device, network, members, plannedMembers = members, settings } = request;
  const rowCount = dataRowsOf(settings, network);
  const { batchSize } = settings;
  const plan = planLayered(device, { network, members: plannedMembers, rowCount, batchSize });
  requireState(request);
  const ofMatrices = orthogonalFlops(network, settings.optimizer);
  // As many members as a dispatch may take if it had all the work on their matrices to do.
  const forMatrices = Math.max(1, Math.floor(device.dispatchFlops / Math.max(1, ofMatrices)));
  const groupMembers = Math.min(members, plan.groupMembers, forMatrices);
  const workPerStep = (plan.workPerStep * members) / plannedMembers + members * ofMatrices;
  return { ...request, plan: { ...plan, groupMembers, workPerStep } };
}

/** Members that `batchRows` holds the rows of. */
export const rowMembers = ({ network, members, settings }: Omit<LayeredRequest, "device">): number =>
  hasOwnRows(settings, rowCountOf(settings, network)) ? members : 1;

const uniformBytes = ({ bytes }: Layout): number => Math.ceil(bytes / 16) * 16;

/** Uniforms of a run: one for every layer, one for what needs none, and those of tasks that have their own. */
const uniformCount = ({ layers, tasks }: Schedule): number =>
  1 +
  layers.length +
  tasks.filter((task) => task.kind === "sums" || task.kind === "table" || (task.kind === "loss" && !task.layer)).length;

/** Bytes that `createLayeredBuffers` will take, by its formula. */
export function layeredBytes(request: Omit<LayeredRequest, "device">): number {
  const { network, members, settings, plan } = request;
  const schedule = scheduleOf(network);
  const { inputs, targets } = settings.data;
  const nodes =
    nodeStrideOf(schedule, members * plan.chunkRows) * schedule.arenaWidths.reduce((sum, own) => sum + own, 0);
  const gathered = plan.gathered ? plan.chunkRows * (network.inputs + targetWidth(network)) : 0;
  const gradients = plan.splits * members * (network.parameterCount + 1);
  const parameters =
    (1 + stateCount(widestOptimizer(settings), network.parameterCount)) * members * network.parameterCount;
  const small = rowMembers(request) * plan.chunkRows + (plan.ringSteps + memberWords) * members;
  const uniforms = stepSlots * stepStride + uniformBytes(Layer) * uniformCount(schedule) + uniformBytes(Hyper);
  return (
    4 * (inputs.length + targets.length + gathered + nodes + gradients + parameters + small) +
    uniforms +
    squareBytes(settings, network, members) +
    orthogonalBytes(network, settings.optimizer, members) +
    searchBytes(settings)
  );
}

/**
 * Kernels of one step whose batch is one chunk, in order: 3L + 1 for a list of L layers; gathering and drawing apart.
 * @param ending the kernels behind those of the network
 */
export function kernelsOf(
  network: AnyNetwork,
  { layers }: LayeredPlan,
  ending: readonly string[] = ["update"],
): string[] {
  const names = scheduleOf(network).tasks.map((task): string => {
    if (task.kind === "dense") return kernelName("forward", layers[task.layer.index]!.forward);
    if (task.kind === "denseInputs") return kernelName("backwardInputs", layers[task.layer.index]!.backwardInputs);
    if (task.kind === "denseWeights") return kernelName("backwardWeights", layers[task.layer.index]!.backwardWeights);
    if (task.kind === "sums") return "backwardWeights";
    return task.kind === "table" ? "tableGradients" : task.kind;
  });
  return [...names, ...ending];
}
