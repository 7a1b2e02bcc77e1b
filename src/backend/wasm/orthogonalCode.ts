// Kernels of the phases that make matrices orthogonal; their jobs are written by orthogonalJobs.ts. CPU reference:
// src/backend/cpu/orthogonalise.ts.

import { leastNorm } from "../../math/orthogonal.ts";
import type { Body } from "./body.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import type { Block } from "./matmulBlock.ts";
import { mostColumns } from "./matmulScratch.ts";
import { coefficientWord, orthogonalWord } from "./orthogonalJobs.ts";
import { type Address, laneSum } from "./rowLoops.ts";
import { smallUnit } from "./updateCode.ts";
import type { Value } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** A job of a member. */
interface MemberJob {
  readonly code: VectorCode;
  readonly job: Address;
  readonly member: Address;
}

const wordOf = (body: Body, job: Address, name: keyof typeof orthogonalWord): Address =>
  body.let(i32.load(job, 4 * orthogonalWord[name]));

/** Address of one of a job's matrices. */
const matrixOf = ({ code: { body }, job, member }: MemberJob, name: "a" | "b" | "out"): Address =>
  body.let(i32.add(wordOf(body, job, name), i32.mul(member, wordOf(body, job, `${name}Member`))));

/** Visits the rows of a job's result. @param visit called with the row, from 0, and its address */
function eachRow(job: MemberJob, rowBytes: Address, visit: (row: Address, address: Address) => void): void {
  const { body } = job.code;
  const first = matrixOf(job, "out");
  body.for({ from: 0, to: wordOf(body, job.job, "rows") }, (row) =>
    visit(row, body.let(i32.add(first, i32.mul(row, rowBytes)))),
  );
}

/** Visits a row four values at a time, and those behind the last four one by one. */
function eachValue(
  body: Body,
  bytes: Address,
  visit: { readonly four: (at: Address) => void; readonly one: (at: Address) => void },
): void {
  const whole = body.let(i32.and(bytes, -16));
  body.for({ from: 0, to: whole, by: 16 }, visit.four);
  body.for({ from: whole, to: bytes, by: 4 }, visit.one);
}

/** Divides a matrix by its norm, in a smaller unit where its squares overflow. */
export function emitNormalise(job: MemberJob): void {
  const { code } = job;
  const { body } = code;
  const bytes = body.let(i32.shl(wordOf(body, job.job, "columns"), 2));
  const sums = [1, smallUnit].map((unit) => ({ unit, sum: body.variable("f32x4", 0) }));
  eachRow(job, bytes, (_, row) => {
    // Those of a row first: a sum over a large matrix would lose digits.
    const ofRow = sums.map(({ unit }) => ({ unit, sum: body.variable("f32x4", 0) }));
    const add = (value: Floats): void => {
      for (const { unit, sum } of ofRow) {
        const own = unit === 1 ? value : code.let(f32x4.mul(value, unit));
        body.set(sum, code.madd(own, own, sum));
      }
    };
    eachValue(body, bytes, {
      four: (at) => add(body.let(f32x4.load(i32.add(row, at)))),
      one: (at) => add(body.let(f32x4.loadLane(i32.add(row, at), 0, 0))),
    });
    sums.forEach(({ sum }, at) => body.set(sum, f32x4.add(sum, ofRow[at]!.sum)));
  });
  const [whole, small] = sums.map(({ sum }) => code.let(laneSum(code, body.let(sum as Floats)))) as [Floats, Floats];
  const fits = body.let(f32x4.lt(whole, Number.POSITIVE_INFINITY));
  const unit = code.let(f32x4.bitselect(1, smallUnit, fits));
  const root = f32x4.sqrt(f32x4.bitselect(whole, small, fits));
  const norm = code.let(code.atLeast(code.let(root), leastNorm));
  const divided = (value: Floats): Floats => f32x4.div(f32x4.mul(value, unit), norm);
  eachRow(job, bytes, (_, row) =>
    eachValue(body, bytes, {
      four: (at) => body.store(i32.add(row, at), divided(f32x4.load(i32.add(row, at)))),
      one: (at) => body.storeLane(i32.add(row, at), divided(f32x4.loadSplat(i32.add(row, at))), 0),
    }),
  );
}

/** Makes aI + bA + cA² of A² and A. */
function emitFactor(job: MemberJob): void {
  const { code } = job;
  const { body } = code;
  const [ofOne, ofGram, ofSquare] = (["a", "b", "c"] as const).map((name) =>
    body.let(f32x4.loadSplat(job.job, 4 * coefficientWord[name])),
  ) as [Floats, Floats, Floats];
  const bytes = body.let(i32.shl(wordOf(body, job.job, "columns"), 2));
  const toGram = body.let(i32.sub(matrixOf(job, "a"), matrixOf(job, "out")));
  const firstRow = wordOf(body, job.job, "row");
  eachRow(job, bytes, (row, address) => {
    const diagonal = body.let(i32.shl(i32.add(firstRow, row), 2));
    const factorAt = (at: Address, square: Value<"f32x4">, gram: Value<"f32x4">): Floats => {
      const places = body.let(i32x4.add(i32x4.splat(at), i32x4.constants(0, 4, 8, 12)));
      const one = code.keep(ofOne, i32x4.eq(places, i32x4.splat(diagonal)));
      return code.madd(square, ofSquare, code.madd(gram, ofGram, one));
    };
    eachValue(body, bytes, {
      four: (at) => {
        const to = body.let(i32.add(address, at));
        body.store(to, factorAt(at, f32x4.load(to), f32x4.load(i32.add(to, toGram))));
      },
      one: (at) => {
        const to = body.let(i32.add(address, at));
        body.storeLane(to, factorAt(at, f32x4.loadSplat(to), f32x4.loadSplat(i32.add(to, toGram))), 0);
      },
    });
  });
}

/** Writes rows of a product. */
export function emitOrthogonalProduct(job: MemberJob, block: Block, scratch: Address): void {
  const { body } = job.code;
  const [a, b, out] = [matrixOf(job, "a"), matrixOf(job, "b"), matrixOf(job, "out")];
  const [rows, columns, k] = [
    wordOf(body, job.job, "rows"),
    wordOf(body, job.job, "columns"),
    wordOf(body, job.job, "k"),
  ];
  const [columnBytes, args] = [wordOf(body, job.job, "columnBytes"), wordOf(body, job.job, "product")];
  body.for({ from: 0, to: columns, by: mostColumns }, (first) => {
    const count = least(body, i32.sub(columns, first), mostColumns);
    const right = i32.add(b, i32.mul(first, columnBytes));
    body.call(block, a, right, i32.add(out, i32.shl(first, 2)), rows, count, k, args, scratch);
  });
  body.if(wordOf(body, job.job, "isFactor"), () => emitFactor(job));
}
