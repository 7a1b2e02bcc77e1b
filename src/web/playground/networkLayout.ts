// Where the nodes of the drawing lie.

export interface Place {
  readonly x: number;
  readonly y: number;
}

export interface NetworkLayout {
  readonly width: number;
  readonly height: number;
  readonly nodeSize: number;
  /** Centres, column by column: inputs, hidden layers, output. */
  readonly columns: readonly (readonly Place[])[];
}

/** Least distance of two columns: the buttons above them must fit. */
const leastDistance = 62;
/** Left of the inputs: their names. Right of the output: half its head. */
const nameWidth = 50;
const margin = 30;
/** Above the nodes: what a column is called, and its buttons. */
const headHeight = 84;

/**
 * Columns of equal distance, each centred.
 * @param counts nodes of each column
 * @param width there is; the drawing is wider where its columns need more
 */
export function layoutNetwork(counts: readonly number[], width: number): NetworkLayout {
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const nodeSize = most > 12 ? 24 : most > 8 ? 30 : 36;
  const pitch = nodeSize + (most > 8 ? 8 : 10);
  const height = headHeight + most * pitch;
  const first = nameWidth + nodeSize / 2;
  const gaps = counts.length - 1;
  const distance = Math.max(leastDistance, (width - first - margin) / gaps);
  const columns = counts.map((count, column) => {
    const top = headHeight + (height - headHeight - (count - 1) * pitch) / 2;
    return Array.from({ length: count }, (_, at) => ({ x: first + column * distance, y: top + at * pitch }));
  });
  return { width: first + gaps * distance + margin, height, nodeSize, columns };
}

/** A curve from the right edge of a node to the left edge of another. */
export function linkPath(from: Place, to: Place, nodeSize: number): string {
  const [x0, x1] = [from.x + nodeSize / 2, to.x - nodeSize / 2];
  const bend = (x1 - x0) / 2;
  return `M${x0.toFixed(1)} ${from.y.toFixed(1)}C${(x0 + bend).toFixed(1)} ${from.y.toFixed(1)} ${(x1 - bend).toFixed(1)} ${to.y.toFixed(1)} ${x1.toFixed(1)} ${to.y.toFixed(1)}`;
}

/** Width of a link in pixels: steep for small weights, never more than 7. */
export const linkWidth = (weight: number): number => 0.4 + 6.6 * (1 - Math.exp(-Math.abs(weight) / 1.5));

/** Style of a square about a place. */
export const squareAt = ({ x, y }: Place, size: number): string =>
  `left:${(x - size / 2).toFixed(1)}px;top:${(y - size / 2).toFixed(1)}px;width:${size}px;height:${size}px`;
