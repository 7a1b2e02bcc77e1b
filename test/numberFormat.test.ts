import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inferNumberFormat } from "../src/data/inferNumberFormat.ts";
import { type NumberFormat, plainNumbers, readNumber } from "../src/data/numberFormat.ts";

/** The numbers that a column of these cells holds, by the format that is inferred of it. */
function numbersOf(cells: string[], hints = {}): (number | undefined)[] {
  const guess = inferNumberFormat(cells, hints);
  if (!guess || "lookLike" in guess) throw new Error(`no format: ${JSON.stringify(guess)}`);
  return cells.map((cell) => readNumber(cell, guess.format));
}

/** Some cells among forty plain numbers. */
const many = (...cells: string[]): string[] => [...cells, ...Array.from({ length: 40 }, (_, k) => String(k + 1))];
const manyNumbers = (...values: number[]): number[] => [...values, ...Array.from({ length: 40 }, (_, k) => k + 1)];

/** Whether every text is a number in the format that is inferred. */
function areNumbers(cells: string[]): boolean {
  const guess = inferNumberFormat(cells);
  return guess !== undefined && !("lookLike" in guess);
}

describe("numbers of a column", () => {
  test.each<[string, string[], number[]]>([
    ["plain", ["1", "-2.5", "+3", "1.2e3", ".5", "5."], [1, -2.5, 3, 1200, 0.5, 5]],
    ["decimal commas", ["0,5", "3,6", "12"], [0.5, 3.6, 12]],
    ["decimal commas after a zero", ["0,125", "1,250"], [0.125, 1.25]],
    ["thousands", ["43,000", "999", "1,234,567"], [43000, 999, 1234567]],
    ["thousands, one cell", ["43,000"], [43000]],
    ["thousands and decimals", ["1,234.5", "2.25"], [1234.5, 2.25]],
    ["thousands by points", ["1.234,5", "1.000"], [1234.5, 1000]],
    ["thousands by points twice", ["1.234.567", "2.000"], [1234567, 2000]],
    ["plain points of three digits", ["1.234", "2.345"], [1.234, 2.345]],
    ["spaces", ["1 234", "12 345 678", "5"], [1234, 12345678, 5]],
    ["no-break spaces", ["1\u00a0234,5", "12\u202f345,25"], [1234.5, 12345.25]],
    ["apostrophes", ["1'234.5", "1’000"], [1234.5, 1000]],
    ["underscores", ["1_000", "2_500_000"], [1000, 2500000]],
    ["Indian groups", ["1,00,000", "12,34,567.5", "5,000"], [100000, 1234567.5, 5000]],
    ["minus signs", ["\u22125", "–2,5", "- 3"], [-5, -2.5, -3]],
    ["accounting", ["(1,234)", "5", "1,000-"], [-1234, 5, -1000]],
    ["percent", ["18.25%", "6.3 %", "-2%"], [0.1825, 0.063, -0.02]],
    ["percent with commas", ["18,25%", "6,3%"], [0.1825, 0.063]],
    ["currency in front", ["$1,234.50", "-$5", "$-5", "($7)", "8"], [1234.5, -5, -5, -7, 8]],
    ["currency behind", ["1.234,50 €", "5,00€"], [1234.5, 5]],
    ["currency codes", ["EUR 5", "EUR 6.5"], [5, 6.5]],
    ["currency words", ["1 200 kr", "50 kr"], [1200, 50]],
    ["units", ["80 kg", "75.5kg"], [80, 75.5]],
    ["units with signs", ["20 °C", "-3 °C"], [20, -3]],
    ["units of two words", ["80 sq ft", "1,200 sq ft"], [80, 1200]],
    ["squares", ["80 m²", "75 m²"], [80, 75]],
    ["quotes", ['"1,5"', '"2"'], [1.5, 2]],
    ["footnotes", many("112*", "113[1]", "114†", "115 **"), manyNumbers(112, 113, 114, 115)],
    ["footnotes on a number that occurs twice", many("12*", "12"), manyNumbers(12, 12)],
    ["letters as footnotes", many("112 a", "113 b"), manyNumbers(112, 113)],
    ["letters as units", ["12 m", "13 m", "14 m"], [12, 13, 14]],
    [
      "percent with footnotes",
      many("112*").map((cell) => cell.replace(/^\d+/, "$&%")),
      manyNumbers(112).map((value) => value / 100),
    ],
    ["no cents", ["12.-", "1'020.--", "2.50"], [12, 1020, 2.5]],
    ["no cents with commas", ["1020,-", "3.120,-", "12,–", "12,--"], [1020, 3120, 12, 12]],
    ["no cents with a currency", ["12,-- €", "2,50 €", "-3,- €"], [12, 2.5, -3]],
    ["signs behind amounts", ["1.50-", "(2.25)", "3"], [-1.5, -2.25, 3]],
    ["accounting of spreadsheets", ["$ 1,234.50", "$ (2.25)", "$ -", "$3.00"], [1234.5, -2.25, 0, 3]],
    ["accounting with the currency behind", ["1.234,50 €", "(2,25) €", "- €", "–€"], [1234.5, -2.25, 0, 0]],
    ["full-width digits", ["１２", "３．５"], [12, 3.5]],
    ["currency on both sides", ["$3,913.00 USD", "$5 USD", "$7"], [3913, 5, 7]],
    ["units in two cases", ["18.5 KG", "44.1kg", "12 Kg"], [18.5, 44.1, 12]],
    ["units in the plural", ["1 day", "3.5 days", "12 Days"], [1, 3.5, 12]],
    ["units in the German plural", ["1 Woche", "2,5 Wochen", "3 Wochen"], [1, 2.5, 3]],
    ["abbreviated units in the plural", ["1 lb", "3.5 lbs", "2 lbs"], [1, 3.5, 2]],
    ["exponents with commas", ["1,5e3", "2,5E-1"], [1500, 0.25]],
    ["white space", [" 1,5 ", "\t2,5"], [1.5, 2.5]],
  ])("%s", (_, cells, values) => expect(numbersOf(cells)).toEqual(values));

  test.each([
    [["1,234", "2,345"], { decimal: "," }, [1.234, 2.345]],
    [["1.234", "2.345"], { decimal: "," }, [1234, 2345]],
    [["1.234", "2.345"], { thousands: "." }, [1234, 2345]],
    [["1,234", "2,345"], { thousands: "" }, [1.234, 2.345]],
    [["5,450", "7,110"], { cutAtSemicolons: true }, [5.45, 7.11]],
    [["5.450", "7.110"], { cutAtSemicolons: true }, [5.45, 7.11]],
    [["1,234.5", "7,110"], { cutAtSemicolons: true }, [1234.5, 7110]],
    [["5,450", "7,110"], { cutAtSemicolons: true, likelyDecimal: "." }, [5450, 7110]],
  ])("%j with %j", (cells, hints, values) => expect(numbersOf(cells, hints)).toEqual(values));

  test.each([
    [["1,234", "2,345"], "1,234"],
    [["43.000", "5.000", "48.000"], "43.000"],
    [["1.234", "2.345"], undefined],
    [["1,234,567", "2,345"], undefined],
    [["0,125", "1,250"], undefined],
    [["1", "2"], undefined],
  ])("%j is ambiguous in %j", (cells, ambiguous) => {
    expect(inferNumberFormat(cells)).toMatchObject(ambiguous === undefined ? { format: {} } : { ambiguous });
    expect(Object.keys(inferNumberFormat(cells)!)).toHaveLength(ambiguous === undefined ? 1 : 2);
  });

  test.each<[string[], string, string]>([
    [["1,234", "x", "5,678"], "numbers with thousands separators in 2 of 3 cells", "x"],
    [["0,5", "1,5", "2.5"], "numbers with decimal commas in 2 of 3 cells", "2.5"],
    [["80 kg", "90 kg", "12 lb"], 'numbers with the unit "kg" in 2 of 3 cells', "12 lb"],
    [["5 %", "6 %", "7"], "numbers with percent signs in 2 of 3 cells", "7"],
    [["5 s", "6 s", "7 ss"], 'numbers with the unit "s" in 2 of 3 cells', "7 ss"],
    [["5 m", "6 m", "7 ms"], 'numbers with the unit "m" in 2 of 3 cells', "7 ms"],
    [["$5", "$6", "€7"], "numbers with a currency in 2 of 3 cells", "€7"],
    [["1", "2", "three"], "numbers in 2 of 3 cells", "three"],
  ])("%j look like %s", (cells, lookLike, text) => {
    expect(inferNumberFormat(cells)).toMatchObject({ lookLike, other: { text, index: cells.indexOf(text) } });
  });

  test("whole numbers are plain, whatever the other columns and the options say", () => {
    for (const hints of [{}, { decimal: "," }, { likelyDecimal: "," }] as const) {
      expect(inferNumberFormat(["1", "-20"], hints)).toEqual({ format: plainNumbers });
    }
  });

  test("an option that contradicts every cell is reported", () => {
    expect(inferNumberFormat(["1.5", "2.25"], { decimal: "," })).toMatchObject({
      lookLike: "numbers in 2 of 2 cells, which the options do not allow",
    });
  });

  test.each([
    [["red", "blue"]],
    [["2023-03-01", "2023-02-28"]],
    [["01.02.2023", "02.02.2023"]],
    [["10:30", "11:45"]],
    [["1.2.3", "1.10.0"]],
    [["A1", "B2"]],
    [["1/2", "3/4"]],
    [["12 Main St", "14 Oak Av"]],
    [["nan", "inf"]],
    [[]],
  ])("%j are no numbers", (cells) => expect(inferNumberFormat(cells)).toBeUndefined());

  test.each([
    [["1a", "1b", "2a", "2b"]],
    [["1*", "1**", "2"]],
    [["1", "1b", "2", "2b", "3", "4"]],
    [["1p", "1q"]],
    [["1a", "2b", "3a", "4c"]],
    [["1 a", "2", "3 b", "4"]],
    [["1", "1-", "2", "2-", "3"]],
    [["1", "(2)", "3"]],
    [many("12a")],
    [["5 mW", "5 MW"]],
    [["$5 USD", "$5 CAD"]],
  ])("%j are not all numbers", (cells) => expect(areNumbers(cells)).toBe(false));

  test("marks on more than a tenth of the texts, or that alone tell texts apart, are part of labels", () => {
    const marks = fc.constantFrom("*", "**", "a", "b", "†", "[1]", "D");
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5 }), marks), {
          minLength: 2,
          maxLength: 10,
          selector: String,
        }),
        (texts) => {
          const cells = texts.map(([number, mark]) => `${number}${mark}`);
          const guess = inferNumberFormat(cells);
          if (!guess || "lookLike" in guess) return;
          expect(new Set(numbersOf(cells)).size).toBe(new Set(cells).size);
        },
      ),
    );
  });

  test("plain numbers are what Number says", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(readNumber(String(value), plainNumbers)! + 0).toBe(value + 0);
      }),
    );
    for (const text of ["", "0x10", "1 2", "1,5", "5%", "$", "--5", "e5", "1e", "Infinite"]) {
      expect(readNumber(text, plainNumbers)).toBeUndefined();
    }
  });
});

const grouped = (digits: string, separator: string): string => digits.replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, separator);

/** The text of an amount in a format. */
function write(amount: { whole: number; cents: number; negative: boolean }, format: NumberFormat): string {
  const { decimal, thousands, percent, prefix, suffix } = format;
  const digits = `${grouped(String(amount.whole), thousands)}${decimal}${String(amount.cents).padStart(2, "0")}`;
  return `${amount.negative ? "-" : ""}${prefix}${digits}${percent ? " %" : suffix === "" ? "" : ` ${suffix}`}`;
}

test("every combination of separators, percent sign, currency and unit is read back", () => {
  const amount = fc.record({ whole: fc.nat(9_999_999), cents: fc.nat(99), negative: fc.boolean() });
  const separators = fc.constantFrom<[NumberFormat["decimal"], NumberFormat["thousands"]]>(
    ...([".", ","] as const).flatMap((decimal) =>
      (["", ",", ".", " ", "'", "_"] as const)
        .filter((thousands) => thousands !== decimal)
        .map((thousands): [NumberFormat["decimal"], NumberFormat["thousands"]] => [decimal, thousands]),
    ),
  );
  const around = fc.constantFrom(
    {},
    { percent: true },
    { prefix: "$" },
    { prefix: "EUR" },
    { suffix: "€" },
    { suffix: "kg" },
    { suffix: "km/h" },
  );
  fc.assert(
    fc.property(fc.array(amount, { minLength: 1, maxLength: 20 }), separators, around, (amounts, separator, outer) => {
      const format = { ...plainNumbers, decimal: separator[0], thousands: separator[1], ...outer };
      const value = amounts.map(({ whole, cents, negative }) => {
        const size = Number(`${whole}.${String(cents).padStart(2, "0")}${format.percent ? "e-2" : ""}`);
        return negative ? -size : size;
      });
      expect(numbersOf(amounts.map((one) => write(one, format)))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test("any text is a number or none, in time linear in its length", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
      const guess = inferNumberFormat(texts);
      for (const text of texts) expect(["number", "undefined"]).toContain(typeof readNumber(text, plainNumbers));
      if (guess && !("lookLike" in guess)) {
        for (const text of texts) expect(readNumber(text, guess.format)).toBeTypeOf("number");
      }
    }),
    { numRuns: 300 },
  );
  const long = 200_000; // quadratic work on this takes minutes
  for (const text of ["1,", "1 ", "1'", "a", " ", "*", "1*", "[1]", "(", "-", "$", "1.", "°/"]) {
    inferNumberFormat([text.repeat(long), `5${text.repeat(long)}`]);
  }
}, 20_000);
