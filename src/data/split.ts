import { orderKey, permute, streams } from "../random.ts";
import { type Steps, each } from "./slices.ts";

/** Rows of a table, ascending. */
export interface RowSplit {
  readonly training: Uint32Array;
  readonly validation: Uint32Array;
}

/** Classes of rows: class of the row at each place of a list of rows, and how many rows each class has. */
export interface RowGroups {
  readonly groupOf: Uint32Array;
  readonly sizes: readonly number[];
}

/** How many rows of each class are held out: in proportion, by largest remainders, and never the last row of a class. */
export function quotas(sizes: readonly number[], held: number): number[] {
  const rows = sizes.reduce((a, b) => a + b, 0);
  const ideal = sizes.map((size) => (size * held) / rows);
  const counts = ideal.map((value, group) => Math.min(Math.floor(value), sizes[group]! - 1));
  let left = held - counts.reduce((a, b) => a + b, 0);
  const byRemainder = [...sizes.keys()].sort((a, b) => ideal[b]! - counts[b]! - (ideal[a]! - counts[a]!) || a - b);
  for (const group of byRemainder) {
    if (left === 0) break;
    if (counts[group]! >= sizes[group]! - 1) continue;
    counts[group]!++;
    left--;
  }
  return counts;
}

/**
 * Splits rows by a seeded permutation; at least one row is learned from, and one is held out where any are requested.
 * With classes, each is split in the same share and has at least one row to learn from.
 * @param share of the rows that is held out
 */
export function* splitRows(
  rows: Uint32Array,
  { share, seed, groups }: { share: number; seed: number; groups: RowGroups | undefined },
): Steps<RowSplit> {
  const count = rows.length;
  const held = share === 0 ? 0 : Math.min(count - 1, Math.max(1, Math.round(count * share)));
  const key = orderKey(seed, streams.split, 0);
  const left = groups ? quotas(groups.sizes, held) : [held];
  const isHeld = new Uint8Array(count);
  yield* each(count, (index) => {
    const place = permute(index, count, key);
    const group = groups ? groups.groupOf[place]! : 0;
    if (left[group]! > 0) {
      left[group]!--;
      isHeld[place] = 1;
    }
  });
  const validation = new Uint32Array(isHeld.reduce((sum, one) => sum + one, 0));
  const training = new Uint32Array(count - validation.length);
  let [heldOut, learned] = [0, 0];
  yield* each(count, (place) => {
    if (isHeld[place] === 1) validation[heldOut++] = rows[place]!;
    else training[learned++] = rows[place]!;
  });
  return { training, validation };
}
