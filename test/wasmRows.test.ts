// Rows that WebAssembly draws are those of the CPU reference, bit by bit.

import { expect, test } from "vitest";
import { batchAt, rowsOf } from "../src/backend/batches.ts";
import { Heap } from "../src/backend/wasm/heap.ts";
import { argumentWords, turnPlace, turnWords } from "../src/backend/wasm/passArguments.ts";
import { ThreadPool } from "../src/backend/wasm/pool.ts";
import { drawModule, drawWords, drawWordsOf, rowRuleOf } from "../src/backend/wasm/rowDraw.ts";
import { sgd } from "../src/index.ts";

const heap = new Heap({ isShared: false });
const pool = await ThreadPool.open({ heap, threads: 1, scratchBytes: 64 });
const none = new Float32Array();

const seeds = [0, 1, 7, 2 ** 31, 2 ** 40 + 3, 2 ** 53 - 1];

test.each([1, 2, 3, 13, 64, 1000, 65_537, 1_000_003])("%i rows", async (rowCount) => {
  for (const [shuffle, bootstrap, held] of [
    [true, false, 0],
    [false, true, 0],
    [true, true, 0],
    [true, false, 5],
    [false, false, 1],
    [true, true, 70_000],
  ] as const) {
    // Of rows behind those of an epoch as many are left out: from the first, from some in the middle, and those at the end.
    const from = seeds.map((_, member) => Math.floor((member * rowCount) / (seeds.length - 1)));
    const batchSize = Math.max(1, Math.min(37, rowCount - 1));
    const data = { inputs: none, targets: none };
    const optimizer = sgd({ learningRate: 0.1 });
    const perMember = { seed: seeds };
    const heldOut = held > 0 ? { heldOut: { rows: held, from } } : {};
    const settings = { data, optimizer, batchSize, shuffle, bootstrap, seed: 0, perMember, ...heldOut };
    const rule = rowRuleOf(settings, rowCount);
    const wordBytes = 4 * drawWords(rule);
    const module = new WebAssembly.Module(drawModule(rule, false).bytes);
    const [kernel] = await pool.addKernels([{ module, names: ["draw"] }]);
    const [turns, words, rows] = [
      heap.allocate(4 * turnWords),
      heap.allocate(wordBytes * seeds.length),
      4 * 40 * seeds.length,
    ];
    heap.writeWords(
      words,
      seeds.flatMap((_, member) => drawWordsOf(settings, member)),
    );
    const to = heap.allocate(rows);
    const places = { turns, rows: to, rowsMember: 4 * 40, seeds: words, rowCount };
    const args = heap.allocate(1024);
    heap.writeWords(args, argumentWords({ members: seeds.length, itemMembers: 4, ...places }));
    for (const step of [0, 1, 12_345, 5_000_000]) {
      const batch = batchAt(settings, rowCount, step);
      const record = heap.words(turns, turnWords);
      record[turnPlace.rows] = batch.batchSize;
      record[turnPlace.position] = batch.firstPosition;
      record[turnPlace.epoch] = batch.epoch;
      pool.runAlone({ phases: [{ items: 2, calls: [{ kernel: kernel!, args }] }] });
      for (const [member, seed] of seeds.entries()) {
        const drawn = heap.words(to + 4 * 40 * member, batch.batchSize);
        const wanted = rowsOf(batchAt(settings, rowCount, step, member));
        expect([...drawn], `seed ${seed}, step ${step}`).toEqual([...wanted]);
      }
    }
  }
});
