// Random test data: reproducible, and not from the generator under test.

/** Uniform numbers in [0, 1) from a seed (mulberry32, Tommy Ettinger, public domain). */
export function createUniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` f32 values in [−scale, scale). */
export function randomFloats(seed: number, length: number, scale = 1): Float32Array {
  const uniform = createUniform(seed);
  const values = new Float32Array(length);
  for (let at = 0; at < length; at++) values[at] = scale * (2 * uniform() - 1);
  return values;
}
