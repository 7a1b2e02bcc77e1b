// What one core can do at best in a page: four-lane arithmetic in registers, and memory in the nearest cache.
// WebAssembly by hand, since no JavaScript loop shows what a wasm contender may reach.

const opcode = {
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  f32Const: 0x43,
  i32Sub: 0x6b,
  empty: 0x40,
} as const;
const i32 = 0x7f;
const f32 = 0x7d;
const v128 = 0x7b;
const simd = (code: number): number[] => [0xfd, ...unsigned(code)];
const load = (offset: number): number[] => [...simd(0x00), 4, ...unsigned(offset)];
const store = (offset: number): number[] => [...simd(0x0b), 4, ...unsigned(offset)];
const splat = simd(0x13);
const firstLane = [...simd(0x1f), 0];
const add = simd(0xe4);
const multiply = simd(0xe6);
const fusedMultiplyAdd = simd(0x105);

/** LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)];
}

const section = (id: number, body: number[]): number[] => [id, ...unsigned(body.length), ...body];
const get = (index: number): number[] => [opcode.localGet, ...unsigned(index)];
const set = (index: number): number[] => [opcode.localSet, ...unsigned(index)];
const constant = (value: number): number[] => [opcode.f32Const, ...new Uint8Array(Float32Array.of(value).buffer)];

const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** `(func (param rounds i32) (result f32))` around a body, with so many locals of v128 behind one i32. */
function moduleOf(vectors: number, body: number[]): Uint8Array<ArrayBuffer> {
  const code = [2, 1, i32, ...unsigned(vectors), v128, ...body, opcode.end];
  return Uint8Array.from([
    ...magic,
    ...section(1, [1, 0x60, 1, i32, 1, f32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 2]),
    ...section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** Counts local 0 down to 0 around `body`. */
const countedLoop = (body: number[]): number[] => [
  opcode.loop,
  opcode.empty,
  ...body,
  ...get(0),
  opcode.i32Const,
  1,
  opcode.i32Sub,
  opcode.localTee,
  0,
  opcode.brIf,
  0,
  opcode.end,
];

const chains = 10;
const repeats = 8;

/** `rounds` × 8 × 10 independent multiply-adds of four values. */
function arithmetic(isFused: boolean): Uint8Array<ArrayBuffer> {
  const [factor, shift, first] = [2, 3, 4];
  const names = Array.from({ length: chains }, (_, index) => first + index);
  const step = (name: number): number[] =>
    isFused
      ? [...get(name), ...get(factor), ...get(shift), ...fusedMultiplyAdd, ...set(name)]
      : [...get(name), ...get(factor), ...multiply, ...get(shift), ...add, ...set(name)];
  const body = Array.from({ length: repeats }, () => names.flatMap(step)).flat();
  const sum = names.slice(1).reduce((code, name) => [...code, ...get(name), ...add], get(first));
  const start = [...constant(0.999), ...splat, ...set(factor), ...constant(0.001), ...splat, ...set(shift)];
  return moduleOf(first + chains, [...start, ...countedLoop(body), ...sum, ...firstLane]);
}

const streamBytes = 8192;

/** `rounds` × c = a + b over arrays of 8 KiB: 48 bytes moved for every four values. */
function stream(): Uint8Array<ArrayBuffer> {
  const one = (index: number): number[] => {
    const left = [...get(1), ...load(16 * index)];
    const right = [...get(1), ...load(streamBytes + 16 * index)];
    return [...get(1), ...left, ...right, ...add, ...store(2 * streamBytes + 16 * index)];
  };
  const body = Array.from({ length: streamBytes / 16 }, (_, index) => one(index)).flat();
  return moduleOf(1, [...countedLoop(body), ...get(2), ...firstLane]); // local 1, the address, is 0 from the start
}

type Probe = (rounds: number) => number;

async function instantiate(bytes: Uint8Array<ArrayBuffer>): Promise<Probe> {
  const { instance } = await WebAssembly.instantiate(bytes);
  return instance.exports["run"] as Probe;
}

/** Best rate of several runs of at least `leastMs`. @returns rounds per second */
function rateOf(probe: Probe, leastMs: number): number {
  let rounds = 1000;
  let best = 0;
  for (let attempt = 0; attempt < 12; attempt++) {
    const startMs = performance.now();
    probe(rounds);
    const ms = performance.now() - startMs;
    if (ms < leastMs) rounds *= 4;
    else best = Math.max(best, (1000 * rounds) / ms);
  }
  return best;
}

/** Rates of this thread: multiply-add counts 2. */
export async function measureCore(): Promise<{ flopsPerSecond: number; bytesPerSecond: number }> {
  const fused = arithmetic(true);
  const compute = await instantiate(WebAssembly.validate(fused) ? fused : arithmetic(false));
  const move = await instantiate(stream());
  return {
    flopsPerSecond: rateOf(compute, 5) * chains * repeats * 4 * 2,
    bytesPerSecond: rateOf(move, 5) * 3 * streamBytes,
  };
}
