import { type AnyNetwork, parametersOf } from "./graphNetwork.ts";

/** A stretch of a member's parameters, to before `end`. */
export interface ParameterRange {
  readonly first: number;
  readonly end: number;
}

/** Where a network's weights and tables lie, in order and joined where they touch; what is between are biases, scales and shifts. */
export function weightRangesOf(network: AnyNetwork): ParameterRange[] {
  const ranges: ParameterRange[] = [];
  for (const { start, offset, size } of parametersOf(network).toSorted((one, other) => one.offset - other.offset)) {
    if (start === "zeros" || start === "ones") continue;
    const before = ranges.at(-1);
    if (before?.end === offset) ranges[ranges.length - 1] = { first: before.first, end: offset + size };
    else ranges.push({ first: offset, end: offset + size });
  }
  return ranges;
}

const masks = new WeakMap<AnyNetwork, Float64Array>();

/** 1 for each weight and value of a table, else 0, [parameterCount]; not to be changed. */
export function weightMaskOf(network: AnyNetwork): Float64Array {
  const known = masks.get(network);
  if (known) return known;
  const mask = new Float64Array(network.parameterCount);
  for (const { first, end } of weightRangesOf(network)) mask.fill(1, first, end);
  masks.set(network, mask);
  return mask;
}
