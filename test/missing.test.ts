import { expect, test } from "vitest";
import { defaultMissing, isMissing, missingInTexts, missingOption, missingWordsOf } from "../src/data/missing.ts";

test.each([
  "",
  " ",
  "?",
  "NA",
  "N/A",
  "n/a",
  "NULL",
  "null",
  "None",
  "none",
  "nan",
  "NaN",
  "-",
  ".",
  "#N/A",
  "unknown",
])("%j is missing among numbers", (word) => expect(isMissing(word, defaultMissing.inNumbers)).toBe(true));

test.each(["", "?", "NA", "N/A", "NULL", "null", "nan", "NaN", "-", ".", "#N/A", "\\N"])(
  "%j is missing among texts",
  (word) => {
    expect(isMissing(word, defaultMissing.inTexts)).toBe(true);
  },
);

test.each(["None", "none", "unknown", "Null", "Nan", "0", "no", "undefined"])("%j is a category", (word) => {
  expect(isMissing(word, defaultMissing.inTexts)).toBe(false);
});

test("codes of two capitals make NA a value, plus makes minus one", () => {
  expect(missingInTexts(defaultMissing, ["DE", "NA", "FR", "ZA"]).has("NA")).toBe(false);
  expect(missingInTexts(defaultMissing, ["DE", "NA", "FR", "other"]).has("NA")).toBe(true);
  expect(missingInTexts(defaultMissing, ["Y", "NA", "N"]).has("NA")).toBe(true);
  expect(missingInTexts(defaultMissing, ["+", "-", "?"]).has("-")).toBe(false);
  expect(missingInTexts(defaultMissing, ["a", "-"]).has("-")).toBe(true);
});

test("words of the user take the place of the default ones, or come beside them", () => {
  const own = missingWordsOf(["-999", " absent "]);
  for (const words of [own.inNumbers, own.inTexts]) {
    expect(["-999", "absent", "", null, -999].map((cell) => isMissing(cell, words))).toEqual(Array(5).fill(true));
    expect(["NA", "?", "Absent"].map((cell) => isMissing(cell, words))).toEqual([false, false, false]);
  }
  expect(missingOption(missingWordsOf(["default", "-999"]), ["x"])).toBe('--missing "default,-999,x"');
  const both = missingWordsOf(["default", "-999"]);
  expect(["NA", "?", "-999"].map((cell) => isMissing(cell, both.inTexts))).toEqual([true, true, true]);
});

test.each<[word: string, same: string[], others: string[]]>([
  ["-999", ["-999", "-999.0", "-999.00", "-999,0", "\u2212999", "-999."], ["999", "-9990", "-999.5", "-99"]],
  ["-999.00", ["-999", "-999.0"], ["-999.01"]],
  ["99.9", ["99.9", "99.90", "99,9", "99,900"], ["99", "99.99", "999"]],
  ["1900", ["1900", "1900.0"], ["190", "19000"]],
  ["TBD", ["TBD"], ["tbd", "TBD.0"]],
  ["007", ["007"], ["7", "07"]],
  ["1e20", ["1e20"], ["1e2", "1e200"]],
])(
  "the number %s is missing among numbers with any zeros behind its point, and nothing else is",
  (word, same, others) => {
    const { inNumbers, inTexts } = missingWordsOf([word]);
    expect(same.filter((text) => !inNumbers.has(text))).toEqual([]);
    expect(others.filter((text) => inNumbers.has(text))).toEqual([]);
    expect([...inTexts]).toEqual(["", word]);
  },
);
