// The plane in cells.

import { type FeatureName, featuresOf } from "./features.ts";
import { extent } from "./points.ts";

/** Cells of a neuron's map, each way. */
export const mapCells = 20;

/** Features of the centres of a square's cells, row by row from the top left. */
export function gridRows(features: readonly FeatureName[], cells: number): Float32Array {
  const at = (index: number): number => -extent + (2 * extent * (index + 0.5)) / cells;
  const points = Array.from({ length: cells * cells }, (_, index) => ({
    x1: at(index % cells),
    x2: -at(Math.floor(index / cells)),
  }));
  return featuresOf(features, points);
}
