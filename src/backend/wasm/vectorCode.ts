import type { Body, Callable } from "./body.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Operand, Value } from "./value.ts";

/** Four floats, and a mask of them. */
export type Floats = Value<"f32x4">;
export type Mask = Value<"i32x4">;

/** A function of one or two vectors. */
type Routine = Callable<readonly "f32x4"[], "f32x4">;

/** The module that vector code belongs to: routines that are too long to repeat are its functions, written when they are first needed. */
export class VectorModule {
  readonly builder: ModuleBuilder;
  /** Whether a product and a sum may be one relaxed instruction. */
  readonly useRelaxed: boolean;
  readonly #routines = new Map<string, Routine>();

  constructor(builder: ModuleBuilder, useRelaxed: boolean) {
    this.builder = builder;
    this.useRelaxed = useRelaxed;
  }

  /** The function of this name, with so many parameters. */
  routine(name: string, arity: number, build: (code: VectorCode, ...operands: Floats[]) => Floats): Routine {
    const known = this.#routines.get(name);
    if (known) return known;
    const parameters = Array.from({ length: arity }, () => "f32x4" as const);
    const made = this.builder.function({ parameters, result: "f32x4" }, (body, ...operands) =>
      build(new VectorCode(this, body), ...operands),
    );
    this.#routines.set(name, made);
    return made;
  }
}

const signBit = -0x80000000;

/** Writes arithmetic of vectors into the body of a function. */
export class VectorCode {
  readonly module: VectorModule;
  readonly body: Body;

  constructor(module: VectorModule, body: Body) {
    this.module = module;
    this.body = body;
  }

  let<T extends "f32x4" | "i32x4">(value: Value<T>): Value<T> {
    return this.body.let(value);
  }

  /** a · b + c, in one rounding or two. */
  madd(a: Operand<"f32x4">, b: Operand<"f32x4">, c: Operand<"f32x4">): Floats {
    return this.module.useRelaxed ? f32x4.relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
  }

  /** c − a · b, in one rounding or two. */
  nmadd(a: Operand<"f32x4">, b: Operand<"f32x4">, c: Operand<"f32x4">): Floats {
    return this.module.useRelaxed ? f32x4.relaxedNmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
  }

  /** By Horner. @param coefficients from the constant term on @param x may be used often */
  polynomial(x: Floats, coefficients: readonly number[]): Floats {
    let sum: Operand<"f32x4"> = coefficients[coefficients.length - 1]!;
    for (let at = coefficients.length - 2; at >= 0; at--) sum = this.madd(sum, x, coefficients[at]!);
    return sum as Floats;
  }

  /** x where the mask holds, else 0. */
  keep(x: Operand<"f32x4">, mask: Operand<"i32x4">): Floats {
    return f32x4.reinterpret(i32x4.and(i32x4.reinterpret(x), mask));
  }

  /** 0 where the mask holds, else x. */
  clear(x: Operand<"f32x4">, mask: Operand<"i32x4">): Floats {
    return f32x4.reinterpret(i32x4.andnot(i32x4.reinterpret(x), mask));
  }

  /** x ≥ 0 with the sign of another. */
  withSignOf(x: Operand<"f32x4">, of: Operand<"f32x4">): Floats {
    return f32x4.reinterpret(i32x4.or(i32x4.reinterpret(x), i32x4.and(i32x4.reinterpret(of), signBit)));
  }

  /** −|x|. */
  negativeSize(x: Operand<"f32x4">): Floats {
    return f32x4.reinterpret(i32x4.or(i32x4.reinterpret(x), signBit));
  }

  /** x, at most `most`; NaN stays. */
  atMost(x: Operand<"f32x4">, most: number): Floats {
    return f32x4.pmin(x, most);
  }

  /** x, at least `least`; NaN stays. */
  atLeast(x: Operand<"f32x4">, least: number): Floats {
    return f32x4.pmax(x, least);
  }
}
