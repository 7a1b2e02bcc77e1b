import { InvalidInput } from "../errors.ts";
import type { Checkpoint, Dataset, FloatArray, Fingerprint, RunSettings } from "../backend/executor.ts";

// Which training a checkpoint is of: what decides the rows of every step, and what the moments are moments of.

/** Odd constants of MurmurHash3 (Appleby 2011). */
const [first, second] = [0xcc9e2d51, 0x1b873593];
/** Values that are rounded to float32 at a time. */
const sliceFloats = 2 ** 14;

/** 64 bits of a text or of numbers as float32, in two lanes that are mixed apart: against mistakes, not against forgery. */
class Hash {
  #a = 0;
  #b = 0x9e3779b9;

  #add(words: Uint32Array): void {
    let [a, b] = [this.#a, this.#b];
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      a = Math.imul(a ^ word, first);
      a = ((a << 15) | (a >>> 17)) + 0x52dce729;
      b = Math.imul((b << 13) | (b >>> 19), 5) ^ Math.imul(word, second);
    }
    this.#a = a;
    this.#b = b;
  }

  text(text: string): void {
    this.#add(Uint32Array.from(text, (character) => character.codePointAt(0)!));
  }

  /** Float64 is rounded, so that rows are the same rows in both precisions. */
  numbers(values: ArrayLike<number>): void {
    this.#add(Uint32Array.of(values.length));
    const slice = new Float32Array(Math.min(sliceFloats, values.length));
    for (let at = 0; at < values.length; at += slice.length) {
      const count = Math.min(slice.length, values.length - at);
      for (let index = 0; index < count; index++) slice[index] = values[at + index]!;
      this.#add(new Uint32Array(slice.buffer, 0, count));
    }
  }

  toString(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

const isNumbers = (value: unknown): value is FloatArray =>
  value instanceof Float32Array || value instanceof Float64Array;

function hashOfData(data: Dataset): string {
  const hash = new Hash();
  for (const [name, values] of Object.entries(data).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    if (!isNumbers(values)) continue;
    hash.text(name);
    hash.numbers(values);
  }
  return hash.toString();
}

function hashOfSeeds(seeds: ArrayLike<number> | undefined): string | undefined {
  if (seeds === undefined) return undefined;
  const hash = new Hash();
  hash.text(Array.from(seeds).join());
  return hash.toString();
}

/** Reads all rows: some 3 ns a value. */
export function fingerprintOf({ data, optimizer, batchSize, seed, perMember, ...rest }: RunSettings): Fingerprint {
  return {
    optimizer: [optimizer.name, optimizer.around?.average?.name].filter(Boolean).join(" with "),
    batchSize,
    seed,
    memberSeeds: hashOfSeeds(perMember?.seed),
    shuffle: rest.shuffle,
    bootstrap: rest.bootstrap ?? false,
    data: hashOfData(data),
  };
}

/** Throws `InvalidInput` unless a checkpoint is of a training of the same rows in the same order, by the same optimizer. */
export function requireSameTraining({ fingerprint }: Checkpoint, settings: RunSettings): void {
  if (fingerprint === undefined) return;
  const own = fingerprintOf(settings);
  const names = Object.keys(own) as (keyof Fingerprint)[];
  const name = names.find((each) => own[each] !== fingerprint[each]);
  if (name === undefined) return;
  const what = name === "data" ? "rows of " : "";
  throw new InvalidInput({
    place: `train: resume: ${name === "memberSeeds" ? "perMember.seed" : name}`,
    expected: `${what}${String(fingerprint[name])}, as in the checkpoint`,
    got: String(own[name]),
    fix: "pass the same, or resume: { ...checkpoint, fingerprint: undefined } to skip this check",
  });
}
