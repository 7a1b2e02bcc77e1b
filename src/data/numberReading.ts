import { FootnoteEvidence, isMarked } from "./footnotes.ts";
import { type NumberHints, describeFormat, inferNumberFormat } from "./inferNumberFormat.ts";
import { type NumberFormat, plainNumberText, plainNumbers, readNumber } from "./numberFormat.ts";
import { isCurrency, splitNumber } from "./numberParts.ts";
import { type Steps, eachOf } from "./slices.ts";
import { quote } from "./table.ts";
import type { TextCounts } from "./textCounts.ts";

/** A column as numbers of one format. */
export interface NumberReading {
  readonly format: NumberFormat;
  /** The format is that of 1234.5 alone. */
  readonly isPlain: boolean;
  /** Cells that are numbers in this format, of `cells`. */
  readonly numbers: number;
  readonly cells: number;
  /** Some of the texts that are no numbers in this format, with their cells. */
  readonly strays: ReadonlyMap<string, number>;
  readonly note?: string;
  /** Digits that are names rather than amounts: 007, ZIP codes. */
  readonly areCodes: boolean;
}

/** Whole numbers with leading zeros. */
export const leadingZero = /^[+-]?0\d+$/;

/** Different texts from which a format is inferred; all others are checked against it. */
const witnesses = 400;

const isPlainFormat = (format: NumberFormat): boolean =>
  !format.accounting &&
  Object.entries(plainNumbers).every(([key, value]) => format[key as keyof NumberFormat] === value);

/** Reads all texts in a format. */
function* tryFormat(texts: TextCounts, format: NumberFormat): Steps<NumberReading> {
  const strays = new Map<string, number>();
  const isPlain = isPlainFormat(format);
  let numbers = 0;
  let cells = 0;
  let zeros = false;
  yield* eachOf(texts, ([text, count]) => {
    cells += count;
    zeros ||= leadingZero.test(text);
    if ((isPlain && plainNumberText.test(text)) || readNumber(text, format) !== undefined) numbers += count;
    else if (strays.size < witnesses) strays.set(text, count);
  });
  const areCodes = zeros && format.prefix === "" && format.suffix === "" && !format.percent;
  return { format, isPlain, numbers, cells, strays, areCodes };
}

function noteOf(format: NumberFormat, isPlain: boolean, ambiguous: string | undefined): string | undefined {
  const fractions = format.percent ? ", as fractions: 18.25% is 0.1825" : "";
  const read = isPlain ? undefined : `read as ${describeFormat(format)}${fractions}`;
  if (ambiguous === undefined) return read;
  const value = readNumber(ambiguous, format);
  const open = `${quote(ambiguous)} could be another number and is read as ${value}; --decimal and --thousands say how numbers are written`;
  return format.accounting ? `${read}; ${open}` : open;
}

/** More different text values than this are amounts. */
const mostLabelTexts = 10;
const wholeWithUnit = /^\d+(?:\S+| \p{L})$/u;

/** Why few texts that repeat are labels rather than amounts: 2D and 3D, or the grades 1, 1- and 2; undefined where they are none. */
export function whyLabels({ format, cells }: NumberReading, texts: TextCounts): string | undefined {
  const { suffix, prefix, accounting } = format;
  if (texts.size > mostLabelTexts || texts.size > cells / 2 || isCurrency(suffix) || isCurrency(prefix))
    return undefined;
  const all = [...texts.keys()];
  const first = quote(all[0]!);
  if (accounting)
    return `${texts.size} different text values such as ${first}, some followed by a sign, are categories`;
  if (suffix === "" || !all.every((text) => wholeWithUnit.test(text))) return undefined;
  return `${texts.size} different text values such as ${first} are categories, not amounts in ${quote(suffix)}`;
}

function firstOf(texts: Iterable<string>, most: number): string[] {
  const first: string[] = [];
  for (const text of texts) {
    if (first.length === most) break;
    first.push(text);
  }
  return first;
}

/** What all texts of a column say about the marks behind its numbers. */
function* areFootnotes(texts: TextCounts): Steps<boolean> {
  const evidence = new FootnoteEvidence();
  yield* eachOf(texts, ([text]) => {
    if (!plainNumberText.test(text)) evidence.add(text, splitNumber(text), (bare) => texts.has(bare));
  });
  return evidence.areFootnotes(texts.size);
}

/**
 * Returns the format in which most cells are numbers; undefined where at most half of them are.
 * The format is inferred from the first different text values and from those that do not fit what the first were taken for.
 * @param texts how often each text occurs, missing ones left out
 */
export function* readAsNumbers(texts: TextCounts, hints: NumberHints): Steps<NumberReading | undefined> {
  let sample = firstOf(texts.keys(), witnesses);
  let best: NumberReading | undefined;
  let footnotes: boolean | undefined;
  for (let round = 0; round < 3; round++) {
    if (texts.size > witnesses && footnotes === undefined && sample.some(isMarked)) {
      footnotes = yield* areFootnotes(texts);
    }
    const inferred = inferNumberFormat(sample, hints, footnotes);
    if (!inferred) break;
    const reading = yield* tryFormat(texts, inferred.format);
    const note = noteOf(reading.format, reading.isPlain, "ambiguous" in inferred ? inferred.ambiguous : undefined);
    if (!best || reading.numbers > best.numbers) best = { ...reading, ...(note !== undefined && { note }) };
    if (reading.strays.size === 0 || texts.size <= witnesses) break;
    sample = [...sample.slice(0, witnesses / 2), ...[...reading.strays.keys()].slice(0, witnesses / 2)];
  }
  return best && best.numbers > best.cells / 2 ? best : undefined;
}

/** Returns what a cell that is no number was expected to be. */
export function expectedNumber({ format, isPlain, numbers, cells }: NumberReading): string {
  return isPlain ? "a number" : `one of the ${describeFormat(format)}, as in ${numbers} of ${cells} cells`;
}
