import { BadFile, InvalidInput, requireOptions } from "../errors.ts";
import { requireName } from "../graph/network.ts";
import { binaryKindOf } from "./binary/fileKind.ts";
import { type DecodedText, decodeText } from "./decodeText.ts";
import type { NumberHints } from "./inferNumberFormat.ts";
import { defaultMissing, missingWordsOf } from "./missing.ts";
import { isArff, readArff } from "./readArff.ts";
import { type CsvOptions, readCsv } from "./readCsv.ts";
import { readJson } from "./readJson.ts";
import { isLibsvm, readLibsvm } from "./readLibsvm.ts";
import { type SliceOptions, type Steps, runInSlices, runSteps, scaled } from "./slices.ts";
import type { RawTable, Table } from "./table.ts";

/** What the user knows about a table. Everything left out is decided by the content. */
export interface ReadOptions extends CsvOptions, Pick<NumberHints, "decimal" | "thousands">, SliceOptions {
  /** Words that are missing values, instead of the default ones; "default" among them keeps those as well. */
  readonly missing?: readonly string[];
}

const optionNames = "separator header expected target decimal thousands missing onProgress signal".split(" ");
const decimals = [".", ","] as const;
const thousandsMarks = ["", ",", ".", " ", "'", "_"] as const;

function requireSeparator(place: string, separator: string): void {
  if (separator.length === 1 && !/["\r\n]/.test(separator)) return;
  const fix = 'pass one character, such as ";" or "\\t"; " " stands for any number of blanks';
  throw new InvalidInput({
    place: `${place}: separator`,
    expected: "one character",
    got: JSON.stringify(separator),
    fix,
  });
}

function requireReadOptions(place: string, options: ReadOptions): void {
  requireOptions(`${place}: options`, options, optionNames);
  const { separator, header, decimal, thousands } = options;
  if (separator !== undefined) requireSeparator(place, separator);
  if (header !== undefined) requireName(`${place}: header`, header, ["yes", "no", "auto"]);
  if (decimal !== undefined) requireName(`${place}: decimal`, decimal, decimals);
  if (thousands !== undefined) requireName(`${place}: thousands`, thousands, thousandsMarks);
  if (decimal === undefined || decimal !== thousands) return;
  const expected = "different characters for decimal and thousands";
  throw new InvalidInput({ place, expected, got: JSON.stringify(decimal), fix: "change one of them" });
}

/** Layouts of text that are no tables, by their first characters. */
const foreign: readonly (readonly [start: RegExp, kind: string, fix: string])[] = [
  [/^<(?:!doctype html|html|head|table)/i, "an HTML page", "download the table itself, or save it as CSV"],
  [/^<[?!a-z]/i, "XML", "save the table as CSV"],
  [/^%%MatrixMarket/, "a Matrix Market file", "save the matrix as CSV"],
  [/^\{\\rtf/, "an RTF document", "save it as plain text"],
  [
    /^\|?[^\r\n]*\|[^\r\n]*(?:\r\n|\n|\r)[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*\|[-:| \t]*(?:[\r\n]|$)/,
    "a Markdown table",
    "save it as CSV",
  ],
  [
    /^[^\r\n]*\|[^\r\n]*(?:\r\n|\n|\r)-+(?:\+-+)+(?:[\r\n]|$)/,
    "output of psql",
    "export it with \\copy … csv header, or with psql --csv",
  ],
];

function* readText(text: string, place: string, options: ReadOptions): Steps<RawTable> {
  const head = text.slice(0, 10_000).trimStart();
  if (head === "" && text.trim() === "") {
    throw new BadFile({ place, expected: "rows of data", got: "an empty file", fix: "check that the export worked" });
  }
  if (options.separator !== undefined) return yield* readCsv(text, place, options);
  const found = foreign.find(([start]) => start.test(head));
  if (found)
    throw new BadFile({
      place,
      expected: "a table in CSV, TSV, JSON, NDJSON, Parquet, Arrow or NumPy's format",
      got: found[1],
      fix: found[2],
    });
  if (head.startsWith("[") || head.startsWith("{")) return yield* readJson(text, place);
  if (isArff(text)) return yield* readArff(text, place);
  if (isLibsvm(text, options.expected?.inputs)) return yield* readLibsvm(text, place, options.expected?.inputs);
  return yield* readCsv(text, place, options);
}

function* readSteps(content: Uint8Array | string, place: string, options: ReadOptions): Steps<Table> {
  const decoded: DecodedText =
    typeof content === "string" ? { text: content, notes: [] } : yield* scaled(decodeText(content, place), 0.1);
  const text = decoded.text.replace(/^\uFEFF/, "");
  const raw = yield* scaled(readText(text, place, options), 0.9);
  return tableOf({ ...raw, notes: [...decoded.notes, ...raw.notes] }, place, options);
}

/** What a layout's reader found, with what the user knows about it. */
function tableOf(raw: RawTable, place: string, options: ReadOptions): Table {
  const { likelyDecimal, cutAtSemicolons, ...table } = raw;
  const { missing, decimal, thousands } = options;
  const stated = { ...(decimal && { decimal }), ...(thousands !== undefined && { thousands }) };
  return {
    place,
    ...table,
    missingWords: missing ? missingWordsOf(missing) : defaultMissing,
    numberHints: {
      ...stated,
      ...(likelyDecimal && !decimal && { likelyDecimal }),
      ...(cutAtSemicolons && !decimal && { cutAtSemicolons }),
    },
  };
}

/**
 * Reads a table: CSV, TSV and other delimited text, JSON rows, NDJSON, ARFF or libsvm; Parquet, Arrow, NumPy's .npy and .npz, and IDX,
 * whose readers are loaded when such a file is read; any of these compressed by gzip. The content decides which, not the name.
 * The work on text is done in slices of 8 ms, so that a page stays responsive.
 * @param content bytes or text of the file
 * @param place what messages call the file
 * @throws BadFile on an empty or binary file, another layout, broken JSON or quotes, ragged rows or two columns of one name
 * @throws InvalidInput on an option that is none
 */
export async function readTable(
  content: Uint8Array | string,
  place: string,
  options: ReadOptions = {},
): Promise<Table> {
  requireReadOptions(place, options);
  const kind = typeof content === "string" ? undefined : binaryKindOf(content);
  let text = content;
  if (kind !== undefined) {
    const { readBinary } = await import("./binary/readBinary.ts");
    const found = await readBinary(content as Uint8Array, place, kind);
    options.signal?.throwIfAborted();
    if (!(found instanceof Uint8Array)) {
      options.onProgress?.({ done: content.length, total: content.length });
      return tableOf(found, place, options);
    }
    text = found;
  }
  return runInSlices(readSteps(text, place, options), { total: content.length, work: 1 }, options);
}

/** `readTable` of text without slices, for those who can wait. */
export function readTableAtOnce(content: Uint8Array | string, place: string, options: ReadOptions = {}): Table {
  requireReadOptions(place, options);
  return runSteps(readSteps(content, place, options));
}
