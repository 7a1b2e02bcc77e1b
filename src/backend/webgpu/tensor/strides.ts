import { maxRank } from "../../shape.ts";

/** Dimensions of what a kernel walks through, one at least: their sizes, and strides of arrays. */
export interface Axes {
  readonly rank: number;
  /** Words of an array<vec4u, 8>: for each dimension up to four of the lists given. */
  readonly words: readonly number[];
}

/** Up to four numbers per dimension, as the shaders' `axes` hold them; without any dimension there is one of `missing`. */
export function axesOf(lists: readonly (readonly number[])[], missing: readonly number[]): Axes {
  const rank = Math.max(1, ...lists.map(({ length }) => length));
  const words = Array.from({ length: 4 * maxRank }, () => 0);
  for (const [place, list] of lists.entries()) {
    for (let axis = 0; axis < rank; axis++) words[4 * axis + place] = list[axis] ?? missing[place]!;
  }
  return { rank, words };
}

/** Fours of values that rows of the innermost dimension are cut into. */
export function quadsOf(sizes: readonly number[]): number {
  const width = sizes.at(-1) ?? 1;
  return sizes.slice(0, -1).reduce((product, size) => product * size, Math.ceil(width / 4));
}
