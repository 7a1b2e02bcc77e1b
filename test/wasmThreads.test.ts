// Threads of the WebAssembly backend: order of phases, the same results for any number of threads, faults, and what dispose leaves.

import { afterEach, expect, test } from "vitest";
import { Disposed, ThalwegError, ThreadFailed } from "../src/errors.ts";
import { Heap, memoryImport } from "../src/backend/wasm/heap.ts";
import { i32 } from "../src/backend/wasm/instructions.ts";
import { ModuleBuilder } from "../src/backend/wasm/moduleBuilder.ts";
import { ThreadPool } from "../src/backend/wasm/pool.ts";
import { type KernelHandle, Program } from "../src/backend/wasm/program.ts";
import { constant } from "../src/backend/wasm/value.ts";
import { hasThreads } from "../src/backend/wasm/workerHost.ts";
import { withWorkers } from "./support/workers.ts";

const scratchBytes = 1024;
const open: { pool: ThreadPool; heap: Heap }[] = [];

async function openPool(threads: number): Promise<{ pool: ThreadPool; heap: Heap }> {
  const heap = new Heap({ isShared: threads > 1 && hasThreads() });
  const pool = await ThreadPool.open({ heap, threads, scratchBytes });
  open.push({ pool, heap });
  return { pool, heap };
}

afterEach(async () => {
  for (const { pool, heap } of open.splice(0)) {
    await pool.dispose();
    expect(heap.usedBytes).toBe(0);
  }
});

/** Words that the arguments of the kernels below address: a first word, then their number. */
function kernels(isShared: boolean): { module: WebAssembly.Module; names: string[] } {
  const builder = new ModuleBuilder();
  builder.importMemory(memoryImport(isShared));
  const parameters = ["i32", "i32", "i32", "i32"] as const;
  // word[item] = 3 · word[item] + item + turn
  const scale = builder.function({ parameters }, (body, ...[args, item, , turn]) => {
    const address = body.let(i32.add(i32.load(args), i32.shl(item, 2)));
    const scaled = i32.mul(i32.load(address), 3);
    body.store(address, i32.add(scaled, i32.add(item, turn)));
  });
  // words[count + item] = the sum of the first `count` words, plus item: needs all of the phase before
  const sum = builder.function({ parameters }, (body, args, item, scratch) => {
    const first = body.let(i32.load(args));
    const end = body.let(i32.add(first, i32.shl(i32.load(args, 4), 2)));
    body.store(scratch, i32.add(item, 0));
    body.for({ from: first, to: end, by: 4 }, (at) => {
      body.store(scratch, i32.add(i32.load(scratch), i32.load(at)));
    });
    body.store(i32.add(end, i32.shl(item, 2)), i32.load(scratch));
  });
  // the first words take up the sums
  const spread = builder.function({ parameters }, (body, args, item) => {
    const address = body.let(i32.add(i32.load(args), i32.shl(item, 2)));
    const bytes = i32.shl(i32.load(args, 4), 2);
    body.store(address, i32.xor(i32.load(address), i32.load(i32.add(address, bytes))));
  });
  const trap = builder.function({ parameters }, (body, _args, item) =>
    body.store(0, i32.divU(1, i32.eqz(i32.eq(item, 5)))),
  );
  // never comes back in a worker, and in the caller when a worker is at it; args: scratch memory of the caller, a flag
  const hang = builder.function({ parameters }, (body, args, _item, scratch) => {
    body.if(i32.ne(scratch, i32.load(args)), () => {
      body.store(args, constant("i32", 1), 4);
      body.loop((label) => body.branch(label));
    });
    body.loop((label) => body.branchIf(label, i32.eqz(i32.load(args, 4))));
  });
  // tells the scratch memory of the thread that runs it
  const where = builder.function({ parameters }, (body, args, _item, scratch) => body.store(args, scratch));
  const functions = { scale, sum, spread, trap, hang, where };
  for (const [name, callable] of Object.entries(functions)) builder.export(name, callable);
  return { module: new WebAssembly.Module(builder.encode()), names: Object.keys(functions) };
}

const count = 37;

async function prepare(threads: number) {
  const { pool, heap } = await openPool(threads);
  const [scale, sum, spread, trap] = (await pool.addKernels([kernels(heap.isShared)])) as [
    KernelHandle,
    KernelHandle,
    KernelHandle,
    KernelHandle,
  ];
  const words = heap.allocate(4 * 2 * count);
  const args = heap.allocate(8);
  heap.words(args, 2).set([words, count]);
  heap.words(words, 2 * count).fill(1);
  const phases = [scale, sum, spread].map((kernel) => ({ items: count, calls: [{ kernel, args }] }));
  const program = new Program(heap, phases);
  const faulty = new Program(heap, [{ items: 20, calls: [{ kernel: trap, args }] }]);
  const read = () => [...heap.words(words, 2 * count)];
  const release = () => {
    program.dispose();
    faulty.dispose();
    heap.release(words);
    heap.release(args);
  };
  return { pool, heap, program, faulty, read, release };
}

/** The same in JavaScript. */
function expected(turns: number): number[] {
  const words = new Int32Array(2 * count).fill(1);
  for (let turn = 0; turn < turns; turn++) {
    for (let item = 0; item < count; item++) words[item] = Math.imul(3, words[item]!) + item + turn;
    const sum = words.subarray(0, count).reduce((all, word) => (all + word) | 0, 0);
    for (let item = 0; item < count; item++) words[count + item] = sum + item;
    for (let item = 0; item < count; item++) words[item]! ^= words[count + item]!;
  }
  return [...words];
}

for (const threads of [1, 2, 3, 5]) {
  test(`${threads} threads run 500 turns of three phases in order`, async () => {
    const { pool, program, read, release } = await prepare(threads);
    expect(pool.threads).toBe(hasThreads() ? threads : 1);
    await pool.run(program, 500);
    expect(read()).toEqual(expected(500));
    release();
  });
}

test("many short runs, requested at once, take their turns", async () => {
  const { pool, program, heap, read, release } = await prepare(3);
  const runs = Array.from({ length: 200 }, () => pool.run(program, 1));
  await Promise.all(runs);
  const once = read();
  heap.words(heap.words(program.phases[0]!.calls[0]!.args, 1)[0]!, 2 * count).fill(1);
  for (let run = 0; run < 200; run++) pool.runAlone(program, 1);
  expect(once).toEqual(read());
  release();
});

test("the caller alone computes the same", async () => {
  const { pool, program, read, release } = await prepare(2);
  pool.runAlone(program, 50);
  expect(read()).toEqual(expected(50));
  release();
});

test("workers see memory that has grown, and kernels that came later", async () => {
  const { pool, heap, program, read, release } = await prepare(3);
  await pool.run(program, 2);
  const large = heap.allocate(20 * 2 ** 20);
  const args = heap.allocate(8);
  heap.words(args, 2).set([large + 19 * 2 ** 20, count]);
  const [scale] = await pool.addKernels([kernels(heap.isShared)]);
  const later = new Program(heap, [{ items: 3000, calls: [{ kernel: scale!, args }] }]);
  await pool.run(later);
  expect([...heap.words(large + 19 * 2 ** 20, 3000)]).toEqual(Array.from({ length: 3000 }, (_, item) => item));
  expect(read()).toEqual(expected(2));
  later.dispose();
  heap.release(large);
  heap.release(args);
  release();
});

test("a kernel that traps is a typed error, and the pool works on", async () => {
  const { pool, program, faulty, read, release } = await prepare(3);
  for (let again = 0; again < 3; again++) {
    const error = await pool.run(faulty).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ThreadFailed);
    expect((error as ThreadFailed).message).toMatch(/divide by zero/);
  }
  expect(() => pool.runAlone(faulty)).toThrow(ThreadFailed);
  await pool.run(program, 3);
  expect(read()).toEqual(expected(3));
  release();
});

test.runIf(hasThreads())("a worker that dies in the middle of a run is a typed error", () =>
  withWorkers(async (workers) => {
    const { pool, heap, program, release } = await prepare(3);
    const args = heap.allocate(8);
    heap.words(args, 2).fill(0);
    const [, , , , hang, where] = await pool.addKernels([kernels(heap.isShared)]);
    const [hanging, telling] = [hang!, where!].map(
      (kernel) => new Program(heap, [{ items: 20, calls: [{ kernel, args }] }]),
    );
    pool.runAlone(telling!);
    const running = pool.run(hanging!).catch((reason: unknown) => reason);
    setTimeout(() => workers[0]!.crash(), 50);
    expect(await running).toBeInstanceOf(ThreadFailed);
    await expect(pool.run(program)).rejects.toThrow(ThreadFailed); // the pool is of no use from now on
    hanging!.dispose();
    telling!.dispose();
    heap.release(args);
    release();
  }),
);

test.runIf(hasThreads())("dispose leaves no worker behind, also in the middle of a run", () =>
  withWorkers(async (workers) => {
    const { pool, heap, release } = await prepare(4);
    const args = heap.allocate(8);
    heap.words(args, 2).fill(0);
    const [, , , , hang, where] = await pool.addKernels([kernels(heap.isShared)]);
    const [hanging, telling] = [hang!, where!].map(
      (kernel) => new Program(heap, [{ items: 20, calls: [{ kernel, args }] }]),
    );
    pool.runAlone(telling!);
    const running = pool.run(hanging!).catch((reason: unknown) => reason);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.dispose();
    expect(await running).toBeInstanceOf(ThalwegError);
    expect(workers.length).toBeGreaterThanOrEqual(3);
    expect(workers.filter((worker) => !worker.isGone())).toEqual([]);
    hanging!.dispose();
    telling!.dispose();
    heap.release(args);
    release();
  }),
);

test.runIf(hasThreads())("workers that cannot start leave one thread, which says why", async () => {
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  const host = (threads ?? globalThis) as { Worker: unknown };
  const { Worker } = host;
  host.Worker = function refuse(): never {
    throw new Error("refused by the policy of the page");
  };
  try {
    const { pool, program, read, release } = await prepare(3);
    expect(pool.threads).toBe(1);
    expect(pool.fallbackReason).toMatch(/refused by the policy/);
    await pool.run(program, 5);
    expect(read()).toEqual(expected(5));
    release();
  } finally {
    host.Worker = Worker;
  }
});

test("after dispose a run is refused", async () => {
  const { pool, program, release } = await prepare(2);
  await pool.dispose();
  await expect(pool.run(program)).rejects.toThrow(Disposed);
  expect(() => pool.runAlone(program)).toThrow(Disposed);
  release();
});

test("without shared memory there is one thread, and it says why", async () => {
  const heap = new Heap({ isShared: false });
  const pool = await ThreadPool.open({ heap, threads: 4, scratchBytes });
  open.push({ pool, heap });
  expect(pool.threads).toBe(1);
  expect(pool.fallbackReason).toMatch(/shared/i);
});
