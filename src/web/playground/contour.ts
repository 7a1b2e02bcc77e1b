// Where a map has one value: marching squares.

/** Ends of short lines in cells, x0 y0 x1 y1 and so on: 0 is the centre of the first column or row. */
export type Segments = number[];

/** Share of the way from one value to another at which `level` lies. */
const crossing = (from: number, to: number, level: number): number => (level - from) / (to - from);

/** Corners of a square from the top left, clockwise; its edges from the top, clockwise. */
const edgesOf: readonly (readonly [number, number][])[] = [
  [],
  [[3, 0]],
  [[0, 1]],
  [[3, 1]],
  [[1, 2]],
  [[3, 0], [1, 2]], // a saddle: see below
  [[0, 2]],
  [[3, 2]],
  [[2, 3]],
  [[0, 2]],
  [[0, 1], [2, 3]], // a saddle
  [[1, 2]],
  [[1, 3]],
  [[0, 1]],
  [[0, 3]],
  [],
]; // prettier-ignore

/** At a saddle the middle decides which corners belong together. */
const otherSaddle: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  5: [
    [0, 1],
    [2, 3],
  ],
  10: [
    [3, 0],
    [1, 2],
  ],
};

/**
 * The line where a map crosses a level.
 * @param values [cells, cells], row by row; squares with a value that is not finite are left out
 */
export function contour(values: Float32Array, cells: number, level: number): Segments {
  const segments: Segments = [];
  for (let row = 0; row + 1 < cells; row++) {
    for (let column = 0; column + 1 < cells; column++) {
      const at = row * cells + column;
      const [a, b] = [values[at]!, values[at + 1]!];
      const [d, c] = [values[at + cells]!, values[at + cells + 1]!];
      const kind = Number(a > level) + 2 * Number(b > level) + 4 * Number(c > level) + 8 * Number(d > level);
      if (kind === 0 || kind === 15 || !Number.isFinite(a + b + c + d)) continue;
      addSquare(segments, { row, column, kind, corners: [a, b, c, d], level });
    }
  }
  return segments;
}

interface Square {
  readonly row: number;
  readonly column: number;
  readonly kind: number;
  readonly corners: readonly [number, number, number, number];
  readonly level: number;
}

function addSquare(segments: Segments, { row, column, kind, corners: [a, b, c, d], level }: Square): void {
  const isJoined = (a + b + c + d) / 4 > level;
  const edges = (isJoined ? otherSaddle[kind] : undefined) ?? edgesOf[kind]!;
  const place = (edge: number): [number, number] => {
    if (edge === 0) return [column + crossing(a, b, level), row];
    if (edge === 1) return [column + 1, row + crossing(b, c, level)];
    if (edge === 2) return [column + crossing(d, c, level), row + 1];
    return [column, row + crossing(a, d, level)];
  };
  for (const [from, to] of edges) segments.push(...place(from), ...place(to));
}
