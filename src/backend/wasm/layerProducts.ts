import type { DenseShape } from "../../graph/graphNetwork.ts";
import { argument } from "./matmulArguments.ts";
import type { Block } from "./matmulBlock.ts";
import { mostColumns } from "./matmulScratch.ts";
import type { Body } from "./body.ts";
import { i32 } from "./instructions.ts";
import { least } from "./least.ts";
import type { Memory } from "./memory.ts";
import type { Address } from "./rowLoops.ts";
import type { PackedMatrix } from "./packedWeights.ts";
import { constant, type Operand, type Value } from "./value.ts";

/** Kinds of matrix products of a dense node. */
export const productKinds = ["forward", "inputs", "weights", "weightsAdded"] as const;
export type ProductKind = (typeof productKinds)[number];

/** Columns of a product from which its left matrix is packed, and rows from which the right one is. */
const leastColumns = 256;
const leastRows = 64;

type ProductWords = Partial<Record<keyof typeof argument, number>>;

/** How the matrices of a dense node's products lie: distances in bytes, and what is packed. */
function wordsOf({ fanIn, fanOut }: DenseShape, kind: ProductKind, rows: number, isPacked: boolean): ProductWords {
  const byInputs = 4 * fanIn;
  const byOutputs = 4 * fanOut;
  const packs = (lanes: number, columns: number) => ({
    packA: columns >= leastColumns ? 1 : 0,
    packB: isPacked ? 2 : lanes >= leastRows ? 1 : 0,
  });
  if (kind === "forward") {
    // [rows, fanIn] · [fanIn, fanOut], added to the bias
    const lie = { aLane: byInputs, aDeep: 4, bLane: 4, bDeep: byOutputs, outRow: byOutputs };
    return { ...lie, ...packs(rows, fanOut), accumulate: 1 };
  }
  if (kind === "inputs") {
    // [rows, fanOut] · [fanIn, fanOut]ᵀ, whose columns do not lie side by side
    const lie = { aLane: byOutputs, aDeep: 4, bLane: byOutputs, bDeep: 4, outRow: byInputs };
    return { ...lie, ...packs(rows, fanIn), packB: isPacked ? 2 : 1 };
  }
  // [rows, fanIn]ᵀ · [rows, fanOut]
  const lie = { aLane: 4, aDeep: byInputs, bLane: 4, bDeep: byOutputs, outRow: byOutputs };
  return { ...lie, ...packs(fanIn, fanOut), accumulate: kind === "weights" ? 0 : 1 };
}

/**
 * Writes the arguments of all products of dense nodes.
 * @param rows of a slice of the batch @param packed matrices that lie in panels
 * @returns address of a list of their addresses, `productKinds` of each node
 */
export function writeProducts(
  memory: Memory,
  layers: readonly DenseShape[],
  rows: number,
  packed: readonly PackedMatrix[],
): number {
  const addresses = layers.flatMap((layer) =>
    productKinds.map((kind) => {
      const words = Array.from({ length: argument.axes }, () => 0);
      const isPacked = packed.some((own) => own.layer.index === layer.index && own.kind === kind);
      for (const [name, value] of Object.entries(wordsOf(layer, kind, rows, isPacked)))
        words[argument[name as "a"]] = value;
      return memory.words(words);
    }),
  );
  return memory.words(addresses.length > 0 ? addresses : [0]);
}

/** Addresses and sizes of a product; k and rows are values, columns a number of the network. */
export interface EmittedProduct {
  readonly a: Value<"i32">;
  readonly b: Value<"i32">;
  readonly out: Value<"i32">;
  readonly rows: Address;
  readonly columns: number;
  /** From a column of b to the next, in bytes. */
  readonly columnBytes: Operand<"i32">;
  readonly k: Value<"i32"> | number;
  readonly args: Address;
  readonly scratch: Address;
}

/** Writes a product, in blocks of as many columns as a thread has memory for. */
export function emitProduct(body: Body, block: Block, product: EmittedProduct): void {
  const { a, b, out, rows, columns, columnBytes, k, args, scratch } = product;
  if (columns <= mostColumns) {
    body.call(block, a, b, out, rows, columns, k, args, scratch);
    return;
  }
  const [left, right, to] = [body.let(a), body.let(b), body.let(out)];
  const depth = typeof k === "number" ? k : body.let(k);
  const distance = typeof columnBytes === "number" ? columnBytes : body.let(columnBytes);
  body.for({ from: 0, to: columns, by: mostColumns }, (first) => {
    const count = least(body, i32.sub(constant("i32", columns), first), mostColumns);
    const place = i32.add(to, i32.shl(first, 2));
    body.call(block, left, i32.add(right, i32.mul(first, distance)), place, rows, count, depth, args, scratch);
  });
}
