// Values such as -999 that stand for a missing cell in many files. They are never taken as missing without the user's word.

import { missingOption } from "./missing.ts";
import { type Steps, eachOf } from "./slices.ts";
import { type Table, listNames } from "./table.ts";
import type { TextCounts } from "./textCounts.ts";

/** What is typical of a kind of column. */
interface SentinelKind {
  isTypical(value: number): boolean;
  /** The other values, in words. */
  readonly others: string;
  /** A value as the note names it. */
  name(value: number): string;
}

/** 99, 999.9, 998, 888, and the limits of integer types. */
const typicalDigits = /^(?:9{2,}(?:\.9*|\.25)?|9+[78]|8{2,}|7{2,}|3276[78]|65535|214748364[78]|4294967295)$/;
/** Typical with a minus sign only: 9 and 1 are usual values, and -200 marks gaps in records of sensors. */
const typicalNegatives = new Set([-1, -9, -200]);
/** Fill values of scientific formats: 1e20, 9.97e36, 3.4e38. */
const leastFill = 1e19;

/** The least of the positive ones. */
const leastPositive = 77;

function isTypicalNumber(value: number): boolean {
  if (value < leastPositive && value > -1) return false; // most numbers of most columns
  const size = Math.abs(value);
  return size >= leastFill || (value < 0 && typicalNegatives.has(value)) || typicalDigits.test(String(size));
}

export const numberSentinels: SentinelKind = { isTypical: isTypicalNumber, others: "numbers", name: String };

const dayOf = (date: string): number => Date.parse(`${date}T00:00Z`) / 86_400_000;
const typicalDays = new Set(
  "0001-01-01 1753-01-01 1899-12-30 1899-12-31 1900-01-01 1970-01-01 2099-12-31 2100-01-01 2999-12-31 9999-12-31"
    .split(" ")
    .map(dayOf),
);

export const dateSentinels: SentinelKind = {
  isTypical: (value) => typicalDays.has(Math.floor(value)),
  others: "dates",
  name: (value) => new Date(value * 86_400_000).toISOString().slice(0, 10),
};

/** A sentinel is in at least so many cells. */
const fewestCells = 3;
/** More cells than any other value, by this factor, make a value suspicious that is not far from the others. */
const outnumbers = 5;

interface Suspect {
  cells: number;
  readonly texts: string[];
}

/** The values that are not typical sentinels. */
interface Rest {
  least: number;
  largest: number;
  distinct: number;
  /** Cells of the most frequent one. */
  most: number;
}

/** Whether a value lies outside the others as only a sentinel would. */
function isSuspicious(value: number, cells: number, { least, largest, distinct, most }: Rest): boolean {
  const distance = value > largest ? value - largest : least - value;
  if (cells < fewestCells || distinct < 2 || distance <= 0) return false;
  if ((distance >= largest - least && distance > 1) || (cells >= 2 * fewestCells && cells >= outnumbers * most))
    return true;
  if (value >= 0 || least < 0) return false; // not the only negative number
  return value < -1 || (cells > most && distinct >= 5);
}

/**
 * Names values that are typical sentinels, repeat, and lie outside all others: as far as those are from each other, or below 0 where
 * no other is, or in many more cells than any other. Undefined where there is none.
 * @param texts different text values of a column, missing ones left out
 */
export function* sentinelNote(
  { missingWords }: Table,
  texts: TextCounts,
  valueOf: (text: string) => number | undefined,
  kind: SentinelKind,
): Steps<string | undefined> {
  const suspects = new Map<number, Suspect>();
  const rest: Rest = { least: Infinity, largest: -Infinity, distinct: 0, most: 0 };
  yield* eachOf(texts, ([text, count]) => {
    const value = valueOf(text);
    if (value === undefined || !Number.isFinite(value)) return;
    if (kind.isTypical(value)) {
      const suspect = suspects.get(value) ?? { cells: 0, texts: [] };
      suspects.set(value, suspect);
      suspect.cells += count;
      suspect.texts.push(text);
      return;
    }
    rest.distinct++;
    rest.most = Math.max(rest.most, count);
    rest.least = Math.min(rest.least, value);
    rest.largest = Math.max(rest.largest, value);
  });
  const found = [...suspects].filter(([value, { cells }]) => isSuspicious(value, cells, rest));
  if (found.length === 0) return undefined;
  const words = found.flatMap(([, suspect]) => suspect.texts);
  const cells = found.reduce((sum, [, suspect]) => sum + suspect.cells, 0);
  const option = missingOption(missingWords, words);
  const remedy =
    option === undefined
      ? "leave such cells empty if so"
      : `${option} reads ${words.length === 1 ? "it" : "them"} as missing`;
  const others = `${kind.name(rest.least)} to ${kind.name(rest.largest)}`;
  return `${listNames(words, 6)} in ${cells} cells, outside the other ${kind.others}, ${others}, may mean a missing value; ${remedy}`;
}
