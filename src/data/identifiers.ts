// Which columns number their rows rather than describe them.

import { type Steps, each } from "./slices.ts";
import { isMissingCell } from "./spelling.ts";
import { type Column, numberOf } from "./table.ts";

/** What whole numbers of a column look like together. */
export interface WholeNumbers {
  readonly count: number;
  readonly least: number;
  readonly largest: number;
  /** Each is larger than the one in the row above. */
  readonly ascends: boolean;
}

/** Statistics of the present cells; undefined where one of them is no whole number. */
export function* wholeNumbersOf({ cells }: Column, missingWords: ReadonlySet<string>): Steps<WholeNumbers | undefined> {
  let whole = true;
  let count = 0;
  let least = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let before = Number.NEGATIVE_INFINITY;
  let ascends = true;
  yield* each(cells.length, (row) => {
    const cell = cells[row]!;
    if (!whole || isMissingCell(cell, missingWords)) return;
    const value = numberOf(cell);
    if (value === undefined || !Number.isInteger(value)) {
      whole = false;
      return;
    }
    ascends &&= value > before;
    before = value;
    count++;
    least = Math.min(least, value);
    largest = Math.max(largest, value);
  });
  return whole && count > 0 ? { count, least, largest, ascends } : undefined;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

/** The last word of a name that says that the column holds ids. */
const idWords = words(
  "id ids uuid guid identifier rowid rownum rowname rownames objectid uid pid oid rid cid recid pk",
);
const wholeNamesOfIds = /^(?:row ?)?(?:index|idx|level 0|unnamed(?: \d+)*|#)$/;
const joinedIds =
  /^(?:user|customer|client|order|record|row|patient|passenger|member|person|employee|product|item|account|sample|subject|case|ticket|invoice|transaction|session|device|loan|house|student)(?:id|no|nr|key|code)$/;
/** The last word of a name under which all-different whole numbers are ids. */
const numberingWords = words(
  "no nr num number key rec ref reference serial record account acct customer client order ticket invoice patient passenger member user employee case subject participant respondent transaction loan policy claim phone tel telephone mobile fax licence license isbn ean sku barcode ssn vin nummer #",
);
/** The last word of a name under which numbers are names of places or kinds. */
const codeWords = words("zip zips zipcode zipcodes postcode postcodes postalcode plz postleitzahl code codes");
const phoneWords = words("phone phones telephone tel mobile fax telefon handy contact phonenumber mobilenumber");
/** A word of a name that says that numbers are times or amounts, however they are spread. */
const amountWords = words(
  "year yr years month months day days date week weeks quarter hour hours minute minutes second seconds time timestamp epoch step steps age jahr monat tag x y z t u v lat lon latitude longitude " +
    "area dose dosage pulse bpm horsepower hp gdp price cost amount income salary wage revenue sales profit balance budget value sum total count counts quantity qty size sqft sqm length width height depth weight mass volume distance mileage km miles speed power pressure temperature temp elevation altitude population score points rating rank rate percent duration rainfall density energy load views clicks visits " +
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
  if (idWords.has(last) || wholeNamesOfIds.test(parts.join(" "))) return true;
  return joinedIds.test(last) || (!codeWords.has(last) && joinedIds.test(parts.slice(-2).join("")));
}

/** Tables with fewer rows number them no more than they describe them. */
const fewestRows = 10;

/** Words that are written as one, such as "ordernumber" and "Kundennummer". */
const joinedNumber = /\p{L}{3}(?:number|nummer|nr)$/u;

function isNumbered(parts: readonly string[]): boolean {
  const last = parts.at(-1) ?? "";
  return numberingWords.has(last) || joinedNumber.test(last);
}

/** Why all-different whole numbers number their rows: consecutive ones do in file order, or where they start at 0 or 1. */
function whyNumbering(name: string, { count, least, largest, ascends }: WholeNumbers): string | undefined {
  const parts = wordsOf(name);
  if (count < fewestRows || parts.some((word) => amountWords.has(word))) return undefined;
  const range = largest - least + 1;
  if (range === count && (ascends || least === 0 || least === 1)) {
    return `whole numbers from ${least} to ${largest}, each once: row numbers`;
  }
  if (count >= 20 && ascends && range <= 1.5 * count) {
    return "almost all whole numbers of a range, each once and in order: row numbers";
  }
  if (isNumbered(parts)) return "unique whole numbers, named like a record number";
  return largest > Number.MAX_SAFE_INTEGER ? "unique whole numbers too large to be amounts" : undefined;
}

/** A column with at most this many distinct ids, each in at least this many rows on average, is a grouping column, not an id. */
const mostGroups = 10;
const rowsPerGroup = 5;
/** More codes than this are not made into inputs. */
const mostCodes = 100;
const leastPhoneNumber = 100_000;

/** What a column is beyond what its cells are. */
export interface Identity {
  /** Why it is ignored: it names its row rather than describing it. */
  readonly why?: string;
  /** Its name says so, not its numbers alone. */
  readonly byName?: boolean;
  /** Its numbers are names: each becomes a category. */
  readonly areNames?: boolean;
  readonly note?: string;
}

function identityByName(name: string, isText: boolean, distinct: number, whole: WholeNumbers): Identity | undefined {
  const parts = wordsOf(name);
  const { count, largest } = whole;
  const values = `${distinct} different values`;
  if (!isText && distinct > mostGroups && largest >= leastPhoneNumber && parts.some((word) => phoneWords.has(word))) {
    return { why: `named like a phone number, ${values}`, byName: true };
  }
  if (!isText && codeWords.has(parts.at(-1) ?? "")) {
    const few = distinct <= mostCodes && distinct <= count / 2;
    if (!few) return { why: `named like a code, not an amount, ${values}`, byName: true };
    return { areNames: true, note: `numbers that are named like codes: each of the ${distinct} is a category` };
  }
  if (!isNamedLikeId(name) || count < 3) return undefined;
  if (distinct > mostGroups || count < rowsPerGroup * distinct)
    return { why: `named like an id, ${values}`, byName: true };
  const note = `named like an id, but kept as categories because there are only ${distinct} values, in ${Math.floor(count / distinct)} rows each`;
  return { areNames: true, note };
}

const month = /^(?:19|20)\d\d(?:0[1-9]|1[0-2])$/;
const monthName = /period|month|monat|dat(?:e|um)|yyyymm|(?:^|[^a-z])ym(?:$|[^a-z])/i;

function monthNote(name: string, labels: ReadonlyMap<string, number> | undefined): string | undefined {
  if (!labels || !monthName.test(name)) return undefined;
  const texts = [...labels.keys()];
  if (!texts.every((text) => month.test(text))) return undefined;
  const [first] = texts;
  return `numbers such as ${first} are read as amounts; write ${first!.slice(0, 4)}-${first!.slice(4)} to have them read as months`;
}

/** What is known of a column's cells. */
interface Cells {
  /** Categories rather than numbers. */
  readonly isText: boolean;
  readonly distinct: number;
  readonly present: number;
  readonly labels: ReadonlyMap<string, number> | undefined;
  /** Where all cells are plain whole numbers. */
  readonly whole: WholeNumbers | undefined;
}

/** Says whether a column is an id, or holds names that are written as numbers; nothing where it holds properties. */
export function identityOf(
  { name, isIndex = false }: Column,
  { isText, distinct, present, labels, whole }: Cells,
): Identity {
  if (isIndex) return { why: "an unnamed column of row numbers", byName: true };
  if (!isText && !whole) return {};
  const counted = whole ?? { count: present, least: 0, largest: 0, ascends: false };
  const named = identityByName(name, isText, distinct, counted);
  if (named) return named;
  const why = whole && distinct === present && present > 2 ? whyNumbering(name, whole) : undefined;
  if (why !== undefined) return { why, byName: isNumbered(wordsOf(name)) };
  const note = isText ? undefined : monthNote(name, labels);
  return note === undefined ? {} : { note };
}
