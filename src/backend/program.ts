// A function of tensors, traced: its operations in order, over values instead of buffers.

import type { Device } from "./device.ts";
import type { DataType, Shape } from "./shape.ts";
import type {
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  SoftmaxOperation,
  StoredValues,
  TensorBackend,
  UnaryOperation,
} from "./tensorBackend.ts";

/** A buffer, and the place of its first value; either may change between calls. */
interface Memory {
  readonly buffer: unknown;
  readonly first?: number;
}

/** Where a value comes from that no operation computes. */
export type ValueSource =
  | { readonly kind: "argument"; readonly index: number }
  /** A tensor that the function uses without having it as an argument, from `offset` values behind the first of a memory. */
  | { readonly kind: "captured"; readonly memory: Memory; readonly offset: number }
  | { readonly kind: "fill"; readonly value: number }
  | { readonly kind: "data"; readonly values: Float64Array };

/** What a buffer would hold. Written once as a whole, or in parts by copies before anything reads it. */
export interface Value {
  readonly id: number;
  readonly size: number;
  readonly dtype: DataType;
  readonly source?: ValueSource;
}

export type Operation =
  | { readonly kind: "unary"; readonly of: UnaryOperation<Value> }
  | { readonly kind: "binary"; readonly of: BinaryOperation<Value> }
  | { readonly kind: "copy"; readonly of: CopyOperation<Value> }
  | { readonly kind: "reduce"; readonly of: ReduceOperation<Value> }
  | { readonly kind: "softmax"; readonly of: SoftmaxOperation<Value> }
  | { readonly kind: "matmul"; readonly of: MatmulOperation<Value> };

/** A tensor that a program returns: a stretch of a value. */
export interface ProgramOutput {
  readonly value: Value;
  readonly offset: number;
  readonly shape: Shape;
}

export interface Program {
  readonly device: Device;
  readonly operations: readonly Operation[];
  readonly arguments: readonly Value[];
  /** For each argument, whether its buffer may be taken for a result. */
  readonly donated: readonly boolean[];
  readonly outputs: readonly ProgramOutput[];
}

/** Where an argument lies when a program is called. */
export interface PlacedArgument {
  readonly buffer: unknown;
  readonly offset: number;
  /** Tells contents of buffers from each other: the same identity, the same values. */
  readonly identity: object;
}

/** Where a result lies. */
export interface PlacedResult {
  readonly buffer: unknown;
  readonly offset: number;
  /** Whether the program overwrites it when it is called again, unless it is moved. */
  readonly isHome: boolean;
}

/** A program that is ready to run on a device, any number of times. */
export interface RunnableProgram {
  /** @returns one place for each distinct value of the outputs, in the order of `resultValues` */
  run(args: readonly PlacedArgument[]): readonly PlacedResult[];
  /** Whether an argument lies where the program reads it, and may overwrite it. */
  isHome(index: number, argument: Omit<PlacedArgument, "identity">): boolean;
  /** A copy of a result in a buffer of its own, made before anything that is run later. */
  moved(result: PlacedResult, size: number): { readonly buffer: unknown };
  dispose(): void;
}

/** Where a captured tensor lies now. */
export const placeOfCaptured = ({
  memory,
  offset,
}: Extract<ValueSource, { kind: "captured" }>): { buffer: unknown; offset: number } => ({
  buffer: memory.buffer,
  offset: (memory.first ?? 0) + offset,
});

/** Values that operations read. */
function readsOf({ kind, of }: Operation): readonly StoredValues<Value>[] {
  const operands = kind === "unary" || kind === "copy" || kind === "reduce" ? [of.a] : [of.a, of.b];
  return operands.filter((operand) => typeof operand !== "number");
}

/** Distinct values of the outputs, in order. */
export const resultValues = ({ outputs }: Pick<Program, "outputs">): Value[] => [
  ...new Set(outputs.map(({ value }) => value)),
];

/** The operations that results depend on. */
export function neededOperations({ operations, outputs }: Pick<Program, "operations" | "outputs">): Operation[] {
  const needed = new Set(outputs.map(({ value }) => value));
  const kept = operations.toReversed().filter((operation) => {
    if (!needed.has(operation.of.out.buffer)) return false;
    for (const { buffer } of readsOf(operation)) needed.add(buffer);
    return true;
  });
  return kept.toReversed();
}

/** Calls the operation of a backend with buffers in place of values. */
function perform<Memory>(
  backend: TensorBackend<Memory>,
  operation: Operation,
  placeOf: (value: Value) => { readonly buffer: Memory; readonly offset: number },
): void {
  const at = <Stored extends StoredValues<Value>>(stored: Stored): Stored & StoredValues<Memory> => {
    const { buffer, offset } = placeOf(stored.buffer);
    return { ...stored, buffer, offset: offset + stored.offset };
  };
  const { kind, of } = operation;
  const out = at(of.out);
  if (kind === "unary") return backend.unary({ ...of, a: at(of.a), out });
  if (kind === "copy") return backend.copy({ ...of, a: at(of.a), out: { ...out, strides: of.out.strides } });
  if (kind === "reduce") return backend.reduce({ ...of, a: at(of.a), out });
  if (kind === "softmax") return backend.softmax({ ...of, a: at(of.a), b: at(of.b), out });
  if (kind === "matmul") return backend.matmul({ ...of, a: at(of.a), b: at(of.b), out });
  const operand = (one: BinaryOperation<Value>["a"]) => (typeof one === "number" ? one : at(one));
  backend.binary({ ...of, a: operand(of.a), b: operand(of.b), out });
}

/** Runs a program operation by operation, on any backend: what compiled programs are held against, and how the CPU runs them. */
export class InterpretedProgram<Memory> implements RunnableProgram {
  readonly #backend: TensorBackend<Memory>;
  readonly #operations: readonly Operation[];
  readonly #results: readonly Value[];
  /** For each operation, the values that nothing reads after it. */
  readonly #freed: readonly (readonly Value[])[];
  readonly #constants = new Map<Value, Memory>();

  constructor(backend: TensorBackend<Memory>, program: Program) {
    this.#backend = backend;
    this.#operations = neededOperations(program);
    this.#results = resultValues(program);
    const last = new Map<Value, number>();
    for (const [index, operation] of this.#operations.entries()) {
      for (const { buffer } of [...readsOf(operation), operation.of.out]) last.set(buffer, index);
    }
    const isFreed = (value: Value): boolean => !value.source && !this.#results.includes(value);
    this.#freed = this.#operations.map((_, index) =>
      [...last].filter(([value, at]) => at === index && isFreed(value)).map(([value]) => value),
    );
    for (const value of last.keys()) if (value.source) this.#makeConstant(value);
  }

  #allocate({ size, dtype }: Value, values?: ArrayLike<number> | number): Memory {
    const request = { place: "compile", label: "compiled", shape: [size], dtype };
    return this.#backend.allocate(values === undefined ? request : { ...request, values });
  }

  #makeConstant(value: Value): void {
    const { source } = value;
    if (source?.kind === "fill") this.#constants.set(value, this.#allocate(value, source.value));
    if (source?.kind === "data") this.#constants.set(value, this.#allocate(value, source.values));
  }

  run(args: readonly PlacedArgument[]): readonly PlacedResult[] {
    const made = new Map<Value, Memory>();
    const placeOf = (value: Value): { buffer: Memory; offset: number } => {
      const { source } = value;
      if (source?.kind === "argument") return args[source.index] as { buffer: Memory; offset: number };
      if (source?.kind === "captured") return placeOfCaptured(source) as { buffer: Memory; offset: number };
      const buffer = this.#constants.get(value) ?? made.get(value) ?? this.#allocate(value);
      if (!source) made.set(value, buffer);
      return { buffer, offset: 0 };
    };
    for (const [index, operation] of this.#operations.entries()) {
      perform(this.#backend, operation, placeOf);
      for (const value of this.#freed[index]!) this.#backend.release(made.get(value)!);
    }
    return this.#results.map((value) => ({ ...placeOf(value), isHome: false }));
  }

  isHome(): boolean {
    return false;
  }

  moved(): never {
    throw new Error("results of an interpreted program are in buffers of their own");
  }

  dispose(): void {
    for (const buffer of this.#constants.values()) this.#backend.release(buffer);
    this.#constants.clear();
  }
}

/** Whether all values are f32. */
export const isF32 = ({ operations }: Pick<Program, "operations">): boolean =>
  operations.every((operation) => [...readsOf(operation), operation.of.out].every(({ dtype }) => dtype === "f32"));
