import { LimitExceeded } from "../../errors.ts";
import {
  binaryExpression,
  binaryInputs,
  binaryKey,
  type Choice,
  unaryExpression,
  unaryInputs,
  unaryKey,
} from "../../math/elementwise.ts";
import { Expression } from "../../math/expression.ts";
import { coalesce, type DataType, showShape, sizeOf, stridesOf } from "../shape.ts";
import type {
  AllocationRequest,
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  ReductionName,
  SoftmaxOperation,
  StoredMatrices,
  StoredValues,
  StridedValues,
  TensorBackend,
  UnaryOperation,
} from "../tensorBackend.ts";
import type { Ledger } from "../device.ts";
import { addCopy, addElement } from "./elementKernel.ts";
import type { Heap } from "./heap.ts";
import { matmulModule, matmulNames } from "./matmulModule.ts";
import { planMatmul } from "./matmulPlan.ts";
import type { WasmMatrices } from "./matmulRequest.ts";
import { Memory } from "./memory.ts";
import { type KernelHandle, mostItems, type Phase } from "./program.ts";
import type { ThreadPool } from "./pool.ts";
import { addReduce, reduceOrderOf, type ReducePass, type ReduceRequest, reduceWords } from "./reduceKernel.ts";
import { addSoftmax, softmaxArgument } from "./softmaxKernel.ts";
import { gridOf, type WasmArray } from "./stridedGrid.ts";
import { TensorKernels } from "./tensorKernels.ts";
import { WorkQueue } from "./workQueue.ts";

/** Memory of a tensor: where it lies, and how large it is. */
export interface Block {
  readonly address: number;
  readonly bytes: number;
}

type Stored = StoredValues<Block>;

/** Distances in bytes stay below 2³¹. */
const maxBytes = 2 ** 31 - 4;

/** Operations of the machine per value: of a function value by value, of a copy, of a reduction, of a softmax. */
const perValue = { element: 16, copy: 8, reduce: 4, softmax: 64 } as const;

/** Operations from which on other threads are worth waking: some 100 µs. */
const worthSharing = 2 ** 19;

/** Whole exponents that a kernel is written for. */
const isKnownExponent = (exponent: number): boolean => Number.isInteger(exponent) && Math.abs(exponent) <= 64;

const addressOf = ({ buffer, offset }: Stored): number => buffer.address + 4 * offset;
const arrayOf = (values: Stored, strides: readonly number[]): WasmArray => ({ address: addressOf(values), strides });
const matricesOf = (values: StoredMatrices<Block>): WasmMatrices => ({ ...values, address: addressOf(values) });

/** What a name that leaves nothing open does not look at. */
const anyChoice: Choice = { activation: "identity", order: 1, loss: "squaredError", derivative: [0, 0] };

/** Whether the rows of an operand lie side by side, or repeat a value. */
const isRow = ({ strides }: { readonly strides: readonly number[] }): boolean => (strides.at(-1) ?? 0) <= 1;

/** What an operation writes: its phases, and the memory of its arguments. */
interface Recorded {
  readonly memory: Memory;
  readonly phases: Phase[];
}

/** A kernel over rows of arrays, the last of which is written. */
interface RowsRequest {
  readonly kernel: KernelHandle;
  readonly sizes: readonly number[];
  readonly arrays: readonly WasmArray[];
  /** Per value. */
  readonly operations: number;
}

/** What tensors need of their device. */
interface Machine {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly ledger: Ledger;
}

/** Tensors in f32 on the CPU, by WebAssembly. */
export class WasmTensorBackend implements TensorBackend<Block> {
  readonly maxBytes = maxBytes;
  readonly #device: Machine;
  readonly #kernels: TensorKernels;
  readonly #queue: WorkQueue;
  readonly #leastShared: number;

  /** @param leastShared operations from which on other threads are woken */
  constructor(device: Machine, leastShared = worthSharing) {
    this.#device = device;
    this.#leastShared = leastShared;
    this.#kernels = new TensorKernels(device.heap, device.pool);
    this.#queue = new WorkQueue(device.heap, device.pool, leastShared);
  }

  bytesPerValue(): number {
    return 4;
  }

  lacks(dtype: DataType): string | undefined {
    return dtype === "f32" ? undefined : "16-bit floats";
  }

  allocate({ place, shape, values }: AllocationRequest): Block {
    const bytes = 4 * sizeOf(shape);
    const { heap, ledger } = this.#device;
    const block = { address: this.#take(place, shape, bytes, values === undefined), bytes };
    if (typeof values === "number") heap.floats(block.address, bytes / 4).fill(values);
    else if (values) heap.floats(block.address, bytes / 4).set(values);
    ledger.buffers++;
    ledger.bytes += bytes;
    return block;
  }

  /** @param isResult whether operations write it, not the host */
  #take(place: string, shape: readonly number[], bytes: number, isResult: boolean): number {
    try {
      return isResult ? this.#queue.allocate(bytes) : this.#device.heap.allocate(bytes);
    } catch (cause) {
      const got = `the shape ${showShape(shape)}`;
      throw new LimitExceeded({ place, expected: "memory for the values", got, fix: "compute it in parts", cause });
    }
  }

  release({ address, bytes }: Block): void {
    this.#queue.release(address, bytes);
    this.#device.ledger.buffers--;
    this.#device.ledger.bytes -= bytes;
  }

  read(values: Stored, count: number): Promise<Float32Array> {
    return this.#queue.whenDone(() => this.#device.heap.floats(addressOf(values), count).slice() as Float32Array);
  }

  /** Records an operation and runs it in its turn. */
  #run(operations: number, record: (recorded: Recorded) => void): void {
    const memory = new Memory(this.#device.heap);
    const phases: Phase[] = [];
    try {
      record({ memory, phases });
    } catch (error) {
      memory.free();
      throw error;
    }
    this.#queue.add({ phases, operations, dispose: () => memory.free() });
  }

  /** How many of its units an item takes, where an operation is of so many and a unit takes so many operations. */
  #itemUnits(units: number, operations: number): number {
    const { threads } = this.#device.pool;
    const isAlone = threads === 1 || units * operations < this.#leastShared;
    const wanted = isAlone ? 1 : Math.min(4 * threads, Math.ceil((units * operations) / (this.#leastShared / 4)));
    return Math.max(1, Math.ceil(units / Math.min(wanted, mostItems / 4)));
  }

  #rows({ memory, phases }: Recorded, { kernel, sizes, arrays, operations }: RowsRequest): void {
    const { words, items } = gridOf(sizes, arrays, this.#itemUnits(sizeOf(sizes), operations));
    if (items > 0) phases.push({ items, calls: [{ kernel, args: memory.words(words) }] });
  }

  unary({ name, choice, a, out, count, exponent }: UnaryOperation<Block>): void {
    const isKnown = name === "power" && isKnownExponent(exponent);
    const inputs = name === "power" && !isKnown ? unaryInputs : [unaryInputs[0]];
    const key = `unary ${unaryKey(name, choice)} ${isKnown ? exponent : ""}`;
    const kernel = this.#kernels.kernel(key, (module) => {
      const expression = unaryExpression(name, choice);
      const known = new Map([[unaryInputs[1], Expression.constant(exponent)]]);
      return addElement(module, isKnown ? expression.substitute(known) : expression, inputs);
    });
    this.#run(perValue.element * count, (recorded) => {
      const given = inputs.length > 1 ? [this.#numberIn(recorded, exponent, 1)] : [];
      const arrays = [arrayOf(a, [1]), ...given, arrayOf(out, [1])];
      this.#rows(recorded, { kernel, sizes: [count], arrays, operations: perValue.element });
    });
  }

  /** A number as an array that repeats it. */
  #numberIn({ memory }: Recorded, value: number, rank: number): WasmArray {
    return { address: memory.floats([value]), strides: Array.from({ length: rank }, () => 0) };
  }

  binary({ name, choice, sizes, a, b, out }: BinaryOperation<Block>): void {
    const count = sizeOf(sizes);
    const kernel = this.#kernels.kernel(`binary ${binaryKey(name, choice)}`, (module) =>
      addElement(module, binaryExpression(name, choice), binaryInputs),
    );
    this.#run(perValue.element * count, (recorded) => {
      const operands = [a, b].map((operand) =>
        typeof operand === "number"
          ? this.#numberIn(recorded, operand, sizes.length)
          : this.#asRows(recorded, operand, sizes),
      );
      const arrays = [...operands, arrayOf(out, stridesOf(sizes))];
      this.#rows(recorded, { kernel, sizes, arrays, operations: perValue.element });
    });
  }

  /** An operand whose rows lie side by side or repeat a value: itself, or a copy. */
  #asRows(recorded: Recorded, operand: StridedValues<Block>, sizes: readonly number[]): WasmArray {
    const array = arrayOf(operand, operand.strides);
    return isRow(operand) ? array : this.#copied(recorded, array, sizes);
  }

  /** A copy without gaps. */
  #copied(recorded: Recorded, array: WasmArray, sizes: readonly number[]): WasmArray {
    const copy = { address: recorded.memory.allocate(sizeOf(sizes)), strides: stridesOf(sizes) };
    this.#copy(recorded, sizes, [array, copy]);
    return copy;
  }

  #copy(recorded: Recorded, sizes: readonly number[], arrays: readonly [from: WasmArray, to: WasmArray]): void {
    const kernel = this.#kernels.kernel("copy", ({ builder }) => addCopy(builder));
    this.#rows(recorded, { kernel, sizes, arrays, operations: perValue.copy });
  }

  copy({ sizes, a, out, frame }: CopyOperation<Block>): void {
    const array = arrayOf(out, out.strides);
    this.#run(perValue.copy * sizeOf(sizes), (recorded) => {
      if (!frame) {
        this.#copy(recorded, sizes, [arrayOf(a, a.strides), array]);
        return;
      }
      const around = coalesce(sizes, out.strides);
      const zero = this.#numberIn(recorded, 0, around.sizes.length);
      const all = { address: array.address, strides: around.strides[0]! };
      this.#copy(recorded, around.sizes, [zero, all]);
      const { sizes: inside, strides } = coalesce(frame.inside, a.strides, out.strides);
      const first = frame.before.reduce((sum, before, axis) => sum + before * out.strides[axis]!, 0);
      const to = { address: array.address + 4 * first, strides: strides[1]! };
      this.#copy(recorded, inside, [arrayOf(a, strides[0]!), to]);
    });
  }

  accumulate(a: Stored, out: Stored, count: number): void {
    const strides = [1];
    this.binary({ name: "add", choice: anyChoice, sizes: [count], a: { ...out, strides }, b: { ...a, strides }, out });
  }

  reduce({ name, a, kept, reduced, out, scale }: ReduceOperation<Block>): void {
    const [keptCount, count] = [sizeOf(kept.sizes), sizeOf(reduced.sizes)];
    if (keptCount === 0) return;
    this.#run(perValue.reduce * keptCount * count, (recorded) => {
      const given = { a: addressOf(a), kept, reduced, scale };
      const request = reduceOrderOf(given) ? given : this.#sideBySide(recorded, given);
      const order = reduceOrderOf(request)!;
      const { slices } = order;
      if (slices === 1) return this.#reducePass(recorded, name, { request, order, out: addressOf(out) });
      const partial = recorded.memory.allocate(keptCount * slices);
      this.#reducePass(recorded, name, { request: { ...request, scale: 1 }, order, out: partial });
      const ofSlices = { sizes: [slices], strides: [keptCount] };
      const second = { a: partial, kept: { sizes: [keptCount], strides: [1] }, reduced: ofSlices, scale };
      const atOnce = { alongColumns: true, slices: 1 };
      this.#reducePass(recorded, name, { request: second, order: atOnce, out: addressOf(out) });
    });
  }

  /** The same reduction of a copy in which what becomes one value lies side by side. */
  #sideBySide(recorded: Recorded, { a, kept, reduced, scale }: ReduceRequest): ReduceRequest {
    const strides = [...kept.strides, ...reduced.strides];
    const copy = this.#copied(recorded, { address: a, strides }, [...kept.sizes, ...reduced.sizes]);
    const rank = kept.sizes.length;
    return {
      a: copy.address,
      kept: { sizes: kept.sizes, strides: copy.strides.slice(0, rank) },
      reduced: { sizes: reduced.sizes, strides: copy.strides.slice(rank) },
      scale,
    };
  }

  #reducePass({ memory, phases }: Recorded, name: ReductionName, pass: ReducePass): void {
    const { request, order } = pass;
    const { alongColumns } = order;
    const kernel = this.#kernels.kernel(`${name} ${alongColumns}`, (module) => addReduce(module, name, alongColumns));
    const values = sizeOf(request.kept.sizes) * sizeOf(request.reduced.sizes);
    const { words, items } = reduceWords(pass, this.#itemUnits(values, perValue.reduce));
    phases.push({ items, calls: [{ kernel, args: memory.words(words) }] });
  }

  softmax({ name, a, b, out, rows, width, inner }: SoftmaxOperation<Block>): void {
    const kernel = this.#kernels.kernel(name, (module) => addSoftmax(module, name));
    const fours = Math.ceil(rows / 4);
    this.#run(perValue.softmax * rows * width, ({ memory, phases }) => {
      const itemFours = this.#itemUnits(fours, 4 * perValue.softmax * width);
      const named = {
        a: addressOf(a),
        b: addressOf(b),
        out: addressOf(out),
        rows,
        width,
        inner,
        itemRows: 4 * itemFours,
      };
      const words = Object.keys(softmaxArgument).map((word) => named[word as keyof typeof named]);
      phases.push({ items: Math.ceil(fours / itemFours), calls: [{ kernel, args: memory.words(words) }] });
    });
  }

  matmul({ a, b, out, ...sizes }: MatmulOperation<Block>): void {
    const [matmul, sumSlices] = this.#kernels.kernelsOf("matmul", matmulNames, matmulModule);
    const { heap, pool } = this.#device;
    const request = { ...sizes, a: matricesOf(a), b: matricesOf(b), out: addressOf(out) };
    const kernels = { matmul: matmul!, sumSlices: sumSlices! };
    const plan = planMatmul(heap, kernels, request, { threads: pool.threads });
    const operations = 2 * sizeOf(sizes.batch) * sizes.m * sizes.n * Math.max(1, sizes.k);
    this.#queue.add({ phases: plan.phases, operations: operations / 8, dispose: () => plan.dispose() });
  }

  /** Its products are planned by their sizes. */
  async tuneMatmul(): Promise<undefined> {
    return undefined;
  }
}
