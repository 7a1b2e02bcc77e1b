// Lines among and below the rows that are not rows: repeated headers, footers, totals.

import { describe, expect, test } from "vitest";
import { type ReadOptions, readTable } from "../src/data.ts";

const rows = Array.from({ length: 12 }, (_, k) => `${k * 1.5},${k % 2 ? "oak" : "elm"},${k % 3 ? "wet" : "dry"}`);
const read = (lines: readonly string[], options: ReadOptions = {}) => readTable(lines.join("\n"), "t", options);
const notesOf = async (lines: readonly string[], options: ReadOptions = {}): Promise<string[]> => [
  ...(await read(lines, options)).notes,
];

describe("a header that is repeated, as where files were joined", () => {
  test("above numbers", async () => {
    const table = await read(["x,tree,soil", ...rows, "x,tree,soil", ...rows]);
    expect(table.rowCount).toBe(24);
    expect(table.rowName(12)).toBe("line 15");
    expect(table.notes).toEqual(["line 14 repeats the header and was skipped"]);
  });

  test("above texts, where the target is named; blanks and quotes do not count", async () => {
    const texts = rows.map((row) => row.replace(/^[^,]*,/, ""));
    const lines = ["tree,soil", ...texts, ' tree ,"soil"', ...texts, "tree,soil"];
    const table = await read(lines, { target: ["soil"] });
    expect(new Set(table.columns[1]!.cells)).toEqual(new Set(["wet", "dry"]));
    expect(table.notes).toEqual(["2 lines (14, 27) repeat the header and were skipped"]);
  });

  test("a row that has only some of the names stays", async () => {
    const table = await read(["x,tree,soil", ...rows, "7,tree,wet"]);
    expect([table.rowCount, table.notes]).toEqual([13, []]);
    expect((await read(["a", "1", "a", "2"], { header: "yes" })).rowCount).toBe(3);
    expect((await read(["0,1", "0,1", "5,6"], { header: "yes" })).rowCount).toBe(2);
  });

  test("without a header nothing is left out", async () => {
    expect((await read(["1,a,b", "2,a,b", "1,a,b"], { header: "no" })).rowCount).toBe(3);
  });
});

describe("sentences below the table", () => {
  test("are footers", async () => {
    const lines = ["x,tree,soil", ...rows, "", "", '"Data from: a bank of data, 2023"', "Last Updated: 04/08/2023", ""];
    const table = await read(lines);
    expect(table.rowCount).toBe(12);
    expect(table.notes).toEqual([
      'line 16 was skipped as a footer: "Data from: a bank of data, 2023"',
      'line 17 was skipped as a footer: "Last Updated: 04/08/2023"',
    ]);
  });

  test.each(["Berlin", "3.5", "(end)", "1.5,oak"])("%j is a truncated row", async (line) => {
    await expect(read(["x,tree,soil", ...rows, line])).rejects.toThrow(/line 14: expected 3 cells/);
  });

  test("in a table of two columns they are truncated rows", async () => {
    await expect(read(["x,y", "1,2", "3,4", "see below"])).rejects.toThrow(/line 4: expected 2 cells/);
  });
});

describe("a last row that sums up the others", () => {
  test.each(["Total", "Grand total", "TOTALS:", "Summe", "Average", "Sub-total"])("%s is named", async (word) => {
    expect(await notesOf(["x,tree,soil", ...rows, `99,${word},wet`])).toEqual([
      `line 14 may sum up the rows above ("${word}") and is read as one of them; remove it if it does`,
    ]);
  });

  test("a word that occurs in other rows is a category", async () => {
    const lines = ["x,kind,soil", "1,Total,wet", "2,part,wet", "3,part,dry", "4,Total,wet"];
    expect(await notesOf(lines)).toEqual([]);
    expect(await notesOf(["x,tree,soil", ...rows, "99,totally,wet"])).toEqual([]);
  });
});
