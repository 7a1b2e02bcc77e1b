import { singleLetter } from "./footnotes.ts";
import { type NumberParts, isCurrency, splitNumber } from "./numberParts.ts";

/** How the numbers of one column are written. Plain data, so that a model file can carry it. */
export interface NumberFormat {
  readonly decimal: "." | ",";
  /** Character between groups of three digits (or of two, as in 1,00,000); a cell may omit it. `" "` and `"'"` stand for all their variants. */
  readonly thousands: "" | "," | "." | " " | "'" | "_";
  /** Every cell has a percent sign; its value is the fraction: 18.25% is 0.1825. */
  readonly percent: boolean;
  /** Currency before the digits; a cell may omit it. "" where there is none. */
  readonly prefix: string;
  /** Unit or currency after the digits. Every cell has the unit; a cell may omit the currency. "" where there is none. */
  readonly suffix: string;
  /** Some cells have a footnote mark, which is ignored: `12*`, `12[1]`, `12 a`. */
  readonly footnotes: boolean;
  /** `(5)` and `5-` are negative numbers; default no: they are texts. */
  readonly accounting?: boolean | undefined;
}

export type Separators = Pick<NumberFormat, "decimal" | "thousands">;

/** 1234.5 and 1.2e3 */
export const plainNumbers: NumberFormat = {
  decimal: ".",
  thousands: "",
  percent: false,
  prefix: "",
  suffix: "",
  footnotes: false,
};

/** In the order of preference where several read every cell of a column. */
export const separatorFormats: readonly Separators[] = [
  { decimal: ".", thousands: "" },
  { decimal: ".", thousands: "," },
  { decimal: ",", thousands: "" },
  { decimal: ",", thousands: "." },
  { decimal: ".", thousands: " " },
  { decimal: ",", thousands: " " },
  { decimal: ".", thousands: "'" },
  { decimal: ",", thousands: "'" },
  { decimal: ".", thousands: "_" },
  { decimal: ",", thousands: "_" },
];

/** Linear in the length of the text: the digits before and after the point cannot be matched in two ways. */
export const plainNumberText = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const wholeNumber = /^[+-]?\d+$/;
const infinityText = /^([+-]?)inf(?:inity)?$/i;

const separatorClass = {
  "": /$^/,
  ",": /,/,
  ".": /\./,
  " ": /[ \u00a0\u2007\u2009\u202f]/,
  "'": /['\u2019\u02bc]/,
  _: /_/,
};
const digitsOnly = /^\d*$/;

const sameLength = (groups: readonly string[], length: number): boolean =>
  groups.every((group) => group.length === length && digitsOnly.test(group));

/** Groups of three digits, or an Indian 1,00,000. The first group has no leading zero: 0,125 is not 125. */
function areGroups(groups: readonly string[]): boolean {
  const first = groups[0]!;
  const others = groups.slice(1);
  if (first === "" || first[0] === "0" || first.length > 3 || !digitsOnly.test(first)) return false;
  if (sameLength(others, 3)) return true;
  return first.length < 3 && others.length > 1 && sameLength(others.slice(0, -1), 2) && sameLength(others.slice(-1), 3);
}

/** `1234.5` for the digits with separators `1,234.5`; undefined where they are not written in this format. */
export function plainDigits(core: string, { decimal, thousands }: Separators): string | undefined {
  const point = core.indexOf(decimal);
  const whole = point < 0 ? core : core.slice(0, point);
  const fraction = point < 0 ? "" : core.slice(point + 1);
  if (!digitsOnly.test(fraction) || whole + fraction === "") return undefined;
  if (digitsOnly.test(whole)) return `${whole || "0"}.${fraction || "0"}`;
  const groups = whole.split(separatorClass[thousands]);
  return groups.length > 1 && areGroups(groups) ? `${groups.join("")}.${fraction || "0"}` : undefined;
}

const unitKey = (unit: string): string => unit.replaceAll(/\s/g, "").toLowerCase();

/** Words of three letters or more, and abbreviations that take an s as well: `m` and `ms`, `kW` and `kWs` are two units. */
const plural = /^(?:\p{Ll}{3,}|lb|hr|yr)$/u;

/** `1 day` and `2 days`, `1 inch` and `2 inches`, `1 Jahr` and `2 Jahre`, `1 Woche` and `2 Wochen`. */
function arePlural(a: string, b: string): boolean {
  const [one, many] = a.length < b.length ? [a, b] : [b, a];
  return plural.test(one) && many.startsWith(one) && /^(?:s|es|e|n|en)$/.test(many.slice(one.length));
}

/** Whether two units differ in case, spaces or number only; `mW` and `MW` are two. */
export function isSameUnit(a: string, b: string): boolean {
  if (a === b) return true;
  const isPrefix = /^[mM]/.test(a) && a[0] !== b[0] && a.slice(1) === b.slice(1);
  const [first, second] = [unitKey(a), unitKey(b)];
  return (first === second && !isPrefix) || arePlural(first, second);
}

/** Whether the text around the digits is what the format says. */
function surroundingsFit(
  { accounting, percent, prefix, suffix, footnote }: NumberParts,
  format: NumberFormat,
): boolean {
  if (percent !== format.percent || (accounting && !format.accounting)) return false;
  if (footnote !== "" && !format.footnotes) return false;
  if (prefix !== "" && prefix !== format.prefix) return false;
  if (suffix === "" ? format.suffix === "" : isSameUnit(suffix, format.suffix)) return true;
  if (suffix === "") return isCurrency(format.suffix);
  return format.suffix === "" && format.footnotes && singleLetter.test(suffix);
}

/**
 * Returns the number that the text of a cell means in a format; undefined where it is not written in it.
 * A sign in front, an exponent and quotes around the cell are read in every format. "inf" and "nan" are not finite.
 * The time is linear in the length of the text.
 */
export function readNumber(text: string, format: NumberFormat): number | undefined {
  const cell = text.trim();
  const plain = format.decimal === "." && !format.percent && (format.suffix === "" || isCurrency(format.suffix));
  if (plain && plainNumberText.test(cell)) return Number(cell);
  if (!format.percent && wholeNumber.test(cell) && (format.suffix === "" || isCurrency(format.suffix)))
    return Number(cell);
  const infinite = infinityText.exec(cell);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  if (cell.toLowerCase() === "nan") return Number.NaN;
  const parts = splitNumber(cell);
  if (!parts || !surroundingsFit(parts, format)) return undefined;
  const digits = plainDigits(parts.core, format);
  if (digits === undefined) return undefined;
  const value = Number(`${digits}e${parts.exponent - (format.percent ? 2 : 0)}`);
  return parts.negative ? -value : value;
}
