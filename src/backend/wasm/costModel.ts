import { type AnyNetwork, graphOf } from "../../graph/graphNetwork.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { stateCount } from "../../math/optimizerFunction.ts";
import { isShuffled, rowCountOf, widestOptimizer } from "../batches.ts";
import type { RunSettings } from "../executor.ts";
import { graphFlops, orthogonalFlops, updateFlops } from "../stepWork.ts";

// What a step costs in WebAssembly, in milliseconds. docs/engine.md derives it.

/** What the cost model knows of the host. */
export interface WasmMachine {
  readonly threads: number;
  /** Floating-point operations that one thread does per second, multiplying and adding vectors. */
  readonly flops: number;
  /** Bytes that one thread reads and writes per second, more than the cache of a core holds. */
  readonly bytesPerSecond: number;
  /** Milliseconds of a phase that threads share, however little there is to do. */
  readonly phaseMs: number;
}

/** What a step is planned for. */
export interface WasmWork {
  readonly network: AnyNetwork;
  readonly members: number;
  /** As `ExecutorOptions` has it. */
  readonly plannedMembers?: number | undefined;
  readonly settings: RunSettings;
}

/** Share of `flops` that a strategy reaches: it also loads, stores and computes functions. */
const fusedShare = 0.3;
const layeredShare = 0.4;
/** What a step costs besides its arithmetic, and a row that is drawn. */
const hostMs = 1e-4;
const drawnRowMs = 2e-5;
const lanes = 4;
/** Rows of one network, or vectors of members, that one thread takes in straight-line code. */
const sliceRows = 1024;

/** Parameters times rows times members of a step in straight-line code, from which threads share it. */
const fusedSharedWork = 2 ** 17;
/** Operations of a step in phases, from which waking other threads costs less than it saves. */
const layeredSharedOperations = 2 ** 19;

export const sharesFused = (parameterCount: number, members: number, batchSize: number): boolean =>
  parameterCount * members * batchSize >= fusedSharedWork;

export const sharesLayered = (operations: number): boolean => operations >= layeredSharedOperations;

const padded = (count: number): number => lanes * Math.ceil(count / lanes);

/** Bytes of parameters, gradients and moments that an update reads and writes. */
const updateBytes = ({ members, network }: WasmWork, optimizer: Optimizer): number =>
  4 * members * network.parameterCount * (3 + 2 * stateCount(optimizer, network.parameterCount));

/** Milliseconds of what the host does for a step. */
function stepBaseMs({ members, settings }: WasmWork, rowCount: number): number {
  const isDrawn = isShuffled(settings, rowCount) || settings.bootstrap === true;
  const drawn = isDrawn ? Math.min(settings.batchSize, rowCount) * (settings.perMember?.seed ? members : 1) : 0;
  return hostMs + drawn * drawnRowMs;
}

/** Milliseconds of a step in phases: rows, gradients, update, end. */
function layeredMs(machine: WasmMachine, work: WasmWork, rows: number): number {
  const { network, members, settings } = work;
  const { parameterCount } = network;
  const optimizer = widestOptimizer(settings);
  const parameters = members * parameterCount;
  const ofMatrices = members * orthogonalFlops(network, optimizer);
  const isShared = machine.threads > 1 && sharesLayered(6 * parameters * rows + ofMatrices);
  const flops = members * rows * graphFlops(graphOf(network)) + parameters * updateFlops(optimizer) + ofMatrices;
  const seconds = Math.max(
    flops / (layeredShare * machine.flops),
    updateBytes(work, optimizer) / machine.bytesPerSecond,
  );
  return isShared ? (1000 * seconds) / machine.threads + 4 * machine.phaseMs : 1000 * seconds;
}

/** Milliseconds of a step in straight-line code: of members, or of the samples of one network and then their sum. */
function fusedMs(machine: WasmMachine, { network, members, settings }: WasmWork, rows: number): number {
  const { parameterCount } = network;
  const isShared = machine.threads > 1 && sharesFused(parameterCount, members, rows);
  const samples = members > 1 ? padded(members) * rows : padded(rows);
  const update = members * parameterCount * updateFlops(widestOptimizer(settings));
  const ms = (1000 * (samples * graphFlops(graphOf(network)) + update)) / (fusedShare * machine.flops);
  if (!isShared) return ms;
  const items = members > 1 ? padded(members) / lanes : Math.ceil(rows / sliceRows);
  return ms / Math.min(machine.threads, items) + (members > 1 ? 1 : 2) * machine.phaseMs;
}

/** Milliseconds of a step by one strategy. */
export function wasmStepMs(machine: WasmMachine, work: WasmWork, isFused: boolean): number {
  const { network, settings } = work;
  const rowCount = rowCountOf(settings, network);
  const rows = Math.min(settings.batchSize, rowCount);
  return stepBaseMs(work, rowCount) + (isFused ? fusedMs : layeredMs)(machine, work, rows);
}
