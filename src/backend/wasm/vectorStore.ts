import type { Body } from "./body.ts";
import { f32x4, i32 } from "./instructions.ts";
import type { Operand, Value } from "./value.ts";
import type { Floats } from "./vectorCode.ts";

/** Vectors stored contiguously in memory. */
export class MemoryVectors {
  readonly #body: Body;
  readonly #address: Value<"i32">;

  /** @param address in bytes of the first, may be used often */
  constructor(body: Body, address: Value<"i32">) {
    this.#body = body;
    this.#address = address;
  }

  /** A vector as it is where it is used; may be used once. */
  get(at: number): Floats {
    return f32x4.load(this.#address, 16 * at);
  }

  set(at: number, value: Floats): void {
    this.#body.store(this.#address, value, 16 * at);
  }
}

/** Numbers in memory, each read in all lanes. */
export class SplatMemory {
  readonly #address: Value<"i32">;
  readonly #offset: number;
  readonly #stride: number;

  /** @param address in bytes, may be used often @param offset bytes from there to the first @param stride … from one to the next */
  constructor(address: Value<"i32">, offset = 0, stride = 4) {
    this.#address = address;
    this.#offset = offset;
    this.#stride = stride;
  }

  get(at: number): Floats {
    return f32x4.loadSplat(this.#address, this.#offset + this.#stride * at);
  }
}

/** The address of an element of an array. */
export const addressOf = (first: Operand<"i32">, index: Operand<"i32">, bytes: number): Value<"i32"> =>
  i32.add(first, i32.mul(index, bytes));

/** Stores four values, or the first of them where the row ends. */
export function storeUpTo(body: Body, address: Value<"i32">, value: Floats, count: Value<"i32">): void {
  body.if(
    i32.geU(count, 4),
    () => body.store(address, value),
    () => {
      body.storeLane(address, value, 0);
      for (const lane of [1, 2] as const) {
        body.if(i32.gtU(count, lane), () => body.storeLane(address, value, lane, 4 * lane));
      }
    },
  );
}
