// Sum, largest value or log Σ exp over some axes: CPU reference in src/backend/cpu/reduce.ts. Values that become one are taken in
// segments along their innermost axis, which are combined in order; slices of many segments are results of their own, to be
// reduced again. What lies where depends on shapes alone, so no sum depends on threads.

import type { ReductionName } from "../tensorBackend.ts";
import type { Body } from "./body.ts";
import { boundedExponential } from "./exponentials.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { logOnePlus } from "./logarithms.ts";
import { type Address, maxOfLanes, sumOfLanes } from "./rowLoops.ts";
import { axesOf, moveAlong } from "./stridedGrid.ts";
import type { Variable } from "./value.ts";
import { type Floats, VectorCode, type VectorModule } from "./vectorCode.ts";
import { storeUpTo } from "./vectorStore.ts";

/** Words of the arguments; then the axes that are kept, then those that are reduced, but for the innermost. */
const argument = {
  a: 0,
  out: 1,
  /** Kept values are rows of columns; an item takes some of the rows and some of the columns of one slice. */
  rows: 2,
  columns: 3,
  itemRows: 4,
  itemColumns: 5,
  rowBlocks: 6,
  columnBlocks: 7,
  /** Segments of all, of a slice, and of the innermost axis; values of a segment; values of that axis, and bytes between them. */
  segments: 8,
  sliceSegments: 9,
  axisSegments: 10,
  segmentValues: 11,
  axisValues: 12,
  axisBytes: 13,
  scale: 14,
  keptRank: 15,
  reducedRank: 16,
  axes: 17,
} as const;

/** Values in a segment, where they lie side by side and where kept ones do. */
const segmentValues = { alongRows: 1024, alongColumns: 128 } as const;
/** Values that a slice has at least. */
const leastSliceValues = 2 ** 14;
const mostSlices = 256;

const valuesOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);
const floatBits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;

/** Dimensions with strides in values. */
interface Axes {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

export interface ReduceRequest {
  /** Address of the first value. */
  readonly a: number;
  readonly kept: Axes;
  readonly reduced: Axes;
  readonly scale: number;
}

/** How a reduction is taken: by its shape alone. */
export interface ReduceOrder {
  /** Whether kept values lie side by side: vectors hold four of them. Else values that become one do. */
  readonly alongColumns: boolean;
  readonly slices: number;
}

const isSideBySide = ({ sizes, strides }: Axes): boolean => sizes.length > 0 && strides.at(-1) === 1;

/** @returns undefined where neither lies side by side: the values have to be copied first */
export function reduceOrderOf({ kept, reduced }: Pick<ReduceRequest, "kept" | "reduced">): ReduceOrder | undefined {
  const alongColumns = isSideBySide(kept);
  if (!alongColumns && reduced.sizes.length > 0 && !isSideBySide(reduced)) return undefined;
  const wanted = Math.min(mostSlices, Math.max(1, Math.floor(valuesOf(reduced.sizes) / leastSliceValues)));
  const { segments } = segmentsOf(reduced, alongColumns);
  return { alongColumns, slices: Math.max(1, Math.ceil(segments / Math.max(1, Math.ceil(segments / wanted)))) };
}

function segmentsOf({ sizes }: Axes, alongColumns: boolean) {
  const axisValues = sizes.at(-1) ?? 1;
  const values = segmentValues[alongColumns ? "alongColumns" : "alongRows"];
  const axisSegments = Math.ceil(axisValues / values);
  return { axisValues, axisSegments, values, segments: axisSegments * valuesOf(sizes.slice(0, -1)) };
}

/** One pass of a reduction. */
export interface ReducePass {
  readonly request: ReduceRequest;
  readonly order: ReduceOrder;
  /** Address of [slices, ...kept]. */
  readonly out: number;
}

/** Arguments of a pass, and how many items it has. @param itemValues values that an item reads, about */
export function reduceWords(pass: ReducePass, itemValues: number): { words: number[]; items: number } {
  const { request, order, out } = pass;
  const { a, kept, reduced, scale } = request;
  const { alongColumns, slices } = order;
  const rowAxes = alongColumns ? kept.sizes.slice(0, -1) : kept.sizes;
  const [rows, columns] = [valuesOf(rowAxes), alongColumns ? kept.sizes.at(-1)! : 1];
  const { axisValues, axisSegments, values, segments } = segmentsOf(reduced, alongColumns);
  const each = Math.max(1, Math.ceil(valuesOf(reduced.sizes) / slices));
  const itemColumns = Math.min(columns, 16 * Math.max(1, Math.ceil(itemValues / each / 16)));
  const itemRows = Math.max(1, Math.floor(itemValues / (each * Math.max(1, columns))));
  const [rowBlocks, columnBlocks] = [Math.ceil(rows / itemRows), Math.ceil(columns / Math.max(1, itemColumns))];
  const named: Record<Exclude<keyof typeof argument, "axes">, number> = {
    a,
    out,
    rows,
    columns,
    itemRows,
    itemColumns,
    rowBlocks,
    columnBlocks,
    segments,
    sliceSegments: Math.max(1, Math.ceil(segments / slices)),
    axisSegments,
    segmentValues: values,
    axisValues,
    axisBytes: 4 * (reduced.strides.at(-1) ?? 0),
    scale: floatBits(scale),
    keptRank: rowAxes.length,
    reducedRank: Math.max(0, reduced.sizes.length - 1),
  };
  const words = Array.from({ length: argument.axes }, () => 0);
  for (const [name, value] of Object.entries(named)) words[argument[name as keyof typeof named]] = value;
  const axes = [...axesOf(rowAxes, [kept.strides]), ...axesOf(reduced.sizes.slice(0, -1), [reduced.strides])];
  return { words: [...words, ...axes], items: rowBlocks * columnBlocks * slices };
}

/** One walk over the values that become one. */
interface Pass {
  /** What each of its results is before the first value. */
  readonly initials: readonly number[];
  /** The results with four more values. */
  fold(results: readonly Floats[], x: Floats): Floats[];
  /** Two results as one. */
  join(a: Floats, b: Floats): Floats;
  /** A result of all lanes, in every lane. */
  ofLanes(code: VectorCode, result: Floats): Floats;
}

const largest: Pass = {
  initials: [Number.NEGATIVE_INFINITY],
  fold: ([most], x) => [f32x4.max(most!, x)],
  join: f32x4.max,
  ofLanes: maxOfLanes,
};

const sum: Pass = {
  initials: [0],
  fold: ([total], x) => [f32x4.add(total!, x)],
  join: f32x4.add,
  ofLanes: sumOfLanes,
};

/** Σ exp(x − most) of the values below the largest, and how many are as large: 1 + rest would swallow a small rest. */
const exponentials = (code: VectorCode, most: Floats): Pass => ({
  initials: [0, 0],
  fold: ([total, count], x) => {
    const isMost = code.let(f32x4.eq(x, most));
    const e = boundedExponential(code, f32x4.sub(x, most));
    return [f32x4.add(total!, code.clear(e, isMost)), f32x4.add(count!, code.keep(1, isMost))];
  },
  join: f32x4.add,
  ofLanes: sumOfLanes,
});

/** Runs the passes of a reduction. @param pass walks over the values once @returns the result of all */
function reduced({ code, name, scale }: Walk, pass: (pass: Pass) => readonly Floats[]): Floats {
  if (name === "sum") return code.let(f32x4.mul(pass(sum)[0]!, scale));
  const most = code.let(pass(largest)[0]!);
  if (name === "max") return most;
  const [total, count] = pass(exponentials(code, most)) as [Floats, Floats];
  const rest = code.let(f32x4.add(total, f32x4.sub(count, 1)));
  const value = f32x4.add(most, logOnePlus(code, rest));
  const isInfinite = f32x4.eq(f32x4.abs(most), Number.POSITIVE_INFINITY); // nothing is left of infinity less itself
  return code.let(f32x4.bitselect(most, value, isInfinite));
}

type Totals = Variable<"f32x4">[];

const totalsOf = (body: Body, { initials }: Pass): Totals => initials.map((initial) => body.variable("f32x4", initial));

function assign(body: Body, totals: Totals, values: readonly Floats[]): void {
  const named = values.map((value) => body.let(value));
  totals.forEach((total, at) => body.set(total, named[at]!));
}

const joinInto = (body: Body, { join }: Pass, totals: Totals, others: readonly Floats[]): void =>
  totals.forEach((total, at) => body.set(total, join(total, others[at]!)));

/** A part of the innermost axis. */
interface Segment {
  readonly address: Address;
  readonly values: Address;
}

type Load = (name: keyof typeof argument) => Address;

/** What an item needs while it walks over the values of its slice. */
interface Walk {
  readonly code: VectorCode;
  readonly name: ReductionName;
  readonly scale: Floats;
  readonly load: Load;
  readonly reducedAxes: Address;
  readonly firstSegment: Address;
  readonly endSegment: Address;
}

/** Visits the segments of a slice. @param from address of the first value that becomes one */
function forSegments({ code: { body }, load, ...walk }: Walk, from: Address, visit: (segment: Segment) => void): void {
  const [perAxis, most, bytes] = [load("axisSegments"), load("segmentValues"), load("axisBytes")];
  const [rank, axisValues] = [load("reducedRank"), load("axisValues")];
  body.for({ from: walk.firstSegment, to: walk.endSegment }, (segment) => {
    const outer = body.let(i32.divU(segment, perAxis));
    const first = body.let(i32.mul(i32.sub(segment, i32.mul(outer, perAxis)), most));
    const address = body.variable("i32", i32.add(from, i32.mul(first, bytes)));
    moveAlong(body, { axes: walk.reducedAxes, rank }, outer, [address]);
    visit({ address, values: least(body, i32.sub(axisValues, first), most) });
  });
}

/** Vectors that are folded side by side, so that they need not wait for each other. */
const vectors = [0, 1, 2, 3] as const;

/** Folds values that lie side by side. */
function foldRow({ code }: Walk, pass: Pass, { address, values }: Segment): Totals {
  const { body } = code;
  const all = vectors.map(() => totalsOf(body, pass));
  const bytes = body.let(i32.shl(values, 2));
  const [inFours, whole] = [body.let(i32.and(bytes, -64)), body.let(i32.and(bytes, -16))];
  const fold = (totals: Totals, at: Address, offset: number): void =>
    assign(body, totals, pass.fold(totals, body.let(f32x4.load(i32.add(address, at), offset))));
  body.for({ from: 0, to: inFours, by: 64 }, (at) => vectors.forEach((vector) => fold(all[vector]!, at, 16 * vector)));
  body.for({ from: inFours, to: whole, by: 16 }, (at) => fold(all[0]!, at, 0));
  const left = body.let(i32.and(values, 3));
  body.if(left, () => {
    const isLeft = body.let(i32x4.gtS(i32x4.splat(left), i32x4.constants(0, 1, 2, 3)));
    const totals = all[1]!;
    const folded = pass.fold(totals, body.let(f32x4.load(i32.add(address, whole))));
    assign(
      body,
      totals,
      folded.map((value, at) => f32x4.bitselect(value, totals[at]!, isLeft)),
    );
  });
  joinInto(body, pass, all[0]!, all[1]!);
  joinInto(body, pass, all[2]!, all[3]!);
  joinInto(body, pass, all[0]!, all[2]!);
  return all[0]!;
}

/** One value from all of a slice. */
const rowValue = (walk: Walk, pass: Pass, from: Address): Floats[] => {
  const { code } = walk;
  const totals = totalsOf(code.body, pass);
  forSegments(walk, from, (segment) => joinInto(code.body, pass, totals, foldRow(walk, pass, segment)));
  return totals.map((total) => code.let(pass.ofLanes(code, total)));
};

/** Values of `count` vectors side by side, each from all of a slice. */
function columnValues(walk: Walk, pass: Pass, from: Address, count: number): Totals[] {
  const { body } = walk.code;
  const own = vectors.slice(0, count);
  const all = own.map(() => totalsOf(body, pass));
  forSegments(walk, from, ({ address, values }) => {
    const parts = own.map(() => totalsOf(body, pass));
    const at = body.variable("i32", address);
    const bytes = walk.load("axisBytes");
    body.for({ from: 0, to: values }, () => {
      own.forEach((vector) =>
        assign(body, parts[vector]!, pass.fold(parts[vector]!, body.let(f32x4.load(at, 16 * vector)))),
      );
      body.set(at, i32.add(at, bytes));
    });
    own.forEach((vector) => joinInto(body, pass, all[vector]!, parts[vector]!));
  });
  return all;
}

/** Results of columns that lie side by side. @param count vectors at a time, so that lines of memory are read as a whole */
function columnResults(walk: Walk, from: Address, count: number): Floats[] {
  const { code, name } = walk;
  if (name === "logSumExp") {
    // Its second pass needs the result of the first: vector by vector.
    return vectors.slice(0, count).map((vector) => {
      const own = code.body.let(i32.add(from, 16 * vector));
      return reduced(walk, (pass) => columnValues(walk, pass, own, 1)[0]!);
    });
  }
  const all = columnValues(walk, name === "sum" ? sum : largest, from, count);
  return all.map((totals) => reduced(walk, () => totals));
}

/** Rows and columns of what is kept that an item takes, of one slice. */
interface Block {
  readonly slice: Address;
  readonly top: Address;
  readonly bottom: Address;
  readonly left: Address;
  readonly right: Address;
}

function blockOf(body: Body, load: Load, item: Address): Block {
  const [rowBlocks, columnBlocks] = [load("rowBlocks"), load("columnBlocks")];
  const [itemRows, itemColumns] = [load("itemRows"), load("itemColumns")];
  const block = body.let(i32.divU(item, columnBlocks));
  const left = body.let(i32.mul(i32.sub(item, i32.mul(block, columnBlocks)), itemColumns));
  const slice = body.let(i32.divU(block, rowBlocks));
  const top = body.let(i32.mul(i32.sub(block, i32.mul(slice, rowBlocks)), itemRows));
  const bottom = least(body, i32.add(top, itemRows), load("rows"));
  return { slice, top, bottom, left, right: least(body, i32.add(left, itemColumns), load("columns")) };
}

/** A row of a block: where its values begin, and its results. */
interface BlockRow extends Pick<Block, "left" | "right"> {
  readonly from: Address;
  readonly out: Address;
}

function writeColumns(walk: Walk, { left, right, from, out }: BlockRow): void {
  const { body } = walk.code;
  const whole = body.let(i32.add(left, i32.and(i32.sub(right, left), -16)));
  const write = (column: Address, count: number): void => {
    const results = columnResults(walk, body.let(i32.add(from, i32.shl(column, 2))), count);
    results.forEach((value, vector) => {
      const place = body.let(i32.add(out, i32.shl(i32.add(column, 4 * vector), 2)));
      storeUpTo(body, place, value, body.let(i32.sub(right, i32.add(column, 4 * vector))));
    });
  };
  body.for({ from: left, to: whole, by: 16 }, (column) => write(column, vectors.length));
  body.for({ from: whole, to: right, by: 4 }, (column) => write(column, 1));
}

/** Adds the kernel of a reduction. */
export function addReduce(module: VectorModule, name: ReductionName, alongColumns: boolean) {
  return module.builder.kernel((body, args, item) => {
    const load: Load = (field) => body.let(i32.load(args, 4 * argument[field]));
    const { slice, top, bottom, left, right } = blockOf(body, load, item);
    const [keptRank, keptAxes] = [load("keptRank"), body.let(i32.add(args, 4 * argument.axes))];
    const perSlice = load("sliceSegments");
    const firstSegment = body.let(i32.mul(slice, perSlice));
    const walk: Walk = {
      code: new VectorCode(module, body),
      name,
      scale: body.let(f32x4.loadSplat(args, 4 * argument.scale)),
      load,
      reducedAxes: body.let(i32.add(keptAxes, i32.shl(keptRank, 3))),
      firstSegment,
      endSegment: least(body, i32.add(firstSegment, perSlice), load("segments")),
    };
    const columns = load("columns");
    const firstRow = body.let(i32.mul(slice, load("rows")));
    body.for({ from: top, to: bottom }, (row) => {
      const from = body.variable("i32", load("a"));
      moveAlong(body, { axes: keptAxes, rank: keptRank }, row, [from]);
      const place = i32.mul(i32.add(firstRow, row), columns);
      const out = body.let(i32.add(load("out"), i32.shl(place, 2)));
      if (alongColumns) writeColumns(walk, { left, right, from, out });
      else {
        const value = reduced(walk, (pass) => rowValue(walk, pass, from));
        body.storeLane(out, value, 0);
      }
    });
  });
}
