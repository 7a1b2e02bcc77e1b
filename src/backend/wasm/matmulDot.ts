import type { Body } from "./body.ts";
import { f32x4, i32 } from "./instructions.ts";
import { least } from "./least.ts";
import { load } from "./matmulArguments.ts";
import { type Block, blockParameters } from "./matmulBlock.ts";
import { addProduct, advance, allOf, stripOf, type Strip, type TileSources, type Vector } from "./matmulTile.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value } from "./value.ts";

// Products of few rows with a transposed matrix: rows of a times rows of b, both read in order. Packing b would cost more than the
// product. A sum has four parts, of every fourth k, which are added last.

/** Products of a part that are added before the sum is stored. */
const dotDepth = 1024;

const columnsOfTile = 4;

/** The four sums of each of four vectors: (0 + 1) + (2 + 3). */
function sumsOfLanes(body: Body, parts: readonly Vector[]): Value<"f32x4"> {
  const [a, b, c, d] = parts as [Vector, Vector, Vector, Vector];
  const lows = [f32x4.shuffle(a, b, [0, 4, 1, 5]), f32x4.shuffle(c, d, [0, 4, 1, 5])].map((value) => body.let(value));
  const highs = [f32x4.shuffle(a, b, [2, 6, 3, 7]), f32x4.shuffle(c, d, [2, 6, 3, 7])].map((value) => body.let(value));
  const [even, odd] = [lows, highs].map(([left, right]) =>
    f32x4.add(f32x4.shuffle(left!, right!, [0, 1, 4, 5]), f32x4.shuffle(left!, right!, [2, 3, 6, 7])),
  );
  return f32x4.add(even!, odd!);
}

/** Sums of a tile: `bStep` is the distance of columns of op(b), whose values lie side by side. */
function sumDots(
  body: Body,
  rows: number,
  useMadd: boolean,
  { a, aStep, b, bStep, k, columns }: TileSources,
): Vector[][] {
  const last = body.let(i32.add(b, i32.mul(i32.sub(columns, 1), bStep)));
  const right = allOf(columnsOfTile, (column) => {
    const at = body.let(i32.add(b, i32.mul(bStep, column)));
    return body.variable("i32", i32.select(at, last, i32.ltU(at, last))); // behind the last one, that again
  });
  const left = allOf(rows, (row) => body.variable("i32", i32.add(a, i32.mul(aStep, row))));
  const parts = allOf(rows, () => allOf(columnsOfTile, () => body.variable("f32x4", 0)));
  const pointers = [...left, ...right];
  body.for({ from: 0, to: i32.shrU(k, 2) }, () => {
    const columnValues = right.map((at) => body.let(f32x4.load(at)));
    left.forEach((at, row) => {
      const values = body.let(f32x4.load(at));
      columnValues.forEach((column, index) => addProduct(body, parts[row]![index]!, [values, column], useMadd));
    });
    for (const pointer of pointers) advance(body, pointer, 16);
  });
  const sums = parts.map((row) => body.variable("f32x4", sumsOfLanes(body, row)));
  body.for({ from: 0, to: i32.and(k, 3) }, () => {
    const column = body.variable("f32x4", f32x4.loadSplat(right[0]!));
    right.slice(1).forEach((at, index) => {
      const lane = (index + 1) as 1 | 2 | 3;
      body.set(column, f32x4.replaceLane(column, lane, f32x4.extractLane(f32x4.loadSplat(at), 0)));
    });
    left.forEach((at, row) => addProduct(body, sums[row]!, [f32x4.loadSplat(at), column], useMadd));
    for (const pointer of pointers) advance(body, pointer, 4);
  });
  return sums.map((sum) => [sum]);
}

/** Adds `block` of src/backend/wasm/matmulBlock.ts for values of op(a) and op(b) that lie side by side along k. */
export function addDotBlock(builder: ModuleBuilder, useMadd: boolean): Block {
  const [one, two] = [1, 2].map((rows) =>
    stripOf(builder, { rows, vectors: 1 }, (body, from) => sumDots(body, rows, useMadd, from)),
  ) as [Strip, Strip];
  return builder.function({ parameters: blockParameters }, (body, ...parameters) => {
    const [a, b, out, rows, columns, k, args, scratch] = parameters;
    const [aLane, bLane] = [body.let(load(args, "aLane")), body.let(load(args, "bLane"))];
    const outRow = body.let(load(args, "outRow"));
    const added = body.let(load(args, "accumulate"));
    const done = body.variable("i32", 0);
    const pairs = body.let(i32.shrU(rows, 1));
    body.loop((next) => {
      const depth = least(body, i32.sub(k, done), dotDepth);
      const doneBytes = body.let(i32.shl(done, 2));
      const accumulate = body.let(i32.or(added, i32.ne(done, 0)));
      body.for({ from: 0, to: columns, by: columnsOfTile }, (left) => {
        const width = least(body, i32.sub(columns, left), columnsOfTile);
        const right = [body.let(i32.add(b, i32.add(doneBytes, i32.mul(left, bLane)))), bLane, depth] as const;
        const outLeft = body.let(i32.add(out, i32.shl(left, 2)));
        const from = body.let(i32.add(a, doneBytes));
        const end = [outRow, width, accumulate, scratch] as const;
        body.if(pairs, () => body.call(two, from, i32.shl(aLane, 1), aLane, pairs, ...right, outLeft, ...end));
        body.if(i32.and(rows, 1), () => {
          const row = body.let(i32.shl(pairs, 1));
          const rest = i32.add(outLeft, i32.mul(row, outRow));
          body.call(one, i32.add(from, i32.mul(row, aLane)), aLane, aLane, 1, ...right, rest, ...end);
        });
      });
      body.set(done, i32.add(done, depth));
      body.branchIf(next, i32.ltU(done, k));
    });
  });
}
