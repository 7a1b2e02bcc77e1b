import { type AblationRow, type LimitsPoint, isTimed, type TimedAblation } from "./record.ts";

// What a step costs, and what a sample of it, from the same kernel with batches of several sizes.

export interface Line {
  readonly intercept: number;
  readonly slope: number;
}

/** The straight line with the least squares of its errors in y; undefined below two different x. */
export function lineThrough(points: readonly (readonly [x: number, y: number])[]): Line | undefined {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (count < 2 || spread === 0) return undefined;
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  return { intercept: meanY - slope * meanX, slope };
}

type BatchRow = TimedAblation & { readonly batchSize: number };

/** The whole kernel, one row for each size of the batch. */
function batchRows(rows: readonly AblationRow[]): BatchRow[] {
  const first = rows[0];
  const isBatch = (row: AblationRow): row is BatchRow =>
    isTimed(row) && row.batchSize !== undefined && (row === first || row.batchSize !== (first as BatchRow).batchSize);
  return rows.filter(isBatch).toSorted((a, b) => a.batchSize - b.batchSize);
}

export interface SampleCost {
  /** Milliseconds of a step of one network without a sample, and of each sample. */
  readonly stepMs: number;
  readonly sampleMs: number;
  readonly batchSizes: readonly number[];
}

/** Of one network; undefined where but one size of the batch was timed. */
export function sampleCostOf({ rows, work }: Pick<LimitsPoint, "rows" | "work">): SampleCost | undefined {
  const found = batchRows(rows);
  const line = lineThrough(found.map(({ batchSize, summary }) => [batchSize, summary.median / work.networks]));
  return line && { stepMs: line.intercept, sampleMs: line.slope, batchSizes: found.map(({ batchSize }) => batchSize) };
}
