// What dropout draws, four words at a time: CPU reference in src/backend/dropout.ts.

import { placeDistance, sampleDistance } from "../dropout.ts";
import { streams } from "../../random.ts";
import type { Body } from "./body.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import { mix } from "./rowDraw.ts";
import { threefry } from "./threefry.ts";
import { constant, type Operand, type Value } from "./value.ts";

type Words = Value<"i32x4">;
/** Of the lanes. All may be used often. */
export type Keys = readonly [Words, Words];

/** Keys of a node in a step. @param seed words of the members' seeds, as `seedWords` has them */
export function maskKeys(body: Body, seed: Keys, step: Value<"i32">, stream: number): Keys {
  const key = [seed[0], body.let(i32x4.xor(seed[1], streams.dropout))] as const;
  return threefry(body, key, [body.let(i32x4.splat(step)), constant("i32x4", stream)]);
}

/** State of samples. */
export const maskState = (body: Body, [key]: Keys, sample: Operand<"i32x4">): Words =>
  body.let(mix(body, i32x4.add(key, i32x4.mul(sample, sampleDistance | 0))));

/** Words at places of samples; a place that is known is added as a constant. */
export function maskWord(body: Body, [, key]: Keys, state: Words, place: Words | number): Words {
  const distance =
    typeof place === "number" ? Math.imul(place + 1, placeDistance) : i32x4.mul(i32x4.add(place, 1), placeDistance | 0);
  return body.let(mix(body, i32x4.xor(i32x4.add(state, distance), key)));
}

/** The 16 bits of a unit whose number is even, or odd. */
export const maskHalf = (word: Words, isOdd: boolean): Words =>
  isOdd ? i32x4.shrU(word, 16) : i32x4.and(word, 0xffff);

/** Uniform in (0, 1), of 23 bits. */
export const uniformOf = (word: Words): Value<"f32x4"> =>
  f32x4.mul(f32x4.add(f32x4.convertI32x4S(i32x4.shrU(word, 9)), 0.5), 2 ** -23);
