import { memberHyperParameters } from "../../math/optimizerUpdate.ts";
import type { Network } from "../../network.ts";
import type { Body } from "./body.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { NetworkCode, type Samples } from "./networkCode.ts";
import {
  createProgram,
  fitsLocals,
  type Program,
  type ProgramParts,
  type ProgramRequest,
  readRun,
  type RunValues,
  StepReader,
  sumVectors,
  updateSources,
  vectorsAtOnce,
} from "./program.ts";
import { statusWords } from "./runLayout.ts";
import { UpdateCode } from "./updateCode.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, LocalVectors, MemoryVectors, type VectorStore } from "./vectorStore.ts";

/** Members that a vector holds, and bytes of a vector. */
export const groupMembers = 4;
const vectorBytes = 16;

/** Bytes of a row of data. */
const rowBytes = ({ inputs, outputs }: Network): number => 4 * (inputs + outputs);

const statusBytes = vectorBytes * Object.keys(statusWords).length;
const ratesBytes = vectorBytes * memberHyperParameters.length;

/** Writes the training of one group of four members. */
class MemberCode {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #group: Value<"i32">;
  readonly #sums: VectorStore;
  readonly #parameters: VectorStore;
  readonly #memory: MemoryVectors;
  readonly #states: MemoryVectors;
  readonly #rates: MemoryVectors;
  readonly #status: Value<"i32">;

  constructor(parts: ProgramParts, body: Body, run: RunValues, group: Value<"i32">) {
    const { request, module, plan } = parts;
    const { parameterCount } = request.network;
    this.#parts = parts;
    this.#code = new VectorCode(module, body);
    this.#run = run;
    this.#group = group;
    this.#sums = sumVectors(this.#code, request.network, run.scratch);
    const first = body.let(addressOf(run.state, group, vectorBytes * parameterCount * plan.outputs.length));
    this.#memory = new MemoryVectors(body, first);
    this.#states = new MemoryVectors(body, body.let(i32.add(first, vectorBytes * parameterCount)));
    this.#parameters = fitsLocals(request.network) ? new LocalVectors(body, parameterCount) : this.#memory;
    this.#rates = new MemoryVectors(body, body.let(addressOf(run.rates, group, ratesBytes)));
    this.#status = body.let(addressOf(run.status, group, statusBytes));
  }

  /** Runs all steps. */
  write(): void {
    const { body } = this.#code;
    const { parameterCount } = this.#parts.request.network;
    const inLocals = this.#parameters !== this.#memory;
    if (inLocals) for (let at = 0; at < parameterCount; at++) this.#parameters.set(at, this.#memory.get(at));
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
    if (inLocals) for (let at = 0; at < parameterCount; at++) this.#memory.set(at, this.#parameters.get(at));
    body.store(this.#status, nonFinite, at("nonFinite"));
    body.store(this.#status, least, at("leastLoss"));
    body.store(this.#status, leastStep, at("leastStep"));
  }

  #addBatch(step: StepReader): void {
    const { body } = this.#code;
    const { network } = this.#parts.request;
    const { parameterCount } = network;
    for (let at = 0; at <= parameterCount; at++) this.#sums.set(at, constant("f32x4", 0));
    const scale = body.let(step.lossScale);
    const first = body.let(step.word("batch"));
    const end = body.let(addressOf(first, step.word("batchSize"), 4));
    const networkCode = new NetworkCode(this.#code, network, this.#parameters);
    const atOnce = vectorsAtOnce(network);
    body.for({ from: first, to: end, by: 4 * atOnce }, (at) => {
      const samples = Array.from({ length: atOnce }, (_, place) => this.#samplesAt(at, { place, end, scale }));
      networkCode.addSamples(samples, {
        gradients: this.#sums,
        addLoss: (loss) => this.#sums.set(parameterCount, f32x4.add(this.#sums.get(parameterCount), loss)),
      });
    });
  }

  /** One row of data for all lanes; behind the last row that row again, with no share of the mean. */
  #samplesAt(first: Value<"i32">, { place, end, scale }: { place: number; end: Value<"i32">; scale: Floats }): Samples {
    const { body } = this.#code;
    const { network } = this.#parts.request;
    let [at, share] = [first, scale];
    if (place > 0) {
      const next = body.let(i32.add(first, 4 * place));
      const isPast = body.let(i32.geU(next, end));
      at = body.let(i32.select(i32.sub(end, 4), next, isPast));
      share = body.let(f32x4.select(0, scale, isPast));
    }
    const row = body.let(addressOf(this.#run.rows, i32.load(at), rowBytes(network)));
    const valuesFrom = (first: number, count: number): Floats[] =>
      Array.from({ length: count }, (_, index) => body.let(f32x4.loadSplat(row, 4 * (first + index))));
    return {
      inputs: valuesFrom(0, network.inputs),
      targets: valuesFrom(network.inputs, network.outputs),
      scale: share,
    };
  }

  #update(step: StepReader, loss: Floats, isAlive: Value<"i32x4">): Value<"i32x4"> {
    const { plan, request } = this.#parts;
    const { network } = request;
    const vectors = {
      count: network.parameterCount,
      parameters: this.#parameters,
      gradients: this.#sums,
      states: this.#states,
    };
    const sources = updateSources(this.#run, this.#rates, step);
    return new UpdateCode(this.#code, plan, vectors).write(sources, loss, isAlive, fitsLocals(network));
  }
}

/**
 * A program that trains many members of one network, four to a vector, each on the same rows. Exports
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
  });
