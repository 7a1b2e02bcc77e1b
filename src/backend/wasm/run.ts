import { memberHyperParameters } from "../../math/hyperParameters.ts";
import { mostRunValues } from "../../math/optimizerUpdate.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import type { LbfgsMember, LbfgsUpdate } from "../../math/lbfgs.ts";
import { initialState, searchesLine, stateCount } from "../../math/optimizerFunction.ts";
import {
  batchAt,
  optimizerOf,
  optimizersOf,
  rowCountOf,
  seedOf,
  widestOptimizer,
  withLearningRate,
} from "../batches.ts";
import { maskKey } from "../dropout.ts";
import { lossScale } from "../sampleLoss.ts";
import type { Checkpoint, MemberResults, RunSettings, TrainingRun } from "../executor.ts";
import { sharesLayered } from "./costModel.ts";
import type { WasmDevice } from "./device.ts";
import { type MemoryCount, readRows } from "./memory.ts";
import { turnPlace, turnWords } from "./passArguments.ts";
import type { KernelLease } from "./kernelCache.ts";
import type { KernelOf } from "./program.ts";
import { areInOrder, drawModule, drawWordsOf, rowRuleOf } from "./rowDraw.ts";
import { RunMemory, type RunMemoryRequest } from "./runMemory.ts";
import { trainingModule } from "./stepModule.ts";
import { updatePlan } from "./updateCode.ts";

/** Time of the work that is submitted at once, so that other runs get a turn. */
const unitMs = 20;

/** What is trained layer by layer. */
export interface LayeredRequest extends Omit<RunMemoryRequest, "module" | "plan"> {
  readonly device: WasmDevice;
}

interface RunRequest extends RunMemoryRequest {
  readonly device: WasmDevice;
  /** Kernels of the module, and where rows are drawn `draw`. */
  readonly leases: readonly KernelLease[];
  /** What updates members after a step, where the optimizer searches a line. */
  readonly lbfgs: LbfgsUpdate | undefined;
  readonly requireAlive: () => void;
}

/** With the update of its optimizer, and the module that is written for both. */
function written(request: LayeredRequest): LayeredRequest & RunMemoryRequest {
  const { network, settings, device } = request;
  const plan = updatePlan(widestOptimizer(settings));
  return { ...request, plan, module: trainingModule(network, plan, device.heap.isShared) };
}

/** Counts the memory of a run. @returns rows that are taken at once */
export const planLayered = (memory: MemoryCount, request: LayeredRequest, kernelOf: KernelOf): number =>
  new RunMemory(memory, written(request), kernelOf).sizes.chunkRows;

/** What a line search reads and writes of a member. */
type MemberVectors = Pick<LbfgsMember, "gradients" | "parameters" | "state"> & { readonly parameters: Float32Array };

async function lineSearchOf({ settings, network }: LayeredRequest): Promise<LbfgsUpdate | undefined> {
  const { optimizer } = settings;
  if (!searchesLine(optimizer)) return undefined;
  const { LbfgsUpdate: Update } = await import("../../math/lbfgs.ts");
  return new Update(optimizer.historySize, network.parameterCount, Number.POSITIVE_INFINITY);
}

/** A training run on vectors: each step in phases, of which every item has a fixed part. */
export class WasmRun implements TrainingRun {
  readonly leastSteps = 1;
  readonly #request: RunRequest;
  readonly #memory: RunMemory;
  #settings: RunSettings;
  /** That of all members, so that all keep the same moments. */
  #optimizer: Optimizer;
  readonly #vectors: MemberVectors[] = [];
  #isDisposed = false;
  #msPerTurn = 0;
  #lastStep = -1;

  private constructor(request: RunRequest) {
    const { device, settings } = request;
    this.#request = request;
    this.#settings = settings;
    this.#optimizer = widestOptimizer(settings);
    const [step, draw] = request.leases;
    this.#memory = new RunMemory(device.heap, request, (name) => (name === "draw" ? draw! : step!).kernelOf(name));
    const { rowMembers } = this.#memory.sizes;
    const seeds = Array.from({ length: rowMembers }, (_, member) => drawWordsOf(settings, member));
    device.heap.writeWords(this.#memory.at.seeds, seeds.flat());
    this.#writeSettings();
    this.#restore(settings.resume);
  }

  static async create(request: LayeredRequest & Pick<RunRequest, "requireAlive">): Promise<WasmRun> {
    const { kernels, heap } = request.device;
    const { settings, network } = request;
    const all = written(request);
    const rule = rowRuleOf(settings, rowCountOf(settings, network));
    const leases = [await kernels.take([all.module], () => all.module)];
    if (!areInOrder(rule))
      leases.push(await kernels.take([drawModule, ...Object.values(rule)], () => drawModule(rule, heap.isShared)));
    const lbfgs = await lineSearchOf(request);
    return new WasmRun({ ...all, leases, lbfgs, requireAlive: request.requireAlive });
  }

  get ringSteps(): number {
    return this.#memory.sizes.ringSteps;
  }

  #writeSettings(): void {
    const { heap } = this.#request.device;
    const { settings, runValues } = this.#memory.at;
    const optimizers = optimizersOf(this.#settings, this.#request.members);
    const values = optimizers.flatMap((own) => memberHyperParameters.map((name) => own[name]));
    heap.floats(settings, values.length).set(values);
    heap.floats(runValues, mostRunValues).set(this.#request.plan.runValues(this.#optimizer));
  }

  #restore(resume: Checkpoint | undefined): void {
    const { device, members, network } = this.#request;
    const { heap } = device;
    const { stopped, bestLosses, bestSteps, moments } = this.#memory.at;
    heap.words(stopped, members).set(resume?.nonFiniteSteps ?? new Float64Array(members).fill(-1));
    heap.floats(bestLosses, members).set(resume?.bestLosses ?? new Float64Array(members).fill(Infinity));
    heap.words(bestSteps, members).set(resume?.bestSteps ?? new Float64Array(members).fill(-1));
    const { parameterCount } = network;
    const initial = initialState(this.#optimizer, parameterCount);
    for (let row = 0; row < initial.length * members; row++) {
      const own = this.#row(moments, row);
      const value = initial[Math.floor(row / members)]!;
      if (resume) own.set(resume.moments.subarray(row * parameterCount, (row + 1) * parameterCount));
      else if (value === "parameter") own.set(this.#parametersOf(row % members));
      else if (value !== 0) own.fill(value);
    }
  }

  #parametersOf(member: number): Float32Array {
    return this.#row(this.#request.parameters, member);
  }

  /** [parameterCount], valid until memory grows. */
  #row(address: number, row: number): Float32Array {
    const { device, network, module } = this.#request;
    return device.heap.floats(address + 4 * row * module.parameterStride, network.parameterCount);
  }

  setLearningRate(learningRate: number | Float64Array): void {
    this.#settings = withLearningRate(this.#settings, learningRate);
    this.#optimizer = widestOptimizer(this.#settings);
    this.#writeSettings();
  }

  stop(members: readonly number[]): void {
    const stopped = this.#request.device.heap.words(this.#memory.at.stopped, this.#request.members);
    for (const member of members) stopped[member] = 0;
  }

  async execute(firstStep: number, count: number): Promise<void> {
    this.#request.requireAlive();
    for (let done = 0; done < count;) {
      await this.#request.device.pool.pauseIfDue();
      const wanted = this.#msPerTurn === 0 ? 1 : Math.ceil(unitMs / this.#msPerTurn);
      const turns = Math.min(count - done, this.#memory.sizes.maxTurns, wanted);
      await this.#take(firstStep + done, turns);
      done += turns;
      this.#lastStep = firstStep + done - 1;
      this.#request.requireAlive();
    }
  }

  async #take(firstStep: number, turns: number): Promise<void> {
    const startMs = performance.now();
    if (this.#request.lbfgs) for (let turn = 0; turn < turns; turn++) await this.#search(firstStep + turn);
    else {
      for (let turn = 0; turn < turns; turn++) this.#writeTurn(turn, firstStep + turn);
      await this.#run(turns);
    }
    this.#msPerTurn = Math.max(1e-4, (performance.now() - startMs) / turns);
  }

  /** Runs the program of steps, in this thread alone where they are small. */
  async #run(turns: number): Promise<void> {
    const { pool } = this.#request.device;
    if (!sharesLayered(this.#memory.operations)) pool.runAlone(this.#memory.program, turns);
    else await pool.run(this.#memory.program, turns);
  }

  /** One evaluation of the members of a line search and their update; members that the search cannot continue are then stopped. */
  async #search(step: number): Promise<void> {
    const { members, device, lbfgs } = this.#request;
    const { at, sizes } = this.#memory;
    const before = this.#words("stopped");
    this.#writeTurn(0, step);
    await this.#run(1);
    if (this.#isDisposed) return;
    const losses = device.heap.floats(at.losses + 4 * (step % sizes.ringSteps) * members, members);
    const stopped = device.heap.words(at.stopped, members);
    for (let member = 0; member < members; member++) {
      if (before[member] !== -1) continue;
      const optimizer = optimizerOf(this.#settings, member);
      const isGoing = lbfgs!.update({ ...this.#vectorsOf(member), optimizer, loss: losses[member]! });
      stopped[member] = isGoing ? -1 : step; // a trial whose loss is infinite is taken back
    }
  }

  /** Views of a member's vectors, recreated after memory has grown. */
  #vectorsOf(member: number): MemberVectors {
    const { members, device, network } = this.#request;
    const known = this.#vectors[member];
    if (known?.parameters.buffer === device.heap.memory.buffer) return known;
    const { gradients, moments } = this.#memory.at;
    const rows = stateCount(this.#optimizer, network.parameterCount);
    return (this.#vectors[member] = {
      gradients: this.#row(gradients, member),
      parameters: this.#parametersOf(member),
      state: Array.from({ length: rows }, (_, row) => this.#row(moments, row * members + member)),
    });
  }

  #writeTurn(turn: number, step: number): void {
    const { network, device } = this.#request;
    const { heap } = device;
    const { at, sizes } = this.#memory;
    const address = at.turns + 4 * turnWords * turn;
    const words = heap.words(address, turnWords);
    const floats = heap.floats(address, turnWords);
    const batch = batchAt(this.#settings, sizes.rowCount, step);
    words[turnPlace.rows] = batch.batchSize;
    words[turnPlace.position] = batch.firstPosition;
    floats[turnPlace.lossScale] = lossScale(network.loss, batch.batchSize, network.outputs);
    words[turnPlace.step] = step;
    words[turnPlace.ring] = step % sizes.ringSteps;
    words[turnPlace.epoch] = batch.epoch;
    floats.set(this.#request.plan.stepValues(this.#optimizer, step), turnPlace.values);
    if (sizes.streams.length > 0) this.#writeMasks(turn, step);
  }

  #writeMasks(turn: number, step: number): void {
    const { at, sizes } = this.#memory;
    const { streams, maskMembers } = sizes;
    const count = 2 * streams.length * maskMembers;
    const words = this.#request.device.heap.words(at.masks + 4 * count * turn, count);
    for (let member = 0; member < maskMembers; member++) {
      const key = { seed: seedOf(this.#settings, member), step };
      streams.forEach((stream, place) => words.set(maskKey(key, stream), 2 * (member * streams.length + place)));
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
      losses.set(device.heap.floats(this.#memory.at.losses + 4 * row * members, members), at * members);
    }
    return Promise.resolve(losses);
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#words("stopped"));
  }

  #words(name: "stopped" | "bestSteps"): Float64Array {
    return Float64Array.from(this.#request.device.heap.words(this.#memory.at[name], this.#request.members));
  }

  async readResults(): Promise<MemberResults> {
    const { members, device } = this.#request;
    const hasLosses = this.#lastStep >= 0;
    return {
      finalLosses: hasLosses ? await this.readLosses(this.#lastStep, 1) : new Float32Array(members).fill(Number.NaN),
      bestLosses: device.heap.floats(this.#memory.at.bestLosses, members).slice(),
      bestSteps: this.#words("bestSteps"),
      nonFiniteSteps: this.#words("stopped"),
    };
  }

  async readCheckpoint(step: number): Promise<Checkpoint> {
    const { members, parameters, network } = this.#request;
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    return {
      step,
      parameters: this.#readParameters(parameters, members),
      moments: this.#readParameters(
        this.#memory.at.moments,
        members * stateCount(this.#optimizer, network.parameterCount),
      ),
      nonFiniteSteps,
      bestLosses,
      bestSteps,
    };
  }

  /** [rows, parameterCount]. */
  #readParameters(address: number, rows: number): Float32Array {
    const { device, network, module } = this.#request;
    const layout = { rows, count: network.parameterCount, stride: module.parameterStride };
    return readRows(device.heap, address, layout);
  }

  /** Values of a node of the last step, [members, rows, width]; of steps whose members and rows are in memory at once. */
  readNode(node: number, rows: number): Float32Array {
    const { device, members, module } = this.#request;
    const slot = module.slotOf(node);
    const layout = {
      rows: members,
      count: rows * module.slotWidths[slot]!,
      stride: this.#memory.sizes.memberFloats,
    };
    return readRows(device.heap, this.#memory.slots[slot]!, layout);
  }

  /** [members, parameterCount]: of the last step. */
  readGradients(): Float32Array {
    return this.#readParameters(this.#memory.at.gradients, this.#request.members);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#memory.free();
    for (const lease of this.#request.leases) lease.release();
  }
}
