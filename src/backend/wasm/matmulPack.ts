import type { Body, Callable } from "./body.ts";
import { f32, f32x4, i32 } from "./instructions.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value } from "./value.ts";

// Copies of blocks of matrices into panels: `width` rows of op(a), or columns of op(b), side by side for one k after the other. The
// innermost loop of a product then reads memory in order, whatever the transposes and distances.

/**
 * Parameters:
 *   - from: address of the first value
 *   - laneStep, deepStep: bytes to the next row of op(a) or column of op(b), and to the next k; one of them is 4
 *   - lanes: how many rows or columns
 *   - k: how many values each of them has
 *   - to: address of the panels; the last one is as wide as the others, with values of no meaning
 */
const packParameters = ["i32", "i32", "i32", "i32", "i32", "i32"] as const;
export type Pack = Callable<typeof packParameters, undefined>;

type Address = Value<"i32">;

const least = (body: Body, a: Address, b: Address): Address => body.let(i32.select(a, b, i32.ltU(a, b)));

/** Adds the function for values that lie side by side in the panel's direction. */
export const addPackCopied = (builder: ModuleBuilder, width: 4 | 8): Pack =>
  builder.function({ parameters: packParameters }, (body, ...[from, , deepStep, lanes, k, to]) => {
    const target = body.variable("i32", to);
    body.for({ from: 0, to: lanes, by: width }, (lane) => {
      const at = body.variable("i32", i32.add(from, i32.shl(lane, 2)));
      body.for({ from: 0, to: k }, () => {
        for (let vector = 0; vector < width / 4; vector++) body.store(target, f32x4.load(at, 16 * vector), 16 * vector);
        body.set(at, i32.add(at, deepStep));
        body.set(target, i32.add(target, 4 * width));
      });
    });
  });

/** Writes four vectors as the columns of a 4 × 4 block. */
function storeTransposed(body: Body, rows: readonly Value<"f32x4">[], to: Address, step: number): void {
  const [a, b, c, d] = rows as [Value<"f32x4">, Value<"f32x4">, Value<"f32x4">, Value<"f32x4">];
  const lows = [f32x4.shuffle(a, b, [0, 4, 1, 5]), f32x4.shuffle(c, d, [0, 4, 1, 5])].map((value) => body.let(value));
  const highs = [f32x4.shuffle(a, b, [2, 6, 3, 7]), f32x4.shuffle(c, d, [2, 6, 3, 7])].map((value) => body.let(value));
  [lows, highs].forEach(([left, right], half) => {
    body.store(to, f32x4.shuffle(left!, right!, [0, 1, 4, 5]), 2 * half * step);
    body.store(to, f32x4.shuffle(left!, right!, [2, 3, 6, 7]), (2 * half + 1) * step);
  });
}

/** Adds the function for values that lie side by side along k: transposes blocks of 4 × 4. */
export const addPackTransposed = (builder: ModuleBuilder, width: 4 | 8): Pack =>
  builder.function({ parameters: packParameters }, (body, ...[from, laneStep, , lanes, k, to]) => {
    const step = 4 * width;
    const last = body.let(i32.add(from, i32.mul(i32.sub(lanes, 1), laneStep)));
    const panel = body.variable("i32", to);
    const panelBytes = body.let(i32.mul(k, step));
    const whole = body.let(i32.and(k, -4));
    body.for({ from: 0, to: lanes, by: width }, (lane) => {
      for (let group = 0; group < width / 4; group++) {
        const at = body.variable("i32", i32.add(from, i32.mul(i32.add(lane, 4 * group), laneStep)));
        // behind the last lane it is read again: its memory is certain to exist
        const rows = Array.from({ length: 4 }, () => {
          const row = body.variable("i32", least(body, at, last));
          body.set(at, i32.add(at, laneStep));
          return row;
        });
        const target = body.variable("i32", i32.add(panel, 16 * group));
        const move = (bytes: number): void => {
          for (const row of rows) body.set(row, i32.add(row, bytes));
        };
        body.for({ from: 0, to: whole, by: 4 }, () => {
          storeTransposed(
            body,
            rows.map((row) => body.let(f32x4.load(row))),
            target,
            step,
          );
          body.set(target, i32.add(target, 4 * step));
          move(16);
        });
        body.for({ from: whole, to: k }, () => {
          rows.forEach((row, index) => body.store(target, f32.load(row), 4 * index));
          body.set(target, i32.add(target, step));
          move(4);
        });
      }
      body.set(panel, i32.add(panel, panelBytes));
    });
  });
