// Operations that move values: views where no copy is needed, and sums, which are what repeating values turns into backwards.

import { InvalidInput } from "../errors.ts";
import { requireInteger } from "../graph/network.ts";
import {
  broadcastShapes,
  broadcastStrides,
  requireAxes,
  requireList,
  requireShape,
  sameShape,
  type Shape,
  showShape,
  sizeOf,
  stridesOf,
} from "../backend/shape.ts";
import { computeCopy, computeReduce, copyInto, requireOperands, requireTensors, resultOf } from "./compute.ts";
import { hold, record } from "./tape.ts";
import { keepingResult } from "./scope.ts";
import { type Tensor, viewOf } from "./tensor.ts";

/**
 * The same values under another shape: a view, without a copy.
 * @param shape one size may be −1: what is left
 * @throws InvalidInput where the number of values differs
 */
export function reshape(a: Tensor, shape: Shape): Tensor {
  requireTensors("reshape", [a]);
  requireList("reshape: shape", shape);
  const known = sizeOf(shape.filter((size) => size !== -1));
  const whole = shape.map((size) => (size === -1 ? a.size / known : size));
  const isGood = whole.every((size) => Number.isInteger(size) && size >= 0) && sizeOf(whole) === a.size;
  if (!isGood || shape.indexOf(-1) !== shape.lastIndexOf(-1)) {
    const expected = `a shape of ${a.size} values, as ${showShape(a.shape)} has`;
    throw new InvalidInput({
      place: "reshape",
      expected,
      got: showShape(shape),
      fix: "correct the sizes; one may be −1",
    });
  }
  requireShape("reshape", whole);
  const from = a.shape;
  return record(viewOf("reshape", a, whole), [a], () => [(dOutput) => reshape(dOutput, from)]);
}

/**
 * Axes in another order.
 * @param axes which axis of `a` becomes the first, second, …; default: the last two change places
 */
export function transpose(a: Tensor, axes?: readonly number[]): Tensor {
  requireTensors("transpose", [a]);
  return transposed(a, axes ?? swapped(a.shape.length));
}

function transposed(a: Tensor, axes: readonly number[]): Tensor {
  const named = requireAxes("transpose", a.shape, axes);
  const order = axes.map((axis) => (axis < 0 ? axis + a.shape.length : axis));
  if (named.length !== a.shape.length) {
    const expected = `all ${a.shape.length} axes of ${showShape(a.shape)}`;
    throw new InvalidInput({ place: "transpose", expected, got: showShape(axes), fix: "name every axis once" });
  }
  const own = stridesOf(a.shape);
  const shape = order.map((axis) => a.shape[axis]!);
  const output = computeCopy(a, { place: "transpose", shape, strides: order.map((axis) => own[axis]!) });
  const back = order.map((_, axis) => order.indexOf(axis));
  return record(output, [a], () => [(dOutput) => transposed(dOutput, back)]);
}

const swapped = (rank: number): number[] =>
  Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));

/** A slice of a tensor: its first index along each axis, and its shape. */
interface Part {
  readonly begin: readonly number[];
  readonly shape: Shape;
}

/** Begin and size along every axis; what is left out is whole, and negative numbers count from the end. */
function partOf(a: Tensor, begin: readonly number[], end: readonly number[]): Part {
  requireList("slice: begin", begin);
  requireList("slice: end", end);
  const place = (value: number, size: number): number => (value < 0 ? value + size : value);
  const starts = a.shape.map((size, axis) => place(begin[axis] ?? 0, size));
  const ends = a.shape.map((size, axis) => place(end[axis] ?? size, size));
  const isGood = a.shape.every(
    (size, axis) => 0 <= starts[axis]! && starts[axis]! <= ends[axis]! && ends[axis]! <= size,
  );
  const areWhole = [...starts, ...ends].every(Number.isInteger) && Math.max(begin.length, end.length) <= a.shape.length;
  if (isGood && areWhole) return { begin: starts, shape: starts.map((start, axis) => ends[axis]! - start) };
  const expected = `0 ≤ begin ≤ end ≤ size along every axis of ${showShape(a.shape)}`;
  const got = `begin ${showShape(begin)} and end ${showShape(end)}`;
  throw new InvalidInput({ place: "slice", expected, got, fix: "correct them; negative numbers count from the end" });
}

/**
 * A part of a tensor: a view where its values are contiguous, as when only the first axis is sliced; else a copy.
 * @param begin first index along each axis
 * @param end index after the last along each axis; default: the sizes. Negative numbers count from the end
 */
export function slice(a: Tensor, begin: readonly number[], end?: readonly number[]): Tensor {
  requireTensors("slice", [a]);
  const { begin: starts, shape } = partOf(a, begin, end ?? a.shape);
  const strides = stridesOf(a.shape);
  const first = starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  const cut = shape.findLastIndex((size, axis) => size !== a.shape[axis]);
  const isStretch = shape.slice(0, Math.max(0, cut)).every((size) => size === 1);
  const output = isStretch
    ? viewOf("slice", a, shape, first)
    : computeCopy(a, { place: "slice", shape, strides, first });
  const after = starts.map((start, axis) => a.shape[axis]! - start - shape[axis]!);
  return record(output, [a], () => [(dOutput) => pad(dOutput, starts, after)]);
}

/** Pads a tensor with zeros: `before` and `after` along each axis. */
export function pad(a: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  const place = "pad";
  requireTensors(place, [a]);
  requireList(`${place}: before`, before);
  requireList(`${place}: after`, after);
  requireInteger(`${place}: axes before`, before.length, a.shape.length, a.shape.length);
  requireInteger(`${place}: axes after`, after.length, a.shape.length, a.shape.length);
  for (const count of [...before, ...after]) requireInteger(`${place}: zeros`, count, 0, 2 ** 31);
  const shape = a.shape.map((size, axis) => before[axis]! + size + after[axis]!);
  const frame = { before: [...before], inside: a.shape };
  const output = computeCopy(a, { place, shape, strides: stridesOf(a.shape), frame });
  const end = a.shape.map((size, axis) => before[axis]! + size);
  return record(output, [a], () => [(dOutput) => slice(dOutput, before, end)]);
}

/** Concatenates tensors along an axis; their other sizes are equal. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const place = "concat";
  requireTensors(place, tensors);
  const operands = requireOperands(place, tensors);
  const [along] = requireAxes(place, operands[0]!.shape, [axis]) as [number];
  const sizes = operands.map(({ shape }) => shape[along] ?? 0);
  const shape = operands[0]!.shape.with(
    along,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  const stranger = operands.find((one, index) => !sameShape(one.shape, shape.with(along, sizes[index]!)));
  if (stranger) {
    const expected = `shapes that differ along axis ${along} only`;
    const got = `${showShape(operands[0]!.shape)} and ${showShape(stranger.shape)}`;
    throw new InvalidInput({ place, expected, got, fix: "slice or reshape them" });
  }
  const output = resultOf(place, operands, shape);
  const outStrides = stridesOf(shape);
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  for (const [index, one] of operands.entries()) {
    const outFirst = starts[index]! * outStrides[along]!;
    copyInto(output, one, { place, shape: one.shape, strides: stridesOf(one.shape), outStrides, outFirst });
  }
  const shapes = operands.map((one) => one.shape);
  const gradientOf =
    (index: number) =>
    (dOutput: Tensor): Tensor => {
      const begin = shape.map((_, at) => (at === along ? starts[index]! : 0));
      return slice(
        dOutput,
        begin,
        begin.map((start, at) => start + shapes[index]![at]!),
      );
    };
  return record(output, operands, () => operands.map((_, index) => gradientOf(index)));
}

/** Tensors of one shape along a new axis. @param axis of the result; default the first */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  requireTensors("stack", tensors);
  const { shape } = tensors[0]!;
  const [along] = requireAxes("stack", [1, ...shape], [axis]) as [number];
  return keepingResult(() =>
    concat(
      tensors.map((one) => reshape(one, one.shape.toSpliced(along, 0, 1))),
      along,
    ),
  );
}

/** Parts of equal size along an axis, in order. @throws InvalidInput where the axis has no such parts */
export function split(a: Tensor, parts: number, axis = 0): Tensor[] {
  requireTensors("split", [a]);
  const [along] = requireAxes("split", a.shape, [axis]) as [number];
  const size = a.shape[along]! / parts;
  if (!Number.isInteger(size) || !Number.isInteger(parts) || parts < 1) {
    const expected = `a number of equal parts of axis ${along} of ${showShape(a.shape)}`;
    throw new InvalidInput({ place: "split: parts", expected, got: String(parts), fix: "slice parts of other sizes" });
  }
  const none = a.shape.map(() => 0);
  const at = (part: number, from: Shape): number[] => from.with(along, part * size);
  return Array.from({ length: parts }, (_, part) => slice(a, at(part, none), at(part + 1, a.shape)));
}

/** Broadcasts a tensor to a shape: repeats values along axes of size 1 and along new leading axes. @throws InvalidInput with both shapes */
export function broadcastTo(a: Tensor, shape: Shape): Tensor {
  requireTensors("broadcastTo", [a]);
  requireShape("broadcastTo", shape);
  if (!sameShape(broadcastShapes("broadcastTo", a.shape, shape), shape)) {
    const expected = `a shape that ${showShape(a.shape)} can be broadcast to`;
    throw new InvalidInput({
      place: "broadcastTo",
      expected,
      got: showShape(shape),
      fix: "only axes of size 1 are broadcast",
    });
  }
  if (sameShape(a.shape, shape)) return hold(a);
  const output = computeCopy(a, { place: "broadcastTo", shape, strides: broadcastStrides(a.shape, shape) });
  const from = a.shape;
  return record(output, [a], () => [(dOutput) => sumTo(dOutput, from)]);
}

/** Sums over the axes along which a shape was repeated: the gradient of broadcasting. */
export function sumTo(a: Tensor, shape: Shape): Tensor {
  if (sameShape(a.shape, shape)) return hold(a);
  const added = a.shape.length - shape.length;
  const axes = a.shape.flatMap((size, axis) =>
    axis < added || (shape[axis - added] === 1 && size !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return reshape(a, shape);
  return keepingResult(() => reshape(scaledSum(a, axes, 1), shape));
}

/** Sum over axes, which stay with size 1, times a number. */
export function scaledSum(a: Tensor, axes: readonly number[], scale: number): Tensor {
  const from = a.shape;
  const output = computeReduce("sum", a, { axes, scale });
  return record(output, [a], () => [
    (dOutput) => broadcastTo(scale === 1 ? dOutput : scaledSum(dOutput, [], scale), from),
  ]);
}
