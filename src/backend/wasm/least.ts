import type { Body } from "./body.ts";
import { i32 } from "./instructions.ts";
import type { Operand, Value } from "./value.ts";

/** The smaller of two unsigned integers. */
export function least(body: Body, a: Value<"i32">, b: Operand<"i32">): Value<"i32"> {
  const value = body.let(a);
  const other = typeof b === "number" ? b : body.let(b);
  return body.let(i32.select(value, other, i32.ltU(value, other)));
}
