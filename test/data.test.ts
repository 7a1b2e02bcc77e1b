import { describe, expect, test } from "vitest";
import {
  closestName,
  encodeInputs,
  encodeTable,
  inputNames,
  prepare,
  readTable,
  scorePredictions,
  tableFromRows,
  toPredictions,
  type PrepareOptions,
} from "../src/data.ts";
import { BadFile, InvalidInput } from "../src/errors.ts";
import { rejectionOf } from "./support/fault.ts";

const trees = "height,trunk,kind\n12.5,0.4,oak\n3.25,0.1,elm\n8,NA,oak\n4,0.2,elm\n10,0.5,oak\n";

const prepareText = async (text: string, options: PrepareOptions) =>
  prepare(await readTable(text, "trees.csv"), options);

describe("preparing", () => {
  test("types columns, drops incomplete rows, standardises by the training rows", async () => {
    const { preprocessing, training, validation, report } = await prepareText(trees, {
      target: "kind",
      validation: 0,
      missingCells: "drop",
    });
    expect(report).toMatchObject({ rows: 5, droppedRows: 1, task: "classification", ignored: [] });
    expect(preprocessing.inputs).toMatchObject([
      { kind: "number", name: "height", mean: 7.4375 },
      { kind: "number", name: "trunk", mean: 0.3 },
    ]);
    expect(preprocessing.target).toEqual({ kind: "class", name: "kind", values: ["elm", "oak"], encoding: "oneHot" });
    expect([...training.targets]).toEqual([0, 1, 1, 0, 1, 0, 0, 1]);
    expect(validation).toBeUndefined();
    const heights = [...training.inputs].filter((_, index) => index % 2 === 0);
    expect(heights.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
    expect(heights.reduce((a, b) => a + b * b, 0) / heights.length).toBeCloseTo(1, 6);
  });

  test.each([",", "\t"])("empty cells, NA and null are missing (separated by %j)", async (separator) => {
    const lines = [
      "x,site,y",
      "1,a,p",
      "null,b,q",
      "3, null ,p",
      "4,NA,q",
      "5,,p",
      "6,b,null",
      "7,b,q",
      "8,nullable,p",
    ];
    const table = await readTable(lines.join("\n").replaceAll(",", separator), "t");
    const { report, preprocessing } = await prepare(table, { target: "y", validation: 0, missingCells: "drop" });
    expect(report).toMatchObject({ rows: 8, droppedRows: 5 });
    expect(inputNames(preprocessing)).toEqual(["x", "site=a", "site=b", "site=nullable"]);
    expect(preprocessing.target).toMatchObject({ values: ["p", "q"] });
  });

  test("two classes as one output", async () => {
    const { preprocessing, training } = await prepareText(trees, {
      target: "kind",
      validation: 0,
      binary: true,
      missingCells: "drop",
    });
    expect(preprocessing.target).toMatchObject({ encoding: "binary" });
    expect([...training.targets]).toEqual([1, 0, 0, 1]);
  });

  test("categories, booleans and text become one-hot inputs", async () => {
    const rows = ["b", "a", "b", "a"].map((site, k) => ({ site, wet: k < 1, y: k }));
    const { preprocessing, training } = await prepare(tableFromRows(rows), { target: "y", validation: 0 });
    expect(inputNames(preprocessing)).toEqual(["site=a", "site=b", "wet=false", "wet=true"]);
    expect([...training.inputs.subarray(0, 8)]).toEqual([0, 1, 0, 1, 1, 0, 1, 0]);
  });

  test("few whole numbers are classes, unless asked otherwise", async () => {
    const text = "x,y\n1,10\n2,9\n3,10\n4,9\n";
    const { preprocessing, report } = await prepareText(text, { target: "y" });
    expect(report).toMatchObject({ task: "classification", otherTask: "regression" });
    expect(report.taskReason).toMatch(/2 different whole numbers/);
    expect(preprocessing.target).toMatchObject({ values: ["9", "10"] });
    const other = await readTable("x,y\n1,10.0\n", "t");
    expect([...(await encodeTable(preprocessing, other)).data.targets]).toEqual([0, 1]);
    const regression = await prepareText(text, { target: "y", task: "regression" });
    expect(regression.preprocessing.target).toMatchObject({ kind: "number" });
    const amounts = await prepareText("x,y\n1,10\n2,9\n3,10\n4,8\n", { target: "y" });
    expect(amounts.report).toMatchObject({ task: "regression" });
  });

  test("several targets", async () => {
    const { preprocessing, training } = await prepareText("x,y,z\n1,2,10\n2,4,20\n3,6,60\n", {
      target: ["z", "y"],
      validation: 0,
    });
    expect(preprocessing.target).toMatchObject({
      columns: [
        { name: "z", mean: 30 },
        { name: "y", mean: 4 },
      ],
    });
    expect(training.targets.length).toBe(6);
  });

  test("useless columns are ignored with a reason", async () => {
    const rows = Array.from({ length: 40 }, (_, k) => ({
      name: `tree ${k}`,
      constant: 3,
      none: null,
      sparse: k < 10 ? k : null,
      list: [k],
      x: k,
      y: k % 2 ? "a" : "b",
    }));
    const { report, preprocessing } = await prepare(tableFromRows(rows), { target: "y" });
    expect(report.droppedRows).toBe(0);
    expect(inputNames(preprocessing)).toEqual(["x"]);
    expect(Object.fromEntries(report.ignored.map(({ name, why }) => [name, why]))).toEqual({
      name: "40 different text values in 40 rows, as in a column of names",
      constant: "has one value only",
      none: "every cell is empty",
      sparse: "30 of 40 cells are missing",
      list: "holds lists or objects",
    });
  });

  test("columns and ignore choose the inputs", async () => {
    const all = await prepareText(trees, { target: "kind", columns: ["height"] });
    expect(inputNames(all.preprocessing)).toEqual(["height"]);
    expect(all.report.ignored).toEqual([{ name: "trunk", why: "excluded as requested", canBeKept: false }]);
    expect(all.report.droppedRows).toBe(0);
    const left = await prepareText(trees, { target: "kind", ignore: ["trunk"] });
    expect(inputNames(left.preprocessing)).toEqual(["height"]);
  });

  test("the split is seeded, disjoint and complete", async () => {
    const rows = Array.from({ length: 50 }, (_, k) => ({ x: k, y: k % 2 ? "a" : "b" }));
    const split = (seed: number) => prepare(tableFromRows(rows), { target: "y", validation: 0.2, seed });
    const { training, validation, trainingRows, validationRows, preprocessing } = await split(7);
    expect([trainingRows, validationRows]).toEqual([40, 10]);
    const { mean, deviation } = preprocessing.inputs[0] as { mean: number; deviation: number };
    const all = [...training.inputs, ...validation!.inputs].map((z) => Math.abs(Math.round(z * deviation + mean)));
    expect(all.toSorted((a, b) => a - b)).toEqual(rows.map(({ x }) => x));
    expect(await split(7)).toEqual(await split(7));
    expect((await split(8)).validation).not.toEqual(validation);
  });

  test.each([
    ["an unknown target", trees, { target: "Kind" }, InvalidInput, /did you mean "kind"\?/],
    ["an unknown column", trees, { target: "kind", columns: ["heigth"] }, InvalidInput, /did you mean "height"\?/],
    ["no target", trees, { target: [] }, InvalidInput, /got none/],
    ["a target twice", trees, { target: ["kind", "kind"] }, InvalidInput, /different column names/],
    [
      "classes for regression",
      trees,
      { target: "kind", task: "regression" },
      InvalidInput,
      /got text in column "kind"/,
    ],
    ["two class targets", trees, { target: ["kind", "height"] }, InvalidInput, /one column of classes, got 2 columns/],
    ["a share of 1", trees, { target: "kind", validation: 1 }, InvalidInput, /share of the rows/],
    ["a share that is not a number", trees, { target: "kind", validation: Number.NaN }, InvalidInput, /got NaN/],
    ["one class only", "x,y\n1,a\n2,a\n", { target: "y" }, BadFile, /column "y": expected a target .* got one class/],
    ["one class left", "x,y\n1,a\n2,a\n,b\n", { target: "y", missingCells: "drop" }, BadFile, /one class only, "a"/],
    [
      "text among numbers",
      "x,y\n1,a\n2,b\nthree,a\n",
      { target: "y" },
      BadFile,
      /line 4, column "x": expected a number, got "three"/,
    ],
    ["infinity", "x,y\n1,a\n-Infinity,b\n2,b\n", { target: "y" }, BadFile, /got "-Infinity"/],
    ["a number too large", "x,y\n1,a\n1e999,b\n2,b\n", { target: "y" }, BadFile, /got "1e999"/],
    ["a spread too large", "x,y\n1e300,a\n-1e300,b\n2,b\n", { target: "y", validation: 0 }, BadFile, /below 1e150/],
    [
      "no complete row",
      "x,w,y\n1,,a\n,2,b\n3,,a\n,4,b\n",
      { target: "y", missingCells: "drop" },
      BadFile,
      /ignore column "x", which is empty in 2 rows/,
    ],
    ["no inputs", "y\na\nb\n", { target: "y" }, BadFile, /at least one input column/],
    [
      "a target of names",
      `y,x\n${"abcdefghijkl"
        .split("")
        .map((c, k) => `${c},${k}\n`)
        .join("")}`,
      { target: "y" },
      BadFile,
      /classes that repeat/,
    ],
    [
      "a choice for missing cells that is none",
      trees,
      { target: "kind", missingCells: "mean" },
      InvalidInput,
      /one of .*impute/,
    ],
    [
      "dates as target",
      "x,y\n1,2023-01-01\n2,2023-02-01\n",
      { target: "y" },
      InvalidInput,
      /got dates in column "y"; predict a number/,
    ],
  ])("refuses %s", async (...[, text, options, type, message]) => {
    const error = await rejectionOf(() => prepareText(text, options as PrepareOptions));
    expect(error.message).toMatch(message);
    expect(error).toBeInstanceOf(type);
  });
});

describe("a model's preprocessing on other tables", () => {
  const prepared = prepareText("x,site,y\n1,a,oak\n3,b,elm\n5,a,oak\n", { target: "y", validation: 0 });
  const use = async (text: string, options = {}) =>
    encodeInputs((await prepared).preprocessing, await readTable(text, "t"), options);

  test("gives the same inputs, whatever the order of columns, and fills missing cells", async () => {
    const { rows, inputs, filled } = await use("site,extra,x\na,9,1\nb,9,\nb,9,3\n,9,3\n");
    expect([...rows]).toEqual([0, 1, 2, 3]);
    expect([...inputs]).toEqual([Math.fround(-2 / Math.sqrt(8 / 3)), 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0]);
    expect(filled).toEqual([
      { name: "x", cells: 1 },
      { name: "site", cells: 1 },
    ]);
  });

  test("a model without fills leaves rows with missing cells out", async () => {
    const { inputs, target } = (await prepared).preprocessing;
    const old = { inputs: inputs.map(({ fill, ...column }) => (fill === undefined ? column : column)), target };
    const { rows } = await encodeInputs(old as never, await readTable("x,site\n1,a\n,b\n3,\n4,b\n", "t"));
    expect([...rows]).toEqual([0, 3]);
    const none = await rejectionOf(async () => encodeInputs(old as never, await readTable("x,site\n,a\n3,\n", "t")));
    expect(none.message).toMatch(/without empty cells/);
  });

  test("an unseen category has no input and is reported; strict makes it an error", async () => {
    const text = "x,site\n1,a\n2,c\n3,c\n4,NaN value\n";
    const { inputs, unseen } = await use(text);
    expect([...inputs].filter((_, k) => k % 3 > 0)).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(unseen).toEqual([
      { column: "site", value: "c", place: 't: line 3, column "site"', cells: 2 },
      { column: "site", value: "NaN value", place: 't: line 5, column "site"', cells: 1 },
    ]);
    const error = await rejectionOf(() => use(text, { strict: true }));
    expect(error.message).toMatch(
      /line 3, column "site": expected one of the values seen in training, "a", "b", got "c"/,
    );
  });

  test.each([
    ["other columns", "height,place\n1,a\n", /pass a table with these columns/],
    ["a missing column", "x\n1\n", /including "site"/],
    ["text in a number column", "x,site\n1,a\nx,a\n", /line 3, column "x": expected a number/],
    ["a number beyond f32", "x,site\n1e200,a\n2,b\n", /near those the model was trained on/],
  ])("refuses %s", async (_, text, message) => {
    const error = await rejectionOf(() => use(text));
    expect(error).toBeInstanceOf(BadFile);
    expect(error.message).toMatch(message);
  });

  test("missing targets are an error", async () => {
    const table = await readTable("x,site\n1,a\n", "t");
    const { preprocessing } = await prepared;
    expect((await rejectionOf(() => encodeTable(preprocessing, table))).message).toMatch(/"y"/);
  });
});

describe("predictions", () => {
  test("classes from the mean over members, and their accuracy", async () => {
    const { preprocessing, training } = await prepareText("x,y\n1,a\n2,b\n3,c\n", { target: "y", validation: 0 });
    const values = Float32Array.from([0.75, 0.25, 0, 0, 1, 0, 1, 0, 0, 0.25, 0.75, 0, 0, 0.5, 0.5, 0, 0.5, 0.5]);
    const predictions = toPredictions(preprocessing, values, 2);
    if (predictions.kind !== "class") throw new Error("classes expected");
    expect([...predictions.chosen]).toEqual([0, 1, 0]);
    expect([...predictions.scores]).toEqual([0.5, 0.5, 0, 0, 0.75, 0.25, 0.5, 0.25, 0.25]);
    expect(scorePredictions(preprocessing, predictions, training)).toEqual({
      kind: "class",
      rows: 3,
      correct: 2,
      accuracy: 2 / 3,
      baseline: 1 / 3,
      balancedAccuracy: 2 / 3,
      macroF1: (2 / 3 + 1 + 0) / 3,
      classes: ["a", "b", "c"],
      confusion: [
        [1, 0, 0],
        [0, 1, 0],
        [1, 0, 0],
      ],
    });
  });

  test("one output is the probability of the second class", async () => {
    const { preprocessing } = await prepareText("x,y\n1,a\n2,b\n3,b\n", { target: "y", validation: 0, binary: true });
    const predictions = toPredictions(preprocessing, Float32Array.from([0.25, 0.75]), 1);
    expect(predictions).toMatchObject({
      chosen: Uint32Array.of(0, 1),
      scores: Float64Array.of(0.75, 0.25, 0.25, 0.75),
    });
  });

  test("numbers in the units of the table, RMSE and R²", async () => {
    const { preprocessing, training } = await prepareText("x,y\n1,10\n2,20\n3,60\n", { target: "y", validation: 0 });
    const exact = toPredictions(preprocessing, training.targets, 1);
    if (exact.kind !== "number") throw new Error("numbers expected");
    for (const [row, value] of [10, 20, 60].entries()) expect(exact.values[row]).toBeCloseTo(value, 4);
    expect(scorePredictions(preprocessing, exact, training)).toMatchObject({
      columns: [{ name: "y", rmse: 0, r2: 1 }],
    });
    const mean = toPredictions(preprocessing, new Float32Array(3), 1);
    const score = scorePredictions(preprocessing, mean, training);
    if (score.kind !== "number") throw new Error("numbers expected");
    expect(score.columns[0]!.r2).toBeCloseTo(0, 6);
    expect(score.columns[0]!.rmse).toBeCloseTo(Math.sqrt(1400 / 3), 3);
  });
});

test("closestName", () => {
  expect(closestName("tahn", ["relu", "tanh", "sigmoid"])).toBe("tanh");
  expect(closestName("SPECIES", ["Species", "Sex"])).toBe("Species");
  expect(closestName("entirely different", ["Species", "Sex"])).toBeUndefined();
});
