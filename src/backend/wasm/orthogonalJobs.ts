// What the phases of a step that make matrices orthogonal (src/math/orthogonal.ts) read from memory, and where everything lies. Rows of the
// products are shared by items.

import {
  type Coefficients,
  gramSide,
  iterationsOf,
  type Matrix,
  type OrthogonalOptions,
} from "../../math/orthogonal.ts";
import { argument } from "./matmulArguments.ts";
import type { Memory } from "./memory.ts";

/**
 * Words of a job: rows of one matrix of a product. Addresses are those of the first member; distances, of members too, are in bytes. Where
 * `isFactor` is not 0, the product of A by itself becomes aI + bA + cA², `row` being its first row. A job that divides a matrix by its norm has `out`,
 * `rows` and `columns` alone.
 */
const words = [
  "a",
  "aMember",
  "b",
  "bMember",
  "out",
  "outMember",
  "rows",
  "columns",
  "k",
  "columnBytes",
  "outRow",
  "product",
  "isFactor",
  "row",
] as const;
type JobWord = (typeof words)[number];

/** Places of words; three f32 follow. */
export const orthogonalWord = Object.fromEntries(words.map((name, at) => [name, at])) as Record<JobWord, number>;
export const coefficientWord = { a: words.length, b: words.length + 1, c: words.length + 2 } as const;
export const orthogonalWords = words.length + 3;

/** Operations of an item, about, and the rows that it takes at least: it packs the right matrix for them. */
const itemOperations = 2 ** 18;
const leastRows = 64;
/** Rows and columns from which the other matrix is packed. */
const leastPackedRows = 64;
const leastPackedColumns = 256;

/** Matrices of one kind of a member: the address of the first member's, and the distance of members. */
interface Place {
  readonly address: number;
  readonly member: number;
}

/** A matrix of a product. */
interface Factor extends Place {
  /** From a row to the next, and from a column. */
  readonly row: number;
  readonly column: number;
}

interface Product {
  readonly a: Factor;
  readonly b: Factor;
  readonly out: Factor;
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  readonly coefficients?: Coefficients;
}

/** A phase: the address of its jobs, how many there are of one member, and operations of one. */
export interface OrthogonalPhase {
  readonly kernel: "normalise" | "orthogonalise";
  readonly jobs: number;
  readonly items: number;
  readonly operations: number;
}

/** Memory and phases of a run that makes matrices orthogonal. */
export interface OrthogonalRun {
  /** [members, parameterStride]: what is to be made orthogonal, and what has become of it after all phases. */
  readonly directions: number;
  readonly orthogonal: number;
  readonly phases: readonly OrthogonalPhase[];
  /** Operations of a step of one member. */
  readonly operations: number;
}

/** Writes the arguments of the blocks of a product. */
function writeArguments(memory: Memory, { a, b, out, rows, columns }: Product): number {
  const all = Array.from({ length: argument.axes }, () => 0);
  const own = {
    aLane: a.row,
    aDeep: a.column,
    bLane: b.column,
    bDeep: b.row,
    outRow: out.row,
    packA: columns >= leastPackedColumns ? 1 : 0,
    packB: b.column !== 4 || rows >= leastPackedRows ? 1 : 0,
  };
  for (const [name, value] of Object.entries(own)) all[argument[name as keyof typeof own]] = value;
  return memory.words(all);
}

const floatBits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;

function jobsOf(memory: Memory, product: Product): number[][] {
  const { a, b, out, rows, columns, k, coefficients } = product;
  const args = writeArguments(memory, product);
  const perItem = Math.max(leastRows, 4 * Math.ceil(itemOperations / (8 * columns * k)));
  return Array.from({ length: Math.ceil(rows / perItem) }, (_, at) => {
    const row = at * perItem;
    const own: Record<JobWord, number> = {
      a: a.address + row * a.row,
      aMember: a.member,
      b: b.address,
      bMember: b.member,
      out: out.address + row * out.row,
      outMember: out.member,
      rows: Math.min(perItem, rows - row),
      columns,
      k,
      columnBytes: b.column,
      outRow: out.row,
      product: args,
      isFactor: coefficients ? 1 : 0,
      row,
    };
    const { a: ofOne, b: ofGram, c: ofSquare } = coefficients ?? { a: 0, b: 0, c: 0 };
    return [...words.map((name) => own[name]), ...[ofOne, ofGram, ofSquare].map(floatBits)];
  });
}

function phaseOf(memory: Memory, products: readonly Product[]): OrthogonalPhase {
  const jobs = products.flatMap((product) => jobsOf(memory, product));
  const operations = products.reduce((sum, { rows, columns, k }) => sum + 2 * rows * columns * k, 0);
  return {
    kernel: "orthogonalise",
    jobs: memory.words(jobs.flat()),
    items: jobs.length,
    operations: operations / jobs.length,
  };
}

/** Divides matrices by their norms. */
function normalisePhase(memory: Memory, matrices: readonly Matrix[], directions: Place): OrthogonalPhase {
  const jobs = matrices.flatMap(({ offset, fanIn, fanOut }) => {
    const out = directions.address + 4 * offset;
    const own: Partial<Record<JobWord, number>> = { out, outMember: directions.member, rows: fanIn, columns: fanOut };
    return [...words.map((name) => own[name] ?? 0), 0, 0, 0];
  });
  const operations = matrices.reduce((sum, { fanIn, fanOut }) => sum + 4 * fanIn * fanOut, 0);
  return {
    kernel: "normalise",
    jobs: memory.words(jobs),
    items: matrices.length,
    operations: operations / matrices.length,
  };
}

/** The products of an iteration for a matrix: A, aI + bA + cA², and the next X. */
function productsOf(
  matrix: Matrix,
  places: { readonly from: Place; readonly to: Place; readonly gram: Place; readonly factor: Place },
  coefficients: Coefficients,
): readonly [Product, Product, Product] {
  const { offset, fanIn, fanOut } = matrix;
  const side = gramSide(matrix);
  const ofWeights = ({ address, member }: Place): Factor => ({
    address: address + 4 * offset,
    member,
    row: 4 * fanOut,
    column: 4,
  });
  const transposed = (own: Factor): Factor => ({ ...own, row: own.column, column: own.row });
  const [x, next] = [ofWeights(places.from), ofWeights(places.to)];
  const square = { row: 4 * side, column: 4 };
  const [gram, factor] = [
    { ...places.gram, ...square },
    { ...places.factor, ...square },
  ];
  const isWide = fanIn <= fanOut; // X is the matrix, else its transpose
  const [a, b] = isWide ? [x, transposed(x)] : [transposed(x), x];
  const [left, right] = isWide ? [factor, x] : [x, factor];
  return [
    { a, b, out: gram, rows: side, columns: side, k: isWide ? fanOut : fanIn },
    { a: gram, b: gram, out: factor, rows: side, columns: side, k: side, coefficients },
    { a: left, b: right, out: next, rows: fanIn, columns: fanOut, k: side },
  ];
}

/** Allocates what a run needs to make matrices orthogonal, and writes its phases. @param stride parameters of a member */
export function createOrthogonalRun(
  memory: Memory,
  {
    matrices,
    members,
    stride,
    options,
  }: {
    readonly matrices: readonly Matrix[];
    readonly members: number;
    readonly stride: number;
    readonly options: OrthogonalOptions;
  },
): OrthogonalRun {
  const weights = Array.from({ length: 2 }, () => ({ address: memory.allocate(members * stride), member: 4 * stride }));
  const directions = weights[0]!.address;
  if (matrices.length === 0) return { directions, orthogonal: directions, phases: [], operations: 0 };
  // Vectors may be read up to their end.
  const gramFloats = matrices.map((matrix) => 4 * Math.ceil(gramSide(matrix) ** 2 / 4) + 4);
  const memberFloats = gramFloats.reduce((sum, own) => sum + own, 0);
  const squares = Array.from({ length: 2 }, () => memory.allocate(members * memberFloats));
  const squareOf = (at: number, kind: 0 | 1): Place => ({
    address: squares[kind]! + 4 * gramFloats.slice(0, at).reduce((sum, own) => sum + own, 0),
    member: 4 * memberFloats,
  });
  const phases = [normalisePhase(memory, matrices, weights[0]!)];
  for (let iteration = 0; iteration < options.newtonSchulzSteps; iteration++) {
    const [from, to] = iteration % 2 === 0 ? [weights[0]!, weights[1]!] : [weights[1]!, weights[0]!];
    const products = matrices.map((matrix, at) =>
      productsOf(
        matrix,
        { from, to, gram: squareOf(at, 0), factor: squareOf(at, 1) },
        iterationsOf(matrix, options)[iteration]!,
      ),
    );
    for (const kind of [0, 1, 2] as const) {
      phases.push(
        phaseOf(
          memory,
          products.map((own) => own[kind]),
        ),
      );
    }
  }
  return {
    directions,
    orthogonal: weights[options.newtonSchulzSteps % 2]!.address,
    phases,
    operations: phases.reduce((sum, { items, operations }) => sum + items * operations, 0),
  };
}
