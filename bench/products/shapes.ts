import type { Sweep } from "../sweeps/measureSweeps.ts";

/** out [batch, m, n] = op(a) [batch, m, k] · op(b) [batch, k, n], op(x) being x or its transpose. */
export interface MatmulShape {
  /** Matrices; undefined: one, without a dimension for it. */
  readonly batch?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export const matricesOf = ({ batch = 1 }: MatmulShape): number => batch;

/** A multiplication and an addition for every product of a sum; each value of a, b and out moved once. */
export function workOf(shape: MatmulShape): { flops: number; bytes: number } {
  const { m, n, k } = shape;
  const matrices = matricesOf(shape);
  return { flops: 2 * matrices * m * n * k, bytes: 4 * matrices * (m * k + k * n + m * n) };
}

export interface PointPlan {
  readonly x: number;
  readonly name: string;
  readonly description: string;
  readonly shape: MatmulShape;
  /** Part of a run with few points. */
  readonly isQuick: boolean;
}

export type ClassPlan = Sweep<PointPlan>;

const whole = (value: number): string => value.toLocaleString("en-US");

function describe(shape: MatmulShape): string {
  const { batch, m, n, k, transposeA, transposeB } = shape;
  const a = transposeA ? `(${whole(k)} × ${whole(m)})ᵀ` : `${whole(m)} × ${whole(k)}`;
  const b = transposeB ? `(${whole(n)} × ${whole(k)})ᵀ` : `${whole(k)} × ${whole(n)}`;
  return `${batch === undefined ? "" : `${whole(batch)} × `}[${a} · ${b}]`;
}

function nameOf({ batch, m, n, k, transposeA, transposeB }: MatmulShape): string {
  const order = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  return `${order}-${m}x${n}x${k}${batch === undefined ? "" : `-x${batch}`}`;
}

interface Family {
  readonly name: string;
  readonly title: string;
  readonly axis: string;
  readonly xs: readonly number[];
  /** Of a run with few points. */
  readonly quick: readonly number[];
  readonly shapeAt: (x: number) => Pick<MatmulShape, "m" | "n" | "k"> & Partial<MatmulShape>;
}

const classOf = ({ name, title, axis, xs, quick, shapeAt }: Family): ClassPlan => ({
  name,
  title,
  axis,
  points: xs.map((x) => {
    const shape = { transposeA: false, transposeB: false, ...shapeAt(x) };
    return { x, name: nameOf(shape), description: describe(shape), shape, isQuick: quick.includes(x) };
  }),
});

/** first, first · factor, … up to last. */
function powers(first: number, last: number, factor: number): number[] {
  const found = [first];
  while (found.at(-1)! < last) found.push(found.at(-1)! * factor);
  return found;
}

const square = (size: number) => ({ m: size, n: size, k: size });

export const classes: readonly ClassPlan[] = [
  classOf({
    name: "nn",
    title: "Square products as they lie",
    axis: "size",
    xs: powers(64, 1024, 2),
    quick: [64, 128],
    shapeAt: square,
  }),
  classOf({
    name: "nt",
    title: "Square products, the second factor transposed",
    axis: "size",
    xs: powers(128, 512, 2),
    quick: [128],
    shapeAt: (size) => ({ ...square(size), transposeB: true }),
  }),
  classOf({
    name: "tn",
    title: "Square products, the first factor transposed",
    axis: "size",
    xs: powers(128, 512, 2),
    quick: [128],
    shapeAt: (size) => ({ ...square(size), transposeA: true }),
  }),
  classOf({
    name: "tt",
    title: "Square products, both factors transposed",
    axis: "size",
    xs: powers(128, 512, 2),
    quick: [128],
    shapeAt: (size) => ({ ...square(size), transposeA: true, transposeB: true }),
  }),
  classOf({
    name: "tall",
    title: "Rows × 16 times 16 × 16",
    axis: "rows",
    xs: powers(1024, 262_144, 4),
    quick: [1024],
    shapeAt: (rows) => ({ m: rows, n: 16, k: 16 }),
  }),
  classOf({
    name: "short",
    title: "Short sums: 512 × k times k × 512",
    axis: "k",
    xs: powers(4, 64, 2),
    quick: [4],
    shapeAt: (k) => ({ m: 512, n: 512, k }),
  }),
  classOf({
    name: "gradients64",
    title: "Gradients of 64 × 64 weights: long sums over rows",
    axis: "rows",
    xs: powers(1024, 262_144, 4),
    quick: [1024],
    shapeAt: (rows) => ({ m: 64, n: 64, k: rows, transposeA: true }),
  }),
  classOf({
    name: "gradients2",
    title: "Gradients of 2 × 2 weights: long sums over rows",
    axis: "rows",
    xs: powers(2 ** 12, 2 ** 20, 4),
    quick: [2 ** 12],
    shapeAt: (rows) => ({ m: 2, n: 2, k: rows, transposeA: true }),
  }),
  classOf({
    name: "gradients784",
    title: "Gradients of 784 × 512 weights: sums over rows",
    axis: "rows",
    xs: powers(512, 8192, 2),
    quick: [512],
    shapeAt: (rows) => ({ m: 784, n: 512, k: rows, transposeA: true }),
  }),
  classOf({
    name: "matrixVector",
    title: "A square matrix times a vector",
    axis: "size",
    xs: powers(256, 2048, 2),
    quick: [256],
    shapeAt: (size) => ({ m: size, n: 1, k: size }),
  }),
  classOf({
    name: "vectorMatrix",
    title: "A vector times a square matrix",
    axis: "size",
    xs: powers(256, 2048, 2),
    quick: [256],
    shapeAt: (size) => ({ m: 1, n: size, k: size }),
  }),
  classOf({
    name: "batched16",
    title: "Many products of 16 × 16 matrices",
    axis: "matrices",
    xs: powers(64, 16_384, 4),
    quick: [64],
    shapeAt: (batch) => ({ ...square(16), batch }),
  }),
  classOf({
    name: "batched4",
    title: "Many products of 4 × 4 matrices",
    axis: "matrices",
    xs: powers(64, 16_384, 4),
    quick: [64],
    shapeAt: (batch) => ({ ...square(4), batch }),
  }),
];
