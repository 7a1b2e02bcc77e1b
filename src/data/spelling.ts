// Which texts are one category: after trimming and Unicode normalisation, and where a difference in case is evidently a slip.

import { type Cell, listNames, textOf } from "./table.ts";

/** The categories of a column, and which other spellings stand for them. */
export interface Labels {
  readonly values: readonly string[];
  /** Spellings that were found in training beside the value that they stand for. */
  readonly spellings?: readonly (readonly [spelling: string, value: string])[] | undefined;
  /** Upper and lower case count as equal. */
  readonly ignoreCase?: boolean | undefined;
}

const spaces = /[\s\u00a0\u2007\u2009\u202f\u200b\ufeff]+/gu;
const invisible = /^[\s\u200b\u200e\u200f\ufeff]+|[\s\u200b\u200e\u200f\ufeff]+$/gu;
/** ASCII words with single blanks between them. */
const plain = /^[!-~]+(?: [!-~]+)*$/;

/** Text of a cell as a label: trimmed, in Unicode form NFC, with single plain spaces. Numbers and booleans of JSON are their text. */
export function labelOf(cell: Cell): string {
  const text = textOf(cell);
  return plain.test(text) ? text : text.normalize("NFC").replace(spaces, " ").replace(invisible, "");
}

/** Whether a cell is missing: `null`, or one of the words of its column. */
export const isMissingCell = (cell: Cell, words: ReadonlySet<string>): boolean =>
  cell === null || words.has(labelOf(cell));

const wholeNumber = /^([+-]?\d+)(?:\.0*)?$/;

/** `2` for "2" and "2.0": the two spellings of a whole number that count as equal. "02" and "2e0" do not. */
const wholeOf = (label: string): string | undefined => wholeNumber.exec(label)?.[1];

/** Words of which both cases and the first letter are common in one column. */
const closedSets = [
  new Map([
    ["yes", "yes"],
    ["y", "yes"],
    ["no", "no"],
    ["n", "no"],
  ]),
  new Map([
    ["true", "true"],
    ["t", "true"],
    ["false", "false"],
    ["f", "false"],
  ]),
  new Map([
    ["male", "male"],
    ["m", "male"],
    ["female", "female"],
    ["f", "female"],
  ]),
];

const words = /^\p{L}[\p{L}\p{M}' ’.&/-]{2,}$/u;
const titleCase = (label: string): string =>
  label
    .toLowerCase()
    .replace(/(^|[ /-])(\p{L})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());

/** oak, OAK, Oak: a word in one of the usual cases, of which "Co" and "CO", "abc1" and "ABC1", "iOS" and "IOS" are none. */
function hasUsualCase(label: string): boolean {
  if (!words.test(label)) return false;
  const lower = label.toLowerCase();
  const sentence = lower.charAt(0).toUpperCase() + lower.slice(1);
  return [lower, label.toUpperCase(), sentence, titleCase(label)].includes(label);
}

type Groups = Map<string, string[]>;

function groupBy(labels: Iterable<string>, keyOf: (label: string) => string): Groups {
  const groups: Groups = new Map();
  for (const label of labels) {
    const key = keyOf(label);
    const group = groups.get(key);
    if (group) group.push(label);
    else groups.set(key, [label]);
  }
  return groups;
}

const lowerCase = (label: string): string => label.toLowerCase();

const flagWords = [
  new Map([["true", "1"], ["false", "0"], ["1", "1"], ["0", "0"]]),
  new Map([["yes", "1"], ["no", "0"], ["1", "1"], ["0", "0"]]),
]; // prettier-ignore

/** Whether all labels are 0 and 1 or words for no and yes, some of each: flags that were written in two ways. */
function mixedFlags(labels: readonly string[]): Groups | undefined {
  const flags = flagWords.find((set) => labels.every((label) => set.has(lowerCase(label))));
  const digits = labels.filter((label) => label === "0" || label === "1").length;
  if (!flags || digits === 0 || labels.length - digits < 2) return undefined;
  return groupBy(labels, (label) => flags.get(lowerCase(label))!);
}

/** How labels are grouped, and whether that ignores case; `apart` are labels that differ only in case and remain separate values. */
function grouping(labels: readonly string[]): { groups: Groups; ignoreCase: boolean; apart?: readonly string[] } {
  const closed = closedSets.find((set) => labels.every((label) => set.has(lowerCase(label))));
  const answers = closed && groupBy(labels, (label) => closed.get(lowerCase(label))!);
  if (answers && answers.size > 1) return { groups: answers, ignoreCase: true };
  const flags = mixedFlags(labels);
  if (flags) return { groups: flags, ignoreCase: true };
  const byCase = groupBy(labels, lowerCase);
  const differing = [...byCase.values()].filter((group) => group.length > 1);
  if (differing.length > 0 && differing.every((group) => group.every(hasUsualCase))) {
    return { groups: byCase, ignoreCase: true };
  }
  const whole = labels.every((label) => wholeOf(label) !== undefined);
  const groups = groupBy(labels, (label) => (whole ? wholeOf(label)! : label));
  return { groups, ignoreCase: false, ...(differing.length > 0 && { apart: differing[0]! }) };
}

/** Text values by code units, numbers by size: the same on every machine. */
export function sortLabels(labels: readonly string[]): string[] {
  const sorted = labels.toSorted();
  const numeric = sorted.every((label) => label !== "" && Number.isFinite(Number(label)));
  return numeric ? sorted.sort((a, b) => Number(a) - Number(b)) : sorted;
}

/**
 * Returns the categories of labels, spellings of one category merged, with a note on what was merged or could have been.
 * A category is called by its most frequent spelling.
 * @param counts how often each label occurs
 */
export function mergeLabels(counts: ReadonlyMap<string, number>): { labels: Labels; note?: string } {
  const { groups, ignoreCase, apart } = grouping([...counts.keys()].toSorted());
  const values: string[] = [];
  const spellings: [string, string][] = [];
  for (const group of groups.values()) {
    const value = group.reduce((a, b) => (counts.get(b)! > counts.get(a)! ? b : a));
    values.push(value);
    for (const spelling of group) if (spelling !== value) spellings.push([spelling, value]);
  }
  const labels: Labels = {
    values: sortLabels(values),
    ...(spellings.length > 0 && { spellings }),
    ...(ignoreCase && { ignoreCase }),
  };
  const merged = [...groups.values()].filter((group) => group.length > 1);
  if (merged.length > 0) {
    const texts = merged.slice(0, 6).map((group) => listNames(group, 8));
    return { labels, note: `spellings of one value are merged: ${texts.join("; ")}${merged.length > 6 ? "; …" : ""}` };
  }
  return apart ? { labels, note: `${listNames(apart)} differ only in case and remain separate values` } : { labels };
}

/** Returns the index of a label among the values; undefined for one that is not among them. */
export function labelLookup({
  values,
  spellings = [],
  ignoreCase = false,
}: Labels): (label: string) => number | undefined {
  const known = new Map(values.map((value, index) => [value, index]));
  for (const [value, index] of known) if (!known.has(labelOf(value))) known.set(labelOf(value), index); // older models
  for (const [spelling, value] of spellings) known.set(spelling, known.get(value)!);
  const folded = ignoreCase ? new Map([...known].map(([label, index]) => [lowerCase(label), index])) : undefined;
  const wholes = new Map<string, number | undefined>();
  for (const [label, index] of known) {
    const whole = wholeOf(label);
    if (whole !== undefined) wholes.set(whole, wholes.has(whole) && wholes.get(whole) !== index ? undefined : index);
  }
  return (label) => {
    const index = known.get(label) ?? folded?.get(lowerCase(label));
    if (index !== undefined) return index;
    const whole = wholeOf(label);
    return whole === undefined ? undefined : wholes.get(whole);
  };
}

/**
 * Returns the value that is written like a label but for the case, where both are words in a usual case and only one value is like that;
 * undefined for other labels, which were not seen in training.
 */
export function otherCaseLookup({ values, spellings = [] }: Labels): (label: string) => string | undefined {
  const known = new Map<string, Set<string>>();
  for (const [spelling, value] of [...values.map((value) => [value, value] as const), ...spellings]) {
    if (!hasUsualCase(spelling)) continue;
    const same = known.get(lowerCase(spelling));
    if (same) same.add(value);
    else known.set(lowerCase(spelling), new Set([value]));
  }
  return (label) => {
    const same = hasUsualCase(label) ? known.get(lowerCase(label)) : undefined;
    return same?.size === 1 ? [...same][0] : undefined;
  };
}
