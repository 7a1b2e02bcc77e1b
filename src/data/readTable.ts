import { BadFile } from "../errors.ts";
import { readCsv } from "./readCsv.ts";
import { readJson } from "./readJson.ts";
import type { Table } from "./table.ts";

/** First bytes of files that people take for tables, and what to do with them. */
const foreign: readonly (readonly [magic: string, kind: string, fix: string])[] = [
  ["PAR1", "a Parquet file", "export it as CSV"],
  ["ARROW1", "an Arrow file", "export it as CSV"],
  ["PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV"],
  ["\x1f\x8b", "a gzip archive", "unpack it with gunzip"],
  ["\x93NUMPY", "a NumPy array", "save it with numpy.savetxt and delimiter=','"],
  ["\x89PNG", "a picture", "pass a table"],
  ["%PDF", "a PDF document", "pass a table"],
];

function requireText(bytes: Uint8Array, place: string): void {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  const expected = "a CSV, TSV or JSON table";
  const found = foreign.find(([magic]) => start.startsWith(magic));
  if (found) throw new BadFile({ place, expected, got: found[1], fix: found[2] });
  if (bytes.subarray(0, 4096).includes(0)) {
    throw new BadFile({ place, expected, got: "binary data", fix: "pass a text file in UTF-8" });
  }
}

function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
}

/** Text of the file, byte order mark removed. */
function decode(bytes: Uint8Array, place: string): string {
  const encoding = encodingOf(bytes);
  if (encoding === "utf-8") requireText(bytes, place);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const fix = "save the file as UTF-8; split it if it is larger than 500 MB";
    throw new BadFile({ place, expected: "text in UTF-8", got: "other bytes", fix, cause });
  }
}

/**
 * Reads a table; whether it is CSV, TSV or JSON rows is decided by the content, not by the name.
 * @param content bytes or text of the file
 * @param place what messages call the file
 * @throws BadFile on an empty or binary file, broken JSON, ragged rows or two columns of one name
 */
export function readTable(content: Uint8Array | string, place: string): Table {
  const text = (typeof content === "string" ? content : decode(content, place)).replace(/^\uFEFF/, "");
  const start = text.trimStart().charAt(0);
  if (start === "") {
    throw new BadFile({ place, expected: "rows of data", got: "an empty file", fix: "check that the export worked" });
  }
  return start === "[" || start === "{" ? readJson(text, place) : readCsv(text, place);
}
