import { rowCountOf } from "../batches.ts";
import type { RunSettings } from "../executor.ts";
import type { StepGraph } from "../../graph/derive.ts";
import { dropoutStreams } from "./graphCode.ts";
import { mostItems } from "./program.ts";
import { type PackedMatrix, packedMatrices } from "./packedWeights.ts";
import { turnWords } from "./passArguments.ts";
import { areInOrder, type RowRule, rowRuleOf } from "./rowDraw.ts";

/** Bytes of the values of nodes: of a chunk of one member, and of the members that are in memory together. */
const chunkBytes = 2 ** 26;
const groupBytes = 2 ** 28;
/** Losses kept until they are read: in steps, and in numbers. */
const maxRingSteps = 4096;
const ringFloats = 2 ** 22;
/** Bytes of what the turns of one hand-over read, and most of them. */
const turnBytes = 2 ** 24;
const mostTurns = 256;

/** Sizes of a run: functions of the network and the settings alone, so that no bit depends on the machine. */
export interface RunSizes {
  readonly members: number;
  readonly rowCount: number;
  readonly batchSize: number;
  readonly sliceRows: number;
  /** Slices of a batch. */
  readonly slices: number;
  readonly chunkRows: number;
  /** Members whose nodes are in memory at once. */
  readonly groupMembers: number;
  /** f32 values of each slot, and of all slots and packed weights of a member. */
  readonly slotFloats: readonly number[];
  readonly memberFloats: number;
  /** Weights that are packed for the slices of a batch, in the memory of a member behind its slots. */
  readonly packed: readonly PackedMatrix[];
  readonly ringSteps: number;
  readonly rowRule: RowRule;
  /** Members, where each draws its own rows; 0 where rows follow each other. */
  readonly rowMembers: number;
  /** Words of the numbers of a member's rows. */
  readonly rowWords: number;
  /** Members with dropout masks of their own, and streams of masks. */
  readonly maskMembers: number;
  readonly streams: readonly number[];
  /** Most turns that are submitted at once. */
  readonly maxTurns: number;
}

/** Rows of a slice: enough for the tiles of products, few enough for its values to stay in the cache of a core. */
function sliceRowsOf(step: StepGraph, batchSize: number): number {
  const widest = step.allNodes.reduce((most, { width }) => Math.max(most, width), 1);
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, 2 ** 15 / widest)));
  const least = Math.ceil(batchSize / mostItems / 32) * 32;
  return Math.max(32, Math.min(64, wanted), least);
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** @param slotWidths values per row of each slot */
export function runSizes(
  step: StepGraph,
  { members, inputs, settings }: { readonly members: number; readonly inputs: number; readonly settings: RunSettings },
  slotWidths: readonly number[],
): RunSizes {
  const rowCount = rowCountOf(settings, { inputs });
  const batchSize = Math.min(settings.batchSize, rowCount);
  const sliceRows = sliceRowsOf(step, batchSize);
  const sliceBytes = 4 * sumOf(slotWidths) * sliceRows;
  const chunkRows = Math.min(batchSize, Math.max(1, Math.floor(chunkBytes / sliceBytes)) * sliceRows);
  // Vectors may be written up to their end.
  const slotFloats = slotWidths.map((width) => 4 * Math.ceil((chunkRows * width) / 4) + 4);
  const slices = Math.ceil(batchSize / sliceRows);
  const { matrices, floats } = slices > 1 ? packedMatrices(step) : { matrices: [], floats: 0 };
  const memberFloats = 16 * Math.ceil((sumOf(slotFloats) + floats + 4) / 16);
  const rowRule = rowRuleOf(settings, rowCount);
  const rowMembers = areInOrder(rowRule) ? 0 : rowRule.hasOwnRows ? members : 1;
  const streams = dropoutStreams(step);
  const maskMembers = settings.perMember?.seed ? members : 1;
  const ringSteps = Math.max(1, Math.min(maxRingSteps, Math.floor(ringFloats / members)));
  const ofTurn = 4 * (turnWords + 2 * streams.length * maskMembers);
  return {
    members,
    rowCount,
    batchSize,
    sliceRows,
    chunkRows,
    slotFloats,
    memberFloats,
    packed: matrices,
    ringSteps,
    rowRule,
    rowMembers,
    rowWords: 4 * Math.ceil(batchSize / 4),
    maskMembers,
    streams,
    slices,
    groupMembers: Math.max(1, Math.min(members, Math.floor(groupBytes / (4 * memberFloats)))),
    maxTurns: Math.max(1, Math.min(ringSteps, mostTurns, Math.floor(turnBytes / ofTurn))),
  };
}
