import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeInputs, inputWidth, outputWidth, prepare, tableFromRows, toPredictions } from "../src/data.ts";
import { readTableAtOnce as readTable } from "../src/data/readTable.ts";
import { ThalwegError } from "../src/errors.ts";
import { testInFull } from "./support/share.ts";

/** Runs `action`; errors other than ours fail the test. */
async function survive<T>(action: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof ThalwegError)) throw error;
    expect(error.message).not.toMatch(/undefined/);
    return undefined;
  } finally {
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  }
}

const names = fc.constantFrom("x", "y", "__proto__", "constructor", "a b", "", "1", "ü");
const scalar = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("a", "b", "", "NA", "NaN", "Infinity", "1", "1e999", " 2 ", "0x10"),
  fc.string(),
);
const csvText = fc
  .array(
    fc.array(fc.oneof({ arbitrary: fc.constantFrom("1", "2", "x", "", "NA", '"', "\n", ","), weight: 3 }, fc.string())),
  )
  .map((rows) => rows.map((row) => row.join(",")).join("\n"));

describe("tables", () => {
  testInFull("any text is read or refused by name", async () => {
    const text = fc.oneof(csvText, fc.string({ unit: "binary" }), fc.json());
    await fc.assert(
      fc.asyncProperty(text, names, async (content, target) => {
        const table = await survive(() => readTable(content, "t"));
        if (table) await survive(() => prepare(table, { target }));
      }),
      { numRuns: 1000 },
    );
  });

  testInFull("any bytes are read or refused by name", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        async (bytes) => void (await survive(() => readTable(bytes, "t"))),
      ),
      { numRuns: 1000 },
    );
  });

  testInFull("whatever is prepared is finite and of the width that is reported", async () => {
    const rows = fc.array(fc.dictionary(names, scalar, { noNullPrototype: false }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(rows, names, fc.boolean(), async (content, target, binary) => {
        const table = await survive(() => tableFromRows(content));
        const prepared = table && (await survive(() => prepare(table, { target, binary })));
        if (!table || !prepared) return;
        const { preprocessing, training, validation, trainingRows, validationRows, report } = prepared;
        expect(trainingRows + validationRows + report.droppedRows).toBe(content.length);
        expect(training.inputs.length).toBe(trainingRows * inputWidth(preprocessing));
        expect(training.targets.length).toBe(trainingRows * outputWidth(preprocessing));
        for (const data of [training, validation]) {
          for (const value of [...(data?.inputs ?? []), ...(data?.targets ?? [])])
            expect(value).toSatisfy(Number.isFinite);
        }
        const again: typeof preprocessing = JSON.parse(JSON.stringify(preprocessing));
        expect(again).toEqual(preprocessing);
        const encoded = await survive(() => encodeInputs(again, table)); // refused when a row without target holds text
        if (encoded) expect(encoded.rows.length).toBeGreaterThanOrEqual(trainingRows + validationRows);
      }),
      { numRuns: 1000 },
    );
  });

  test("numbers survive standardising and back", async () => {
    const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(numbers, async (values) => {
        const largest = Math.max(...values.map(Math.abs));
        fc.pre(new Set(values).size > 1 && largest > 1e-100);
        const { preprocessing, training } = await prepare(tableFromRows(values.map((y, k) => ({ x: k, y }))), {
          target: "y",
          task: "regression",
          validation: 0,
        });
        const back = toPredictions(preprocessing, training.targets, 1);
        if (back.kind !== "number") throw new Error("numbers expected");
        for (const [row, value] of values.entries()) {
          expect(Math.abs(back.values[row]! - value)).toBeLessThanOrEqual(2 ** -22 * largest * values.length);
        }
      }),
    );
  });

  testInFull("CSV and JSON of the same rows give the same data", async () => {
    const row = fc.record({ x: fc.integer(), site: fc.constantFrom("a", "b", "c"), y: fc.constantFrom("p", "q") });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 4, maxLength: 40 }), async (rows) => {
        const csv = ["x,site,y", ...rows.map(({ x, site, y }) => `${x},${site},${y}`)].join("\n");
        const outcome = async (text: string) => {
          const prepared = await survive(async () => prepare(await readTable(text, "t"), { target: "y" }));
          return prepared && { ...prepared, report: undefined };
        };
        expect(await outcome(csv)).toEqual(await outcome(JSON.stringify(rows)));
      }),
    );
  });
});
