import type { Body } from "./body.ts";
import { i32x4 } from "./instructions.ts";
import type { Value } from "./value.ts";

type Words = Value<"i32x4">;

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

const rotateLeft = (words: Words, bits: number): Words =>
  i32x4.or(i32x4.shl(words, bits), i32x4.shrU(words, 32 - bits));

/** Threefry-2x32 with 20 rounds for four counters: two words. CPU reference: src/random.ts. @param keys and counters may be used often */
export function threefry(
  body: Body,
  [key0, key1]: readonly [Words, Words],
  counter: readonly [Words, Words],
): [Words, Words] {
  const key2 = body.let(i32x4.xor(i32x4.xor(0x1bd11bda, key0), key1));
  const keys = [key0, key1, key2] as const;
  let x0 = body.let(i32x4.add(counter[0], key0));
  let x1 = body.let(i32x4.add(counter[1], key1));
  for (let round = 0; round < 20; round++) {
    x0 = body.let(i32x4.add(x0, x1));
    x1 = body.let(i32x4.xor(rotateLeft(x1, rotations[round % 8]!), x0));
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    x0 = body.let(i32x4.add(x0, keys[injection % 3]!));
    x1 = body.let(i32x4.add(i32x4.add(x1, keys[(injection + 1) % 3]!), injection));
  }
  return [x0, x1];
}
