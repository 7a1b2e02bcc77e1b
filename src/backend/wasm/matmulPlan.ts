import type { Heap } from "./heap.ts";
import { argument, axisWords } from "./matmulArguments.ts";
import { chooseCut, type Cut } from "./matmulCut.ts";
import type { Epilogue } from "./matmulEpilogue.ts";
import { type MatmulRequest, type SumOrder, sumOrderOf, valuesOf, type WasmMatrices } from "./matmulRequest.ts";
import { sliceItemValues, sumArgument } from "./matmulSlices.ts";
import { type Call, type KernelHandle, mostItems, type Phase } from "./program.ts";

/** Kernels of the module of products (matmulModule.ts). */
export interface MatmulKernels {
  readonly matmul: KernelHandle;
  readonly sumSlices: KernelHandle;
}

/** A product as part of a program. */
export interface MatmulPlan {
  readonly phases: readonly Phase[];
  /** Bytes that its arguments and partial sums take. */
  dispose(): void;
}

/** The same product with out as a row: a single column has the same layout as a single row. */
function asRow(request: MatmulRequest): MatmulRequest {
  const { a, b, m, n, transposeA, transposeB } = request;
  if (n !== 1 || m === 1) return request;
  return { ...request, a: b, b: a, m: 1, n: m, transposeA: !transposeB, transposeB: !transposeA };
}

/** Bytes to the next row of op(x) and to the next column; a matrix of one row or column may lie either way. */
function stepsOf({ leading }: WasmMatrices, isTransposed: boolean): readonly [number, number] {
  return isTransposed ? [4, 4 * leading] : [4 * leading, 4];
}

interface Arguments {
  readonly words: number[];
  readonly items: number;
}

/** Arguments of the kernel `matmul`. @param out where its results go: slice by slice */
function argumentsOf(request: MatmulRequest, order: SumOrder, cut: Cut, out: number): Arguments {
  const { a, b, batch, m, n, k, transposeA, transposeB } = request;
  const matrices = valuesOf(batch);
  const [rowBlocks, columnBlocks] = [Math.ceil(m / cut.rows), Math.ceil(n / cut.columns)];
  const [aLane, aDeep] = stepsOf(a, transposeA);
  const [bDeep, bLane] = stepsOf(b, transposeB);
  const blocks = rowBlocks * columnBlocks * order.slices;
  const itemMatrices = Math.max(cut.matrices, Math.ceil((matrices * blocks) / mostItems));
  const ofShape = { aLane, aDeep, bLane, bDeep, outRow: 4 * n, m, n, k, rank: batch.length };
  const ofCut = { itemRows: cut.rows, itemColumns: cut.columns, rowBlocks, columnBlocks, matrices, itemMatrices };
  const ofSlices = { slices: order.slices, sliceDepth: order.sliceDepth, outSlice: 4 * matrices * m * n };
  const values = {
    ...ofShape,
    ...ofCut,
    ...ofSlices,
    a: a.address,
    b: b.address,
    out,
    outMatrix: 4 * m * n,
    accumulate: request.accumulate && order.slices === 1 ? 1 : 0,
    packA: cut.packA ? 1 : 0,
    packB: cut.packB || bLane !== 4 ? 1 : 0,
    isDot: order.isDot ? 1 : 0,
  };
  const words = Array.from({ length: argument.axes + axisWords * batch.length }, () => 0);
  for (const [name, value] of Object.entries(values)) words[argument[name as keyof typeof values]] = value;
  batch.forEach((size, axis) => {
    const distances = [size, 4 * a.batchStrides[axis]!, 4 * b.batchStrides[axis]!];
    words.splice(argument.axes + axisWords * axis, axisWords, ...distances);
  });
  return { words, items: Math.ceil(matrices / itemMatrices) * blocks };
}

function sumArgumentsOf(request: MatmulRequest, { slices }: SumOrder, from: number): Arguments {
  const values = valuesOf(request.batch) * request.m * request.n;
  const words = Array.from({ length: Object.keys(sumArgument).length }, () => 0);
  const named = { from, out: request.out, values, slices, accumulate: request.accumulate ? 1 : 0 };
  for (const [name, value] of Object.entries(named)) words[sumArgument[name as keyof typeof named]] = value;
  return { words, items: Math.ceil(values / sliceItemValues) };
}

/** What follows a product (matmulEpilogue.ts). */
export interface EpilogueCall {
  readonly kernel: KernelHandle;
  readonly epilogue: Epilogue;
  /** Its operands, then its extra outputs: address, and bytes from matrix to matrix of the batch. */
  readonly arrays: readonly { readonly address: number; readonly matrixBytes: number }[];
}

export interface MatmulPlanOptions {
  /** How many threads will take items: it changes how out is cut, not the bits. */
  readonly threads: number;
  /** How out is cut, in place of what is usually chosen. */
  readonly cut?: Cut;
  readonly epilogue?: EpilogueCall;
}

/** Whether an epilogue does not care which way rows and columns lie. */
const mayTurn = (epilogue?: EpilogueCall): boolean =>
  (epilogue?.epilogue.operands ?? []).every((layout) => layout === "values" || layout === "one");

/** Plans a product. Its phases must run in order, and nothing between them may write to its operands. */
export function planMatmul(
  heap: Heap,
  kernels: MatmulKernels,
  asked: MatmulRequest,
  { threads, cut, epilogue }: MatmulPlanOptions,
): MatmulPlan {
  const request = mayTurn(epilogue) ? asRow(asked) : asked;
  const values = valuesOf(request.batch) * request.m * request.n;
  if (values === 0) return { phases: [], dispose: () => undefined };
  const allocated: number[] = [];
  const keep = (words: readonly number[]): number => {
    const args = heap.allocate(4 * words.length);
    allocated.push(args);
    heap.words(args, words.length).set(words);
    return args;
  };
  const order = sumOrderOf(request);
  const chosen = cut ?? chooseCut(request, order, threads);
  const whole = argumentsOf(request, { ...order, slices: 1, sliceDepth: request.k }, chosen, request.out);
  const phases: Phase[] = [];
  const afterwards: Call[] = [];
  if (epilogue) {
    const arrays = epilogue.arrays.flatMap(({ address, matrixBytes }) => [address, matrixBytes]);
    afterwards.push({ kernel: epilogue.kernel, args: keep([keep(whole.words), ...arrays]) });
  }
  if (order.slices === 1) {
    const calls = [{ kernel: kernels.matmul, args: keep(whole.words) }, ...afterwards];
    phases.push({ items: whole.items, calls });
  } else {
    const partial = heap.allocate(4 * order.slices * values);
    allocated.push(partial);
    const sliced = argumentsOf(request, order, chosen, partial);
    const sum = sumArgumentsOf(request, order, partial);
    phases.push({ items: sliced.items, calls: [{ kernel: kernels.matmul, args: keep(sliced.words) }] });
    phases.push({ items: sum.items, calls: [{ kernel: kernels.sumSlices, args: keep(sum.words) }] });
    if (epilogue) phases.push({ items: whole.items, calls: afterwards });
  }
  return { phases, dispose: () => allocated.forEach((address) => heap.release(address)) };
}
