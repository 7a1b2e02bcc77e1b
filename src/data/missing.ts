import { type Cell, textOf } from "./cell.ts";

/** Words that stand for a missing value. An empty cell is always missing. */
export interface MissingWords {
  /** In columns of numbers, where no word is a value. */
  readonly inNumbers: ReadonlySet<string>;
  /** In columns of text: only words that are hardly ever a category. */
  readonly inTexts: ReadonlySet<string>;
}

/** Missing in every column, in exactly these spellings: `Null` and `Nan` are names of people. */
const everywhere =
  "? NA N/A n/a N.A. n.a. #N/A #NA <NA> nan NaN NAN -NaN -nan null NULL (null) <null> <NULL> [null] [NULL] \\N - -- --- – — . .. ... … #VALUE! #DIV/0! #REF! #NUM! #NAME? #NULL! 1.#QNAN 1.#IND NaT #NV #WERT! #BEZUG! #ZAHL! #N/D #VALEUR! #NOMBRE! #VALOR!";

/** May be a category ("none" of three degrees, "unknown"), but never a number. */
const inNumbersOnly = "none nil na nan null n/a n.a. missing unknown undefined empty blank not-available *".split(" ");

const variantsOf = (word: string): string[] => [
  word,
  word.toUpperCase(),
  word.toLowerCase(),
  word.charAt(0).toUpperCase() + word.slice(1),
];

const textWords = new Set(["", ...everywhere.split(" ")]);

export const defaultMissing: MissingWords = {
  inTexts: textWords,
  inNumbers: new Set([...textWords, ...inNumbersOnly.flatMap(variantsOf), "not available", "Not available"]),
};

const decimalNumber = /^([-+\u2212]?)(\d+)(?:[.,](\d+?))?0*$/;
const mostZeros = 6;

/** A number that is written with more or fewer zeros behind its point, as -999, -999.0 and -999,00. */
function numberVariants(word: string): string[] {
  if (!/[.,]\d*$|^[-+\u2212]?\d+$/.test(word)) return [];
  const [, sign = "", whole, fraction = ""] = decimalNumber.exec(/[.,]/.test(word) ? word : `${word}.0`) ?? [];
  if (whole === undefined) return [];
  const digits = fraction === "0" ? "" : fraction;
  const endings = [".", ","].flatMap((point) =>
    Array.from({ length: mostZeros }, (_, zeros) => `${point}${digits}${"0".repeat(zeros)}`),
  );
  const signs = sign === "-" || sign === "\u2212" ? ["-", "\u2212"] : [sign];
  return signs.flatMap((own) => [digits === "" ? "" : endings[0]!, ...endings].map((end) => `${own}${whole}${end}`));
}

/**
 * Returns the words that a user names as missing, in all columns and as they are spelled, instead of the default ones.
 * In columns of numbers a number counts with any zeros behind its point.
 * A first word "default" keeps the default ones as well.
 */
export function missingWordsOf(words: readonly string[]): MissingWords {
  const own = words.map((word) => word.trim());
  const kept = own.includes("default") ? defaultMissing : { inTexts: [""], inNumbers: [""] };
  const added = own.filter((word) => word !== "default");
  return {
    inTexts: new Set([...kept.inTexts, ...added]),
    inNumbers: new Set([...kept.inNumbers, ...added, ...added.flatMap(numberVariants)]),
  };
}

/** `--missing "default,TBD"`: the option that keeps the words of a table and adds some; undefined where one cannot stand in it. */
export function missingOption({ inNumbers, inTexts }: MissingWords, added: readonly string[]): string | undefined {
  const keepsDefault = [...defaultMissing.inNumbers].every((word) => inNumbers.has(word));
  const own = [...inTexts].filter((word) => word !== "" && !(keepsDefault && defaultMissing.inNumbers.has(word)));
  const words = [...(keepsDefault ? ["default"] : []), ...own, ...added];
  return words.some((word) => /[",\p{Cc}]/u.test(word)) ? undefined : `--missing "${words.join(",")}"`;
}

/**
 * Whether a cell is missing: `null`, or one of the words of its kind of column. Numbers of JSON are compared by their text, for words like -999.
 * @param words `inNumbers` or `inTexts` of the table's `missingWords`; default the words that are missing in every column
 */
export function isMissing(cell: Cell, words: ReadonlySet<string> = defaultMissing.inTexts): boolean {
  return cell === null || words.has(textOf(cell));
}

const twoCapitals = /^[A-Z]{2}$/;

/**
 * The words that are missing in one column of text, with two exceptions by the evidence of its cells: "NA" is a value among at least
 * three other codes of two capitals (countries, states), and "-" is one where "+" is.
 */
export function missingInTexts({ inTexts }: MissingWords, cells: readonly Cell[]): ReadonlySet<string> {
  const codes = new Set<string>();
  let onlyCodes = true;
  let plus = false;
  for (const cell of cells) {
    if (isMissing(cell, inTexts)) continue;
    const text = textOf(cell);
    plus ||= text === "+";
    if (onlyCodes && twoCapitals.test(text)) codes.add(text);
    else onlyCodes = false;
  }
  const values = [...(onlyCodes && codes.size >= 3 ? ["NA"] : []), ...(plus ? ["-"] : [])];
  if (!values.some((value) => inTexts.has(value))) return inTexts;
  return new Set([...inTexts].filter((word) => !values.includes(word)));
}
