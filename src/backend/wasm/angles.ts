import { call } from "./body.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";
import { constant, type Value } from "./value.ts";

// Sine and cosine of every finite x, never beyond ±1: shaders/scalar.wgsl's, which says what they are off by.

const largeAngle = 16_384;

/** Words of 1 / (2π), behind a word of zeros; the binary point stands before the second. */
const inverseTurn = [0, 0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770, 0x36d8a566, 0x4f10e410] as const;

/** Word `at` of 1 / (2π). */
const wordAt = (at: Value<"i32">): Value<"i32"> =>
  inverseTurn
    .slice(1)
    .reduce<Value<"i32">>((found, word, place) => i32.select(word, found, i32.eq(at, place + 1)), constant("i32", 0));

/** x / (2π) without whole turns, in integers (Payne and Hanek), as an angle in [−π, π]. @param x finite, at least 16,384 in size */
function turned(code: VectorCode, x: Value<"f32">): Value<"f32"> {
  const { body } = code;
  const bits = body.let(i32.reinterpretF32(x));
  const significand = body.let(i32.or(i32.and(bits, 0x7fffff), 0x800000));
  const exponent = body.let(i32.sub(i32.and(i32.shrU(bits, 23), 0xff), 118));
  const first = body.let(i32.shrU(exponent, 5));
  const shift = body.let(i32.and(exponent, 31));
  const words = [0, 1, 2].map((next) => body.let(wordAt(body.let(i32.add(first, next))))) as [
    Value<"i32">,
    ...Value<"i32">[],
  ];
  const shifted = (at: 0 | 1): Value<"i32"> =>
    body.let(i32.or(i32.shl(words[at]!, shift), i32.shrU(i32.shrU(words[at + 1]!, 1), i32.sub(31, shift))));
  const [high, low] = [shifted(0), shifted(1)];
  // Units of 2⁻³² turns, up to two of them off; whole turns overflow.
  const carry = f32.mul(f32.mul(f32.convertI32S(significand), f32.convertI32S(i32.shrU(low, 8))), 2 ** -24);
  const fraction = i32.add(i32.mul(significand, high), i32.truncSatF32S(carry));
  const angle = body.let(f32.mul(f32.convertI32S(fraction), 1.4629180792671596e-9));
  return f32.select(f32.neg(angle), angle, i32.shrU(bits, 31));
}

/** The same angles in [−π, π] where they are large; infinity and NaN stay. */
function boundAngles(code: VectorCode, x: Floats): Floats {
  const { body } = code;
  const angles = body.variable("f32x4", x);
  for (const lane of [0, 1, 2, 3] as const) {
    const own = body.let(f32x4.extractLane(x, lane));
    const size = body.let(f32.abs(own));
    const isLarge = i32.and(f32.ge(size, largeAngle), f32.lt(size, Number.POSITIVE_INFINITY));
    body.if(isLarge, () => body.set(angles, f32x4.replaceLane(angles, lane, turned(code, own))));
  }
  return angles;
}

/** Angles, of which large ones are bounded: one comparison where there are none. */
function boundedAngles(code: VectorCode, operand: Floats): Floats {
  const x = code.body.variable("f32x4", operand);
  const routine = code.module.routine("boundAngles", 1, boundAngles as never);
  code.body.if(i32x4.anyTrue(f32x4.ge(f32x4.abs(x), largeAngle)), () => code.body.set(x, call(routine, x)));
  return code.let(x);
}

/** Rounds to whole numbers when added, which then stand in the low bits of the significand. */
const roundAndHold = 1.5 * 2 ** 23;

/** x − halfTurns · π by Cody and Waite. Products with the first three parts are exact below 16,384, halves included. */
const reducedAngle = (code: VectorCode, x: Floats, halfTurns: Floats): Floats =>
  [3.140625, 9.670257568359375e-4, 6.277114152908325e-7, 1.215420125655342e-10].reduce<Floats>(
    (r, part) => code.nmadd(halfTurns, part, r),
    x,
  );

/** sin(r) in [−π/2, π/2] by an odd polynomial, with the sign changed where the lowest bit is set. */
function sineOfReduced(code: VectorCode, reduced: Floats, held: Value<"i32x4">): Floats {
  const r = code.let(reduced);
  const s = code.let(f32x4.mul(r, r));
  const p = code.polynomial(s, [-1.66666597e-1, 8.33307859e-3, -1.98106907e-4, 2.60831598e-6]);
  const value = f32x4.mul(code.madd(p, s, 1), r);
  const bounded = code.atLeast(code.atMost(value, 1), -1); // it may round to more
  return f32x4.reinterpret(i32x4.xor(i32x4.reinterpret(bounded), i32x4.shl(held, 31)));
}

export function sine(code: VectorCode, operand: Floats): Floats {
  const x = boundedAngles(code, operand);
  const held = code.let(code.madd(x, 1 / Math.PI, roundAndHold));
  const halfTurns = code.let(f32x4.sub(held, roundAndHold));
  return sineOfReduced(code, reducedAngle(code, x, halfTurns), i32x4.reinterpret(held));
}

/** cos(x) = sin(x + π/2), reduced by an odd number of quarter turns. */
export function cosine(code: VectorCode, operand: Floats): Floats {
  const x = boundedAngles(code, operand);
  const held = code.let(f32x4.add(code.madd(x, 1 / Math.PI, -0.5), roundAndHold));
  const halfTurns = code.let(f32x4.add(f32x4.sub(held, roundAndHold), 0.5));
  return sineOfReduced(code, reducedAngle(code, x, halfTurns), i32x4.not(i32x4.reinterpret(held)));
}
