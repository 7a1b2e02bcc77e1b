import type { Network } from "../../graph/network.ts";
import type { Body } from "./body.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { laneSum, NetworkCode, type Samples } from "./networkCode.ts";
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
import { runWords, statusWords } from "./runLayout.ts";
import { UpdateCode } from "./updateCode.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, MemoryVectors, SplatMemory } from "./vectorStore.ts";

/** Samples that a vector holds. */
export const blockSamples = 4;
const vectorBytes = 16;

/**
 * A batch is cut into slices of so many samples, whose sums are added up by themselves and then in order: rounding grows with the longer of
 * the two, and slices may be computed by any number of threads with the same bits.
 */
export const sliceSamples = 1024;
const sliceBlocks = sliceSamples / blockSamples;

/** Bytes of a block of samples: [inputs + outputs, 4]. */
export const blockBytes = ({ inputs, outputs }: Network): number => vectorBytes * (inputs + outputs);

/** Parameters in memory are padded to whole vectors; what pads repeats the last. */
export const paddedCount = ({ parameterCount }: Network): number => 4 * Math.ceil(parameterCount / 4);

/** Sums over the samples of a slice: of gradients, and behind them of losses. */
class SliceCode {
  readonly #network: Network;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #step: StepReader;

  constructor(parts: ProgramParts, body: Body, run: RunValues, step: StepReader) {
    this.#network = parts.request.network;
    this.#code = new VectorCode(parts.module, body);
    this.#run = run;
    this.#step = step;
  }

  /** @param slice its number @param to address of the sums */
  write(slice: Value<"i32">, to: Value<"i32">): void {
    const { body } = this.#code;
    const sums = new MemoryVectors(body, to);
    for (let at = 0; at <= this.#network.parameterCount; at++) sums.set(at, constant("f32x4", 0));
    const batchSize = body.let(this.#step.word("batchSize"));
    const blocks = body.let(blocksOf(batchSize));
    const from = body.let(i32.mul(slice, sliceBlocks));
    const past = body.let(i32.add(from, sliceBlocks));
    const end = body.let(i32.select(past, blocks, i32.ltU(past, blocks)));
    const batch = { first: body.let(this.#step.word("batch")), batchSize, scale: body.let(this.#step.lossScale) };
    const network = new NetworkCode(this.#code, this.#network, new SplatMemory(this.#run.state));
    forSeveral(body, { from, to: end, atOnce: vectorsAtOnce(this.#network) }, (first, count) => {
      const taken = Array.from({ length: count }, (_, place) => body.let(i32.add(first, place)));
      const samples = taken.map((block) => this.#samplesOf(block, batch));
      network.addSamples(samples, sums);
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
}

/** What a step does with its sums: loss, update, and how the training went. */
class FinishCode {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #sums: MemoryVectors;

  /** @param from address of the sums of the first slice, which become those of the batch */
  constructor(parts: ProgramParts, body: Body, ...[run, from]: readonly [RunValues, Value<"i32">]) {
    this.#parts = parts;
    this.#code = new VectorCode(parts.module, body);
    this.#run = run;
    this.#sums = new MemoryVectors(body, from);
  }

  get #network(): Network {
    return this.#parts.request.network;
  }

  /** Adds the sums of the other slices, in their order. */
  addSlices(slices: Value<"i32">, from: Value<"i32">): void {
    const { body } = this.#code;
    const bytes = sumBytes(this.#network);
    body.for({ from: 1, to: slices }, (slice) => {
      const distance = body.let(i32.mul(slice, bytes));
      body.for({ from, to: i32.add(from, bytes), by: vectorBytes }, (address) => {
        body.store(address, f32x4.add(f32x4.load(address), f32x4.load(i32.add(address, distance))));
      });
    });
  }

  write(step: StepReader): void {
    const { body } = this.#code;
    const { status } = this.#run;
    const at = (name: keyof typeof statusWords): number => 4 * statusWords[name];
    const nonFinite = body.let(i32.load(status, at("nonFinite")));
    const isAlive = body.let(i32x4.eq(i32x4.splat(nonFinite), -1));
    const sum = laneSum(this.#code, body.let(this.#sums.get(this.#network.parameterCount)));
    const losses = body.let(f32x4.bitselect(sum, Number.NaN, isAlive));
    const loss = body.let(f32x4.extractLane(losses, 0));
    body.store(i32.add(this.#run.losses, step.word("lossOffset")), loss);
    body.if(f32.lt(loss, f32.load(status, at("leastLoss"))), () => {
      body.store(status, loss, at("leastLoss"));
      body.store(status, step.word("index"), at("leastStep"));
    });
    const isFine = i32x4.allTrue(this.#update(step, losses, isAlive));
    body.if(i32.and(i32.eqz(isFine), i32.eq(nonFinite, -1)), () =>
      body.store(status, step.word("index"), at("nonFinite")),
    );
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
      before: this.#run.before,
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

/** Slices of a batch, and blocks: whole numbers, the last may have less. */
const blocksOf = (batchSize: Value<"i32">): Value<"i32"> => i32.shrU(i32.add(batchSize, blockSamples - 1), 2);
const slicesOf = (batchSize: Value<"i32">): Value<"i32"> =>
  i32.divU(i32.add(batchSize, sliceSamples - 1), sliceSamples);

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
 * A program that trains one network, four samples to a vector. Exports
 * - `train(run: i32)`: all steps of the run at address `run`;
 * - its parts, for several threads: `addSlice(run: i32, step: i32, slice: i32, to: i32)`, the sums of one slice of the batch of the step
 *   described at address `step`, and `finishStep(run: i32, step: i32, slices: i32, from: i32)`, which adds those and updates;
 * - these as kernels for threads: `slices` and `finish`, (run, item, scratch, turn), a turn being a step;
 * - `gather(run: i32, indices: i32, count: i32, to: i32)`: writes the rows of a batch as the others read them.
 */
export const createSampleProgram = (request: ProgramRequest): Program =>
  createProgram(request, (parts) => {
    const { builder } = parts.module;
    const parameters = ["i32", "i32", "i32", "i32"] as const;
    const addSlice = builder.function({ parameters }, (body, ...[run, step, slice, to]) =>
      new SliceCode(parts, body, readRun(body, run), new StepReader(step)).write(slice, to),
    );
    const finishStep = builder.function({ parameters }, (body, ...[run, step, slices, from]) => {
      const finish = new FinishCode(parts, body, readRun(body, run), from);
      finish.addSlices(slices, from);
      finish.write(new StepReader(step));
    });
    const train = builder.function({ parameters: ["i32"] }, (body, run) => {
      const { steps, stepCount, sums } = readRun(body, run);
      const end = body.let(addressOf(steps, stepCount, parts.stepBytes));
      body.for({ from: steps, to: end, by: parts.stepBytes }, (step) => {
        const slices = body.let(slicesOf(new StepReader(step).word("batchSize")));
        body.for({ from: 0, to: slices }, (slice) => {
          body.call(addSlice, run, step, slice, addressOf(sums, slice, sumBytes(request.network)));
        });
        body.call(finishStep, run, step, slices, sums);
      });
    });
    const slices = builder.function({ parameters }, (body, ...[run, item, , turn]) => {
      const { sums, step, count } = turnOf(parts, body, run, turn);
      const to = addressOf(sums, item, sumBytes(request.network));
      body.if(i32.ltU(item, count), () => body.call(addSlice, run, step, item, to));
    });
    const finish = builder.function({ parameters }, (body, ...[run, , , turn]) => {
      const { sums, step, count } = turnOf(parts, body, run, turn);
      body.call(finishStep, run, step, count, sums);
    });
    const exported = { train, addSlice, finishStep, slices, finish };
    for (const [name, own] of Object.entries(exported)) builder.export(name, own);
    addGather(parts);
    return ["slices", "finish"];
  });

/** The step of a turn: where it is described, slices of its batch, and where their sums go. */
function turnOf({ stepBytes }: ProgramParts, body: Body, run: Value<"i32">, turn: Value<"i32">) {
  const { steps, sums } = readRun(body, run);
  const step = body.let(addressOf(steps, turn, stepBytes));
  return { sums, step, count: body.let(slicesOf(new StepReader(step).word("batchSize"))) };
}
