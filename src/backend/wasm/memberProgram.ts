import { memberHyperParameters } from "../../math/optimizers.ts";
import type { Body } from "./body.ts";
import { least } from "./least.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { NetworkCode, type Samples } from "./networkCode.ts";
import {
  createProgram,
  forSeveral,
  type Program,
  type ProgramParts,
  type ProgramRequest,
  readRun,
  type RunValues,
  StepReader,
  sumBytes,
  updateSources,
  vectorsAtOnce,
} from "./fusedProgram.ts";
import { statusWords } from "./runLayout.ts";
import { UpdateCode } from "./updateCode.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, MemoryVectors } from "./vectorStore.ts";

/** Members that a vector holds, and bytes of a vector. */
export const groupMembers = 4;
const vectorBytes = 16;

const statusBytes = vectorBytes * Object.keys(statusWords).length;
const ratesBytes = vectorBytes * memberHyperParameters.length;

/** Writes the training of one group of four members. */
class MemberCode {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #group: Value<"i32">;
  readonly #sums: MemoryVectors;
  readonly #state: Value<"i32">;
  readonly #rates: MemoryVectors;
  readonly #status: Value<"i32">;

  constructor(parts: ProgramParts, body: Body, run: RunValues, group: Value<"i32">) {
    const { request, module, plan } = parts;
    this.#parts = parts;
    this.#code = new VectorCode(module, body);
    this.#run = run;
    this.#group = group;
    this.#sums = new MemoryVectors(body, run.sums);
    const stateBytes = vectorBytes * request.network.parameterCount * plan.outputs.length;
    this.#state = body.let(addressOf(run.state, group, stateBytes));
    this.#rates = new MemoryVectors(body, body.let(addressOf(run.rates, group, ratesBytes)));
    this.#status = body.let(addressOf(run.status, group, statusBytes));
  }

  /** Runs all steps. */
  write(): void {
    const { body } = this.#code;
    const { parameterCount } = this.#parts.request.network;
    const at = (name: keyof typeof statusWords): number => vectorBytes * statusWords[name];
    const nonFinite = body.variable("i32x4", i32x4.load(this.#status, at("nonFinite")));
    const least = body.variable("f32x4", f32x4.load(this.#status, at("leastLoss")));
    const leastStep = body.variable("i32x4", i32x4.load(this.#status, at("leastStep")));
    const isAlive = body.variable("i32x4", i32x4.eq(nonFinite, -1));
    const { stepBytes } = this.#parts;
    const end = body.let(addressOf(this.#run.steps, this.#run.stepCount, stepBytes));
    body.for({ from: this.#run.steps, to: end, by: stepBytes }, (address) => {
      const step = new StepReader(address);
      this.#addBatch(step);
      const index = body.let(i32x4.splat(step.word("index")));
      const loss = body.let(f32x4.bitselect(this.#sums.get(parameterCount), Number.NaN, isAlive));
      const lossAt = i32.add(addressOf(this.#run.losses, this.#group, vectorBytes), step.word("lossOffset"));
      body.store(lossAt, loss);
      const isLess = body.let(f32x4.lt(loss, least));
      body.set(least, f32x4.bitselect(loss, least, isLess));
      body.set(leastStep, i32x4.bitselect(index, leastStep, isLess));
      const isFine = this.#update(step, loss, body.let(isAlive));
      body.if(i32.eqz(i32x4.allTrue(isFine)), () => {
        body.set(nonFinite, i32x4.bitselect(index, nonFinite, i32x4.andnot(isAlive, isFine)));
        body.set(isAlive, isFine);
      });
    });
    body.store(this.#status, nonFinite, at("nonFinite"));
    body.store(this.#status, least, at("leastLoss"));
    body.store(this.#status, leastStep, at("leastStep"));
  }

  #addBatch(step: StepReader): void {
    const { body } = this.#code;
    const { network } = this.#parts.request;
    for (let at = 0; at <= network.parameterCount; at++) this.#sums.set(at, constant("f32x4", 0));
    const scale = body.let(step.lossScale);
    const batch = body.let(step.word("batch"));
    const code = new NetworkCode(this.#code, network, new MemoryVectors(body, this.#state));
    const range = { from: constant("i32", 0), to: body.let(step.word("batchSize")), atOnce: vectorsAtOnce(network) };
    const indexBytes = this.#parts.request.hasOwnRows ? vectorBytes : 4;
    const own = this.#parts.request.hasOwnRows
      ? body.let(addressOf(batch, i32.mul(this.#group, range.to), vectorBytes))
      : batch;
    forSeveral(body, range, (first, count) => {
      const indices = body.let(addressOf(own, first, indexBytes));
      const samples = Array.from({ length: count }, (_, place) => this.#samplesAt(indices, indexBytes * place, scale));
      code.addSamples(samples, this.#sums);
    });
  }

  /** A row of data for each lane: the same one, or one of each member's own. */
  #samplesAt(indices: Value<"i32">, offset: number, scale: Floats): Samples {
    const { body } = this.#code;
    const { network, hasOwnRows } = this.#parts.request;
    const { inputs, outputs } = network;
    const rowAt = (lane: number): Value<"i32"> =>
      body.let(addressOf(this.#run.rows, i32.load(indices, offset + 4 * lane), 4 * (inputs + outputs)));
    const rows = (hasOwnRows ? ([0, 1, 2, 3] as const) : ([0] as const)).map(rowAt);
    const valueAt = (at: number): Floats =>
      rows
        .slice(1)
        .reduce<Floats>(
          (vector, row, place) => f32x4.loadLane(row, vector, (place + 1) as 1 | 2 | 3, 4 * at),
          f32x4.loadSplat(rows[0]!, 4 * at),
        );
    const valuesFrom = (first: number, count: number): Floats[] =>
      Array.from({ length: count }, (_, at) => body.let(valueAt(first + at)));
    return { inputs: valuesFrom(0, inputs), targets: valuesFrom(inputs, outputs), scale };
  }

  #update(step: StepReader, loss: Floats, isAlive: Value<"i32x4">): Value<"i32x4"> {
    const { plan, request } = this.#parts;
    const count = request.network.parameterCount;
    const vectors = {
      count,
      state: this.#state,
      before: this.#run.before,
      gradients: this.#sums,
    };
    const sources = updateSources(this.#run, this.#rates, step);
    return new UpdateCode(this.#code, plan, vectors).write(sources, loss, isAlive);
  }
}

/**
 * A program that trains many members of one network, four to a vector: on the same rows, or each on its own. Exports
 * `train(run: i32, firstGroup: i32, endGroup: i32)`: all steps of the run at address `run` for groups of four members.
 */
export const createMemberProgram = (request: ProgramRequest): Program =>
  createProgram(request, (parts) => {
    const { builder } = parts.module;
    const train = builder.function({ parameters: ["i32", "i32", "i32"] }, (body, run, firstGroup, endGroup) => {
      const values = readRun(body, run);
      body.for({ from: firstGroup, to: endGroup }, (group) => new MemberCode(parts, body, values, group).write());
    });
    builder.export("train", train);
    builder.export("groups", addGroups(parts));
    return ["groups"];
  });

/** Words of the arguments of `groups`: the run, groups of an item, and groups in all. */
export const groupsWords = { run: 0, itemGroups: 1, groups: 2 } as const;

/** Adds the kernel `groups(args, item, scratch, turn)`: all steps of the run for the groups of an item. */
function addGroups(parts: ProgramParts) {
  const { module, request } = parts;
  const parameters = ["i32", "i32", "i32", "i32"] as const;
  return module.builder.function({ parameters }, (body, ...[args, item, scratch]) => {
    const word = (name: keyof typeof groupsWords): Value<"i32"> => i32.load(args, 4 * groupsWords[name]);
    const before = body.let(i32.add(scratch, sumBytes(request.network)));
    const run = { ...readRun(body, body.let(word("run"))), sums: scratch, before };
    const first = body.let(i32.mul(item, word("itemGroups")));
    const last = least(body, i32.add(first, word("itemGroups")), body.let(word("groups")));
    body.for({ from: first, to: last }, (group) => new MemberCode(parts, body, run, group).write());
  });
}
