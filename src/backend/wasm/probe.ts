import type { WasmMachine } from "./costModel.ts";
import type { WasmDevice } from "./device.ts";
import { f32x4, i32 } from "./instructions.ts";
import { memoryImport } from "./heap.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import { Program } from "./program.ts";
import { remembered } from "./remembered.ts";
import { hasRelaxedSimd } from "./support.ts";
import type { Value } from "./value.ts";

/** Chains that do not wait for each other: more than a processor has operations under way. */
const chains = 12;
const chainTurns = 4096;
const streamPages = 64;
/** Memory that is read and written before the clock is looked at again. */
const sliceBytes = 2 ** 18;
/** Time for each of two loops. Engines compile them again, for speed, while they run. */
const loopMs = 5;
const phases = 256;

type Loop = (operand: number) => void;

function createLoops(): { compute: Loop; stream: Loop } {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "host", name: "memory", initialPages: streamPages });
  const madd = (a: Value<"f32x4">, x: Value<"f32x4">, y: Value<"f32x4">): Value<"f32x4"> =>
    hasRelaxedSimd() ? f32x4.relaxedMadd(a, x, y) : f32x4.add(f32x4.mul(a, x), y);
  const compute = builder.function({ parameters: ["i32"] }, (body, turns) => {
    const x = body.let(f32x4.splat(0.5));
    const y = body.let(f32x4.splat(1));
    const sums = Array.from({ length: chains }, () => body.variable("f32x4", f32x4.splat(1)));
    body.for({ from: 0, to: turns }, () => {
      for (const sum of sums) body.set(sum, madd(sum, x, y));
    });
    sums.forEach((sum, at) => body.store(0, sum, 16 * at));
  });
  const stream = builder.function({ parameters: ["i32"] }, (body, from) => {
    const one = body.let(f32x4.splat(1));
    body.for({ from, to: i32.add(from, sliceBytes), by: 64 }, (address) => {
      for (let at = 0; at < 64; at += 16) body.store(address, f32x4.add(f32x4.load(address, at), one), at);
    });
  });
  builder.export("compute", compute);
  builder.export("stream", stream);
  const memory = new WebAssembly.Memory({ initial: streamPages });
  new Uint8Array(memory.buffer).fill(1); // the host gives pages when they are first written
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(builder.encode()), { host: { memory } });
  return exports as { compute: Loop; stream: Loop };
}

/** The least time of a loop in milliseconds: whatever else runs on the machine only makes it longer. */
function leastMs(loop: Loop, operands: readonly number[]): number {
  const endMs = performance.now() + loopMs;
  let least = Number.POSITIVE_INFINITY;
  let at = 0;
  for (let startMs = performance.now(); startMs < endMs;) {
    loop(operands[at++ % operands.length]!);
    const nowMs = performance.now();
    least = Math.min(least, Math.max(1e-3, nowMs - startMs)); // clocks of pages are coarse
    startMs = nowMs;
  }
  return least;
}

let loops: Pick<WasmMachine, "flops" | "bytesPerSecond"> | undefined;

/** Runs the loops once per process: 15 ms. */
function probeLoops(): Pick<WasmMachine, "flops" | "bytesPerSecond"> {
  if (loops) return loops;
  const { compute, stream } = createLoops();
  const slices = Array.from({ length: (streamPages * 2 ** 16) / sliceBytes }, (_, at) => at * sliceBytes);
  loops = {
    flops: (8 * chains * chainTurns * 1000) / leastMs(compute, [chainTurns]),
    bytesPerSecond: (2 * sliceBytes * 1000) / leastMs(stream, slices),
  };
  return loops;
}

/** Phases of items that do nothing, one for each thread. */
async function probePhase({ heap, pool }: WasmDevice): Promise<number> {
  if (pool.threads === 1) return 0;
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(heap.isShared));
  const nothing = builder.kernel(() => {});
  builder.export("nothing", nothing);
  const module = new WebAssembly.Module(builder.encode());
  const [kernel] = await pool.addKernels([{ module, names: ["nothing"] }]);
  const program = new Program(heap, [{ items: pool.threads, calls: [{ kernel: kernel!, args: 0 }] }]);
  try {
    const startMs = performance.now();
    await pool.run(program, phases);
    return (performance.now() - startMs) / phases;
  } finally {
    program.dispose();
  }
}

const known = new WeakMap<WasmDevice, Promise<WasmMachine>>();

/** Measures the host, once for a device: 15 ms in this thread, and a hand-over to the others. */
export const machineOf = (device: WasmDevice): Promise<WasmMachine> =>
  remembered(known, device, async () => {
    const phaseMs = await probePhase(device);
    return { threads: device.pool.threads, phaseMs, ...probeLoops() };
  });
