import { hasOwnRows, isShuffled, rowCountOf } from "../../batches.ts";
import type { RunSettings } from "../../executor.ts";
import type { Bound, Constants } from "../kernel.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { searchesLine } from "../../../math/optimizerFunction.ts";
import { scheduleOf } from "../../../graph/schedule.ts";
import { stepBytes } from "../layouts.ts";

// What a run's kernels are compiled for. Constants rather than uniforms: on a software adapter a branch alone would cost half of
// a narrow first layer.

/** How rows are drawn: shaders/shuffle.wgsl. */
export const orderConstants = (settings: RunSettings, rowCount: number): Constants => ({
  SHUFFLES: isShuffled(settings, rowCount) ? 1 : 0,
  OWN_ORDER: hasOwnRows(settings, rowCount) ? 1 : 0,
  BOOTSTRAP: settings.bootstrap ? 1 : 0,
  ...(settings.heldOut && { HELD_OUT: settings.heldOut.rows }),
});

/** Whether the layered strategy draws rows in a separate dispatch, rather than where the data are read. */
export const drawsApart = (settings: RunSettings, network: AnyNetwork): boolean =>
  settings.bootstrap === true || hasOwnRows(settings, rowCountOf(settings, network)) || !scheduleOf(network).readsData;

/**
 * Parameters that an invocation of update takes: a software adapter has few threads, and what an invocation reads besides costs
 * it more than an update (784-128-64-10 there: 7.9 ms with 1, 3.3 ms with 8).
 */
export const updateEntries = (kind: "gpu" | "software", { parameterCount }: AnyNetwork): number =>
  kind === "software" ? Math.max(1, Math.min(8, Math.floor(parameterCount / 512))) : 1;

/** Invocations of update, with the loss behind the parameters: shaders/update.wgsl. */
export const updateInvocations = ({ parameterCount }: AnyNetwork, entries: number): number =>
  Math.floor(parameterCount / entries) + 1;

/** Parameters of a block of gradientSquares at least, and its blocks at most. */
const leastBlock = 1024;
const mostBlocks = 64;

/** Blocks of a member's parameters whose squares are summed apart: shaders/gradientSquares.wgsl. */
export const squareBlocks = ({ parameterCount }: Pick<AnyNetwork, "parameterCount">): number =>
  Math.min(mostBlocks, Math.ceil(parameterCount / leastBlock));

/** Whether a dispatch of its own adds up squares of gradients before the update. */
export const clipsNorm = ({ optimizer }: RunSettings): boolean => optimizer.around?.clipNorm !== undefined;

/** Bytes that it takes: sums in two units, and their sizes. */
export const squareBytes = (settings: RunSettings, network: AnyNetwork, members: number): number =>
  clipsNorm(settings) ? 8 * members * squareBlocks(network) + 16 : 0;

/** Bytes of the sizes that the dispatch of L-BFGS reads. */
export const searchBytes = ({ optimizer }: RunSettings): number => (searchesLine(optimizer) ? 48 : 0);

/** The window of a buffer of step slots that a dynamic offset moves. */
export const stepWindow = (buffer: GPUBuffer): Bound => ({ buffer, size: stepBytes });
