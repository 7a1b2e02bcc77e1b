import { mostColumns } from "./matmulScratch.ts";
import { type MatmulRequest, type SumOrder, valuesOf } from "./matmulRequest.ts";

/** How a matrix of out is cut into items, and what is packed. The bits of a product do not depend on it. */
export interface Cut {
  /** Rows and columns of an item at most. */
  readonly rows: number;
  readonly columns: number;
  readonly packA: boolean;
  readonly packB: boolean;
  /** Matrices of which an item takes the same block. */
  readonly matrices: number;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Operations below which another item costs more than it saves: about 5 µs. */
const leastOperations = 2 ** 18;
/** Items for each thread, so that none waits long for the last one. */
const itemsPerThread = 4;

/** Columns from which packing a pays: values of a row of a are then used in so many sums. */
const widePackedColumns = 256;
/** Columns of b whose rows are so far apart that rows of one block displace each other from a first-level cache. */
const distantRow = 512;
/** Values of b that a first-level cache holds as they are. */
const nearValues = 4096;

export function chooseCut(request: MatmulRequest, order: SumOrder, threads: number): Cut {
  const { m, n, k, batch } = request;
  const matrices = valuesOf(batch);
  const operations = 2 * m * n * Math.max(1, k);
  const worthwhile = Math.max(1, Math.floor((operations * matrices) / leastOperations));
  const wanted = threads === 1 ? 1 : Math.min(itemsPerThread * threads, worthwhile);
  const blocks = Math.max(1, Math.ceil(wanted / (matrices * order.slices)));
  const share = { rows: m, columns: Math.min(n, mostColumns) };
  if (n > 4 * m) share.columns = Math.min(share.columns, roundUp(Math.ceil(n / blocks), 16));
  else share.rows = Math.min(m, roundUp(Math.ceil((m * Math.ceil(n / mostColumns)) / blocks), 4));
  return {
    ...share,
    packA: share.columns >= widePackedColumns,
    packB: share.rows >= (n >= distantRow ? 32 : 64) && n * k > nearValues,
    matrices: Math.max(1, Math.min(Math.floor(matrices / wanted), Math.ceil(leastOperations / operations))),
  };
}
