// Arrays as the simplest code has them, which tensors are held against: a function of coordinates, written out.

import type { Shape } from "../../src/backend/shape.ts";

/** Every place in a shape, row-major. */
export function coordinatesOf(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

/** The value at a place; leading coordinates too many are passed over, and sizes of 1 repeat. */
export function valueAt(values: ArrayLike<number>, shape: Shape, place: readonly number[]): number {
  const own = place.slice(place.length - shape.length);
  return values[shape.reduce((at, size, axis) => at * size + (size === 1 ? 0 : own[axis]!), 0)]!;
}

/** Values in groups: those whose coordinates agree but for `axes`. */
export function groupsOf(values: ArrayLike<number>, shape: Shape, axes: readonly number[]): number[][] {
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const reduced = shape.map((size, axis) => (axes.includes(axis) ? size : 1));
  return coordinatesOf(kept).map((place) =>
    coordinatesOf(reduced).map((inner) =>
      valueAt(
        values,
        shape,
        place.map((at, axis) => at + inner[axis]!),
      ),
    ),
  );
}
