/** Matrices in the memory of a heap: as `MatrixOperand` of src/backend/webgpu/tensor/matmul.ts. */
export interface WasmMatrices {
  /** Of the first value, in bytes. */
  readonly address: number;
  /** Distance of two rows, in values. */
  readonly leading: number;
  /** Distances of matrices, in values, one per dimension of `batch`; 0 repeats. */
  readonly batchStrides: readonly number[];
}

/** out = op(a) · op(b), or out += with `accumulate`, for every matrix of a batch. */
export interface MatmulRequest {
  readonly a: WasmMatrices;
  readonly b: WasmMatrices;
  /** Address of [...batch, m, n], without gaps. It overlaps neither a nor b. */
  readonly out: number;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly accumulate?: boolean;
}

/**
 * How a sum is taken. It decides the bits of a product, and depends on the shape alone: not on threads, nor on how out is cut.
 *   - isDot: few rows times a transposed matrix (matmulDot.ts)
 *   - slices: parts of k whose sums are added in order
 */
export interface SumOrder {
  readonly isDot: boolean;
  readonly slices: number;
  readonly sliceDepth: number;
}

/** How many matrices there are. */
export const valuesOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/** Most rows of a product of rows with rows. */
const mostDotRows = 3;
/** Few values of long sums: fewer values than a thread is worth, so that slices of k are shared out instead. */
const mostSlicedValues = 2 ** 14;
const leastSliceDepth = 2048;
const mostSlices = 32;

export function sumOrderOf(request: MatmulRequest): SumOrder {
  const { a, b, batch, m, n, k, transposeA, transposeB } = request;
  const isDot = m <= mostDotRows && k > 1 && transposeB && (!transposeA || a.leading === 1) && b.leading > 1;
  const isSliced = valuesOf(batch) * m * n <= mostSlicedValues;
  const wanted = isSliced ? Math.max(1, Math.min(mostSlices, Math.floor(k / leastSliceDepth))) : 1;
  const sliceDepth = wanted === 1 ? k : Math.ceil(k / wanted / 1024) * 1024; // blocks of sums are whole
  return { isDot, slices: Math.max(1, Math.ceil(k / Math.max(1, sliceDepth))), sliceDepth };
}
