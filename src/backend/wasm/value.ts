import { type Code, flatten, float32, int32, signed } from "./code.ts";

/** Types of values. Both kinds of vectors are a v128 of the machine; comparisons of vectors give masks, i32x4 of 0 and −1. */
export type ValueType = "i32" | "f32" | "f32x4" | "i32x4";

/** Bytes of the types in signatures and declarations of locals. */
export const typeBytes: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f32x4: 0x7b, i32x4: 0x7b };

/**
 * Code that leaves one value of a known type on the stack: an expression. It is computed where it is used, and may be used once;
 * `Body.let` gives a value that may be used often.
 */
export class Value<T extends ValueType> {
  readonly type: T;
  readonly #code: Code;
  readonly #isReusable: boolean;
  #isUsed = false;

  constructor(type: T, code: Code, isReusable = false) {
    this.type = type;
    this.#code = code;
    this.#isReusable = isReusable;
  }

  /** The code, for the one place where the value is used. */
  take(): Code {
    if (this.#isUsed && !this.#isReusable)
      throw new Error(`wasm: a value of type ${this.type} is used twice; name it with let`);
    this.#isUsed = true;
    return this.#code;
  }
}

/** A local that may be assigned again: it stands for the value that it has where it is used. */
export class Variable<T extends ValueType> extends Value<T> {
  readonly index: Code;

  constructor(type: T, index: Code) {
    super(type, [0x20, index], true);
    this.index = index;
  }
}

/** A value, or a number that stands for a constant, in every lane of a vector. */
export type Operand<T extends ValueType> = Value<T> | number;

const constants: Readonly<Record<ValueType, (value: number) => Code>> = {
  i32: (value) => [0x41, signed(value)],
  f32: (value) => [0x43, float32(value)],
  f32x4: (value) => [0xfd, 0x0c, [float32(value), float32(value), float32(value), float32(value)]],
  i32x4: (value) => [0xfd, 0x0c, [int32(value), int32(value), int32(value), int32(value)]],
};

/** Code of constants that were written before. */
const written = new Map<string, Code>();
const mostWritten = 1000;

function codeOfConstant(type: ValueType, value: number): Code {
  const key = `${type} ${Object.is(value, -0) ? "-0" : value}`;
  const known = written.get(key);
  if (known) return known;
  if (written.size >= mostWritten) written.clear();
  const code = [flatten(constants[type](value))];
  written.set(key, code);
  return code;
}

/** A constant; of a vector, in all lanes. */
export const constant = <T extends ValueType>(type: T, value: number): Value<T> =>
  new Value(type, codeOfConstant(type, value), true);

/** The code of an operand. */
export const codeOf = <T extends ValueType>(type: T, operand: Operand<T>): Code =>
  (typeof operand === "number" ? constant(type, operand) : operand).take();
