// Which form the dates of a column have.

import { type DateForm, dateFormNames, formsOf, parseDate } from "./dates.ts";
import { missingOption } from "./missing.ts";
import { type Steps, eachOf } from "./slices.ts";
import { type Column, type Table, listNames, quote } from "./table.ts";
import type { TextCounts } from "./textCounts.ts";

/** A column as dates; empty where it holds none. */
export interface DateReading {
  /** The form of every cell. */
  readonly form?: DateForm;
  readonly note?: string;
  /** Most cells are dates, but not all in one form: which are not, and what to do about them. */
  readonly almost?: string;
}

/** A column with dates in this share of its cells was meant to hold dates. */
const almost = 0.8;
/** Different texts that are looked at for a date before a column is taken to hold none. */
const witnesses = 50;
/** More words than this do not all mean a missing value. */
const mostWords = 12;
const mostNamed = 4;

/** Day first or month first where every cell can be read both ways: with slashes the month is first. */
function yearLastForm(texts: TextCounts): DateReading {
  const [first] = texts.keys();
  const form = first!.includes("/") ? "MDY" : "DMY";
  const example = [...texts.keys()].find((text) => parseDate(text, "DMY") !== parseDate(text, "MDY"));
  if (example === undefined) return { form };
  const note = `dates such as ${quote(example)} could have the day or the month first and are read as ${dateFormNames[form]}; write year-month-day to be sure`;
  return { form, note };
}

const dateName = /dat(?:e|um)|day|time|(?:^|[^a-z])dt(?:$|[^a-z])/i;

/** Whether one of the first texts is a date in some form. */
function hasDates(texts: TextCounts, allowCompact: boolean): boolean {
  let seen = 0;
  for (const text of texts.keys()) {
    if (formsOf(text, allowCompact).length > 0) return true;
    if (++seen === witnesses) return false;
  }
  return false;
}

/** Texts that are no dates, and dates in another form than most. */
interface Odd {
  readonly words: readonly string[];
  readonly others: readonly string[];
}

function* oddTexts(texts: TextCounts, form: DateForm, allowCompact: boolean): Steps<Odd> {
  const words: string[] = [];
  const others: string[] = [];
  yield* eachOf(texts, ([text]) => {
    if (parseDate(text, form) !== undefined) return;
    const kind = formsOf(text, allowCompact).length > 0 ? others : words;
    if (kind.length <= mostWords) kind.push(text);
  });
  return { words, others };
}

/** What is odd about a column that is almost all dates, and what to do. */
function describeOdd({ missingWords }: Table, { words, others }: Odd, form: DateForm): string {
  const faults: string[] = [];
  if (words.length > 0) {
    const option = words.length <= mostWords ? missingOption(missingWords, words) : undefined;
    const remedy = option === undefined ? "correct them" : `pass ${option} if that means a missing value`;
    faults.push(`${listNames(words, mostNamed)} ${words.length === 1 ? "is not a date" : "are not dates"}; ${remedy}`);
  }
  if (others.length > 0) {
    const named = listNames(others, mostNamed);
    faults.push(`${named} ${others.length === 1 ? "is" : "are"} not ${dateFormNames[form]} as most; use one form`);
  }
  return faults.join("; and ");
}

/** Says whether the texts are dates, all in one form. */
export function* readAsDates(table: Table, { name }: Column, texts: TextCounts): Steps<DateReading> {
  const allowCompact = dateName.test(name);
  if (!hasDates(texts, allowCompact)) return {};
  const perForm = new Map<DateForm, number>();
  let dates = 0;
  let cells = 0;
  yield* eachOf(texts, ([text, count]) => {
    const forms = formsOf(text, allowCompact);
    cells += count;
    if (forms.length > 0) dates += count;
    for (const form of forms) perForm.set(form, (perForm.get(form) ?? 0) + count);
  });
  const complete = [...perForm].filter(([, count]) => count === cells).map(([form]) => form);
  if (complete.includes("DMY") && complete.includes("MDY")) return yearLastForm(texts);
  if (complete.length > 0) return { form: complete[0]! };
  if (dates < almost * cells) return {};
  const [usual] = [...perForm].reduce((a, b) => (b[1] > a[1] ? b : a));
  const odd = yield* oddTexts(texts, usual, allowCompact);
  return { almost: `dates in ${dates} of ${cells} cells, but ${describeOdd(table, odd, usual)}` };
}
