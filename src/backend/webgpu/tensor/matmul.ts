// The product of tensors: one function, behind which kernels are chosen by shape. What it is given:
//   - op(a) [m, k] and op(b) [k, n] for every place in `batch`, op(x) being x or, where `transposeA/B` says so, its transpose;
//   - each matrix lies row by row in a buffer: value [row, column] of its own (untransposed) shape is at
//     offset + Σ batch index · batch stride + row · leading + column. A batch stride of 0 repeats the matrix: broadcasting;
//   - `out` [...batch, m, n] is written as a whole, from `out.offset`, without gaps; nothing before or behind it is touched;
//   - `batch` has as few dimensions as do (shape.ts: coalesce): usually none or one;
//   - any of the sizes may be 0: with k = 0 the product is 0, and without values nothing is dispatched;
//   - values are stored as f32 or f16 and computed in f32. Out never lies in a buffer of a or b.
// Sums keep to max(4, k/10) · 2⁻²⁴ · Σ|a||b|, and are the same bits for the same shapes on the same device, whichever kernel is chosen:
// all add in the same order, and the slices of k depend on the shape and the device alone. Dispatches go through `CommandQueue`;
// scratch buffers come from its pool and may be released as soon as the last dispatch that uses them is recorded.

import { maxRank } from "../../shape.ts";
import type { MatmulOperation, StoredMatrices } from "../../tensorBackend.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import { encodeCopy } from "./elementwise.ts";
import type { Constants } from "../kernel.ts";
import type { Values } from "../layout.ts";
import type { KernelSource } from "../shader.ts";
import type { TensorKernel } from "./tensorKernels.ts";
import {
  type Alignment,
  alignmentOf,
  chooseVariant,
  type Product,
  type MatmulVariant,
  valueInvocations,
  variantConstants,
  variantOperations,
} from "../matmulVariants.ts";

/** Matrices in a buffer. */
export interface MatrixOperand extends StoredMatrices<GPUBuffer> {
  /** Its columns are stored in contiguous panels, each with the rows of `panelColumns` columns. */
  readonly isInPanels?: true;
}

export interface MatmulRequest extends MatmulOperation<GPUBuffer> {
  readonly device: GpuDevice;
  readonly b: MatrixOperand;
  /** What records it; default: that of the device's tensors. */
  readonly commands?: CommandQueue;
}

/** Products of one sum below which it is not cut: a slice costs a partial result. A multiple of the blocks of the kernels. */
const sliceProducts = 512;
/** Tiles of 16 × 16 values that keep a device busy. */
const busyTiles = { software: 64, gpu: 1024 } as const;
const scratchBytes = 2 ** 26;

/**
 * Slices that the sums over k are cut into, where there are too few values to keep the device busy. Of shape and device alone,
 * not of the variant: where a sum is cut decides its bits.
 */
function splitsOf(request: MatmulRequest): number {
  const { device, m, n, k } = request;
  const matrices = matricesOf(request);
  const wanted = Math.ceil(busyTiles[device.kind] / (Math.ceil(m / 16) * Math.ceil(n / 16) * matrices));
  const thatFit = Math.floor(Math.min(scratchBytes, device.maxBufferBytes) / (4 * matrices * m * n));
  return Math.max(1, Math.min(wanted, thatFit, Math.floor(k / sliceProducts)));
}

/** How a product is computed. */
export interface MatmulChoice {
  readonly variant: MatmulVariant;
  readonly splits: number;
}

/** Chooses by shape alone: the variant that should cost least. */
export function usualProduct(request: MatmulRequest): MatmulChoice {
  const splits = splitsOf(request);
  return { variant: chooseVariant(request.device, productOf(request, splits)), splits };
}

/** As usual, or the variant that tuning has found. */
function chooseProduct(request: MatmulRequest): MatmulChoice {
  const variant = tuners.get(request.device)?.variantFor(request);
  return variant ? { variant, splits: splitsOf(request) } : usualProduct(request);
}

export const matricesOf = ({ batch }: Pick<MatmulRequest, "batch">): number =>
  batch.reduce((product, size) => product * size, 1);

export const productOf = (request: MatmulRequest, splits: number): Product => ({
  members: matricesOf(request),
  rows: request.m,
  columns: request.n,
  splits,
});

/** Knows which variant of a product is fastest, from measurements. */
export interface MatmulTuner {
  /** Called for every product that is recorded; never waits. */
  variantFor(request: MatmulRequest): MatmulVariant | undefined;
}

const tuners = new WeakMap<GpuDevice, MatmulTuner>();

/** Lets the products of a device ask a tuner. @returns false where they ask another one already */
export function addTuner(device: GpuDevice, tuner: MatmulTuner): boolean {
  if (tuners.has(device)) return false;
  tuners.set(device, tuner);
  return true;
}

/** Takes a tuner away. */
export function removeTuner(device: GpuDevice, tuner: MatmulTuner): void {
  if (tuners.get(device) === tuner) tuners.delete(device);
}

/** Records out = op(a) · op(b). */
export function encodeMatmul(request: MatmulRequest, choice?: MatmulChoice): void {
  if (matricesOf(request) * request.m * request.n === 0) return;
  if (!choice && isSlim(request)) return encodeSlim(request);
  const { variant, splits } = choice ?? chooseProduct(request);
  if (wantsPanels(request, variant)) return inPanels(request, (packed) => encodeSplits(packed, { variant, splits }));
  encodeSplits(request, { variant, splits });
}

function encodeSplits(request: MatmulRequest, { variant, splits }: MatmulChoice): void {
  if (splits === 1) return encodeVariant(request, variant, Math.max(1, request.k));
  const slice = Math.max(1, Math.ceil(request.k / splits / sliceProducts)) * sliceProducts;
  inSlices(request, Math.max(1, Math.ceil(request.k / slice)), (sliced) => encodeVariant(sliced, variant, slice));
}

/** What is done with each value of a product in its own kernel: the code of the kernel with it, and buffers behind its own. */
export interface Epilogue {
  kernel(of: TensorKernel): KernelSource;
  readonly bound: readonly GPUBuffer[];
}

/** The variant of a product that one dispatch computes as a whole, so that it can have an epilogue; undefined for others. */
export function wholeVariant(request: MatmulRequest): MatmulVariant | undefined {
  if (isSlim(request)) return undefined;
  const { variant, splits } = usualProduct(request);
  return splits > 1 || wantsPanels(request, variant) ? undefined : variant;
}

/** Records a product of a `wholeVariant` with an epilogue. */
export function encodeWithEpilogue(request: MatmulRequest, variant: MatmulVariant, epilogue: Epilogue): void {
  encodeVariant(request, variant, Math.max(1, request.k), epilogue);
}

const panelColumns = 32;
/** Rows of out from which copying b pays, and values of b that no cache close to a core holds. */
const leastRowsOfPanels = 128;
const leastValuesOfPanels = 2 ** 20;

/**
 * Whether b is copied into panels. What the tiles of a large product read of b is far apart, and where rows are a power of two
 * long it displaces itself from the caches of the CPU that a software adapter runs on: at 1,024³ 1.18 times faster, at 512³ not.
 */
function wantsPanels(request: MatmulRequest, variant: MatmulVariant): boolean {
  const { device, b, m, n, k, batch } = request;
  if (device.kind !== "software" || b.isInPanels || !isTiled(variant) || batch.length > maxRank - 3) return false;
  const isLarge = m >= leastRowsOfPanels && n * k >= leastValuesOfPanels;
  return isLarge && n % panelColumns === 0 && 4 * n * k * matricesOf(request) <= scratchBytes;
}

/** The request with b in panels, [...batch, n / panelColumns, k, panelColumns], in another buffer; repeated matrices once. */
function packedRequest(request: MatmulRequest, buffer: GPUBuffer): MatmulRequest {
  const { b, batch, n, k } = request;
  let stride = n * k;
  const batchStrides = b.batchStrides.map(() => 0);
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    if (b.batchStrides[axis] === 0) continue;
    batchStrides[axis] = stride;
    stride *= batch[axis]!;
  }
  const packed = { buffer, dtype: b.dtype, offset: 0, leading: panelColumns, batchStrides, isInPanels: true } as const;
  return { ...request, transposeB: false, b: packed };
}

/** Records the copy of b into panels, and what is done with it. */
function inPanels(request: MatmulRequest, encode: (packed: MatmulRequest) => void): void {
  const { device, b, batch, n, k } = request;
  const commands = recorderOf(request);
  const matrices = batch.map((size, axis) => (b.batchStrides[axis] === 0 ? 1 : size));
  const buffer = commands.pool.take("panels of a product", 4 * n * k * matrices.reduce((all, size) => all * size, 1));
  const packed = packedRequest(request, buffer);
  const [row, column] = request.transposeB ? [1, b.leading] : [b.leading, 1];
  const copy = {
    sizes: [...matrices, n / panelColumns, k, panelColumns],
    a: { ...b, strides: [...b.batchStrides, panelColumns * column, row, column] },
    out: { ...packed.b, strides: [...packed.b.batchStrides, k * panelColumns, panelColumns, 1] },
  };
  encodeCopy(device, copy, commands);
  encode(packed);
  commands.pool.giveBack(buffer);
}

/** Records sums over slices of k, and their sum. */
function inSlices(request: MatmulRequest, splits: number, encode: (sliced: MatmulRequest) => void): void {
  const { out, m, n } = request;
  const values = matricesOf(request) * m * n;
  const commands = recorderOf(request);
  const buffer = commands.pool.take("slices of a product", 4 * splits * values);
  encode({ ...request, out: { buffer, dtype: "f32", offset: 0 } });
  commands.dispatchValues({
    kernel: { name: "sumSlices", types: [out.dtype] },
    bound: [buffer, out.buffer],
    values,
    operations: splits,
    uniform: { values, splits, outOffset: out.offset },
  });
  commands.pool.giveBack(buffer);
}

/** `TEAM` of the kernel: splits that take the products of a stretch in turn. */
const team = 64;
/** A few values of long sums, as gradients of a tiny layer over a large batch are: shaders/matmulSlim.wgsl. */
function isSlim(request: MatmulRequest): boolean {
  const { m, n, k } = request;
  return m <= 4 && n <= 4 && k >= 4096 && 4 * team * matricesOf(request) * m * n <= scratchBytes;
}
const slimSplits = { software: 2048, gpu: 4096 } as const;

/** How the values of four products can be loaded at once; places in shaders/matmulSlim.wgsl. */
function slimLayout(operand: MatrixOperand, values: number, isPacked: boolean): number {
  const places = [operand.offset, ...operand.batchStrides, ...(isPacked ? [] : [operand.leading])];
  if (places.some((place) => place % 4 !== 0)) return 0;
  if (isPacked) return operand.leading === values ? 1 : 0;
  return 2;
}

function encodeSlim(request: MatmulRequest): void {
  const { device, a, b, out, m, n, k, transposeA, transposeB } = request;
  const matrices = matricesOf(request);
  const perSplit = 4 * Math.max(16, Math.ceil((k * matrices) / (4 * slimSplits[device.kind])));
  const splits = team * Math.ceil(k / (team * perSplit));
  inSlices(request, splits, (sliced) =>
    recorderOf(request).dispatchValues({
      kernel: { name: "matmulSlim", types: [a.dtype, b.dtype, out.dtype] },
      constants: {
        ROWS: m,
        COLUMNS: n,
        A_LAYOUT: slimLayout(a, m, transposeA),
        B_LAYOUT: slimLayout(b, n, !transposeB),
      },
      bound: [a.buffer, b.buffer, sliced.out.buffer, a.buffer, b.buffer],
      values: splits * matrices,
      operations: 8 * perSplit * (m + n),
      uniform: sizesOf(sliced, perSplit),
    }),
  );
}

const recorderOf = ({ device, commands }: MatmulRequest): CommandQueue => commands ?? commandQueueOf(device);

/** Which values of op(b) can be loaded four at once. */
export const alignmentOfB = ({ b, n, k, transposeB }: MatmulRequest): Alignment =>
  alignmentOf(transposeB ? "columns" : "rows", transposeB ? k : n, b.offset, b.leading, ...b.batchStrides);

/**
 * The kernel of a variant of matmul; its quads need subgroups.
 * @param isShort no sum has more products than a block
 */
export function matmulKernel(variant: MatmulVariant, types: TensorKernel["types"], isShort = false): TensorKernel {
  if (variant === "plain") return { name: "matmul", types };
  if (variant === "workgroup") return { name: "matmulWorkgroup", types };
  const isQuads = variant === "quads" || variant === "wideQuads";
  return { name: `matmul${isQuads ? "Quads" : "Tiled"}${isShort ? "Short" : ""}`, types };
}

/** The kernel of a variant for a request, and its overrides. */
export const kernelOf = (
  request: MatmulRequest,
  variant: MatmulVariant,
): { kernel: TensorKernel; constants: Constants } => ({
  kernel: matmulKernel(variant, [request.a.dtype, request.b.dtype, request.out.dtype], request.k <= sliceProducts),
  constants: constantsOf(wantsPanels(request, variant) ? packedRequest(request, request.b.buffer) : request, variant),
});

/** Products of a sum from which a loop that takes eight at a time is worth compiling: 1.07 times faster at 512³. */
const leastPairs = 128;

function constantsOf(request: MatmulRequest, variant: MatmulVariant): Constants {
  const { b, k, transposeA, transposeB } = request;
  if (variant === "plain") return {};
  if (variant === "workgroup") return { LEFT_ALONG_K: transposeA ? 0 : 1, RIGHT_ALONG_K: transposeB ? 1 : 0 };
  const tile = {
    PAIRS: k >= leastPairs && k % 8 === 0 ? 1 : 0, // slices and blocks have a multiple of eight
    PANELS: b.isInPanels ? 1 : 0,
  };
  return { ...variantConstants(variant, request.device.kind, alignmentOfB(request)), ...tile };
}

const isTiled = (variant: MatmulVariant): boolean => variant !== "plain" && variant !== "workgroup";

/** Records the sums over slices of k. */
function encodeVariant(request: MatmulRequest, variant: MatmulVariant, slice: number, epilogue?: Epilogue): void {
  const { a, b, out, m, n, k } = request;
  const { kernel, constants } = kernelOf(request, variant);
  const matrices = matricesOf(request);
  const invocations = valueInvocations(variant, m, n);
  recorderOf(request).dispatchValues({
    kernel: epilogue?.kernel(kernel) ?? kernel,
    constants,
    bound: [a.buffer, b.buffer, out.buffer, b.buffer, ...(epilogue?.bound ?? [])],
    values: matrices * invocations * Math.max(1, Math.ceil(k / slice)),
    operations: variantOperations(variant, ((2 * Math.min(k, slice) + 1) * m * n) / invocations),
    uniform: sizesOf(request, slice),
  });
}

/** `Matmul` of shaders/matmulSizes.wgsl, but for the invocations of a dispatch. */
function sizesOf({ a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulRequest, slice: number): Values {
  const [aRow, aColumn] = transposeA ? [1, a.leading] : [a.leading, 1];
  const [bRow, bColumn] = transposeB ? [1, b.leading] : [b.leading, 1];
  const offsets = { aOffset: a.offset, bOffset: b.offset, outOffset: out.offset };
  const strides = { aRow, aColumn, bRow, bColumn, aBatch: a.batchStrides, bBatch: b.batchStrides };
  return { m, n, k, ...offsets, ...strides, batchRank: batch.length, matrices: matricesOf({ batch }), slice, batch };
}
