import type { DenseShape } from "../../graph/graphNetwork.ts";
import { productKinds, type ProductKind } from "./graphCode.ts";
import { argument } from "./matmulArguments.ts";
import type { Memory } from "./memory.ts";

type ProductWords = Partial<Record<keyof typeof argument, number>>;

/** How the matrices of a dense node's products lie: distances in bytes, and what is packed. */
function wordsOf({ fanIn, fanOut }: DenseShape, kind: ProductKind, rows: number): ProductWords {
  switch (kind) {
    case "forward": // [rows, fanIn] · [fanIn, fanOut], added to the bias
      return {
        ...{ aLane: 4 * fanIn, aDeep: 4, bLane: 4, bDeep: 4 * fanOut, outRow: 4 * fanOut },
        ...{ accumulate: 1, packA: fanOut >= 64 ? 1 : 0, packB: rows >= 32 && fanOut > 8 ? 1 : 0 },
      };
    case "inputs": // [rows, fanOut] · [fanIn, fanOut]ᵀ
      return {
        ...{ aLane: 4 * fanOut, aDeep: 4, bLane: 4 * fanOut, bDeep: 4, outRow: 4 * fanIn },
        ...{ packA: fanIn >= 64 ? 1 : 0, packB: 1 },
      };
    case "weights": // [rows, fanIn]ᵀ · [rows, fanOut]
    case "weightsAdded":
      return {
        ...{ aLane: 4, aDeep: 4 * fanIn, bLane: 4, bDeep: 4 * fanOut, outRow: 4 * fanOut },
        ...{ accumulate: kind === "weights" ? 0 : 1, packA: fanOut >= 64 ? 1 : 0, packB: fanIn >= 32 ? 1 : 0 },
      };
  }
}

/**
 * Writes the arguments of all products of dense nodes.
 * @param rows of a slice of the batch
 * @returns address of a list of their addresses, `productKinds` of each node
 */
export function writeProducts(memory: Memory, layers: readonly DenseShape[], rows: number): number {
  const addresses = layers.flatMap((layer) =>
    productKinds.map((kind) => {
      const words = Array.from({ length: argument.axes }, () => 0);
      for (const [name, value] of Object.entries(wordsOf(layer, kind, rows))) words[argument[name as "a"]] = value;
      return memory.words(words);
    }),
  );
  return memory.words(addresses.length > 0 ? addresses : [0]);
}
