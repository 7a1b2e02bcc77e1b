import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DateForm, encodeInputs, inputNames, prepare, tableFromRows } from "../src/data.ts";
import { dateForms, formsOf, parseDate } from "../src/data/dates.ts";

const pad = (value: number): string => String(value).padStart(2, "0");
const monthNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Writes a day in a form; of YM the first of the month. */
const writers: Record<DateForm, (year: number, month: number, day: number) => string> = {
  YMD: (y, m, d) => `${y}-${pad(m)}-${pad(d)}`,
  DMY: (y, m, d) => `${pad(d)}/${pad(m)}/${y}`,
  MDY: (y, m, d) => `${m}/${d}/${y}`,
  monthName: (y, m, d) => `${d} ${monthNames[m - 1]} ${y}`,
  YM: (y, m) => `${y}-${pad(m)}`,
  compact: (y, m, d) => `${y}${pad(m)}${pad(d)}`,
  time: () => "12:00",
};

describe("one date", () => {
  test("every day of 1900 to 2099 in every form", () => {
    const day = fc.integer({ min: Date.UTC(1900, 0, 1) / 864e5, max: Date.UTC(2099, 11, 31) / 864e5 });
    fc.assert(
      fc.property(day, fc.constantFrom(...dateForms.filter((form) => form !== "time")), (days, form) => {
        const date = new Date(days * 864e5);
        const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()] as const;
        const expected = form === "YM" ? Date.UTC(parts[0], parts[1] - 1, 1) / 864e5 : days;
        expect(parseDate(writers[form](...parts), form)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  const at = (text: string): number => Date.parse(text) / 864e5;
  test.each<[string, DateForm, string]>([
    ["2023-03-01T04:05:06Z", "YMD", "2023-03-01T04:05:06Z"],
    ["2023-03-01 04:05", "YMD", "2023-03-01T04:05:00Z"],
    ["2023-03-01T00:30:00+02:00", "YMD", "2023-02-28T22:30:00Z"],
    ["2023-03-01T23:30:00.250-0330", "YMD", "2023-03-02T03:00:00.250Z"],
    ["2023/3/1", "YMD", "2023-03-01T00:00:00Z"],
    ["2024-02-29", "YMD", "2024-02-29T00:00:00Z"],
    ["1.2.2023", "DMY", "2023-02-01T00:00:00Z"],
    ["31/12/99 11:59 pm", "DMY", "1999-12-31T23:59:00Z"],
    ["12/31/2023 12:00 AM", "MDY", "2023-12-31T00:00:00Z"],
    ["March 5, 2023", "monthName", "2023-03-05T00:00:00Z"],
    ["5-Mar-23", "monthName", "2023-03-05T00:00:00Z"],
    ["5. März 2023", "monthName", "2023-03-05T00:00:00Z"],
    ["Wed, 01 Mar 2023 10:00:00 GMT", "monthName", "2023-03-01T10:00:00Z"],
    ["Sept 2023", "monthName", "2023-09-01T00:00:00Z"],
  ])("%s", (text, form, iso) => expect(parseDate(text, form)).toBeCloseTo(at(iso), 9));

  test.each(["2023-02-29", "2023-13-01", "2023-00-10", "31/31/2023", "1.2.23", "2023-01-01 25:00", "2023-01-01x", "10 Foo 2023", "1-2", "", "2023-1/1", "12:61", "1990-95"])(
    "%j is none",
    (text) => expect(formsOf(text, true)).toEqual([]),
  ); // prettier-ignore

  test("long texts take no time", () => {
    const start = performance.now();
    for (const part of ["1", "1/", "jan ", "2023-", "Monday ", " "])
      expect(formsOf(part.repeat(1e5), true)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

const learn = (dates: readonly string[], name = "when") =>
  prepare(tableFromRows(dates.map((date, k) => ({ [name]: date, y: (k * 37) % 101 }))), {
    target: "y",
    task: "regression",
    validation: 0,
  });

/** ISO dates at a distance of some days. */
const every = (days: number, count: number): string[] =>
  Array.from({ length: count }, (_, k) => new Date(Date.UTC(2020, 0, 6) + k * days * 864e5).toISOString().slice(0, 10));

describe("a column of dates", () => {
  test.each([
    ["days of three weeks", every(1, 21), ["when", "when sin(week)", "when cos(week)"]],
    ["days of one week", every(1, 7), ["when"]],
    ["Mondays of half a year", every(7, 26), ["when"]],
    ["Mondays of three years", every(7, 156), ["when", "when sin(year)", "when cos(year)"]],
    ["names of months", Array.from({ length: 36 }, (_, k) => `${monthNames[k % 12]} ${2020 + Math.floor(k / 12)}`), ["when", "when sin(year)", "when cos(year)"]],
    ["months", Array.from({ length: 36 }, (_, k) => `${2020 + Math.floor(k / 12)}-${pad(1 + (k % 12))}`), ["when", "when sin(year)", "when cos(year)"]],
    ["times of one day", Array.from({ length: 30 }, (_, k) => `2023-01-05 ${pad(k % 24)}:00`), ["when", "when sin(day)", "when cos(day)"]],
    ["hours alone", Array.from({ length: 30 }, (_, k) => `${k % 24}:30`), ["when", "when sin(day)", "when cos(day)"]],
  ])("%s", async (_, dates, names) => {
    const { preprocessing } = await learn(dates);
    expect(inputNames(preprocessing)).toEqual(names);
  }); // prettier-ignore

  test("the order of day and month is found by a part above 12, or told", async () => {
    const rows = (texts: string[]) => Array.from({ length: 20 }, (_, k) => texts[k % texts.length]!);
    const formOf = async (texts: string[]) => {
      const { preprocessing, report } = await learn(rows(texts));
      return [preprocessing.inputs[0], report.notes.join()] as const;
    };
    expect(await formOf(["03/04/2023", "25/04/2023"])).toMatchObject([{ form: "DMY" }, ""]);
    expect(await formOf(["03/04/2023", "04/25/2023"])).toMatchObject([{ form: "MDY" }, ""]);
    const [column, note] = await formOf(["03/04/2023", "05/06/2023"]);
    expect(column).toMatchObject({ form: "MDY" });
    expect(note).toMatch(/"03\/04\/2023" could have the day or the month first and are read as month\/day\/year/);
    expect(await formOf(["03.04.2023", "05.06.2023"])).toMatchObject([{ form: "DMY" }, ""]);
  });

  test("YYYYMMDD is a date only where the name says so", async () => {
    const dates = every(1, 30).map((date) => date.replaceAll("-", ""));
    expect((await learn(dates, "date")).preprocessing.inputs[0]).toMatchObject({ kind: "date", form: "compact" });
    expect((await learn(dates, "amount")).preprocessing.inputs[0]).toMatchObject({ kind: "number" });
  });

  test("a text among dates leaves the column out, and is named", async () => {
    const rows = every(1, 40).map((when, k) => ({ when: k === 7 ? "soon" : when, x: (k * k) % 7, y: (k * 37) % 101 }));
    const { report } = await prepare(tableFromRows(rows), { target: "y", task: "regression" });
    expect(report.ignored).toEqual([
      { name: "when", why: 'dates in 39 of 40 cells, but "soon" is none', canBeKept: false },
    ]);
  });

  test("other files may write their dates in another form, and leave some out", async () => {
    const { preprocessing } = await learn(every(10, 60));
    const encode = async (when: string) => [...(await encodeInputs(preprocessing, tableFromRows([{ when }]))).inputs];
    expect(await encode("14.07.2031")).toEqual(await encode("2031-07-14"));
    const missing = await encode("");
    expect(missing.slice(1)).toEqual(missing.slice(1).map(() => 0));
    expect(Math.abs(missing[0]!)).toBeLessThan(0.1);
  });
});
