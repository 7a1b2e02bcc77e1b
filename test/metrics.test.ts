// Metrics against scikit-learn (metricGolden/write.py wrote the expected values), against definitions over all pairs, and where they come out.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MetricName } from "../src/index.ts";
import { acquire, createModel, dense, network, sgd } from "../src/index.ts";
import { scorePredictions, toPredictions } from "../src/data.ts";
import { InvalidInput, LimitExceeded } from "../src/errors.ts";
import { MemberSums, planMetrics } from "../src/metrics/memberSums.ts";
import { isHigherBetter, type MetricTask } from "../src/metrics/metrics.ts";
import { bothClasses, classRows, classTargets, type Rows } from "../src/metrics/rows.ts";
import { measure, planFor } from "../src/model/measure.ts";
import goldens from "./metricGolden/metrics.json" with { type: "json" };
import { faultOf, rejectionOf } from "./support/fault.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

interface Golden {
  name: string;
  task: MetricTask;
  width: number;
  /** Probabilities of classes; of a regression there are outputs. */
  scores?: number[];
  outputs?: number[];
  truth: number[];
  weights: number[] | null;
  values: Record<string, number | null>;
  each: Record<string, (number | null)[]>;
  matrix?: number[][];
}

const goldenCases = goldens as unknown as Golden[];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const column = (values: number[], width: number, k: number): Float64Array =>
  Float64Array.from(values.filter((_, at) => at % width === k));

/** Rows from `first` to `end` of a case, as the statistics take them. */
function rowsOf({ task, width, scores, outputs, truth, weights }: Golden, first: number, end: number): Rows[] {
  const own = weights ? Float64Array.from(weights.slice(first, end)) : undefined;
  const part = (values: number[], columns: number): number[] => values.slice(first * columns, end * columns);
  if (task === "regression") {
    const [values, targets] = [part(outputs!, width), part(truth, width)].map((list) => Float64Array.from(list));
    return [{ outputs: width, values: values!, targets: targets!, weights: own }];
  }
  if (task === "multilabel") {
    return Array.from({ length: width }, (_, k) => {
      const both = (values: number[]): Float64Array => bothClasses(column(part(values, width), width, k));
      return classRows(classTargets(2, both(truth)), both(scores!), own);
    });
  }
  const targets = new Float64Array((end - first) * width);
  for (let row = 0; row < end - first; row++) targets[row * width + truth[first + row]!] = 1;
  return [classRows(classTargets(width, targets), Float64Array.from(part(scores!, width)), own)];
}

/** Of a golden, null stands for NaN. */
const near = (actual: number, expected: number | null, what: string): void => {
  if (expected === null) return expect(actual, what).toBeNaN();
  expect(Math.abs(actual - expected), `${what}: ${actual}, ${expected}`).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected))); // prettier-ignore
};

describe.each(goldenCases)("$name", (golden) => {
  const { task, width, truth, values, each, matrix } = golden;
  const rows = task === "regression" || task === "multilabel" ? truth.length / width : truth.length;
  const names = [...Object.keys(values), ...(matrix ? ["confusionMatrix"] : [])] as MetricName[];

  test.each([rows, 7, 1])("is scikit-learn's to 1e-9 in slices of %i rows", (slice) => {
    const sums = new MemberSums(planMetrics("test", names, { task, width }));
    for (let first = 0; first < rows; first += slice) sums.add(rowsOf(golden, first, Math.min(rows, first + slice)));
    for (const [name, expected] of Object.entries(values)) near(sums.of(name as MetricName).value, expected, name);
    for (const [name, list] of Object.entries(each)) {
      const actual = sums.of(name as MetricName).each!;
      expect(actual).toHaveLength(list.length);
      for (const [at, expected] of list.entries()) near(actual[at]!, expected, `${name}[${at}]`);
    }
    const counted = matrix && sums.of("confusionMatrix").matrix!;
    for (const [row, list] of (matrix ?? []).entries()) {
      for (const [at, expected] of list.entries()) near(counted![row]![at]!, expected, `matrix[${row}][${at}]`);
    }
  });
});

test("the area under the ROC curve is the share of pairs in order, ties half, weights multiplied", () => {
  const row = fc.record({
    score: fc.integer({ min: 0, max: 5 }),
    isPositive: fc.boolean(),
    weight: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 30 }), (list) => {
      const scores = Float64Array.from(list.flatMap(({ score }) => [1 - score / 5, score / 5]));
      const targets = Float64Array.from(list.flatMap(({ isPositive }) => (isPositive ? [0, 1] : [1, 0])));
      const weights = Float64Array.from(list, ({ weight }) => weight);
      const sums = new MemberSums(planMetrics("test", ["rocAuc", "prAuc"], { task: "binary", width: 1 }));
      sums.add([classRows(classTargets(2, targets), scores, weights)]);
      let [inOrder, pairs] = [0, 0];
      for (const a of list.filter(({ isPositive }) => isPositive)) {
        for (const b of list.filter(({ isPositive }) => !isPositive)) {
          pairs += a.weight * b.weight;
          inOrder += a.weight * b.weight * (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0);
        }
      }
      near(sums.of("rocAuc").value, pairs === 0 ? null : inOrder / pairs, "rocAuc");
      // Average precision over the rows: of each positive the precision at its threshold.
      const atLeast = (own: typeof list, score: number): number =>
        own.filter((other) => other.score >= score).reduce((sum, { weight }) => sum + weight, 0);
      const positives = list.filter(({ isPositive }) => isPositive);
      const total = positives.reduce((sum, { weight }) => sum + weight, 0);
      const precision = positives.reduce((sum, { score, weight }) => sum + (weight * atLeast(positives, score)) / atLeast(list, score), 0); // prettier-ignore
      near(sums.of("prAuc").value, total === 0 ? 0 : precision / total, "prAuc");
    }),
  );
});

test("scores that are no numbers give no area, and the walk over them ends", () => {
  const sums = new MemberSums(planMetrics("test", ["rocAuc"], { task: "binary", width: 1 }));
  sums.add([classRows(classTargets(2, Float64Array.of(1, 0, 0, 1)), Float64Array.of(NaN, NaN, 0.5, 0.5))]);
  expect(sums.of("rocAuc").value).toBeNaN();
});

test("which way is better is known of each", () => {
  const higher = ["accuracy", "f1", "rocAuc", "r2", "top3"] as const;
  const lower = ["mae", "rmse", "mape", "maxError", "logLoss", "brier", "calibrationError"] as const;
  expect(higher.map(isHigherBetter)).toEqual(higher.map(() => true));
  expect(lower.map(isHigherBetter)).toEqual(lower.map(() => false));
  expect(isHigherBetter("loss")).toBe(false);
});

const three = network({ inputs: 3, layers: [dense(4, "tanh"), dense(3)], loss: "softmaxCrossEntropy" });
const two = network({ inputs: 3, layers: [dense(2)], loss: "softmaxCrossEntropy" });
const one = network({ inputs: 3, layers: [dense(1)], loss: "binaryCrossEntropy" });
const labels = network({ inputs: 3, layers: [dense(3)], loss: "binaryCrossEntropy" });
const numbers = network({ inputs: 3, layers: [dense(4, "tanh"), dense(2)], loss: "meanSquaredError" });

test.each([
  [three, "acuracy", "did you mean accuracy?"],
  [three, "rocauc", "did you mean rocAuc?"],
  [three, "loss", "leave it out: the loss is always reported"],
  [three, "toString", "choose among them"],
  [three, "rmse", "rmse is for numbers, not for classes"],
  [three, "top3", "top takes a number from 2 to 2, where there are more than two classes"],
  [labels, "confusionMatrix", "confusionMatrix needs one class per row: the loss softmaxCrossEntropy"],
  [numbers, "f1", "f1 needs classes: the loss binaryCrossEntropy or softmaxCrossEntropy"],
] as const)("a metric that does not fit says which do (%#)", (net, name, fix) => {
  const { fault } = faultOf(() => planFor("evaluate", net, { metrics: [name as MetricName] }));
  expect(fault).toMatchObject({ place: "evaluate: metrics", got: name, fix });
  expect(fault.expected).toContain(net === numbers ? "mae, rmse, r2, mape, maxError" : "accuracy, balancedAccuracy");
});

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });

/** Values of the metrics by the direct definition from what a model predicts: right answers and macro F1 of three classes. */
function accuracyAndF1(probabilities: ArrayLike<number>, targets: ArrayLike<number>, width: number): [number, number] {
  const best = (list: ArrayLike<number>, row: number): number => {
    const own = Array.from({ length: width }, (_, k) => list[row * width + k]!);
    return own.indexOf(Math.max(...own));
  };
  const pairs = Array.from({ length: targets.length / width }, (_, row) => [
    best(targets, row),
    best(probabilities, row),
  ]);
  const scores = Array.from({ length: width }, (_, k) => {
    const hits = pairs.filter(([t, p]) => t === k && p === k).length;
    return (2 * hits) / pairs.flat().filter((own) => own === k).length;
  }).filter((score) => !Number.isNaN(score));
  const hits = pairs.filter(([t, p]) => t === p).length;
  return [hits / pairs.length, scores.reduce((a, b) => a + b, 0) / scores.length];
}

describe.each([
  ["GPU", () => gpu()],
  ["reference", () => cpu],
] as const)("%s", (_, device) => {
  test.each([1, 3])("evaluate has the metrics of each of %i members, and their means", async (members) => {
    using model = await createModel(three, { device: device(), seed: 1, members });
    const data = dataOf(three, 40, 2);
    const plain = await model.evaluate(data);
    const metrics = ["accuracy", "f1", "rocAuc", "top2", "confusionMatrix"] as const;
    const scores = await model.evaluate(data, { metrics });
    expect(scores).toMatchObject(plain);
    expect(plain).not.toHaveProperty("metrics");
    const all = await model.predict(data.inputs);
    for (let member = 0; member < members; member++) {
      const own = all.subarray(member * 120, (member + 1) * 120);
      const [accuracy, f1] = accuracyAndF1(own, data.targets, 3);
      expect(scores.memberMetrics!.accuracy![member]).toBeCloseTo(accuracy, 12);
      expect(scores.memberMetrics!.accuracy![member]).toBeCloseTo(plain.accuracies![member]!, 6);
      expect(scores.memberMetrics!.f1![member]).toBeCloseTo(f1, 12);
    }
    const { f1 } = scores.memberMetrics!;
    expect(scores.metrics!.f1).toBeCloseTo(f1!.reduce((a, b) => a + b, 0) / members, 12);
    expect(scores.perClass!.f1).toHaveLength(3);
    expect(scores.perClass!.rocAuc).toHaveLength(3);
    expect(scores.confusionMatrix!.flat().reduce((a, b) => a + b, 0)).toBeCloseTo(40, 9);
  });
});

test("fit takes metrics with each validation event, and after a resume", async () => {
  using model = await createModel(two, { device: cpu, seed: 1 });
  const [data, validation] = [dataOf(two, 40, 1), dataOf(two, 30, 2)];
  const options = { optimizer: sgd({ learningRate: 0.1 }), validation, metrics: ["rocAuc", "brier"] as const };
  const first = await model.fit(data, { ...options, epochs: 2 });
  expect(first.history.validation.map(({ metrics }) => Object.keys(metrics!))).toEqual([
    ["rocAuc", "brier"],
    ["rocAuc", "brier"],
  ]);
  const { history, validation: last } = await model.fit(data, { ...options, epochs: 4, resume: model.checkpoint });
  expect(history.validation).toHaveLength(4); // those before the resume are in the checkpoint
  expect(last!.metrics).toEqual((await model.evaluate(validation, { metrics: ["rocAuc", "brier"] })).metrics);
  const logit = (values: ArrayLike<number>, row: number): number => values[2 * row + 1]! - values[2 * row]!;
  const logits = await model.logits(validation.inputs);
  const brier = Array.from(
    { length: 30 },
    (_, row) => (sigmoid(logit(logits, row)) - validation.targets[2 * row + 1]!) ** 2,
  );
  expect(last!.metrics!.brier).toBeCloseTo(brier.reduce((a, b) => a + b, 0) / 30, 9);
});

test("members that were stopped early have metrics of the parameters that they end with", async () => {
  using model = await createModel(two, { device: cpu, seed: 1, members: 3 });
  const [data, validation] = [dataOf(two, 40, 1), dataOf(two, 30, 2)];
  const perMember = { learningRate: [0.01, 3, 0.1] };
  const options = { optimizer: sgd({ learningRate: 0.1 }), perMember, earlyStopping: { patience: 2 }, epochs: 12 };
  const fitted = await model.fit(data, { ...options, validation, metrics: ["rocAuc", "brier"] });
  expect(model.earlyStopping!.stoppedSteps.some((step) => step >= 0)).toBe(true);
  const { metrics, memberMetrics } = await model.evaluate(validation, { metrics: ["rocAuc", "brier"] });
  expect(fitted.validation).toMatchObject({ metrics, memberMetrics });
});

test("one output for two classes has the metrics of two outputs", async () => {
  using single = await createModel(one, { device: cpu, seed: 1 });
  using pair = await createModel(two, { device: cpu, seed: 1 });
  const own = await single.readParameters();
  pair.writeParameters(Float64Array.from([0, 1, 2, 3].flatMap((at) => [0, own[at]!]))); // the logits are [0, x]
  const { inputs, targets } = dataOf(one, 50, 3);
  const metrics = ["accuracy", "balancedAccuracy", "precision", "recall", "f1", "rocAuc", "prAuc", "logLoss", "brier", "calibrationError", "confusionMatrix"] as const; // prettier-ignore
  const classes = targets.map((t) => (t > 0.5 ? 1 : 0));
  const a = await single.evaluate({ inputs, targets: classes }, { metrics });
  const b = await pair.evaluate({ inputs, targets: bothClasses(Float64Array.from(classes)) }, { metrics });
  for (const name of metrics) if (name !== "confusionMatrix") near(a.metrics![name]!, b.metrics![name]!, name);
  expect(a.confusionMatrix).toEqual(b.confusionMatrix);
});

test("of several binary outputs there is the mean, and each", async () => {
  using model = await createModel(labels, { device: cpu, seed: 1 });
  const { inputs, targets } = dataOf(labels, 50, 3);
  const data = { inputs, targets: targets.map((t) => (t > 0.5 ? 1 : 0)) };
  const { metrics, perOutput, accuracy } = await model.evaluate(data, { metrics: ["accuracy", "f1", "rocAuc"] });
  near(metrics!.accuracy!, accuracy!, "accuracy");
  expect(perOutput!.f1).toHaveLength(3);
  near(metrics!.rocAuc!, perOutput!.rocAuc!.reduce((a, b) => a + b) / 3, "rocAuc");
});

test("a regression has metrics in the given units", async () => {
  using model = await createModel(numbers, { device: cpu, seed: 1, members: 2 });
  const data = dataOf(numbers, 30, 3);
  const metrics = ["mae", "rmse", "r2", "mape", "maxError"] as const;
  const plain = await model.evaluate(data, { metrics });
  const targetUnits = [
    { mean: 5, deviation: 10 },
    { mean: -1, deviation: 2 },
  ];
  const inUnits = await model.evaluate(data, { metrics, targetUnits });
  const outputs = await model.predict(data.inputs);
  const errors = Array.from({ length: 30 }, (_, row) => 10 * Math.abs(outputs[60 + 2 * row]! - data.targets[2 * row]!));
  expect(inUnits.memberMetrics!.maxError![1]).toBeGreaterThanOrEqual(Math.max(...errors) - 1e-9);
  for (const [k, { deviation }] of targetUnits.entries()) {
    near(inUnits.perOutput!.mae![k]!, deviation * plain.perOutput!.mae![k]!, "mae");
    near(inUnits.perOutput!.rmse![k]!, deviation * plain.perOutput!.rmse![k]!, "rmse");
    near(inUnits.perOutput!.r2![k]!, plain.perOutput!.r2![k]!, "r2");
  }
  expect(inUnits.metrics!.mape).not.toBeCloseTo(plain.metrics!.mape!, 3);
  expect(inUnits.loss).toBe(plain.loss);
});

test("wrong options are refused before anything is trained", async () => {
  using model = await createModel(numbers, { device: cpu, seed: 1 });
  const data = dataOf(numbers, 10, 1);
  const before = await model.readParameters();
  const metrics = ["f1"] as const;
  expect((await rejectionOf(() => model.fit(data, { metrics }))).message).toContain("expected validation rows");
  expect((await rejectionOf(() => model.fit(data, { metrics, validation: data }))).fault.place).toBe("train: metrics");
  const units = { validation: data, metrics: ["mae"], targetUnits: [{ mean: 0, deviation: 1 }] } as const;
  expect((await rejectionOf(() => model.fit(data, units))).fault.place).toBe("train: targetUnits");
  const words = { metrics: "f1" as unknown as MetricName[] };
  expect(await rejectionOf(() => model.evaluate(data, words))).toBeInstanceOf(InvalidInput);
  expect(await model.readParameters()).toEqual(before);
});

test("metrics of ranks refuse to keep more scores than fit", () => {
  const data = { inputs: new Float32Array(3), targets: new Float32Array(2 ** 13) };
  const executor = { network: two, members: 2 ** 15 } as never;
  expect(faultOf(() => measure(executor, data, { metrics: ["prAuc"] }))).toBeInstanceOf(LimitExceeded);
  measure(executor, data, { metrics: ["f1"] });
});

test("rows count by their weights", async () => {
  using model = await createModel(three, { device: cpu, seed: 1, members: 2 });
  const { inputs, targets } = dataOf(three, 3, 2);
  const weights = Float32Array.of(2, 0, 1);
  const twice = [0, 0, 2].flatMap((row) => [...inputs.subarray(3 * row, 3 * row + 3)]);
  const ofTwice = [0, 0, 2].flatMap((row) => [...targets.subarray(3 * row, 3 * row + 3)]);
  const metrics = ["f1", "logLoss", "brier"] as const;
  const weighted = await model.evaluate({ inputs, targets, weights }, { metrics });
  const repeated = await model.evaluate(
    { inputs: Float32Array.from(twice), targets: Float32Array.from(ofTwice) },
    { metrics },
  );
  for (const name of metrics) near(weighted.metrics![name]!, repeated.metrics![name]!, name);
});

test("scorePredictions has the same metrics, in the units of the table, and wants probabilities where they are needed", () => {
  const target = { kind: "class", name: "kind", values: ["a", "b"], encoding: "binary" } as const;
  const predictions = toPredictions({ inputs: [], target }, Float64Array.of(0.9, 0.2, 0.6, 0.4), 1);
  const data = { inputs: new Float64Array(), targets: Float64Array.of(1, 0, 0, 1) };
  const score = scorePredictions({ inputs: [], target }, predictions, data, { metrics: ["rocAuc", "f1", "brier"] });
  expect(score.metrics).toEqual({ rocAuc: 0.75, f1: 0.5, brier: expect.closeTo(0.77 / 4, 12) });
  expect(score).toMatchObject({ perClass: { f1: [0.5, 0.5] }, macroF1: 0.5 });

  const outputs = { kind: "class", classes: ["a", "b"], chosen: Uint32Array.of(0, 1), scores: Float64Array.of(0.9, 0.3, 0.2, 0.9) } as const; // prettier-ignore
  const pair = { inputs: [], target: { ...target, encoding: "oneHot" } } as const;
  const two = { inputs: new Float64Array(), targets: Float64Array.of(1, 0, 0, 1) };
  expect(scorePredictions(pair, outputs, two, { metrics: ["rocAuc"] }).metrics).toEqual({ rocAuc: 1 });
  const { fault } = faultOf(() => scorePredictions(pair, outputs, two, { metrics: ["rocAuc", "logLoss"] }));
  expect(fault).toMatchObject({ place: "metrics: logLoss", got: "scores of another loss" });

  const columns = [{ kind: "number", name: "price", mean: 100, deviation: 20 }] as const;
  const numbers = { inputs: [], target: { kind: "number", columns } } as const;
  const priced = toPredictions(numbers, Float64Array.of(0, 1), 1); // 100, 120
  const prices = { inputs: new Float64Array(), targets: Float64Array.of(0.5, 0) }; // 110, 100
  const { metrics } = scorePredictions(numbers, priced, prices, { metrics: ["mae", "maxError", "mape"] });
  expect(metrics).toEqual({ mae: 15, maxError: 20, mape: expect.closeTo((10 / 110 + 20 / 100) / 2, 12) });
});
