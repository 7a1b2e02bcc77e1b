import { BadFile } from "../errors.ts";
import type { Steps } from "./slices.ts";
import { type Column, type RawTable, quote } from "./table.ts";

const pair = /^(\d+|qid):([^\s:]+)$/;
const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** Most cells, absent ones included, which are 0: 80 MB. */
const mostCells = 10_000_000;

const tokensOf = (line: string): string[] => line.replace(/#.*$/s, "").trim().split(/\s+/);
const isRow = ([label, ...pairs]: readonly string[]): boolean =>
  label !== undefined && /^[^:]+$/.test(label) && pairs.every((text) => pair.test(text));

/** `1:0.5 3:2`, indices ascending: a row whose label was left out. */
function lacksLabel(tokens: readonly string[]): boolean {
  const indices = tokens.map((text) => Number(pair.exec(text)?.[1] ?? Number.NaN));
  return (
    indices.length > 1 && indices.every((index, place) => (place === 0 ? index >= 0 : index > indices[place - 1]!))
  );
}

/** Columns of a model that learned from a file in this layout. */
const areFeatures = (names: readonly string[]): boolean => names.some((name) => /^feature\d+$/.test(name));

/**
 * Whether the first lines are `label index:value index:value …`.
 * @param expected columns of a model
 */
export function isLibsvm(text: string, expected: readonly string[] = []): boolean {
  const start = text.slice(0, 1_000_000);
  const lines = start.split(/\r\n|\n|\r/, 20);
  const rows = lines.map(tokensOf).filter((tokens) => tokens[0] !== "");
  const labelled = rows.filter(isRow);
  const others = rows.filter((tokens) => !isRow(tokens));
  const startsAtOne = ([first]: readonly string[]): boolean => /^[01]:/.test(first!);
  const isUsual = areFeatures(expected) || others.length < labelled.length || others.every(startsAtOne);
  const pairs = isUsual && others.every(lacksLabel) ? rows.flatMap((tokens) => tokens.slice(1)) : [];
  const numbers = pairs.filter((text) => number.test(pair.exec(text)![2]!)).length;
  return numbers > pairs.length / 2;
}

interface Row {
  readonly line: number;
  readonly label: string;
  readonly pairs: readonly (readonly [name: string, value: string])[];
}

function rowOf(line: string, at: number, place: string): Row {
  const tokens = tokensOf(line);
  if (pair.test(tokens[0]!)) {
    const fix = "write the label before the features, or 0 if it is unknown";
    const expected = "a label before index:value";
    throw new BadFile({ place: `${place}: line ${at}`, expected, got: quote(tokens[0]!), fix });
  }
  const found = tokens.slice(1).map((text) => pair.exec(text));
  const wrong = found.findIndex((match) => !match || !number.test(match[2]!));
  if (wrong >= 0) {
    const fix = "write every feature as its index, a colon and a number";
    throw new BadFile({ place: `${place}: line ${at}`, expected: "index:value", got: quote(tokens[wrong + 1]!), fix });
  }
  if (tokens[0]!.includes(",")) {
    const fix = "keep one label per line; write numbers with a decimal point";
    const got = `several labels per row, ${quote(tokens[0]!)}`;
    throw new BadFile({ place: `${place}: line ${at}`, expected: "one label before the features", got, fix });
  }
  const pairs = found.map((match) => [match![1]!, match![2]!] as const);
  return { line: at, label: tokens[0]!, pairs };
}

const order = (a: string, b: string): number => (a === "qid" ? -1 : b === "qid" ? 1 : Number(a) - Number(b));

/**
 * Reads the layout of libsvm, `label index:value …`: columns "label" and "feature1", "feature2", … as far as an index occurs; absent ones are 0.
 * @param expected columns of a model: its features are there even where no line has them
 * @throws BadFile where a feature is no number, where a row has several labels, or where the dense table would be too large
 */
export function* readLibsvm(text: string, place: string, expected: readonly string[] = []): Steps<RawTable> {
  const rows: Row[] = [];
  const names = new Set<string>(expected.flatMap((name) => /^feature(\d+)$/.exec(name)?.[1] ?? []));
  const lineText = /([^\r\n]*)(?:\r\n|\n|\r|$)/y;
  let told = 0;
  for (let line = 1, at = 0; at < text.length; line++) {
    lineText.lastIndex = at;
    const own = lineText.exec(text)![1]!;
    at = lineText.lastIndex;
    if (tokensOf(own)[0] === "") continue;
    const row = rowOf(own, line, place);
    rows.push(row);
    for (const [name] of row.pairs) names.add(name);
    if (line % 200 > 0) continue;
    yield (0.8 * (at - told)) / text.length;
    told = at;
  }
  if (rows.length * names.size > mostCells) {
    const got = `${rows.length} rows with ${names.size} features`;
    const fix = "keep fewer features or rows";
    throw new BadFile({ place, expected: `a libsvm file of at most ${mostCells} cells as a dense table`, got, fix });
  }
  const indices = [...names].sort(order);
  const drafts = new Map(indices.map((name) => [name, Array.from<string>({ length: rows.length }).fill("0")]));
  for (const [row, { pairs }] of rows.entries()) {
    for (const [name, value] of pairs) drafts.get(name)![row] = value;
    if (row % 200 === 199) yield (0.2 * 200) / rows.length;
  }
  const features = indices.map((name): Column => {
    return { name: name === "qid" ? name : `feature${name}`, cells: drafts.get(name)!, nested: false };
  });
  const label: Column = { name: "label", cells: rows.map((row) => row.label), nested: false };
  const notes = [`libsvm: the columns are "label" and ${indices.length} features; features that a line omits are 0`];
  const rowName = (row: number): string => `line ${rows[row]!.line}`;
  const columns = [label, ...features];
  return { format: "libsvm", columns, rowCount: rows.length, rowName, notes, likelyDecimal: "." };
}
