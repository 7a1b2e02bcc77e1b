import { type Network, targetWidth } from "../../graph/network.ts";
import type { Body, Callable } from "./body.ts";
import {
  createProgram,
  forSeveral,
  maskKeysOf,
  type ProgramParts,
  type ProgramRequest,
  readRun,
  rowDrawOf,
  type RunValues,
  StepEnd,
  StepReader,
  sumBytes,
  vectorBytes,
  vectorsAtOnce,
} from "./fusedProgram.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { NetworkCode, type Samples, weighed } from "./networkCode.ts";
import { laneSum } from "./rowLoops.ts";
import { positionsFrom } from "./rowDraw.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, MemoryVectors, SplatMemory } from "./vectorStore.ts";

/** Samples that a vector holds. */
const blockSamples = 4;

/**
 * A batch is cut into slices of so many samples, whose sums are added up by themselves and then in order: rounding grows with the longer of
 * the two, and slices may be computed by any number of threads with the same bits.
 */
export const sliceSamples = 1024;
const sliceBlocks = sliceSamples / blockSamples;

/** Columns of a row: of the inputs and of the targets. */
const columnsOf = (network: Network): number => network.inputs + targetWidth(network);

/** Bytes of a block of samples: [columns, 4]. */
const blockBytes = (network: Network): number => vectorBytes * columnsOf(network);

/** Bytes of a batch in blocks. */
export const batchBytes = (network: Network, batchSize: number): number =>
  Math.ceil(batchSize / blockSamples) * blockBytes(network);

/** Parameters in memory are padded to whole vectors; what pads repeats the last. */
export const paddedCount = ({ parameterCount }: Network): number => 4 * Math.ceil(parameterCount / 4);

/** The samples of a step. */
interface Batch {
  /** Address of the first block. */
  readonly first: Value<"i32">;
  readonly batchSize: Value<"i32">;
  readonly scale: Floats;
}

/** Slices of a batch, and blocks: whole numbers, the last may have less. */
const blocksOf = (batchSize: Value<"i32">): Value<"i32"> => i32.shrU(i32.add(batchSize, blockSamples - 1), 2);
const slicesOf = (step: StepReader): Value<"i32"> =>
  i32.divU(i32.add(step.word("batchSize"), sliceSamples - 1), sliceSamples);

/** The first block of a slice, and the one behind its last. */
function blocksIn(body: Body, slice: Value<"i32">, batchSize: Value<"i32">) {
  const from = body.let(i32.mul(slice, sliceBlocks));
  return { from, to: least(body, i32.add(from, sliceBlocks), blocksOf(batchSize)) };
}

/** Sums over the samples of a slice: of gradients, and behind them of losses. */
class SliceCode {
  readonly #parts: ProgramParts;
  readonly #network: Network;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #step: StepReader;

  constructor(parts: ProgramParts, body: Body, run: RunValues, step: StepReader) {
    this.#parts = parts;
    this.#network = parts.network;
    this.#code = new VectorCode(parts.module, body);
    this.#run = run;
    this.#step = step;
  }

  /** @param to address of the sums */
  write(slice: Value<"i32">, to: Value<"i32">): void {
    const { body } = this.#code;
    const sums = new MemoryVectors(body, to);
    for (let at = 0; at <= this.#network.parameterCount; at++) sums.set(at, constant("f32x4", 0));
    const batchSize = body.let(this.#step.word("batchSize"));
    const batch = { first: body.let(this.#step.word("batch")), batchSize, scale: body.let(this.#step.lossScale) };
    const keys = maskKeysOf(this.#parts, body, { run: this.#run, step: this.#step, group: constant("i32", 0) });
    const network = new NetworkCode(this.#code, this.#network, new SplatMemory(this.#run.state), keys);
    const range = { ...blocksIn(body, slice, batchSize), atOnce: vectorsAtOnce(this.#network) };
    forSeveral(body, range, (first, count) => {
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
    const { inputs } = this.#network;
    const address = body.let(addressOf(first, block, blockBytes(this.#network)));
    const valuesFrom = (from: number, count: number): Floats[] =>
      Array.from({ length: count }, (_, index) => body.let(f32x4.load(address, vectorBytes * (from + index))));
    return weighed(this.#code, this.#network, {
      inputs: valuesFrom(0, inputs),
      targets: valuesFrom(inputs, targetWidth(this.#network)),
      scale: body.let(this.#code.keep(scale, isSample)),
      places: () => positionsFrom(body, i32.shl(block, 2)),
    });
  }
}

/** Four gradients, each summed over its lanes: (0 + 2) + (1 + 3). */
function packedGradient(body: Body, sums: MemoryVectors, at: number, last: number): Floats {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => body.let(sums.get(Math.min(4 * at + lane, last)))) as [
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

/** Adds up the sums of slices in their order, and ends the step with them. */
function writeEnd(parts: ProgramParts, body: Body, run: RunValues, step: StepReader): void {
  const { network } = parts;
  const code = new VectorCode(parts.module, body);
  const bytes = sumBytes(network);
  body.for({ from: 1, to: slicesOf(step) }, (slice) => {
    const distance = body.let(i32.mul(slice, bytes));
    body.for({ from: run.sums, to: i32.add(run.sums, bytes), by: vectorBytes }, (address) => {
      body.store(address, f32x4.add(f32x4.load(address), f32x4.load(i32.add(address, distance))));
    });
  });
  const sums = new MemoryVectors(body, run.sums);
  const end = new StepEnd(parts, code, run, constant("i32", 0));
  end.write(step, laneSum(code, body.let(sums.get(network.parameterCount))), {
    count: paddedCount(network) / 4,
    state: run.state,
    before: run.before,
    gradient: (at) => packedGradient(body, sums, at, network.parameterCount - 1),
    isOneNetwork: true,
  });
  end.store();
}

/** Writes the rows of a slice as blocks of four samples; lanes behind the last sample repeat it. */
function writeBlocks(
  parts: ProgramParts,
  body: Body,
  run: RunValues,
  { step, slice }: { step: StepReader; slice: Value<"i32"> },
) {
  const width = columnsOf(parts.network);
  const rows = rowDrawOf(parts, body, { run, step, group: constant("i32", 0) });
  const [batch, batchSize] = [body.let(step.word("batch")), body.let(step.word("batchSize"))];
  const position = body.let(step.word("firstPosition"));
  const last = body.let(i32x4.splat(i32.add(position, i32.sub(batchSize, 1))));
  body.for(blocksIn(body, slice, batchSize), (block) => {
    const positions = positionsFrom(body, i32.add(position, i32.shl(block, 2)));
    const numbers = body.let(rows.at(body.let(i32x4.minS(positions, last))));
    const address = body.let(addressOf(batch, block, blockBytes(parts.network)));
    for (const lane of [0, 1, 2, 3] as const) {
      const row = body.let(addressOf(run.rows, i32x4.extractLane(numbers, lane), 4 * width));
      for (let at = 0; at < width; at++) body.store(address, f32.load(row, 4 * at), vectorBytes * at + 4 * lane);
    }
  });
}

const parameters = ["i32", "i32", "i32"] as const;
/** `part(run, step, slice)`. */
type Part = Callable<typeof parameters, undefined>;

/**
 * A program that trains one network, four samples to a vector. Its kernels read the run at their arguments:
 * - `train`: all steps, in one item;
 * - for several threads: `slices`, the sums of a slice of the batch of the step that is the turn, and `finish`, which adds them and updates;
 * - `blocks`: writes a slice of the first step's batch as the others read it, where all steps take all rows. Elsewhere they do it themselves.
 */
export const createSampleProgram = (request: ProgramRequest) =>
  createProgram(request, (parts) => {
    const { builder } = parts.module;
    const addPart = (write: (body: Body, run: RunValues, step: StepReader, slice: Value<"i32">) => void): Part =>
      builder.function({ parameters }, (body, run, ...[step, slice]) =>
        write(body, readRun(body, run), new StepReader(step), slice),
      );
    const writeSlice = addPart((body, run, step, slice) => writeBlocks(parts, body, run, { step, slice }));
    const addSlice = addPart((body, run, step, slice) => {
      const to = body.let(addressOf(run.sums, slice, sumBytes(parts.network)));
      new SliceCode(parts, body, run, step).write(slice, to);
    });
    const finishStep = addPart((body, run, step) => writeEnd(parts, body, run, step));
    const callSlice = (
      body: Body,
      ...[run, step, slice]: readonly [Value<"i32">, Value<"i32">, Value<"i32">]
    ): void => {
      if (!parts.rowRule.takesAllRows) body.call(writeSlice, run, step, slice);
      body.call(addSlice, run, step, slice);
    };
    const stepOf = (body: Body, run: Value<"i32">, turn: Value<"i32">): Value<"i32"> =>
      body.let(addressOf(readRun(body, run).steps, turn, parts.stepBytes));
    const train = builder.kernel((body, run) => {
      const { steps, stepCount } = readRun(body, run);
      const end = body.let(addressOf(steps, stepCount, parts.stepBytes));
      body.for({ from: steps, to: end, by: parts.stepBytes }, (step) => {
        body.for({ from: 0, to: slicesOf(new StepReader(step)) }, (slice) => callSlice(body, run, step, slice));
        body.call(finishStep, run, step, 0);
      });
    });
    const slices = builder.kernel((body, ...[run, item, , turn]) => {
      const step = stepOf(body, run, turn);
      body.if(i32.ltU(item, slicesOf(new StepReader(step))), () => callSlice(body, run, step, item));
    });
    const finish = builder.kernel((body, ...[run, , , turn]) => body.call(finishStep, run, stepOf(body, run, turn), 0));
    const blocks = builder.kernel((body, run, item) =>
      body.call(writeSlice, run, stepOf(body, run, constant("i32", 0)), item),
    );
    return { train, slices, finish, blocks };
  });
