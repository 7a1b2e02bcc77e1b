import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ReadProgress, type Table, encodeInputs, prepare, tableFromRows } from "../src/data.ts";
import { inferNumberFormat } from "../src/data/inferNumberFormat.ts";
import { isMissing } from "../src/data/missing.ts";
import { readNumber } from "../src/data/numberFormat.ts";
import { type ReadOptions, readTable, readTableAtOnce } from "../src/data/readTable.ts";
import { BadFile, InvalidInput } from "../src/errors.ts";
import { nextTask } from "../src/nextTask.ts";
import { testInFull } from "./support/share.ts";

const read = (text: string, options: ReadOptions = {}): Table => readTableAtOnce(text, "t", options);
const namesOf = ({ columns }: Table): string[] => columns.map(({ name }) => name);
const cellsOf = ({ columns }: Table): unknown[][] => columns.map(({ cells }) => [...cells]);

/** Numbers of a column, `undefined` where a cell is missing. */
function numbersOf({ columns, missingWords, numberHints }: Table, column: number): (number | undefined)[] {
  const { cells } = columns[column]!;
  const present = cells.filter((cell) => !isMissing(cell, missingWords.inNumbers)) as string[];
  const guess = inferNumberFormat(present, numberHints);
  if (!guess || "lookLike" in guess) throw new Error(`column ${column}: ${JSON.stringify(guess)}`);
  return cells.map((cell) =>
    isMissing(cell, missingWords.inNumbers) ? undefined : readNumber(String(cell), guess.format),
  );
}

const grouped = (digits: string, mark: string): string => digits.replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, mark);

interface Form {
  separator: string;
  decimal: string;
  thousands: string;
  quoted: boolean;
  missing: string;
  header: "names" | "years" | "counted" | "none";
  lineEnd: string;
  above: readonly string[];
  trailing: boolean;
}

const form: fc.Arbitrary<Form> = fc
  .record({
    separator: fc.constantFrom(",", ";", "\t", "|", " "),
    decimal: fc.constantFrom(".", ","),
    thousands: fc.constantFrom("", ",", ".", " ", "'", "_"),
    quoted: fc.boolean(),
    missing: fc.constantFrom("", "?", "NA", "N/A", "null", "nan", "-", "None", "."),
    header: fc.constantFrom<Form["header"]>("names", "years", "counted", "none"),
    lineEnd: fc.constantFrom("\n", "\r\n", "\r"),
    above: fc.constantFrom([], ["# made by a tool, version 1"], ["A title of the sheet", ""], ["#1", "# 2"]),
    trailing: fc.boolean(),
  })
  .filter(({ decimal, thousands }) => decimal !== thousands)
  .filter(({ separator, trailing }) => !(separator === " " && trailing));

interface Row {
  x: number | undefined;
  y: number | undefined;
  kind: string;
}

const cents = fc.option(fc.integer({ min: -99_999_999, max: 99_999_999 }), { nil: undefined, freq: 6 });
const row: fc.Arbitrary<Row> = fc.record({
  x: cents,
  y: cents,
  kind: fc.constantFrom("red", "dark blue", "Ash, K", 'a "b"'),
});

function write(rows: readonly Row[], to: Form): string {
  const amount = (value: number | undefined): string => {
    if (value === undefined) return to.missing;
    const digits = String(Math.abs(value)).padStart(3, "0");
    return `${value < 0 ? "-" : ""}${grouped(digits.slice(0, -2), to.thousands)}${to.decimal}${digits.slice(-2)}`;
  };
  const cell = (text: string): string => {
    const special = text.includes(to.separator) || text.includes('"') || (to.separator === " " && text === "");
    return to.quoted || special ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const headers = {
    names: ["x", "y", "kind"],
    years: ["2019", "2020", "2021"],
    counted: ["0", "1", "2"],
    none: undefined,
  };
  const header = headers[to.header];
  const lines = [...(header ? [header] : []), ...rows.map(({ x, y, kind }) => [amount(x), amount(y), kind])];
  const texts = lines.map((cells) => cells.map(cell).join(to.separator) + (to.trailing ? to.separator : ""));
  return [...to.above, ...texts, ""].join(to.lineEnd);
}

testInFull(
  "a table means the same in every combination of separator, decimal, thousands, quotes, missing word and header",
  () => {
    const rows = fc.array(row, { minLength: 12, maxLength: 40 }).filter((all) => {
      const kinds = new Set(all.map(({ kind }) => kind)).size;
      const again = all.slice(1).some(({ kind }) => kind === all[0]!.kind); // else a row of texts may be a header
      return kinds > 1 && again && all.some(({ x }) => x !== undefined) && all.some(({ y }) => y !== undefined);
    });
    fc.assert(
      fc.property(rows, form, (all, to) => {
        const table = read(write(all, to));
        const value = (number: number | undefined) => (number === undefined ? undefined : number / 100);
        const names = {
          names: ["x", "y", "kind"],
          years: ["2019", "2020", "2021"],
          counted: ["0", "1", "2"],
          none: ["column1", "column2", "column3"],
        };
        expect(namesOf(table)).toEqual(names[to.header]);
        expect(numbersOf(table, 0).map((n) => n! + 0)).toEqual(all.map(({ x }) => value(x)! + 0));
        expect(numbersOf(table, 1).map((n) => n! + 0)).toEqual(all.map(({ y }) => value(y)! + 0));
        expect(table.columns[2]!.cells).toEqual(all.map(({ kind }) => kind));
      }),
      { numRuns: 400 },
    );
  },
  120_000,
);

describe("the small tables on which other tools answer wrongly", () => {
  const files = import.meta.glob<string>("./faults/*", { query: "?raw", import: "default", eager: true });
  const fault = (name: string): string => files[`./faults/${name}`]!;
  const numbers: [name: string, columns: string[], rows: number, firstRow: (number | string)[]][] = [
    ["05-years.csv", ["2019", "2020", "2021", "2022"], 50, [4.7, 5.17, 5.687, 6.256]],
    ["06-decimal-comma.csv", ["x", "y"], 200, [0.5, 1]],
    ["06-percent.csv", ["interest", "amount", "label"], 200, [0.1825, 4333, "bad"]],
    ["06-thousands.csv", ["area", "rooms", "price"], 90, [43, 1, 43000]],
    ["07-codes.csv", ["x", "dept"], 120, [0.044, "007"]],
    ["07-large-labels.csv", ["x", "id"], 120, [0.078, "9007199254740992"]],
    ["12-na.csv", ["mpg", "horsepower", "cyl", "class"], 60, [4.3, "N/A", 3, "lo"]],
    ["14-all-text.data", ["column1", "column2", "column3", "column4", "column5"], 100, ["e", "f", "x", "f", "n"]],
    ["14-one-line.csv", ["column1", "column2"], 1, [0.5, 0.1]],
    ["15-comment.csv", ["x", "y", "label"], 40, [1.571, -0.684, "b"]],
    ["15-sep.csv", ["x", "y", "label"], 40, [1.571, -0.684, "b"]],
    ["15-space-quote.csv", ["x", "name", "label"], 40, [0.388, "Ash, K", "b"]],
    ["16-no-header.csv", ["column1", "column2", "column3"], 80, [1.4, 3.4, 0.8]],
  ];
  test.each(numbers)("%s", (name, columns, rowCount, first) => {
    const table = read(fault(name));
    expect(namesOf(table)).toEqual(columns);
    expect(table.rowCount).toBe(rowCount);
    const values = first.map((value, column) =>
      typeof value === "number" ? numbersOf(table, column)[0] : String(table.columns[column]!.cells[0]).trim(),
    );
    expect(values).toEqual(first);
  });

  test("every one is read without a row lost", () => {
    for (const [path, text] of Object.entries(files)) {
      const lines = text.split(/\r?\n/).filter((line) => line !== "" && !/^(?:#|sep=)/.test(line)).length;
      const table = read(text);
      const header = table.format.endsWith("without a header") ? 0 : 1;
      expect([path, table.rowCount]).toEqual([path, lines - header]);
    }
  });

  test("a line for a model without a header is a row", () => {
    const expected = { inputs: ["column1", "column2"], targets: ["column3"] };
    const table = read(fault("14-one-line.csv"), { expected });
    expect([table.rowCount, namesOf(table), table.notes]).toEqual([1, ["column1", "column2"], []]);
    const texts = read("f,x\n", { expected: { inputs: ["column2", "column3"], targets: ["column1"] } });
    expect([texts.rowCount, namesOf(texts)]).toEqual([1, ["column2", "column3"]]);
  });
});

describe("headers", () => {
  const ten = (line: (row: number) => string): string => Array.from({ length: 10 }, (_, k) => line(k)).join("\n");
  test.each<[string, string, boolean, string[]]>([
    ["names above numbers", `a,b\n${ten((k) => `${k},${k * 2}`)}`, true, ["a", "b"]],
    ["numbers above numbers", ten((k) => `${k},${k * k}`), false, ["column1", "column2"]],
    ["all numbers of the XOR", "0,0,0\n0,1,1\n1,0,1\n1,1,0", false, ["column1", "column2", "column3"]],
    ["consecutive whole numbers in every row", "1,2,3\n4,5,6\n7,8,9", false, ["column1", "column2", "column3"]],
    [
      "0, 1, 2, label",
      `0,1,2,label\n${ten((k) => `${k},${k + 3},${9 - k},${"pq"[k % 2]}`)}`,
      true,
      ["0", "1", "2", "label"],
    ],
    ["years above whole numbers", `2019,2020\n${ten((k) => `${k * 1000},${k * 999}`)}`, true, ["2019", "2020"]],
    [
      "names that are places",
      `0,1,2,3\n${ten((k) => `${k % 2},${k % 3},${k % 4},${k % 5}`)}`,
      true,
      ["0", "1", "2", "3"],
    ],
    [
      "counting rows",
      ten((k) => `${k % 2},${1 + (k % 2)},${2 + (k % 2)},${3 + (k % 2)}`),
      false,
      ["column1", "column2", "column3", "column4"],
    ],
    [
      "wavelengths above intensities",
      `400,410,425\n${ten((k) => `0.${k},1.${k},0.${k}5`)}`,
      true,
      ["400", "410", "425"],
    ],
    [
      "years and a name",
      `country,2019,2020\n${ten((k) => `land ${k},${k * 1000},${k * 999}`)}`,
      true,
      ["country", "2019", "2020"],
    ],
    ["years as data", ten((k) => `${1990 + k},${1991 + k}`), false, ["column1", "column2"]],
    ["an index of pandas", `,a,b\n${ten((k) => `${k},${k / 2},x`)}`, true, ["column1", "a", "b"]],
    ["an index above texts", `,a,b\n${ten((k) => `${k},y,x`)}`, true, ["column1", "a", "b"]],
    ["pandas names and index", `,0,1\n${ten((k) => `${k},${k}.5,${k}.25`)}`, true, ["column1", "0", "1"]],
    ["row names of R", `x,y\n${ten((k) => `car ${k},${k},${k}`)}`, true, ["column1", "x", "y"]],
    ["names above texts", `kind,site\n${ten((k) => `${"ab"[k % 2]},${"cd"[k % 2]}`)}`, true, ["kind", "site"]],
    ["texts that occur below", ten((k) => `${"ab"[k % 2]},${"cde"[k % 3]}`), false, ["column1", "column2"]],
    [
      "a question mark in the first row",
      `?,5,a\n${ten((k) => `${k}.5,${k},${"ab"[k % 2]}`)}`,
      false,
      ["column1", "column2", "column3"],
    ],
    [
      "a question mark above texts",
      `?,a\n${ten((k) => `${"xy"[k % 2]},${"ab"[k % 2]}`)}`,
      false,
      ["column1", "column2"],
    ],
    ["names with units", `5 cm,10 cm\n${ten((k) => `${k},${k + 1}`)}`, true, ["5 cm", "10 cm"]],
    ["classes first, like iris", ten((k) => `${k}.1,${"ab"[k % 2]}`), false, ["column1", "column2"]],
    ["blank names", `a,,b\n${ten((k) => `${k},${k},${k}`)}`, true, ["a", "column2", "b"]],
  ])("%s", (_, text, header, names) => {
    const table = read(text);
    expect(namesOf(table)).toEqual(names);
    expect(table.rowCount).toBe(text.trim().split("\n").length - (header ? 1 : 0));
    expect(!table.format.endsWith("without a header")).toBe(header);
  });

  test("many numbered columns and a label", () => {
    const names = [...Array.from({ length: 784 }, (_, k) => String(k)), "label"];
    const rows = Array.from({ length: 20 }, (_, k) => [
      ...names.slice(1).map((_, j) => String((k * j) % 7)),
      "ab"[k % 2],
    ]);
    expect(namesOf(read([names, ...rows].map((row) => row.join(",")).join("\n")))).toEqual(names);
  });

  test("the option overrules, and a note says what was decided", () => {
    const text = "0.5,0.25\n1.5,2.5\n";
    expect(read(text).notes).toEqual([expect.stringMatching(/no header line.*--header yes/)]);
    expect(namesOf(read(text, { header: "yes" }))).toEqual(["0.5", "0.25"]);
    expect(read("a,b\n1,2\n", { header: "no" }).rowCount).toBe(2);
    expect(read("2019,2020\n1.5,2.5\n2.5,3.5\n").notes).toEqual([expect.stringMatching(/--header no/)]);
    expect(read("a,b\n1,2\n").notes).toEqual([]);
  });

  test("a target that is named in the first line makes it a header", () => {
    const text = "e,f\nf,e\ne,e\nf,f\ne,f\n";
    expect(read(text).rowCount).toBe(5);
    expect(namesOf(read(text, { target: ["f"] }))).toEqual(["e", "f"]);
    expect(read(text, { target: ["column2"] }).rowCount).toBe(5);
  });

  test("a generated name as target is that of a blank cell, or of a table without a header", () => {
    const text = `shape,,edible\n${ten((k) => `${"ab"[k % 2]},${"cde"[k % 3]},${"yn"[k % 2]}`)}`;
    expect(namesOf(read(text, { target: ["column2"] }))).toEqual(["shape", "column2", "edible"]);
    const numbers = `a,b\n${ten((k) => `${k},${k * k}`)}`;
    expect(namesOf(read(numbers, { target: ["column2"] }))).toEqual(["a", "b"]);
    expect(namesOf(read("f,e\ne,f\n", { target: ["column2"] }))).toEqual(["column1", "column2"]);
    const expected = { inputs: ["column2"], targets: ["edible"] };
    expect(namesOf(read("shape,,edible\na,b,c\n", { expected }))).toEqual(["shape", "column2", "edible"]);
  });

  test("a file without a header is read by the places of the model's columns", () => {
    const expected = { inputs: ["u", "v"], targets: ["y"] };
    for (const [text, names, rows] of [
      ["1,2\n3,5\n", ["u", "v"], 2],
      ["1,2\n", ["u", "v"], 1],
      ["x,k\n", ["u", "v"], 1],
      ["x,k,l\n", ["u", "v", "y"], 1],
      ["1,2,a\n3,5,b\n3,5,a\n", ["u", "v", "y"], 3],
      ["p,q\nq,p\np,p\nq,q\np,q\n", ["u", "v"], 5],
    ] as const) {
      const table = read(text, { expected });
      expect([namesOf(table), table.rowCount]).toEqual([names, rows]);
      expect(table.notes.join()).toMatch(/no header line: columns are read in the order of the model, "u", "v"/);
    }
    expect(namesOf(read("a,b\nc,d\n", { expected, header: "no" }))).toEqual(["u", "v"]);
    expect(namesOf(read("a,b\n1,2\n3,4\n", { expected }))).toEqual(["a", "b"]);
    expect(() => read("u,v\n", { expected })).toThrow(/only a header line/);
    expect(() => read("1,2,3,4\n5,6,7,9\n", { expected })).toThrow(/got no header line, and 4 columns.*u,v/s);
  });

  test("names are compared in one Unicode form", async () => {
    const [nfc, nfd] = ["caf\u00e9", "cafe\u0301"];
    expect(namesOf(read(`${nfd}, b \n1,2\n`))).toEqual([nfc, "b"]);
    const rows = ten((k) => `${(k * k) % 7},${(k * 3) % 5}`);
    const { preprocessing } = await prepare(read(`${nfd},y\n${rows}`), {
      target: "y",
      columns: [nfd],
      task: "regression",
    });
    for (const name of [nfc, nfd]) {
      expect((await encodeInputs(preprocessing, read(`${name},z\n1,2\n`))).rows.length).toBe(1);
      expect((await encodeInputs(preprocessing, tableFromRows([{ [name]: 1, z: 2 }]))).rows.length).toBe(1);
    }
    const old = { ...preprocessing, inputs: preprocessing.inputs.map((input) => ({ ...input, name: nfd })) };
    expect((await encodeInputs(old, read(`${nfc},z\n1,2\n`))).rows.length).toBe(1);
    expect(() => read(`${nfc},${nfd}\n1,2\n`)).toThrow(/in columns 1 and 2, in two forms that look the same/);
  });

  test("a model's names are looked for in the first line", () => {
    const expected = { inputs: ["1", "2"], targets: ["3"] };
    expect(namesOf(read("1,2\n4,5\n", { expected }))).toEqual(["1", "2"]);
    expect(namesOf(read("a,b,c\na,b,d\na,b,d\n", { expected: { inputs: ["c", "b"], targets: [] } }))).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a file with the only column of a model may have decimal commas", () => {
    const expected = { inputs: ["x"], targets: ["y"] };
    for (const text of ["x\n1,5\n2,5\n", '"x"\r\n1,5\r\n2,5\r\n', 'x\n"1,5"\n2,5\n']) {
      const table = read(text, { expected });
      expect([namesOf(table), numbersOf(table, 0)]).toEqual([["x"], [1.5, 2.5]]);
    }
  });

  test("an index is marked, whatever the order of its rows", () => {
    for (const text of [",a\n0,5\n1,6\n", ",a\n7,5\n3,6\n", "Unnamed: 0,a\n0,5\n1,6\n"]) {
      expect(read(text).columns.map(({ isIndex }) => isIndex)).toEqual([true, undefined]);
    }
    expect(read(",a\n0.5,5\n1.5,6\n").columns[0]!.isIndex).toBeUndefined();
  });
});

describe("layouts", () => {
  test.each<[string, string, string[], unknown[][]]>([
    ["sep=", "sep=|\na|b\n1|2\n", ["a", "b"], [["1"], ["2"]]],
    ["title lines", "Report of 2023\n\nin mm\na,b,c\n1,2,x\n3,4,y\n", ["a", "b", "c"], [["1", "3"], ["2", "4"], ["x", "y"]]],
    ["a title with commas", "Exported Jan 5, 2023\na,b,c\n1,2,x\n3,4,y\n", ["a", "b", "c"], [["1", "3"], ["2", "4"], ["x", "y"]]],
    ["a padded title", "Report,,\na,b,c\n1,2,x\n3,4,y\n", ["a", "b", "c"], [["1", "3"], ["2", "4"], ["x", "y"]]],
    ["comments in between", "# a, b\na,b\n1,2\n# c\n3,4\n", ["a", "b"], [["1", "3"], ["2", "4"]]],
    ["a comment with a quote", '# it"s\na,b\n1,2\n', ["a", "b"], [["1"], ["2"]]],
    ["names in a comment", "# x y z\n1 2 3\n4 5 7\n", ["x", "y", "z"], [["1", "4"], ["2", "5"], ["3", "7"]]],
    ["a column named #", "#,Name\n1,Bulbasaur\n2,Ivysaur\n", ["#", "Name"], [["1", "2"], ["Bulbasaur", "Ivysaur"]]],
    ["colours", "colour,n\n#ff0000,1\n#00ff00,2\n", ["colour", "n"], [["#ff0000", "#00ff00"], ["1", "2"]]],
    ["blanks", "  a   b  c\n 1.5  2  x\n10.5 12  y\n", ["a", "b", "c"], [["1.5", "10.5"], ["2", "12"], ["x", "y"]]],
    ["blanks and quotes", 'a b\n1 "x y"\n2 "z w"\n3 q\n', ["a", "b"], [["1", "2", "3"], ["x y", "z w", "q"]]],
    ["blanks and decimal commas", "1,4 3,4 0,8\n2,4 5,4 0,7\n", ["column1", "column2", "column3"], [["1,4", "2,4"], ["3,4", "5,4"], ["0,8", "0,7"]]],
    ["tabs and decimal commas", "1,4\t3,4\n2,4\t5,4\n", ["column1", "column2"], [["1,4", "2,4"], ["3,4", "5,4"]]],
    ["semicolons and decimal commas", "x;y\n1,4;3,4\n2,4;5,4\n", ["x", "y"], [["1,4", "2,4"], ["3,4", "5,4"]]],
    ["comma and blank", "a, b\n1, 2\n3, 4\n", ["a", "b"], [["1", "3"], [" 2", " 4"]]],
    ["dates with times", "t,x\n2023-01-01 10:00,5\n2023-01-02 10:00,6\n", ["t", "x"], [["2023-01-01 10:00", "2023-01-02 10:00"], ["5", "6"]]],
    ["empty cells behind each row", "a,b,\n1,2,\n3,4,\n", ["a", "b"], [["1", "3"], ["2", "4"]]],
    ["empty cells behind the rows only", "a,b\n1,2,\n3,4,\n", ["a", "b"], [["1", "3"], ["2", "4"]]],
    ["a quoted line break", 'a,b\n1,"x\r\ny"\n2,z\n', ["a", "b"], [["1", "2"], ["x\r\ny", "z"]]],
    ["NDJSON", '{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n', ["a", "b"], [[1, 2], ["x", "y"]]],
    ["ARFF", "% c\n@RELATION r\n@attribute 'a b' numeric\n@attribute k {x,'y z'}\n@data\n1,x\n?,'y z'\n% c\n2.5, x\n", ["a b", "k"], [["1", null, "2.5"], ["x", "y z", "x"]]],
    ["libsvm", "+1 1:0.5 3:2 # c\n-1 2:1e-3\n", ["label", "feature1", "feature2", "feature3"], [["+1", "-1"], ["0.5", "0"], ["0", "1e-3"], ["2", "0"]]],
  ])("%s", (_, text, names, cells) => {
    const table = read(text);
    expect(namesOf(table)).toEqual(names);
    expect(cellsOf(table)).toEqual(cells);
  }); // prettier-ignore

  test("rows keep their lines", () => {
    const table = read('# c\n\na,b\n1,"x\ny"\n\n2,z\n');
    expect([table.rowName(0), table.rowName(1)]).toEqual(["line 4", "line 7"]);
    expect(read('{"a":1}\n\n{"a":2}\n').rowName(1)).toBe("line 3");
    expect(read("sep=;\na;b\n1;2\n").rowName(0)).toBe("line 3");
  });

  test("features that a model knows are there where no line has them", () => {
    const expected = { inputs: ["feature1", "feature4"], targets: ["label"] };
    expect(namesOf(read("1 2:5\n", { expected }))).toEqual(["label", "feature1", "feature2", "feature4"]);
  });

  test.each([
    ["sparse ARFF", "@relation r\n@attribute a numeric\n@data\n{0 5}\n", /t: line 4: expected rows of cells, got a row of sparse ARFF/],
    ["ARFF without rows", "@relation r\n@attribute a numeric\n@data\n", /rows below @data/],
    ["a short ARFF row", "@relation r\n@attribute a numeric\n@attribute b numeric\n@data\n1\n", /line 5: expected 2 cells/],
    ["HTML", "<!DOCTYPE html><table>", /an HTML page/],
    ["XML", "<?xml version='1.0'?><a/>", /got XML/],
    ["Matrix Market", "%%MatrixMarket matrix\n1 2 3\n", /Matrix Market/],
    ["output of psql", " a | b \n---+---\n 1 | 2\n(1 row)\n", /output of psql/],
    ["Markdown", "| a | b |\n|---|---|\n| 1 | 2 |\n", /Markdown/],
    ["NaN in JSON", '[{"a":1,"b":{"c":[1,2]}},{"a":"NaN, \\"NaN"},{"a":NaN}]', /t: row 3: expected valid JSON, got NaN; NaN is not JSON: write null$/],
    ["an infinity in NDJSON", '{"a":1}\n{"a":-Infinity}\n', /t: line 2: expected valid JSON, got -Infinity; -Infinity is not JSON: write null$/],
    ["NaN far behind", `[${'{"a":1,"b":"x, y"},'.repeat(9000)}{"a":NaN}]`, /t: row 9001: /],
    ["broken JSON with NaN in texts only", '[{"a":"NaN"},{"a":}]', /t: expected valid JSON, got "Unexpected token/],
    ["rows below a key", '{"data":[{"a":1},{"a":2}]}', /got one object whose rows are below "data"; put the rows into one array/],
    ["rows below another key", '{"ok":true,"count":2,"rows":[{"a":1},{"a":2}]}', /got one object whose rows are below "rows"/],
    ["an array per line", '[1,2]\n[3,4]\n', /got NDJSON of lists, an array per line; write every row as an object/],
    ["libsvm without a label in one line", "1 1:0.5 2:3\n1:4 2:5\n0 1:1\n", /t: line 2: expected a label before index:value, got "1:4"; write the label/],
    ["libsvm without labels", "1:0.5 2:3\n1:4 3:5\n", /t: line 1: expected a label before index:value/],
    ["columns in JSON", '{"a":[1,2],"b":[3,4]}', /one object of columns/],
    ["pandas columns in JSON", '{"a":{"0":1,"1":2}}', /orient='records'/],
    ["a row of libsvm without a number", "1 1:0.5 2:3\n2 1:x\n", /line 2: expected index:value, got "1:x"/],
    ["libsvm of many features", `1 ${Array.from({ length: 4000 }, (_, k) => `${k}:1`).join(" ")}\n${"2 1:5\n".repeat(3000)}`, /got 3001 rows with 4000 features/],
    ["text behind a quote", 'a,b\n"x" y,2\n', /t: line 2: expected closed quotes, got text after the closing quote/],
    ["a header without a name", "a,b\n1,2,3\n4,5,6\n", /line 2: expected 2 cells as in the first line, got 3/],
    ["two columns of one name", "a,b,a\n1,2,3\n", /t: line 1: expected different column names, got "a" in columns 1 and 3/],
    ["NDJSON with a broken line", '{"a":1}\n{"a":\n', /line 2: expected valid JSON/],
    ["JSON with a comma too many", '[{"a":1},]', /valid JSON/],
    ["JSON with two commas", '[{"a":1},,{"a":2}]', /valid JSON/],
    ["JSON with text behind it", '[{"a":1}] x', /text after the array/],
  ])("refuses %s", (_, text, message) => {
    expect(() => read(text)).toThrow(BadFile);
    expect(() => read(text)).toThrow(message);
  }); // prettier-ignore

  test("the separator can be stated", () => {
    expect(namesOf(read("a:b\n1:2\n", { separator: ":" }))).toEqual(["a", "b"]);
    expect(namesOf(read("a;b,c\n1;2,5\n", { separator: "," }))).toEqual(["a;b", "c"]);
  });
});

test("other columns decide what a comma is where a column leaves it open", () => {
  const table = read("a;b\n1,234;0,5\n2,345;1,5\n");
  expect([numbersOf(table, 0), numbersOf(table, 1)]).toEqual([[1.234, 2.345], [0.5, 1.5]]); // prettier-ignore
  const other = read('a,b\n"1,234",0.5\n"2,345",1.5\n');
  expect(numbersOf(other, 0)).toEqual([1234, 2345]);
});

test("whole numbers of JSON keep their digits", () => {
  const table = read(
    '[{"id":9007199254740993,"t":"1\\"9007199254740993","n":12345678901234567890,"x":0.1234567890123456789,"s":5}]',
  );
  expect(cellsOf(table)).toEqual([["9007199254740993"], ['1"9007199254740993'], ["12345678901234567890"], [0.12345678901234568], [5]]); // prettier-ignore
});

test("JSON is read the same way in one batch or many", () => {
  const rows = Array.from({ length: 3000 }, (_, k) => ({
    k,
    text: `a "quoted" [text], {with} \\ ${"x".repeat(k % 50)}`,
    deep: k % 7 ? k : null,
  }));
  const table = read(JSON.stringify(rows));
  expect(cellsOf(table)).toEqual([rows.map(({ k }) => k), rows.map(({ text }) => text), rows.map(({ deep }) => deep)]); // prettier-ignore
});

describe("the work is linear in the size of the text", () => {
  /** Characters: linear work takes milliseconds, quadratic work minutes, longer than a test may. */
  const longest = 200_000;

  testInFull(
    "wide tables, long cells, many quotes and titles are read or refused at once",
    () => {
      const columns = 100_000;
      const wide = Array.from({ length: columns }, (_, k) => `n${k}`).join(",");
      const table = read(`${wide}\n${"1,".repeat(columns - 1)}1\n`);
      expect(table.columns.length).toBe(columns);
      expect(() => read(`${wide},n5\n`)).toThrow(/"n5" in columns 6 and 100001/);
      for (const unit of [
        '"',
        '""',
        '",',
        "\n",
        "\r",
        ",",
        ";",
        " ",
        "a",
        "1,",
        "#",
        "#\n",
        "%",
        "[",
        "{",
        '{"a":1}\n',
        "1:1 ",
        "@data\n",
        "'",
        "\\",
        '"\\',
        "\t",
        "|",
      ]) {
        try {
          read(unit.repeat(longest / unit.length));
          read(`a,b\n1,2\n${unit.repeat(longest / unit.length)}`);
        } catch (error) {
          expect(error).toBeInstanceOf(BadFile);
        }
      }
    },
    60_000,
  );

  test("JSON rows with keys of their own are refused before they are padded", () => {
    const rows = Array.from({ length: 8000 }, (_, k) => `{"k${k}":1}`);
    expect(() => read(`[${rows.join(",")}]`)).toThrow(
      /8000 different keys in 8000 rows, 8000 of 64000000 cells present/,
    );
    expect(() => read(rows.join("\n"))).toThrow(BadFile);
    expect(read(`[${rows.slice(0, 900).join(",")}]`).columns.length).toBe(900);
  });
});

testInFull(
  "any text with any options is read or refused by name",
  () => {
    const piece = fc.constantFrom(
      "a",
      "1",
      "2.5",
      ",",
      ";",
      "\t",
      " ",
      "\n",
      "\r\n",
      '"',
      '""',
      "?",
      "#",
      "sep=;\n",
      "@relation r\n",
      "@data\n",
      "@attribute a numeric\n",
      "1:2 ",
      "{",
      "}",
      "[",
      "]",
      ":",
      '{"a":1}\n',
      "%",
      "NA",
      "é",
      "\0",
      "|",
    );
    const text = fc.oneof(fc.array(piece, { maxLength: 60 }).map((parts) => parts.join("")), fc.string({ unit: "binary" }), fc.json()); // prettier-ignore
    const options: fc.Arbitrary<ReadOptions> = fc.record(
      {
        separator: fc.constantFrom(",", ";", " ", "x"),
        header: fc.constantFrom("yes", "no", "auto"),
        decimal: fc.constantFrom(".", ","),
        missing: fc.array(fc.string()),
        target: fc.array(fc.constantFrom("a", "column1")),
        expected: fc.constant({ inputs: ["column1", "column3"], targets: ["column2"] }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(text, options, (content, given) => {
        try {
          const { columns, rowCount, rowName } = read(content, given);
          expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
          for (const { cells } of columns) expect(cells.length).toBe(rowCount);
          for (const { cells } of columns) expect(cells.includes(undefined as never)).toBe(false);
          expect(rowName(rowCount - 1)).toMatch(/\d/);
        } catch (error) {
          if (!(error instanceof BadFile)) throw error;
          expect(error.message).not.toMatch(/undefined|NaN/);
        }
      }),
      { numRuns: 1000 },
    );
  },
  60_000,
);

describe("in slices", () => {
  const text = `a,b\n${"1,2\n".repeat(100_000)}`;

  test("other tasks run in between, and the progress is reported", async () => {
    const progress: ReadProgress[] = [];
    const counted = { tasks: 0, reading: true };
    const others = (async () => {
      for (; counted.reading; counted.tasks++) await nextTask();
    })();
    const table = await readTable(new TextEncoder().encode(text), "t", { onProgress: (now) => progress.push(now) });
    counted.reading = false;
    await others;
    expect(table.rowCount).toBe(100_000);
    expect(progress.length).toBeGreaterThan(1);
    expect(counted.tasks).toBeGreaterThanOrEqual(progress.length - 1);
    const done = progress.map((now) => now.done);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toEqual({ done: text.length, total: text.length });
  });

  test("a signal ends the reading with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const options = { signal: controller.signal, onProgress: () => controller.abort(reason) };
    await expect(readTable(text, "t", options)).rejects.toBe(reason);
    await expect(readTable("a,b\n1,2\n", "t", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

test.each<[ReadOptions, RegExp]>([
  [{ separator: "" }, /t: separator: expected one character, got ""/],
  [{ separator: ";;" }, /one character/],
  [{ separator: '"' }, /one character/],
  [{ header: "maybe" as never }, /t: header: expected one of yes, no, auto/],
  [{ decimal: ";" as never }, /t: decimal: expected one of/],
  [{ thousands: "x" as never }, /t: thousands/],
  [{ decimal: ",", thousands: "," }, /different characters/],
  [{ colour: 1 } as never, /options among separator/],
])("options %j are refused", async (options, message) => {
  await expect(readTable("a,b\n1,2\n", "t", options)).rejects.toThrow(InvalidInput);
  await expect(readTable("a,b\n1,2\n", "t", options)).rejects.toThrow(message);
});

test("the options of the user are on the table", () => {
  const table = read("a,b\n1,-999\n", { decimal: ",", thousands: ".", missing: ["-999"] });
  expect(table.numberHints).toEqual({ decimal: ",", thousands: "." });
  expect(isMissing("-999", table.missingWords.inNumbers)).toBe(true);
  expect(isMissing("NA", table.missingWords.inTexts)).toBe(false);
  expect(read("a,b\n1,2\n").numberHints).toEqual({});
});

test("bytes in other encodings are read with a note", () => {
  const latin = readTableAtOnce(Uint8Array.from([97, 44, 98, 10, 49, 44, 0xe4, 10]), "t");
  expect(latin.columns[1]!.cells).toEqual(["\u00e4"]);
  expect(latin.notes).toEqual([expect.stringMatching(/Windows-1252/)]);
  const text = "x,y\n1,\u00e4\n2,b\n";
  const utf16 = (bigEndian: boolean) =>
    Uint8Array.from(
      [...text].flatMap((char) => {
        const [low, high] = [char.charCodeAt(0) & 255, char.charCodeAt(0) >> 8];
        return bigEndian ? [high, low] : [low, high];
      }),
    );
  for (const bytes of [utf16(false), utf16(true)]) expect(readTableAtOnce(bytes, "t").columns[1]!.cells).toEqual(["\u00e4", "b"]); // prettier-ignore
  expect(() => readTableAtOnce(Uint8Array.from([97, 44, 98, 10, 0xe4, 1, 2]), "t")).toThrow(/text in UTF-8/);
});

describe("semicolons between cells", () => {
  test.each([
    ["commas in every cell are decimal", "x;y\n5,450;a\n7,110;b\n", [5.45, 7.11], "5,450"],
    ["points in groups of three stay decimal points", "x;y\n5.123;a\n7.456;b\n", [5.123, 7.456], "5.123"],
    [
      "another column with thousands and decimals decides",
      "x;y\n5,450;1,234.5\n7,110;2,000.25\n",
      [5450, 7110],
      undefined,
    ],
    ["another column with decimal commas decides", "x;y\n5,450;1,5\n7,110;2,25\n", [5.45, 7.11], undefined],
  ])("%s", (_, text, values, ambiguous) => {
    const table = read(text);
    expect(numbersOf(table, 0)).toEqual(values);
    const guess = inferNumberFormat(table.columns[0]!.cells as string[], table.numberHints);
    expect(guess && "ambiguous" in guess ? guess.ambiguous : undefined).toBe(ambiguous);
  });

  test("prices without cents are no reason to cut at commas", () => {
    const table = read("x;price\n2,5;12,-- €\n3,5;14,50 €\n");
    expect(namesOf(table)).toEqual(["x", "price"]);
    expect(numbersOf(table, 1)).toEqual([12, 14.5]);
  });
});

test("libsvm: several labels per row are refused, and numbers have points", () => {
  expect(() => read("0,2 1:0.33 2:1\n1 1:0.5\n")).toThrow(
    /t: line 1: expected one label .* got several labels per row, "0,2"/,
  );
  const table = read("1.230 1:0.330 2:1.500\n4.560 1:0.500 2:2.500\n");
  expect(numbersOf(table, 0)).toEqual([1.23, 4.56]);
  expect(inferNumberFormat(table.columns[0]!.cells as string[], table.numberHints)).not.toHaveProperty("ambiguous");
});
