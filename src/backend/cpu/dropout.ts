import { keyOf, streams, threefry2x32 } from "../../random.ts";

/** What the masks of a step are drawn from. */
export interface MaskKey {
  /** Of the member's training; integer in [0, 2⁵³). */
  readonly seed: number;
  readonly step: number;
}

/** Key of one dropout node in one step: two uint32 words. */
export function maskKey({ seed, step }: MaskKey, stream: number): readonly [number, number] {
  const [key0, key1] = keyOf(seed, streams.dropout);
  return threefry2x32(key0, key1, Math.min(step, 0xfffffffe), stream); // as `Step` of shaders/step.wgsl counts
}

/** Whether dropout keeps a value; dropped with probability ⌊2³² · rate⌋ / 2³². */
export function keepsAt([key0, key1]: readonly [number, number], rate: number, sample: number, unit: number): boolean {
  return threefry2x32(key0, key1, sample, unit)[0] >= Math.floor(rate * 2 ** 32);
}
