// Text of strangers on the way to a terminal, to JSON and to a spreadsheet.

import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { csvLine } from "../src/cli/csv.ts";
import { createOutput } from "../src/cli/output.ts";
import { documentText, jsonText, oneLine } from "../src/cli/safeText.ts";
import { BadFile, printable } from "../src/node.ts";

const clipboard = "\u001b]52;c;ZWNobyBwd25lZA==\u0007";
/** What a terminal obeys, and what turns text around. */
const control = /[^\P{Cc}\t\n]/u;
const bidi = /\p{Bidi_Control}/u;
const anyText = fc.string({ unit: "binary", maxLength: 200 });

describe("printable", () => {
  test("escapes what a terminal obeys, and keeps everything else", () => {
    expect(printable(`a${clipboard}b`)).toBe(String.raw`a\u001b]52;c;ZWNobyBwd25lZA==\u0007b`);
    expect(printable("\u009b31m\u007f\r\u2028")).toBe(String.raw`\u009b31m\u007f\u000d\u2028`);
    expect(printable("\u202eexe.txt\u2066")).toBe(String.raw`\u202eexe.txt\u2066`);
    const plain = "Größe 你好 שלום 👩‍👩‍👧 e\u0301\n\tx";
    expect(printable(plain)).toBe(plain);
  });

  test("any text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = printable(text);
        expect(shown).not.toMatch(control);
        expect(shown).not.toMatch(bidi);
        expect(printable(shown)).toBe(shown);
        const read = shown.replaceAll(/\\u([\da-f]{4})/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
        if (!text.includes("\\u")) expect(read).toBe(text);
      }),
    );
  });

  test("messages of errors, whose parts stay what they are", () => {
    const error = new BadFile({ place: `a${clipboard}`, expected: "x", got: "\u202ey", fix: "z" });
    expect(error.message).toBe(String.raw`a\u001b]52;c;ZWNobyBwd25lZA==\u0007: expected x, got \u202ey; z`);
    expect(error.fault.got).toBe("\u202ey");
  });
});

describe("lines and documents", () => {
  test("one line stays one line, of a length that a person reads", () => {
    expect(oneLine("a\r\nb\tc\u2029")).toBe(String.raw`a\u000d\nb\tc\u2029`);
    expect(oneLine("x".repeat(1e6)).length).toBe(4001);
    fc.assert(fc.property(anyText, (text) => !/[\n\r\t]/.test(oneLine(text)) && !control.test(oneLine(text))));
  });

  test("documents keep line breaks and marks of direction", () => {
    expect(documentText(`a\r\n\t\u200f${clipboard}`)).toBe(
      `a\r\n\t\u200f${String.raw`\u001b]52;c;ZWNobyBwd25lZA==\u0007`}`,
    );
  });

  test("JSON says the same, in characters that no terminal obeys", () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (object) => {
        const text = jsonText({ ...object });
        expect(text).not.toMatch(control);
        expect(text).not.toMatch(bidi);
        expect(text).not.toContain("\n");
        expect(Object.entries(JSON.parse(text) as object)).toEqual(Object.entries({ ...object }));
      }),
    );
  });
});

describe("CSV", () => {
  test.each<[string | number, string]>([
    ["=1+1", "'=1+1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ["+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"],
    ["-2+3", "'-2+3"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", `"'\t=1"`],
    ["\r=1", `"'\r=1"`],
    ["＝1+1", "'＝1+1"],
    ["=1\nx", `"'=1\nx"`],
    ["-1.5", "-1.5"],
    ["+3", "+3"],
    ["-1e-7", "-1e-7"],
    ["-.5", "-.5"],
    ["-20 %", "-20 %"],
    ["-1,5", '"-1,5"'],
    ["+", "+"],
    ["-", "-"],
    ["-inf", "'-inf"],
    [-1.5, "-1.5"],
    [1e-7, "1e-7"],
    ["a=b", "a=b"],
    ["it's", "it's"],
    ['a"b', '"a""b"'],
    ["a,b", '"a,b"'],
    ["", ""],
  ])("%j becomes %s", (value, cell) => {
    expect(csvLine([value])).toBe(`${cell}\n`);
    expect(csvLine(["x", value, 1])).toBe(`x,${cell},1\n`);
  });

  test("no cell of text begins a formula", () => {
    const start = fc.constantFrom("=", "+", "-", "@", "\t", "\r", "\n", "");
    fc.assert(
      fc.property(start, anyText, (first, rest) => {
        const cell = csvLine([first + rest]).slice(0, -1);
        const text = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
        if (text.length > 1 && /^[=@\t\r\n+-]/.test(text)) expect(text).toMatch(/^[+-][\d.,eE+\s%-]*$/);
        expect([first + rest, `'${first}${rest}`]).toContain(text);
      }),
    );
  });
});

describe("a document on stdout", () => {
  const isTty = Object.getOwnPropertyDescriptor(process.stdout, "isTTY");
  afterEach(() => {
    vi.restoreAllMocks();
    if (isTty) Object.defineProperty(process.stdout, "isTTY", isTty);
    else Reflect.deleteProperty(process.stdout, "isTTY");
  });

  test.each([
    [true, String.raw`a\u202eb`],
    [false, "a\u202eb"],
  ])("in a terminal (%s) marks of direction are escaped", (value, shown) => {
    Object.defineProperty(process.stdout, "isTTY", { value, configurable: true });
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    createOutput({}).write("a\u202eb");
    expect(write.mock.calls).toEqual([[shown]]);
  });
});
