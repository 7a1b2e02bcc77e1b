import { dropsOf, hasDrops, type Network } from "../../graph/network.ts";
import { weightMaskOf } from "../../graph/weightRanges.ts";
import type { Body } from "./body.ts";
import { memoryImport } from "./heap.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { type Keys, maskKeys } from "./maskCode.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import { drawWords, RowDraw, type RowRule } from "./rowDraw.ts";
import { runWords, statusWords, stepValueWord, stepWords } from "./runLayout.ts";
import { laneSum } from "./rowLoops.ts";
import { emitGradientScale, emitUpdate, smallUnit, type UpdatePlan } from "./updateCode.ts";
import type { Value, Variable } from "./value.ts";
import { type Floats, type Mask, type VectorCode, VectorModule } from "./vectorCode.ts";
import { addressOf, MemoryVectors } from "./vectorStore.ts";

/** What a program is written for. */
export interface ProgramRequest {
  readonly network: Network;
  readonly plan: UpdatePlan;
  readonly useRelaxed: boolean;
  readonly rowRule: RowRule;
  readonly isShared: boolean;
}

/** Members that a vector holds, and bytes of a vector. */
export const groupMembers = 4;
export const vectorBytes = 16;

/** Vectors of samples that are taken at once: a parameter is read once for all of them, and they do not wait for each other. */
export const vectorsAtOnce = ({ parameterCount }: Network): number => (parameterCount <= 128 ? 4 : 2);

/**
 * Writes code for all of the indices from `from` to before `to`: for several at once, and one by one for those that are left.
 * @param write code for so many indices from one on
 */
export function forSeveral(
  body: Body,
  range: { readonly from: Value<"i32">; readonly to: Value<"i32">; readonly atOnce: number },
  write: (first: Value<"i32">, count: number) => void,
): void {
  const { from, to, atOnce } = range;
  const left = i32.remU(i32.sub(to, from), atOnce);
  const split = body.let(i32.sub(to, left));
  body.for({ from, to: split, by: atOnce }, (first) => write(first, atOnce));
  body.for({ from: split, to }, (first) => write(first, 1));
}

/** What the code of a program is written with. */
export interface ProgramParts extends ProgramRequest {
  readonly module: VectorModule;
  readonly stepBytes: number;
}

/** Bytes of a step's description. */
export const stepBytesOf = ({ hosted }: UpdatePlan): number => 4 * (stepValueWord + hosted.ofStep.length);

/** Writes a module whose kernels `build` adds. @returns the kernels by name, and the bytes */
export function createProgram(
  request: ProgramRequest,
  build: (parts: ProgramParts) => Readonly<Record<string, { readonly index: number }>>,
): { bytes: Uint8Array<ArrayBuffer>; names: readonly string[] } {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(request.isShared));
  const module = new VectorModule(builder, request.useRelaxed);
  const kernels = build({ ...request, module, stepBytes: stepBytesOf(request.plan) });
  for (const [name, kernel] of Object.entries(kernels)) builder.export(name, kernel);
  return { bytes: builder.encode(), names: Object.keys(kernels) };
}

/** Words of the description of a run. */
export type RunValues = { readonly [name in keyof typeof runWords]: Value<"i32"> };

export const readRun = (body: Body, run: Value<"i32">): RunValues =>
  Object.fromEntries(
    Object.entries(runWords).map(([name, word]) => [name, body.let(i32.load(run, 4 * word))]),
  ) as unknown as RunValues;

/** One step's description. */
export class StepReader {
  readonly address: Value<"i32">;

  constructor(address: Value<"i32">) {
    this.address = address;
  }

  word(name: Exclude<keyof typeof stepWords, "lossScale">): Value<"i32"> {
    return i32.load(this.address, 4 * stepWords[name]);
  }

  get lossScale(): Value<"f32x4"> {
    return f32x4.loadSplat(this.address, 4 * stepWords.lossScale);
  }
}

/** A step of a group. */
interface GroupStep {
  readonly run: RunValues;
  readonly step: StepReader;
  readonly group: Value<"i32">;
}

/** `drawWordsOf` the members of a group. */
function wordsOfGroup({ rowRule }: ProgramParts, body: Body, { run, group }: GroupStep): Mask[] {
  const count = drawWords(rowRule);
  const words = body.let(addressOf(run.seeds, group, count * vectorBytes));
  return Array.from({ length: count }, (_, at) => body.let(i32x4.load(words, at * vectorBytes)));
}

/** The keys of what dropout draws in a step for the members of a group, by stream. */
export function maskKeysOf(parts: ProgramParts, body: Body, own: GroupStep): Map<number, Keys> {
  const { network } = parts;
  if (!hasDrops(network)) return new Map();
  const [first, second] = wordsOfGroup(parts, body, own);
  const index = body.let(own.step.word("index"));
  const streams = dropsOf(network).flatMap((drop) => (drop ? [drop.stream] : []));
  return new Map(streams.map((stream) => [stream, maskKeys(body, [first!, second!], index, stream)]));
}

/** What draws the rows of a step for the members of a group. */
export function rowDrawOf(parts: ProgramParts, body: Body, own: GroupStep): RowDraw {
  const { run, step } = own;
  const words = wordsOfGroup(parts, body, own);
  const epoch = body.let(step.word("epoch"));
  return new RowDraw(parts.module.builder, body, parts.rowRule, { words, epoch, count: run.rowCount });
}

/** Bytes of the sums over samples: of a vector for each parameter, and one of losses. */
export const sumBytes = ({ parameterCount }: Network): number => vectorBytes * (parameterCount + 1);

/** The parameters and states of a group, or of one network: what a step does behind its sums. */
interface Vectors {
  /** Vectors of parameters. */
  readonly count: number;
  /** Address of the parameters, [count], and what the optimizer keeps, [states, count]. */
  readonly state: Value<"i32">;
  /** Address of as many vectors, for what they were before. */
  readonly before: Value<"i32">;
  readonly gradient: (at: number) => Floats;
  /** Whether lanes are parameters of one network: it stops as a whole. */
  readonly isOneNetwork: boolean;
}

/** Writes the ends of steps of a group: loss, update, and how the training went. Its status is in locals between `constructor` and `store`. */
export class StepEnd {
  readonly #parts: ProgramParts;
  readonly #code: VectorCode;
  readonly #run: RunValues;
  readonly #group: Value<"i32">;
  readonly #status: Value<"i32">;
  readonly #nonFinite: Variable<"i32x4">;
  readonly #least: Variable<"f32x4">;
  readonly #leastStep: Variable<"i32x4">;
  readonly #isAlive: Variable<"i32x4">;

  constructor(parts: ProgramParts, code: VectorCode, run: RunValues, group: Value<"i32">) {
    const { body } = code;
    [this.#parts, this.#code, this.#run, this.#group] = [parts, code, run, group];
    this.#status = body.let(addressOf(run.status, group, 3 * vectorBytes));
    const at = (name: keyof typeof statusWords): number => vectorBytes * statusWords[name];
    this.#nonFinite = body.variable("i32x4", i32x4.load(this.#status, at("nonFinite")));
    this.#least = body.variable("f32x4", f32x4.load(this.#status, at("leastLoss")));
    this.#leastStep = body.variable("i32x4", i32x4.load(this.#status, at("leastStep")));
    this.#isAlive = body.variable("i32x4", i32x4.eq(this.#nonFinite, -1));
  }

  store(): void {
    const { body } = this.#code;
    for (const [name, value] of [
      ["nonFinite", this.#nonFinite],
      ["leastLoss", this.#least],
      ["leastStep", this.#leastStep],
    ] as const)
      body.store(this.#status, value as Value<"i32x4" | "f32x4">, vectorBytes * statusWords[name]);
  }

  /** @param lossSum the loss of each lane's member */
  write(step: StepReader, lossSum: Floats, vectors: Vectors): void {
    const { body } = this.#code;
    const index = body.let(i32x4.splat(step.word("index")));
    const loss = body.let(f32x4.bitselect(lossSum, Number.NaN, this.#isAlive));
    body.store(i32.add(addressOf(this.#run.losses, this.#group, vectorBytes), step.word("lossOffset")), loss);
    const isLess = body.let(f32x4.lt(loss, this.#least));
    body.set(this.#least, f32x4.bitselect(loss, this.#least, isLess));
    body.set(this.#leastStep, i32x4.bitselect(index, this.#leastStep, isLess));
    const check = body.variable("f32x4", f32x4.mul(loss, 0)); // 0, NaN once anything was not finite
    this.#update(step, vectors, (value) => body.set(check, this.#code.madd(value, 0, check)));
    const isFine = body.let(i32x4.and(f32x4.eq(check, check), this.#isAlive));
    body.if(i32.eqz(i32x4.allTrue(isFine)), () => {
      this.#takeBack(vectors);
      const own = body.let(vectors.isOneNetwork ? constantMask() : isFine);
      body.set(this.#nonFinite, i32x4.bitselect(index, this.#nonFinite, i32x4.andnot(this.#isAlive, own)));
      body.set(this.#isAlive, own);
    });
  }

  /** What clipping by norm multiplies gradients by: of each lane's member, or of one network. */
  #gradientScale({ count, gradient, isOneNetwork }: Vectors): Floats {
    const code = this.#code;
    const { body } = code;
    const { plan, network } = this.#parts;
    const unit = body.variable("f32x4", 1);
    const whole = body.variable("f32x4", 0);
    body.for({ from: 0, to: 2 }, (pass) => {
      const fits = body.let(f32x4.lt(whole, Number.POSITIVE_INFINITY)); // at first all do
      body.if(i32.or(i32.eqz(pass), i32.eqz(i32x4.allTrue(fits))), () => {
        // Lanes whose squares overflow are summed once more in a smaller unit, the others as they were.
        body.set(unit, f32x4.bitselect(unit, smallUnit, fits));
        const sums = [0, 1, 2, 3].map(() => body.variable("f32x4", 0));
        for (let at = 0; at < count; at++) {
          const sum = sums[at % sums.length]!;
          const own = code.let(f32x4.mul(this.#inside(gradient(at), at, isOneNetwork ? network : undefined), unit));
          body.set(sum, code.madd(own, own, sum));
        }
        const [a, b, c, d] = sums as unknown as [Floats, Floats, Floats, Floats];
        const all = code.let(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
        body.set(whole, isOneNetwork ? laneSum(code, all) : all);
      });
    });
    return emitGradientScale(code, plan, { squares: whole as Floats, unit: unit as Floats, hyper: this.#run.hyper });
  }

  /** A vector of gradients without those that pad the parameters of one network. */
  #inside(gradient: Floats, at: number, network: Network | undefined): Floats {
    const left = network ? network.parameterCount - 4 * at : 4;
    if (left >= 4) return gradient;
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => (lane < left ? -1 : 0));
    return this.#code.keep(gradient, i32x4.constants(a!, b!, c!, d!));
  }

  /** 1 in the lanes of a vector of parameters that are weights. */
  #isWeight(at: number, isOneNetwork: boolean): Floats {
    const mask = weightMaskOf(this.#parts.network);
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => mask[isOneNetwork ? 4 * at + lane : at] ?? 0);
    return f32x4.constants(a!, b!, c!, d!);
  }

  #update(step: StepReader, vectors: Vectors, watch: (value: Floats) => void): void {
    const { count, state, before, gradient, isOneNetwork } = vectors;
    const { body } = this.#code;
    const gradientScale = this.#parts.plan.hosted.gradientScale && this.#gradientScale(vectors);
    const rates = new MemoryVectors(body, body.let(addressOf(this.#run.rates, this.#group, 3 * vectorBytes)));
    const update = emitUpdate(this.#code, this.#parts.plan, {
      rate: (at) => rates.get(at),
      hyper: this.#run.hyper,
      step: body.let(i32.add(step.address, 4 * stepValueWord)),
      gradientScale,
    });
    const [now, kept] = [new MemoryVectors(body, state), new MemoryVectors(body, before)];
    for (let at = 0; at < count; at++) {
      const own = body.let(gradient(at));
      const old = this.#parts.plan.outputs.map((_, store) => body.let(now.get(store * count + at)));
      old.forEach((value, store) => kept.set(store * count + at, value));
      const updated = update({ gradient: own, old, isWeight: this.#isWeight(at, isOneNetwork) });
      updated.now.forEach((value, store) => now.set(store * count + at, value));
      updated.watched.forEach(watch);
    }
  }

  /** Takes back what is not to be: parameters that are not finite, and everything of lanes that had stopped. */
  #takeBack({ count, state, before }: Vectors): void {
    const { body } = this.#code;
    const distance = body.let(i32.sub(before, state));
    const restore = (from: number, to: number, maskOf: (now: Floats) => Mask): void => {
      const range = { from: body.let(i32.add(state, vectorBytes * from)), to: i32.add(state, vectorBytes * to) };
      body.for({ ...range, by: vectorBytes }, (address) => {
        const now = body.let(f32x4.load(address));
        const old = f32x4.load(i32.add(address, distance));
        body.store(address, f32x4.bitselect(now, old, maskOf(now)));
      });
    };
    const isFiniteAndAlive = (now: Floats): Mask => i32x4.and(f32x4.eq(f32x4.mul(now, 0), 0), this.#isAlive);
    const { keepsFinite } = this.#parts.plan.update;
    const averages = keepsFinite.filter(Boolean).length; // the last states
    const whole = keepsFinite.length - averages;
    restore(0, count, isFiniteAndAlive);
    if (whole > 0) restore(count, count * (1 + whole), () => this.#isAlive);
    if (averages > 0) restore(count * (1 + whole), count * (1 + keepsFinite.length), isFiniteAndAlive);
  }
}

const constantMask = (): Mask => i32x4.constants(0, 0, 0, 0);
