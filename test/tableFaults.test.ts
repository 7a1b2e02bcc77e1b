// Small tables on which the product once answered wrongly, each for a kind of fault, from the file to the numbers.

import { expect, test } from "vitest";
import {
  type PrepareOptions,
  type Prepared,
  encodeInputs,
  encodeTable,
  inputNames,
  prepare,
  readTable,
  roundPrediction,
  toPredictions,
} from "../src/data.ts";
import { rejectionOf } from "./support/fault.ts";

const files = import.meta.glob<string>("./faults/*", { query: "?raw", import: "default", eager: true });
const open = (name: string) => readTable(files[`./faults/${name}`]!, name, { target: [] });
const learn = async (name: string, options: PrepareOptions): Promise<Prepared> => prepare(await open(name), options);

const classesOf = ({ preprocessing: { target } }: Prepared): readonly string[] =>
  target.kind === "class" ? target.values : [];

/** Values of one input, in the units of the table. */
function valuesOf({ preprocessing, training }: Prepared, name: string): number[] {
  const names = inputNames(preprocessing);
  const column = preprocessing.inputs.find((input) => input.name === name)!;
  if (column.kind !== "number") throw new Error(`${name} is no number`);
  const at = names.indexOf(name);
  const rows = training.inputs.length / names.length;
  return Array.from({ length: rows }, (_, row) => training.inputs[row * names.length + at]! * column.deviation + column.mean); // prettier-ignore
}

test("01: an unseen category is no other category, and an error with strict", async () => {
  const { preprocessing } = await learn("01-train.csv", { target: "label" });
  expect(inputNames(preprocessing)).toEqual(["size", "colour=blue", "colour=red", "colour=undefined"]);
  const table = await open("01-new.csv");
  const { inputs, unseen, rows } = await encodeInputs(preprocessing, table);
  expect([...rows]).toEqual([0, 1, 2]);
  const colours = [0, 1, 2].map((row) => [...inputs.subarray(4 * row + 1, 4 * row + 4)]);
  expect(colours).toEqual([
    [0, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(unseen).toEqual([
    { column: "colour", value: "magenta", place: '01-new.csv: line 3, column "colour"', cells: 1 },
    { column: "colour", value: "turquoise", place: '01-new.csv: line 4, column "colour"', cells: 1 },
  ]);
  const error = await rejectionOf(() => encodeInputs(preprocessing, table, { strict: true }));
  expect(error.message).toMatch(/01-new\.csv: line 3, column "colour": expected one of .* got "magenta"/);
});

test("01: an unseen label in rows to evaluate is an error that names the cell", async () => {
  const { preprocessing } = await learn("01-labels-train.csv", { target: "label" });
  const error = await rejectionOf(async () => encodeTable(preprocessing, await open("01-labels-evaluate.csv")));
  expect(error.message).toMatch(/line 2, column "label": expected one of .*"ok", "undefined", got "broken"/);
});

test("04: predictions keep the digits that float32 has after centring", async () => {
  const prepared = await learn("04-price.csv", { target: "price", validation: 0 });
  const { target } = prepared.preprocessing;
  if (target.kind !== "number") throw new Error("numbers expected");
  const back = toPredictions(prepared.preprocessing, prepared.training.targets, 1);
  if (back.kind !== "number") throw new Error("numbers expected");
  const prices = (await open("04-price.csv")).columns[1]!.cells.map(Number);
  for (const [row, price] of prices.entries()) {
    expect(Math.abs(roundPrediction(back.values[row]!, target.columns[0]!) - price)).toBeLessThan(1e-4);
  }
});

test("06: percent signs, thousands separators and decimal commas are read", async () => {
  const percents = await learn("06-percent.csv", { target: "label", validation: 0 });
  expect(inputNames(percents.preprocessing)).toEqual(["interest", "amount"]);
  expect(valuesOf(percents, "interest")[0]).toBeCloseTo(0.1825, 6);
  expect(percents.report.notes.join()).toMatch(/"interest": read as numbers with percent signs, as fractions/);
  const prices = await learn("06-thousands.csv", { target: "price", validation: 0 });
  expect(prices.report).toMatchObject({ task: "regression" });
  const { target } = prices.preprocessing;
  const cells = (await open("06-thousands.csv")).columns[2]!.cells.map((cell) => Number(String(cell).replace(",", "")));
  const mean = cells.reduce((a, b) => a + b, 0) / cells.length;
  expect(target).toMatchObject({ columns: [{ mean: expect.closeTo(mean, 6) }] });
  const halves = await learn("06-decimal-comma.csv", { target: "y", validation: 0 });
  expect(valuesOf(halves, "x").slice(0, 3)).toEqual([0.5, 3.6, 0.2].map((value) => expect.closeTo(value, 6)));
});

test("07: labels are text: 007, 07 and 7, and numbers above 2⁵³, stay apart", async () => {
  expect(classesOf(await learn("07-codes.csv", { target: "dept" }))).toEqual(["007", "07", "7"]);
  const large = ["9007199254740992", "9007199254740993", "9007199254740996"];
  for (const task of [undefined, "classification"] as const) {
    const prepared = await learn("07-large-labels.csv", { target: "id", ...(task && { task }) });
    expect(classesOf(prepared)).toEqual(large);
  }
});

test("08: a constant column is named and left out", async () => {
  const { report, preprocessing } = await learn("08-constant.csv", { target: "label" });
  expect(report.ignored).toEqual([{ name: "a", why: "has one value only", canBeKept: false }]);
  expect(inputNames(preprocessing)).toEqual(["b"]);
});

test("10: an id is ignored unless requested", async () => {
  const { report, preprocessing } = await learn("10-id-and-noise.csv", { target: "Species" });
  expect(report.ignored).toMatchObject([{ name: "Id", canBeKept: true }]);
  expect(inputNames(preprocessing)).not.toContain("Id");
  const kept = await learn("10-id-and-noise.csv", { target: "Species", columns: ["Id"] });
  expect(inputNames(kept.preprocessing)).toEqual(["Id"]);
});

test("10: dates are days and a place in the week; a later date predicts", async () => {
  const { preprocessing } = await learn("10-dates.csv", { target: "rain" });
  expect(inputNames(preprocessing)).toEqual(["date", "date sin(week)", "date cos(week)", "temp"]);
  const [date] = preprocessing.inputs;
  if (date!.kind !== "date") throw new Error("a date expected");
  const later = await readTable("date,temp\n2031-12-24,3\n", "later");
  const { inputs, unseen } = await encodeInputs(preprocessing, later);
  const days = Date.UTC(2031, 11, 24) / 86_400_000;
  expect(inputs[0]).toBeCloseTo((days - date.mean) / date.deviation, 3);
  expect(inputs[1]).toBeCloseTo(Math.sin((2 * Math.PI * (days % 7)) / 7), 6);
  expect(unseen).toEqual([]);
});

test.each([1, 2, 3, 4])("11: every class has a row to learn from (seed %i)", async (seed) => {
  const prepared = await learn("11-rare-class.csv", { target: "label", seed });
  expect(classesOf(prepared)).toEqual(["p", "q", "rare"]);
  const rows = [0, 1, 2].map((k) => prepared.training.targets.filter((v, i) => i % 3 === k && v === 1).length);
  expect(rows[2]).toBe(1);
  expect(prepared.report.notes.join()).toMatch(/"rare": only one row/);
  const share = [0, 1].map((k) => prepared.validation!.targets.filter((v, i) => i % 3 === k && v === 1).length);
  expect(share.map((held, k) => held / (held + rows[k]!))).toEqual([expect.closeTo(0.2, 1), expect.closeTo(0.2, 1)]);
});

test("12: missing words are missing cells", async () => {
  const { report, preprocessing } = await learn("12-na.csv", { target: "class" });
  expect(report.missing).toEqual([{ name: "horsepower", cells: 3 }]);
  expect(inputNames(preprocessing)).toEqual(["mpg", "horsepower", "cyl"]);
  const words = await learn("12-text-tokens.csv", { target: "y" });
  const names = inputNames(words.preprocessing);
  expect(names).toContain("job is missing");
  expect(names).not.toContain("job=nan");
  expect(names).not.toContain("job=?");
});

test("13: missing cells are filled by default, and the columns named", async () => {
  const { report, preprocessing, training, trainingRows } = await learn("13-missing.csv", {
    target: "Survived",
    validation: 0,
  });
  expect(report).toMatchObject({ droppedRows: 0, filledRows: 120 });
  expect(report.missing).toEqual([
    { name: "Cabin", cells: 95 },
    { name: "Age", cells: 37 },
  ]);
  expect(report.notes.join()).toMatch(/120 of 200 rows have missing cells, in "Cabin" \(95\), "Age" \(37\)/);
  const names = inputNames(preprocessing);
  const at = names.indexOf("Age is missing");
  const missing = Array.from({ length: trainingRows }, (_, row) => training.inputs[row * names.length + at]!);
  expect(missing.reduce((a, b) => a + b, 0)).toBe(37);
  const [age] = preprocessing.inputs;
  const cells = (await open("13-missing.csv")).columns[0]!.cells.filter((cell) => cell !== "").map(Number);
  const sorted = cells.sort((a, b) => a - b);
  expect(age).toMatchObject({ fill: sorted[sorted.length >> 1], indicator: true });
  const dropped = await learn("13-missing.csv", { target: "Survived", missingCells: "drop" });
  expect(dropped.report).toMatchObject({ droppedRows: 120, filledRows: 0 });
  expect(dropped.report.notes.join()).toMatch(/these rows are dropped, 80 rows remain/);
});

test("19: spellings are merged where that is evident, with a note", async () => {
  const prepared = await learn("19-spellings.csv", { target: "label" });
  expect(classesOf(prepared)).toEqual(["No", "yes"]);
  expect(prepared.report.notes.join()).toMatch(
    /spellings of one value are merged: "N", "No", "no"; "Y", "YES", "Yes", "yes"/,
  );
  const table = await readTable("a,b,label\n1,1,YES\n1,1,no\n1,1,nO\n1,1,Y\n", "more");
  const { data } = await encodeTable(prepared.preprocessing, table);
  expect([...data.targets]).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
});
