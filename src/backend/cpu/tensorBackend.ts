import { LimitExceeded } from "../../errors.ts";
import { binaryExpression, unaryExpression } from "../../math/elementwise.ts";
import type { Ledger } from "../device.ts";
import { showShape, sizeOf } from "../shape.ts";
import type {
  AllocationRequest,
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  SoftmaxOperation,
  StoredMatrices,
  StoredValues,
  StridedValues,
  TensorBackend,
  UnaryOperation,
} from "../tensorBackend.ts";
import { accumulate } from "./accumulate.ts";
import { binary, type BinaryOperand } from "./binary.ts";
import { copy } from "./copy.ts";
import { matmul, type MatrixValues } from "./matmul.ts";
import { reduce } from "./reduce.ts";
import { softmaxRows } from "./softmaxRows.ts";
import { unary } from "./unary.ts";

type Stored = StoredValues<Float64Array>;

/** Values that one tensor may have: indices stay exact in 32 bits, as they must on a GPU. */
const maxValues = 2 ** 30;

const valuesOf = ({ buffer, offset }: Stored, count?: number): Float64Array =>
  buffer.subarray(offset, count === undefined ? undefined : offset + count);

const operandOf = (operand: StridedValues<Float64Array> | number): BinaryOperand =>
  typeof operand === "number" ? operand : { values: valuesOf(operand), strides: operand.strides };

const matricesOf = ({ buffer, offset, leading, batchStrides }: StoredMatrices<Float64Array>): MatrixValues => ({
  values: buffer,
  offset,
  leading,
  batchStrides,
});

/** Tensors in float64: each operation calls the CPU reference of its kernel, at once. */
export class ReferenceTensorBackend implements TensorBackend<Float64Array> {
  readonly maxBytes = 8 * maxValues;
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  bytesPerValue(): number {
    return 8;
  }

  /** Every type is float64. */
  lacks(): undefined {
    return undefined;
  }

  allocate({ place, shape, values }: AllocationRequest): Float64Array {
    try {
      const isList = typeof values === "object";
      const own = isList ? Float64Array.from(values) : new Float64Array(sizeOf(shape)).fill(values ?? 0);
      this.#ledger.buffers++;
      this.#ledger.bytes += own.byteLength;
      return own;
    } catch (cause) {
      const got = `the shape ${showShape(shape)}`;
      throw new LimitExceeded({ place, expected: "memory for the values", got, fix: "compute it in parts", cause });
    }
  }

  release(buffer: Float64Array): void {
    this.#ledger.buffers--;
    this.#ledger.bytes -= buffer.byteLength;
  }

  async read(values: Stored, count: number): Promise<Float64Array> {
    return valuesOf(values, count).slice();
  }

  unary({ name, choice, a, out, count, exponent }: UnaryOperation<Float64Array>): void {
    unary({ expression: unaryExpression(name, choice), a: valuesOf(a), out: valuesOf(out, count), exponent });
  }

  binary({ name, choice, sizes, a, b, out }: BinaryOperation<Float64Array>): void {
    const expression = binaryExpression(name, choice);
    binary({ expression, sizes, a: operandOf(a), b: operandOf(b), out: valuesOf(out, sizeOf(sizes)) });
  }

  copy({ sizes, a, out, frame }: CopyOperation<Float64Array>): void {
    copy({ sizes, a: valuesOf(a), aStrides: a.strides, out: valuesOf(out), outStrides: out.strides, frame });
  }

  accumulate(a: Stored, out: Stored, count: number): void {
    accumulate(valuesOf(a), valuesOf(out, count));
  }

  reduce({ name, a, kept, reduced, out, scale }: ReduceOperation<Float64Array>): void {
    reduce({ name, a: valuesOf(a), kept, reduced, out: valuesOf(out, sizeOf(kept.sizes)), scale });
  }

  softmax({ name, a, b, out, rows, width, inner }: SoftmaxOperation<Float64Array>): void {
    softmaxRows({ name, a: valuesOf(a), b: valuesOf(b), out: valuesOf(out), rows, width, inner });
  }

  matmul({ a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulOperation<Float64Array>): void {
    matmul({ a: matricesOf(a), b: matricesOf(b), out: valuesOf(out), batch, m, n, k, transposeA, transposeB });
  }

  async tuneMatmul(): Promise<undefined> {
    return undefined;
  }
}
