import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DateForm, encodeInputs, inputNames, prepare, readTable, tableFromRows } from "../src/data.ts";
import { dateForms, formsOf, parseDate } from "../src/data/dates.ts";

const pad = (value: number): string => String(value).padStart(2, "0");
const monthNames = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** The week of the Thursday that is nearest: ISO 8601 in other words than those of the parser. */
function isoWeek(year: number, month: number, day: number): string {
  const date = new Date(Date.UTC(year, month - 1, day));
  date.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7));
  const start = Date.UTC(date.getUTCFullYear(), 0, 1);
  return `${date.getUTCFullYear()}-W${pad(Math.ceil(((date.getTime() - start) / 864e5 + 1) / 7))}`;
}

/** What a form keeps of a day: the first one of its month or quarter, the Monday of its week. */
function keptDay(form: DateForm, days: number): number {
  const date = new Date(days * 864e5);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (form === "YM") return Date.UTC(year, month, 1) / 864e5;
  if (form === "quarter") return Date.UTC(year, month - (month % 3), 1) / 864e5;
  return form === "week" ? days - ((date.getUTCDay() + 6) % 7) : days;
}

/** Writes a day in a form. */
const writers: Record<DateForm, (year: number, month: number, day: number) => string> = {
  YMD: (y, m, d) => `${y}-${pad(m)}-${pad(d)}`,
  DMY: (y, m, d) => `${pad(d)}/${pad(m)}/${y}`,
  MDY: (y, m, d) => `${m}/${d}/${y}`,
  monthName: (y, m, d) => `${d} ${monthNames[m - 1]} ${y}`,
  YM: (y, m) => `${y}-${pad(m)}`,
  quarter: (y, m) => `${y}-Q${Math.ceil(m / 3)}`,
  week: isoWeek,
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
        expect(parseDate(writers[form](...parts), form)).toBe(keptDay(form, days));
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
    ["31.12.2023 23:59 Uhr", "DMY", "2023-12-31T23:59:00Z"],
    ["12/31/2023 12:00 AM", "MDY", "2023-12-31T00:00:00Z"],
    ["March 5, 2023", "monthName", "2023-03-05T00:00:00Z"],
    ["5-Mar-23", "monthName", "2023-03-05T00:00:00Z"],
    ["5. März 2023", "monthName", "2023-03-05T00:00:00Z"],
    ["Wed, 01 Mar 2023 10:00:00 GMT", "monthName", "2023-03-01T10:00:00Z"],
    ["Sept 2023", "monthName", "2023-09-01T00:00:00Z"],
    ["Jan-21", "monthName", "2021-01-01T00:00:00Z"],
    ["03/2021", "YM", "2021-03-01T00:00:00Z"],
    ["2021Q3", "quarter", "2021-07-01T00:00:00Z"],
    ["Q4 2021", "quarter", "2021-10-01T00:00:00Z"],
    ["2020-W53", "week", "2020-12-28T00:00:00Z"],
  ])("%s", (text, form, iso) => expect(parseDate(text, form)).toBeCloseTo(at(iso), 9));

  test.each(["2023-02-29", "2023-13-01", "2023-00-10", "31/31/2023", "1.2.23", "2023-01-01 25:00", "2023-01-01x", "10 Foo 2023", "1-2", "", "2023-1/1", "12:61", "1990-95", "2021-Q5", "Q0 2021", "2021-W53", "2021-W00", "13/2021", "3.2021", "1/3000"])(
    "%j is not one",
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

  test("the order of day and month is found by a part above 12, or reported", async () => {
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

  test("YYYYMMDD is a date only where the column's name suggests it", async () => {
    const dates = every(1, 30).map((date) => date.replaceAll("-", ""));
    expect((await learn(dates, "date")).preprocessing.inputs[0]).toMatchObject({ kind: "date", form: "compact" });
    expect((await learn(dates, "amount")).preprocessing.inputs[0]).toMatchObject({ kind: "number" });
  });

  describe("a column that is almost all dates is left out, with its odd cells and what to do", () => {
    const dates = every(1, 40);
    const reportOf = async (when: readonly string[], missing?: readonly string[]) => {
      const text = ["when,x,y", ...when.map((date, k) => `${date},${(k * k) % 7},${(k * 37) % 101}`)].join("\n");
      const table = await readTable(text, "t", missing ? { missing } : {});
      return (await prepare(table, { target: "y", task: "regression" })).report;
    };
    const whyOf = async (when: readonly string[]) => (await reportOf(when)).ignored.map(({ why }) => why);

    test("words, which the advice turns into missing cells", async () => {
      const words = dates.map((date, k) => (k % 10 === 7 ? "soon" : k === 20 ? "0000-00-00" : date));
      const [why] = await whyOf(words);
      expect(why).toBe(
        'dates in 35 of 40 cells, but "soon", "0000-00-00" are not dates; pass --missing "default,soon,0000-00-00" if that means a missing value',
      );
      const report = await reportOf(words, /--missing "([^"]*)"/.exec(why!)![1]!.split(","));
      expect(report.ignored).toEqual([]);
      expect(report.missing).toEqual([{ name: "when", cells: 5 }]);
    });

    test("a day that is not one", async () => {
      expect(await whyOf(dates.with(3, "2023-02-30"))).toEqual([
        expect.stringContaining('"2023-02-30" is not a date; pass'),
      ]);
    });

    test("dates in another form", async () => {
      expect(await whyOf(dates.with(3, "31.12.2023").with(9, "30.11.2023"))).toEqual([
        'dates in 40 of 40 cells, but "31.12.2023", "30.11.2023" are not year-month-day as most; use one form',
      ]);
    });

    test("both", async () => {
      expect(await whyOf(dates.with(3, "31.12.2023").with(9, "TBD"))).toEqual([
        'dates in 39 of 40 cells, but "TBD" is not a date; pass --missing "default,TBD" if that means a missing value; and "31.12.2023" is not year-month-day as most; use one form',
      ]);
    });

    test("too many words to be missing cells", async () => {
      const [why] = await whyOf([...every(1, 100), ...Array.from({ length: 20 }, (_, k) => `note ${k}`)]);
      expect(why).toMatch(/"note 3" and 9 more are not dates; correct them$/);
    });
  });

  test("quarters and weeks are dates, so that a later one predicts", async () => {
    const quarters = Array.from({ length: 40 }, (_, k) => `${2012 + Math.floor(k / 4)}-Q${(k % 4) + 1}`);
    const { preprocessing } = await learn(quarters);
    expect(preprocessing.inputs[0]).toMatchObject({ kind: "date", form: "quarter", cycles: ["year"] });
    const encode = async (when: string) => [...(await encodeInputs(preprocessing, tableFromRows([{ when }]))).inputs];
    expect((await encode("2031-Q3"))[0]!).toBeGreaterThan((await encode("2021-Q4"))[0]!);
    expect(await encode("Q3 2031")).toEqual(await encode("2031-Q3"));
    const weeks = Array.from({ length: 40 }, (_, k) => `2022-W${pad(k + 1)}`);
    expect((await learn(weeks)).preprocessing.inputs[0]).toMatchObject({ kind: "date", form: "week", cycles: [] });
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
