// Shapes of tensors: sizes of dimensions, outermost first. Strides are distances in values; a stride of 0 repeats a value.

import { InvalidInput } from "../errors.ts";
import { requireInteger } from "../graph/network.ts";

export type Shape = readonly number[];

/** How values are stored on a GPU; they are computed in f32. */
export const dataTypes = ["f32", "f16"] as const;
export type DataType = (typeof dataTypes)[number];

/** Dimensions of a tensor at most: what fits the uniforms of shaders/strides.wgsl. */
export const maxRank = 8;

/** @throws InvalidInput unless it is a list of numbers: a shape, axes, or places along axes */
export function requireList(place: string, list: unknown): asserts list is readonly number[] {
  if (Array.isArray(list) && list.every((one) => typeof one === "number")) return;
  const got = Array.isArray(list) ? "an array of something else" : typeof list;
  throw new InvalidInput({ place, expected: "an array of numbers", got, fix: "write one value as [value]" });
}

/** @throws InvalidInput unless it is a shape that a tensor may have */
export function requireShape(place: string, shape: Shape): void {
  requireList(`${place}: shape`, shape);
  requireInteger(`${place}: number of dimensions`, shape.length, 0, maxRank);
  for (const [axis, size] of shape.entries()) requireInteger(`${place}: size of axis ${axis}`, size, 0, 2 ** 31);
}

/** Number of values; a scalar, of shape [], has one. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** `[2, 3]`, as errors write it. */
export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

/** Strides of values that lie row by row without gaps. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/**
 * The shape that two shapes stretch to by NumPy's rule: aligned at their last axis, sizes are equal or one of them is 1.
 * @throws InvalidInput with both shapes
 */
export function broadcastShapes(place: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const first = a[axis - rank + a.length] ?? 1;
    const second = b[axis - rank + b.length] ?? 1;
    if (first === second || second === 1) return first;
    if (first === 1) return second;
    const expected = "shapes whose sizes, aligned at the last axis, are equal or 1";
    const got = `${showShape(a)} and ${showShape(b)}`;
    const fix = `axis ${axis - rank} has ${first} and ${second}: reshape or transpose one of them`;
    throw new InvalidInput({ place, expected, got, fix });
  });
}

/** Strides with which values of `shape` are read as if they had the shape `into`: 0 where they repeat. */
export function broadcastStrides(shape: Shape, into: Shape): number[] {
  const own = stridesOf(shape);
  const added = into.length - shape.length;
  return into.map((_, axis) => (axis < added || shape[axis - added] === 1 ? 0 : own[axis - added]!));
}

/** A walk over values: sizes of its dimensions, and for each array that it visits the strides. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same walk with as few dimensions as do: those of size 1 left out, and neighbours that lie without gaps made one. */
export function coalesce(shape: Shape, ...strides: readonly (readonly number[])[]): Walk {
  const sizes: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const last = sizes.length - 1;
    const joins = last >= 0 && strides.every((own, array) => merged[array]![last] === own[axis]! * size);
    if (joins) sizes[last]! *= size;
    else sizes.push(size);
    strides.forEach((own, array) => (merged[array]![joins ? last : last + 1] = own[axis]!));
  }
  return { sizes, strides: merged };
}

/** Positive axis numbers, in order, without doubles. @throws InvalidInput where one is out of range or named twice */
export function requireAxes(place: string, shape: Shape, axes: readonly number[]): number[] {
  const fix = "count axes from 0, or from −1 backwards, each once";
  requireList(`${place}: axes`, axes);
  const positive = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
  const isGood = (axis: number, index: number): boolean =>
    Number.isInteger(axis) && axis >= 0 && axis < shape.length && positive.indexOf(axis) === index;
  if (positive.every(isGood)) return positive.sort((a, b) => a - b);
  throw new InvalidInput({ place, expected: `axes of the shape ${showShape(shape)}`, got: showShape(axes), fix });
}
