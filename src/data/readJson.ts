import { BadFile } from "../errors.ts";
import { elementBatches, keepLongIntegers } from "./jsonElements.ts";
import { buildTable, kindOf, rowSteps } from "./rowObjects.ts";
import { type Steps, scaled } from "./slices.ts";
import { type RawTable, quote } from "./table.ts";

const arrayOfRows = 'an array of row objects, [{"height": 1.5, "species": "oak"}, …]';

/** A token that other programs write and JSON has not, and the element of the array around it, from 0. */
function literalIn(json: string): { readonly token: string; readonly element: number } | undefined {
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity|nan|inf)\b|[[\]{},]/gs;
  let depth = 0;
  let element = 0;
  for (const [token] of json.matchAll(tokens)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    else if (token === ",") element += depth === 1 ? 1 : 0;
    else if (!token.startsWith('"')) return { token, element };
  }
  return undefined;
}

/** Text that does not parse. */
interface Broken {
  readonly json: string;
  /** Rows in front of it, where it is a part of an array of rows. */
  readonly rowsBefore?: number | undefined;
}

function notJson(place: string, cause: unknown, { json, rowsBefore }: Broken = { json: "" }): BadFile {
  const literal = literalIn(json);
  if (literal) {
    const { token, element } = literal;
    const where = rowsBefore === undefined ? place : `${place}: row ${rowsBefore + element + 1}`;
    return new BadFile({
      place: where,
      expected: "valid JSON",
      got: token,
      fix: `${token} is not JSON: write null`,
      cause,
    });
  }
  const behind = rowsBefore ? `${place}: after row ${rowsBefore}` : place;
  const got = cause instanceof Error ? quote(cause.message) : "an error";
  const fix = "check that the file is complete, from [ to ]";
  return new BadFile({ place: behind, expected: "valid JSON", got, fix, cause });
}

function parse(json: string, place: string, rowsBefore?: number): unknown {
  try {
    return JSON.parse(keepLongIntegers(json));
  } catch (cause) {
    throw notJson(place, cause, { json, rowsBefore });
  }
}

function* rowsOfArray(text: string, place: string): Steps<unknown[]> {
  const start = text.indexOf("[");
  const rows: unknown[] = [];
  const batches = elementBatches(text, start);
  for (;;) {
    const { done, value } = batches.next();
    if (done) {
      if (value === undefined) throw notJson(place, new Error(`the array does not end, after row ${rows.length}`));
      if (text.slice(value).trim() === "") return rows;
      if (/^\s*\[/.test(text.slice(value, value + 1000))) throw arrayPerLine(place);
      throw notJson(place, new Error("text after the array"));
    }
    const own = text.slice(value.from, value.to);
    const first = value.from === start + 1;
    const blank = own.trim() === "";
    if (blank && !first) throw notJson(place, new Error(`a comma without a row after row ${rows.length}`));
    if (!blank) for (const row of parse(`[${own}]`, place, rows.length) as unknown[]) rows.push(row);
    yield (value.to - value.from) / text.length;
  }
}

/** NDJSON whose rows are lists. */
function arrayPerLine(place: string): BadFile {
  const fix = "write every row as an object with the column names as keys, or save the rows as CSV";
  return new BadFile({ place, expected: arrayOfRows, got: "NDJSON of lists, an array per line", fix });
}

/** Largest text that is parsed whole only to say what it is. */
const describedChars = 1_000_000;

/** `{"data": [{`, also behind a few other keys that hold no lists or objects. */
const rowsBelow = /^\s*\{(?:\s*"[^"]*"\s*:\s*(?:"[^"]*"|[^\s"{}[\],]+)\s*,){0,20}\s*"([^"]*)"\s*:\s*\[\s*\{/;

/** Layouts of pandas.DataFrame.to_json and others that are one object. */
function describeObject(text: string): string {
  const start = text.slice(0, 1000);
  if (/^\s*\{\s*"columns"\s*:\s*\[/.test(start))
    return 'one object with "columns" and "data", as pandas orient="split"';
  if (/^\s*\{\s*"schema"\s*:\s*\{/.test(start)) return 'one object with a schema, as pandas orient="table"';
  if (/^\s*\{\s*"type"\s*:\s*"FeatureCollection"/.test(start)) return "GeoJSON";
  if (/^\s*\{\s*"nbformat|^\s*\{\s*"cells"/.test(start)) return "a Jupyter notebook";
  const [, key] = rowsBelow.exec(start) ?? [];
  if (key !== undefined) return `one object whose rows are below ${quote(key)}`;
  if (/^\s*\{\s*"[^"]*"\s*:\s*\[\s*[^\s\]]/.test(start)) return "one object of columns";
  if (/^\s*\{\s*"[^"]*"\s*:\s*\{\s*"0"\s*:/.test(start)) return 'one object of columns, as pandas orient="columns"';
  return kindOf({});
}

function refuseObject(text: string, place: string): never {
  if (text.length <= describedChars) parse(text, place);
  const fix = "put the rows into one array at the top of the file (in pandas: orient='records')";
  throw new BadFile({ place, expected: arrayOfRows, got: describeObject(text), fix });
}

/** Whether the first line is an object by itself and another one starts below it. */
function hasObjectPerLine(text: string): boolean {
  const start = text.search(/\S/);
  const end = text.slice(start).search(/[\r\n]/);
  if (end < 0 || text[start] !== "{" || !/^\s*\{/.test(text.slice(start + end, start + end + 1000))) return false;
  try {
    return typeof JSON.parse(text.slice(start, start + end)) === "object";
  } catch {
    return false; // an object that continues below its first line
  }
}

interface Lines {
  readonly rows: unknown[];
  readonly lines: number[];
}

function* rowsOfLines(text: string, place: string): Steps<Lines> {
  const rows: unknown[] = [];
  const lines: number[] = [];
  const lineText = /[^\r\n]*(?:\r\n|\n|\r|$)/y;
  let told = 0;
  for (let line = 1, at = 0; at < text.length; line++) {
    lineText.lastIndex = at;
    const own = lineText.exec(text)![0];
    at = lineText.lastIndex;
    if (own.trim() !== "") {
      rows.push(parse(own, `${place}: line ${line}`));
      lines.push(line);
    }
    if (line % 200 > 0) continue;
    yield (at - told) / text.length;
    told = at;
  }
  return { rows, lines };
}

/** Reads JSON text: an array of row objects, or an object per line (NDJSON). */
export function* readJson(text: string, place: string): Steps<RawTable> {
  if (hasObjectPerLine(text)) {
    const { rows, lines } = yield* scaled(rowsOfLines(text, place), 0.7);
    const table = yield* scaled(
      buildTable(rows, place, (row) => `line ${lines[row]!}`),
      0.3,
    );
    return { ...table, format: "NDJSON" };
  }
  if (text.trimStart().startsWith("{")) refuseObject(text, place);
  const rows = yield* scaled(rowsOfArray(text, place), 0.7);
  return { ...(yield* scaled(rowSteps(rows, place), 0.3)), format: "JSON" };
}
