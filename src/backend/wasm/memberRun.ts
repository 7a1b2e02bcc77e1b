import { hasOwnRows } from "../batches.ts";
import type { Checkpoint } from "../executor.ts";
import type { Heap } from "./heap.ts";
import { HostedRun, type HostedRunRequest } from "./hostedRun.ts";
import { createMemberProgram, groupMembers, groupsWords } from "./memberProgram.ts";
import { mostItems, Program } from "./program.ts";
import { statusWords } from "./runLayout.ts";

/** Items for each thread, so that none waits long for the last one. */
const itemsPerThread = 8;

/** The training of many members of one network, four to a vector. */
export class MemberRun {
  /** The program in its memory: threads call it for groups of their own. */
  readonly host: HostedRun;
  readonly #members: number;
  #groupsArguments: number | undefined;
  /** Whether each member takes rows of its own in a step. */
  readonly #hasOwnRows: boolean;

  private constructor(host: HostedRun, members: number, isApart: boolean) {
    this.host = host;
    this.#members = members;
    this.#hasOwnRows = isApart;
  }

  static async create(request: HostedRunRequest, parameters: ArrayLike<number>): Promise<MemberRun> {
    const { network, members } = request;
    const lanes = groupMembers * Math.ceil(members / groupMembers);
    const isApart = hasOwnRows(request.settings, request.settings.data.targets.length / network.outputs);
    const host = await HostedRun.create(request, createMemberProgram, {
      state: 4 * lanes * network.parameterCount,
      rates: 4 * lanes * 3,
      status: 4 * lanes * 3,
      loss: 4 * lanes,
      slices: 1,
      batch: (batchSize) => 4 * batchSize * (isApart ? lanes : 1),
    });
    const run = new MemberRun(host, members, isApart);
    run.#write(parameters);
    if (host.takesAllRows) run.#putRows(0, host.batches);
    return run;
  }

  get #groups(): number {
    return Math.ceil(this.#members / groupMembers);
  }

  get #stores(): number {
    return this.host.storeCount;
  }

  /** Place of a value of a member, in words, where groups hold so many vectors. */
  #placeOf(member: number, at: number, vectors: number): number {
    return (Math.floor(member / groupMembers) * vectors + at) * groupMembers + (member % groupMembers);
  }

  /** Replaces the parameters. Lanes behind the last member repeat it. @param parameters [members, parameterCount] */
  writeParameters(parameters: ArrayLike<number>): void {
    const { network, at } = this.host;
    const { parameterCount } = network;
    const lanes = groupMembers * this.#groups;
    const vectors = parameterCount * this.#stores;
    const state = this.host.floats(at.state, lanes * vectors);
    for (let lane = 0; lane < lanes; lane++) {
      const member = Math.min(lane, this.#members - 1);
      for (let index = 0; index < parameterCount; index++)
        state[this.#placeOf(lane, index, vectors)] = parameters[member * parameterCount + index]!;
    }
  }

  #write(parameters: ArrayLike<number>): void {
    this.writeParameters(parameters);
    const { at } = this.host;
    const lanes = groupMembers * this.#groups;
    const least = this.host.floats(at.status, lanes * 3);
    const steps = this.host.words(at.status, lanes * 3);
    for (let lane = 0; lane < lanes; lane++) {
      steps[this.#placeOf(lane, statusWords.nonFinite, 3)] = -1;
      least[this.#placeOf(lane, statusWords.leastLoss, 3)] = Number.POSITIVE_INFINITY;
      steps[this.#placeOf(lane, statusWords.leastStep, 3)] = -1;
    }
    this.#writeRates();
  }

  #writeRates(): void {
    const lanes = groupMembers * this.#groups;
    const rates = this.host.floats(this.host.at.rates, lanes * 3);
    for (let lane = 0; lane < lanes; lane++) {
      const own = this.host.ratesOf(Math.min(lane, this.#members - 1));
      for (const [index, rate] of own.entries()) rates[this.#placeOf(lane, index, 3)] = rate;
    }
  }

  setLearningRate(learningRate: number): void {
    this.host.setLearningRate(learningRate);
    this.#writeRates();
  }

  /** Goes on from a checkpoint; the parameters are there already. */
  restore({ moments, nonFiniteSteps, bestLosses, bestSteps }: Checkpoint): void {
    const { network, at } = this.host;
    const { parameterCount } = network;
    const lanes = groupMembers * this.#groups;
    const vectors = parameterCount * this.#stores;
    const state = this.host.floats(at.state, lanes * vectors);
    const least = this.host.floats(at.status, lanes * 3);
    const steps = this.host.words(at.status, lanes * 3);
    for (let lane = 0; lane < lanes; lane++) {
      const member = Math.min(lane, this.#members - 1);
      for (let store = 1; store < this.#stores; store++) {
        const first = ((store - 1) * this.#members + member) * parameterCount;
        for (let index = 0; index < parameterCount; index++)
          state[this.#placeOf(lane, store * parameterCount + index, vectors)] = moments[first + index]!;
      }
      steps[this.#placeOf(lane, statusWords.nonFinite, 3)] = nonFiniteSteps[member]!;
      least[this.#placeOf(lane, statusWords.leastLoss, 3)] = bestLosses[member]!;
      steps[this.#placeOf(lane, statusWords.leastStep, 3)] = bestSteps[member]!;
    }
  }

  /** Describes steps to the program, at most `host.callSteps`. */
  describe(firstStep: number, count: number): void {
    this.host.writeSteps(firstStep, count, (at, address) => this.#putRows(at, address));
  }

  /** A program for threads that runs the steps described. @param threads that share the groups */
  createProgram(heap: Heap, threads: number): Program {
    const groups = this.#groups;
    const itemGroups = Math.max(1, Math.ceil(groups / Math.min(mostItems, itemsPerThread * threads)));
    this.#groupsArguments ??= heap.allocate(4 * Object.keys(groupsWords).length);
    heap.words(this.#groupsArguments, 3).set([this.host.run, itemGroups, groups]);
    const calls = [{ kernel: this.host.kernels.groups!, args: this.#groupsArguments }];
    return new Program(heap, [{ items: Math.ceil(groups / itemGroups), calls }]);
  }

  free(heap: Heap): void {
    if (this.#groupsArguments !== undefined) heap.release(this.#groupsArguments);
    this.host.free();
  }

  #putRows(step: number, address: number): void {
    if (!this.#hasOwnRows) {
      const rows = this.host.rowsOf(step);
      this.host.words(address, rows.length).set(rows);
      return;
    }
    for (let lane = 0; lane < groupMembers * this.#groups; lane++) {
      const rows = this.host.rowsOf(step, Math.min(lane, this.#members - 1));
      const words = this.host.words(address, groupMembers * this.#groups * rows.length);
      for (const [at, row] of rows.entries()) words[this.#placeOf(lane, at, rows.length)] = row;
    }
  }

  /** Runs steps, of all members. */
  execute(firstStep: number, count: number): void {
    const { callSteps, exports, run } = this.host;
    for (let step = firstStep; step < firstStep + count; step += callSteps) {
      const steps = Math.min(callSteps, firstStep + count - step);
      this.describe(step, steps);
      exports.train!(run, 0, this.#groups);
    }
  }

  /** [members, parameterCount] */
  readParameters(): Float32Array {
    return this.#readStore(0);
  }

  /** What the optimizer keeps, [states, members, parameterCount]. */
  readMoments(): Float32Array[] {
    return Array.from({ length: this.#stores - 1 }, (_, state) => this.#readStore(state + 1));
  }

  #readStore(store: number): Float32Array {
    const { network, at } = this.host;
    const { parameterCount } = network;
    const vectors = parameterCount * this.#stores;
    const state = this.host.floats(at.state, groupMembers * this.#groups * vectors);
    const values = new Float32Array(this.#members * parameterCount);
    for (let member = 0; member < this.#members; member++)
      for (let index = 0; index < parameterCount; index++)
        values[member * parameterCount + index] =
          state[this.#placeOf(member, store * parameterCount + index, vectors)]!;
    return values;
  }

  /** [members], of one of the newest `ringSteps` steps */
  readLosses(step: number): Float32Array {
    return this.host.lossesOf(step).slice(0, this.#members);
  }

  /** [members]: the first step that was not finite, or −1; the least loss; its step */
  readStatus(name: keyof typeof statusWords): number[] {
    const length = groupMembers * this.#groups * 3;
    const values =
      name === "leastLoss"
        ? this.host.floats(this.host.at.status, length)
        : this.host.words(this.host.at.status, length);
    return Array.from({ length: this.#members }, (_, member) => values[this.#placeOf(member, statusWords[name], 3)]!);
  }
}
