import { memberHyperParameters } from "../../math/hyperParameters.ts";
import { hasDrops, type Network, targetWidth } from "../../graph/network.ts";
import { dataRowsOf, optimizerOf, rowCountOf, widestOptimizer } from "../batches.ts";
import type { RunSettings } from "../executor.ts";
import { sharesFused } from "./costModel.ts";
import { groupMembers, stepBytesOf, sumBytes } from "./fusedProgram.ts";
import { Memory, type MemorySource } from "./memory.ts";
import { type KernelOf, mostItems, type Phase, Program } from "./program.ts";
import { areInOrder, drawWords, drawWordsOf, type RowRule, rowRuleOf } from "./rowDraw.ts";
import { runWords } from "./runLayout.ts";
import { batchBytes, paddedCount, sliceSamples } from "./sampleProgram.ts";
import { type UpdatePlan, updatePlan } from "./updateCode.ts";

/** Losses and steps that memory holds at once. */
export const ringSteps = 256;
const mostSteps = 64;
const mostRowBytes = 2 ** 22;
/** Items for each thread, so that none waits long for the last one. */
export const itemsPerThread = 8;

/** The small networks that are trained, and how. */
export interface FusedTraining {
  readonly network: Network;
  readonly members: number;
  /** As `ExecutorOptions` has it. */
  readonly plannedMembers?: number | undefined;
  readonly settings: RunSettings;
}

/** The kernels of its program, and the threads that share its items. */
export interface FusedHow {
  readonly kernelOf: KernelOf;
  readonly threads: number;
}

/** What a training of small networks keeps in memory, and the phases of its steps. */
export class FusedMemory {
  readonly plan: UpdatePlan;
  /** Rows of the data, and of an epoch. */
  readonly dataRows: number;
  readonly rowCount: number;
  readonly rowRule: RowRule;
  /** Steps that are described at once. */
  readonly callSteps: number;
  readonly groups: number;
  /** Addresses of the description of the run, and of its parts. */
  readonly run: number;
  readonly at: Readonly<
    Record<Exclude<keyof typeof runWords, "stepCount" | "rowCount" | "groups" | "itemGroups">, number>
  >;
  /** Whether threads share the work of a step. */
  readonly isShared: boolean;
  readonly program: Program;
  readonly #batches: number;
  /** Bytes of the rows of a step that are drawn for all members. */
  readonly #drawnBytes: number;
  readonly #memory: Memory;
  readonly #training: FusedTraining;

  constructor(heap: MemorySource, training: FusedTraining, { kernelOf, threads }: FusedHow) {
    const { network, members, settings } = training;
    const memory = new Memory(heap);
    this.#training = training;
    this.#memory = memory;
    this.plan = updatePlan(widestOptimizer(settings));
    this.dataRows = dataRowsOf(settings, network);
    this.rowCount = rowCountOf(settings, network);
    this.rowRule = rowRuleOf(settings, this.rowCount);
    this.groups = Math.ceil(members / groupMembers);
    const batchSize = Math.min(settings.batchSize, this.rowCount);
    this.isShared = sharesFused(network.parameterCount, members, batchSize);
    // Rows in order are read where they are, and members that each draw their own rows draw them when they need them.
    this.#drawnBytes = areInOrder(this.rowRule) || this.rowRule.hasOwnRows ? 0 : 16 * Math.ceil(batchSize / 4);
    const mostDrawn = Math.max(1, Math.floor(mostRowBytes / Math.max(1, this.#drawnBytes)));
    this.callSteps = this.isMembers ? Math.min(mostSteps, mostDrawn) : mostSteps;
    const lanes = groupMembers * this.groups;
    const slices = Math.ceil(batchSize / sliceSamples);
    const stores = this.plan.outputs.length;
    const floatsOf = (bytes: number): number => memory.allocate(bytes / 4);
    try {
      this.at = {
        steps: floatsOf(this.callSteps * stepBytesOf(this.plan)),
        rows: memory.allocate(this.dataRows * (network.inputs + targetWidth(network))),
        state: memory.allocate(this.stateLanes * this.stateCount * stores),
        rates: memory.allocate(memberHyperParameters.length * lanes),
        seeds: memory.allocate(this.#seedCount),
        hyper: memory.allocate(this.plan.hosted.ofRun.length),
        losses: memory.allocate(ringSteps * lanes),
        status: memory.allocate(3 * lanes),
        sums: floatsOf(this.isMembers ? 0 : sumBytes(network) * slices),
        before: floatsOf(this.isMembers ? 0 : sumBytes(network) * stores),
      };
      this.#batches = floatsOf(this.isMembers ? this.#drawnBytes * this.callSteps : batchBytes(network, batchSize));
      const items = Math.min(this.groups, mostItems, itemsPerThread * threads);
      const itemGroups = Math.ceil(this.groups / items);
      const described = { ...this.at, stepCount: 0, rowCount: this.rowCount, groups: this.groups, itemGroups };
      this.run = memory.words(Object.keys(runWords).map((name) => described[name as keyof typeof described]));
      this.program = new Program(heap, this.#phases(kernelOf, { slices, items: Math.ceil(this.groups / itemGroups) }));
    } catch (error) {
      memory.free();
      throw error;
    }
  }

  get #seedCount(): number {
    const areRead = !areInOrder(this.rowRule) || hasDrops(this.#training.network);
    return areRead ? drawWords(this.rowRule) * groupMembers * this.groups : 0;
  }

  get isMembers(): boolean {
    const { members, plannedMembers = members } = this.#training;
    return plannedMembers > 1;
  }

  /** Lanes and values of the state: of members, or of one network. */
  get stateLanes(): number {
    return this.isMembers ? groupMembers * this.groups : 1;
  }

  get stateCount(): number {
    const { network } = this.#training;
    return this.isMembers ? network.parameterCount : paddedCount(network);
  }

  /** Address of the batch of a step described: of drawn rows, or of one network's samples. */
  batchOf(place: number): number {
    return this.#batches + (this.isMembers ? place * this.#drawnBytes : 0);
  }

  /** Place of a lane's first parameter, or of what the optimizer keeps of it, and the distance of the next. */
  stateAt(lane: number, store: number): { first: number; stride: number } {
    const stores = this.plan.outputs.length;
    if (!this.isMembers) return { first: store * this.stateCount, stride: 1 };
    return { first: laneAt(lane, store * this.stateCount, stores * this.stateCount), stride: groupMembers };
  }

  #phases(kernelOf: KernelOf, { slices, items }: { slices: number; items: number }): Phase[] {
    const phaseOf = (name: string, count: number): Phase => ({
      items: count,
      calls: [{ kernel: kernelOf(name), args: this.run }],
    });
    const drawn = this.rowRule.hasOwnRows || areInOrder(this.rowRule) ? [] : [phaseOf("draw", this.callSteps)];
    if (this.isMembers) return [...drawn, phaseOf("groups", items)];
    return this.isShared ? [phaseOf("slices", slices), phaseOf("finish", 1)] : [phaseOf("train", 1)];
  }

  /** What each lane's member draws its rows by, as kernels read it. */
  seedsOf(): Int32Array {
    const { settings } = this.#training;
    const all = new Int32Array(this.#seedCount);
    return this.#lanes(all, drawWords(this.rowRule), (member) => drawWordsOf(settings, member));
  }

  /** Learning rate, momentum and weight decay of each lane's member. */
  ratesOf(settings: RunSettings): Float32Array {
    const count = memberHyperParameters.length;
    return this.#lanes(new Float32Array(count * groupMembers * this.groups), count, (member) => {
      const own = settings.perMember ? optimizerOf(settings, member) : settings.optimizer;
      return memberHyperParameters.map((name) => own[name]);
    });
  }

  /** Writes values of each lane's member; lanes behind the last one repeat it. */
  #lanes<A extends Int32Array | Float32Array>(all: A, count: number, of: (member: number) => readonly number[]): A {
    for (let lane = 0; lane < all.length / count; lane++) {
      const own = of(Math.min(lane, this.#training.members - 1));
      for (let place = 0; place < count; place++) all[laneAt(lane, place, count)] = own[place]!;
    }
    return all;
  }

  free(): void {
    this.program.dispose();
    this.#memory.free();
  }
}

/** Place of a value of a lane, in words, where groups hold so many vectors. */
export const laneAt = (lane: number, at: number, vectors: number): number =>
  (Math.floor(lane / groupMembers) * vectors + at) * groupMembers + (lane % groupMembers);
