import { batchAt, hasOwnRows, isShuffled, optimizersOf, rowsOf, seedOf, widestOptimizer } from "../batches.ts";
import { lossScale } from "../cpu/loss.ts";
import { maskKey } from "../cpu/dropout.ts";
import type { Checkpoint, MemberResults, RunSettings, TrainingRun } from "../executor.ts";
import { deriveStep, type StepGraph } from "../../graph/derive.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "../../graph/graphNetwork.ts";
import { memberHyperParameters } from "../../math/optimizerUpdate.ts";
import { type UpdateValues, updateValuesOf } from "../../math/updateValues.ts";
import { nextTask } from "../../nextTask.ts";
import type { WasmDevice } from "./device.ts";
import { gradientJobs } from "./gradientCode.ts";
import { dropoutStreams } from "./graphCode.ts";
import { writeProducts } from "./layerProducts.ts";
import { Memory } from "./memory.ts";
import { argumentWords, type PassArgument, turnPlace, turnWords } from "./passArguments.ts";
import { type KernelHandle, type Phase, Program } from "./program.ts";
import type { NetworkModule } from "./stepModule.ts";
import { updateBlock } from "./parameterUpdate.ts";

/** Most items of a phase, with room below what a program takes. */
const mostItems = 4000;
/** Losses kept until they are read: in steps, and in numbers. */
const maxRingSteps = 4096;
const ringFloats = 2 ** 22;
/** Bytes of the values of nodes: of a chunk of one member, and of the members that are in memory together. */
const chunkBytes = 2 ** 26;
const groupBytes = 2 ** 28;
/** Bytes of the row numbers of the turns that are handed over at once. */
const rowsBytes = 2 ** 24;
const mostTurns = 256;
/** Time of the work that is handed over at once, so that others get their turn. */
const unitMs = 20;
/** Operations of a step below which waking other threads costs more than it saves. */
const aloneOperations = 2 ** 19;
/** Operations of an item that make it worth being one. */
const itemOperations = 2 ** 18;

/** The kernels of a network's step in a device, and what they expect of memory. */
export interface StepKernels {
  readonly module: NetworkModule;
  readonly rows: KernelHandle;
  readonly gradients: KernelHandle;
  readonly update: KernelHandle;
  readonly finish: KernelHandle;
}

/** Sizes of a run: functions of the network and the settings alone, so that no bit depends on the machine. */
interface Sizes {
  readonly batchSize: number;
  readonly sliceRows: number;
  readonly chunkRows: number;
  /** Members whose nodes are in memory at once. */
  readonly groupMembers: number;
}

/** Rows of a slice: enough for the products' tiles, few enough for its values to stay in the cache of a core. */
function sliceRowsOf(step: StepGraph, batchSize: number): number {
  const widest = step.allNodes.reduce((most, { width }) => Math.max(most, width), 1);
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, 2 ** 15 / widest)));
  const rows = Math.max(32, Math.min(64, wanted));
  const least = Math.ceil(batchSize / mostItems / 32) * 32;
  return Math.max(rows, least);
}

function sizesOf(step: StepGraph, members: number, batchSize: number, rowFloats: number): Sizes {
  const sliceRows = sliceRowsOf(step, batchSize);
  const mostRows = Math.max(1, Math.floor(chunkBytes / (4 * rowFloats * sliceRows))) * sliceRows;
  const chunkRows = Math.min(batchSize, mostRows);
  const memberBytes = 4 * chunkRows * rowFloats;
  return {
    batchSize,
    sliceRows,
    chunkRows,
    groupMembers: Math.max(1, Math.min(members, Math.floor(groupBytes / memberBytes))),
  };
}

export interface RunRequest {
  readonly device: WasmDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  /** Address of the executor's parameters. */
  readonly parameters: number;
  readonly kernels: StepKernels;
  readonly settings: RunSettings;
  readonly requireAlive: () => void;
}

/** A training run on vectors: each step in phases, of which every item has a fixed part. */
export class WasmRun implements TrainingRun {
  readonly ringSteps: number;
  readonly leastSteps = 1;
  readonly #request: RunRequest;
  readonly #memory: Memory;
  readonly #program: Program;
  readonly #update: UpdateValues;
  readonly #sizes: Sizes;
  readonly #at: Readonly<
    Record<
      | "turns"
      | "rows"
      | "masks"
      | "settings"
      | "runValues"
      | "stopped"
      | "losses"
      | "bestLosses"
      | "bestSteps"
      | "moments",
      number
    >
  >;
  readonly #slots: readonly number[];
  /** Address of [members, parameterStride]. */
  readonly #gradients: number;
  readonly #maxTurns: number;
  readonly #rowCount: number;
  readonly #rowMembers: number;
  readonly #streams: readonly number[];
  readonly #operations: number;
  #settings: RunSettings;
  #msPerTurn = 0;
  #lastStep = -1;

  constructor(request: RunRequest) {
    const { device, network, members, settings, kernels, parameters } = request;
    const { heap } = device;
    const memory = new Memory(heap);
    this.#request = request;
    this.#settings = settings;
    this.#memory = memory;
    try {
      const step = deriveStep(graphOf(network));
      const { slotWidths, parameterStride } = kernels.module;
      const rowCount = settings.data.targets.length / network.outputs;
      const batchSize = Math.min(settings.batchSize, rowCount);
      const rowFloats = slotWidths.reduce((sum, width) => sum + width, 0);
      const sizes = sizesOf(step, members, batchSize, rowFloats);
      this.#sizes = sizes;
      this.#rowCount = rowCount;
      const hasRows = isShuffled(settings, rowCount) || settings.bootstrap === true;
      this.#rowMembers = hasOwnRows(settings, rowCount) ? members : 1;
      this.#streams = dropoutStreams(step);
      this.ringSteps = Math.max(1, Math.min(maxRingSteps, Math.floor(ringFloats / members)));
      const rowWords = hasRows ? this.#rowMembers * batchSize : 0;
      const maskMembers = settings.perMember?.seed ? members : 1;
      const maskWords = 2 * this.#streams.length * maskMembers;
      const perTurn = 4 * Math.max(1, rowWords + maskWords);
      this.#maxTurns = Math.max(1, Math.min(this.ringSteps, mostTurns, Math.floor(rowsBytes / perTurn)));
      this.#update = updateValuesOf(widestOptimizer(settings));
      const slices = Math.ceil(sizes.batchSize / sizes.sliceRows);
      const momentFloats = members * parameterStride;
      this.#at = {
        turns: memory.allocate(turnWords * this.#maxTurns),
        rows: hasRows ? memory.allocate(rowWords * this.#maxTurns) : 0,
        masks: maskWords > 0 ? memory.allocate(maskWords * this.#maxTurns) : 0,
        settings: memory.allocate(memberHyperParameters.length * members),
        runValues: memory.allocate(16),
        stopped: memory.allocate(members),
        losses: memory.allocate(this.ringSteps * members),
        bestLosses: memory.allocate(members),
        bestSteps: memory.allocate(members),
        moments: memory.allocate(Math.max(1, this.#update.state.length * momentFloats)),
      };
      const slotFloats = slotWidths.map((width) => 4 * Math.ceil((sizes.chunkRows * width) / 4) + 4);
      const memberFloats = 16 * Math.ceil(slotFloats.reduce((sum, floats) => sum + floats, 0) / 16);
      const nodes = memory.allocate(memberFloats * sizes.groupMembers);
      this.#slots = slotFloats.map(
        (_, slot) => nodes + 4 * slotFloats.slice(0, slot).reduce((sum, floats) => sum + floats, 0),
      );
      const layers = denseShapesOf(step);
      const jobs = gradientJobs(step);
      const jobRows = jobs.map(({ rows, operations }) => {
        const perRow = Math.max(1, operations * sizes.chunkRows);
        return Math.min(rows, Math.max(4, 4 * Math.ceil(itemOperations / perRow / 4)));
      });
      const jobItems = jobs.map(({ rows }, at) => Math.ceil(rows / jobRows[at]!));
      const allJobItems = jobItems.reduce((sum, items) => sum + items, 0);
      const blocks = Math.ceil(network.parameterCount / updateBlock);
      const weights = layers.reduce((sum, { fanIn, fanOut }) => sum + fanIn * fanOut, network.parameterCount);
      this.#operations = 6 * weights * batchSize * members;
      const common: Partial<Record<PassArgument, number>> = {
        sliceRows: sizes.sliceRows,
        capacity: sizes.chunkRows,
        turns: this.#at.turns,
        inputs: memory.floats(settings.data.inputs),
        targets: memory.floats(settings.data.targets),
        rowsTurn: 4 * rowWords,
        rowsMember: this.#rowMembers > 1 ? 4 * batchSize : 0,
        partialsMember: 4 * slices,
        masksTurn: 4 * maskWords,
        masksMember: maskMembers > 1 ? 8 * this.#streams.length : 0,
        slotsMember: 4 * memberFloats,
        blocks,
        momentsState: 4 * momentFloats,
        settings: this.#at.settings,
        runValues: this.#at.runValues,
        products: writeProducts(memory, layers, Math.min(sizes.sliceRows, batchSize)),
        jobs: memory.words(jobRows.flatMap((rows, at) => [jobItems[at]!, rows])),
        jobItems: allJobItems,
      };
      const gradients = memory.allocate(members * parameterStride);
      this.#gradients = gradients;
      const partials = memory.allocate(slices * members);
      const failed = memory.allocate(members);
      const passOf = (first: number, values: Partial<Record<PassArgument, number>>): number =>
        memory.words([
          ...argumentWords({
            ...common,
            parameters: parameters + 4 * first * parameterStride,
            gradients: gradients + 4 * first * parameterStride,
            moments: this.#at.moments + 4 * first * parameterStride,
            stopped: this.#at.stopped + 4 * first,
            failed: failed + 4 * first,
            rows: this.#at.rows === 0 ? 0 : this.#at.rows + (this.#rowMembers > 1 ? 4 * first * batchSize : 0),
            partials: partials + 4 * first * slices,
            masks: this.#at.masks + (maskMembers > 1 ? 8 * this.#streams.length * first : 0),
            losses: this.#at.losses,
            bestLosses: this.#at.bestLosses,
            bestSteps: this.#at.bestSteps,
            ...values,
          }),
          ...this.#slots,
        ]);
      const phases: Phase[] = [];
      const rowOperations = 6 * weights;
      for (let first = 0; first < members; first += sizes.groupMembers) {
        const count = Math.min(sizes.groupMembers, members - first);
        for (let firstRow = 0; firstRow < batchSize; firstRow += sizes.chunkRows) {
          const chunkRows = Math.min(sizes.chunkRows, batchSize - firstRow);
          const chunkSlices = Math.ceil(chunkRows / sizes.sliceRows);
          const ofChunk = { members: count, slices: chunkSlices, firstRow, isAdded: firstRow > 0 ? 1 : 0 };
          const itemsOf = (perMember: number, operations: number): { itemMembers: number; items: number } => {
            const forItems = Math.ceil((count * perMember) / mostItems);
            const forWork = Math.min(count, Math.floor(itemOperations / Math.max(1, operations)));
            const itemMembers = Math.max(1, forItems, forWork);
            return { itemMembers, items: Math.ceil(count / itemMembers) * perMember };
          };
          const rows = itemsOf(chunkSlices, rowOperations * Math.min(chunkRows, sizes.sliceRows));
          const weightItems = itemsOf(allJobItems, (2 * weights * chunkRows) / Math.max(1, allJobItems));
          phases.push({
            items: rows.items,
            calls: [{ kernel: kernels.rows, args: passOf(first, { ...ofChunk, itemMembers: rows.itemMembers }) }],
          });
          phases.push({
            items: weightItems.items,
            calls: [
              { kernel: kernels.gradients, args: passOf(first, { ...ofChunk, itemMembers: weightItems.itemMembers }) },
            ],
          });
        }
      }
      const updateMembers = Math.max(
        1,
        Math.ceil((members * blocks) / mostItems),
        Math.min(members, Math.floor(updateBlock / network.parameterCount)),
      );
      phases.push({
        items: Math.ceil(members / updateMembers) * blocks,
        calls: [{ kernel: kernels.update, args: passOf(0, { members, itemMembers: updateMembers }) }],
      });
      const finishMembers = Math.max(256, Math.ceil(members / mostItems));
      phases.push({
        items: Math.ceil(members / finishMembers),
        calls: [{ kernel: kernels.finish, args: passOf(0, { members, itemMembers: finishMembers }) }],
      });
      this.#program = new Program(heap, phases);
      this.#writeSettings();
      this.#restore(settings.resume);
    } catch (error) {
      memory.free();
      throw error;
    }
  }

  #writeSettings(): void {
    const { heap } = this.#request.device;
    const { members } = this.#request;
    const optimizers = optimizersOf(this.#settings, members);
    const values = optimizers.flatMap((own) => memberHyperParameters.map((name) => own[name]));
    heap.floats(this.#at.settings, values.length).set(values);
    heap.floats(this.#at.runValues, 16).set(this.#update.runValues(widestOptimizer(this.#settings)));
  }

  #restore(resume: Checkpoint | undefined): void {
    const { device, members, network, kernels } = this.#request;
    const { heap } = device;
    heap.words(this.#at.stopped, members).set(resume?.nonFiniteSteps ?? new Float64Array(members).fill(-1));
    heap.floats(this.#at.bestLosses, members).set(resume?.bestLosses ?? new Float64Array(members).fill(Infinity));
    heap.words(this.#at.bestSteps, members).set(resume?.bestSteps ?? new Float64Array(members).fill(-1));
    if (!resume) return;
    const { parameterCount } = network;
    const { parameterStride } = kernels.module;
    for (let row = 0; row < this.#update.state.length * members; row++) {
      const own = resume.moments.subarray(row * parameterCount, (row + 1) * parameterCount);
      heap.floats(this.#at.moments + 4 * row * parameterStride, parameterCount).set(own);
    }
  }

  setLearningRate(learningRate: number): void {
    this.#settings = { ...this.#settings, optimizer: { ...this.#settings.optimizer, learningRate } };
    this.#writeSettings();
  }

  async execute(firstStep: number, count: number): Promise<void> {
    this.#request.requireAlive();
    const { pool } = this.#request.device;
    for (let done = 0; done < count;) {
      const wanted = this.#msPerTurn === 0 ? 1 : Math.ceil(unitMs / this.#msPerTurn);
      const turns = Math.min(count - done, this.#maxTurns, wanted);
      const startMs = performance.now();
      this.#writeTurns(firstStep + done, turns);
      if (pool.threads === 1 || this.#operations < aloneOperations) {
        pool.runAlone(this.#program, turns);
        if (performance.now() - startMs > unitMs / 2) await nextTask();
      } else await pool.run(this.#program, turns);
      this.#msPerTurn = Math.max(1e-4, (performance.now() - startMs) / turns);
      done += turns;
      this.#lastStep = firstStep + done - 1;
      this.#request.requireAlive();
    }
  }

  #writeTurns(firstStep: number, turns: number): void {
    const { network, members, device } = this.#request;
    const { heap } = device;
    const words = heap.words(this.#at.turns, turnWords * turns);
    const floats = heap.floats(this.#at.turns, turnWords * turns);
    const optimizer = widestOptimizer(this.#settings);
    const { batchSize } = this.#sizes;
    for (let turn = 0; turn < turns; turn++) {
      const step = firstStep + turn;
      const batch = batchAt(this.#settings, this.#rowCount, step);
      const at = turn * turnWords;
      words[at + turnPlace.rows] = batch.batchSize;
      words[at + turnPlace.position] = batch.firstPosition;
      floats[at + turnPlace.lossScale] = lossScale(network.loss, batch.batchSize, network.outputs);
      words[at + turnPlace.step] = step;
      words[at + turnPlace.ring] = step % this.ringSteps;
      floats.set(this.#update.stepValues(optimizer, step), at + turnPlace.values);
      if (this.#at.rows !== 0) {
        for (let member = 0; member < this.#rowMembers; member++) {
          const own = member === 0 ? batch : batchAt(this.#settings, this.#rowCount, step, member);
          const first = this.#at.rows + 4 * batchSize * (turn * this.#rowMembers + member);
          heap.words(first, own.batchSize).set(rowsOf(own));
        }
      }
      if (this.#at.masks !== 0) this.#writeMasks(turn, step, this.#settings.perMember?.seed ? members : 1);
    }
  }

  #writeMasks(turn: number, step: number, members: number): void {
    const count = 2 * this.#streams.length * members;
    const words = this.#request.device.heap.words(this.#at.masks + 4 * count * turn, count);
    for (let member = 0; member < members; member++) {
      const key = { seed: seedOf(this.#settings, member), step };
      for (const [place, stream] of this.#streams.entries()) {
        words.set(maskKey(key, stream), 2 * (member * this.#streams.length + place));
      }
    }
  }

  finished(): Promise<void> {
    return Promise.resolve();
  }

  readLosses(firstStep: number, count: number): Promise<Float32Array> {
    const { members, device } = this.#request;
    const losses = new Float32Array(count * members);
    for (let at = 0; at < count; at++) {
      const row = (firstStep + at) % this.ringSteps;
      losses.set(device.heap.floats(this.#at.losses + 4 * row * members, members), at * members);
    }
    return Promise.resolve(losses);
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#words("stopped"));
  }

  #words(name: "stopped" | "bestSteps"): Float64Array {
    return Float64Array.from(this.#request.device.heap.words(this.#at[name], this.#request.members));
  }

  async readResults(): Promise<MemberResults> {
    const { members, device } = this.#request;
    return {
      finalLosses: this.#lastStep < 0 ? new Float32Array(members).fill(NaN) : await this.readLosses(this.#lastStep, 1),
      bestLosses: device.heap.floats(this.#at.bestLosses, members).slice(),
      bestSteps: this.#words("bestSteps"),
      nonFiniteSteps: this.#words("stopped"),
    };
  }

  async readCheckpoint(step: number): Promise<Checkpoint> {
    const { device, members, network, kernels, parameters } = this.#request;
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    const compact = (address: number, rows: number): Float32Array =>
      readRows(device, address, { rows, count: network.parameterCount, stride: kernels.module.parameterStride });
    return {
      step,
      parameters: compact(parameters, members),
      moments: compact(this.#at.moments, members * this.#update.state.length),
      nonFiniteSteps,
      bestLosses,
      bestSteps,
    };
  }

  /** Values of a node of the last step, [members, rows, width]: where all members and rows are in memory at once. */
  readNode(node: number, rows: number): Float32Array {
    const { device, members, kernels } = this.#request;
    const slot = kernels.module.slotOf(node);
    const width = kernels.module.slotWidths[slot]!;
    const stride = this.#slotsMember();
    return readRows(device, this.#slots[slot]!, { rows: members, count: rows * width, stride });
  }

  /** [members, parameterCount]: of the last step. */
  readGradients(): Float32Array {
    const { device, members, network, kernels } = this.#request;
    const { parameterStride: stride } = kernels.module;
    return readRows(device, this.#gradients, { rows: members, count: network.parameterCount, stride });
  }

  #slotsMember(): number {
    const { slotWidths } = this.#request.kernels.module;
    const floats = slotWidths.map((width) => 4 * Math.ceil((this.#sizes.chunkRows * width) / 4) + 4);
    return 16 * Math.ceil(floats.reduce((sum, own) => sum + own, 0) / 16);
  }

  dispose(): void {
    this.#program.dispose();
    this.#memory.free();
  }
}

interface Rows {
  readonly rows: number;
  readonly count: number;
  /** From a row to the next, in values. */
  readonly stride: number;
}

/** Rows of f32 values without what lies between them. */
export function readRows({ heap }: WasmDevice, address: number, { rows, count, stride }: Rows): Float32Array {
  const values = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) values.set(heap.floats(address + 4 * row * stride, count), row * count);
  return values;
}
