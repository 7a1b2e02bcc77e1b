import { haveFootnotes, singleLetter } from "./footnotes.ts";
import {
  type NumberFormat,
  type Separators,
  plainDigits,
  plainNumberText,
  plainNumbers,
  isSameUnit,
  readNumber,
  separatorFormats,
} from "./numberFormat.ts";
import { isCurrency, splitNumber } from "./numberParts.ts";

/** Knowledge about the numbers of a table besides the cells of one column. */
export interface NumberHints {
  /** From the user: other formats are not considered. */
  readonly decimal?: NumberFormat["decimal"];
  /** From the user: other formats are not considered. */
  readonly thousands?: NumberFormat["thousands"];
  /** From the other columns: decides where the cells of a column leave both readings open. */
  readonly likelyDecimal?: NumberFormat["decimal"];
  /** Semicolons separate the cells, as where commas are decimal: without other evidence `5,450` is 5.45. */
  readonly cutAtSemicolons?: true;
}

/** All cells agree on a format. */
export interface InferredFormat {
  readonly format: NumberFormat;
  /** A cell that another format, which also reads every cell, takes for another number. A note can name --decimal or --thousands. */
  readonly ambiguous?: string;
}

/** More than half of the cells are numbers in one format, but not all. */
export interface AlmostNumbers {
  /** `numbers with thousands separators in 93 of 100 cells` */
  readonly lookLike: string;
  /** The format that reads most cells. */
  readonly format: NumberFormat;
  /** First text that is no number in this format, and its place among the texts, from 0. */
  readonly other: { readonly index: number; readonly text: string };
}

const same =
  (unit: string) =>
  (other: string): boolean =>
    isSameUnit(unit, other);

/** How often something was seen; of the many units that a text column may have, the first are enough. */
class Counts {
  readonly seen = new Map<string, number>();

  add(written: string): void {
    const text = this.seen.has(written) ? written : ([...this.seen.keys()].find(same(written)) ?? written);
    const count = this.seen.get(text);
    if (count !== undefined || this.seen.size < 100) this.seen.set(text, (count ?? 0) + 1);
  }

  get most(): [text: string, count: number] {
    return [...this.seen].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
  }
}

const groupedByPoint = /^[+-]?[1-9]\d{0,2}\.\d{3}$/;

/** What the cells of a column are evidence for. */
class Evidence {
  total = 0;
  /** Cells that are plain numbers without a point, which every format reads. */
  universal = 0;
  percents = 0;
  marked = 0;
  /** Cells such as `(5)` and `5-`. */
  accounting = 0;
  /** Cells with a separator in the digits or a currency: amounts, not grades or numbers of things. */
  amounts = 0;
  pointsThatEndInZero = 0;
  commasThatEndInZero = 0;
  withPoint = 0;
  firstGrouped = "";
  /** Cells that each of `separatorFormats` reads, those in `universal` not counted. */
  readonly fits = separatorFormats.map(() => 0);
  readonly prefixes = new Counts();
  readonly suffixes = new Counts();

  add(text: string): void {
    const cell = text.trim();
    this.total++;
    if (!plainNumberText.test(cell)) return this.addFormatted(cell);
    if (!cell.includes(".")) {
      this.universal++;
      return;
    }
    this.amounts++;
    this.withPoint++;
    const grouped = groupedByPoint.test(cell);
    if (grouped && this.firstGrouped === "") this.firstGrouped = cell;
    if (grouped && cell.endsWith("0")) this.pointsThatEndInZero++;
    for (const [index, { decimal, thousands }] of separatorFormats.entries()) {
      if (decimal === "." || (grouped && thousands === ".")) this.fits[index]!++;
    }
  }

  private addFormatted(cell: string): void {
    const parts = splitNumber(cell);
    if (!parts) return;
    const fitting = separatorFormats.map((format) => plainDigits(parts.core, format) !== undefined);
    if (!fitting.includes(true)) return;
    for (const [index, fit] of fitting.entries()) if (fit) this.fits[index]!++;
    if (fitting[1] && fitting[2] && parts.core.includes(",")) {
      if (this.firstGrouped === "") this.firstGrouped = parts.core;
      if (parts.core.endsWith("0")) this.commasThatEndInZero++;
    }
    if (parts.percent) this.percents++;
    if (parts.footnote !== "" || singleLetter.test(parts.suffix)) this.marked++;
    if (parts.accounting) this.accounting++;
    if (/\D/.test(parts.core) || isCurrency(parts.prefix) || isCurrency(parts.suffix)) this.amounts++;
    if (parts.prefix !== "") this.prefixes.add(parts.prefix);
    if (parts.suffix !== "") this.suffixes.add(parts.suffix);
  }
}

/**
 * Returns the decimal separator that only one reading of some column leaves, where no column says otherwise; undefined without such evidence.
 * @param columns some cells of each column
 */
export function likelyDecimalOf(columns: Iterable<readonly string[]>): NumberFormat["decimal"] | undefined {
  const found = new Set<NumberFormat["decimal"]>();
  for (const cells of columns) {
    const evidence = new Evidence();
    for (const cell of cells) evidence.add(cell);
    const all = separatorFormats.filter((_, index) => evidence.fits[index]! + evidence.universal === evidence.total);
    const decimals = new Set(all.map(({ decimal }) => decimal));
    if (decimals.size === 1) for (const decimal of decimals) found.add(decimal);
  }
  return found.size === 1 ? [...found][0] : undefined;
}

const allowedBy =
  ({ decimal, thousands }: NumberHints) =>
  (format: Separators): boolean =>
    (decimal === undefined || decimal === format.decimal) &&
    (thousands === undefined || thousands === format.thousands);

const decimalCommas = separatorFormats.findIndex(({ decimal, thousands }) => decimal === "," && thousands === "");

/** The separators that read most cells; the first of equals. */
function bestSeparators(evidence: Evidence, hints: NumberHints): number {
  const indices = separatorFormats
    .map((_, index) => index)
    .filter((index) => allowedBy(hints)(separatorFormats[index]!));
  const likely = (index: number): number => {
    if (hints.likelyDecimal === undefined) return hints.cutAtSemicolons && index === decimalCommas ? 1 : 0;
    return separatorFormats[index]!.decimal === hints.likelyDecimal ? 1 : 0;
  };
  const better = (a: number, b: number): boolean =>
    evidence.fits[b]! > evidence.fits[a]! || (evidence.fits[b] === evidence.fits[a] && likely(b) > likely(a));
  return indices.reduce((best, index) => (best < 0 || better(best, index) ? index : best), -1);
}

/** The format that the cells agree on, or that most of them agree on. */
function formatOf(evidence: Evidence, separators: Separators, footnotes: boolean): NumberFormat {
  const { total, percents, prefixes, suffixes, accounting, amounts } = evidence;
  const [suffix, times] = suffixes.most;
  return {
    ...separators,
    percent: percents > total / 2,
    prefix: prefixes.most[0],
    suffix: isCurrency(suffix) || times > total / 2 ? suffix : "",
    footnotes,
    ...(accounting > 0 && amounts > 0 && { accounting: true }),
  };
}

/**
 * Another reading of a cell that fits every cell as well. Three digits that end in 0 in most cells are thousands: decimals drop the zero.
 * Where semicolons separate the cells, points in groups of three digits are open in any case.
 */
function ambiguityOf(evidence: Evidence, chosen: Separators, hints: NumberHints): string | undefined {
  const { fits, universal, total, firstGrouped, pointsThatEndInZero, commasThatEndInZero, withPoint } = evidence;
  const isStated = hints.decimal !== undefined || hints.thousands !== undefined || hints.likelyDecimal !== undefined;
  if (isStated || firstGrouped === "") return undefined;
  const readsAll = (index: number): boolean => fits[index]! + universal === total;
  const { decimal, thousands } = chosen;
  if (decimal === "." && thousands === "," && readsAll(2) && commasThatEndInZero <= total / 2) return firstGrouped;
  if (decimal === "," && thousands === "" && readsAll(1)) return firstGrouped;
  const rounded = hints.cutAtSemicolons || pointsThatEndInZero > withPoint / 2;
  return decimal === "." && thousands === "" && readsAll(3) && rounded ? firstGrouped : undefined;
}

/** `numbers with decimal commas, thousands separators` */
export function describeFormat(format: NumberFormat): string {
  const { decimal, thousands, percent, prefix, suffix, footnotes, accounting } = format;
  const marks = [
    decimal === "," && "decimal commas",
    thousands !== "" && "thousands separators",
    percent && "percent signs",
    (isCurrency(prefix) || isCurrency(suffix)) && "a currency",
    suffix !== "" && !isCurrency(suffix) && `the unit ${JSON.stringify(suffix)}`,
    footnotes && "footnote marks",
    accounting === true && "negative numbers written (5) or 5-",
  ].filter((mark) => mark !== false);
  return marks.length > 0 ? `numbers with ${marks.join(", ")}` : "numbers";
}

/**
 * Returns the format in which every text is a number, decided by the evidence of all of them: 1.234,5 has decimal commas; 0,125 and
 * 1,4 cannot have thousands separators; where only groups of three digits are seen, a comma separates thousands and a point is a decimal point.
 * Where more than half of the texts are numbers, says what they look like; undefined for other texts, and for none.
 * @param texts cells that are not missing
 * @param hints what the user says; only formats that agree are considered
 * @param marksAreFootnotes of a sample: what all texts of the column say
 */
export function inferNumberFormat(
  texts: Iterable<string>,
  hints: NumberHints = {},
  marksAreFootnotes?: boolean,
): InferredFormat | AlmostNumbers | undefined {
  const all = [...texts];
  const evidence = new Evidence();
  for (const text of all) evidence.add(text);
  if (all.length > 0 && evidence.universal === all.length) return { format: plainNumbers };
  const best = bestSeparators(evidence, hints);
  const limited = best >= 0 && evidence.fits[best]! + evidence.universal > all.length / 2;
  const separators = separatorFormats[limited ? best : bestSeparators(evidence, {})]!;
  const footnotes = evidence.marked > 0 && (marksAreFootnotes ?? haveFootnotes(all));
  const format = formatOf(evidence, separators, footnotes);
  const allowed = limited || allowedBy(hints)(separators);
  let index = -1;
  let numbers = 0;
  let finite = 0;
  for (const [at, text] of all.entries()) {
    const value = readNumber(text, format);
    if (value === undefined) {
      if (index < 0) index = at;
      continue;
    }
    numbers++;
    if (Number.isFinite(value)) finite++;
  }
  if (finite === 0 || numbers <= all.length / 2) return undefined;
  if (numbers === all.length && allowed) {
    const ambiguous = ambiguityOf(evidence, separators, hints);
    return ambiguous === undefined ? { format } : { format, ambiguous };
  }
  const where = index < 0 ? 0 : index;
  const lookLike = `${describeFormat(format)} in ${numbers} of ${all.length} cells${allowed ? "" : ", which the options do not allow"}`;
  return { lookLike, format, other: { index: where, text: all[where]! } };
}
