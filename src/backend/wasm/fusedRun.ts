import { targetWidth } from "../../graph/network.ts";
import type { Optimizer } from "../../math/optimizer.ts";
import { initialState } from "../../math/optimizerFunction.ts";
import { batchAt, rowCountOf, widestOptimizer, withLearningRate } from "../batches.ts";
import type { Checkpoint, FloatArray, MemberResults, RunSettings, TrainingRun } from "../executor.ts";
import { lossScale } from "../sampleLoss.ts";
import { type FusedHow, FusedMemory, type FusedTraining, itemsPerThread, laneAt, ringSteps } from "./fusedMemory.ts";
import { groupMembers, stepBytesOf } from "./fusedProgram.ts";
import type { KernelCache, KernelLease } from "./kernelCache.ts";
import { createMemberProgram } from "./memberProgram.ts";
import type { MemoryCount } from "./memory.ts";
import type { ThreadPool } from "./pool.ts";
import { rowRuleOf } from "./rowDraw.ts";
import { runWords, statusWords, stepValueWord, stepWords } from "./runLayout.ts";
import { createSampleProgram, sliceSamples } from "./sampleProgram.ts";
import { hasRelaxedSimd } from "./support.ts";
import { updatePlan } from "./updateCode.ts";

/** Time of a step of samples, or of an item of members, with those described with it: others get their turn between them. */
const unitMs = 20;

export interface FusedRequest extends FusedTraining {
  readonly pool: ThreadPool;
  readonly kernels: KernelCache;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  /** Whether a product and a sum may be one relaxed instruction; default: where the engine has it. */
  readonly useRelaxed?: boolean;
  readonly requireAlive: () => void;
  /** Called before the run is freed, while its parameters can still be read. */
  readonly ended: () => void;
}

/** Counts the memory of a run. @returns rows that are taken at once */
export function planFused(memory: MemoryCount, training: FusedTraining, how: FusedHow): number {
  const { rowCount } = new FusedMemory(memory, training, how);
  return Math.min(training.settings.batchSize, rowCount);
}

function takeKernels(request: FusedRequest): Promise<KernelLease> {
  const { network, members, settings, kernels, pool, useRelaxed = hasRelaxedSimd() } = request;
  const { plannedMembers = members } = request;
  const rowCount = rowCountOf(settings, network);
  const rowRule = rowRuleOf(settings, rowCount);
  const plan = updatePlan(widestOptimizer(settings));
  const create = plannedMembers > 1 ? createMemberProgram : createSampleProgram;
  const keys = [network, plan, create, useRelaxed, ...Object.values(rowRule)];
  const { isShared } = pool.heap;
  return kernels.take(keys, () => create({ network, plan, useRelaxed, rowRule, isShared }));
}

/** A training of small networks in straight-line code: many steps to a call, members or samples in the lanes of vectors. */
export class FusedRun implements TrainingRun {
  readonly leastSteps = 1;
  readonly ringSteps = ringSteps;
  readonly #request: FusedRequest;
  readonly #lease: KernelLease;
  readonly #memory: FusedMemory;
  #settings: RunSettings;
  #optimizer: Optimizer;
  #lastStep = -1;

  private constructor(request: FusedRequest, lease: KernelLease) {
    const { pool, settings, members, network } = request;
    this.#request = request;
    this.#lease = lease;
    this.#settings = settings;
    this.#optimizer = widestOptimizer(settings);
    this.#memory = new FusedMemory(pool.heap, request, { kernelOf: lease.kernelOf, threads: pool.threads });
    this.#writeRows();
    this.#writeRates();
    pool.heap.writeWords(this.#memory.at.seeds, this.#memory.seedsOf());
    this.writeParameters(request.parameters);
    const { resume } = settings;
    const all = (value: number): Float64Array => new Float64Array(members).fill(value);
    this.#writeStatus("nonFinite", resume?.nonFiniteSteps ?? all(-1));
    this.#writeStatus("leastLoss", resume?.bestLosses ?? all(Number.POSITIVE_INFINITY));
    this.#writeStatus("leastStep", resume?.bestSteps ?? all(-1));
    const count = members * network.parameterCount;
    for (const [state, value] of initialState(this.#optimizer, network.parameterCount).entries()) {
      if (resume) this.#writeStore(state + 1, resume.moments.subarray(state * count, (state + 1) * count));
      else if (value === "parameter") this.#writeStore(state + 1, request.parameters);
      else if (value !== 0) this.#writeStore(state + 1, new Float32Array(count).fill(value));
    }
    if (this.#memory.rowRule.takesAllRows && !this.#memory.isMembers) this.#writeBlocks();
  }

  static async create(request: FusedRequest): Promise<FusedRun> {
    const lease = await takeKernels(request);
    try {
      return new FusedRun(request, lease);
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  #floats(address: number, count: number): Float32Array {
    return this.#request.pool.heap.floats(address, count) as Float32Array<ArrayBuffer>;
  }

  #words(address: number, count: number): Int32Array {
    return this.#request.pool.heap.words(address, count) as Int32Array<ArrayBuffer>;
  }

  /** Data as [rows, inputs + columns of the targets]. */
  #writeRows(): void {
    const { inputs: wide } = this.#request.network;
    const outputs = targetWidth(this.#request.network);
    const { dataRows, at } = this.#memory;
    const { inputs, targets } = this.#settings.data;
    const rows = this.#floats(at.rows, dataRows * (wide + outputs));
    for (let row = 0; row < dataRows; row++) {
      rows.set(inputs.subarray(row * wide, (row + 1) * wide), row * (wide + outputs));
      rows.set(targets.subarray(row * outputs, (row + 1) * outputs), row * (wide + outputs) + wide);
    }
  }

  #writeRates(): void {
    const { heap } = this.#request.pool;
    const { plan, at } = this.#memory;
    heap.writeFloats(at.hyper, plan.runValues(this.#optimizer).subarray(0, plan.hosted.ofRun.length));
    heap.writeFloats(at.rates, this.#memory.ratesOf(this.#settings));
  }

  /** Writes the only batch there is. */
  #writeBlocks(): void {
    const { pool } = this.#request;
    this.#describe(0, 1);
    const items = Math.ceil(this.#memory.rowCount / sliceSamples);
    pool.runAlone({ phases: [{ items, calls: [{ kernel: this.#lease.kernelOf("blocks"), args: this.#memory.run }] }] });
  }

  setLearningRate(learningRate: number | Float64Array): void {
    this.#settings = withLearningRate(this.#settings, learningRate);
    this.#optimizer = widestOptimizer(this.#settings);
    this.#writeRates();
  }

  stop(members: readonly number[]): void {
    const stopped = this.#readStatus("nonFinite");
    for (const member of members) stopped[member] = 0;
    this.#writeStatus("nonFinite", stopped);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    const { pool, requireAlive } = this.#request;
    const { program, isShared, isMembers, callSteps } = this.#memory;
    let wanted = isShared ? 1 : callSteps;
    const describedMs = isMembers ? unitMs * itemsPerThread : unitMs;
    for (let done = 0; done < count;) {
      const steps = Math.min(wanted, callSteps, count - done);
      await pool.pauseIfDue();
      requireAlive();
      pool.requireAlive();
      const startMs = performance.now();
      this.#describe(firstStep + done, steps);
      // Members take all steps in one turn; the samples of one network take a turn for each step that is shared.
      if (isShared) await pool.run(program, isMembers ? 1 : steps);
      else pool.runAlone(program);
      done += steps;
      this.#lastStep = firstStep + done - 1;
      wanted = Math.max(1, Math.floor((describedMs * steps) / Math.max(0.01, performance.now() - startMs)));
    }
  }

  /** Describes steps to the program. */
  #describe(firstStep: number, count: number): void {
    const { at, run, plan, rowCount } = this.#memory;
    const stepCount = stepBytesOf(plan) / 4;
    this.#words(run, Object.keys(runWords).length)[runWords.stepCount] = count;
    const [words, floats] = [this.#words(at.steps, count * stepCount), this.#floats(at.steps, count * stepCount)];
    const { network, members } = this.#request;
    const lossBytes = 4 * groupMembers * Math.ceil(members / groupMembers);
    for (let place = 0; place < count; place++) {
      const step = firstStep + place;
      const { epoch, firstPosition, batchSize } = batchAt(this.#settings, rowCount, step);
      const first = place * stepCount;
      words[first + stepWords.batch] = this.#memory.batchOf(place);
      words[first + stepWords.batchSize] = batchSize;
      words[first + stepWords.lossOffset] = (step % ringSteps) * lossBytes;
      words[first + stepWords.index] = step;
      words[first + stepWords.epoch] = epoch;
      words[first + stepWords.firstPosition] = firstPosition;
      floats[first + stepWords.lossScale] = lossScale(network.loss, batchSize, network.outputs);
      const values = plan.stepValues(this.#optimizer, step);
      for (let at = 0; at < values.length; at++) floats[first + stepValueWord + at] = values[at]!; // `set` takes 40 ns
    }
  }

  finished(): Promise<void> {
    return Promise.resolve();
  }

  /** [members, parameterCount]. */
  #readStore(store: number): Float32Array {
    const { members, network } = this.#request;
    const { parameterCount } = network;
    const state = this.#state();
    const values = new Float32Array(members * parameterCount);
    for (let member = 0; member < members; member++) {
      const { first, stride } = this.#memory.stateAt(member, store);
      for (let index = 0; index < parameterCount; index++)
        values[member * parameterCount + index] = state[first + stride * index]!;
    }
    return values;
  }

  #state(): Float32Array {
    const { at, stateLanes, stateCount, plan } = this.#memory;
    return this.#floats(at.state, stateLanes * stateCount * plan.outputs.length);
  }

  /** Lanes behind the last member repeat it, as do places behind the last parameter. @param values [members, parameterCount] */
  #writeStore(store: number, values: ArrayLike<number>): void {
    const { members, network } = this.#request;
    const last = network.parameterCount - 1;
    const { stateLanes, stateCount } = this.#memory;
    const state = this.#state();
    for (let lane = 0; lane < stateLanes; lane++) {
      const from = Math.min(lane, members - 1) * network.parameterCount;
      const { first, stride } = this.#memory.stateAt(lane, store);
      for (let index = 0; index < stateCount; index++)
        state[first + stride * index] = values[from + Math.min(index, last)]!;
    }
  }

  #status(name: keyof typeof statusWords): Float32Array | Int32Array {
    const count = 3 * groupMembers * this.#memory.groups;
    const { status } = this.#memory.at;
    return name === "leastLoss" ? this.#floats(status, count) : this.#words(status, count);
  }

  #writeStatus(name: keyof typeof statusWords, values: ArrayLike<number>): void {
    const { groups } = this.#memory;
    const status = this.#status(name);
    for (let lane = 0; lane < groupMembers * groups; lane++)
      status[laneAt(lane, statusWords[name], 3)] = values[Math.min(lane, values.length - 1)]!;
  }

  #readStatus(name: keyof typeof statusWords): Float64Array {
    const status = this.#status(name);
    const valueOf = (_: unknown, member: number): number => status[laneAt(member, statusWords[name], 3)]!;
    return Float64Array.from({ length: this.#request.members }, valueOf);
  }

  readLosses(firstStep: number, count: number): Promise<FloatArray> {
    const { members } = this.#request;
    const lanes = groupMembers * this.#memory.groups;
    const losses = new Float32Array(count * members);
    for (let at = 0; at < count; at++) {
      const row = (firstStep + at) % ringSteps;
      losses.set(this.#floats(this.#memory.at.losses + 4 * row * lanes, members), at * members);
    }
    return Promise.resolve(losses);
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#readStatus("nonFinite"));
  }

  async readResults(): Promise<MemberResults> {
    const { members } = this.#request;
    const hasLosses = this.#lastStep >= 0;
    return {
      finalLosses: hasLosses ? await this.readLosses(this.#lastStep, 1) : new Float32Array(members).fill(Number.NaN),
      bestLosses: Float32Array.from(this.#readStatus("leastLoss")),
      bestSteps: this.#readStatus("leastStep"),
      nonFiniteSteps: this.#readStatus("nonFinite"),
    };
  }

  async readCheckpoint(step: number): Promise<Checkpoint> {
    const { members, network } = this.#request;
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    const states = this.#memory.plan.state.length;
    const moments = new Float32Array(states * members * network.parameterCount);
    for (let state = 0; state < states; state++)
      moments.set(this.#readStore(state + 1), state * members * network.parameterCount);
    return { step, parameters: this.readParameters(), moments, nonFiniteSteps, bestLosses, bestSteps };
  }

  /** [members, parameterCount]. */
  readParameters(): Float32Array {
    return this.#readStore(0);
  }

  /** @param parameters [members, parameterCount] */
  writeParameters(parameters: FloatArray): void {
    this.#writeStore(0, parameters);
  }

  dispose(): void {
    this.#request.ended();
    this.#memory.free();
    this.#lease.release();
  }
}
