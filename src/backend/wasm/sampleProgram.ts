import type { Network } from "../../graph/network.ts";
import type { Body } from "./body.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { laneSum, NetworkCode, type Samples } from "./networkCode.ts";
import {
  beforeAt,
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
import { runWords, statusWords } from "./runLayout.ts";
import { UpdateCode } from "./updateCode.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, MemoryVectors, SplatMemory } from "./vectorStore.ts";

/** Samples that a vector holds. */
export const blockSamples = 4;
const vectorBytes = 16;

/** Sums of so many blocks are added up by themselves before they are added to others: rounding grows with the longer of the two. */
const sliceBlocks = 256;

/** Bytes of a block of samples: [inputs + outputs, 4]. */
export const blockBytes = ({ inputs, outputs }: Network): number => vectorBytes * (inputs + outputs);

/** Parameters in memory are padded to whole vectors; what pads repeats the last. */
export const paddedCount = ({ parameterCount }: Network): number => 4 * Math.ceil(parameterCount / 4);

/** Writes the training of one network. */
class SampleCode {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #sums: MemoryVectors;
  readonly #totals: MemoryVectors;

  constructor(parts: ProgramParts, body: Body, run: RunValues) {
    this.#parts = parts;
    this.#code = new VectorCode(parts.module, body);
    this.#run = run;
    this.#sums = new MemoryVectors(body, run.scratch);
    this.#totals = new MemoryVectors(body, body.let(i32.add(run.scratch, sumBytes(parts.request.network))));
  }

  get #network(): Network {
    return this.#parts.request.network;
  }

  /** Runs all steps. */
  write(): void {
    const { body } = this.#code;
    const at = (name: keyof typeof statusWords): number => 4 * statusWords[name];
    const nonFinite = body.variable("i32", i32.load(this.#run.status, at("nonFinite")));
    const least = body.variable("f32", f32.load(this.#run.status, at("leastLoss")));
    const leastStep = body.variable("i32", i32.load(this.#run.status, at("leastStep")));
    const { stepBytes } = this.#parts;
    const end = body.let(addressOf(this.#run.steps, this.#run.stepCount, stepBytes));
    body.for({ from: this.#run.steps, to: end, by: stepBytes }, (address) => {
      const step = new StepReader(address);
      const isAlive = body.let(i32x4.eq(i32x4.splat(nonFinite), -1));
      this.#addBatch(step);
      const sum = laneSum(this.#code, body.let(this.#sums.get(this.#network.parameterCount)));
      const losses = body.let(f32x4.bitselect(sum, Number.NaN, isAlive));
      const loss = body.let(f32x4.extractLane(losses, 0));
      body.store(i32.add(this.#run.losses, step.word("lossOffset")), loss);
      body.if(f32.lt(loss, least), () => {
        body.set(least, loss);
        body.set(leastStep, step.word("index"));
      });
      const isFine = i32x4.allTrue(this.#update(step, losses, isAlive));
      body.if(i32.and(i32.eqz(isFine), i32.eq(nonFinite, -1)), () => body.set(nonFinite, step.word("index")));
    });
    body.store(this.#run.status, body.let(nonFinite), at("nonFinite"));
    body.store(this.#run.status, body.let(least), at("leastLoss"));
    body.store(this.#run.status, body.let(leastStep), at("leastStep"));
  }

  #forEachSum(write: (at: number) => void): void {
    for (let at = 0; at <= this.#network.parameterCount; at++) write(at);
  }

  /** Adds up the batch: block by block, sums of slices by themselves, the last slice to the total of those before it. */
  #addBatch(step: StepReader): void {
    const { body } = this.#code;
    const batchSize = body.let(step.word("batchSize"));
    const blocks = body.let(i32.shrU(i32.add(batchSize, blockSamples - 1), 2));
    const zero = constant("f32x4", 0);
    const isSliced = body.let(i32.gtU(blocks, sliceBlocks));
    body.if(isSliced, () => this.#forEachSum((at) => this.#totals.set(at, zero)));
    const scale = body.let(step.lossScale);
    const first = body.let(step.word("batch"));
    body.for({ from: 0, to: blocks, by: sliceBlocks }, (firstBlock) => {
      this.#forEachSum((at) => this.#sums.set(at, zero));
      const past = body.let(i32.add(firstBlock, sliceBlocks));
      const isLast = body.let(i32.geU(past, blocks));
      const end = body.let(i32.select(blocks, past, isLast));
      this.#addBlocks({ from: firstBlock, to: end, first, batchSize, scale });
      body.if(i32.eqz(isLast), () =>
        this.#forEachSum((at) => this.#totals.set(at, f32x4.add(this.#totals.get(at), this.#sums.get(at)))),
      );
    });
    body.if(isSliced, () =>
      this.#forEachSum((at) => this.#sums.set(at, f32x4.add(this.#totals.get(at), this.#sums.get(at)))),
    );
  }

  #addBlocks({ from, to, ...batch }: Batch & { readonly from: Value<"i32">; readonly to: Value<"i32"> }): void {
    const { body } = this.#code;
    const network = new NetworkCode(this.#code, this.#network, new SplatMemory(this.#run.state));
    forSeveral(body, { from, to, atOnce: vectorsAtOnce(this.#network) }, (first, count) => {
      const blocks = Array.from({ length: count }, (_, place) => body.let(i32.add(first, place)));
      const samples = blocks.map((block) => this.#samplesOf(block, batch));
      network.addSamples(samples, this.#sums);
    });
  }

  /** The samples of a block. Lanes behind the last sample of the batch have no share of the mean. */
  #samplesOf(block: Value<"i32">, { first, batchSize, scale }: Batch): Samples {
    const { body } = this.#code;
    const left = i32.sub(batchSize, i32.shl(block, 2));
    const isSample = i32x4.gtS(i32x4.splat(left), i32x4.constants(0, 1, 2, 3));
    const { inputs, outputs } = this.#network;
    const address = body.let(addressOf(first, block, blockBytes(this.#network)));
    const valuesFrom = (from: number, count: number): Floats[] =>
      Array.from({ length: count }, (_, index) => body.let(f32x4.load(address, vectorBytes * (from + index))));
    return {
      inputs: valuesFrom(0, inputs),
      targets: valuesFrom(inputs, outputs),
      scale: body.let(this.#code.keep(scale, isSample)),
    };
  }

  /** Four gradients, each summed over its lanes: (0 + 2) + (1 + 3). */
  #packedGradient(at: number): Floats {
    const { body } = this.#code;
    const last = this.#network.parameterCount - 1;
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => body.let(this.#sums.get(Math.min(4 * at + lane, last)))) as [
      Floats,
      Floats,
      Floats,
      Floats,
    ];
    const halves = (x: Floats, y: Floats): Floats =>
      body.let(f32x4.add(f32x4.shuffle(x, y, [0, 4, 1, 5]), f32x4.shuffle(x, y, [2, 6, 3, 7])));
    const [ab, cd] = [halves(a, b), halves(c, d)];
    return f32x4.add(f32x4.shuffle(ab, cd, [0, 1, 4, 5]), f32x4.shuffle(ab, cd, [2, 3, 6, 7]));
  }

  #update(step: StepReader, loss: Floats, isAlive: Value<"i32x4">): Value<"i32x4"> {
    const vectors = {
      count: paddedCount(this.#network) / 4,
      state: this.#run.state,
      before: beforeAt(this.#code.body, this.#run, this.#network),
      gradients: { get: (at: number) => this.#packedGradient(at) },
    };
    const sources = updateSources(this.#run, new SplatMemory(this.#run.rates), step);
    return new UpdateCode(this.#code, this.#parts.plan, vectors).write(sources, loss, isAlive);
  }
}

/** The samples of a step. */
interface Batch {
  /** Address of the first block. */
  readonly first: Value<"i32">;
  readonly batchSize: Value<"i32">;
  readonly scale: Floats;
}

/** Writes `gather(run, indices, count, to)`: rows of data as blocks of four samples; the last row fills the last block. */
function addGather({ request, module }: ProgramParts): void {
  const { inputs, outputs } = request.network;
  const width = inputs + outputs;
  const parameters = ["i32", "i32", "i32", "i32"] as const;
  const gather = module.builder.function({ parameters }, (body, ...[run, indices, count, to]) => {
    const rows = body.let(i32.load(run, 4 * runWords.rows));
    const last = body.let(i32.sub(count, 1));
    const padded = i32.and(i32.add(count, blockSamples - 1), -blockSamples);
    body.for({ from: 0, to: body.let(padded) }, (sample) => {
      const place = i32.select(sample, last, i32.ltU(sample, count));
      const row = body.let(addressOf(rows, i32.load(addressOf(indices, place, 4)), 4 * width));
      const block = addressOf(to, i32.shrU(sample, 2), blockBytes(request.network));
      const lane = body.let(i32.add(block, i32.shl(i32.and(sample, 3), 2)));
      for (let at = 0; at < width; at++) body.store(lane, f32.load(row, 4 * at), vectorBytes * at);
    });
  });
  module.builder.export("gather", gather);
}

/**
 * A program that trains one network, four samples to a vector. Exports `train(run: i32)`: all steps of the run at address `run`, and
 * `gather(run: i32, indices: i32, count: i32, to: i32)`, which writes the rows of a batch as `train` reads them.
 */
export const createSampleProgram = (request: ProgramRequest): Program =>
  createProgram(request, (parts) => {
    const { builder } = parts.module;
    const train = builder.function({ parameters: ["i32"] }, (body, run) =>
      new SampleCode(parts, body, readRun(body, run)).write(),
    );
    builder.export("train", train);
    addGather(parts);
  });
