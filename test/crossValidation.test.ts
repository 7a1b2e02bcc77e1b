// Cross-validation: all folds side by side are the trainings that each fold has alone, on the rows that it learns from.

import { expect, test } from "vitest";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  crossValidate,
  type Dataset,
  dense,
  type Device,
  type FloatArray,
  type Network,
  network,
  sgd,
} from "../src/index.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../src/data.ts";
import { dealFolds } from "../src/model/folds.ts";
import { dataOf } from "./support/nets.ts";
import { createUniform } from "./support/random.ts";
import { testOf } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { trainingPlaces } from "./support/trainingPlaces.ts";

const gpu = shareDevice();
const reference = await acquire({ device: "reference" });
const wasm = await acquire({ device: "wasm" });
const places = trainingPlaces({ reference, wasm, gpu });

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringMatching(message) });

/** Some rows of a data set. */
function rowsOf({ inputs, outputs }: Network, data: Dataset, rows: readonly number[]): Dataset {
  const pick = (values: FloatArray, width: number): Float32Array =>
    Float32Array.from(rows.flatMap((row) => Array.from(values.subarray(row * width, (row + 1) * width))));
  return { inputs: pick(data.inputs, inputs), targets: pick(data.targets, outputs) };
}

/** By hand: the folds one behind the other, and of them the rows that each training learns from. */
function learnedBy(foldOf: Uint32Array, folds: number) {
  const held = Array.from({ length: folds }, (_, fold) => [...foldOf.keys()].filter((row) => foldOf[row] === fold));
  const all = held.flat();
  const most = Math.max(...held.map(({ length }) => length));
  return held.map((rows) => {
    const first = Math.min(all.indexOf(rows[0]!), all.length - most);
    return { held: rows, learned: [...all.slice(0, first), ...all.slice(first + most)] };
  });
}

for (const [name, device, strategy] of places) {
  const cases = [
    { rows: 43, batchSize: 8, bootstrap: false },
    ...(strategy === undefined || strategy === "members" ? [{ rows: 40, batchSize: 64, bootstrap: true }] : []),
  ];
  for (const [index, { rows, batchSize, bootstrap }] of cases.entries()) {
    testOf(index === 0)(
      `${name}: ${rows} rows, batches of ${batchSize}: every fold is a training of its own`,
      async () => {
        const data = dataOf(net, rows, 1);
        const [seeds, learningRate, folds] = [[3, 8], [0.1, 0.3], 4];
        const common = { batchSize, bootstrap, steps: 30, ...(strategy && { strategy }) };
        const options = { ...common, folds, seeds, settings: { learningRate }, optimizer: sgd(), predictions: true };
        const { settings, foldOf, trainingRows, predictions } = await crossValidate(net, data, {
          ...options,
          device: device(),
        });
        expect(trainingRows).toBe(rows - Math.ceil(rows / folds));
        expect(predictions!.length).toBe(2 * 2 * data.targets.length);
        const parts = learnedBy(foldOf, folds);
        for (const { learned, held } of parts) {
          expect(new Set(learned).size).toBe(trainingRows);
          expect(held.some((row) => learned.includes(row))).toBe(false);
        }
        const copies = device().kind === "wasm" && strategy === undefined ? 2 : 1; // one alone is summed in another order
        const wanted = new Float64Array(predictions!.length);
        for (const [setting, rate] of learningRate.entries())
          for (const [place, seed] of seeds.entries())
            for (const { held, learned } of parts) {
              using alone = await createModel(net, { device: device(), seed: Array<number>(copies).fill(seed) });
              await alone.fit(rowsOf(net, data, learned), { ...common, optimizer: sgd({ learningRate: rate }), seed });
              const own = await alone.predict(rowsOf(net, data, held).inputs);
              for (const [at, row] of held.entries())
                wanted.set(own.subarray(2 * at, 2 * at + 2), (2 * setting + place) * data.targets.length + 2 * row);
            }
        expect(predictions).toEqual(wanted);
        for (const [at, { setting, loss, accuracy }] of settings.entries()) {
          expect([setting, accuracy]).toEqual([{ learningRate: learningRate[at] }, undefined]);
          const values = seeds.flatMap((_, place) =>
            parts.map(({ held }) => {
              const errors = held.flatMap((row) =>
                [0, 1].map((column) => {
                  const from = (2 * at + place) * data.targets.length + 2 * row + column;
                  return (predictions![from]! - data.targets[2 * row + column]!) ** 2;
                }),
              );
              return errors.reduce((sum, error) => sum + error, 0) / errors.length;
            }),
          );
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
          for (const [place, value] of values.entries()) expect(loss.values[place]).toBeCloseTo(value, 6);
          expect(loss.mean).toBeCloseTo(mean, 6);
          expect(loss.deviation).toBeCloseTo(Math.sqrt(variance), 6);
        }
      },
    );
  }
}

test("every row is held out once; sizes of folds, and of the classes in them, differ by one at most", () => {
  const uniform = createUniform(5);
  for (const [rows, folds, outputs] of [
    [10, 10, 3],
    [11, 2, 2],
    [103, 5, 4],
    [64, 7, 1],
  ] as const) {
    const classes = network({
      inputs: 1,
      layers: [dense(outputs)],
      loss: outputs === 1 ? "binaryCrossEntropy" : "softmaxCrossEntropy",
    });
    const ofRow = Array.from({ length: rows }, () => Math.floor(uniform() ** 2 * Math.max(2, outputs)));
    const targets = Float32Array.from({ length: rows * outputs }, (_, at) =>
      outputs === 1 ? ofRow[at]! : Number(ofRow[Math.floor(at / outputs)] === at % outputs),
    );
    const data = { inputs: new Float32Array(rows), targets };
    const dealt = dealFolds(classes, data, { folds, seed: 3 });
    expect(dealt.order.toSorted()).toEqual(Uint32Array.from({ length: rows }, (_, row) => row));
    for (let fold = 0; fold < folds; fold++)
      for (let place = dealt.starts[fold]!; place < dealt.starts[fold + 1]!; place++)
        expect(dealt.foldOf[dealt.order[place]!]).toBe(fold);
    for (const own of [undefined, ...new Set(ofRow)]) {
      const counts = Array.from(
        { length: folds },
        (_, fold) =>
          ofRow.filter((each, row) => dealt.foldOf[row] === fold && (own === undefined || each === own)).length,
      );
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    expect(dealFolds(classes, data, { folds, seed: 3 }).foldOf).toEqual(dealt.foldOf);
    if (rows > 20) expect(dealFolds(classes, data, { folds, seed: 4 }).foldOf).not.toEqual(dealt.foldOf);
    const unlike = dealFolds(classes, data, { folds, seed: 3, stratified: false });
    if (rows > 20) expect(unlike.foldOf).not.toEqual(dealt.foldOf);
  }
});

test("a model cross-validates its network, keeps its parameters, and reports how it goes", async () => {
  const classes = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
  const data = dataOf(classes, 30, 1);
  using model = await createModel(classes, { device: reference, seed: 4 });
  const before = await model.readParameters();
  const seen: number[] = [];
  const options = {
    epochs: 5,
    optimizer: adam({ learningRate: 0.05 }),
    onProgress: ({ step }: { step: number }) => void seen.push(step),
  };
  const { settings, predictions, diverged } = await model.crossValidate(data, options);
  expect(await model.readParameters()).toEqual(before);
  expect([settings.length, settings[0]!.loss.values.length, predictions, diverged]).toEqual([1, 5, undefined, 0]);
  expect(settings[0]!.accuracy!.mean).toBeGreaterThanOrEqual(0);
  expect(seen.at(-1)).toBe(5);
  const again = await crossValidate(classes, data, { ...options, device: reference });
  expect(again.settings).toEqual(settings);
  const measured = await model.crossValidate(data, { ...options, metrics: ["logLoss"] });
  const { logLoss } = measured.settings[0]!.metrics;
  expect(logLoss!.mean).toBeCloseTo(settings[0]!.loss.mean, 6); // the loss is the log loss
  await expect(model.crossValidate(data, { ...options, metrics: ["r2"] })).rejects.toEqual(invalid(/^crossValidate: /));
  const { settings: apart, diverged: lost } = await model.crossValidate(data, {
    optimizer: sgd(),
    epochs: 40,
    settings: { learningRate: [0.1, 1e38] },
  });
  expect(lost).toBeGreaterThan(0);
  expect(Number.isFinite(apart[0]!.loss.mean)).toBe(true);
  expect(apart[1]!.loss.mean).toBeNaN();
});

test.each<[string, () => Device]>([
  ["reference", () => reference],
  ["WebAssembly", () => wasm],
  ["GPU", gpu],
])("%s: resumed from any of its checkpoints, and after an abort, it gives the same numbers", async (_, device) => {
  const data = dataOf(net, 33, 1);
  const common = {
    device: device(),
    batchSize: 8,
    epochs: 6,
    folds: 3,
    seeds: [3, 8],
    settings: { learningRate: [0.1, 0.02] },
    optimizer: adam(),
    predictions: true,
    metrics: ["mae"],
  } as const;
  const wanted = await crossValidate(net, data, common);
  const states: Checkpoint[] = [];
  const save = (state: Checkpoint): void => {
    const content = { network: net, members: 12, checkpoint: state };
    states.push(decodeCheckpoint(encodeCheckpoint(content), "state").checkpoint);
  };
  const kept = { ...common, checkpoint: { interval: { steps: 5 }, save } };
  expect(await crossValidate(net, data, kept)).toEqual(wanted);
  expect(states.map(({ step }) => step)).toEqual([5, 10, 15]);
  // Where a signal ends it the newest state is handed out too.
  const abort = new AbortController();
  const cut: number[] = [];
  const checkpoint = {
    interval: { steps: 7 },
    save: (state: Checkpoint): void => {
      cut.push(state.step);
      save(state);
      abort.abort(new Error("enough"));
    },
  };
  const aborted = crossValidate(net, data, { ...common, checkpoint, signal: abort.signal });
  await expect(aborted).rejects.toThrow("enough");
  expect(cut).toEqual([7, 7]);
  for (const resume of states) expect(await crossValidate(net, data, { ...common, resume })).toEqual(wanted);
  const other = { ...common, resume: states[0]! };
  await expect(crossValidate(net, data, { ...other, splitSeed: 1 })).rejects.toEqual(invalid(/^train: resume: data/));
  await expect(crossValidate(net, data, { ...other, seeds: [3, 9] })).rejects.toEqual(invalid(/perMember\.seed/));
  await expect(crossValidate(net, data, { ...other, seeds: [3] })).rejects.toEqual(invalid(/^train: resume: /));
});

test("wrong options are reported", async () => {
  const data = dataOf(net, 12, 1);
  const wrong = (options: unknown) =>
    expect(crossValidate(net, data, { device: reference, ...(options as object) })).rejects;
  await wrong({ folds: 1 }).toEqual(invalid(/^crossValidate: folds: expected an integer from 2 to 12, got 1/));
  await wrong({ folds: 13 }).toEqual(invalid(/folds/));
  await wrong({ stratified: true }).toEqual(invalid(/^crossValidate: stratified: expected classes/));
  await wrong({ seeds: [] }).toEqual(invalid(/seeds/));
  await wrong({ seeds: [1, -1] }).toEqual(invalid(/^crossValidate: seeds\[1\]/));
  await wrong({ splitSeed: 0.5 }).toEqual(invalid(/splitSeed/));
  await wrong({ settings: { learningRate: [0.1, 0.2], momentum: [0.1] } }).toEqual(
    invalid(/settings.momentum: .*got 1/),
  );
  await wrong({ settings: { rate: [0.1] } }).toEqual(invalid(/rate/));
  await wrong({ settings: { seed: [0.1] } }).toEqual(invalid(/seed/));
  await wrong({ validation: data }).toEqual(invalid(/^crossValidate: expected no validation: .*; leave it out/));
  await wrong({ perMember: {} }).toEqual(invalid(/^crossValidate: expected no perMember: .*; pass settings and seeds/));
  await wrong({ earlyStopping: { patience: 1 } }).toEqual(
    invalid(/^crossValidate: expected no earlyStopping: .* would bias the score, got one;/),
  );
  await wrong({ fold: 3 }).toEqual(invalid(/fold/));
});
