// How columns, labels, missing cells and splits of tables are understood.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type PrepareOptions,
  type Prepared,
  columnKinds,
  encodeInputs,
  encodeTable,
  inputNames,
  prepare,
  readTable,
  roundPrediction,
  scorePredictions,
  tableFromRows,
  toPredictions,
} from "../src/data.ts";
import { encodingLines } from "../src/cli/encodingLines.ts";
import { quotas } from "../src/data/split.ts";
import { rejectionOf } from "./support/fault.ts";

type Rows = readonly Readonly<Record<string, unknown>>[];
const learn = (rows: Rows, options: Partial<PrepareOptions> = {}) =>
  prepare(tableFromRows(rows), { target: "y", validation: 0, ...options });

/** Pseudo-random numbers below 1: the same in every run. */
const noise = (k: number): number => Math.abs((Math.sin(k * 12.9898 + 78.233) * 43758.5453) % 1);
const rowsOf = (count: number, row: (k: number) => Record<string, unknown>): Rows =>
  Array.from({ length: count }, (_, k) => row(k));

const classesOf = ({ preprocessing: { target } }: Prepared): readonly string[] =>
  target.kind === "class" ? target.values : [];
const whyIgnored = ({ report }: Prepared): Record<string, string> =>
  Object.fromEntries(report.ignored.map(({ name, why }) => [name, why]));

describe("labels that start with digits", () => {
  test.each([
    [["2D", "3D"]],
    [["2h", "3h"]],
    [["1", "1-", "2"]],
    [["1", "1-", "1.5", "2"]],
    [["1a", "1b", "2a", "2b"]],
    [["1*", "1**", "2"]],
    [["1", "1b", "2", "2b", "3", "4"]],
    [["4WD", "2WD"]],
  ])("%j are classes and categories", async (texts) => {
    const rows = rowsOf(12 * texts.length, (k) => ({
      x: noise(k),
      y: texts[k % texts.length],
      z: texts[k % texts.length],
    }));
    const prepared = await learn(rows);
    expect(classesOf(prepared)).toEqual(texts.toSorted());
    expect(inputNames(prepared.preprocessing)).toHaveLength(1 + texts.length);
  });

  test("amounts with units, currencies and signs behind them stay numbers, and signs are reported", async () => {
    const amounts = rowsOf(40, (k) => ({
      x: `${k} kg`,
      y: noise(k),
      z: k % 2 === 0 ? `${k}.50-` : `(${k}.25)`,
      p: `${5 * (k % 3)} €`,
    }));
    const prepared = await learn(amounts);
    expect(inputNames(prepared.preprocessing)).toEqual(["x", "z", "p"]);
    expect(prepared.report.notes).toContain('"z": read as numbers with negative numbers written (5) or 5-');
  });

  test("footnotes are decided by all cells, not by the first ones", async () => {
    const rare = rowsOf(3000, (k) => ({ x: `${k}.5${k > 2900 ? "*" : ""}`, y: noise(k) }));
    expect((await learn(rare)).preprocessing.inputs[0]).toMatchObject({ kind: "number", format: { footnotes: true } });
    const apart = rowsOf(3000, (k) => ({
      x: `${k % 1500}${k < 1500 || k > 2900 ? "" : "b"}`,
      y: noise(k),
      w: noise(k),
    }));
    expect((await rejectionOf(() => learn(apart))).message).toMatch(/got "0b"/);
  });
});

describe("labels", () => {
  const labels = async (...texts: unknown[]) =>
    learn(rowsOf(12 * texts.length, (k) => ({ x: noise(k), y: texts[k % texts.length] })));

  test.each([
    ["spaces around, no-break spaces", ["oak", " oak ", "oak\u00a0", "elm"], ["elm", "oak"]],
    ["no-break space inside", ["New York", "New\u00a0York", "Rome"], ["New York", "Rome"]],
    ["blanks inside", ["NEW YORK", "NEW  YORK", "ROME"], ["NEW YORK", "ROME"]],
    ["numbers of JSON", [1, "1", "2"], ["1", "2"]],
    ["two Unicode forms", ["café", "cafe\u0301", "bar"], ["bar", "café"]],
    ["booleans of JSON", [true, "true", false], ["false", "true"]],
    ["true in cases", ["True", "True", "TRUE", "false"], ["True", "false"]],
    ["usual cases of words", ["Oak", "Oak", "oak", "ELM"], ["ELM", "Oak"]],
    ["letters for yes and no", ["Y", "y", "N"], ["N", "Y"]],
    ["letters for sexes", ["M", "M", "m", "F", "female", "female"], ["M", "female"]],
    ["one letter in two cases", ["f", "F"], ["F", "f"]],
    ["codes that differ by case", ["AA", "Aa", "aa"], ["AA", "Aa", "aa"]],
    ["codes with digits", ["abc1", "ABC1"], ["ABC1", "abc1"]],
    ["mixed case", ["iOS", "IOS"], ["IOS", "iOS"]],
    ["leading zeros", ["007", "07", "7"], ["007", "07", "7"]],
    ["exponents", ["1E3", "1000", "2000"], ["1000", "1E3", "2000"]],
    ["whole numbers as floats", ["1", "2", "2.0"], ["1", "2"]],
    ["numbers and texts", ["1", "2.0", "b"], ["1", "2.0", "b"]],
  ])("%s", async (_, texts, classes) => expect(classesOf(await labels(...texts))).toEqual(classes));

  test("values that differ only in case are reported", async () => {
    expect((await labels("AA", "Aa", "aa")).report.notes).toEqual(['"y": "AA", "Aa", "aa" differ only in case and remain separate values']); // prettier-ignore
    expect((await labels("Oak", "Oak", "oak", "elm")).report.notes.join()).toMatch(/merged: "Oak", "oak"/);
  });

  test.each<[unknown[], RegExp]>([
    [["caf\u00e9", "cafe\u0301", "bar"], /"y": merged into one value each: "caf\u00e9" with different Unicode forms$/],
    [["NEW YORK", "NEW  YORK", "ROME"], /"y": merged into one value each: "NEW YORK" with different blanks$/],
    [[true, "true", false], /"y": merged into one value each: true and "true"$/],
    [["1", 1, 2], /"y": merged into one value each: "1" and 1$/],
  ])("%j: values that look the same are reported, in targets and inputs", async (texts, note) => {
    expect((await labels(...texts)).report.notes.join("|")).toMatch(note);
    const asInput = await learn(rowsOf(40, (k) => ({ y: `${noise(k)}`, x: ["a", ...texts][k % (texts.length + 1)] })));
    expect(asInput.report.notes.join("|")).toMatch(new RegExp(note.source.replace('"y"', '"x"')));
  });

  test("labels of models that kept two blanks are found", async () => {
    const { preprocessing } = await labels("NEW YORK", "ROME");
    const old = { ...preprocessing, target: { ...preprocessing.target, values: ["NEW  YORK", "ROME"] } } as typeof preprocessing;
    const { data } = await encodeTable(old, tableFromRows([{ x: 1, y: "NEW  YORK" }, { x: 1, y: "NEW YORK" }]));
    expect([...data.targets]).toEqual([1, 0, 1, 0]);
  }); // prettier-ignore

  test("a whole number matches its float form only where no class has that text", async () => {
    const encode = async (prepared: Prepared, y: string) => {
      const table = await readTable(`x,y\n1,${y}\n2,${y}\n`, "t");
      return [...(await encodeTable(prepared.preprocessing, table)).data.targets.subarray(0, 2)];
    };
    const floats = await labels("0.0", "1.0");
    expect(classesOf(floats)).toEqual(["0.0", "1.0"]);
    expect(await encode(floats, "1")).toEqual([0, 1]);
    expect(await encode(await labels("0", "1"), "1.0")).toEqual([0, 1]);
    const fault = await rejectionOf(async () => encode(await labels("0", "1"), "01"));
    expect(fault.message).toMatch(/got "01"/);
    for (const y of ["NaN?", "1e0", "inf"]) expect((await rejectionOf(async () => encode(floats, y))).message).toContain(y); // prettier-ignore
  });

  test("every label that was learned finds its class again, and classes are texts of the table", async () => {
    const text = fc.oneof(fc.string({ maxLength: 6 }), fc.string({ unit: "binary", maxLength: 3 }), fc.constantFrom("a", "A", "1", "1.0", "01", "yes", "Y", "é", "e\u0301"));
    const property = fc.asyncProperty(fc.uniqueArray(text, { minLength: 2, maxLength: 8 }), async (texts) => {
      const rows = rowsOf(4 * texts.length, (k) => ({ x: noise(k), y: texts[k % texts.length]! }));
      const prepared = await learn(rows, { task: "classification" }).catch((error: Error) => {
        expect(error.message).toMatch(/at least two|empty cells only|classes that repeat|rows without/);
      });
      if (!prepared) return;
      const known = new Set(texts.map((one) => one.normalize("NFC").replace(/[\s\u200b\ufeff]+/gu, " ").trim()));
      const values = classesOf(prepared).map((value) => value.replace(/\s+/gu, " ").trim());
      expect(values.filter((value) => !known.has(value))).toEqual([]);
      const { rows: used } = await encodeTable(prepared.preprocessing, tableFromRows(rows));
      expect(used.length).toBe(prepared.trainingRows);
    });
    await fc.assert(property, { numRuns: 200 });
  }); // prettier-ignore
});

describe("tasks", () => {
  const taskOf = async (value: (k: number) => unknown, count = 40) => {
    const { report } = await learn(rowsOf(count, (k) => ({ x: noise(k), y: value(k) })));
    return [report.task, report.otherTask];
  };
  test("few whole numbers are classes, other numbers are amounts", async () => {
    expect(await taskOf((k) => k % 10)).toEqual(["classification", "regression"]);
    expect(await taskOf((k) => `${k % 2}.0`)).toEqual(["classification", "regression"]);
    expect(await taskOf((k) => (k % 2 ? 1 : -1))).toEqual(["classification", "regression"]);
    const { report } = await learn(rowsOf(40, (k) => ({ x: noise(k), y: ["1", "1.0", "2", "2.0"][k % 4] })));
    expect(report.taskReason).toBe("2 different whole numbers are classes");
    expect(await taskOf((k) => `${k % 8}${k % 16 > 7 ? ".0" : ""}`)).toEqual(["classification", "regression"]);
    expect(await taskOf((k) => k % 11)).toEqual(["regression", "classification"]);
    expect(await taskOf((k) => k % 3, 5)).toEqual(["regression", undefined]);
    expect(await taskOf((k) => (k % 4) / 2)).toEqual(["regression", undefined]);
    expect(await taskOf((k) => `${10 * (k % 4)}%`)).toEqual(["regression", undefined]);
    expect(await taskOf((k) => `$${k % 4}`)).toEqual(["regression", undefined]);
  });
});

describe("ids", () => {
  const x = noise;
  const whyOf = async (column: Record<string, (k: number) => unknown>, count = 40) => {
    const [[name, value]] = Object.entries(column) as [[string, (k: number) => unknown]];
    const prepared = await learn(rowsOf(count, (k) => ({ [name]: value(k), x: x(k), y: x(k + 99) })));
    return whyIgnored(prepared)[name];
  };

  test.each<[string, Record<string, (k: number) => unknown>, RegExp]>([
    ["sorted from 1", { n: (k) => k + 1 }, /from 1 to 40, each once/],
    ["a permutation", { n: (k) => (k * 7) % 40 }, /from 0 to 39, each once/],
    ["a part of an index", { n: (k) => k + Math.floor(k / 4) }, /almost all whole numbers/],
    ["in file order", { n: (k) => k + 700 }, /from 700 to 739, each once/],
    ["item_id of texts that repeat", { item_id: (k) => `i${k % 12}` }, /named like an id, 12/],
    ["user_id of few rows each", { user_id: (k) => 3 + (k % 9) }, /named like an id, 9/],
    ["customer no that repeats", { "customer no": (k) => 3 + (k % 12) }, /named like an id, 12/],
    ["many codes", { zip: (k) => 10_000 + 7 * k }, /named like a code/],
    ["phone numbers", { phone: (k) => `+49170${1_000_000 + 7919 * (k % 30)}` }, /named like a phone number, 30/],
    ["Id", { Id: (k) => 3 * k }, /named like an id/],
    ["userId that repeats", { userId: (k) => 500 + (k % 25) }, /named like an id, 25/],
    ["customer_no", { customer_no: (k) => 1000 + 17 * ((k * 7) % 40) }, /named like an id, 40/],
    ["Kundennummer in no order", { Kundennummer: (k) => 1000 + ((k * 7) % 40) }, /named like a record number/],
    ["uuid", { uuid: (k) => `a-${k}-b` }, /different text values/],
    ["six digits", { rec: (k) => 100_000 + Math.floor(900_000 * x(k + 5)) }, /like a record number/],
    ["Unnamed: 0.1", { "Unnamed: 0.1": (k) => 5 * k }, /named like an id/],
    ["Unnamed: 0", { "Unnamed: 0": (k) => 5 * k }, /named like an id/],
    ["names", { who: (k) => `Smith ${k}` }, /as in a column of names/],
  ])("%s is ignored", async (_, column, why) => expect(await whyOf(column)).toMatch(why));

  test.each<[string, Record<string, (k: number) => unknown>]>([
    ["area", { area: (k) => 45 + 3 * k + (k % 3) }],
    ["a measured size without a known name", { grösse: (k) => 45 + 7 * ((k * 11) % 40) + (k % 3) }],
    ["year", { year: (k) => 1980 + k }],
    ["Month number", { month: (k) => k }],
    ["prices of five digits like a bell", { wert: (k) => Math.floor(50_000 + 15_000 * (x(k) + x(k + 200) + x(k + 400) - 1.5)) }],
    ["amounts with units", { n: (k) => `${k + 1} kg` }],
    ["numbers with decimals", { id: (k) => k + 0.5 }],
    ["five departments", { dept_id: (k) => k % 5 }],
    ["a dose", { dose: (k) => k + 1 }],
    ["a pulse in no order", { beats: (k) => 50 + ((k * 7) % 40) }],
    ["amounts of five digits", { yield: (k) => 10_000 + Math.floor(90_000 * noise(k + 5)) }],
    ["calls", { contact: (k) => k % 13 }],
    ["body mass index", { "body mass index": (k) => 18 + ((k * 7) % 30) }],
  ])("%s is kept", async (_, column) => expect(await whyOf(column)).toBeUndefined()); // prettier-ignore

  test.each([20, 40, 400, 4000])("an id means the same in %i rows", async (count) => {
    expect(await whyOf({ user_id: (k) => 500 + Math.floor((k * 11) / count) }, count)).toMatch(/named like an id, 11/);
    expect(await whyOf({ userId: (k) => `u${(k * 7) % Math.min(50, count)}` }, count)).toMatch(
      /id|as in a column of names/,
    );
  });

  test.each<[string, (k: number) => unknown, string[], RegExp]>([
    ["dept_id", (k) => 7 + (k % 3), ["dept_id=7", "dept_id=8", "dept_id=9"], /"dept_id": named like an id, but kept as categories because there are only 3 values, in 13 rows each/],
    ["plz", (k) => 10_115 + (k % 2), ["plz=10115", "plz=10116"], /"plz": numbers that are named like codes: each of the 2 is a category/],
    ["period", (k) => 202_101 + (k % 12), ["period"], /"period": numbers such as 202101 are read as amounts; write 2021-01/],
  ])("%s of few values is reported", async (name, value, inputs, note) => {
    const { preprocessing, report } = await learn(rowsOf(40, (k) => ({ [name]: value(k), y: x(k) })));
    expect(inputNames(preprocessing)).toEqual(inputs);
    expect(report.notes.join()).toMatch(note);
  }); // prettier-ignore

  test("numbers that look like an index but go with the target are kept with a note", async () => {
    const place = (k: number): number => (k * 7) % 40;
    const dose = (y: (k: number) => unknown, n = place) => learn(rowsOf(40, (k) => ({ n: n(k), x: x(k), y: y(k) })));
    for (const y of [(k: number) => 3 * place(k) + x(k), (k: number) => (place(k) < 20 ? "a" : "b")]) {
      const { preprocessing, report } = await dose(y);
      expect(inputNames(preprocessing)).toEqual(["n", "x"]);
      expect(report.notes.join()).toMatch(/"n" holds whole numbers from 0 to 39.*kept because it correlates with the target/);
    }
    const sorted = await dose((k) => (k < 20 ? "a" : "b"), (k) => k);
    expect(inputNames(sorted.preprocessing)).toEqual(["x"]);
  }); // prettier-ignore

  test("the only column is kept with a note", async () => {
    const { report, preprocessing } = await learn(rowsOf(40, (k) => ({ n: k, y: k % 2 ? "a" : "b" })));
    expect(inputNames(preprocessing)).toEqual(["n"]);
    const named = await rejectionOf(() => learn(rowsOf(40, (k) => ({ invoice: k, y: k % 2 ? "a" : "b" }))));
    expect(named.message).toMatch(/at least one input column/);
    expect(report.notes.join()).toMatch(/"n" holds whole numbers from 0 to 39, each once.* no other column is left/);
  });
});

describe("kinds", () => {
  test("every kind with its counts", async () => {
    const rows = rowsOf(30, (k) => ({
      price: `${k + 1},${String(k).padStart(2, "0")} €`,
      doors: ["2", "3", "5more"][k % 3],
      when: `2023-01-${String(k + 1).padStart(2, "0")}`,
      none: "",
      list: [k],
      zip: ["02134", "10001"][k % 2],
    }));
    const kinds = await columnKinds(tableFromRows(rows));
    expect(kinds.map(({ name, kind, distinct }) => [name, kind, distinct])).toEqual([
      ["price", "number", 30],
      ["doors", "category", 3],
      ["when", "date", 30],
      ["none", "empty", 0],
      ["list", "nested", 0],
      ["zip", "category", 2],
    ]);
  });

  test("numbers with other texts that all repeat are categories, with a note", async () => {
    const { preprocessing, report } = await learn(
      rowsOf(60, (k) => ({ n: ["4", "6", "8", "tbd"][k % 4], y: noise(k) })),
    );
    expect(inputNames(preprocessing)).toEqual(["n=4", "n=6", "n=8", "n=tbd"]);
    expect(report.notes.join()).toMatch(/"n": "tbd" is not a number, so every value is a category; --missing/);
  });

  test("cells of invisible characters are missing", async () => {
    const rows = rowsOf(40, (k) => ({
      a: k % 5 ? noise(k) : "\u200b",
      b: k % 7 ? ["p", "q"][k % 2] : "\u00a0",
      y: noise(k + 9),
    }));
    const { report, preprocessing } = await learn(rows);
    expect(report.missing).toEqual([
      { name: "a", cells: 8 },
      { name: "b", cells: 6 },
    ]);
    const { filled } = await encodeInputs(preprocessing, tableFromRows(rows));
    expect(filled).toEqual([
      { name: "a", cells: 8 },
      { name: "b", cells: 6 },
    ]);
  });

  test("text among formatted numbers is reported with what the others look like", async () => {
    const rows = rowsOf(60, (k) => ({ price: k === 11 ? "on request" : `${k + 1},${100 + k}`, y: noise(k) }));
    const error = await rejectionOf(() => learn(rows));
    expect(error.message).toMatch(
      /row 12, column "price": expected one of the numbers with thousands separators, as in 59 of 60 cells, got "on request"/,
    );
  });

  test("a model reads numbers as they are written in the next file, but no other unit", async () => {
    const { preprocessing } = await learn(rowsOf(30, (k) => ({ w: `${k % 7},5 kg`, y: noise(k) })));
    const encode = async (text: string) => (await encodeInputs(preprocessing, await readTable(text, "t"))).inputs[0]!;
    expect(await encode("w,z\n4.5,1\n")).toBeCloseTo(await encode('w,z\n"4,5 kg",1\n'), 6);
    const error = await rejectionOf(() => encode("w,z\n4.5 lb,1\n"));
    expect(error.message).toMatch(/column "w": expected numbers in kg, as in training, got numbers in lb/);
  });

  /** Inputs of a model that learned x from these cells, in the units of the table, and what was said of them. */
  async function reread(trained: (k: number) => string, text: string, options = {}) {
    const { preprocessing } = await learn(rowsOf(40, (k) => ({ x: trained(k), y: noise(k) })));
    const { mean, deviation } = preprocessing.inputs[0] as { mean: number; deviation: number };
    const { inputs, notes } = await encodeInputs(
      preprocessing,
      await readTable(`x;z\n${text};1\n`, "t", { separator: ";", ...options }),
    );
    return { values: [...inputs].map((value) => Number((value * deviation + mean).toFixed(3))), notes };
  }
  const decimals = (k: number): string => (5 + noise(k)).toFixed(3);
  const thousands = (k: number): string => `${1 + (k % 9)},${100 + k}`;

  test.each<[string, (k: number) => string, string, number, RegExp | undefined]>([
    ["decimals as decimals", decimals, "5.450", 5.45, undefined],
    [
      "decimals as commas",
      decimals,
      "5,450",
      5.45,
      /"x": "5,450" is read as 5.45, nearer to .* not as 5450; --decimal/,
    ],
    ["decimals as certain commas", decimals, "5,45", 5.45, undefined],
    ["thousands as thousands", thousands, "5,450", 5450, undefined],
    ["thousands as points", thousands, "5.450", 5450, /"x": "5.450" is read as 5450, nearer to .* not as 5.45;/],
    ["decimal commas as points", (k) => `${k},5`, "5.450", 5.45, /"x": "5.450" is read as 5.45, .* not as 5450;/],
    ["whole numbers", (k) => String(4000 + 50 * k), "5.450", 5450, /not as 5.45;/],
  ])("%s in the next file", async (...[, trained, text, value, note]) => {
    const found = await reread(trained, text);
    expect(found.values[0]).toBeCloseTo(value, 2);
    if (note === undefined) expect(found.notes).toEqual([]);
    else expect(found.notes).toEqual([expect.stringMatching(note)]);
    expect((await reread(trained, "5,450", { decimal: "," })).values[0]).toBeCloseTo(5.45, 2);
  });

  test.each<[string, (k: number) => string]>([
    ["powers of ten", (k) => `3.${k}×10^3`],
    ["a tolerance", (k) => `73${k}.4 ± 0.2`],
    ["a word or sign in front", (k) => `approx. 5${k}`],
    ["an apostrophe or = in front", (k) => (k % 2 ? `'00${k}` : `="${k}"`)],
    ["a sign for inches or feet", (k) => `66.${k}"`],
    ["a price per unit", (k) => `37${k}€/m²`],
    ["# in front", (k) => `#76${k}`],
    ["a second number in parentheses", (k) => `71${k} (2)`],
    ["hours or minutes before a colon", (k) => `${30 + k}:49`],
    ["k or M after them", (k) => `${k}${k % 2 === 0 ? "M" : "k"}`],
    ["an exponent D instead of E", (k) => `${k}.5D+0${k % 7}`],
    ["a slash", (k) => `${k + 1}/${k + 8}`],
    ["degrees and minutes", (k) => `${k + 10}°${k}'N`],
    ["feet and inches", (k) => `${1 + Math.floor(k / 12)}'${k % 12}"`],
    ["several units of time", (k) => `${k + 1}h ${k} min`],
  ])("numbers with %s are reported", async (words, cell) => {
    const rows = rowsOf(40, (k) => ({ x: noise(k), y: noise(k + 1), z: cell(k) }));
    expect(whyIgnored(await learn(rows))["z"]).toContain(`looks like numbers with ${words}; write plain numbers`);
    expect((await rejectionOf(() => learn(rows, { target: "z" }))).message).toContain(
      `looks like numbers with ${words}`,
    );
  });

  test("targets are read by the range of training as well", async () => {
    const { preprocessing } = await learn(rowsOf(40, (k) => ({ x: noise(k), y: decimals(k) })));
    const table = await readTable("x;y\n0.5;5,450\n0.7;5,123\n", "t");
    const { data, notes } = await encodeTable(preprocessing, table);
    expect(Math.max(...data.targets.map(Math.abs))).toBeLessThan(4);
    expect(notes).toEqual([expect.stringMatching(/"y": "5,450" is read as 5.45/)]);
  });

  test("percent signs on one side only are an error, unless fractions are meant", async () => {
    const percents = (k: number): string => `${40 + k / 2} %`;
    expect((await rejectionOf(() => reread(percents, "18.5"))).message).toMatch(
      /expected numbers with percent signs, as in training, got numbers without/,
    );
    expect((await rejectionOf(() => reread((k) => `${40 + k / 2}`, "48.2 %"))).message).toMatch(
      /expected numbers without percent signs/,
    );
    expect((await reread((k) => `${(40 + k / 2) / 100}`, "48.2 %")).values[0]).toBeCloseTo(0.482, 3);
  });

  test("a unit in another case or spacing is the same unit", async () => {
    expect((await reread((k) => `${k}.5 kg`, "18.5 KG")).values[0]).toBeCloseTo(18.5, 3);
    expect((await reread((k) => `${k}.5 kg`, "44.1kg")).values[0]).toBeCloseTo(44.1, 3);
    expect((await rejectionOf(() => reread((k) => `${k}.5 mW`, "44.1 MW"))).message).toMatch(
      /expected numbers in mW, as in training, got numbers in MW/,
    );
  });

  test("words that the user named as missing hold for the next file as well", async () => {
    const text = ["x,y", ...rowsOf(40, (k) => ({ k })).map((_, k) => `${k % 5 ? noise(k) : -999},${noise(k + 9)}`)].join("\n");
    const table = await readTable(text, "t", { missing: ["-999"] });
    const { preprocessing } = await prepare(table, { target: "y" });
    expect(inputNames(preprocessing)).toEqual(["x", "x is missing"]);
    const { inputs, filled } = await encodeInputs(preprocessing, await readTable("x,z\n-999,1\n", "t"));
    expect(filled).toEqual([{ name: "x", cells: 1 }]);
    expect(inputs[1]).toBe(1);
  }); // prettier-ignore
});

describe("missing cells", () => {
  test("a prediction for every row, whatever is missing", async () => {
    const cell = fc.oneof(fc.integer({ min: -1e3, max: 1e3 }), fc.constantFrom(null, "", "NA", "?"));
    const site = fc.constantFrom("a", "b", "c", null, "NA");
    const row = fc.record({ x: cell, z: cell, site, y: fc.constantFrom("p", "q", null) });
    const choice = fc.constantFrom("auto" as const, "impute" as const, "drop" as const);
    const property = fc.asyncProperty(fc.array(row, { minLength: 6, maxLength: 40 }), choice, async (rows, missingCells) => {
      const prepared = await learn(rows, { missingCells, validation: 0.2 }).catch((error: Error) => {
        expect(error.message).toMatch(/at least (one|two)|empty cells only|one class|values in the training rows/);
      });
      if (!prepared) return;
      const { trainingRows, validationRows, report, preprocessing } = prepared;
      expect(trainingRows + validationRows + report.droppedRows).toBe(rows.length);
      expect(report.rowsWithoutTarget).toBe(rows.filter(({ y }) => y === null).length);
      const { inputs, rows: encoded } = await encodeInputs(preprocessing, tableFromRows(rows));
      expect(encoded.length).toBe(rows.length);
      expect([...inputs].every(Number.isFinite)).toBe(true);
    });
    await fc.assert(property, { numRuns: 200 });
  }); // prettier-ignore

  test("a column without a value in the rows learned from is left out", async () => {
    const rows = rowsOf(8, (k) => ({ x: k < 4 ? k : null, z: noise(k), y: k < 4 ? null : ["p", "q"][k % 2] }));
    const { report, preprocessing } = await learn(rows);
    expect(inputNames(preprocessing)).toEqual(["z"]);
    expect(whyIgnored({ report } as Prepared)).toEqual({ x: "has no value in the training rows" });
    const fault = await rejectionOf(() => learn(rows, { columns: ["x"] }));
    expect(fault.message).toMatch(/expected values in the training rows, got none/);
  });

  test("six of 400 rows are not learned from without a word", async () => {
    const rows = rowsOf(400, (k) => ({ a: k % 2 ? noise(k) : null, b: k % 2 && k > 12 ? null : noise(k), y: noise(k + 1) }));
    const { report } = await learn(rows);
    expect(report).toMatchObject({ droppedRows: 0, filledRows: 394 });
    const dropped = await learn(rows, { missingCells: "drop" });
    expect(dropped.report).toMatchObject({ droppedRows: 394 });
    expect(dropped.report.notes.join()).toMatch(/394 of 400 rows have missing cells, in "a" \(200\), "b" \(194\): these rows are dropped, 6 rows remain/);
  }); // prettier-ignore

  test("words that are taken as missing among texts are named", async () => {
    const region = (every: number) =>
      learn(rowsOf(40, (k) => ({ x: noise(k), region: k % every ? "NA" : ["EMEA", "APAC"][k % 4 >> 1], y: noise(k + 1) })));
    const half = await region(2);
    expect(half.report.notes).toContainEqual('"region": read as missing: "NA" in 20 of 40 cells; --missing sets these words');
    expect(whyIgnored(await region(3)).region).toBe('26 of 40 cells are missing; read as missing: "NA" in 26 of 40 cells; --missing sets these words');
    const only = await learn(rowsOf(40, (k) => ({ x: noise(k), region: "NA", y: noise(k + 1) })));
    expect(whyIgnored(only).region).toMatch(/every cell is empty; read as missing: "NA" in 40 of 40 cells/);
    const empty = await learn(rowsOf(40, (k) => ({ x: noise(k), region: k % 4 ? ["p", "q"][k % 2] : "", y: noise(k + 1) })));
    expect(empty.report.notes.join()).not.toMatch(/taken as missing/);
  }); // prettier-ignore

  test("a warning names dropped rows when few rows remain", async () => {
    const rows = (left: number) => rowsOf(40, (k) => ({ x: k < left ? k : null, z: noise(k), y: k < left ? "a" : "b" }));
    const fault = await rejectionOf(() => learn(rows(6), { missingCells: "drop", columns: ["x", "z"] }));
    expect(fault.message).toMatch(/got one class only, "a", in the 6 remaining rows: 34 rows with missing cells were dropped/);
    const mixed = rowsOf(40, (k) => ({ x: k < 9 ? k : null, z: noise(k), y: ["a", "b"][k % 2] }));
    const { report } = await learn(mixed, { missingCells: "drop", columns: ["x", "z"] });
    expect(report.notes.join()).toMatch(/warning: only 9 of 40 rows are used; dropped: row 10, row 11, row 12, row 13, row 14, …/);
    const most = rowsOf(40, (k) => ({ x: k < 30 ? k : null, z: noise(k), y: ["a", "b"][k % 2] }));
    const kept = await learn(most, { missingCells: "drop", columns: ["x", "z"] });
    expect(kept.report.notes.join()).not.toMatch(/warning/);
  }); // prettier-ignore

  test("all unseen values are counted, and 1,000 listed", async () => {
    const { preprocessing } = await learn(rowsOf(40, (k) => ({ x: ["p", "q"][k % 2], y: noise(k) })));
    const table = tableFromRows(rowsOf(3000, (k) => ({ x: `new ${k % 1500}` })));
    const { unseen, unseenCount } = await encodeInputs(preprocessing, table);
    expect([unseen.length, unseenCount, unseen[0]!.cells, unseen[999]!.cells]).toEqual([1000, 1500, 2, 2]);
    const lines = encodingLines({ filled: [], withoutCategory: [], unseen, unseenCount, notes: [] });
    expect(lines).toContain("1,495 more values were not seen in training");
  });

  test("at most 5 % of the rows are dropped, more are filled", async () => {
    const rows = (missing: number) => rowsOf(100, (k) => ({ x: k < missing ? null : noise(k), y: noise(k + 1) }));
    expect((await learn(rows(5))).report).toMatchObject({ droppedRows: 5, filledRows: 0 });
    expect((await learn(rows(6))).report).toMatchObject({ droppedRows: 0, filledRows: 6 });
  });
});

describe("splits", () => {
  test("quotas: each class in its share, and one row to learn from", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (counts, share) => {
        const rows = counts.reduce((a, b) => a + b);
        const held = Math.min(rows - 1, Math.max(1, Math.round(rows * share)));
        const parts = quotas(counts, held);
        for (const [group, part] of parts.entries()) {
          expect(part).toBeGreaterThanOrEqual(0);
          expect(part).toBeLessThan(counts[group]!);
          expect(part).toBeLessThanOrEqual((counts[group]! * held) / rows + 1.000_001);
          if (part < counts[group]! - 1) expect(part).toBeGreaterThan((counts[group]! * held) / rows - 1);
        }
      }),
    );
  });

  test("a category that is in no row learned from is named and has no input", async () => {
    const rows = rowsOf(200, (k) => ({ colour: k < 8 ? `rare ${k}` : ["red", "blue"][k % 2], x: noise(k), y: noise(k + 3) }));
    const { report, preprocessing, validation } = await learn(rows, { validation: 0.5 });
    const names = inputNames(preprocessing);
    const note = report.notes.find((text) => text.includes("in no training row"));
    const absent = rows.slice(0, 8).map(({ colour }) => colour as string).filter((colour) => !names.includes(`colour=${colour}`));
    expect(absent.length).toBeGreaterThan(0);
    for (const colour of absent) expect(note).toContain(colour);
    const colours = names.flatMap((name, at) => (name.startsWith("colour=") ? [at] : []));
    const sums = Array.from({ length: 100 }, (_, row) =>
      colours.reduce((sum, at) => sum + validation!.inputs[row * names.length + at]!, 0),
    );
    expect(sums.filter((sum) => sum === 0).length).toBe(absent.length);
  }); // prettier-ignore

  test("a class that only incomplete rows have is named", async () => {
    const rows = rowsOf(60, (k) => ({ x: k < 2 ? null : noise(k), y: k < 2 ? "gone" : ["a", "b"][k % 2] }));
    const prepared = await learn(rows, { missingCells: "drop" });
    expect(classesOf(prepared)).toEqual(["a", "b"]);
    expect(prepared.report.notes.join()).toMatch(/"gone" have no training row and are not classes/);
  });
});

describe("predictions", () => {
  test("seven digits of the distance from the mean", () => {
    const column = { kind: "number", name: "y", mean: 1.7e9, deviation: 300 } as const;
    expect(roundPrediction(1_700_000_123.456_789, column)).toBe(1_700_000_123.4568);
    const any = fc.tuple(fc.double({ min: -1e12, max: 1e12, noNaN: true }), fc.double({ min: 1e-6, max: 1e9, noNaN: true }), fc.double({ min: -5, max: 5, noNaN: true }));
    fc.assert(
      fc.property(any, ([mean, deviation, z]) => {
        const value = mean + z * deviation;
        const scale = Math.max(deviation, Math.abs(value - mean));
        const slack = 2 ** -51 * Math.abs(value); // of float64 itself
        expect(Math.abs(roundPrediction(value, { ...column, mean, deviation }) - value)).toBeLessThanOrEqual(5.1e-7 * scale + slack);
      }),
    );
  }); // prettier-ignore

  test("scores tell of imbalance", async () => {
    const rows = rowsOf(20, (k) => ({ x: noise(k), y: k < 2 ? "rare" : "often" }));
    const { preprocessing, training } = await learn(rows);
    const always = new Float32Array(40).map((_, k) => (k % 2 === 0 ? 1 : 0));
    const score = scorePredictions(preprocessing, toPredictions(preprocessing, always, 1), training);
    expect(score).toMatchObject({ accuracy: 0.9, balancedAccuracy: 0.5, confusion: [[18, 0], [2, 0]], classes: ["often", "rare"] });
    if (score.kind === "class") expect(score.macroF1).toBeCloseTo((36 / 38 + 0) / 2, 12);
  }); // prettier-ignore
});

describe("slices", () => {
  const rows = rowsOf(20_000, (k) => ({ x: noise(k), site: `s${k % 7}`, y: k % 2 ? "a" : "b" }));

  test("progress never decreases and ends at the number of cells", async () => {
    const told: number[] = [];
    const total = 60_000;
    await prepare(tableFromRows(rows), {
      target: "y",
      onProgress: (progress) => {
        expect(progress.total).toBe(total);
        told.push(progress.done);
      },
    });
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(total);
  });

  test("a signal stops the work with its reason", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const work = prepare(tableFromRows(rows), {
      target: "y",
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(work).rejects.toBe(reason);
    const { preprocessing } = await learn(rows);
    await expect(encodeInputs(preprocessing, tableFromRows(rows), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason); // prettier-ignore
  });
});
