import { BadFile } from "../errors.ts";
import type { Steps } from "./slices.ts";
import type { Cell } from "./cell.ts";
import { namesInHeader } from "./columnNames.ts";
import { type Column, type RawTable, quote } from "./table.ts";

/** A quoted text with backslash escapes, or a text up to a comma or blank. */
const token = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\s]*(?:[^\S\r\n]+[^,\s]+)*))\s*(,|$)/y;
const attribute = /^@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\S+))\s+(.+)$/i;

const unescape = (text: string): string => text.replaceAll(/\\(.)/g, "$1");

interface Attribute {
  readonly name: string;
  readonly isNominal: boolean;
}

function attributeOf(line: string, place: string): Attribute {
  const found = attribute.exec(line);
  if (!found) {
    const fix = "write the name of the attribute and its type";
    throw new BadFile({ place, expected: "@attribute NAME TYPE", got: quote(line), fix });
  }
  if (/^relational\b/i.test(found[4]!)) {
    const expected = "attributes of numbers, texts or classes";
    throw new BadFile({ place, expected, got: "a relational attribute", fix: "export it as CSV" });
  }
  return { name: unescape(found[1] ?? found[2] ?? found[3]!), isNominal: found[4]!.startsWith("{") };
}

function cellsOf(line: string, place: string): Cell[] {
  const cells: Cell[] = [];
  for (let at = 0; ; at = token.lastIndex) {
    token.lastIndex = at;
    const found = token.exec(line);
    if (!found) {
      const fix = "close the quotes of each cell";
      throw new BadFile({ place, expected: "cells separated by commas", got: quote(line), fix });
    }
    const plain = found[3];
    cells.push(plain === "?" ? null : unescape(found[1] ?? found[2] ?? plain ?? ""));
    if (found[4] === "") return cells;
  }
}

/** Whether the first line that is no comment is that of an ARFF file. */
export const isArff = (text: string): boolean =>
  /^(?:\s*%[^\r\n]*(?:\r\n|\n|\r|$))*\s*@relation\b/i.test(text.slice(0, 100_000));

/**
 * Reads ARFF, the format of Weka: attributes of any type but relational ones, `?` as missing cell, `%` comments.
 * @throws BadFile for sparse rows, and where a row has not as many cells as there are attributes
 */
export function* readArff(text: string, place: string): Steps<RawTable> {
  const attributes: Attribute[] = [];
  const drafts: Cell[][] = [];
  const lines: number[] = [];
  let inData = false;
  const lineText = /([^\r\n]*)(?:\r\n|\n|\r|$)/y;
  let told = 0;
  for (let number = 1, at = 0; at < text.length; number++) {
    lineText.lastIndex = at;
    const line = lineText.exec(text)![1]!.trim();
    at = lineText.lastIndex;
    if (number % 500 === 0) {
      yield (at - told) / text.length;
      told = at;
    }
    if (line === "" || line.startsWith("%")) continue;
    const where = `${place}: line ${number}`;
    if (!inData) {
      if (/^@data\b/i.test(line)) {
        const names = attributes.map(({ name }) => name);
        yield* namesInHeader(names, names.length, where);
        for (let column = 0; column < names.length; column++) drafts.push([]);
        inData = true;
      } else if (/^@attribute\b/i.test(line)) attributes.push(attributeOf(line, where));
      continue;
    }
    if (line.startsWith("{")) {
      const fix = "save it as dense ARFF or CSV (in Weka: the filter SparseToNonSparse)";
      throw new BadFile({ place: where, expected: "rows of cells", got: "a row of sparse ARFF", fix });
    }
    const cells = cellsOf(line, where);
    if (cells.length !== attributes.length) {
      const fix = "add or remove cells in this line, and put cells that contain commas in quotes";
      const expected = `${attributes.length} cells, one for each attribute`;
      throw new BadFile({ place: where, expected, got: String(cells.length), fix });
    }
    for (const [column, cell] of cells.entries()) drafts[column]!.push(cell);
    lines.push(number);
  }
  if (lines.length === 0 || attributes.length === 0) {
    throw new BadFile({ place, expected: "rows below @data", got: "none", fix: "check that the export was complete" });
  }
  const columns = drafts.map((cells, column): Column => ({ ...attributes[column]!, cells, nested: false }));
  return { format: "ARFF", columns, rowCount: lines.length, rowName: (row) => `line ${lines[row]!}`, notes: [] };
}
