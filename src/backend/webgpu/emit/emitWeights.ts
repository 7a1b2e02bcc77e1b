import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { weightRangesOf } from "../../../graph/weightRanges.ts";

/** Where what a parameter is changes, and what it is from there on. */
interface Boundary {
  readonly first: number;
  readonly isWeight: boolean;
}

/** Bisects boundaries: as many comparisons as their number has digits. */
function choose(boundaries: readonly Boundary[], indent: string): string[] {
  if (boundaries.length === 1) return [`${indent}return ${boundaries[0]!.isWeight ? "1.0" : "0.0"};`];
  const half = boundaries.length >> 1;
  return [
    `${indent}if (index < ${boundaries[half]!.first}u) {`,
    ...choose(boundaries.slice(0, half), `${indent}  `),
    `${indent}}`,
    ...choose(boundaries.slice(half), indent),
  ];
}

/** The function `isWeightAt` of a parameter's place in the buffer of all members: 1 for weights and tables, 0 for biases, scales, shifts. */
export function emitWeights(network: AnyNetwork): string {
  const boundaries: Boundary[] = [{ first: 0, isWeight: false }];
  const add = (first: number, isWeight: boolean): void => {
    if (boundaries.at(-1)!.first === first) boundaries.pop();
    boundaries.push({ first, isWeight });
  };
  for (const { first, end } of weightRangesOf(network)) {
    add(first, true);
    if (end < network.parameterCount) add(end, false);
  }
  return [
    "// Which parameters are weights. Written by src/backend/webgpu/emit/emitWeights.ts.",
    "",
    "fn isWeightAt(at: u32) -> f32 {",
    `  let index = at % ${network.parameterCount}u;`,
    ...choose(boundaries, "  "),
    "}",
    "",
  ].join("\n");
}
