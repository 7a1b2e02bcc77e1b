import { targetWidth } from "../../graph/network.ts";
import type { Body } from "./body.ts";
import {
  createProgram,
  forSeveral,
  groupMembers,
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
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { NetworkCode, type Samples, weighed } from "./networkCode.ts";
import { areInOrder, positionsFrom } from "./rowDraw.ts";
import { constant, type Value } from "./value.ts";
import { type Floats, VectorCode } from "./vectorCode.ts";
import { addressOf, MemoryVectors } from "./vectorStore.ts";

/** Numbers of the rows that samples of a step are, from one on: one for all members of a group, or one for each. */
type RowsOf = (first: Value<"i32">, place: number) => readonly Value<"i32">[];

/** Writes the training of one group of four members. */
class GroupCode {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #group: Value<"i32">;
  readonly #sums: MemoryVectors;
  readonly #state: Value<"i32">;

  constructor(parts: ProgramParts, body: Body, run: RunValues, group: Value<"i32">) {
    this.#parts = parts;
    this.#code = new VectorCode(parts.module, body);
    this.#run = run;
    this.#group = group;
    this.#sums = new MemoryVectors(body, run.sums);
    const stateBytes = vectorBytes * parts.network.parameterCount * parts.plan.outputs.length;
    this.#state = body.let(addressOf(run.state, group, stateBytes));
  }

  /** Runs all steps. */
  write(): void {
    const { body } = this.#code;
    const { network, stepBytes } = this.#parts;
    const { parameterCount: count } = network;
    const end = new StepEnd(this.#parts, this.#code, this.#run, this.#group);
    const last = body.let(addressOf(this.#run.steps, this.#run.stepCount, stepBytes));
    const vectors = { count, state: this.#state, before: this.#run.before, isOneNetwork: false };
    body.for({ from: this.#run.steps, to: last, by: stepBytes }, (address) => {
      const step = new StepReader(address);
      this.#addBatch(step);
      end.write(step, this.#sums.get(count), { ...vectors, gradient: (at) => this.#sums.get(at) });
    });
    end.store();
  }

  #addBatch(step: StepReader): void {
    const { body } = this.#code;
    const { network } = this.#parts;
    for (let at = 0; at <= network.parameterCount; at++) this.#sums.set(at, constant("f32x4", 0));
    const scale = body.let(step.lossScale);
    const rowsOf = this.#rowsOf(step);
    const keys = maskKeysOf(this.#parts, body, { run: this.#run, step, group: this.#group });
    const code = new NetworkCode(this.#code, network, new MemoryVectors(body, this.#state), keys);
    const range = { from: constant("i32", 0), to: body.let(step.word("batchSize")), atOnce: vectorsAtOnce(network) };
    forSeveral(body, range, (first, count) => {
      const samples = Array.from({ length: count }, (_, place) => ({
        ...this.#samplesAt(rowsOf(first, place), scale),
        places: () => body.let(i32x4.splat(i32.add(first, place))),
      }));
      code.addSamples(samples, this.#sums);
    });
  }

  #rowsOf(step: StepReader): RowsOf {
    const { body } = this.#code;
    const { rowRule } = this.#parts;
    const position = body.let(step.word("firstPosition"));
    if (areInOrder(rowRule)) return (first, place) => [i32.add(i32.add(position, first), place)];
    if (!rowRule.hasOwnRows) {
      const batch = body.let(step.word("batch"));
      return (first, place) => [i32.load(addressOf(batch, first, 4), 4 * place)];
    }
    const draw = rowDrawOf(this.#parts, body, { run: this.#run, step, group: this.#group });
    return (first, place) => {
      const rows = draw.at(body.let(i32x4.splat(i32.add(i32.add(position, first), place))));
      return ([0, 1, 2, 3] as const).map((lane) => i32x4.extractLane(rows, lane));
    };
  }

  /** A row of data for each lane. */
  #samplesAt(numbers: readonly Value<"i32">[], scale: Floats): Samples {
    const { body } = this.#code;
    const { inputs } = this.#parts.network;
    const width = inputs + targetWidth(this.#parts.network);
    const rows = numbers.map((number) => body.let(addressOf(this.#run.rows, number, 4 * width)));
    const valueAt = (at: number): Floats =>
      rows
        .slice(1)
        .reduce<Floats>(
          (vector, row, place) => f32x4.loadLane(row, vector, (place + 1) as 1 | 2 | 3, 4 * at),
          f32x4.loadSplat(rows[0]!, 4 * at),
        );
    const valuesFrom = (first: number, count: number): Floats[] =>
      Array.from({ length: count }, (_, at) => body.let(valueAt(first + at)));
    const targets = valuesFrom(inputs, width - inputs);
    return weighed(this.#code, this.#parts.network, { inputs: valuesFrom(0, inputs), targets, scale });
  }
}

/**
 * A program that trains many members of one network, four to a vector: on the same rows, or each on its own. Its kernels read the run at
 * their arguments: `groups`, all steps for the groups of an item; before it, `draw`, where members share rows that are drawn: those of a step.
 */
export const createMemberProgram = (request: ProgramRequest) =>
  createProgram(request, (parts) => {
    const { builder } = parts.module;
    const groups = builder.kernel((body, ...[args, item, scratch]) => {
      const before = body.let(i32.add(scratch, sumBytes(parts.network)));
      const run = { ...readRun(body, args), sums: scratch, before };
      const first = body.let(i32.mul(item, run.itemGroups));
      const last = least(body, i32.add(first, run.itemGroups), run.groups);
      body.for({ from: first, to: last }, (group) => new GroupCode(parts, body, run, group).write());
    });
    if (areInOrder(parts.rowRule) || parts.rowRule.hasOwnRows) return { groups };
    const draw = builder.kernel((body, ...[args, item]) => {
      const run = readRun(body, args);
      body.if(i32.ltU(item, run.stepCount), () => {
        const step = new StepReader(body.let(addressOf(run.steps, item, parts.stepBytes)));
        const rows = rowDrawOf(parts, body, { run, step, group: constant("i32", 0) });
        const [batch, position] = [body.let(step.word("batch")), body.let(step.word("firstPosition"))];
        body.for({ from: 0, to: step.word("batchSize"), by: groupMembers }, (row) => {
          body.store(addressOf(batch, row, 4), rows.at(positionsFrom(body, i32.add(position, row))));
        });
      });
    });
    return { draw, groups };
  });
