import { type Code, flatten, LocalReference, LoopMark, memoryArgument, unsigned, vector } from "./code.ts";
import { placeLocals } from "./locals.ts";
import { codeOf, type Operand, typeBytes, Value, type ValueType, Variable } from "./value.ts";

/** Types of parameters as the values that they are. */
export type Parameters<P extends readonly ValueType[]> = { readonly [at in keyof P]: Variable<P[at]> };
export type Operands<P extends readonly ValueType[]> = { readonly [at in keyof P]: Operand<P[at]> };

/** A function that code may call. */
export interface Callable<P extends readonly ValueType[], R extends ValueType | undefined> {
  readonly index: number;
  readonly parameters: P;
  readonly result: R;
}

/** A block or loop that code inside may branch to: behind the block, or to the start of the loop. */
export interface Label {
  readonly depth: number;
}

const end = 0x0b;
const noResult = 0x40;

const callOf = (
  callee: Callable<readonly ValueType[], ValueType | undefined>,
  operands: readonly Operand<ValueType>[],
): Code => [callee.parameters.map((type, at) => codeOf(type, operands[at]!)), 0x10, unsigned(callee.index)];

/** A call of a function with a result. */
export const call = <P extends readonly ValueType[], R extends ValueType>(
  callee: Callable<P, R>,
  ...operands: Operands<NoInfer<P>>
): Value<R> => new Value(callee.result, callOf(callee, operands));

/** The code of one function: statements in order, over named values. */
export class Body {
  readonly #parameterCount: number;
  readonly #labels: Label[] = [];
  #code: Code[] = [];

  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  /** Computes a value here, once, and names it. */
  let<T extends ValueType>(value: Value<T>): Value<T> {
    const local = this.#local(value.type);
    this.set(local, value);
    return new Value(local.type, [0x20, local.index], true);
  }

  /** A new variable with a first value. */
  variable<T extends ValueType>(type: T, initial: Operand<NoInfer<T>>): Variable<T> {
    const local = this.#local(type);
    this.set(local, initial);
    return local;
  }

  #local<T extends ValueType>(type: T): Variable<T> {
    return new Variable(type, [new LocalReference(typeBytes[type])]);
  }

  /** Assigns a variable. */
  set<T extends ValueType>(variable: Variable<T>, value: Operand<NoInfer<T>>): void {
    this.#code.push([codeOf(variable.type, value), 0x21, variable.index]);
  }

  /** Writes a value at an address in bytes, plus a constant offset. */
  store<T extends ValueType>(address: Operand<"i32">, value: Value<T>, offset = 0): void {
    const opcode = { i32: [0x36], f32: [0x38], f32x4: [0xfd, 0x0b], i32x4: [0xfd, 0x0b] }[value.type];
    this.#code.push([codeOf("i32", address), value.take(), opcode, memoryArgument(offset)]);
  }

  /** Writes one lane of a vector. */
  storeLane(address: Operand<"i32">, value: Operand<"f32x4">, lane: 0 | 1 | 2 | 3, offset = 0): void {
    this.#code.push([codeOf("i32", address), codeOf("f32x4", value), 0xfd, 0x5a, memoryArgument(offset), lane]);
  }

  /** Calls a function without a result. */
  call<P extends readonly ValueType[]>(callee: Callable<P, undefined>, ...operands: Operands<NoInfer<P>>): void {
    this.#code.push(callOf(callee, operands));
  }

  /** Code that may be left by a branch to its label. */
  block(build: (label: Label) => void): void {
    this.#code.push([0x02, noResult, this.#nested(build), end]);
  }

  /** Code that a branch to its label repeats. `for` is the loop whose end is in sight. */
  loop(build: (label: Label) => void): void {
    this.#code.push([new LoopMark(true), 0x03, noResult, this.#nested(build), end, new LoopMark(false)]);
  }

  if(condition: Operand<"i32">, then: () => void, otherwise?: () => void): void {
    const test = codeOf("i32", condition);
    const parts: Code = [test, 0x04, noResult, this.#nested(then)];
    this.#code.push([parts, otherwise ? [0x05, this.#nested(otherwise)] : [], end]);
  }

  branch(label: Label): void {
    this.#code.push([0x0c, this.#distance(label)]);
  }

  /** Branches where the condition is not 0. */
  branchIf(label: Label, condition: Operand<"i32">): void {
    this.#code.push([codeOf("i32", condition), 0x0d, this.#distance(label)]);
  }

  /**
   * Runs code for an index from `from` on while it is less than `to`, both unsigned; not at all where `from` is not.
   * `to` is computed once. @param range `by` is added each time; default 1
   */
  for(range: { from: Operand<"i32">; to: Operand<"i32">; by?: number }, build: (index: Value<"i32">) => void): void {
    const { from, to, by = 1 } = range;
    const index = this.variable("i32", from);
    const last = typeof to === "number" ? to : this.let(to);
    const isBefore = (): Value<"i32"> => new Value("i32", [index.take(), codeOf("i32", last), 0x49]);
    this.if(isBefore(), () => {
      this.loop((label) => {
        build(index);
        this.set(index, new Value("i32", [index.take(), codeOf("i32", by), 0x6a]));
        this.branchIf(label, isBefore());
      });
    });
  }

  #nested(build: (label: Label) => void): Code {
    const outer = this.#code;
    const label = { depth: this.#labels.length };
    this.#code = [];
    this.#labels.push(label);
    try {
      build(label);
      return this.#code;
    } finally {
      this.#labels.pop();
      this.#code = outer;
    }
  }

  #distance(label: Label): Code {
    if (this.#labels[label.depth] !== label) throw new Error("wasm: a branch to a label that does not enclose it");
    return unsigned(this.#labels.length - 1 - label.depth);
  }

  /** Declarations of locals, the code and its end. */
  encode(result?: Value<ValueType>): Uint8Array<ArrayBuffer> {
    const { groups, bytes } = placeLocals([this.#code, result ? result.take() : [], end], this.#parameterCount);
    return flatten([vector(groups.map(([count, type]) => [unsigned(count), type])), bytes]);
  }
}
