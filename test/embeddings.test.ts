// Columns of many categories: numbered by prepare, embedded by the network, the same on every device and in files.

import { describe, expect, test } from "vitest";
import {
  type CategoryColumn,
  decodeModel,
  encodeInputs,
  encodeTable,
  inputLayers,
  inputNames,
  inputWidth,
  outputWidth,
  prepare,
  type Preprocessing,
  tableFromRows,
} from "../src/data.ts";
import {
  acquire,
  adam,
  type AnyNetwork,
  asChain,
  createModel,
  dense,
  loadModel,
  network,
  parametersOf,
  verifyTraining,
} from "../src/index.ts";
import { createUniform } from "./support/random.ts";
import { shareDevices } from "./support/sharedDevice.ts";

type Row = Record<string, string | number | null>;

const letters = (count: number): string[] => Array.from({ length: count }, (_, k) => String.fromCharCode(97 + k));
/** `count` categories, each in several rows, before and behind columns of other kinds. */
const rowsOf = (count: number, rows = 12 * count): Row[] =>
  Array.from({ length: rows }, (_, row) => ({
    x: row % 7,
    city: letters(count)[row % count]!,
    size: ["S", "M", "L"][row % 3]!,
    y: (row % count) + (row % 5),
  }));

const networkFor = (preprocessing: Preprocessing, ...widths: number[]): AnyNetwork =>
  network({
    inputs: inputWidth(preprocessing),
    layers: [
      ...inputLayers(preprocessing),
      ...widths.map((width) => dense(width, "tanh")),
      dense(outputWidth(preprocessing)),
    ],
    loss: "meanSquaredError",
  });

const column = (values: ArrayLike<number>, width: number, at: number): number[] =>
  Array.from({ length: values.length / width }, (_, row) => values[row * width + at]!);

describe("prepare", () => {
  test("300 categories are an input where each has rows to learn from, and left out where it has not", async () => {
    const often = await prepare(tableFromRows(rowsOf(300, 1800), "t"), { target: "y", validation: 0 });
    expect(often.training.categoryColumns).toHaveLength(1);
    const seldom = await prepare(tableFromRows(rowsOf(300, 1200), "t"), { target: "y", validation: 0 });
    expect(seldom.training.categoryColumns).toBeUndefined();
    expect(JSON.stringify(seldom.report)).toContain("different text values in 1200 rows, fewer than 5 rows each");
  });

  test("ten categories are one-hot, eleven are numbered", async () => {
    const ten = await prepare(tableFromRows(rowsOf(10), "t"), { target: "y" });
    expect(inputWidth(ten.preprocessing)).toBe(1 + 10 + 3);
    expect(inputLayers(ten.preprocessing)).toEqual([]);
    expect(ten.training.categoryColumns).toBeUndefined();
    expect(asChain(networkFor(ten.preprocessing, 4))).toBeDefined();

    const { preprocessing, training } = await prepare(tableFromRows(rowsOf(11), "t"), { target: "y", validation: 0 });
    expect(preprocessing.inputs[1]).toEqual({
      kind: "category",
      name: "city",
      values: letters(11),
      encoding: "numbered",
    });
    expect(inputNames(preprocessing)).toEqual(["x", "city (number of the category)", "size=L", "size=M", "size=S"]);
    expect(training.categoryColumns).toEqual([1]);
    expect(new Set(column(training.inputs, 5, 1))).toEqual(new Set(letters(11).map((_, k) => k + 1)));
    const [table] = parametersOf(networkFor(preprocessing, 4));
    expect(table).toMatchObject({ name: "layers.0.table", shape: [12, 6] }); // 1.6 · 12^0.56 = 6.4
  });

  test("the option oneHot numbers none", async () => {
    const options = { target: "y", categories: "oneHot" } as const;
    const { preprocessing } = await prepare(tableFromRows(rowsOf(20), "t"), options);
    expect(inputWidth(preprocessing)).toBe(1 + 20 + 3);
    expect(inputLayers(preprocessing)).toEqual([]);
    const wrong = prepare(tableFromRows(rowsOf(20), "t"), { target: "y", categories: "all" as "auto" });
    await expect(wrong).rejects.toThrow("categories: expected one of auto, oneHot");
  });

  test("missing cells form their own category, as are values that were not seen", async () => {
    const rows = rowsOf(12).map((row, at): Row => (at % 7 === 0 ? { ...row, city: null } : row));
    const { preprocessing, training, report } = await prepare(tableFromRows(rows, "t"), {
      target: "y",
      validation: 0,
    });
    expect(preprocessing.inputs[1]).not.toHaveProperty("fill");
    expect(preprocessing.inputs[1]).not.toHaveProperty("indicator");
    expect(report.notes).toContain('"city": missing cells form their own category');
    expect(report.notes.join()).toMatch(/rows have missing cells, in "city" \(\d+\): cells are kept,/);
    const numbers = column(training.inputs, 5, 1);
    expect(numbers.filter((number) => number === 0)).toHaveLength(Math.ceil(rows.length / 7));
    const given = [
      { x: 1, city: "c", size: "S" },
      { x: 1, city: null, size: "S" },
      { x: 1, city: "elsewhere", size: "S" },
      { x: 1, city: "c ", size: "S" },
    ];
    const encoded = await encodeInputs(preprocessing, tableFromRows(given, "new"));
    const c = (preprocessing.inputs[1] as CategoryColumn).values.indexOf("c") + 1;
    expect(column(encoded.inputs, 5, 1)).toEqual([c, 0, 0, c]);
    expect(encoded.unseen).toMatchObject([{ column: "city", value: "elsewhere", cells: 1 }]);
    expect(encoded.filled).toEqual([]);
    expect(encoded.withoutCategory).toEqual([{ name: "city", cells: 1 }]);
    await expect(encodeInputs(preprocessing, tableFromRows(given, "new"), { strict: true })).rejects.toThrow(
      /column "city": expected one of the values seen in training, .*, got "elsewhere"/,
    );
  });

  test("a network that reads the numbers as amounts is refused", async () => {
    const table = tableFromRows(rowsOf(15), "t");
    const { preprocessing, training } = await prepare(table, { target: "y" });
    const plain = network({ inputs: 5, layers: [dense(4, "tanh"), dense(1)], loss: "meanSquaredError" });
    using model = await createModel(plain, { device: await acquire({ device: "reference" }) });
    const message = "train: inputs: column 1: expected an embedding for its category indices";
    await expect(model.fit(training)).rejects.toThrow(message);
    const { data } = await encodeTable(preprocessing, table);
    await expect(model.evaluate(data)).rejects.toThrow("inputLayers(preprocessing)");
  });

  test("of several columns each embedding reads its own", async () => {
    const rows = Array.from({ length: 400 }, (_, row) => ({
      first: letters(20)[row % 20]!,
      x: row % 7,
      second: letters(13)[row % 13]!,
      y: (row * row) % 11,
    }));
    const { preprocessing, training } = await prepare(tableFromRows(rows, "t"), {
      target: "y",
      task: "regression",
      validation: 0,
    });
    expect(training.categoryColumns).toEqual([0, 2]);
    const net = networkFor(preprocessing);
    // Tables in the order in which layers are applied: the last column first.
    expect(parametersOf(net).map(({ shape }) => shape)).toEqual([[14, 7], [21, 9], [1 + 9 + 7, 1], [1]]);
    const device = await acquire({ device: "reference" });
    using model = await createModel(net, { device, seed: 2 });
    const parameters = Float64Array.from(await model.readParameters());
    expect(parameters.subarray(0, 7)).toEqual(new Float64Array(7)); // the row of unknown values
    const outputs = await model.predict(training.inputs);
    const [second, first, weights] = parametersOf(net).map(({ offset, size }) =>
      parameters.subarray(offset, offset + size),
    ) as [Float64Array, Float64Array, Float64Array];
    for (let row = 0; row < rows.length; row++) {
      const [own, x, other] = training.inputs.subarray(3 * row, 3 * row + 3) as unknown as [number, number, number];
      const features = [x, ...second.subarray(7 * other, 7 * other + 7), ...first.subarray(9 * own, 9 * own + 9)];
      const wanted = features.reduce((sum, value, k) => sum + value * weights[k]!, 0);
      expect(outputs[row]).toBeCloseTo(wanted, 10);
    }
  });
});

/** A number by a category of 50, which also decides how another input counts. */
function generated(rowCount: number): Row[] {
  const uniform = createUniform(8);
  const effects = Array.from({ length: 50 }, () => [4 * uniform() - 2, 2 * uniform() - 1] as const);
  return Array.from({ length: rowCount }, () => {
    const category = Math.floor(50 * uniform() ** 1.5);
    const x = 2 * uniform() - 1;
    const [level, slope] = effects[category]!;
    return { category: `k${category}`, x, y: level + slope * x + 0.2 * (uniform() - 0.5) };
  });
}

const devices = shareDevices();

describe("a table with a column of 50 categories", () => {
  test.each(Object.entries(devices))("is learned on %s, saved, restored and predicted", async (_, open) => {
    const { preprocessing, training, validation } = await prepare(tableFromRows(generated(500), "t"), { target: "y" });
    const device = await open();
    const net = networkFor(preprocessing, 8);
    using model = await createModel(net, { device, seed: 1 });
    const initialParameters = await model.readParameters();
    const options = { optimizer: adam({ learningRate: 0.01 }), epochs: 12, batchSize: 25 };
    await model.fit(training, options);
    const { loss } = await model.evaluate(validation!);
    expect(loss).toBeLessThan(0.12); // the targets are standardised: 1 is that of their mean
    const verification = await verifyTraining(model, { initialParameters, data: training, options });
    expect(verification.passed).toBe(true);

    const bytes = await model.save({ preprocessing });
    expect(decodeModel(bytes, "m").preprocessing).toEqual(preprocessing);
    using loaded = await loadModel(bytes, { device });
    const rows = [
      { category: "k3", x: 0.5 },
      { category: "k1", x: 0.5 },
      { category: "new", x: 0.5 },
    ];
    const { inputs } = await encodeInputs(preprocessing, tableFromRows(rows, "new"));
    const predictions = await loaded.predict(inputs);
    await model.load(bytes); // float32, as the file has them
    expect(predictions).toEqual(await model.predict(inputs));
    expect(new Set(predictions).size).toBe(3);
    expect(predictions.every(Number.isFinite)).toBe(true);
  });

  test("is learned about as well as with one input per category", async () => {
    const device = await devices.wasm();
    const table = tableFromRows(generated(1500), "t");
    const losses = new Map<string, number>();
    for (const categories of ["auto", "oneHot"] as const) {
      const { preprocessing, training, validation } = await prepare(table, { target: "y", categories });
      using model = await createModel(networkFor(preprocessing, 16), { device, seed: 1 });
      await model.fit(training, { optimizer: adam({ learningRate: 0.01 }), epochs: 30, batchSize: 25 });
      losses.set(categories, (await model.evaluate(validation!)).loss);
    }
    expect(losses.get("auto")).toBeLessThan(0.03);
    expect(losses.get("auto")).toBeLessThan(1.5 * losses.get("oneHot")!);
  });

  test("a population learns it", async () => {
    const { preprocessing, training } = await prepare(tableFromRows(generated(300), "t"), { target: "y" });
    using model = await createModel(networkFor(preprocessing, 6), {
      device: await devices.wasm(),
      members: 5,
      seed: 1,
    });
    const learningRate = [0.003, 0.005, 0.01, 0.02, 0.03];
    const before = await model.evaluate(training);
    await model.fit(training, { optimizer: adam(), epochs: 10, batchSize: 25, perMember: { learningRate } });
    const after = await model.evaluate(training);
    after.losses.forEach((loss, member) => expect(loss).toBeLessThan(0.5 * before.losses[member]!));
    using best = await model.pick(2);
    expect((await best.evaluate(training)).loss).toBeCloseTo(after.losses[2]!, 5);
  });
});
