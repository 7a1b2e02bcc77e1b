import { describe, expect, test } from "vitest";
import {
  encodeInputs,
  exportModule,
  type InputColumn,
  inputLayers,
  inputWidth,
  outputWidth,
  prepare,
  tableFromRows,
  toPredictions,
} from "../src/data.ts";
import { acquire, createModel, dense, network } from "../src/index.ts";
import { loadModule } from "./support/loadModule.ts";
import { createUniform } from "./support/random.ts";

type Row = Record<string, string | number | boolean | null>;

const uniform = createUniform(11);
const below = (count: number): number => Math.floor(uniform() * count);
const cities = Array.from({ length: 14 }, (_, index) => `city <${index}>`);

/** Every kind of column: numbers with gaps, a few categories, many of them, flags, dates with a time, whole numbers as texts. */
const rows = Array.from({ length: 120 }, (_, index): Row => ({
  size: below(10) === 0 ? null : Math.round(1000 * uniform()) / 10,
  'na"me\u2028</script>': ["Oak", "beech", "Élan vital"][below(3)]!,
  city: cities[below(14)]!,
  flag: uniform() < 0.5,
  code: ["01", "1", "7"][below(3)]!,
  day: new Date(Date.UTC(2024, 0, 1 + 3 * index, below(24), 30)).toISOString().slice(0, 16),
  class: ["a", "b", "</script>"][below(3)]!,
  two: ["no", "yes"][below(2)]!,
  amount: 1e6 + 30 * uniform(),
}));

/** A model of the table, and its module. */
async function modelOf(target: string, binary = false, isFilled = true) {
  const table = tableFromRows(rows.map((row) => ({ ...row })));
  const ignore = ["class", "two", "amount"].filter((name) => name !== target);
  const { preprocessing: filling } = await prepare(table, { target, ignore, missingCells: "impute", binary });
  const inputs = filling.inputs.map((column): InputColumn => ({ ...column, fill: undefined }));
  const preprocessing = isFilled ? filling : { ...filling, inputs };
  const isClass = preprocessing.target.kind === "class";
  const net = network({
    inputs: inputWidth(preprocessing),
    loss: isClass ? (binary ? "binaryCrossEntropy" : "softmaxCrossEntropy") : "meanSquaredError",
    layers: [...inputLayers(preprocessing), dense(6, "tanh"), dense(outputWidth(preprocessing))],
  });
  const model = await createModel(net, { device: await acquire({ device: "reference" }), seed: 3 });
  const parameters = await model.readParameters();
  const module = await loadModule(exportModule({ network: net, members: 1, parameters, preprocessing }, { to: "js" }));
  return { preprocessing, model, module };
}

/** Rows as a caller has them: some cells missing, in another case, or never seen. */
const asked: readonly Row[] = [
  ...rows.slice(0, 30),
  { ...rows[3]!, size: null },
  { ...rows[4]!, city: "nowhere" },
  { ...rows[5]!, city: null },
  { ...rows[6]!, 'na"me\u2028</script>': " Oak " },
];

describe("predictRow answers as a table that is read does", () => {
  test.each([
    ["class", false],
    ["two", true],
    ["two", false],
    ["amount", false],
  ] as const)("target %s, binary %s", async (target, binary) => {
    const { preprocessing, model, module } = await modelOf(target, binary);
    const { inputs, rows: read } = await encodeInputs(preprocessing, tableFromRows(asked.map((row) => ({ ...row }))));
    expect(read.length).toBe(asked.length);
    const wanted = toPredictions(preprocessing, await model.predict(inputs), 1);
    for (const [index, row] of asked.entries()) {
      const answer = module.predictRow(row);
      if (wanted.kind === "number") {
        expect(Math.abs((answer.amount as number) - wanted.values[index]!)).toBeLessThan(1e-9 * 1e6);
        continue;
      }
      expect(answer[target]).toBe(wanted.classes[wanted.chosen[index]!]);
      const shares = Object.entries(answer.probabilities as Record<string, number>);
      expect(shares.map(([name]) => name)).toEqual(wanted.classes);
      for (const [place, [, share]] of shares.entries()) {
        expect(share).toBeCloseTo(wanted.scores[index * wanted.classes.length + place]!, 12);
      }
    }
  });

  test("a cell that is needed and missing, and one that is no number", async () => {
    const { module } = await modelOf("amount", false, false);
    expect(() => module.predictRow({ ...rows[0]!, day: "soon" })).toThrow('day: expected a date, got "soon"');
    expect(() => module.predictRow({ ...rows[0]!, size: "big" })).toThrow('size: expected a number, got "big"');
    expect(() => module.predictRow({ ...rows[0]!, flag: null })).toThrow("flag: expected a value, got none");
  });
});
