import { type LayerShape, type Network, isRowWise } from "../../../graph/network.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";

// Where the code that is written for one network keeps its values: what planning has to know of it before it is written.

/**
 * Networks of more parameters keep them in arrays: named values are for registers, and a compiler that has to place hundreds of
 * them takes many seconds.
 */
const maxNamedParameters = 48;

/** Returns whether parameters are named values rather than an array. */
export const isNamed = ({ parameterCount }: Network): boolean => parameterCount <= maxNamedParameters;

/** How a workgroup takes a tile of samples through a network. Only isHalf changes what a sample's values are. */
export interface TileSizes {
  /** Threads of the workgroup, a power of two. */
  readonly threads: number;
  /** Samples of a tile, a power of two from 4. */
  readonly tileRows: number;
  /** Whether a thread computes its four units for 8 samples rather than 4; needs tiles of 8. */
  readonly isWide: boolean;
  /** Whether rows are turned against each other in workgroup memory, against conflicts of memory banks. */
  readonly isTurned: boolean;
  /** Whether activations and their gradients are stored as f16. */
  readonly isHalf: boolean;
  /** Whether the sums of a thread have names, for registers, rather than lie in arrays. */
  readonly isNamed: boolean;
}

/** Where a layer lies in workgroup memory, in rows of a tile, and among the blocks of gradients that threads own. */
export interface PlacedLayer extends LayerShape {
  readonly copyOffset: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly saved: number;
  readonly firstBlock: number;
  readonly firstQuad: number;
}

/** What a network takes in a workgroup, whatever the sizes of the tile. */
export interface LayerLayout {
  readonly layers: readonly PlacedLayer[];
  /** Rows of workgroup memory, each one value of every sample of the tile. */
  readonly rows: number;
  /** Blocks of 4 × 4 weights and of 4 biases whose gradients have an owner. */
  readonly blocks: number;
  readonly quads: number;
  /** Values, four to a unit, of a copy of the parameters. */
  readonly copy: number;
}

export const fours = (count: number): number => Math.ceil(count / 4);
const blocksOf = ({ fanIn, fanOut }: LayerShape): number => fours(fanIn) * fours(fanOut);

/** Places every layer of a network. */
export function layoutOf(network: Network): LayerLayout {
  const layers: PlacedLayer[] = [];
  let [inputs, rows, blocks, quads, copy] = [0, 4 * fours(network.inputs), 0, 0, 0];
  for (const layer of network.layers) {
    const own = 4 * fours(layer.fanOut);
    const outputs = rows;
    const saved = savesPreActivation(layer.activation) ? outputs + own : outputs;
    layers.push({ ...layer, copyOffset: copy, inputs, outputs, saved, firstBlock: blocks, firstQuad: quads });
    inputs = outputs;
    rows = saved + own;
    blocks += blocksOf(layer);
    quads += fours(layer.fanOut);
    copy += (layer.fanIn + 1) * fours(layer.fanOut);
  }
  return { layers, rows, blocks, quads, copy };
}

/** Blocks of gradients that a thread owns at most: of 4 × 4 weights, and of 4 biases. */
export interface Owned {
  readonly blocks: number;
  readonly quads: number;
}

export const ownedBy = ({ blocks, quads }: LayerLayout, threads: number): Owned => ({
  blocks: Math.ceil(blocks / threads),
  quads: Math.ceil(quads / threads),
});

/** Threads that sum losses. */
export const lossThreads = ({ loss, outputs }: Network, { threads, tileRows }: TileSizes): number =>
  Math.min(threads, (isRowWise(loss) ? 1 : outputs) * (tileRows / 4));

/** Threads that own gradients. */
export const ownerThreads = ({ blocks, quads }: LayerLayout, threads: number): number =>
  Math.min(threads, Math.max(blocks, quads));
