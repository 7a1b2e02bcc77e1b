import { type Code, int32, memoryArgument, unsigned } from "./code.ts";
import { codeOf, type Operand, Value, type ValueType } from "./value.ts";

// Instructions as functions of typed values, named as in the WebAssembly text format in camel case. A number stands for a constant. An
// instruction that gives no value is a method of `Body`.

type Binary<A extends ValueType, B extends ValueType, R extends ValueType> = (a: Operand<A>, b: Operand<B>) => Value<R>;
type Unary<A extends ValueType, R extends ValueType> = (a: Operand<A>) => Value<R>;

const binary =
  <A extends ValueType, B extends ValueType, R extends ValueType>(a: A, b: B, result: R) =>
  (opcode: Code): Binary<A, B, R> =>
  (left, right) =>
    new Value(result, [codeOf(a, left), codeOf(b, right), opcode]);

const unary =
  <A extends ValueType, R extends ValueType>(a: A, result: R) =>
  (opcode: Code): Unary<A, R> =>
  (operand) =>
    new Value(result, [codeOf(a, operand), opcode]);

/** A vector instruction. */
const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];

const load =
  <R extends ValueType>(result: R, opcode: Code) =>
  /** @param address in bytes @param offset constant bytes that are added, ≥ 0 */
  (address: Operand<"i32">, offset = 0): Value<R> =>
    new Value(result, [codeOf("i32", address), opcode, memoryArgument(offset)]);

const select =
  <T extends ValueType>(type: T, opcode: Code) =>
  /** The first where the condition is not 0. */
  (a: Operand<T>, b: Operand<T>, condition: Operand<"i32">): Value<T> =>
    new Value(type, [codeOf(type, a), codeOf(type, b), codeOf("i32", condition), opcode]);

const lane = <T extends "f32" | "i32", V extends "f32x4" | "i32x4">(
  scalar: T,
  vector: V,
  extract: number,
  replace: number,
) => ({
  extractLane: (a: Operand<V>, index: 0 | 1 | 2 | 3): Value<T> =>
    new Value(scalar, [codeOf(vector, a), simd(extract), index]),
  replaceLane: (a: Operand<V>, index: 0 | 1 | 2 | 3, value: Operand<T>): Value<V> =>
    new Value(vector, [codeOf(vector, a), codeOf(scalar, value), simd(replace), index]),
});

const i32Binary = binary("i32", "i32", "i32");
const f32Binary = binary("f32", "f32", "f32");
const f32Compare = binary("f32", "f32", "i32");
const f32Unary = unary("f32", "f32");

export const i32 = {
  load: load("i32", [0x28]),
  truncSatF32S: unary("f32", "i32")([0xfc, 0x00]),
  eqz: unary("i32", "i32")([0x45]),
  clz: unary("i32", "i32")([0x67]),
  eq: i32Binary([0x46]),
  ne: i32Binary([0x47]),
  ltS: i32Binary([0x48]),
  ltU: i32Binary([0x49]),
  gtS: i32Binary([0x4a]),
  gtU: i32Binary([0x4b]),
  leS: i32Binary([0x4c]),
  leU: i32Binary([0x4d]),
  geS: i32Binary([0x4e]),
  geU: i32Binary([0x4f]),
  add: i32Binary([0x6a]),
  sub: i32Binary([0x6b]),
  mul: i32Binary([0x6c]),
  divU: i32Binary([0x6e]),
  remU: i32Binary([0x70]),
  and: i32Binary([0x71]),
  or: i32Binary([0x72]),
  xor: i32Binary([0x73]),
  shl: i32Binary([0x74]),
  shrS: i32Binary([0x75]),
  shrU: i32Binary([0x76]),
  rotl: i32Binary([0x77]),
  reinterpretF32: unary("f32", "i32")([0xbc]),
  select: select("i32", [0x1b]),
};

export const f32 = {
  load: load("f32", [0x2a]),
  eq: f32Compare([0x5b]),
  ne: f32Compare([0x5c]),
  lt: f32Compare([0x5d]),
  gt: f32Compare([0x5e]),
  le: f32Compare([0x5f]),
  ge: f32Compare([0x60]),
  abs: f32Unary([0x8b]),
  neg: f32Unary([0x8c]),
  sqrt: f32Unary([0x91]),
  add: f32Binary([0x92]),
  sub: f32Binary([0x93]),
  mul: f32Binary([0x94]),
  div: f32Binary([0x95]),
  min: f32Binary([0x96]),
  max: f32Binary([0x97]),
  convertI32S: unary("i32", "f32")([0xb2]),
  convertI32U: unary("i32", "f32")([0xb3]),
  reinterpretI32: unary("i32", "f32")([0xbe]),
  select: select("f32", [0x1b]),
};

const f32x4Binary = binary("f32x4", "f32x4", "f32x4");
const f32x4Compare = binary("f32x4", "f32x4", "i32x4");
const f32x4Unary = unary("f32x4", "f32x4");
const i32x4Binary = binary("i32x4", "i32x4", "i32x4");
const i32x4Shift = binary("i32x4", "i32", "i32x4");

const multiplyAdd =
  (opcode: number) =>
  (a: Operand<"f32x4">, b: Operand<"f32x4">, c: Operand<"f32x4">): Value<"f32x4"> =>
    new Value("f32x4", [codeOf("f32x4", a), codeOf("f32x4", b), codeOf("f32x4", c), simd(opcode)]);

const bitselect =
  <V extends "f32x4" | "i32x4">(type: V) =>
  /** The bits of the first where the mask has ones. */
  (a: Operand<V>, b: Operand<V>, mask: Operand<"i32x4">): Value<V> =>
    new Value(type, [codeOf(type, a), codeOf(type, b), codeOf("i32x4", mask), simd(0x52)]);

/** Four of the eight lanes of two vectors: 0 to 3 are those of the first. */
const shuffle =
  <V extends "f32x4" | "i32x4">(type: V) =>
  (a: Operand<V>, b: Operand<V>, lanes: readonly [number, number, number, number]): Value<V> => {
    const bytes = lanes.flatMap((from) => [0, 1, 2, 3].map((byte) => 4 * from + byte));
    return new Value(type, [codeOf(type, a), codeOf(type, b), simd(0x0d), bytes]);
  };

/** The same bits as lanes of the other kind: no instruction. */
const reinterpret =
  <A extends "f32x4" | "i32x4", R extends "f32x4" | "i32x4">(from: A, to: R) =>
  (a: Operand<A>): Value<R> =>
    new Value(to, codeOf(from, a));

export const f32x4 = {
  ...lane("f32", "f32x4", 0x1f, 0x20),
  load: load("f32x4", simd(0x00)),
  loadSplat: load("f32x4", simd(0x09)),
  /** The vector with one lane read from memory. */
  loadLane: (address: Operand<"i32">, a: Operand<"f32x4">, index: 0 | 1 | 2 | 3, offset = 0): Value<"f32x4"> =>
    new Value("f32x4", [codeOf("i32", address), codeOf("f32x4", a), simd(0x56), memoryArgument(offset), index]),
  splat: unary("f32", "f32x4")(simd(0x13)),
  /** Four constants. */
  constants: (a: number, b: number, c: number, d: number): Value<"f32x4"> =>
    new Value("f32x4", [simd(0x0c), [...new Int32Array(Float32Array.of(a, b, c, d).buffer)].map(int32)], true),
  eq: f32x4Compare(simd(0x41)),
  ne: f32x4Compare(simd(0x42)),
  lt: f32x4Compare(simd(0x43)),
  gt: f32x4Compare(simd(0x44)),
  le: f32x4Compare(simd(0x45)),
  ge: f32x4Compare(simd(0x46)),
  ceil: f32x4Unary(simd(0x67)),
  floor: f32x4Unary(simd(0x68)),
  trunc: f32x4Unary(simd(0x69)),
  nearest: f32x4Unary(simd(0x6a)),
  abs: f32x4Unary(simd(0xe0)),
  neg: f32x4Unary(simd(0xe1)),
  sqrt: f32x4Unary(simd(0xe3)),
  add: f32x4Binary(simd(0xe4)),
  sub: f32x4Binary(simd(0xe5)),
  mul: f32x4Binary(simd(0xe6)),
  div: f32x4Binary(simd(0xe7)),
  min: f32x4Binary(simd(0xe8)),
  max: f32x4Binary(simd(0xe9)),
  /** b < a ? b : a */
  pmin: f32x4Binary(simd(0xea)),
  /** a < b ? b : a */
  pmax: f32x4Binary(simd(0xeb)),
  convertI32x4S: unary("i32x4", "f32x4")(simd(0xfa)),
  /** a · b + c in one rounding or two, as the machine does it faster: of relaxed SIMD (`hasRelaxedSimd`). */
  relaxedMadd: multiplyAdd(0x105),
  /** c − a · b, likewise. */
  relaxedNmadd: multiplyAdd(0x106),
  bitselect: bitselect("f32x4"),
  shuffle: shuffle("f32x4"),
  select: select("f32x4", [0x1c, 1, 0x7b]),
  reinterpret: reinterpret("i32x4", "f32x4"),
};

export const i32x4 = {
  ...lane("i32", "i32x4", 0x1b, 0x1c),
  load: load("i32x4", simd(0x00)),
  splat: unary("i32", "i32x4")(simd(0x11)),
  /** Four constants. */
  constants: (a: number, b: number, c: number, d: number): Value<"i32x4"> =>
    new Value("i32x4", [simd(0x0c), [a, b, c, d].map(int32)], true),
  eq: i32x4Binary(simd(0x37)),
  ltS: i32x4Binary(simd(0x39)),
  gtS: i32x4Binary(simd(0x3b)),
  gtU: i32x4Binary(simd(0x3c)),
  not: unary("i32x4", "i32x4")(simd(0x4d)),
  and: i32x4Binary(simd(0x4e)),
  /** a and not b. */
  andnot: i32x4Binary(simd(0x4f)),
  or: i32x4Binary(simd(0x50)),
  xor: i32x4Binary(simd(0x51)),
  bitselect: bitselect("i32x4"),
  anyTrue: unary("i32x4", "i32")(simd(0x53)),
  allTrue: unary("i32x4", "i32")(simd(0xa3)),
  bitmask: unary("i32x4", "i32")(simd(0xa4)),
  shl: i32x4Shift(simd(0xab)),
  shrS: i32x4Shift(simd(0xac)),
  shrU: i32x4Shift(simd(0xad)),
  add: i32x4Binary(simd(0xae)),
  sub: i32x4Binary(simd(0xb1)),
  mul: i32x4Binary(simd(0xb5)),
  /** The 64-bit products of unsigned lanes: of the first two, of the last two. */
  extmulLowU: i32x4Binary(simd(0xde)),
  extmulHighU: i32x4Binary(simd(0xdf)),
  minS: i32x4Binary(simd(0xb6)),
  maxS: i32x4Binary(simd(0xb8)),
  truncSatF32x4S: unary("f32x4", "i32x4")(simd(0xf8)),
  shuffle: shuffle("i32x4"),
  reinterpret: reinterpret("f32x4", "i32x4"),
};
