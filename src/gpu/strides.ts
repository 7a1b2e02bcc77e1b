import { maxRank } from "../shape.ts";

/**
 * Words of a uniform behind `first` and `end`: single ones, then sizes or strides as shaders/strides.wgsl holds them, which
 * begin at a multiple of four words.
 */
export function wordsOf(single: readonly number[], ...perAxis: readonly (readonly number[])[]): number[] {
  const start = Math.ceil((2 + single.length) / 4) * 4 - 2;
  const words = Array.from({ length: start + maxRank * perAxis.length }, () => 0);
  for (const [at, word] of single.entries()) words[at] = word;
  for (const [place, values] of perAxis.entries()) {
    for (const [axis, value] of values.entries()) words[start + maxRank * place + axis] = value;
  }
  return words;
}
