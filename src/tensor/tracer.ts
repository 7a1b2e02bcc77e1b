// Records the operations of a function as a program.

import { InvalidInput } from "../errors.ts";
import type { Operation, Value, ValueSource } from "../backend/program.ts";
import { type Shape, sizeOf } from "../backend/shape.ts";
import type {
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  SoftmaxOperation,
  StoredValues,
  TensorBackend,
  UnaryOperation,
} from "../backend/tensorBackend.ts";
import type { Storage, StorageRequest, Tracer } from "./storage.ts";

/** What a traced tensor has for a buffer; a sum that is taken in place gives it another value. */
interface TracedBuffer {
  value: Value;
}

/** A tensor from outside. */
interface CapturedTensor {
  readonly memory: Storage;
  readonly offset: number;
  readonly size: number;
  value?: Value;
}

const readWhileTracing = (): never => {
  const fix =
    "use where(condition, a, b) for a choice by values; or return the tensor, read it outside, and pass what you decide as a tensor";
  const got = "a function that reads a tensor while it is traced";
  throw new InvalidInput({ place: "compile", expected: "operations on tensors only", got, fix });
};

const choice = { activation: "identity", order: 1, loss: "squaredError", derivative: [0, 0] } as const;

/** Stands in for the backend of a device while a function is traced: notes operations and computes nothing. */
export class TracingBackend implements Tracer {
  readonly operations: Operation[] = [];
  /** Storages that the function uses without having them as arguments, each held once. */
  readonly captured = new Set<Storage>();
  readonly #real: TensorBackend;
  readonly #traced = new WeakSet<object>();
  readonly #met: CapturedTensor[] = [];
  #count = 0;

  constructor(real: TensorBackend) {
    this.#real = real;
  }

  get maxBytes(): number {
    return this.#real.maxBytes;
  }

  bytesPerValue(dtype: Value["dtype"]): number {
    return this.#real.bytesPerValue(dtype);
  }

  lacks(dtype: Value["dtype"]): string | undefined {
    return this.#real.lacks(dtype);
  }

  newValue(size: number, dtype: Value["dtype"], source?: ValueSource): Value {
    return { id: this.#count++, size, dtype, ...(source && { source }) };
  }

  /** The buffer of a traced tensor. */
  bufferOf(value: Value): TracedBuffer {
    const buffer = { value };
    this.#traced.add(buffer);
    return buffer;
  }

  allocate({ shape, dtype, values }: StorageRequest): TracedBuffer {
    const source: ValueSource | undefined =
      values === undefined
        ? undefined
        : typeof values === "number"
          ? { kind: "fill", value: values }
          : { kind: "data", values: Float64Array.from(values) };
    return this.bufferOf(this.newValue(sizeOf(shape), dtype, source));
  }

  /** Holds the storage of a tensor from outside until the program is freed. */
  meet(storage: Storage, offset: number, shape: Shape): void {
    if (this.#traced.has(storage.buffer as object)) return;
    if (!this.captured.has(storage)) storage.holders++;
    this.captured.add(storage);
    const size = sizeOf(shape);
    const known = this.#met.some((one) => one.memory === storage && one.offset === offset && one.size === size);
    if (!known) this.#met.push({ memory: storage, offset, size });
  }

  /** The value that a buffer has now, and where a stretch begins in it. */
  stored<Stored extends StoredValues>(stored: Stored): Stored & StoredValues<Value> {
    const { buffer, dtype, offset } = stored;
    if (this.#traced.has(buffer as object)) return { ...stored, buffer: (buffer as TracedBuffer).value };
    const around = this.#met.filter(({ memory, offset: start, size }) => {
      const first = (memory.first ?? 0) + start;
      return memory.buffer === buffer && first <= offset && offset <= first + size;
    });
    const met = around.toSorted((a, b) => b.size - a.size)[0];
    if (!met) throw new Error("compile: an operand was not met before it was used");
    met.value ??= this.newValue(met.size, dtype, { kind: "captured", memory: met.memory, offset: met.offset });
    return { ...stored, buffer: met.value, offset: offset - (met.memory.first ?? 0) - met.offset };
  }

  release(): void {}

  async read(): Promise<never> {
    return readWhileTracing();
  }

  unary(operation: UnaryOperation): void {
    const { a, out } = operation;
    this.operations.push({ kind: "unary", of: { ...operation, a: this.stored(a), out: this.stored(out) } });
  }

  binary(operation: BinaryOperation): void {
    const operand = (one: BinaryOperation["a"]): BinaryOperation<Value>["a"] =>
      typeof one === "number" ? one : this.stored(one);
    const { a, b, out } = operation;
    this.operations.push({ kind: "binary", of: { ...operation, a: operand(a), b: operand(b), out: this.stored(out) } });
  }

  copy(operation: CopyOperation): void {
    const { a, out } = operation;
    this.operations.push({ kind: "copy", of: { ...operation, a: this.stored(a), out: this.stored(out) } });
  }

  /** A sum in place is a new value from then on. */
  accumulate(a: StoredValues, out: StoredValues, count: number): void {
    const before = this.stored(out);
    const { dtype } = out;
    const value = this.newValue(count, dtype);
    const of = { name: "add", choice, sizes: [count], out: { buffer: value, dtype, offset: 0 } } as const;
    const operands = { a: { ...before, strides: [1] }, b: { ...this.stored(a), strides: [1] } };
    this.operations.push({ kind: "binary", of: { ...of, ...operands } });
    (out.buffer as TracedBuffer).value = value;
  }

  reduce(operation: ReduceOperation): void {
    const { a, out } = operation;
    this.operations.push({ kind: "reduce", of: { ...operation, a: this.stored(a), out: this.stored(out) } });
  }

  softmax(operation: SoftmaxOperation): void {
    const { a, b, out } = operation;
    const of = { ...operation, a: this.stored(a), b: this.stored(b), out: this.stored(out) };
    this.operations.push({ kind: "softmax", of });
  }

  matmul(operation: MatmulOperation): void {
    const { a, b, out } = operation;
    const of = { ...operation, a: this.stored(a), b: this.stored(b), out: this.stored(out) };
    this.operations.push({ kind: "matmul", of });
  }

  async tuneMatmul(): Promise<undefined> {
    return undefined;
  }

  /** A value that operations compute, for a result: what is an argument or a constant is copied. */
  computed(stored: StoredValues<Value>, size: number): StoredValues<Value> {
    const { buffer, dtype } = stored;
    if (!buffer.source) return stored;
    const out = { buffer: this.newValue(size, dtype), dtype, offset: 0 };
    this.operations.push({ kind: "unary", of: { name: "identity", choice, a: stored, out, count: size, exponent: 0 } });
    return out;
  }
}
