import { deriveStep, type StepGraph } from "../../graph/derive.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import { matricesOf } from "../../graph/denseMatrices.ts";
import { weightMaskOf } from "../../graph/weightRanges.ts";
import { memberHyperParameters } from "../../math/hyperParameters.ts";
import { searchesLine, stateCount } from "../../math/optimizerFunction.ts";
import { mostRunValues } from "../../math/optimizerUpdate.ts";
import { widestOptimizer } from "../batches.ts";
import type { RunSettings } from "../executor.ts";
import { gradientJobs } from "./gradientCode.ts";
import { writeProducts } from "./layerProducts.ts";
import { Memory, type MemorySource } from "./memory.ts";
import { createOrthogonalRun, type OrthogonalRun } from "./orthogonalJobs.ts";
import { packJobs } from "./packedWeights.ts";
import { squareBytes, updateBlock } from "./parameterUpdate.ts";
import { argumentWords, type PassArgument, turnWords } from "./passArguments.ts";
import { mostItems, type KernelOf, type Phase, Program } from "./program.ts";
import { drawWords } from "./rowDraw.ts";
import { runSizes, type RunSizes } from "./runSizes.ts";
import { itemOperations, shareItems } from "./shareItems.ts";
import type { NetworkModule } from "./stepModule.ts";
import type { UpdatePlan } from "./updateCode.ts";

/** Rows of weights that an item computes gradients of, at least: it packs the gradients of the outputs for them. */
const leastWeightRows = 64;
/** Operations that drawing a row takes, about. */
const drawOperations = 32;
/** Members of an item that ends their step, at least. */
const finishedMembers = 256;

export interface RunMemoryRequest {
  readonly network: AnyNetwork;
  readonly members: number;
  /** Address of [members, parameterStride]. */
  readonly parameters: number;
  readonly module: NetworkModule;
  readonly settings: RunSettings;
  readonly plan: UpdatePlan;
}

type PassValues = Partial<Record<PassArgument, number>>;

/** Addresses of what the host reads and writes. */
type Places = Readonly<
  Record<
    | "turns"
    | "rows"
    | "seeds"
    | "masks"
    | "settings"
    | "runValues"
    | "stopped"
    | "losses"
    | "bestLosses"
    | "bestSteps"
    | "moments"
    | "gradients",
    number
  >
>;

function allocatePlaces(memory: Memory, sizes: RunSizes, floats: { moments: number; gradients: number }): Places {
  const { members, maxTurns, rowMembers, rowWords, maskMembers, streams, ringSteps } = sizes;
  return {
    turns: memory.allocate(turnWords * maxTurns),
    rows: rowMembers > 0 ? memory.allocate(rowMembers * rowWords) : 0,
    seeds: memory.allocate(drawWords(sizes.rowRule) * rowMembers),
    masks: memory.allocate(2 * streams.length * maskMembers * maxTurns),
    settings: memory.allocate(memberHyperParameters.length * members),
    runValues: memory.allocate(mostRunValues),
    stopped: memory.allocate(members),
    losses: memory.allocate(ringSteps * members),
    bestLosses: memory.allocate(members),
    bestSteps: memory.allocate(members),
    moments: memory.allocate(floats.moments),
    gradients: memory.allocate(floats.gradients),
  };
}

/** How gradients are cut into items: of each job the items, and rows of weights in one. */
function cutGradients(step: StepGraph, chunkRows: number): { words: number[]; items: number } {
  const all = gradientJobs(step);
  const least = Math.ceil(all.reduce((sum, { rows }) => sum + rows, 0) / (mostItems / 2));
  const jobs = all.map(({ rows, operations }) => {
    const wanted =
      4 * Math.ceil(Math.max(least, leastWeightRows, itemOperations / Math.max(1, operations * chunkRows)) / 4);
    const perItem = Math.min(rows, wanted);
    return { items: Math.ceil(rows / perItem), perItem };
  });
  return {
    words: jobs.flatMap(({ items, perItem }) => [items, perItem]),
    items: jobs.reduce((sum, { items }) => sum + items, 0),
  };
}

/** The memory of a training run, and the program of one step over it. */
export class RunMemory {
  readonly sizes: RunSizes;
  readonly at: Places;
  readonly program: Program;
  /** Operations of a step, about. */
  readonly operations: number;
  /** Addresses of slots of the first member. */
  readonly slots: readonly number[];
  readonly #memory: Memory;
  readonly #request: RunMemoryRequest;
  readonly #kernelOf: KernelOf;
  readonly #common: PassValues;
  /** Where the optimizer makes matrices orthogonal. */
  readonly #orthogonal: OrthogonalRun | undefined;
  readonly #step: StepGraph;

  /** @param kernelOf kernels of a step: `draw` where rows are drawn, and those of the module */
  constructor(heap: MemorySource, request: RunMemoryRequest, kernelOf: KernelOf) {
    const { network, members, settings, module, plan } = request;
    const { slotWidths, parameterStride } = module;
    this.#kernelOf = kernelOf;
    this.#request = request;
    this.#memory = new Memory(heap);
    this.#step = deriveStep(graphOf(network));
    this.sizes = runSizes(this.#step, { members, inputs: network.inputs, settings }, slotWidths);
    const rowOperations = 6 * this.#step.parameters.reduce((sum, { size }) => sum + size, 0);
    try {
      const count = members * parameterStride;
      const states = stateCount(widestOptimizer(settings), network.parameterCount);
      this.at = allocatePlaces(this.#memory, this.sizes, { moments: states * count, gradients: count });
      this.#orthogonal = plan.direction && this.#createOrthogonal();
      const ofMatrices = this.#orthogonal?.operations ?? 0;
      this.operations = (rowOperations * this.sizes.batchSize + ofMatrices) * members;
      const { slots, end } = this.#allocateSlots();
      this.slots = slots;
      this.#common = this.#commonValues(end);
      this.program = new Program(heap, this.#phases(rowOperations));
    } catch (error) {
      this.#memory.free();
      throw error;
    }
  }

  /** Addresses of the slots of the first member, and of what lies behind them. */
  #allocateSlots(): { slots: readonly number[]; end: number } {
    const { memberFloats, groupMembers, slotFloats } = this.sizes;
    let end = this.#memory.allocate(memberFloats * groupMembers);
    const slots = slotFloats.map((floats) => {
      const own = end;
      end += 4 * floats;
      return own;
    });
    return { slots, end };
  }

  #createOrthogonal(): OrthogonalRun {
    const { network, members, settings, module } = this.#request;
    const { optimizer } = settings;
    const { all: matrices } = matricesOf(network, optimizer);
    return createOrthogonalRun(this.#memory, {
      matrices,
      members,
      stride: module.parameterStride,
      options: optimizer,
    });
  }

  /** Distance of the rows of members, in bytes. */
  get #rowsMember(): number {
    return this.sizes.rowMembers > 1 ? 4 * this.sizes.rowWords : 0;
  }

  #commonValues(packedAt: number): PassValues {
    const { network, members, settings, module } = this.#request;
    const { batchSize, sliceRows, slices, chunkRows, maskMembers, streams, memberFloats, packed } = this.sizes;
    const memory = this.#memory;
    const gradients = cutGradients(this.#step, chunkRows);
    const packs = packJobs(packed);
    const blockSize = Math.max(updateBlock, 4 * Math.ceil(network.parameterCount / mostItems / 4));
    const blocks = Math.ceil(network.parameterCount / blockSize);
    return {
      sliceRows,
      capacity: chunkRows,
      turns: this.at.turns,
      settings: this.at.settings,
      runValues: this.at.runValues,
      isWeight: this.#request.plan.update.takesWeights ? this.#maskOf(weightMaskOf(network)) : 0,
      isMatrix: this.#orthogonal ? this.#maskOf(matricesOf(network, settings.optimizer).mask) : 0,
      directions: this.#orthogonal?.directions ?? 0,
      orthogonal: this.#orthogonal?.orthogonal ?? 0,
      losses: this.at.losses,
      bestLosses: this.at.bestLosses,
      bestSteps: this.at.bestSteps,
      inputs: memory.floats(settings.data.inputs),
      targets: memory.floats(settings.data.targets),
      rowsMember: this.#rowsMember,
      seeds: this.at.seeds,
      rowCount: this.sizes.rowCount,
      partials: memory.allocate(slices * members),
      partialsMember: 4 * slices,
      masksTurn: 8 * streams.length * maskMembers,
      masksMember: maskMembers > 1 ? 8 * streams.length : 0,
      slotsMember: 4 * memberFloats,
      blocks,
      squares: this.#request.plan.hosted.gradientScale ? memory.allocate((squareBytes / 4) * blocks * members) : 0,
      blockSize,
      momentsState: 4 * members * module.parameterStride,
      failed: memory.allocate(members),
      products: writeProducts(memory, denseShapesOf(this.#step), Math.min(sliceRows, batchSize), packed),
      packed: packs.length > 0 ? packedAt : 0,
      packs: memory.words(packs.flat()),
      packItems: packs.length,
      jobs: memory.words(gradients.words),
      jobItems: gradients.items,
      parameters: this.#request.parameters,
      gradients: this.at.gradients,
      moments: this.at.moments,
      stopped: this.at.stopped,
      rows: this.at.rows,
      masks: this.at.masks,
    };
  }

  /** Address of a mask of parameters, [parameterStride]. */
  #maskOf(values: Float64Array): number {
    const mask = new Float32Array(this.#request.module.parameterStride);
    mask.set(values);
    return this.#memory.floats(mask);
  }

  /** Writes the arguments of a pass over members from one on. @returns their address */
  #pass(first: number, values: PassValues): number {
    const { parameterStride } = this.#request.module;
    const { slices, maskMembers, streams } = this.sizes;
    const moved: PassValues = {
      parameters: 4 * parameterStride,
      gradients: 4 * parameterStride,
      moments: 4 * parameterStride,
      stopped: 4,
      failed: 4,
      rows: this.#rowsMember,
      partials: 4 * slices,
      masks: maskMembers > 1 ? 8 * streams.length : 0,
    };
    const own = Object.entries(moved).map(([name, bytes]) => [
      name,
      this.#common[name as PassArgument]! + first * bytes,
    ]);
    return this.#memory.words([
      ...argumentWords({ ...this.#common, ...Object.fromEntries(own), ...values }),
      ...this.slots,
    ]);
  }

  #phases(rowOperations: number): Phase[] {
    const { members, network } = this.#request;
    const { batchSize, chunkRows, groupMembers, rowMembers, rowWords } = this.sizes;
    const phases: Phase[] = [];
    if (rowMembers > 0) {
      const { itemMembers, items } = shareItems(rowMembers, 1, drawOperations * rowWords);
      phases.push(this.#phaseOf("draw", items, this.#pass(0, { members: rowMembers, itemMembers })));
    }
    for (let first = 0; first < members; first += groupMembers) {
      const count = Math.min(groupMembers, members - first);
      const packItems = this.#common.packItems!;
      if (packItems > 0) {
        const shared = shareItems(count, packItems, network.parameterCount / packItems);
        const args = this.#pass(first, { members: count, itemMembers: shared.itemMembers });
        phases.push(this.#phaseOf("pack", shared.items, args));
      }
      for (let firstRow = 0; firstRow < batchSize; firstRow += chunkRows) {
        phases.push(...this.#chunkPhases({ first, count, firstRow }, rowOperations));
      }
    }
    const blocks = this.#common.blocks!;
    const updated = shareItems(members, blocks, (64 * Math.min(network.parameterCount, this.#common.blockSize!)) / 4);
    const finished = Math.max(finishedMembers, Math.ceil(members / mostItems));
    const update = this.#pass(0, { members, itemMembers: updated.itemMembers });
    const finish = this.#pass(0, { members, itemMembers: finished });
    // The host updates the members of a line search.
    if (searchesLine(this.#request.settings.optimizer)) {
      return [...phases, this.#phaseOf("finish", Math.ceil(members / finished), finish)];
    }
    const squares = this.#request.plan.hosted.gradientScale ? [this.#phaseOf("squares", updated.items, update)] : [];
    return [
      ...phases,
      ...squares,
      ...(this.#orthogonal ? [this.#phaseOf("directions", updated.items, update)] : []),
      ...this.#orthogonalPhases(),
      this.#phaseOf("update", updated.items, update),
      this.#phaseOf("finish", Math.ceil(members / finished), finish),
    ];
  }

  #orthogonalPhases(): Phase[] {
    const { members } = this.#request;
    return (this.#orthogonal?.phases ?? []).map(({ kernel, jobs, items, operations }) => {
      const shared = shareItems(members, items, operations);
      const own = { members, itemMembers: shared.itemMembers, orthogonalJobs: jobs, orthogonalItems: items };
      return this.#phaseOf(kernel, shared.items, this.#pass(0, own));
    });
  }

  #phaseOf(kernel: string, items: number, args: number): Phase {
    return { items, calls: [{ kernel: this.#kernelOf(kernel), args }] };
  }

  #chunkPhases(
    { first, count, firstRow }: { readonly first: number; readonly count: number; readonly firstRow: number },
    rowOperations: number,
  ): Phase[] {
    const { batchSize, chunkRows, sliceRows } = this.sizes;
    const rows = Math.min(chunkRows, batchSize - firstRow);
    const slices = Math.ceil(rows / sliceRows);
    const jobItems = this.#common.jobItems!;
    const shared = { members: count, slices, firstRow, isAdded: firstRow > 0 ? 1 : 0 };
    const ofRows = shareItems(count, slices, rowOperations * Math.min(rows, sliceRows));
    const ofGradients = shareItems(count, jobItems, (rowOperations * rows) / (3 * Math.max(1, jobItems)));
    const passOf = ({ itemMembers }: { itemMembers: number }): number => this.#pass(first, { ...shared, itemMembers });
    return [
      this.#phaseOf("rows", ofRows.items, passOf(ofRows)),
      this.#phaseOf("gradients", ofGradients.items, passOf(ofGradients)),
    ];
  }

  free(): void {
    this.program.dispose();
    this.#memory.free();
  }
}
