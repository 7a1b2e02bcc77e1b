// Splits the text of one cell into the parts of a written number. Every step is linear in the length of the text.

/** One cell that looks like a number: everything around the digits is taken off and named. */
export interface NumberParts {
  readonly negative: boolean;
  /** The sign is written as in accounting, `(5)` or `5-`, which in other columns is part of a label. */
  readonly accounting: boolean;
  /** Digits with their separators, as written: `1,234.5`, `1 234`, `0,5`. */
  readonly core: string;
  /** `3` of `1.2e3`; 0 where there is none. */
  readonly exponent: number;
  readonly percent: boolean;
  /** Currency symbol or code before the digits; "" where there is none. */
  readonly prefix: string;
  /** Unit, currency symbol or code after the digits; "" where there is none. */
  readonly suffix: string;
  /** `*` of `12*`, `[1]` of `12[1]`; "" where there is none. */
  readonly footnote: string;
}

/** ISO 4217 codes and the abbreviations that are written beside amounts. */
const currencyCodes = new Set(
  (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KZT MAD MXN MYR NGN NOK NZD " +
    "PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR XAF XOF BTC ETH R$ Rs Rs. kr kr. Fr Fr. zł Kč Ft"
  ).split(" "),
);

const currencySymbol = /^[A-Z]{0,3}\p{Sc}$/u;

/** Whether the text is a currency, as it is written before or after an amount: `$`, `US$`, `EUR`, `kr`. */
export const isCurrency = (text: string): boolean =>
  text.length <= 4 && (currencyCodes.has(text) || currencySymbol.test(text));

/** Letters that begin with a letter or one of ° µ ′ ″ Ω #, as in `kg`, `m²`, `km/h`, `°C`, `sq ft`. */
const unitText = /^[\p{L}°µ′″‰Ω#][\p{L}\p{Nd}°µ²³⁻¹·/^.′″-]*(?: [\p{L}/][\p{L}²³/.]*)?$/u;
const longestUnit = 16;
const isSuffix = (text: string): boolean => text.length <= longestUnit && (isCurrency(text) || unitText.test(text));

/** `*`, `**`, `†`, `‡`, `§`, `¶`, superscript digits, `[1]`, `[a]`, `(a)`, at the end of the text. */
const footnoteMark = /(?:[*†‡§¶⁰¹²³⁴-⁹ᵃᵇᶜ]|\[[\p{L}\p{Nd} ]{1,8}\]|\(\p{Ll}\))$/u;

const minusSigns = "-\u2212\u2013\ufe63\uff0d";
const plusSigns = "+\uff0b";
const apostrophes = "'\u2019\u02bc";
/** Space, no-break space, figure space, thin space, narrow no-break space. */
const spaces = " \u00a0\u2007\u2009\u202f";

const isDigit = (char: string | undefined): boolean => char !== undefined && char >= "0" && char <= "9";

/** The text without one pair of quotes around all of it. */
function unquoted(text: string): string {
  const first = text[0]!;
  const paired = text.length > 1 && (first === '"' || first === "'") && text.endsWith(first);
  return paired ? text.slice(1, -1).trim() : text;
}

interface Cut {
  readonly text: string;
  readonly sign: "" | "+" | "-";
}

function cutSign(text: string): Cut {
  const first = text[0];
  if (first === undefined) return { text, sign: "" };
  if (minusSigns.includes(first)) return { text: text.slice(1).trimStart(), sign: "-" };
  if (plusSigns.includes(first)) return { text: text.slice(1).trimStart(), sign: "+" };
  return { text, sign: "" };
}

/** Where the digits and their separators end: a separator belongs to them only where a digit follows it. */
function endOfCore(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (isDigit(char)) continue;
    const joins = char === "." || char === "," || char === "_" || apostrophes.includes(char) || spaces.includes(char);
    if (joins && isDigit(text[at + 1])) continue;
    if ((char === "." || char === ",") && at > from) return at + 1; // "5."
    break;
  }
  return at;
}

const exponentAt = /^e[+-]?\d{1,6}(?![\p{L}\d])/iu;

function cutFootnote(text: string): [rest: string, mark: string] {
  let rest = text;
  for (let count = 0; count < 4; count++) {
    const found = footnoteMark.exec(rest.slice(-12));
    if (!found) break;
    rest = rest.slice(0, rest.length - found[0].length).trimEnd();
  }
  return [rest, text.slice(rest.length).trim()];
}

/** Everything after the digits: exponent, percent sign, unit or currency, footnote; undefined where it is none of these. */
function readTail(tail: string): Omit<NumberParts, "negative" | "accounting" | "core" | "prefix"> | undefined {
  const power = exponentAt.exec(tail)?.[0] ?? "";
  const behind = tail.slice(power.length).trim();
  const parts = { exponent: power === "" ? 0 : Number(power.slice(1)), percent: false, suffix: "", footnote: "" };
  if (behind === "") return parts;
  if (behind.length > longestUnit + 12) return undefined;
  if (behind === "%") return { ...parts, percent: true };
  if (isSuffix(behind)) return { ...parts, suffix: behind };
  const [rest, footnote] = cutFootnote(behind);
  if (footnote === "") return undefined;
  if (rest === "" || rest === "%") return { ...parts, footnote, percent: rest === "%" };
  return isSuffix(rest) ? { ...parts, footnote, suffix: rest } : undefined;
}

/** Text in front of the first digit: a currency, or nothing. Undefined where it is anything else. */
function readHead(text: string): { prefix: string; start: number } | undefined {
  let start = 0;
  while (start < text.length && start < 8 && !isDigit(text[start])) start++;
  if (!isDigit(text[start])) return undefined;
  const point = text[start - 1];
  if (point === "." || point === ",") {
    const before = text.slice(0, start - 1).trim();
    if (before === "" || isCurrency(before)) return { prefix: before, start: start - 1 }; // ".5", "$.5"
  }
  const prefix = text.slice(0, start).trim();
  return prefix === "" || isCurrency(prefix) ? { prefix, start } : undefined;
}

/** Takes a sign in front of the currency, or behind it: `-$5`, `$-5`. */
function cutHead(text: string): { prefix: string; negative: boolean; rest: string } | undefined {
  const outer = cutSign(text);
  const first = /^[^\d+\-−–.,]{1,4}(?=[+\-−–])/u.exec(outer.text);
  const currency = first?.[0].trim() ?? "";
  if (currency !== "" && outer.sign === "" && isCurrency(currency)) {
    const inner = cutSign(outer.text.slice(first![0].length));
    const head = readHead(inner.text);
    return head?.prefix === ""
      ? { prefix: currency, negative: inner.sign === "-", rest: inner.text.slice(head.start) }
      : undefined;
  }
  const head = readHead(outer.text);
  return head && { prefix: head.prefix, negative: outer.sign === "-", rest: outer.text.slice(head.start) };
}

/** `-` in place of cents: `12.-`, `1020,-`, `12,--`. */
const noCents = /^[-\u2212\u2013\u2014]{1,2}(?![\d\p{L}])/u;

/** Full-width characters of East Asian keyboards as ASCII; other forms stay as they are: m² is not m2. */
const narrow = (text: string): string =>
  text.replaceAll(/[\uff01-\uff5e]/g, (char) => String.fromCharCode(char.charCodeAt(0) - 0xfee0));

const dashes = /^[-\u2013\u2014]{1,2}$/;

/** Accounting formats of spreadsheets: `$ (5.00)` as `($ 5.00)`, `(5.00) €` as `(5.00 €)`, and `$ -` as `$ 0`. */
function withCurrencyInside(text: string): string {
  const { length } = text;
  if (length === 0 || (isDigit(text[0]) && isDigit(text[length - 1]))) return text;
  const [, before = "", inner = "", after = ""] =
    /^([^\d\s(]{0,4})\s*(\(.*\)|[-\u2013\u2014]{1,2})\s*([^\d\s)]{0,4})$/u.exec(text) ?? [];
  if ((before === "") === (after === "") || !isCurrency(before || after)) return text;
  if (dashes.test(inner)) return `${before} 0 ${after}`.trim();
  return `(${before}${inner.slice(1, -1).trim()}${after})`;
}

/** Longer texts are only read as plain numbers. */
const longestNumber = 100;

/** Splits the text of a cell; undefined where it is no number in any format. */
export function splitNumber(cell: string): NumberParts | undefined {
  let text = cell.trim();
  if (text === "" || text.length > longestNumber) return undefined;
  text = withCurrencyInside(narrow(unquoted(text)));
  const inBrackets = text.startsWith("(") && text.endsWith(")");
  if (inBrackets) text = text.slice(1, -1).trim();
  const head = text === "" ? undefined : cutHead(text);
  if (!head) return undefined;
  const end = endOfCore(head.rest, 0);
  const core = head.rest.slice(0, end);
  let tailText = head.rest.slice(end);
  if (/[.,]$/.test(core)) tailText = tailText.replace(noCents, "");
  const behind = tailText.trim();
  const signBehind = behind.length === 1 && minusSigns.includes(behind); // "1,234-"
  if (signBehind) tailText = "";
  const tail = readTail(tailText);
  if (!tail || (signBehind && (inBrackets || head.negative)) || (inBrackets && head.negative)) return undefined;
  if (head.prefix !== "" && tail.suffix !== "" && !isCurrency(tail.suffix)) return undefined; // "$5 USD" is one
  const accounting = inBrackets || signBehind;
  return { negative: head.negative || accounting, accounting, core, prefix: head.prefix, ...tail };
}
