import { widestOptimizer } from "../../batches.ts";
import type { ActivationStorage, RunSettings, StrategyName } from "../../executor.ts";
import { isNamed } from "../emit/networkLayout.ts";
import { maxGroups } from "../kernel.ts";
import { type Network, targetWidth } from "../../../graph/network.ts";
import { type Optimizer } from "../../../math/optimizer.ts";
import { momentCount } from "../../../math/optimizerFunction.ts";
import { sampleFlops, updateFlops } from "../../stepWork.ts";
import { clipsNorm, squareBytes } from "./costConstants.ts";
import { machines, spreadMs, workgroupMs } from "./costModel.ts";
import { type GroupPlan, planGroups, planTiles } from "./groupPlan.ts";
import { type RunRequest, stepSlots, type PlanLimits, type PlanRequest } from "./layeredPlan.ts";
import { memberWords, stepStride, storedStepBytes } from "../layouts.ts";

/** Every strategy but the layered one. */
export type FusedName = Exclude<StrategyName, "layered">;

/** Sizes of a fused run: a function of the request and the limits alone, never of measured time. */
export interface FusedPlan {
  readonly strategy: FusedName;
  /** Rows of one dispatch, and members of one. */
  readonly chunkRows: number;
  readonly groupMembers: number;
  /** Members that one workgroup trains; 0 where workgroups take samples. */
  readonly workgroupMembers: number;
  /** How a workgroup takes samples; undefined where each invocation works for itself. */
  readonly tile: GroupPlan | undefined;
  /** Partial gradients, and the rows that each sums. */
  readonly splits: number;
  readonly sliceRows: number;
  readonly ringSteps: number;
  /** Steps worth handing over at once. */
  readonly leastSteps: number;
  /** Floating-point operations of one step of all members, with what functions cost. */
  readonly workPerStep: number;
  /** Estimated by the cost model, in milliseconds. */
  readonly stepMs: number;
}

/** What a fused plan needs to know of a device. */
export interface FusedLimits extends PlanLimits {
  /** Workgroup memory of a kernel. */
  readonly maxWorkgroupBytes: number;
  /** Lanes of every subgroup; undefined where there are none. */
  readonly subgroupLanes: number | undefined;
}

export interface FusedPlanRequest extends PlanRequest {
  readonly network: Network;
  readonly optimizer: Optimizer;
  readonly activationStorage?: ActivationStorage | undefined;
}

/** Parameters, gradients and moments of one network that private memory holds: WGSL promises 8,192 bytes of it. */
const maxPrivateFloats = 1900;
/** Widths beyond this nest the sums of straight-line code deeper than compilers parse. */
const maxStraightWidth = 128;
/** Rows that one invocation, or one workgroup, adds up one after the other: the error of a sum grows with them. */
const maxSliceRows = 1024;
const maxGroupRows = 4096;
/** Losses are read before their ring is full: rarely, where a step takes microseconds. */
const maxRingSteps = 65_536;
const workgroup = 64;
/** `TEAM` of shaders/trainSamples.wgsl: slices that take turns with the rows of one stretch. */
const teamSplits = 64;
/** What reading a parameter, clearing its gradient and writing it out costs an invocation, in floating-point operations. */
const movedFlops = 60;

/** Steps of a dispatch that make loading and storing the parameters cheap beside them. */
const worthwhileSteps = 32;
/** Time after which a signal is looked at, at the latest. */
const unitMs = 400;
/** Members that keep a device busy. */
const leastGroup = { software: 256, gpu: 16_384 } as const;

const ringStepsOf = (limits: PlanLimits, members: number): number =>
  Math.max(1, Math.min(maxRingSteps, Math.floor(Math.min(2 ** 22, limits.maxBufferBytes / 4) / members)));

/** Steps to submit at once, where one step takes this long. */
const leastStepsOf = (stepMs: number): number => Math.max(1, Math.min(worthwhileSteps, Math.floor(unitMs / stepMs)));

/** Members of one dispatch, whole workgroups, where a step of one takes so much work. */
function groupOf(limits: PlanLimits, members: number, work: number): number {
  const most = Math.floor(limits.dispatchFlops / (worthwhileSteps * work));
  return Math.min(members, Math.max(leastGroup[limits.kind], most - (most % workgroup)));
}

/** Whether a network is written out as straight-line code for one invocation, which keeps so many moments of it. */
const isStraight = ({ parameterCount, inputs, layers }: Network, moments = 0): boolean =>
  (2 + moments) * parameterCount <= maxPrivateFloats &&
  Math.max(inputs, ...layers.map(({ fanOut }) => fanOut)) <= maxStraightWidth;

/** Floating-point operations of one sample in one invocation: more where parameters do not fit registers. */
function invocationFlops({ kind }: PlanLimits, network: Network): number {
  const factor = isNamed(network) ? 1 : machines[kind].arrayFactor;
  return factor * sampleFlops(network);
}

/**
 * A plan whose dispatches take many steps of whole members.
 * @param cost floating-point operations of one step of a member, and by how much longer they take than in registers
 */
const planOfMembers = (
  limits: PlanLimits,
  { members, batchSize }: FusedPlanRequest,
  own: Pick<FusedPlan, "strategy" | "workgroupMembers" | "tile" | "stepMs">,
  { work, slowness = 1 }: { readonly work: number; readonly slowness?: number },
): FusedPlan => ({
  ...own,
  chunkRows: batchSize,
  groupMembers: groupOf(limits, members, slowness * work),
  splits: 1,
  sliceRows: batchSize,
  ringSteps: ringStepsOf(limits, members),
  leastSteps: leastStepsOf(own.stepMs),
  workPerStep: members * work,
});

/** One invocation trains a member. */
function planMembers(limits: PlanLimits, request: FusedPlanRequest): FusedPlan | undefined {
  const { network, members, batchSize, optimizer } = request;
  if (batchSize > maxSliceRows || !isStraight(network, momentCount(optimizer))) return undefined;
  const work = batchSize * invocationFlops(limits, network) + network.parameterCount * updateFlops(optimizer);
  const loaded = 8 * network.parameterCount * members;
  const stepMs =
    spreadMs(limits.kind, members, work) +
    (1000 * loaded) / machines[limits.kind].bytesPerSecond / worthwhileSteps +
    machines[limits.kind].dispatchMs / worthwhileSteps;
  const own = { strategy: "members", workgroupMembers: workgroup, tile: undefined, stepMs } as const;
  return planOfMembers(limits, request, own, { work });
}

/** The lanes of one subgroup train a member, each on its share of the batch. */
function planSubgroups(limits: FusedLimits, request: FusedPlanRequest): FusedPlan | undefined {
  const { network, members, batchSize, optimizer } = request;
  const lanes = limits.subgroupLanes;
  if (lanes === undefined || batchSize > lanes * maxSliceRows) return undefined;
  if (!isStraight(network, momentCount(optimizer))) return undefined;
  const { laneFlops, dispatchMs } = machines[limits.kind];
  const reduced = (network.parameterCount + 1) * (8 + 4 * Math.log2(lanes));
  const work =
    Math.ceil(batchSize / lanes) * invocationFlops(limits, network) +
    network.parameterCount * updateFlops(optimizer) +
    reduced;
  const stepMs =
    (1000 * Math.max(1, (members * lanes) / machines[limits.kind].lanes) * work) / laneFlops +
    dispatchMs / worthwhileSteps;
  const own = { strategy: "subgroups", workgroupMembers: 1, tile: undefined, stepMs } as const;
  return planOfMembers(limits, request, own, { work: lanes * work });
}

interface TileWork {
  readonly tile: GroupPlan;
  readonly workgroups: number;
  /** Rows of each workgroup. */
  readonly rows: number;
  /** Floating-point operations of each. */
  readonly flops: number;
}

/** Milliseconds of workgroups that each take rows tile by tile: threads take four units of four samples, or more. */
function tilesMs({ kind }: PlanLimits, { layers }: Network, { tile, workgroups, rows, flops }: TileWork): number {
  const widest = Math.max(...layers.map(({ fanOut }) => Math.ceil(fanOut / 4)));
  const threads = Math.min(tile.threads, widest * Math.ceil(Math.min(rows, tile.tileRows) / 4));
  const barriers = Math.ceil(rows / tile.tileRows) * (3 * layers.length + 2);
  return workgroupMs(kind, { workgroups, threads, flops, barriers });
}

/** One workgroup trains a member. */
function planWorkgroups(limits: FusedLimits, request: FusedPlanRequest): FusedPlan | undefined {
  const { network, members, batchSize, optimizer } = request;
  const tile = batchSize > maxGroupRows ? undefined : planGroups(limits, request);
  if (!tile) return undefined;
  const { sharedFactor, dispatchMs } = machines[limits.kind];
  const work = batchSize * sampleFlops(network) + network.parameterCount * updateFlops(optimizer);
  const stepMs =
    tilesMs(limits, network, { tile, workgroups: members, rows: batchSize, flops: work }) +
    dispatchMs / worthwhileSteps;
  const own = { strategy: "groups", workgroupMembers: 1, tile, stepMs } as const;
  return planOfMembers(limits, request, own, { work, slowness: sharedFactor });
}

/** How a strategy cuts a batch into slices. */
interface Slicing {
  readonly leastRows: number;
  /** Rows of a slice, once there are `maxSplits`, at most. */
  readonly mostRows: number;
  readonly maxSplits: number;
}

const slicings = {
  samples: { leastRows: 16, mostRows: maxSliceRows, maxSplits: 1024 },
  tiles: { leastRows: 32, mostRows: 4096, maxSplits: 256 },
} as const satisfies Partial<Record<StrategyName, Slicing>>;

/** Slices of a batch: a function of its size alone, so that the order of sums depends on nothing else. */
function slicesOf(batchSize: number, { leastRows, mostRows, maxSplits }: Slicing) {
  const most = Math.max(maxSplits, Math.ceil(batchSize / mostRows));
  const sliceRows = Math.ceil(batchSize / Math.min(most, Math.ceil(batchSize / leastRows)));
  return { splits: Math.ceil(batchSize / sliceRows), sliceRows };
}

/** One invocation, or one workgroup, takes a slice of the batch; a chunk is a number of whole slices. */
function planSlices(
  limits: FusedLimits,
  request: FusedPlanRequest,
  strategy: "samples" | "tiles",
): FusedPlan | undefined {
  const { network, members, batchSize, optimizer } = request;
  const { splits, sliceRows } = slicesOf(batchSize, slicings[strategy]);
  const tile = strategy === "tiles" ? planTiles(limits, { ...request, batchSize: sliceRows }) : undefined;
  if (members > maxGroups || (strategy === "tiles" ? !tile : !isStraight(network))) return undefined;
  const perSample = tile ? machines[limits.kind].sharedFactor * sampleFlops(network) : invocationFlops(limits, network);
  const together = tile ? 1 : Math.min(splits, teamSplits);
  const perChunk = Math.floor(limits.dispatchFlops / (members * together * sliceRows * perSample));
  const partialFloats = splits * members * (network.parameterCount + 1);
  if (perChunk < 1 || 4 * partialFloats > limits.maxBufferBytes) return undefined;
  const { dispatchMs } = machines[limits.kind];
  const chunkRows = Math.min(batchSize, perChunk * together * sliceRows);
  const update = updateFlops(optimizer) + 4 * splits;
  return {
    strategy,
    chunkRows,
    groupMembers: members,
    workgroupMembers: 0,
    tile,
    splits,
    sliceRows,
    ringSteps: ringStepsOf(limits, members),
    leastSteps: 1,
    workPerStep: members * (batchSize * perSample + network.parameterCount * update),
    stepMs:
      (Math.ceil(batchSize / chunkRows) + 1) * dispatchMs +
      (tile
        ? tilesMs(limits, network, {
            tile,
            workgroups: members * splits,
            rows: sliceRows,
            flops: sliceRows * sampleFlops(network) + movedFlops * network.parameterCount,
          })
        : spreadMs(limits.kind, members * splits, sliceRows * perSample + movedFlops * network.parameterCount)) +
      spreadMs(limits.kind, members * (network.parameterCount + 1), update),
  };
}

/** Whether the data of a run fit one binding each, which the fused kernels need. */
function fitsBindings(limits: PlanLimits, { network, rowCount, members, optimizer }: FusedPlanRequest): boolean {
  const largest = Math.max(
    rowCount * Math.max(network.inputs, targetWidth(network)),
    Math.max(1, momentCount(optimizer)) * members * network.parameterCount,
    6 * members,
  );
  return 4 * largest <= limits.maxBufferBytes;
}

/** The fused plans that a request allows. */
export function planFused(limits: FusedLimits, wanted: FusedPlanRequest): FusedPlan[] {
  const request = { ...wanted, batchSize: Math.min(wanted.batchSize, wanted.rowCount) };
  if (!fitsBindings(limits, request)) return [];
  const plans = [
    planMembers(limits, request),
    planSubgroups(limits, request),
    planWorkgroups(limits, request),
    planSlices(limits, request, "samples"),
    planSlices(limits, request, "tiles"),
  ];
  return plans.filter((plan) => plan !== undefined);
}

/** Steps of one dispatch of whole members at most: their numbers are written before it. */
export const maxStepsPerDispatch = 1024;

/** What a fused run is built from: as a layered one, with its own plan. */
export type FusedRequest = RunRequest & { readonly network: Network; readonly plan: FusedPlan };

/** Kernels of one dispatch or step of a strategy, in order. */
export function kernelsOfFused(strategy: FusedName, settings: RunSettings): readonly string[] {
  const update = [...(clipsNorm(settings) ? ["gradientSquares"] : []), "update"];
  return {
    members: ["trainMembers"],
    subgroups: ["trainMembers"],
    groups: ["trainGroups"],
    samples: ["trainSamples", ...update],
    tiles: ["trainTiles", ...update],
  }[strategy];
}

const momentFloats = ({ settings, members, network }: Omit<FusedRequest, "device">): number =>
  momentCount(widestOptimizer(settings)) * members * network.parameterCount;

export const partialFloats = ({ plan, members, network }: Omit<FusedRequest, "device">): number =>
  plan.splits * members * (network.parameterCount + 1);

/** Bytes that a fused run takes, parameters included, but for buffers of at most 64 bytes. */
export function fusedBytes(request: Omit<FusedRequest, "device">): number {
  const { network, members, settings, plan } = request;
  const { inputs, targets } = settings.data;
  const takesSteps = plan.workgroupMembers > 0;
  const floats =
    inputs.length +
    targets.length +
    members * network.parameterCount +
    momentFloats(request) +
    (plan.ringSteps + memberWords) * members +
    (takesSteps ? 0 : partialFloats(request));
  return (
    4 * floats +
    (takesSteps
      ? maxStepsPerDispatch * storedStepBytes
      : stepSlots * stepStride + squareBytes(settings, network, members))
  );
}

/** `SLICE_ROWS` of shaders/scoreMembers.wgsl: rows that are summed in float32; what is beyond is summed in float64 on the host. */
export const scoreSliceRows = 128;
/** Sums that are kept before they are read back, and slices of one member among them. */
const maxSums = 2 ** 20;
const maxSlices = 1024;
/** Bytes of the inputs, and of the targets, of a chunk. */
const chunkBytes = 2 ** 24;

/** Slices of a chunk: as many as memory holds of their rows and of their sums for all members. */
export function slicesOfChunk({ maxBufferBytes }: PlanLimits, { inputs, outputs }: Network, members: number): number {
  const rows = Math.min(chunkBytes, maxBufferBytes) / (4 * Math.max(inputs, outputs));
  const sums = Math.max(members, Math.min(maxSums, maxBufferBytes / 4));
  return Math.floor(Math.min(maxSlices, rows / scoreSliceRows, sums / members));
}

/**
 * Rows of all members together that pay for compiling a network whose parameters lie in an array, which takes a second or two:
 * on a software adapter some one to four scores, by times of both; on hardware an estimate. Up to `maxNamedParameters` it
 * takes no longer than compiling the kernels of the layers.
 */
const worthCompiling = { software: 2 ** 17, gpu: 2 ** 24 } as const;

/** Whether members are scored sooner over so many rows by one invocation for each and for each slice than layer by layer. */
export const scoresFused = (limits: PlanLimits, network: Network, members: number, rows: number): boolean =>
  isStraight(network) &&
  slicesOfChunk(limits, network, members) > 0 &&
  (isNamed(network) || members * rows >= worthCompiling[limits.kind]);
