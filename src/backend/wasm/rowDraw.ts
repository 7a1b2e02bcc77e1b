// Which rows of the data a step takes, four at a time: CPU reference in src/backend/batches.ts.

import { hasOwnRows, isShuffled, seedOf } from "../batches.ts";
import type { RunSettings } from "../executor.ts";
import { keyOf, streams } from "../../random.ts";
import { type Body, call, type Callable } from "./body.ts";
import { memoryImport } from "./heap.ts";
import { i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import { read, turnPlace, turnWords } from "./passArguments.ts";
import type { Address } from "./rowLoops.ts";
import { threefry } from "./threefry.ts";
import { constant, type Operand, type Value } from "./value.ts";

type Words = Value<"i32x4">;

/** How the rows of a step are chosen. */
export interface RowRule {
  readonly isShuffled: boolean;
  readonly isBootstrap: boolean;
  /** Whether members leave rows out. */
  readonly isHeldOut: boolean;
  /** Whether each member draws its own rows. */
  readonly hasOwnRows: boolean;
  /** Whether all steps take all rows in their order. */
  readonly takesAllRows: boolean;
}

/** Whether rows follow each other. */
export const areInOrder = (rule: Pick<RowRule, "isShuffled" | "isBootstrap" | "isHeldOut">): boolean =>
  !rule.isShuffled && !rule.isBootstrap && !rule.isHeldOut;

export function rowRuleOf(settings: RunSettings, rowCount: number): RowRule {
  const rule = {
    isShuffled: isShuffled(settings, rowCount),
    isBootstrap: settings.bootstrap === true,
    isHeldOut: settings.heldOut !== undefined,
  };
  const takesAllRows = areInOrder(rule) && settings.batchSize >= rowCount;
  return { ...rule, hasOwnRows: hasOwnRows(settings, rowCount), takesAllRows };
}

/** Words of a member that its rows are drawn by. */
export const drawWords = ({ isHeldOut }: Pick<RowRule, "isHeldOut">): number => (isHeldOut ? 4 : 2);

/** These words: both key words of stream 0 of its seed, and which rows it leaves out. */
export function drawWordsOf(settings: RunSettings, member: number): number[] {
  const { heldOut } = settings;
  return [...keyOf(seedOf(settings, member), 0), ...(heldOut ? [heldOut.from[member]!, heldOut.rows] : [])];
}

/** MurmurHash3's finaliser. */
export function mix(body: Body, x: Words): Words {
  let hash = body.let(x);
  for (const [shift, factor] of [
    [16, 0x85ebca6b],
    [13, 0xc2b2ae35],
  ] as const)
    hash = body.let(i32x4.mul(i32x4.xor(hash, i32x4.shrU(hash, shift)), factor | 0));
  return i32x4.xor(hash, i32x4.shrU(hash, 16));
}

type Permute = Callable<readonly ["i32x4", "i32x4", "i32x4", "i32"], "i32x4">;

/** Adds `permute(index, key0, key1, count)` of src/random.ts: lanes that are below the count wait for the others. */
const addPermute = (builder: ModuleBuilder): Permute =>
  builder.function(
    { parameters: ["i32x4", "i32x4", "i32x4", "i32"], result: "i32x4" },
    (body, ...[index, key0, key1, count]) => {
      const last = body.let(i32.sub(count, 1));
      const bits = body.let(i32.sub(constant("i32", 32), i32.clz(last)));
      const highBits = body.let(i32.shrU(bits, 1));
      const lowBits = body.let(i32.sub(bits, highBits));
      const maskOf = (width: Address): Words => body.let(i32x4.splat(i32.sub(i32.shl(1, width), 1)));
      const [highMask, lowMask] = [maskOf(highBits), maskOf(lowBits)];
      const most = body.let(i32x4.splat(last));
      const x = body.variable("i32x4", i32x4.minS(index, most)); // from behind the last one no walk would come back
      const isOutside = body.variable("i32x4", -1);
      body.loop((again) => {
        let high: Words = body.let(i32x4.shrU(x, lowBits));
        let low: Words = body.let(i32x4.and(x, lowMask));
        for (let round = 0; round < 3; round++) {
          const ofLow = i32x4.add(i32x4.add(low, key0), Math.imul(round, 0x9e3779b9));
          high = body.let(i32x4.xor(high, i32x4.and(mix(body, ofLow), highMask)));
          const ofHigh = i32x4.add(i32x4.add(high, key1), Math.imul(round, 0x7f4a7c15));
          low = body.let(i32x4.xor(low, i32x4.and(mix(body, ofHigh), lowMask)));
        }
        body.set(x, i32x4.bitselect(i32x4.or(i32x4.shl(high, lowBits), low), x, isOutside));
        body.set(isOutside, i32x4.gtS(x, most));
        body.branchIf(again, i32x4.anyTrue(isOutside));
      });
      return x;
    },
  );

const permutes = new WeakMap<ModuleBuilder, Permute>();

/** Writes the rows of a step. */
export class RowDraw {
  readonly #body: Body;
  readonly #permute: Permute | undefined;
  readonly #order: readonly [Words, Words] | undefined;
  readonly #sample: readonly [Words, Words] | undefined;
  readonly #heldOut: readonly [Words, Words] | undefined;
  readonly #count: Address;

  /** @param words `drawWordsOf` a member in each lane @param count rows of an epoch; all may be used often */
  constructor(
    builder: ModuleBuilder,
    body: Body,
    rule: RowRule,
    { words, epoch, count }: { words: readonly Words[]; epoch: Address; count: Address },
  ) {
    const keyOfStream = (stream: number): [Words, Words] => [words[0]!, body.let(i32x4.xor(words[1]!, stream))];
    this.#body = body;
    this.#count = count;
    if (rule.isShuffled) {
      this.#permute = permutes.get(builder) ?? addPermute(builder);
      permutes.set(builder, this.#permute);
      const counter = [body.let(i32x4.splat(epoch)), constant("i32x4", 0)] as const;
      this.#order = threefry(body, keyOfStream(streams.order), counter);
    }
    if (rule.isBootstrap) this.#sample = keyOfStream(streams.bootstrap);
    if (rule.isHeldOut) this.#heldOut = [words[2]!, words[3]!];
  }

  /** Rows at positions of the epoch. */
  at(position: Words): Words {
    const row = this.#drawn(position);
    if (!this.#heldOut) return row;
    const [from, rows] = this.#heldOut;
    const own = this.#body.let(row);
    return this.#body.let(i32x4.add(own, i32x4.andnot(rows, i32x4.gtS(from, own))));
  }

  /** Rows among those that are not left out. */
  #drawn(position: Words): Words {
    const body = this.#body;
    const place = this.#permute ? body.let(call(this.#permute, position, ...this.#order!, this.#count)) : position;
    if (!this.#sample) return place;
    const word = body.let(threefry(body, this.#sample, [place, constant("i32x4", 0)])[0]);
    const count = body.let(i32x4.splat(this.#count));
    // ⌊word · count / 2³²⌋: the high words of the products
    return body.let(i32x4.shuffle(i32x4.extmulLowU(word, count), i32x4.extmulHighU(word, count), [1, 3, 5, 7]));
  }
}

/** Writes the kernel `draw`: the rows of the members of an item for a step, for kernels that read the arguments of a pass. */
export function drawModule(
  rule: RowRule,
  isShared: boolean,
): { bytes: Uint8Array<ArrayBuffer>; names: readonly string[] } {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(isShared));
  const draw = builder.kernel((body, ...[args, item, , turn]) => {
    const record = body.let(i32.add(read(args, "turns"), i32.mul(turn, 4 * turnWords)));
    const wordOf = (name: "rows" | "position" | "epoch"): Address => body.let(i32.load(record, 4 * turnPlace[name]));
    const [rows, position, epoch] = [wordOf("rows"), wordOf("position"), wordOf("epoch")];
    const count = body.let(read(args, "rowCount"));
    const first = body.let(i32.mul(item, read(args, "itemMembers")));
    const last = least(body, i32.add(first, read(args, "itemMembers")), body.let(read(args, "members")));
    body.for({ from: first, to: last }, (member) => {
      const wordCount = drawWords(rule);
      const seeds = body.let(i32.add(read(args, "seeds"), i32.mul(member, 4 * wordCount)));
      const words = Array.from({ length: wordCount }, (_, at) => body.let(i32x4.splat(i32.load(seeds, 4 * at))));
      const own = new RowDraw(builder, body, rule, { words, epoch, count });
      const to = body.let(i32.add(read(args, "rows"), i32.mul(member, read(args, "rowsMember"))));
      body.for({ from: 0, to: rows, by: 4 }, (row) =>
        body.store(i32.add(to, i32.shl(row, 2)), own.at(positionsFrom(body, i32.add(position, row)))),
      );
    });
  });
  builder.export("draw", draw);
  return { bytes: builder.encode(), names: ["draw"] };
}

/** Four positions from one on. */
export const positionsFrom = (body: Body, first: Operand<"i32">): Words =>
  body.let(i32x4.add(i32x4.splat(first), i32x4.constants(0, 1, 2, 3)));
