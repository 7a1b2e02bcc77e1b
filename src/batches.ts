import type { RunSettings } from "./executor.ts";
import { orderKey, permute, streams } from "./random.ts";

/** Which rows of the data set one step trains on: positions in its epoch's order. */
export interface Batch {
  readonly epoch: number;
  readonly firstPosition: number;
  /** The last batch of an epoch holds what is left. */
  readonly batchSize: number;
  readonly rowCount: number;
  readonly shuffled: boolean;
  readonly orderKey: readonly [number, number];
}

/** Steps of one epoch over `rowCount` rows. */
export const stepsPerEpoch = (rowCount: number, batchSize: number): number => Math.ceil(rowCount / batchSize);

/** True where epochs visit the rows in a seeded order; a batch of all rows keeps theirs. */
export const isShuffled = ({ shuffle, batchSize }: RunSettings, rowCount: number): boolean =>
  shuffle && batchSize < rowCount;

/** The batch of a step: a function of (settings, step) alone, so that a run can be resumed anywhere. */
export function batchAt(settings: RunSettings, rowCount: number, step: number): Batch {
  const size = Math.min(settings.batchSize, rowCount);
  const perEpoch = stepsPerEpoch(rowCount, size);
  const epoch = Math.floor(step / perEpoch);
  const firstPosition = (step % perEpoch) * size;
  return {
    epoch,
    firstPosition,
    batchSize: Math.min(size, rowCount - firstPosition),
    rowCount,
    shuffled: isShuffled(settings, rowCount),
    orderKey: orderKey(settings.seed, streams.order, epoch),
  };
}

/** Rows of the data set that a batch takes, in order; the GPU computes the same in `shaders/order.wgsl`. */
export function rowsOf(batch: Batch): Uint32Array {
  const { firstPosition, batchSize, rowCount, shuffled } = batch;
  return Uint32Array.from({ length: batchSize }, (_, row) =>
    shuffled ? permute(firstPosition + row, rowCount, batch.orderKey) : firstPosition + row,
  );
}
