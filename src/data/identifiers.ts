// Which columns number their rows rather than describe them.

import type { Pace } from "./pace.ts";
import { isMissingCell } from "./spelling.ts";
import { type Column, numberOf } from "./table.ts";

/** What whole numbers of a column look like together. */
export interface WholeNumbers {
  readonly count: number;
  readonly least: number;
  readonly largest: number;
  /** Central moments over the spread: 0 and 1.8 for numbers that are spread evenly, about 3 for a bell. */
  readonly skewness: number;
  readonly kurtosis: number;
}

/** Statistics of the present cells; undefined where one of them is no whole number. */
export async function wholeNumbersOf(
  { cells }: Column,
  missingWords: ReadonlySet<string>,
  pace: Pace,
): Promise<WholeNumbers | undefined> {
  let whole = true;
  let count = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let origin: number | undefined;
  const sums = [0, 0, 0, 0, 0];
  await pace.each(cells.length, (row) => {
    const cell = cells[row]!;
    if (!whole || isMissingCell(cell, missingWords)) return;
    const value = numberOf(cell);
    if (value === undefined || !Number.isInteger(value)) {
      whole = false;
      return;
    }
    origin ??= value;
    count++;
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    let power = 1;
    for (let k = 0; k < 5; k++) {
      sums[k]! += power;
      power *= value - origin;
    }
  });
  if (!whole || count === 0) return undefined;
  const [, first, second, third, fourth] = sums.map((sum) => sum / count) as [number, number, number, number, number];
  const variance = second - first ** 2;
  const skewness = (third - 3 * first * second + 2 * first ** 3) / variance ** 1.5;
  const kurtosis = (fourth - 4 * first * third + 6 * first ** 2 * second - 3 * first ** 4) / variance ** 2;
  return { count, least, largest, skewness, kurtosis };
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** The last word of a name that says that the column holds ids. */
const idWords = words(
  "id ids uuid guid identifier rowid rownum rowname rownames objectid uid pid oid rid cid recid pk",
);
const wholeNamesOfIds = /^(?:row ?)?(?:index|idx|level 0|unnamed(?: \d+)?|#)$/;
const joinedIds =
  /^(?:user|customer|client|order|record|row|patient|passenger|member|person|employee|product|item|account|sample|subject|case|ticket|invoice|transaction|session|device|loan|house|student)(?:id|no|nr|key|code)$/;
/** The last word of a name under which all-different whole numbers are ids. */
const numberingWords = words(
  "no nr num number key ref reference serial record account acct customer client order ticket invoice patient passenger member user employee case subject participant respondent transaction loan policy claim phone tel telephone mobile fax licence license isbn ean sku barcode ssn vin nummer #",
);
/** A word of a name that says that numbers are times or amounts, however they are spread. */
const amountWords = words(
  "year yr years month months day days date week weeks quarter hour hours minute minutes second seconds time timestamp epoch step steps age jahr monat tag x y z t u v lat lon latitude longitude " +
    "area price cost amount income salary wage revenue sales profit balance budget value sum total count counts quantity qty size sqft sqm length width height depth weight mass volume distance mileage km miles speed power pressure temperature temp elevation altitude population score points rating rank rate percent duration rainfall density energy load views clicks visits " +
    "preis kosten betrag einkommen gehalt umsatz gewinn wert summe anzahl menge fläche größe groesse länge breite höhe tiefe gewicht volumen dauer alter temperatur",
);

function wordsOf(name: string): string[] {
  const spaced = name.replace(/(\p{Ll}|\d)(\p{Lu})/gu, "$1 $2");
  return spaced.toLowerCase().split(/[^\p{L}\p{N}#]+/u).filter((word) => word !== ""); // prettier-ignore
}

function isNamedLikeId(name: string): boolean {
  const parts = wordsOf(name);
  const last = parts.at(-1);
  if (last === undefined) return name.trim() === "";
  return idWords.has(last) || joinedIds.test(last) || wholeNamesOfIds.test(parts.join(" "));
}

/** All-different whole numbers with as many digits each, spread evenly over all numbers with so many digits. */
function areDrawnNumbers({ count, least, largest, skewness, kurtosis }: WholeNumbers): boolean {
  const digits = String(least).length;
  if (count < 20 || digits < 5 || least < 0 || String(largest).length !== digits) return false;
  const from = 10 ** (digits - 1);
  const range = 9 * from;
  const fills = least - from < 0.15 * range && 10 * from - largest < 0.15 * range;
  return fills && Math.abs(skewness) < 0.6 && kurtosis > 1.4 && kurtosis < 2.3;
}

/** Tables with fewer rows number them no more than they describe them. */
const fewestRows = 10;

const isNumbered = (parts: readonly string[]): boolean => numberingWords.has(parts.at(-1) ?? "");

function whyNumbering(name: string, whole: WholeNumbers): string | undefined {
  const { count, least, largest } = whole;
  const parts = wordsOf(name);
  if (count < fewestRows || parts.some((word) => amountWords.has(word))) return undefined;
  const range = largest - least + 1;
  if (range === count) return `whole numbers from ${least} to ${largest}, each once: they count the rows`;
  if (count >= 20 && range <= 1.5 * count) return "almost all whole numbers of a range, each once: they count the rows";
  if (isNumbered(parts)) return "all-different whole numbers, named like a record's number";
  if (largest > Number.MAX_SAFE_INTEGER) return "all-different whole numbers too large for an amount";
  if (areDrawnNumbers(whole)) {
    return `all-different numbers of ${String(least).length} digits, spread evenly: like a record's number`;
  }
  return undefined;
}

/** Columns with more different numbers than this that are named like ids are ids, even where they repeat. */
const mostRepeatedIds = 20;

/**
 * Says why a column is an id and not a property of its row; undefined where it is none.
 * @param isText categories rather than numbers
 * @param whole statistics where all cells are plain whole numbers
 */
export function whyIdentifier(
  { name, isIndex = false }: Column,
  {
    isText,
    distinct,
    present,
    whole,
  }: { isText: boolean; distinct: number; present: number; whole: WholeNumbers | undefined },
): { why: string; byName: boolean } | undefined {
  if (isIndex) return { why: "a column without a name that counts the rows", byName: true };
  if (!isText && !whole) return undefined;
  const different = distinct === present && present > 2;
  if (isNamedLikeId(name)) {
    const many = isText ? distinct > present / 2 && distinct > 10 : distinct > mostRepeatedIds;
    if (different || many) return { why: `named like an id, ${distinct} different values`, byName: true };
  }
  const why = different && whole ? whyNumbering(name, whole) : undefined;
  return why === undefined ? undefined : { why, byName: isNumbered(wordsOf(name)) };
}
