import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { type ParameterRange, weightRangesOf } from "../../../graph/weightRanges.ts";

/** Where it changes whether a parameter belongs to the ranges, and whether it does from there on. */
interface Boundary {
  readonly first: number;
  readonly isInside: boolean;
}

/** Bisects boundaries: as many comparisons as their number has digits. */
function choose(boundaries: readonly Boundary[], indent: string): string[] {
  if (boundaries.length === 1) return [`${indent}return ${boundaries[0]!.isInside ? "1.0" : "0.0"};`];
  const half = boundaries.length >> 1;
  return [
    `${indent}if (index < ${boundaries[half]!.first}u) {`,
    ...choose(boundaries.slice(0, half), `${indent}  `),
    `${indent}}`,
    ...choose(boundaries.slice(half), indent),
  ];
}

/** A function of a parameter's place in the buffer of all members: 1 in ranges of a member's parameters, which are in order, else 0. */
export function emitRanges(
  name: "isWeightAt" | "isMatrixAt",
  ranges: readonly ParameterRange[],
  network: AnyNetwork,
): string {
  const boundaries: Boundary[] = [{ first: 0, isInside: false }];
  const add = (first: number, isInside: boolean): void => {
    if (boundaries.at(-1)!.first === first) boundaries.pop();
    boundaries.push({ first, isInside });
  };
  for (const { first, end } of ranges) {
    add(first, true);
    if (end < network.parameterCount) add(end, false);
  }
  return [
    "// Which parameters are meant. Written by src/backend/webgpu/emit/emitWeights.ts.",
    "",
    `fn ${name}(at: u32) -> f32 {`,
    `  let index = at % ${network.parameterCount}u;`,
    ...choose(boundaries, "  "),
    "}",
    "",
  ].join("\n");
}

/** `isWeightAt`: 1 for weights and tables, 0 for biases, scales and shifts. */
export const emitWeights = (network: AnyNetwork): string => emitRanges("isWeightAt", weightRangesOf(network), network);
