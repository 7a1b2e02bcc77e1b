import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { RunSettings } from "./executor.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { bootstrapRow, orderKey, permute, streams } from "../random.ts";

/** Which rows of the data set one step trains on: positions in its epoch's order. */
export interface Batch {
  readonly epoch: number;
  readonly firstPosition: number;
  /** The last batch of an epoch holds what is left. */
  readonly batchSize: number;
  readonly rowCount: number;
  readonly shuffled: boolean;
  readonly orderKey: readonly [number, number];
  /** Seed of the sample with replacement that rows are taken from; undefined: the data set itself. */
  readonly bootstrapSeed: number | undefined;
  /** Rows of the data set that are left out: so many from one on. */
  readonly heldOut: { readonly from: number; readonly rows: number } | undefined;
}

/** Rows of a run's data set. */
export const dataRowsOf = ({ data }: RunSettings, { inputs }: Pick<AnyNetwork, "inputs">): number =>
  data.inputs.length / inputs;

/** Rows of an epoch: those of the data set without those that each member leaves out. */
export const rowCountOf = (settings: RunSettings, network: Pick<AnyNetwork, "inputs">): number =>
  dataRowsOf(settings, network) - (settings.heldOut?.rows ?? 0);

/** Seed of a member's order of rows. */
export const seedOf = ({ perMember, seed }: RunSettings, member: number): number => perMember?.seed?.[member] ?? seed;

/** The optimizer as it treats a member. */
export function optimizerOf({ optimizer, perMember }: RunSettings, member: number): Optimizer {
  const { learningRate, momentum, weightDecay } = perMember ?? {};
  return {
    ...optimizer,
    learningRate: learningRate?.[member] ?? optimizer.learningRate,
    momentum: momentum?.[member] ?? optimizer.momentum,
    weightDecay: weightDecay?.[member] ?? optimizer.weightDecay,
  };
}

/** The same run with another learning rate, of all members or of each [members]. */
export const withLearningRate = (settings: RunSettings, learningRate: number | Float64Array): RunSettings =>
  typeof learningRate === "number"
    ? { ...settings, optimizer: { ...settings.optimizer, learningRate } }
    : { ...settings, perMember: { ...settings.perMember, learningRate } };

/** The optimizer as it treats each member. */
export const optimizersOf = (settings: RunSettings, members: number): Optimizer[] =>
  Array.from({ length: members }, (_, member) => optimizerOf(settings, member));

/** The optimizer that keeps all values which any member's needs. */
export const widestOptimizer = ({ optimizer, perMember }: RunSettings): Optimizer => ({
  ...optimizer,
  momentum: Array.from(perMember?.momentum ?? []).reduce((most, value) => Math.max(most, value), optimizer.momentum),
});

/** True where members differ in the rows that a step takes. */
export const hasOwnRows = (settings: RunSettings, rowCount: number): boolean =>
  settings.heldOut !== undefined ||
  (settings.perMember?.seed !== undefined && (settings.bootstrap === true || isShuffled(settings, rowCount)));

/** Steps of one epoch over `rowCount` rows. */
export const stepsPerEpoch = (rowCount: number, batchSize: number): number => Math.ceil(rowCount / batchSize);

/** True where epochs visit the rows in a seeded order; a batch of all rows keeps theirs. */
export const isShuffled = ({ shuffle, batchSize }: RunSettings, rowCount: number): boolean =>
  shuffle && batchSize < rowCount;

const unusedKey = [0, 0] as const;

/** The batch of a step and member: a function of these and the settings alone, so that a run can be resumed anywhere. */
export function batchAt(settings: RunSettings, rowCount: number, step: number, member = 0): Batch {
  const size = Math.min(settings.batchSize, rowCount);
  const perEpoch = stepsPerEpoch(rowCount, size);
  const epoch = Math.floor(step / perEpoch);
  const firstPosition = (step % perEpoch) * size;
  const shuffled = isShuffled(settings, rowCount);
  const { heldOut } = settings;
  return {
    epoch,
    firstPosition,
    batchSize: Math.min(size, rowCount - firstPosition),
    rowCount,
    shuffled,
    orderKey: shuffled ? orderKey(seedOf(settings, member), streams.order, epoch) : unusedKey,
    bootstrapSeed: settings.bootstrap ? seedOf(settings, member) : undefined,
    heldOut: heldOut && { from: heldOut.from[member]!, rows: heldOut.rows },
  };
}

/** Rows of the data set that a batch takes, in order; the GPU computes the same in `shaders/shuffle.wgsl`. */
export function rowsOf(batch: Batch): Uint32Array {
  const { firstPosition, batchSize, rowCount, shuffled, bootstrapSeed, heldOut } = batch;
  return Uint32Array.from({ length: batchSize }, (_, row) => {
    const place = shuffled ? permute(firstPosition + row, rowCount, batch.orderKey) : firstPosition + row;
    const drawn = bootstrapSeed === undefined ? place : bootstrapRow(place, rowCount, bootstrapSeed);
    return heldOut && drawn >= heldOut.from ? drawn + heldOut.rows : drawn;
  });
}
