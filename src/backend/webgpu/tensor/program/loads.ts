// How operations of a program read values: by strides over a running index.

import { coalesce, sameShape, sizeOf } from "../../../shape.ts";
import type { Value } from "../../../program.ts";

/** Value number `index` of an operation is read at offset + Σ digit · stride, the digits being those of the index in `sizes`. */
export interface Load {
  readonly value: Value;
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Rows of equal width: the index of [row, column] is row · width + column, or by columns column · rows + row. */
export interface Domain {
  readonly rows: number;
  readonly width: number;
  readonly order: "rows" | "columns";
}

/** A load with as few dimensions as do. */
export function loadOf(value: Value, sizes: readonly number[], strides: readonly number[], offset: number): Load {
  const walk = coalesce(sizes, strides);
  return { value, sizes: walk.sizes, strides: walk.strides[0]!, offset };
}

/** All of a value in order. */
export const wholeLoad = (value: Value, count = value.size, offset = 0): Load => loadOf(value, [count], [1], offset);

/** Whether index i reads value i, of as many as there are. */
export const isIdentity = ({ value, sizes, strides, offset }: Load): boolean =>
  offset === 0 && sizeOf(sizes) === value.size && (sizes.length === 0 || (sizes.length === 1 && strides[0] === 1));

/** Whether a load over the values of a domain reads one value per row. */
export function isByRow({ value, sizes, strides, offset }: Load, { rows, width, order }: Domain): boolean {
  const walk = order === "rows" ? coalesce([rows, width], [1, 0]) : coalesce([width, rows], [0, 1]);
  return offset === 0 && value.size === rows && sameShape(sizes, walk.sizes) && sameShape(strides, walk.strides[0]!);
}

/**
 * A load of what was copied, as a load of what it was copied from.
 * @returns undefined where strides do not suffice for that
 */
export function throughCopy(outer: Load, copy: Load): Load | undefined {
  if (isIdentity(outer)) return copy;
  const blocks = copy.sizes.map((_, axis) => sizeOf(copy.sizes.slice(axis + 1)));
  const digits = copy.sizes.map((size, axis) => Math.floor(outer.offset / blocks[axis]!) % size);
  const found: { size: number; stride: number }[] = [];
  const waiting = outer.sizes.map((size, axis) => ({ size, stride: outer.strides[axis]! })).toReversed();
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    if (one.stride === 0) {
      found.push({ size: one.size, stride: 0 });
      continue;
    }
    const { size, stride } = one;
    const axis = blocks.findIndex((block) => stride % block === 0);
    if (axis < 0) return undefined;
    const steps = stride / blocks[axis]!;
    const room = copy.sizes[axis]! - digits[axis]!;
    if (steps * (size - 1) < room) {
      digits[axis]! += steps * (size - 1); // the largest digit that occurs
      found.push({ size, stride: steps * copy.strides[axis]! });
    } else if (steps === 1 && room === copy.sizes[axis] && size % room === 0) {
      waiting.push({ size: room, stride }, { size: size / room, stride: stride * room });
    } else return undefined;
  }
  const offset = copy.sizes.reduce(
    (sum, size, axis) => sum + (Math.floor(outer.offset / blocks[axis]!) % size) * copy.strides[axis]!,
    copy.offset,
  );
  return loadOf(
    copy.value,
    found.map(({ size }) => size),
    found.map(({ stride }) => stride),
    offset,
  );
}
