import type { Body } from "./body.ts";
import { f32x4, i32 } from "./instructions.ts";
import type { Operand, Value, Variable } from "./value.ts";
import type { Floats } from "./vectorCode.ts";

/** Vectors by number, one for each parameter of a network. */
export interface VectorStore {
  /** A vector as it is where it is used; may be used once. */
  get(at: number): Floats;
  set(at: number, value: Operand<"f32x4">): void;
}

/** Vectors in locals: registers of the machine, as far as it has any. */
export class LocalVectors implements VectorStore {
  readonly #body: Body;
  readonly #variables: readonly Variable<"f32x4">[];

  constructor(body: Body, count: number) {
    this.#body = body;
    this.#variables = Array.from({ length: count }, () => body.variable("f32x4", 0));
  }

  get(at: number): Floats {
    return this.#variables[at]!;
  }

  set(at: number, value: Operand<"f32x4">): void {
    this.#body.set(this.#variables[at]!, value);
  }
}

/** Vectors in memory, one behind the other. */
export class MemoryVectors implements VectorStore {
  readonly #body: Body;
  readonly #address: Value<"i32">;

  /** @param address in bytes of the first, may be used often */
  constructor(body: Body, address: Value<"i32">) {
    this.#body = body;
    this.#address = address;
  }

  get(at: number): Floats {
    return f32x4.load(this.#address, 16 * at);
  }

  set(at: number, value: Operand<"f32x4">): void {
    this.#body.store(this.#address, typeof value === "number" ? f32x4.splat(value) : value, 16 * at);
  }
}

/** Numbers in memory, one behind the other, each read in all lanes. */
export class SplatMemory {
  readonly #address: Value<"i32">;
  readonly #offset: number;

  /** @param address in bytes, may be used often @param offset bytes from there to the first */
  constructor(address: Value<"i32">, offset = 0) {
    this.#address = address;
    this.#offset = offset;
  }

  get(at: number): Floats {
    return f32x4.loadSplat(this.#address, this.#offset + 4 * at);
  }
}

/** The address of an element of an array. */
export const addressOf = (first: Operand<"i32">, index: Operand<"i32">, bytes: number): Value<"i32"> =>
  i32.add(first, i32.mul(index, bytes));
