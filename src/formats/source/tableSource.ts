import { type InputColumn, isNumbered, type Preprocessing } from "../../data/preprocessing.ts";
import { labelOf } from "../../data/spelling.ts";

// Rows of a table in the source of a module: what src/data/encode.ts and predictions.ts do to cells that are no text of a file.

/** JSON that is also a literal of a script within a page. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");

/** What the module keeps of a column. */
function columnData(column: InputColumn): object {
  const { name, indicator = false, fill } = column;
  const common = { name, indicator, ...(fill !== undefined && { fill }) };
  if (column.kind === "category") {
    const { values, spellings = [], ignoreCase = false } = column;
    const places = new Map(values.map((value, index) => [labelOf(value), index]));
    const others = spellings.map(([spelling, value]) => [spelling, values.indexOf(value)] as const);
    return {
      kind: isNumbered(column) ? "numbered" : "category",
      ...common,
      values,
      ignoreCase,
      spellings: [...places, ...others],
    };
  }
  const { mean, deviation } = column;
  return { kind: column.kind, ...common, mean, deviation, ...(column.kind === "date" && { cycles: column.cycles }) };
}

const encoding = `const days = { year: 365.2425, week: 7, day: 1 };

/** Days since 1970-01-01 of a Date, of such a number, or of a text like 2026-11-30 or 2026-11-30T08:15Z. */
function daysOf(value) {
  if (typeof value === "number") return value;
  const text = String(value).trim();
  const time = value instanceof Date ? value.getTime() : Date.parse(/T[\\d:.]+$/.test(text) ? text + "Z" : text);
  return time / 86_400_000;
}

const wholeOf = (label) => /^([+-]?\\d+)(?:\\.0*)?$/.exec(label)?.[1];

/** The place of a category: as it was written in training, in another case where that is one category, or as 2.0 for 2. */
function lookUp(column, value) {
  const label = String(value).normalize("NFC").replace(/\\s+/g, " ").trim();
  const placesOf = (same) => [...new Set(column.spellings.filter(([spelling]) => same(spelling)).map(([, place]) => place))];
  const [exact] = placesOf((spelling) => spelling === label);
  if (exact !== undefined) return exact;
  const [folded] = column.ignoreCase ? placesOf((spelling) => spelling.toLowerCase() === label.toLowerCase()) : [];
  if (folded !== undefined) return folded;
  const whole = wholeOf(label);
  const wholes = whole === undefined ? [] : placesOf((spelling) => wholeOf(spelling) === whole);
  return wholes.length === 1 ? wholes[0] : undefined;
}

const isMissing = (value) => value === undefined || value === null || value === "" || Number.isNaN(value);

/** What one column gives the network. */
function encodeCell(column, cell) {
  const missing = isMissing(cell);
  if (missing && column.fill === undefined && column.kind !== "numbered") throw new TypeError(column.name + ": expected a value, got none");
  const value = missing ? column.fill : cell;
  const flag = column.indicator ? [missing ? 1 : 0] : [];
  if (column.kind === "category" || column.kind === "numbered") {
    const index = value === undefined ? undefined : lookUp(column, value);
    if (column.kind === "numbered") return [index === undefined ? 0 : index + 1, ...flag];
    return [...column.values.map((_, place) => (place === index ? 1 : 0)), ...flag];
  }
  const number = column.kind === "date" ? daysOf(value) : Number(value);
  if (!Number.isFinite(number)) throw new TypeError(column.name + ": expected a " + column.kind + ", got " + JSON.stringify(cell));
  const cycles = (column.cycles ?? []).flatMap((cycle) => {
    const angle = 2 * Math.PI * (number / days[cycle] - Math.floor(number / days[cycle]));
    return missing ? [0, 0] : [Math.sin(angle), Math.cos(angle)];
  });
  return [(number - column.mean) / column.deviation, ...cycles, ...flag];
}

/** @param row an object with a value for each column; a category that was not seen in training counts as none */
function encodeRow(row) {
  return columns.flatMap((column) => encodeCell(column, row[column.name])).map(Math.fround);
}`;

function decoding({ target }: Preprocessing): string {
  if (target.kind === "number") {
    const columns = target.columns.map(({ name, mean, deviation }) => ({ name, mean, deviation }));
    return `const targets = ${literal(columns)};

/** @returns { column: number }, in the units of the table */
function predictRow(row) {
  const y = predict(encodeRow(row));
  return Object.fromEntries(targets.map(({ name, mean, deviation }, index) => [name, y[index] * deviation + mean]));
}`;
  }
  const scores = target.encoding === "binary" ? "[1 - y[0], y[0]]" : "Array.from(y)";
  return `const target = ${literal(target.name)};
const classes = ${literal(target.values)};

/** @returns { [target]: class, probabilities: { class: number } } */
function predictRow(row) {
  const y = predict(encodeRow(row));
  const scores = ${scores};
  const best = scores.indexOf(Math.max(...scores));
  return { [target]: classes[best], probabilities: Object.fromEntries(classes.map((name, index) => [name, scores[index]])) };
}`;
}

/** Statements that define `predictRow`, by `predict`. Texts of the table are in JSON alone. */
export const tableSource = (preprocessing: Preprocessing): string =>
  [`const columns = ${literal(preprocessing.inputs.map(columnData))};`, encoding, decoding(preprocessing)].join("\n\n");
