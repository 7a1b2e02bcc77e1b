import { keyOf, mix, streams, threefry2x32 } from "../random.ts";

// Random values of dropout and noise, new in every step, for each sample and unit: a function of seed, step, node, the sample's place in the batch and the unit,
// so that nothing is stored and every device draws the same. Threefry makes a key of the first three, once a step; from it each sample
// starts a stream of SplitMix32 (Steele, Lea, Flood 2014, with the finaliser of MurmurHash3), whose words are a tenth of Threefry's cost.
// In WGSL: shaders/dropout.wgsl; in WebAssembly: src/backend/wasm/maskCode.ts.

/** Seeds of the masks of a step. */
export interface MaskKey {
  /** Seed of the member's training; integer in [0, 2⁵³). */
  readonly seed: number;
  readonly step: number;
}

/** Two uint32 words. */
type Key = readonly [number, number];

/** Key of one dropout node in one step. */
export function maskKey({ seed, step }: MaskKey, stream: number): Key {
  const [key0, key1] = keyOf(seed, streams.dropout);
  return threefry2x32(key0, key1, Math.min(step, 0xfffffffe), stream); // as `Step` of shaders/step.wgsl counts
}

/** Distances of counters: odd, so that no sample and no place is left out. */
export const sampleDistance = 0x9e3779b9;
export const placeDistance = 0x7f4a7c15;

/** A random word of a sample. */
function wordAt([key0, key1]: Key, sample: number, place: number): number {
  const state = mix((key0 + Math.imul(sample, sampleDistance)) | 0);
  return mix((state + Math.imul(place + 1, placeDistance)) ^ key1);
}

/** Uniform in (0, 1), of 23 bits: exact in float32. */
const uniformOf = (word: number): number => ((word >>> 9) + 0.5) * 2 ** -23;

/** A standard normal number: src/math/normal.ts in float64. A unit takes two words. */
export function normalAt(key: Key, sample: number, unit: number): number {
  const [u, v] = [uniformOf(wordAt(key, sample, 2 * unit)), uniformOf(wordAt(key, sample, 2 * unit + 1))];
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** Values of 16 bits below this are dropped: a probability of round(2¹⁶ · rate) / 2¹⁶. */
export const dropThreshold = (rate: number): number => Math.round(rate * 2 ** 16);

/** Whether dropout keeps a value. Two units share a word. */
export function keepsAt(key: Key, rate: number, sample: number, unit: number): boolean {
  const half = (wordAt(key, sample, unit >> 1) >>> (16 * (unit & 1))) & 0xffff;
  return half >= dropThreshold(rate);
}
