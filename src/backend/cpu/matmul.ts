/** Matrices in an array: as `StoredMatrices` of src/backend/tensorBackend.ts. */
export interface MatrixValues {
  readonly values: Float64Array;
  readonly offset: number;
  readonly leading: number;
  readonly batchStrides: readonly number[];
}

export interface MatmulArguments {
  readonly a: MatrixValues;
  readonly b: MatrixValues;
  /** [...batch, m, n], written. */
  readonly out: Float64Array;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Where the matrix of a place in the batch begins. */
function firstOf({ offset, batchStrides }: MatrixValues, batch: readonly number[], place: number): number {
  let at = offset;
  let rest = place;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    at += (rest % batch[axis]!) * batchStrides[axis]!;
    rest = Math.floor(rest / batch[axis]!);
  }
  return at;
}

/** out = op(a) · op(b) for every matrix of a batch. CPU reference of `shaders/matmul.wgsl`. */
export function matmul({ a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulArguments): void {
  const count = batch.reduce((product, size) => product * size, 1);
  const [aRow, aColumn] = transposeA ? [1, a.leading] : [a.leading, 1];
  const [bRow, bColumn] = transposeB ? [1, b.leading] : [b.leading, 1];
  for (let matrix = 0; matrix < count; matrix++) {
    const firstA = firstOf(a, batch, matrix);
    const firstB = firstOf(b, batch, matrix);
    for (let row = 0; row < m; row++) {
      const sums = out.subarray((matrix * m + row) * n, (matrix * m + row + 1) * n).fill(0);
      for (let i = 0; i < k; i++) {
        const value = a.values[firstA + row * aRow + i * aColumn]!;
        const first = firstB + i * bRow;
        for (let column = 0; column < n; column++) sums[column]! += value * b.values[first + column * bColumn]!;
      }
    }
  }
}
