import { BadFile } from "../errors.ts";
import type { Steps } from "./slices.ts";

/** First bytes of files that people take for tables, and what to do with them. */
const foreign: readonly (readonly [magic: string, kind: string, fix: string])[] = [
  ["FEA1", "a Feather file of version 1", "save it as version 2, or as CSV"],
  ["\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"],
  ["BZh", "a bzip2 archive", "unpack it with bunzip2"],
  ["\xfd7zXZ", "an xz archive", "unpack it with unxz"],
  ["\x28\xb5\x2f\xfd", "a zstd archive", "unpack it with unzstd"],
  ["7z\xbc\xaf", "a 7z archive", "unpack it"],
  ["\x89HDF", "an HDF5 file", "export it as CSV"],
  ["SQLite format 3", "an SQLite database", "export one table as CSV"],
  ["MATLAB 5.0", "a MATLAB file", "save it with writetable"],
  ["\x89PNG", "a picture", "pass a table"],
  ["\xff\xd8\xff", "a picture", "pass a table"],
  ["GIF8", "a picture", "pass a table"],
  ["%PDF", "a PDF document", "pass a table"],
  ["{\\rtf", "an RTF document", "save it as plain text"],
  ["version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with git lfs pull"],
];

/** Text of a file, and what was decided to get it. */
export interface DecodedText {
  readonly text: string;
  readonly notes: readonly string[];
}

type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";

const sampleBytes = 4096;
const chunkBytes = 2 ** 18;

/** UTF-16 of mostly Latin text has a NUL in every other byte. */
function utf16Of(sample: Uint8Array): Encoding | undefined {
  let even = 0;
  let odd = 0;
  for (const [index, byte] of sample.entries()) {
    if (byte === 0 && index % 2 === 0) even++;
    else if (byte === 0) odd++;
  }
  const most = sample.length / 2;
  if (sample.length < 4) return undefined;
  if (even === 0 && odd > 0.4 * most) return "utf-16le";
  return odd === 0 && even > 0.4 * most ? "utf-16be" : undefined;
}

/** Throws for what is no text. */
function encodingOf(bytes: Uint8Array, place: string): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  const expected = "a CSV, TSV or JSON table";
  const found = foreign.find(([magic]) => start.startsWith(magic));
  if (found) throw new BadFile({ place, expected, got: found[1], fix: found[2] });
  const sample = bytes.subarray(0, sampleBytes);
  const utf16 = utf16Of(sample);
  if (utf16) return utf16;
  if (!sample.includes(0)) return "utf-8";
  throw new BadFile({ place, expected, got: "binary data", fix: "pass a text file in UTF-8" });
}

/** Control characters, which the Latin-1 of no table has. */
const isControl = (byte: number): boolean => byte < 9 || (byte > 13 && byte < 32) || byte === 127;

function* decodeAs(bytes: Uint8Array, encoding: Encoding): Steps<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const parts: string[] = [];
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    parts.push(decoder.decode(bytes.subarray(from, from + chunkBytes), { stream: true }));
    yield chunkBytes / bytes.length;
  }
  parts.push(decoder.decode());
  return parts.join("");
}

function undecodable(place: string, encoding: string, cause: unknown): BadFile {
  const fix = "save the file as UTF-8; split it if it is larger than 500 MB";
  return new BadFile({ place, expected: `text in ${encoding}`, got: "other bytes", fix, cause });
}

/**
 * Decodes the bytes of a text file: UTF-8, UTF-16 with or without a byte order mark, else Windows-1252 with a note.
 * @throws BadFile for files of other programs and for binary data
 */
export function* decodeText(bytes: Uint8Array, place: string): Steps<DecodedText> {
  const encoding = encodingOf(bytes, place);
  try {
    return { text: yield* decodeAs(bytes, encoding), notes: [] };
  } catch (cause) {
    if (encoding !== "utf-8" || !(cause instanceof TypeError)) throw undecodable(place, encoding.toUpperCase(), cause);
    if (bytes.subarray(0, 2 ** 20).some(isControl)) throw undecodable(place, "UTF-8", cause);
    const notes = ["the text is not UTF-8 and was read as Windows-1252; save it as UTF-8 if letters look wrong"];
    return { text: yield* decodeAs(bytes, "windows-1252"), notes };
  }
}
