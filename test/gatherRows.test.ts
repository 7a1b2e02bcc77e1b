import fc from "fast-check";
import { expect, test } from "vitest";
import { rowsOf } from "../src/backend/batches.ts";
import { dense, network } from "../src/graph/network.ts";
import { pageBlock } from "../src/backend/webgpu/kernels.ts";
import { poisoned } from "./support/compare.ts";
import { batchOf, runKernel, stepSlot } from "./support/kernelRun.ts";
import { cases } from "./support/shapes.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();

interface Case {
  readonly rowCount: number;
  readonly width: number;
  readonly pageRows: number;
  /** Rows of the chunk, at most what the batch holds. */
  readonly rows: number;
  readonly shuffle: boolean;
  readonly seed: number;
}

const whole = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });

/** Gathers one chunk from every page, the last first, so that no page can repair what another did. Row r of the data holds r · width, r · width + 1, … */
async function tryGather({ rowCount, width, pageRows, rows: wantedRows, shuffle, seed }: Case): Promise<void> {
  const batchSize = Math.ceil(rowCount / 2);
  const rows = Math.min(wantedRows, batchSize - Math.min(2, batchSize - 1));
  const firstRow = Math.min(2, batchSize - rows);
  const step = { network: whole, rows, rowCount, batchSize, shuffle, seed, firstRow };
  let gathered = poisoned((rows + 3) * width);
  const canaries = gathered.subarray(rows * width).slice();
  for (let first = pageRows * (Math.ceil(rowCount / pageRows) - 1); first >= 0; first -= pageRows) {
    const length = Math.min(pageRows, rowCount - first) * width;
    const page = Uint32Array.from({ length }, (_, at) => first * width + at);
    const results = await runKernel(device(), {
      name: "gatherRows",
      constants: { SHUFFLES: batchOf(step).shuffled ? 1 : 0 },
      step: stepSlot(step),
      uniform: pageBlock(first, page.length / width, width),
      storage: [page, gathered],
      invocations: rows * width,
      members: 1,
    });
    gathered = results[1]!.slice();
  }
  const sources = rowsOf(batchOf(step)).subarray(firstRow, firstRow + rows);
  const wanted = Uint32Array.from(
    { length: rows * width },
    (_, at) => sources[Math.floor(at / width)]! * width + (at % width),
  );
  const shape = `${rowCount} rows of ${width} in pages of ${pageRows}, chunk of ${rows}, ${shuffle ? "shuffled" : "in order"}`;
  expect(gathered.subarray(0, rows * width), shape).toEqual(wanted);
  expect(gathered.subarray(rows * width), `${shape}: behind the chunk`).toEqual(canaries);
}

const someCase = fc.record({
  rowCount: fc.integer({ min: 1, max: 300 }),
  width: fc.constantFrom(1, 3, 17, 64, 65),
  pageRows: fc.constantFrom(1000, 64, 100, 299),
  rows: fc.constantFrom(1, 5, 63, 64, 65),
  shuffle: fc.boolean(),
  seed: fc.nat(1000),
});

test("gatherRows copies exactly the rows that the batch draws, from whichever page", async () => {
  const examples = [
    [{ rowCount: 2, width: 1, pageRows: 1, rows: 1, shuffle: true, seed: 1 }],
    [{ rowCount: 7, width: 3, pageRows: 1, rows: 4, shuffle: true, seed: 2 }],
    [{ rowCount: 5000, width: 1, pageRows: 2048, rows: 2500, shuffle: true, seed: 3 }],
  ];
  await fc.assert(fc.asyncProperty(someCase, tryGather), cases(120, examples));
});

test("65,535 workgroups ± 1, and more than one dimension of them holds, work to the last value", async () => {
  for (const rows of [65_534 * 64, 65_535 * 64, 65_535 * 64 + 1, 65_536 * 64 + 65]) {
    const values = Uint32Array.from({ length: rows }, (_, row) => row ^ 0x5a5a5a);
    const [, gathered] = await runKernel(device(), {
      name: "gatherRows",
      constants: { SHUFFLES: 0 },
      step: stepSlot({ network: whole, rows }),
      uniform: pageBlock(0, rows, 1),
      storage: [values, poisoned(rows + 64)],
      invocations: rows,
      members: 1,
    });
    const wrong = values.findIndex((value, row) => gathered![row] !== value);
    expect(wrong, `${rows} values`).toBe(-1);
    expect(gathered!.subarray(rows)).toEqual(poisoned(64));
  }
});
