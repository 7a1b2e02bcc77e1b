// Weights as products read them, in panels: packed once per step for all slices of a batch.

import { denseShapesOf, type DenseShape } from "../../graph/graphNetwork.ts";
import type { StepGraph } from "../../graph/derive.ts";
import { blockDepth, mostColumns } from "./matmulScratch.ts";
import { remembered } from "./remembered.ts";
import { tileColumns } from "./matmulTile.ts";

type PackedKind = "forward" | "inputs";

/** The right matrix of a layer's product, [k, columns]. */
export interface PackedMatrix {
  readonly layer: DenseShape;
  readonly kind: PackedKind;
  readonly columns: number;
  readonly k: number;
  /** Bytes from a column to the next and from a k to the next, as weights lie. */
  readonly lane: number;
  readonly deep: number;
  /** Bytes from the first packed matrix of a member. */
  readonly offset: number;
}

const panelled = (columns: number): number => tileColumns * Math.ceil(columns / tileColumns);

interface PackedMatrices {
  readonly matrices: readonly PackedMatrix[];
  /** f32 values that they take. */
  readonly floats: number;
}

const known = new WeakMap<StepGraph, PackedMatrices>();

/** The matrices of a step that are packed. */
export const packedMatrices = (step: StepGraph): PackedMatrices => remembered(known, step, () => matricesOf(step));

function matricesOf(step: StepGraph): PackedMatrices {
  const matrices: PackedMatrix[] = [];
  let floats = 0;
  const add = (layer: DenseShape, kind: PackedKind): void => {
    const { fanIn, fanOut } = layer;
    const [columns, k] = kind === "forward" ? [fanOut, fanIn] : [fanIn, fanOut];
    if (columns < tileColumns) return; // too narrow for panels
    const [lane, deep] = kind === "forward" ? [4, 4 * fanOut] : [4 * fanOut, 4];
    matrices.push({ layer, kind, columns, k, lane, deep, offset: 4 * floats });
    floats += panelled(columns) * k;
  };
  for (const layer of denseShapesOf(step)) {
    add(layer, "forward");
    if (step.allNodes.some((node) => node.kind === "denseInputs" && node.dense === layer.node)) add(layer, "inputs");
  }
  return { matrices, floats };
}

/** Words of a job: where a block of weights begins, how it lies, its size, and where it goes. Distances in bytes. */
export const packWords = { from: 0, lane: 1, deep: 2, columns: 3, depth: 4, to: 5 } as const;

/** Blocks of matrices in the order in which `block` of matmulBlock.ts reads them, `packWords` of each. */
export const packJobs = (matrices: readonly PackedMatrix[]): number[][] =>
  matrices.flatMap(({ layer, columns, k, lane, deep, offset }) => {
    const jobs: number[][] = [];
    for (let first = 0; first < columns; first += mostColumns) {
      const count = Math.min(mostColumns, columns - first);
      for (let done = 0; done < k; done += blockDepth) {
        const from = 4 * layer.weightsOffset + first * lane + done * deep;
        const to = offset + 4 * (first * k + done * panelled(count));
        jobs.push([from, lane, deep, count, Math.min(blockDepth, k - done), to]);
      }
    }
    return jobs;
  });
