// The WebAssembly encoder: every instruction by its disassembly and by what it computes, control flow, memory and wrong use.

import { expect, test } from "vitest";
import { type Body, call } from "../src/backend/wasm/body.ts";
import { flatten, signed, unsigned } from "../src/backend/wasm/code.ts";
import { f32, f32x4, i32, i32x4 } from "../src/backend/wasm/instructions.ts";
import { ModuleBuilder } from "../src/backend/wasm/moduleBuilder.ts";
import { hasRelaxedSimd, whyNoWasm } from "../src/backend/wasm/support.ts";
import { constant, type Value, type ValueType } from "../src/backend/wasm/value.ts";
import { disassemble } from "./support/disassemble.ts";

const memoryOf = () => new WebAssembly.Memory({ initial: 1 });

/** Compiles a module over a memory of one page. */
function instantiate(builder: ModuleBuilder, memory = memoryOf()): Record<string, (...values: number[]) => number> {
  const bytes = builder.encode();
  expect(WebAssembly.validate(bytes)).toBe(true);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory } });
  return exports as Record<string, (...values: number[]) => number>;
}

function builderOf(): ModuleBuilder {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", initialPages: 1 });
  return builder;
}

type Lanes = readonly number[];

/** One instruction: its name in the text format, types, and what it does with lanes. */
interface Case {
  readonly text: string;
  readonly operands: readonly ValueType[];
  readonly result: ValueType;
  readonly build: (...operands: Value<never>[]) => Value<ValueType>;
  readonly compute: (...operands: Lanes[]) => Lanes;
}

const mask = (holds: boolean): number => (holds ? -1 : 0);
const bit = (holds: boolean): number => (holds ? 1 : 0);
const fround = Math.fround;

/** The same function of each lane. */
const perLane =
  (compute: (...lanes: number[]) => number) =>
  (...operands: Lanes[]): Lanes =>
    operands[0]!.map((_, lane) => compute(...operands.map((own) => own[lane] ?? own[0]!)));

const lanesOf = (type: ValueType): number => (type.endsWith("x4") ? 4 : 1);
const isFloat = (type: ValueType): boolean => type.startsWith("f");
const viewOf = (type: ValueType, buffer: ArrayBuffer, first: number): Float32Array | Int32Array =>
  isFloat(type) ? new Float32Array(buffer, first, lanesOf(type)) : new Int32Array(buffer, first, lanesOf(type));

const f32Bits = (x: number): number => new Int32Array(Float32Array.of(x).buffer)[0]!;
const bitsF32 = (x: number): number => new Float32Array(Int32Array.of(x).buffer)[0]!;
const nearest = (x: number): number => {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? (below === 0 && x < 0 ? -0 : below) : below + 1;
};
const minimum = (a: number, b: number): number => Math.min(a, b);
const maximum = (a: number, b: number): number => Math.max(a, b);
const saturated = (x: number): number =>
  Number.isNaN(x) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x))) + 0;
const selectBits = (a: number, b: number, m: number): number => (a & m) | (b & ~m);
const selectFloat = (a: number, b: number, m: number): number => bitsF32(selectBits(f32Bits(a), f32Bits(b), m));

/** Bytes of a shuffle of four-byte lanes. */
const shuffled = [5, 0, 3, 6] as const;
const shuffledText = `i8x16.shuffle ${shuffled.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)).join(" ")}`;
const shuffle = (a: Lanes, b: Lanes): Lanes => shuffled.map((lane) => [...a, ...b][lane]!);

type Namespace = Record<string, unknown>;

/** Instructions with the same operands: of each its name in the text format and its function. */
function cases(
  of: Namespace,
  [operands, result]: readonly [readonly ValueType[], ValueType],
  rows: Record<string, readonly [string, (...operands: Lanes[]) => Lanes]>,
): (readonly [Namespace, string, Case])[] {
  return Object.entries(rows).map(([name, [text, compute]]) => {
    const build = of[name] as Case["build"];
    return [of, name, { text, operands, result, build, compute }] as const;
  });
}

const f = perLane;
const comparisons: Record<string, (a: number, b: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};
const compared = (type: string, to: (holds: boolean) => number, names: readonly string[], suffix = "") =>
  Object.fromEntries(
    names.map((name) => {
      const own = suffix === "" || name === "eq" || name === "ne" ? "" : suffix;
      const unsignedOf = (x: number): number => (own === "U" ? x >>> 0 : x);
      const compute = f((a, b) => to(comparisons[name]!(unsignedOf(a!), unsignedOf(b!))));
      return [`${name}${own}`, [`${type}.${name}${own && `_${own.toLowerCase()}`}`, compute] as const];
    }),
  );

const all = ["eq", "ne", "lt", "gt", "le", "ge"];
const arithmetic = (type: string) =>
  ({
    add: [`${type}.add`, f((a, b) => fround(a! + b!))],
    sub: [`${type}.sub`, f((a, b) => fround(a! - b!))],
    mul: [`${type}.mul`, f((a, b) => fround(a! * b!))],
    div: [`${type}.div`, f((a, b) => fround(a! / b!))],
    min: [`${type}.min`, f((a, b) => minimum(a!, b!))],
    max: [`${type}.max`, f((a, b) => maximum(a!, b!))],
  }) as const;
const unary = (type: string) =>
  ({
    abs: [`${type}.abs`, f((a) => Math.abs(a!))],
    neg: [`${type}.neg`, f((a) => -a!)],
    sqrt: [`${type}.sqrt`, f((a) => fround(Math.sqrt(a!)))],
  }) as const;

/** The two words of a product of unsigned words. */
const product = (a: number, b: number): number[] => [
  ...new Int32Array(BigUint64Array.of(BigInt(a >>> 0) * BigInt(b >>> 0)).buffer),
];

const table = [
  ...cases(i32, [["i32", "i32"], "i32"], {
    ...compared("i32", bit, all, "S"),
    ...compared("i32", bit, all, "U"),
    add: ["i32.add", f((a, b) => (a! + b!) | 0)],
    sub: ["i32.sub", f((a, b) => (a! - b!) | 0)],
    mul: ["i32.mul", f((a, b) => Math.imul(a!, b!))],
    divU: ["i32.div_u", f((a, b) => ((a! >>> 0) / (b! >>> 0)) | 0)],
    remU: ["i32.rem_u", f((a, b) => ((a! >>> 0) % (b! >>> 0)) | 0)],
    and: ["i32.and", f((a, b) => a! & b!)],
    or: ["i32.or", f((a, b) => a! | b!)],
    xor: ["i32.xor", f((a, b) => a! ^ b!)],
    shl: ["i32.shl", f((a, b) => a! << b!)],
    shrS: ["i32.shr_s", f((a, b) => a! >> b!)],
    shrU: ["i32.shr_u", f((a, b) => (a! >>> b!) | 0)],
    rotl: ["i32.rotl", f((a, b) => (a! << b!) | (b! & 31 ? a! >>> (32 - (b! & 31)) : 0))],
  }),
  ...cases(i32, [["i32"], "i32"], {
    eqz: ["i32.eqz", f((a) => bit(a === 0))],
    clz: ["i32.clz", f((a) => Math.clz32(a!))],
  }),
  ...cases(i32, [["i32", "i32", "i32"], "i32"], { select: ["select", f((a, b, c) => (c === 0 ? b! : a!))] }),
  ...cases(i32, [["f32"], "i32"], {
    truncSatF32S: ["i32.trunc_sat_f32_s", f((a) => saturated(a!))],
    reinterpretF32: ["i32.reinterpret_f32", f((a) => f32Bits(a!))],
  }),
  ...cases(f32, [["f32", "f32"], "i32"], compared("f32", bit, all)),
  ...cases(f32, [["f32", "f32"], "f32"], arithmetic("f32")),
  ...cases(f32, [["f32"], "f32"], unary("f32")),
  ...cases(f32, [["f32", "f32", "i32"], "f32"], { select: ["select", f((a, b, c) => (c === 0 ? b! : a!))] }),
  ...cases(f32, [["i32"], "f32"], {
    convertI32S: ["f32.convert_i32_s", f((a) => fround(a!))],
    convertI32U: ["f32.convert_i32_u", f((a) => fround(a! >>> 0))],
    reinterpretI32: ["f32.reinterpret_i32", f((a) => bitsF32(a!))],
  }),
  ...cases(f32x4, [["f32x4", "f32x4"], "i32x4"], compared("f32x4", mask, all)),
  ...cases(f32x4, [["f32x4", "f32x4"], "f32x4"], {
    ...arithmetic("f32x4"),
    pmin: ["f32x4.pmin", f((a, b) => (b! < a! ? b! : a!))],
    pmax: ["f32x4.pmax", f((a, b) => (a! < b! ? b! : a!))],
  }),
  ...cases(f32x4, [["f32x4"], "f32x4"], {
    ...unary("f32x4"),
    ceil: ["f32x4.ceil", f((a) => Math.ceil(a!))],
    floor: ["f32x4.floor", f((a) => Math.floor(a!))],
    trunc: ["f32x4.trunc", f((a) => Math.trunc(a!))],
    nearest: ["f32x4.nearest", f((a) => nearest(a!))],
  }),
  ...cases(f32x4, [["f32"], "f32x4"], { splat: ["f32x4.splat", ([a]) => [a!, a!, a!, a!]] }),
  ...cases(f32x4, [["i32x4"], "f32x4"], {
    convertI32x4S: ["f32x4.convert_i32x4_s", f((a) => fround(a!))],
    reinterpret: ["", f((a) => bitsF32(a!))],
  }),
  ...cases(f32x4, [["f32x4", "f32x4", "i32x4"], "f32x4"], {
    bitselect: ["v128.bitselect", f((a, b, m) => selectFloat(a!, b!, m!))],
  }),
  ...cases(f32x4, [["f32x4", "f32x4", "i32"], "f32x4"], {
    select: ["select_t v128", (a, b, [c]) => (c === 0 ? b : a)],
  }),
  ...cases(i32x4, [["i32x4", "i32x4"], "i32x4"], {
    ...compared("i32x4", mask, ["eq"]),
    ...compared("i32x4", mask, ["lt", "gt"], "S"),
    ...compared("i32x4", mask, ["gt"], "U"),
    and: ["v128.and", f((a, b) => a! & b!)],
    andnot: ["v128.andnot", f((a, b) => a! & ~b!)],
    or: ["v128.or", f((a, b) => a! | b!)],
    xor: ["v128.xor", f((a, b) => a! ^ b!)],
    add: ["i32x4.add", f((a, b) => (a! + b!) | 0)],
    sub: ["i32x4.sub", f((a, b) => (a! - b!) | 0)],
    mul: ["i32x4.mul", f((a, b) => Math.imul(a!, b!))],
    minS: ["i32x4.min_s", f((a, b) => Math.min(a!, b!))],
    maxS: ["i32x4.max_s", f((a, b) => Math.max(a!, b!))],
    extmulLowU: ["i64x2.extmul_low_i32x4_u", (a, b) => [...product(a[0]!, b[0]!), ...product(a[1]!, b[1]!)]],
    extmulHighU: ["i64x2.extmul_high_i32x4_u", (a, b) => [...product(a[2]!, b[2]!), ...product(a[3]!, b[3]!)]],
  }),
  ...cases(i32x4, [["i32x4"], "i32x4"], { not: ["v128.not", f((a) => ~a!)] }),
  ...cases(i32x4, [["i32"], "i32x4"], { splat: ["i32x4.splat", ([a]) => [a!, a!, a!, a!]] }),
  ...cases(i32x4, [["i32x4", "i32x4", "i32x4"], "i32x4"], {
    bitselect: ["v128.bitselect", f((a, b, m) => selectBits(a!, b!, m!))],
  }),
  ...cases(i32x4, [["i32x4"], "i32"], {
    anyTrue: ["v128.any_true", (a) => [bit(a.some((x) => x !== 0))]],
    allTrue: ["i32x4.all_true", (a) => [bit(a.every((x) => x !== 0))]],
    bitmask: ["i32x4.bitmask", (a) => [a.reduce((bits, x, lane) => bits | (x < 0 ? 1 << lane : 0), 0)]],
  }),
  ...cases(i32x4, [["i32x4", "i32"], "i32x4"], {
    shl: ["i32x4.shl", f((a, b) => a! << b!)],
    shrS: ["i32x4.shr_s", f((a, b) => a! >> b!)],
    shrU: ["i32x4.shr_u", f((a, b) => (a! >>> b!) | 0)],
  }),
  ...cases(i32x4, [["f32x4"], "i32x4"], {
    truncSatF32x4S: ["i32x4.trunc_sat_f32x4_s", f((a) => saturated(a!))],
    reinterpret: ["", f((a) => f32Bits(a!))],
  }),
];

/** Instructions with constants of their own. */
const withConstants: (readonly [Namespace, string, Case])[] = ([0, 1, 2, 3] as const).flatMap((at) => [
  [f32x4, "extractLane", {
    text: `f32x4.extract_lane ${at}`, operands: ["f32x4"], result: "f32",
    build: (a: Value<"f32x4">) => f32x4.extractLane(a, at), compute: (a: Lanes) => [a[at]!],
  }] as const,
  [f32x4, "replaceLane", {
    text: `f32x4.replace_lane ${at}`, operands: ["f32x4", "f32"], result: "f32x4",
    build: (a: Value<"f32x4">, b: Value<"f32">) => f32x4.replaceLane(a, at, b),
    compute: (a: Lanes, [b]: Lanes) => a.with(at, b!),
  }] as const,
  [i32x4, "extractLane", {
    text: `i32x4.extract_lane ${at}`, operands: ["i32x4"], result: "i32",
    build: (a: Value<"i32x4">) => i32x4.extractLane(a, at), compute: (a: Lanes) => [a[at]!],
  }] as const,
  [i32x4, "replaceLane", {
    text: `i32x4.replace_lane ${at}`, operands: ["i32x4", "i32"], result: "i32x4",
    build: (a: Value<"i32x4">, b: Value<"i32">) => i32x4.replaceLane(a, at, b),
    compute: (a: Lanes, [b]: Lanes) => a.with(at, b!),
  }] as const,
  [f32x4, "shuffle", {
    text: shuffledText, operands: ["f32x4", "f32x4"], result: "f32x4",
    build: (a: Value<"f32x4">, b: Value<"f32x4">) => f32x4.shuffle(a, b, shuffled), compute: shuffle,
  }] as const,
  [i32x4, "shuffle", {
    text: shuffledText, operands: ["i32x4", "i32x4"], result: "i32x4",
    build: (a: Value<"i32x4">, b: Value<"i32x4">) => i32x4.shuffle(a, b, shuffled), compute: shuffle,
  }] as const,
] as unknown as (readonly [Namespace, string, Case])[]); // prettier-ignore

const every = [...table, ...withConstants];
const named = (of: Namespace): string =>
  new Map<Namespace, string>([[i32, "i32"], [f32, "f32"], [f32x4, "f32x4"], [i32x4, "i32x4"]]).get(of)!; // prettier-ignore

/** Values that tell instructions apart. */
const floats = [0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3.75, -0.25, 1e30, -3e38, 1e-40, Infinity, -Infinity, NaN].map(
  fround,
);
const integers = [1, 0, -1, 2, 31, 33, 5, -7, 1000, 0x7fffffff, -0x80000000, 0x12345678, -0x12345678, 4, 3, -2];

/** Loads the operands from memory, computes, and stores the result behind them. */
function run({ operands, build }: Case, memory: WebAssembly.Memory) {
  const builder = builderOf();
  const loads = { i32, f32, f32x4, i32x4 };
  const run = builder.function({ parameters: [] }, (body: Body) => {
    const values = operands.map((type, at) => loads[type].load(0, 16 * at)) as Value<never>[];
    body.store(0, build(...values), 64);
  });
  builder.export("run", run);
  const { code } = disassemble(builder.encode()).functions[0]!;
  return { code, compute: instantiate(builder, memory).run! };
}

test.each(every.map(([of, name, own]) => [`${named(of)}.${name}: ${own.text || "no instruction"}`, own] as const))(
  "%s",
  (_, own) => {
    const memory = memoryOf();
    const { code, compute } = run(own, memory);
    const isLoadOrStore = /\.(load|store|const)/;
    expect(code.filter((line) => !isLoadOrStore.test(line))).toEqual([...(own.text ? [own.text] : []), "end"]);
    for (let shift = 0; shift < 256; shift++) {
      const lanes = own.operands.map((type, at) => {
        const values = isFloat(type) ? floats : integers;
        const first = at === 0 ? shift : at === 1 ? shift >> 4 : shift * 7;
        return Array.from({ length: lanesOf(type) }, (_, lane) => values[(first + 5 * lane) % 16]!);
      });
      if (/div_u|rem_u/.test(own.text) && lanes[1]![0] === 0) continue;
      for (const [at, own_] of lanes.entries()) viewOf(own.operands[at]!, memory.buffer, 16 * at).set(own_);
      compute();
      expect([...viewOf(own.result, memory.buffer, 64)], JSON.stringify(lanes)).toEqual(own.compute(...lanes));
    }
  },
);

test("every instruction is among those above", () => {
  const elsewhere = ["load", "loadSplat", "loadLane", "constants", "relaxedMadd", "relaxedNmadd"];
  for (const of of [i32, f32, f32x4, i32x4] as Namespace[]) {
    const met = new Set(every.filter(([own]) => own === of).map(([, name]) => name));
    expect(Object.keys(of).filter((name) => !met.has(name) && !elsewhere.includes(name))).toEqual([]);
  }
});

test("loads and stores take an address and an offset", () => {
  const builder = builderOf();
  const copy = builder.function({ parameters: ["i32", "i32"] }, (body, from, to) => {
    body.store(to, i32.load(from, 4), 100);
    body.store(to, f32.load(from, 8), 104);
    body.store(to, f32x4.load(from, 12), 108);
    body.store(to, f32x4.loadSplat(from, 16), 124);
    body.store(to, i32x4.load(from, 300), 140);
    body.storeLane(to, f32x4.load(from, 12), 2, 156);
    body.store(to, i32x4.constants(1, -2, 3, 0x7fffffff), 160);
    body.store(to, f32x4.loadLane(from, f32x4.load(from), 2, 20), 176);
  });
  builder.export("copy", copy);
  expect(disassemble(builder.encode()).functions[0]!.code.filter((line) => !line.startsWith("local"))).toEqual([
    "i32.load align=4 offset=4", "i32.store align=4 offset=100", "f32.load align=4 offset=8", "f32.store align=4 offset=104",
    "v128.load align=4 offset=12", "v128.store align=4 offset=108", "v128.load32_splat align=4 offset=16",
    "v128.store align=4 offset=124", "v128.load align=4 offset=300", "v128.store align=4 offset=140",
    "v128.load align=4 offset=12", "v128.store32_lane align=4 offset=156 2",
    `v128.const ${[1, -2, 3, 0x7fffffff].map(bitsF32).join(" ")}`, "v128.store align=4 offset=160",
    "v128.load align=4 offset=0", "v128.load32_lane align=4 offset=20 2", "v128.store align=4 offset=176", "end",
  ]); // prettier-ignore
  const memory = memoryOf();
  const [words, numbers] = [new Int32Array(memory.buffer), new Float32Array(memory.buffer)];
  for (let at = 0; at < 100; at++) numbers[at] = at + 0.5;
  instantiate(builder, memory).copy!(0, 400);
  const stored = words.slice(125, 148);
  const wanted = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 4.5, 4.5, 4.5, 4.5, 75.5, 76.5, 77.5, 78.5, 5.5];
  expect([...stored]).toEqual([...wanted.map(f32Bits), 1, -2, 3, 0x7fffffff, ...[0.5, 1.5, 5.5, 3.5].map(f32Bits)]);
});

test("relaxed madd is a · b + c in one rounding or two", () => {
  if (!hasRelaxedSimd()) return console.log("this engine has no relaxed SIMD");
  const builder = builderOf();
  const compute = builder.function({ parameters: [] }, (body) => {
    const [a, b, c] = [0, 16, 32].map((at) => body.let(f32x4.load(0, at))) as [
      Value<"f32x4">,
      Value<"f32x4">,
      Value<"f32x4">,
    ];
    body.store(0, f32x4.relaxedMadd(a, b, c), 64);
    body.store(0, f32x4.relaxedNmadd(a, b, c), 80);
  });
  builder.export("compute", compute);
  const memory = memoryOf();
  const numbers = new Float32Array(memory.buffer);
  const [a, b, c] = [1 + 2 ** -23, 1 + 2 ** -23, 1];
  numbers.set([a, 3, 4, -5, b, 6, 7, 8, -c, 9, 10, 11]);
  instantiate(builder, memory).compute!();
  expect([2 ** -22, 2 ** -22 + 2 ** -46]).toContain(numbers[16]);
  expect([...numbers.subarray(17, 20)]).toEqual([27, 38, -29]);
  expect([...numbers.subarray(21, 24)]).toEqual([-9, -18, 51]);
});

test("constants", () => {
  const builder = builderOf();
  const write = builder.function({ parameters: [] }, (body) => {
    body.store(0, constant("i32", -123456), 0);
    body.store(0, constant("f32", -0), 4);
    body.store(0, constant("f32x4", 0.1), 16);
    body.store(0, constant("i32x4", -1), 32);
  });
  builder.export("write", write);
  const memory = memoryOf();
  instantiate(builder, memory).write!();
  expect([...new Int32Array(memory.buffer, 0, 2)]).toEqual([-123456, -0x80000000]);
  expect([...new Float32Array(memory.buffer, 16, 4)]).toEqual([0.1, 0.1, 0.1, 0.1].map(fround));
  expect([...new Int32Array(memory.buffer, 32, 4)]).toEqual([-1, -1, -1, -1]);
});

test("LEB128 at the borders of its bytes", () => {
  const read = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  expect([0, 127, 128, 16_383, 16_384, 2 ** 32 - 1].map((value) => read(unsigned(value)))).toEqual([
    "00", "7f", "80 01", "ff 7f", "80 80 01", "ff ff ff ff 0f",
  ]); // prettier-ignore
  expect([0, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)].map((value) => read(signed(value)))).toEqual([
    "00", "3f", "c0 00", "40", "bf 7f", "ff ff ff ff 07", "80 80 80 80 78",
  ]); // prettier-ignore
  let deep: readonly unknown[] = [7];
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  expect([...flatten(deep as never)]).toEqual([7]);
});

test("blocks, loops, branches, calls and locals", () => {
  const builder = builderOf();
  const square = builder.function({ parameters: ["i32"], result: "i32" }, (_, x) => i32.mul(x, x));
  const note = builder.function({ parameters: ["i32", "i32"] }, (body, at, x) => body.store(at, x));
  const sum = builder.function({ parameters: ["i32", "i32"], result: "i32" }, (body, from, to) => {
    const total = body.variable("i32", 0);
    body.for({ from, to, by: 2 }, (index) => body.set(total, i32.add(total, call(square, index))));
    body.call(note, 8, total);
    return total;
  });
  const collatz = builder.function({ parameters: ["i32"], result: "i32" }, (body, start) => {
    const steps = body.variable("i32", 0);
    body.block((done) => {
      body.loop((again) => {
        body.branchIf(done, i32.leU(start, 1));
        body.if(
          i32.and(start, 1),
          () => body.set(start, i32.add(i32.mul(start, 3), 1)),
          () => body.set(start, i32.shrU(start, 1)),
        );
        body.set(steps, i32.add(steps, 1));
        body.if(i32.geU(steps, 500), () => body.branch(done));
        body.branch(again);
      });
    });
    return steps;
  });
  builder.export("sum", sum);
  builder.export("collatz", collatz);
  const memory = memoryOf();
  const functions = instantiate(builder, memory);
  expect([functions.sum!(3, 10), functions.sum!(10, 10), functions.sum!(11, 10)]).toEqual([9 + 25 + 49 + 81, 0, 0]);
  functions.sum!(1, 4);
  expect(new Int32Array(memory.buffer)[2]).toBe(10);
  expect([1, 6, 27].map((start) => functions.collatz!(start))).toEqual([0, 8, 111]);
  const { types, imports, exports, functions: decoded } = disassemble(builder.encode());
  expect({ types, imports, exports }).toEqual({
    types: ["i32 → i32", "i32 i32 → ", "i32 i32 → i32"],
    imports: ["host.memory 1"],
    exports: ["sum 0 2", "collatz 0 3"],
  });
  expect(decoded.map(({ type, locals }) => [type, locals])).toEqual([
    [0, []],
    [1, []],
    [2, ["3 i32"]],
    [0, ["1 i32"]],
  ]);
  expect(decoded[3]!.code).toEqual([
    "i32.const 0", "local.set 1", "block", "loop", "local.get 0", "i32.const 1", "i32.le_u", "br_if 1", "local.get 0", "i32.const 1",
    "i32.and", "if", "local.get 0", "i32.const 3", "i32.mul", "i32.const 1", "i32.add", "local.set 0", "else", "local.get 0",
    "i32.const 1", "i32.shr_u", "local.set 0", "end", "local.get 1", "i32.const 1", "i32.add", "local.set 1", "local.get 1",
    "i32.const 500", "i32.ge_u", "if", "br 2", "end", "br 0", "end", "end", "local.get 1", "end",
  ]); // prettier-ignore
});

test("locals that are not in use any more give their places to others", () => {
  const builder = builderOf();
  const rounds = 30_000;
  const chain = builder.function({ parameters: ["i32"], result: "i32" }, (body, x) => {
    let value: Value<"i32"> = x;
    for (let round = 0; round < rounds; round++) value = body.let(i32.add(value, 1));
    const [kept, factor] = [body.let(value), body.let(f32.convertI32S(value))];
    const sum = body.variable("i32", 0);
    body.for({ from: 0, to: 3 }, (outer) => {
      const own = body.let(i32.mul(outer, 10));
      body.for({ from: 0, to: 2 }, (inner) => {
        const both = body.let(i32.add(own, inner));
        body.set(sum, i32.add(sum, i32.add(both, kept)));
      });
      const late = body.let(i32.add(own, 1000));
      body.set(sum, i32.add(sum, late));
    });
    return i32.add(sum, i32.truncSatF32S(factor));
  });
  builder.export("chain", chain);
  const { locals } = disassemble(builder.encode()).functions[0]!;
  expect(locals).toHaveLength(2);
  expect(Number.parseInt(locals[0]!, 10)).toBeLessThan(12);
  expect(locals[1]).toBe("1 f32");
  const wanted = [0, 10, 20].reduce((sum, own) => sum + 3 * own + 1 + 1000 + 2 * (rounds + 5), 0);
  expect(instantiate(builder).chain!(5)).toBe(wanted + rounds + 5);
});

test("shared memory is imported as such", () => {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", initialPages: 1, maximumPages: 65_536, shared: true });
  const bytes = builder.encode();
  expect(disassemble(bytes).imports).toEqual(["host.memory 1 65536 shared"]);
  expect(WebAssembly.validate(bytes)).toBe(true);
  if (typeof SharedArrayBuffer === "undefined") return;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true });
  expect(() => new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory } })).not.toThrow();
  const unbounded = new ModuleBuilder();
  unbounded.importMemory({ module: "host", name: "memory", initialPages: 1, shared: true });
  expect(() => unbounded.encode()).toThrow("largest size");
});

test("wrong use is an error where code is written", () => {
  const builder = builderOf();
  const twice = () =>
    builder.function({ parameters: ["i32"], result: "i32" }, (_, x) => {
      const next = i32.add(x, 1);
      return i32.mul(next, next);
    });
  expect(twice).toThrow("used twice");
  const away = () =>
    builder.function({ parameters: [] }, (body) => {
      let outside: Parameters<typeof body.branch>[0];
      body.block((label) => (outside = label));
      body.block(() => body.branch(outside));
    });
  expect(away).toThrow("does not enclose");
  // Wrong types do not compile.
  builder.function({ parameters: ["f32", "f32x4"], result: "f32x4" }, (body, x, y) => {
    // @ts-expect-error an f32 is no i32
    i32.add(x, 1);
    // @ts-expect-error a vector of floats is no mask
    f32x4.bitselect(y, y, y);
    // @ts-expect-error a variable keeps its type
    body.set(x, y);
    return y;
  });
  expect(whyNoWasm()).toBe(undefined);
});
