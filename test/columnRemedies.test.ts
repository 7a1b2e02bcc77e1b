// What a table's faults are answered with: the layout, the words of a column, the names of others.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepare, readTable } from "../src/data.ts";

const rows = Array.from({ length: 30 }, (_, row) => [row * 1.5, (row * 7) % 11, row + 0.25]);
const textOf = (separator: string, quoted = false): string =>
  [["a", "b", "size"], ...rows]
    .map((cells) => (quoted ? `"${cells.join(separator)}"` : cells.join(separator)))
    .join("\n");

const failure = async (text: string, options: object = {}): Promise<string> => {
  const table = await readTable(text, "t", options);
  return prepare(table, { target: "size" }).then(
    () => "none",
    (error: Error) => error.message,
  );
};

describe("an unknown target names the layout", () => {
  test.each(["^", "~", "/"])("separated by %s", async (separator) => {
    expect(await failure(textOf(separator))).toContain(
      `got "size"; the lines are one cell each, and hold "${separator}": pass --separator "${separator}"`,
    );
    const table = await readTable(textOf(separator), "t", { separator });
    expect(table.columns.map(({ name }) => name)).toEqual(["a", "b", "size"]);
  });

  test("lines in quotes", async () => {
    expect(await failure(textOf(",", true))).toMatch(
      /got "size"; every line is one cell in quotes that holds ",": remove the quotes around the lines$/,
    );
  });

  test("a separator that does not occur", async () => {
    expect(await failure(textOf(","), { separator: ";" })).toMatch(
      /; the lines are one cell each, and hold ",": pass --separator ",", or remove quotes/,
    );
    expect(await failure(textOf("\t"), { separator: ";" })).toMatch(/pass --separator tab$/);
  });

  test("another name, where the layout is right", async () => {
    expect(await failure(textOf(",").replace("size", "sise"))).toMatch(/did you mean "sise"\? choose one/);
  });
});

describe("a column of numbers with words", () => {
  const table = (words: readonly string[]): string =>
    ["a,size", ...rows.map(([a, , size], row) => `${words[row] ?? a},${size}`)].join("\n");
  const lineOf = async (words: readonly string[], options: object = {}): Promise<string> =>
    failure(table(words), options);

  test("all words at once, and the default ones stay", async () => {
    expect(await lineOf(["TBD", "1", "late", "2", "TBD"])).toMatch(
      /line 2, column "a": expected a number, got "TBD"; correct the cells \(2 different texts\), pass --missing "default,TBD,late" if that means a missing value, or ignore this column$/,
    );
    expect(await lineOf(["TBD", "gone"], { missing: ["default", "gone"] })).toContain('--missing "default,gone,TBD"');
    expect(await lineOf(["TBD", "gone"], { missing: ["gone"] })).toContain('--missing "gone,TBD"');
    expect(await lineOf(['a"b'])).not.toContain("--missing");
  });

  test("what the advice says is enough", async () => {
    const word = fc.stringMatching(/^[a-z]{3,8} ?[A-Z]{0,3}$/);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(word, { minLength: 1, maxLength: 6 }), async (words) => {
        const message = await lineOf(words);
        const [, advice] = /--missing "([^"]*)"/.exec(message) ?? [];
        if (message === "none") return; // all of them are missing words already
        expect(advice, message).toBeDefined();
        expect(await lineOf(words, { missing: advice!.split(",") })).toBe("none");
      }),
      { numRuns: 30 },
    );
  });
});
