// What a table's faults are answered with: the layout, the words of a column, the names of others.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeInputs, encodeTable, prepare, readTable, tableFromRows } from "../src/data.ts";
import { rejectionOf } from "./support/fault.ts";

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
      /line 2, column "a": expected a number, got "TBD"; correct the cells \(2 different text values\), pass --missing "default,TBD,late" if that means a missing value, or ignore this column$/,
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

describe("a second header line", () => {
  const text = (unit: string): string => ["length;kind;size", `${unit};4;1`, ...rows.map(([a, b, c]) => `${a};${b};${c}`)].join("\n"); // prettier-ignore

  test("of units is named", async () => {
    expect(await failure(text("cm"))).toMatch(
      /line 2, column "length": .* got "cm"; remove line 2 if it is a second header line, correct the cell, pass --missing "default,cm"/,
    );
  });

  test("is not suspected where the word occurs again", async () => {
    expect(await failure(`${text("cm")}\ncm;5;1`)).not.toContain("second header");
  });
});

test("single quotes around cells that hold the separator are named", async () => {
  const read = async (text: string) => (await rejectionOf(() => readTable(text, "t"))).message;
  expect(await read("name,size\n'x, y',1\n'z',2")).toMatch(/line 2: .* in double quotes instead of single ones$/);
  expect(await read("name,size\nx, y,1\nz,2")).toMatch(/line 2: .* in quotes$/);
});

describe("another table than that of the training", () => {
  const learned = async (cell: (k: number) => string | number) =>
    (await prepare(tableFromRows(rows.map(([a, , size], k) => ({ cell: cell(k), Long: a, size }))), { target: "size" }))
      .preprocessing;
  const encode = async (cell: (k: number) => string | number, table: string) =>
    encodeInputs(await learned(cell), await readTable(table, "t"));

  test("columns that differ in case only are named", async () => {
    await expect(encode((k) => k * 1.5, "CELL,long\n1,2")).rejects.toThrow(
      /including "cell", "Long", got the columns "CELL", "long"; the names differ in upper and lower case only: rename the columns$/,
    );
    await expect(encode((k) => k * 1.5, "CELL,broad\n1,2")).rejects.toThrow(/pass a table with these columns/);
  });

  test("a number without its percent sign is no missing value", async () => {
    await expect(encode((k) => `${k}.5%`, "cell,Long\n12.5%,1\n0.10,2")).rejects.toThrow(
      /line 3, column "cell": expected numbers with percent signs, as in training, got "0.10"; correct the cell, or ignore/,
    );
  });

  const colours = ["red", "green", "Blue"];
  test("a word in another case is the category of training, with a note", async () => {
    const own = await encode((k) => colours[k % 3]!, "cell,Long\nred,1\ngreen,2\nBlue,3\nred,4\n");
    const other = await encode((k) => colours[k % 3]!, "cell,Long\nRED,1\nGreen,2\nblue,3\nRED,4\n");
    expect(other.inputs).toEqual(own.inputs);
    expect([own.notes, other.unseenCount]).toEqual([[], 0]);
    expect(other.notes).toEqual([
      '"cell": letter case adapted to training: "RED" as "red", "Green" as "green", "blue" as "Blue"',
    ]);
  });

  test("codes, words in odd cases and words that training kept apart are unseen", async () => {
    expect((await encode((k) => colours[k % 3]!, "cell,Long\nrEd,1\n")).unseenCount).toBe(1);
    expect((await encode((k) => ["AB", "CD"][k % 2]!, "cell,Long\nab,1\n")).unseenCount).toBe(1);
    const apart = (k: number): string => ["Polish", "polish", "iOS", "ios"][k % 4]!;
    expect((await encode(apart, "cell,Long\nPOLISH,1\n")).unseenCount).toBe(1);
  });

  test("classes in another case are those of training, with a note", async () => {
    const table = tableFromRows(rows.map(([a], k) => ({ a, y: colours[k % 3] })));
    const { preprocessing } = await prepare(table, { target: "y" });
    const { data, notes } = await encodeTable(preprocessing, await readTable("a,y\n1,BLUE\n2,Green\n", "t"));
    expect([...data.targets]).toEqual([1, 0, 0, 0, 1, 0]);
    expect(notes).toEqual(['"y": letter case adapted to training: "BLUE" as "Blue", "Green" as "green"']);
  });

  test("a table whose targets are all missing", async () => {
    const table = await readTable("cell,Long,size\n1,2,?\n3,4,\n", "t");
    await expect(encodeTable(await learned((k) => k * 1.5), table)).rejects.toThrow(
      /^t: expected rows with a value of "size", got none; add the true values; predicting does without them$/,
    );
  });

  test("libsvm without labels", async () => {
    const expected = { inputs: ["feature1", "feature5"], targets: ["label"] };
    await expect(readTable("1:1 5:0.7\n3:1 5:0.1\n", "t", { expected })).rejects.toThrow(
      /line 1: expected a label before index:value, got "1:1"; write the label before the features/,
    );
  });
});

test("times are no target, and are not called dates", async () => {
  const table = tableFromRows(rows.map(([a], k) => ({ a, y: `${k % 9}:${10 + k}:30` })));
  await expect(prepare(table, { target: "y" })).rejects.toThrow(
    /got times such as 14:05 in column "y"; write them as numbers, such as minutes, or pass the task classification/,
  );
});

describe("flags that were written in two ways", () => {
  const valuesOf = async (cells: readonly (string | number | boolean)[]) => {
    const table = tableFromRows(rows.map(([a, , size], k) => ({ a, size, flag: cells[(k * 7) % cells.length]! })));
    const { preprocessing, report } = await prepare(table, { target: "size", columns: ["flag"] });
    return [preprocessing.inputs[0], report.notes.join("; ")] as const;
  };

  test.each([
    [[1, 0, true, false], /merged: "0", "false"; "1", "true"/],
    [["TRUE", "False", "1", "0", "true"], /merged: "0", "False"; "1", "TRUE", "true"/],
    [["yes", "No", "1", "0"], /merged: "0", "No"; "1", "yes"/],
  ])("%j are two", async (cells, note) => {
    const [input, notes] = await valuesOf(cells);
    expect(input).toMatchObject({
      kind: "category",
      values: expect.toSatisfy((values: string[]) => values.length === 2),
    });
    expect(notes).toMatch(note);
  });

  test.each([[["0", "1", "n"]], [["true", "false", "1", "2"]], [["yes", "false", "1", "0"]], [["yes", "1", "0"]]])(
    "%j are as many as they are",
    async (cells) => {
      const [input] = await valuesOf(cells);
      expect(input).toMatchObject({ values: cells.toSorted() });
    },
  );
});

describe("reasons", () => {
  const whyOf = async (cells: (k: number) => string) => {
    const text = ["flag,a,size", ...rows.map(([a, , size], k) => `${cells(k)},${a},${size}`)].join("\n");
    return (await prepare(await readTable(text, "t"), { target: "size" })).report.ignored.map(({ why }) => why);
  };

  test("a flag whose other value is an empty cell is distinguished from a constant", async () => {
    expect(await whyOf((k) => (k % 3 === 0 ? "x" : ""))).toEqual([
      'has one value only, "x" in 10 of 30 cells; if an empty cell is another value, write one there',
    ]);
    expect(await whyOf(() => "x")).toEqual(["has one value only"]);
  });

  test("few texts with a slash are labels, many are fractions", async () => {
    const note = async (cells: (k: number) => string) => {
      const table = tableFromRows(rows.map(([a, , size], k) => ({ cell: cells(k), a, size })));
      return (await prepare(table, { target: "size", columns: ["cell", "a"] })).report.notes.join();
    };
    expect(await note((k) => ["0/0", "0/1", "1/1"][k % 3]!)).not.toContain("looks like");
    expect(await note((k) => `${k}/7`)).toContain("looks like numbers with a slash");
  });
});

describe("what ARFF declares", () => {
  const arff = (type: string, cell: (k: number) => string): string =>
    ["@relation r", `@attribute level ${type}`, "@attribute a numeric", "@attribute size numeric", "@data"]
      .concat(rows.map(([a, , size], k) => `${cell(k)},${a},${size}`))
      .join("\n");
  const inputOf = async (type: string, cell: (k: number) => string, options: object = {}) => {
    const { preprocessing, report } = await prepare(await readTable(arff(type, cell), "t", options), {
      target: "size",
    });
    return [preprocessing.inputs.find(({ name }) => name === "level"), report.missing] as const;
  };

  test("nominal numbers are categories, numeric ones are numbers", async () => {
    const cell = (k: number): string => String([1, 2, 10][k % 3]);
    expect((await inputOf("{1,2,10}", cell))[0]).toMatchObject({ kind: "category", values: ["1", "2", "10"] });
    expect((await inputOf("integer", cell))[0]).toMatchObject({ kind: "number" });
  });

  test("a nominal value is no missing cell, unless the user lists it; ? is one", async () => {
    const cell = (k: number): string => ["NA", "none", "-", "?"][k % 4]!;
    const [column, missing] = await inputOf("{NA,none,-}", cell);
    expect(column).toMatchObject({ values: ["-", "NA", "none"] });
    expect(missing).toEqual([{ name: "level", cells: 7 }]);
    const [own] = await inputOf("{NA,none,-}", cell, { missing: ["none"] });
    expect(own).toMatchObject({ values: ["-", "NA"] });
  });
});

test("a name with a line break is typed with a blank", async () => {
  const table = await readTable('"length\n(cm)",a  b,size\n1,2,3\n', "t");
  expect(table.columns.map(({ name }) => name)).toEqual(["length (cm)", "a b", "size"]);
  await expect(readTable("a  b,a b\n1,2\n", "t")).rejects.toThrow(
    /"a b" in columns 1 and 2, in two forms that look the same/,
  );
});
