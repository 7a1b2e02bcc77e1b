// Values such as -999 that stand for missing cells: named in a note, never taken as missing without the user's word.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepare, readTable } from "../src/data.ts";

const textOf = (cells: readonly (string | number)[]): string =>
  ["a,b,y", ...cells.map((cell, k) => `${cell},${((k * 31) % 17) + 0.5},${(k * k * 0.37) % 11}`)].join("\n");

async function reportOf(cells: readonly (string | number)[], missing?: readonly string[]) {
  const table = await readTable(textOf(cells), "t", missing ? { missing } : {});
  return prepare(table, { target: "y", task: "regression", columns: ["a", "b"] });
}
const noteOf = async (cells: readonly (string | number)[]): Promise<string | undefined> =>
  (await reportOf(cells)).report.notes.find((note) => note.startsWith('"a"') && note.includes("outside"));

/** 60 cells, of which those at multiples of `step` are `value`. */
const mixed = (valueOf: (k: number) => string | number, value: string | number, step = 9): (string | number)[] =>
  Array.from({ length: 60 }, (_, k) => (k % step === 0 ? value : valueOf(k)));
const amount = (k: number): string => (20 + ((k * 7919) % 1000) / 100).toFixed(2);
const day = (k: number): string => new Date(Date.UTC(2021, 0, 1 + ((k * 37) % 700))).toISOString().slice(0, 10);

describe("a note names", () => {
  test.each<[string, (string | number)[], RegExp]>([
    ["-999 among amounts", mixed(amount, -999), /^"a": "-999" in 7 cells, outside the other numbers, 20.\d+ to 29.\d+, may mean a missing value; --missing "default,-999" reads it as missing$/], // prettier-ignore
    ["9999 above them", mixed(amount, 9999), /"9999" in 7 cells/],
    ["999.9, as weather stations write it", mixed(amount, "999.9"), /"999.9" in 7 cells/],
    ["-999.25, as well logs have it", mixed(amount, "-999.2500"), /--missing "default,-999.2500" reads it as missing$/],
    ["-200, as sensors write it", mixed(amount, -200), /"-200" in 7 cells/],
    ["1e20, as climate models write it", mixed(amount, "1e20"), /"1e20" in 7 cells/],
    ["the limit of an integer", mixed((k) => (k * 37) % 500, -2147483648), /"-2147483648" in 7 cells/],
    ["two spellings of one", mixed(amount, "-99.0").with(1, "-99"), /"-99.0", "-99" in 8 cells.*--missing "default,-99.0,-99" reads them as missing$/], // prettier-ignore
    ["98 and 99 of a questionnaire", mixed((k) => 1 + (k % 7), 99).with(1, 98).with(2, 98).with(3, 98), /"99", "98" in 10 cells/], // prettier-ignore
    ["-1 that is most frequent, and the only negative number", mixed((k) => (k * 37) % 500, -1, 3), /"-1" in 20 cells/],
    ["-99 below numbers of any size", mixed((k) => (k * 7919) % 100_000, -99), /"-99" in 7 cells/],
    [
      "99999 that is much more frequent than any other",
      mixed((k) => (k * 7919) % 99_000, 99_999),
      /"99999" in 7 cells/,
    ],
    ["1900-01-01 among dates", mixed(day, "1900-01-01"), /outside the other dates, 2021-01-0\d to 2022-1\d-\d\d, may .* --missing "default,1900-01-01" reads it as missing$/], // prettier-ignore
    ["9999-12-31 among dates", mixed(day, "9999-12-31"), /"9999-12-31" in 7 cells/],
  ])("%s", async (_, cells, pattern) => expect(await noteOf(cells)).toMatch(pattern));

  test("what the advice turns into missing cells; without it nothing changes", async () => {
    const cells = mixed(amount, -999);
    const note = (await noteOf(cells))!;
    const before = (await reportOf(cells)).preprocessing.inputs[0]!;
    expect(before).toMatchObject({ kind: "number" });
    expect((before as { mean: number }).mean).toBeLessThan(0);
    const { preprocessing, report } = await reportOf(cells, /--missing "([^"]*)"/.exec(note)![1]!.split(","));
    expect((preprocessing.inputs[0] as { mean: number }).mean).toBeGreaterThan(20);
    expect(report.missing).toEqual([{ name: "a", cells: 7 }]);
    expect(report.notes.join()).not.toContain("outside");
  });

  test("a sentinel of any size outside any range", async () => {
    const nines = fc.integer({ min: 2, max: 6 }).map((digits) => Number("9".repeat(digits)));
    await fc.assert(
      fc.asyncProperty(nines, fc.boolean(), fc.double({ min: 0.001, max: 0.5, noNaN: true }), async (size, low, share) => {
        const value = low ? -size : size;
        const note = await noteOf(mixed((k) => (((k * 7919) % 997) / 997) * size * share, value));
        expect(note).toContain(`"${value}" in 7 cells`);
      }),
      { numRuns: 40 },
    ); // prettier-ignore
  });
});

describe("no note on", () => {
  test.each<[string, (string | number)[]]>([
    ["a single -999", mixed(amount, 25).with(3, -999)],
    ["99 among percentages", mixed((k) => (k * 37) % 101, 99)],
    ["ages up to 99", mixed((k) => 18 + ((k * 37) % 80), 99, 20)],
    ["-1, 0 and 1", mixed((k) => k % 2, -1)],
    ["-1 among whole temperatures", mixed((k) => (k * 37) % 25, -1, 20)],
    ["-9 among numbers of both signs", mixed((k) => ((k * 37) % 100) - 8, -9, 20)],
    ["large amounts that end in 99", mixed((k) => 100 + ((k * 7919) % 2000), 1999)],
    ["an outlier that is no sentinel", mixed(amount, 5000)],
    ["prices", mixed((k) => ((k * 37) % 200) + 0.99, 99.99)],
    ["numbers as they come", mixed(amount, 25)],
    ["dates from 1970 on", mixed(() => "1970-01-01", "1970-01-02")],
  ])("%s", async (_, cells) => expect(await noteOf(cells)).toBeUndefined());
});
