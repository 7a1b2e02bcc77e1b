// Loops over rows of f32 values, four at a time.

import type { Body } from "./body.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import type { Operand, Value } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

export type Address = Value<"i32">;
type Lane = 0 | 1 | 2 | 3;

/** Values of a node as they lie in memory. */
export interface View {
  /** Of the first row. */
  readonly address: Address;
  /** From a row to the next; 0 repeats. */
  readonly rowBytes: number;
  /** False where a row has one value, which counts for all units. */
  readonly hasUnits: boolean;
}

export const isFlat = ({ rowBytes, hasUnits }: View, width: number): boolean => hasUnits && rowBytes === 4 * width;

/** Address of a row of a view. */
export const rowOf = (body: Body, { address, rowBytes }: View, row: Operand<"i32">): Address =>
  rowBytes === 0 ? address : body.let(i32.add(address, i32.mul(row, rowBytes)));

/** Lanes that the last vector of a row has; 0 where all vectors are whole. */
const tailLanes = (width: number): number => width % 4;

/** A mask of the first lanes. */
export const firstLanes = (count: number): Value<"i32x4"> => {
  const lane = (at: number): number => (at < count ? -1 : 0);
  return i32x4.constants(lane(0), lane(1), lane(2), lane(3));
};

/** Stores the first lanes of a vector. */
export function storeLanes(
  body: Body,
  address: Operand<"i32">,
  value: Floats,
  { lanes, offset = 0 }: { readonly lanes: number; readonly offset?: number },
): void {
  for (let lane = 0; lane < lanes; lane++) body.storeLane(address, value, lane as Lane, offset + 4 * lane);
}

/**
 * Visits the units of a row four at a time.
 * @param visit called with the distance from the row's beginning, in bytes: a constant, or a value plus a constant; and how many lanes count
 */
export function forUnits(
  body: Body,
  width: number,
  visit: (at: { readonly index: Address | undefined; readonly offset: number; readonly lanes: number }) => void,
): void {
  const whole = Math.floor(width / 4);
  if (whole <= 4) {
    for (let vector = 0; vector < whole; vector++) visit({ index: undefined, offset: 16 * vector, lanes: 4 });
  } else {
    body.for({ from: 0, to: 16 * whole, by: 16 }, (index) => visit({ index, offset: 0, lanes: 4 }));
  }
  if (tailLanes(width) > 0) visit({ index: undefined, offset: 16 * whole, lanes: tailLanes(width) });
}

/** An address plus the distance of a visit. */
export const place = (address: Address, index: Address | undefined): Operand<"i32"> =>
  index === undefined ? address : i32.add(address, index);

/** Copies one row of values that lie side by side. */
export function copyRow(body: Body, from: Address, to: Address, width: number): void {
  forUnits(body, width, ({ index, offset, lanes }) => {
    if (lanes === 4) body.store(place(to, index), f32x4.load(place(from, index), offset), offset);
    else for (let lane = 0; lane < lanes; lane++) body.store(to, f32.load(from, offset + 4 * lane), offset + 4 * lane);
  });
}

/** Copies rows of a view to rows that lie `toBytes` apart. */
export function copyRows(body: Body, view: View, to: View, { width, rows }: { width: number; rows: Address }): void {
  body.for({ from: 0, to: rows }, (row) => {
    const [from, target] = [rowOf(body, view, row), rowOf(body, to, row)];
    if (view.hasUnits) {
      copyRow(body, from, target, width);
      return;
    }
    const value = body.let(f32x4.loadSplat(from));
    forUnits(body, width, ({ index, offset, lanes }) => {
      if (lanes === 4) body.store(place(target, index), value, offset);
      else storeLanes(body, target, value, { lanes, offset });
    });
  });
}

/** Copies values without gaps; up to three behind the last one are written too. */
export function copyFlat(body: Body, from: Address, to: Address, bytes: Address): void {
  body.for({ from: 0, to: bytes, by: 16 }, (at) => body.store(i32.add(to, at), f32x4.load(i32.add(from, at))));
}

/** The sum of all lanes, in every lane: (0 + 1) + (2 + 3). */
export function sumOfLanes(code: VectorCode, value: Floats): Floats {
  const one = code.let(value);
  const pairs = code.let(f32x4.add(one, f32x4.shuffle(one, one, [1, 0, 3, 2])));
  return f32x4.add(pairs, f32x4.shuffle(pairs, pairs, [2, 3, 0, 1]));
}

/** All lanes added, in all lanes: (0 + 2) + (1 + 3). @param x may be used often */
export function laneSum(code: VectorCode, x: Value<"f32x4">): Floats {
  const pairs = code.let(f32x4.add(x, f32x4.shuffle(x, x, [2, 3, 0, 1])));
  return f32x4.add(pairs, f32x4.shuffle(pairs, pairs, [1, 0, 3, 2]));
}

/** The largest lane, in every lane; NaN where there is one. */
export function maxOfLanes(code: VectorCode, value: Floats): Floats {
  const one = code.let(value);
  const pairs = code.let(f32x4.max(one, f32x4.shuffle(one, one, [1, 0, 3, 2])));
  return f32x4.max(pairs, f32x4.shuffle(pairs, pairs, [2, 3, 0, 1]));
}
