// Reads the dates of a column. Every pattern is anchored and linear in the length of the text; `Date.parse` is not used, because
// what it accepts differs from host to host.

/** How the dates of one column are written: the order of year, month and day, or the parts there are. */
export const dateForms = ["YMD", "DMY", "MDY", "monthName", "YM", "quarter", "week", "compact", "time"] as const;
export type DateForm = (typeof dateForms)[number];

/** What a note calls a form. */
export const dateFormNames: Readonly<Record<DateForm, string>> = {
  YMD: "year-month-day",
  DMY: "day/month/year",
  MDY: "month/day/year",
  monthName: "dates with the name of the month",
  YM: "year-month or month/year",
  quarter: "quarters",
  week: "ISO weeks",
  compact: "YYYYMMDD",
  time: "hours:minutes",
};

const longestDate = 48;
const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const monthNames =
  "january february march april may june july august september october november december sept januar februar märz maerz mrz mär mai juni juli oktober okt dezember dez";
const allMonths = new Map([...months, ...monthNames.split(" ")].map((name) => [name, monthOf(name)]));

/** 1 to 12 by the first letters, English or German. */
function monthOf(name: string): number {
  const german: Record<string, number> = { mär: 3, mae: 3, mrz: 3, mai: 5, okt: 10, dez: 12 };
  const start = name.slice(0, 3);
  return german[start] ?? months.indexOf(start) + 1;
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01 in the Gregorian calendar (H. Hinnant, days_from_civil); undefined where there is no such day. */
function daysFromCivil(year: number, month: number, day: number): number | undefined {
  if (month < 1 || month > 12 || day < 1) return undefined;
  if (day > lengths[month - 1]! + (month === 2 && isLeap(year) ? 1 : 0)) return undefined;
  const shifted = month <= 2 ? year - 1 : year; // years that begin in March
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Two digits are 1969 to 2068, as in POSIX. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length > 2) return year;
  return year < 69 ? 2000 + year : 1900 + year;
}

const timeText =
  /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)? ?([ap]\.?m\.?)? ?(?:z|utc|gmt|(?:utc|gmt)?([+-])(\d{2}):?(\d{2})?)?$/i;

/** Share of a day, time zones subtracted; undefined where the text is no time of day. */
function timeOfDay(text: string): number | undefined {
  const found = timeText.exec(text.replace(/ uhr$/i, ""));
  if (!found) return undefined;
  const [, hourText, minuteText, secondText = "0", fraction = "0", half, sign, zoneHours = "0", zoneMinutes = "0"] =
    found;
  let hour = Number(hourText);
  const minute = Number(minuteText);
  const second = Number(secondText);
  if (hour > 24 || minute > 59 || second > 60 || Number(zoneHours) > 18 || Number(zoneMinutes) > 59) return undefined;
  if (hour === 24 && (minute > 0 || second > 0)) return undefined;
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = (hour % 12) + (half.toLowerCase().startsWith("p") ? 12 : 0);
  }
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === "-" ? -1 : 1);
  return ((hour * 60 + minute - zone) * 60 + second + Number(`0.${fraction}`)) / 86_400;
}

/** Adds the time behind a date, where there is one. */
function withTime(days: number | undefined, rest: string): number | undefined {
  if (days === undefined || rest === "") return days;
  const found = /^(?:t|,? )(.*)$/i.exec(rest);
  const time = found ? timeOfDay(found[1]!.trim()) : undefined;
  return time === undefined ? undefined : days + time;
}

const yearFirst = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)/;
const yearLast = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)/;
const yearAndMonth = /^(\d{4})[-/](\d{2})$/;
const monthThenYear = /^(\d{1,2})[-/]((?:19|20)\d{2})$/;
const yearThenQuarter = /^(\d{4})[- /]?Q([1-4])$/i;
const quarterThenYear = /^Q([1-4])[- /]?(\d{4})$/i;
const yearAndWeek = /^(\d{4})-?W(\d{2})$/i;
const compactText = /^((?:19|20)\d{2})(\d{2})(\d{2})(?:\.0+)?$/;
const weekday = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,? /i;
const dayFirstName = /^(\d{1,2})(?:st|nd|rd|th|\.)?[ -]?(\p{L}{3,9})\.?,?[ -](\d{4}|\d{2})(?!\d)/u;
const monthFirstName = /^(\p{L}{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)/u;
const monthAndYear = /^(\p{L}{3,9})(?:\.?,?[ -](\d{4})|[-'](\d{2}))$/u;

const namedMonth = (text: string): number => allMonths.get(text.toLowerCase()) ?? 0;

function parseMonthName(text: string): number | undefined {
  const date = text.replace(weekday, "");
  const dayFirst = dayFirstName.exec(date);
  if (dayFirst) {
    const [all, day, month, year] = dayFirst;
    return withTime(daysFromCivil(fullYear(year!), namedMonth(month!), Number(day)), date.slice(all.length));
  }
  const monthFirst = monthFirstName.exec(date);
  if (monthFirst) {
    const [all, month, day, year] = monthFirst;
    return withTime(daysFromCivil(Number(year), namedMonth(month!), Number(day)), date.slice(all.length));
  }
  const [, month, year, shortYear] = monthAndYear.exec(date) ?? [];
  return month === undefined ? undefined : daysFromCivil(fullYear(year ?? shortYear!), namedMonth(month), 1);
}

function parseYearFirst(text: string): number | undefined {
  const found = yearFirst.exec(text);
  if (!found) return undefined;
  const [all, year, , month, day] = found;
  return withTime(daysFromCivil(Number(year), Number(month), Number(day)), text.slice(all.length));
}

/** Two digits of the year behind points are a version number, not a date. */
function parseYearLast(text: string, dayFirst: boolean): number | undefined {
  const found = yearLast.exec(text);
  if (!found) return undefined;
  const [all, first, separator, second, year] = found;
  if (separator === "." && (year!.length < 4 || !dayFirst)) return undefined;
  const [day, month] = dayFirst ? [first, second] : [second, first];
  return withTime(daysFromCivil(fullYear(year!), Number(month), Number(day)), text.slice(all.length));
}

function parseParts(found: RegExpExecArray | null): number | undefined {
  return found ? daysFromCivil(Number(found[1]), Number(found[2]), Number(found[3] ?? 1)) : undefined;
}

function parseYearAndMonth(text: string): number | undefined {
  const monthFirst = monthThenYear.exec(text);
  if (monthFirst) return daysFromCivil(Number(monthFirst[2]), Number(monthFirst[1]), 1);
  return parseParts(yearAndMonth.exec(text));
}

/** The first day of a quarter. */
function parseQuarter(text: string): number | undefined {
  const yearFirst = yearThenQuarter.exec(text);
  const [, quarter, year] = quarterThenYear.exec(text) ?? [undefined, yearFirst?.[2], yearFirst?.[1]];
  return year === undefined ? undefined : daysFromCivil(Number(year), 3 * Number(quarter) - 2, 1);
}

/** The Monday of a week; week 1 has January 4 (ISO 8601). */
function parseWeek(text: string): number | undefined {
  const [, year, weekText] = yearAndWeek.exec(text) ?? [];
  const week = Number(weekText);
  if (year === undefined || week < 1 || week > 53) return undefined;
  const mondayOf = (days: number): number => days - ((((days + 3) % 7) + 7) % 7); // 1970-01-01 is a Thursday
  const first = mondayOf(daysFromCivil(Number(year), 1, 4)!);
  const next = mondayOf(daysFromCivil(Number(year) + 1, 1, 4)!);
  const monday = first + 7 * (week - 1);
  return monday < next ? monday : undefined;
}

const parsers: Readonly<Record<DateForm, (text: string) => number | undefined>> = {
  YMD: parseYearFirst,
  DMY: (text) => parseYearLast(text, true),
  MDY: (text) => parseYearLast(text, false),
  monthName: parseMonthName,
  YM: parseYearAndMonth,
  quarter: parseQuarter,
  week: parseWeek,
  compact: (text) => parseParts(compactText.exec(text)),
  time: timeOfDay,
};

/** Returns the days since 1970-01-01, with the time of day as a fraction; undefined where the text is no date in this form. */
export function parseDate(text: string, form: DateForm): number | undefined {
  return text.length <= longestDate ? parsers[form](text.trim()) : undefined;
}

/** The forms in which a text is a date; YYYYMMDD is a number as well and must be requested. */
export const formsOf = (text: string, allowCompact: boolean): DateForm[] =>
  text.length > longestDate || !/\d/.test(text)
    ? []
    : dateForms.filter((form) => (form !== "compact" || allowCompact) && parsers[form](text.trim()) !== undefined);
