import {
  layoutOf,
  type LayerLayout,
  lossThreads,
  ownedBy,
  ownerThreads,
  type TileSizes,
} from "../emit/networkLayout.ts";
import type { ActivationStorage } from "../../executor.ts";
import type { Network } from "../../../graph/network.ts";

// Sizes of the strategies that keep the activations of a tile of samples in workgroup memory.

export interface GroupLimits {
  readonly kind: "gpu" | "software";
  readonly maxWorkgroupBytes: number;
}

/** What a tile is planned for. */
export interface GroupRequest {
  readonly network: Network;
  /** Rows of the batch, or of a slice of it. */
  readonly batchSize: number;
  /** Default: f32. */
  readonly activationStorage?: ActivationStorage | undefined;
}

/** Sizes of a tile, and what a workgroup takes of the memory that its threads share. */
export interface GroupPlan extends TileSizes {
  readonly workgroupBytes: number;
}

const maxTileRows = 64;
const leastTileRows = 4;
/** The kernels find a layer by a chain of tests, which compilers write out wherever it is requested. */
const maxLayers = 32;

/**
 * Threads of a workgroup and the values that each may sum: as few threads as keep them where they belong. On a GPU that is in
 * registers; a software adapter keeps them in memory anyway, of which WGSL promises 8,192 bytes, and pays for every thread at
 * every barrier.
 */
const crews = {
  gpu: { threads: [64, 128, 256], maxOwnedFloats: 128 },
  software: { threads: [8, 16, 32, 64, 128, 256], maxOwnedFloats: 1536 },
} as const;

function threadsFor(kind: GroupLimits["kind"], layout: LayerLayout): number | undefined {
  const { threads, maxOwnedFloats } = crews[kind];
  return threads.find((count) => {
    const { blocks, quads } = ownedBy(layout, count);
    return 16 * blocks + 4 * quads <= maxOwnedFloats;
  });
}

/** Tiles of more rows than this are taken only where they are worth their memory. */
const smallTileRows = 8;
/**
 * Bytes of a tile that are worth while: on a GPU, so that several workgroups share a multiprocessor. The compiler of
 * SwiftShader writes the zeroing of workgroup memory out value by value, so that the time it takes grows with them.
 */
const worthwhileBytes = { gpu: 32_768, software: 8192 } as const;

/** Bytes of variables in workgroup memory, each of which begins at a multiple of 16. */
const bytesOf = (...words: readonly number[]): number =>
  words.reduce((sum, count) => sum + 16 * Math.ceil(count / 4), 0);

/** The largest tile that is worth while, but no larger than the batch needs. */
function largestTile(
  limits: GroupLimits,
  { network, batchSize, activationStorage }: GroupRequest,
  more: (layout: LayerLayout, sizes: TileSizes) => readonly number[],
): GroupPlan | undefined {
  const layout = layoutOf(network);
  const threads = threadsFor(limits.kind, layout);
  if (threads === undefined || network.layers.length > maxLayers) return undefined;
  const isSoftware = limits.kind === "software";
  const isHalf = activationStorage === "f16";
  for (let tileRows = maxTileRows; tileRows >= leastTileRows; tileRows /= 2) {
    if (tileRows > leastTileRows && tileRows >= 2 * batchSize) continue;
    const widest = Math.max(...network.layers.map(({ fanOut }) => Math.ceil(fanOut / 4)));
    // A thread that computes more uses what it loads more often, but on a GPU none may stand idle for it.
    const isWide = tileRows >= 8 && (isSoftware || (widest * tileRows) / 8 >= threads);
    const sizes = { threads, tileRows, isWide, isHalf, isTurned: !isSoftware, isNamed: !isSoftware };
    const valueWords = (layout.rows * tileRows) / (isHalf ? 2 : 1);
    const words = [valueWords, tileRows, lossThreads(network, sizes), ...more(layout, sizes)];
    const workgroupBytes = bytesOf(...words);
    const isWorthwhile = tileRows <= smallTileRows || 4 * valueWords <= worthwhileBytes[limits.kind];
    if (isWorthwhile && workgroupBytes <= limits.maxWorkgroupBytes) return { ...sizes, workgroupBytes };
  }
  return undefined;
}

/**
 * Sizes of `trainGroups`: a function of the request and the limits alone.
 * @returns undefined where the parameters and a tile of four samples do not fit a workgroup's memory, or where the gradients
 *   do not fit its registers
 */
export const planGroups = (limits: GroupLimits, request: GroupRequest): GroupPlan | undefined =>
  largestTile(limits, request, (layout, { threads }) => [4 * layout.copy, ownerThreads(layout, threads), 1]);

/**
 * Sizes of `trainTiles`: a function of the request and the limits alone.
 * @returns undefined where a tile of four samples does not fit a workgroup's memory, or the gradients do not fit its registers
 */
export const planTiles = (limits: GroupLimits, request: GroupRequest): GroupPlan | undefined =>
  largestTile(limits, request, () => []);
