// Parquet, Arrow, NumPy, IDX and gzip: files of other programs' writers (test/formats/), wrong files, and files with changed bytes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepare, readTable, type Table } from "../src/data.ts";
import { binaryKindOf } from "../src/data/binary/fileKind.ts";
import { lz4Block } from "../src/data/binary/lz4.ts";
import { readZip } from "../src/data/binary/zip.ts";
import { BadFile, ThalwegError } from "../src/errors.ts";
import arrays from "./formats/arrays.json";
import tables from "./formats/tables.json";
import { rejectionOf } from "./support/fault.ts";

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const files: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries({ ...tables.files, ...arrays.files }).map(([name, text]) => [name, bytesOf(text)]),
);
const open = (name: string): Promise<Table> => readTable(files.get(name)!, name);
const cellsOf = ({ columns }: Table): Record<string, unknown[]> =>
  Object.fromEntries(columns.map(({ name, cells }) => [name, [...cells]]));

const values = tables.values as Record<string, unknown[]>;
const dayOf = (value: unknown): unknown => (typeof value === "string" ? value.slice(0, 10) : value);
const expected = { ...values, day: values["day"]!.map(dayOf) };

const typed = Object.keys(tables.files).filter((name) => /\.(parquet|arrow|feather)$/.test(name));

test.each(typed)("%s: integers, floats, booleans, texts, dates and nulls keep their types", async (name) => {
  const table = await open(name);
  expect([table.rowCount, table.format]).toEqual([40, name.endsWith("parquet") ? "Parquet" : "Arrow"]);
  expect(cellsOf(table)).toEqual(expected);
  const kind = table.columns.find((column) => column.name === "kind")!;
  expect(kind.isNominal).toBe(name.endsWith("parquet") ? undefined : true); // a dictionary of Arrow is categorical
});

test("what a typed table holds is understood as that of a text file", async () => {
  const { preprocessing, trainingRows } = await prepare(await open("snappy.parquet"), { target: "kind" });
  const kinds = Object.fromEntries(preprocessing.inputs.map((input) => [input.name, input.kind]));
  expect(kinds).toMatchObject({ double: "number", flag: "category", day: "date", time: "date" });
  expect(trainingRows).toBeGreaterThan(20);
});

describe("arrays of NumPy", () => {
  test.each(Object.entries(arrays.rows))("%s", async (name, rows) => {
    const table = await open(`${name}.npy`);
    const read = Array.from({ length: table.rowCount }, (_, row) => table.columns.map(({ cells }) => cells[row]));
    const exact = (value: unknown): unknown =>
      typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
        ? String(BigInt(value))
        : value;
    expect(read).toEqual((rows as unknown[][]).map((row) => row.map(exact)));
  });

  test("are columns by name, side by side in an archive", async () => {
    const names = async (file: string): Promise<string[]> => (await open(file)).columns.map(({ name }) => name);
    expect(await names("vector.npy")).toEqual(["column1"]);
    expect(await names("fortran.npy")).toEqual(["column1", "column2", "column3"]);
    expect(await names("records.npy")).toEqual(["n", "x", "kind"]);
    for (const file of ["data.npz", "deflated.npz"]) {
      const table = await open(file);
      const cells = cellsOf(table);
      expect(cells).toMatchObject({ x2: arrays.grid.map((row) => row[1]), y: [0, 1, 2, 3, 4] });
    }
    expect(cellsOf(await open("data.npz"))["kind"]).toEqual([..."abcab"]);
  });
});

test("IDX, as MNIST has it, plain and compressed", async () => {
  for (const name of ["images-idx3-ubyte", "images-idx3-ubyte.gz"]) {
    expect(cellsOf(await open(name))).toEqual({
      pixel1: [0, 3, 7],
      pixel2: [255, 4, 8],
      pixel3: [1, 5, 9],
      pixel4: [2, 6, 10],
    });
  }
  expect(cellsOf(await open("labels-idx1-ubyte"))).toEqual({ label: [7, 0, 9] });
});

test("text that gzip compressed", async () => {
  const { columns, format } = await open("table.csv.gz");
  expect([format, columns.map(({ name }) => name)]).toEqual(["CSV", ["a", "b"]]);
});

test("a block of LZ4 of its own writer", () => {
  const text = "abcabcabcabc".repeat(40) + "xyz".repeat(200);
  const output = new Uint8Array(text.length);
  expect(lz4Block(files.get("block.lz4")!, output, 0, "t")).toBe(text.length);
  expect(new TextDecoder().decode(output)).toBe(text);
});

describe("wrong files", () => {
  const cut = (name: string, end: number): Uint8Array => files.get(name)!.slice(0, end);
  const flipped = (name: string, at: number): Uint8Array => {
    const bytes = files.get(name)!.slice();
    bytes[at] = bytes[at]! ^ 0xff;
    return bytes;
  };
  const npy = (header: string, content = 0): Uint8Array =>
    Uint8Array.from([
      0x93,
      ...[..."NUMPY"].map((letter) => letter.charCodeAt(0)),
      1,
      0,
      header.length % 256,
      Math.floor(header.length / 256),
      ...[...header].map((letter) => letter.charCodeAt(0)),
      ...Array.from({ length: content }, () => 0),
    ]);

  test.each<[string, Uint8Array, RegExp]>([
    ["a cut Parquet file", cut("plain.parquet", 4000), /t: expected a whole Parquet file, got .*; the file is damaged/],
    ["a cut Arrow file", cut("file.arrow", 3000), /t: expected a whole Arrow file/],
    ["a spreadsheet", files.get("sheet.xlsx")!, /got a spreadsheet; save the sheet as CSV/],
    ["a cut archive", cut("data.npz", 500), /list of files of a zip archive/],
    ["an archive with changed bytes", flipped("data.npz", 200), /checksum/],
    ["too many columns", files.get("wide.npz")!, /at most 20000 columns and 50000000 cells, got 2 rows of 20001 columns/],
    ["arrays of two lengths", files.get("uneven.npz")!, /arrays of one length, got x \[5, 3\], y \[4\]; save the arrays/],
    ["objects", files.get("objects.npy")!, /numbers, booleans, texts, or records of these, got dtype \|O; convert/],
    ["complex numbers", files.get("complex.npy")!, /got dtype <c16; convert/],
    ["a cut array", cut("f8little.npy", 170), /64 bytes of values, got 42/],
    ["code instead of a header", npy("__import__('os').system('ls')"), /a header such as/],
    ["a shape that is none", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), /a shape such as/],
    ["a shape of billions", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000,), }", 9), /1000000000 bytes of values, got 9/],
    ["no rows", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }"), /expected rows of data, got no rows/],
    ["cut gzip", cut("table.csv.gz", 20), /expected compressed data, got other bytes/],
  ])("%s", async (_, bytes, message) => {
    const error = await rejectionOf(() => readTable(bytes, "t"));
    expect(error).toBeInstanceOf(BadFile);
    expect(error.message).toMatch(message);
  }); // prettier-ignore
});

test("archives that claim more than memory holds are refused before anything is decompressed", () => {
  const bytes = files.get("wide.npz")!.slice();
  const view = new DataView(bytes.buffer);
  for (let at = bytes.length - 46; at > 0; at--) {
    if (view.getUint32(at, true) !== 0x02014b50) continue;
    view.setUint32(at + 24, 0x7fffffff, true); // the size when decompressed
    expect(() => readZip(bytes, "t")).toThrow(/at most 1073741824 bytes when decompressed, got 2147483647/);
    return;
  }
  expect.unreachable();
});

test("changed bytes: an error of ours or a table, and no hang", async () => {
  const names = [...files.keys()].filter((name) => !/wide|lz4$/.test(name));
  const share = fc.integer({ min: 0, max: 10_000 }).map((part) => part / 10_000); // fc.double prefers numbers next to 0
  const change = fc.record({
    name: fc.constantFrom(...names),
    changes: fc.array(fc.tuple(share, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    share: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, share),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ name, changes, share }) => {
      const whole = files.get(name)!;
      const bytes = whole.slice(0, Math.ceil(whole.length * share));
      for (const [place, byte] of changes) bytes[Math.floor(place * (bytes.length - 1))] = byte;
      if (binaryKindOf(bytes) === undefined) return;
      try {
        const table = await readTable(bytes, name);
        for (const { cells } of table.columns) expect(cells).toHaveLength(table.rowCount);
      } catch (error) {
        expect(error).toBeInstanceOf(ThalwegError);
      }
    }),
    { numRuns: 300 },
  );
});
