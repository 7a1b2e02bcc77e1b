import { describe, expect, test } from "vitest";
import { inputNames, prepare, readTable } from "../src/data.ts";
import { BadFile } from "../src/errors.ts";
import { rejectionOf } from "./support/fault.ts";

describe("reading tables", () => {
  test.each([
    ["comma", "a,b\n1,x\n2,y\n", "CSV"],
    ["tab", "a\tb\n1\tx\n2\ty\n", "TSV"],
    ["semicolon", "a;b\n1;x\n2;y\n", "CSV separated by ;"],
    ["byte order mark", "\uFEFFa,b\n1,x\n2,y\n", "CSV"],
    ["carriage returns", "a,b\r\n1,x\r\n2,y\r\n", "CSV"],
    ["empty lines", "\na,b\n\n1,x\n2,y\n\n\n", "CSV"],
    ["quotes", '"a","b"\n"1","x"\n2,"y"', "CSV"],
    ["JSON rows", '[{"a":1,"b":"x"},{"a":2,"b":"y"}]', "JSON"],
    ["JSON after spaces", '\n  [{"a":1,"b":"x"},{"b":"y","a":2}]', "JSON"],
  ])("%s", async (_, text, format) => {
    const table = await readTable(text, "t");
    expect(table.format).toBe(format);
    expect(table.rowCount).toBe(2);
    expect(table.columns.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(table.columns[0]!.cells.map(Number)).toEqual([1, 2]);
    expect(table.columns[1]!.cells).toEqual(["x", "y"]);
  });

  test("UTF-8 and UTF-16 bytes", async () => {
    const text = "größe,art\n1,ä\n2,ö\n";
    expect((await readTable(new TextEncoder().encode(text), "t")).columns[0]!.name).toBe("größe");
    const utf16 = new Uint8Array(new Uint16Array([0xfeff, ...[...text].map((c) => c.charCodeAt(0))]).buffer);
    expect((await readTable(utf16, "t")).columns[1]!.cells).toEqual(["ä", "ö"]);
  });

  test("a table without a header gets column names", async () => {
    const table = await readTable("5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,versicolor\n", "iris.data");
    expect(table.columns.map(({ name }) => name)).toEqual(["column1", "column2", "column3"]);
    expect(table.format).toBe("CSV without a header");
    expect(table.rowCount).toBe(3);
  });

  test("names that reach prototypes are names like others", async () => {
    const csv = await readTable("__proto__,constructor,y\n1,2,a\n3,4,b\n", "t");
    expect(csv.columns.map(({ name }) => name)).toEqual(["__proto__", "constructor", "y"]);
    const json = await readTable('[{"__proto__":1,"toString":2,"y":"a"},{"__proto__":3,"toString":5,"y":"b"}]', "t");
    expect(json.columns.map(({ name }) => name)).toEqual(["__proto__", "toString", "y"]);
    const { preprocessing, training } = await prepare(json, { target: "y", validation: 0 });
    expect(inputNames(preprocessing)).toEqual(["__proto__", "toString"]);
    expect([...training.inputs]).toEqual([-1, -1, 1, 1]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("a column that some JSON rows lack is missing there", async () => {
    const table = await readTable('[{"a":1},{"b":2},{"a":3,"b":null}]', "t");
    expect(table.columns.map(({ cells }) => cells)).toEqual([
      [1, null, 3],
      [null, 2, null],
    ]);
  });

  test.each([
    ["nothing", "", /t: expected rows of data, got an empty file/],
    ["white space", " \n \n", /got an empty file/],
    ["a header alone", "height,kind\n", /got only a header line/],
    ["a ragged row", "a,b\n1,2\n3\n", /t: line 3: expected 2 cells as in the first line, got 1/],
    ["a long row after a quoted line break", 'a,b\n"x\ny",2\n3,4,5\n', /t: line 4: expected 2 cells/],
    [
      "two columns of one name",
      "a,b,a\n1,2,3\n",
      /t: line 1: expected different column names, got "a" in columns 1 and 3; rename one/,
    ],
    ["an open quote", 'a,b\n1,"2\n3,4\n', /closed quotes/],
    ["broken JSON", '[{"a":1},', /expected valid JSON/],
    ["broken JSON over lines", '{"a":1,\n{"a":2}\n', /expected valid JSON/],
    ["an object per line, cut off", '\n{"a":{"b":1}}\r\n\r\n{"a":', /t: line 4: expected valid JSON/],
    ["a JSON object", '{"rows":[]}', /an array of row objects/],
    ["no JSON rows", "[]", /at least one row/],
    ["JSON rows that are lists", "[[1,2],[3,4]]", /t: row 1: expected an object/],
    ["deep JSON", "[".repeat(1e6), /expected valid JSON|expected an object/],
  ])("refuses %s", async (_, text, message) => {
    const error = await rejectionOf(() => readTable(text, "t"));
    expect(error).toBeInstanceOf(BadFile);
    expect(error.message).toMatch(message);
  });

  test.each([
    [[0x50, 0x41, 0x52, 0x31, 0, 0], /a whole Parquet file/],
    [[0x1f, 0x8b, 8, 0], /compressed data/],
    [[0x50, 0x4b, 3, 4], /list of files of a zip archive/],
    [[65, 0, 0, 66], /binary data/],
    [[65, 44, 66, 10, 0xff, 1, 65], /UTF-8/],
  ])("refuses bytes %j", async (bytes, message) => {
    const error = await rejectionOf(() => readTable(Uint8Array.from(bytes), "t"));
    expect(error).toBeInstanceOf(BadFile);
    expect(error.message).toMatch(message);
  });
});
