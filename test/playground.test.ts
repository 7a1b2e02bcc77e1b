import { expect, test } from "vitest";
import * as library from "../src/index.ts";
import { scheduleFunction } from "../src/index.ts";
import { datasetNames, drawDataset, splitPoints, taskOf } from "../src/web/playground/datasets.ts";
import { decodePoints, encodePoints, mostOwnPoints, roundPoint } from "../src/web/playground/points.ts";
import { colorAt, createRamp, cssColor } from "../src/web/playground/colors.ts";
import { formatNumber } from "../src/web/playground/format.ts";
import { History } from "../src/web/playground/history.ts";
import { layoutNetwork, linkWidth } from "../src/web/playground/networkLayout.ts";
import { isConstant } from "../src/web/playground/neuronMaps.ts";
import { parseWeight } from "../src/web/playground/weightsTable.ts";
import {
  rateFunction,
  scheduleCode,
  scheduleLength,
  scheduleNames,
  scheduleOf,
} from "../src/web/playground/schedules.ts";
import {
  changeBetween,
  datasetOf,
  networkOf,
  pointsOf,
  sessionOf,
  stepsPerEpoch,
  trainingOptionsOf,
  withOptimizer,
} from "../src/web/playground/setup.ts";
import { pointsOfTable, readFile } from "../src/web/playground/tablePoints.ts";
import { describeTraining } from "../src/web/playground/trainingWords.ts";
import { decodeState, defaults, encodeState, lossesOf, type PlaygroundState } from "../src/web/playground/state.ts";

const roundTrip = (state: PlaygroundState): PlaygroundState => {
  const { state: read, problems } = decodeState(new URLSearchParams(encodeState(state).toString()));
  expect(problems).toEqual([]);
  return read;
};

test.each(datasetNames)("%s: points in the square, the same for the same seed, others for another", (name) => {
  for (const noise of [0, 25, 50]) {
    const points = drawDataset(name, 7, noise);
    expect(points).toHaveLength(500);
    expect(drawDataset(name, 7, noise)).toEqual(points);
    const isRandom = noise > 0 || (name !== "spiral" && name !== "xorTable"); // without noise these two are always the same
    if (isRandom) expect(drawDataset(name, 8, noise)).not.toEqual(points);
    for (const { x1, x2, value } of points) {
      if (name !== "gauss") expect(Math.max(Math.abs(x1), Math.abs(x2))).toBeLessThanOrEqual(6);
      expect(Math.abs(value)).toBeLessThanOrEqual(1);
      if (taskOf(name) === "classification") expect(Math.abs(value)).toBe(1);
      expect(Number(x1.toFixed(3))).toBe(x1);
    }
    const positive = points.filter(({ value }) => value > 0).length;
    expect(positive).toBeGreaterThan(70);
    expect(positive).toBeLessThan(430);
  }
});

test("without noise a circle is a circle, and exclusive or has empty axes", () => {
  for (const { x1, x2, value } of drawDataset("circle", 1, 0)) expect(Math.hypot(x1, x2) < 2.5).toBe(value > 0);
  for (const { x1, x2, value } of drawDataset("xor", 1, 0)) {
    expect(x1 * x2 > 0).toBe(value > 0);
    expect(Math.min(Math.abs(x1), Math.abs(x2))).toBeGreaterThanOrEqual(0.3);
  }
});

test("without noise the table of exclusive or has four rows, each in either part of a split", () => {
  const { training, test: held } = splitPoints(drawDataset("xorTable", 1, 0), 1, 50);
  const rows = ["-3 -3 1", "-3 3 -1", "3 -3 -1", "3 3 1"];
  for (const part of [training, held]) {
    expect([...new Set(part.map(({ x1, x2, value }) => `${x1} ${x2} ${value}`))].toSorted()).toEqual(rows);
  }
});

test("a split takes every point once, in shares, and never leaves one side without any", () => {
  const points = drawDataset("gauss", 1, 10);
  const { training, test: held } = splitPoints(points, 1, 70);
  expect([training.length, held.length]).toEqual([350, 150]);
  expect(new Set([...training, ...held]).size).toBe(500);
  expect(splitPoints(points, 2, 70).training).not.toEqual(training);
  expect(splitPoints(points.slice(0, 2), 1, 10).training).toHaveLength(1);
  expect(splitPoints(points.slice(0, 2), 1, 90).test).toHaveLength(1);
  expect(splitPoints(points.slice(0, 1), 1, 50)).toMatchObject({ training: [points[0]], test: [] });
});

test("points come back from their text", () => {
  const points = drawDataset("hills", 3, 20).map(roundPoint);
  const text = encodePoints(points);
  expect(text).toMatch(/^[\w-]+$/);
  expect(decodePoints(text)).toEqual(points);
  const corners = [-6, 0, 6].flatMap((x1) => [-1, 0.125, 1].map((value) => ({ x1, x2: -x1, value })));
  expect(decodePoints(encodePoints(corners))).toEqual(corners.map(roundPoint));
  for (const broken of ["A", "AAAAA!", "______", text.slice(1), "AAAAAA".repeat(mostOwnPoints + 1)]) {
    expect(decodePoints(broken)).toBeUndefined();
  }
});

test("the address of the defaults is their version, and every part of a state travels", () => {
  expect(encodeState(defaults).toString()).toBe("v=1");
  expect(roundTrip(defaults)).toEqual(defaults);
  const other: PlaygroundState = {
    data: "own",
    points: drawDataset("plane", 3, 0).slice(0, 40).map(roundPoint),
    task: "regression",
    noise: 35,
    share: 80,
    seed: 4_000_000_000,
    networkSeed: 17,
    features: ["x2", "prod", "sin1"],
    layers: [
      { width: 16, activation: "relu" },
      { width: 1, activation: "leakyRelu" },
      { width: 3, activation: "sine" },
    ],
    initializer: "lecunNormal",
    loss: "huber",
    optimizer: "rmsProp",
    learningRate: 0.003,
    momentum: 0.9,
    weightDecay: 1e-4,
    batchSize: 7,
    schedule: "cosineRestarts",
    scheduleSteps: 700,
    warmUp: 30,
    l1: 0.003,
    dropout: 0.25,
    labelSmoothing: 0.05,
    clipNorm: 1.5,
    ema: 0.99,
    patience: 500,
    plateau: 250,
    plateauFactor: 0.2,
    newtonSchulzSteps: 7,
    rateOfOthers: 0.1,
    matchRmsAdamW: true,
    hiddenOnly: true,
    historySize: 20,
    pace: "100",
    showsTest: true,
    discretizes: true,
    curves: { measure: "accuracy", isLogarithmic: false, axis: "seconds", smoothing: 0.85 },
    hidden: ["data", "speed"],
  };
  expect(roundTrip(other)).toEqual(other);
  for (const key of Object.keys(other) as (keyof PlaygroundState)[]) expect(other[key], key).not.toEqual(defaults[key]);
  expect(roundTrip({ ...defaults, layers: [] }).layers).toEqual([]);
});

test("the classes of a set choose the losses", () => {
  expect(decodeState(new URLSearchParams("data=plane")).state).toMatchObject({
    task: "regression",
    loss: "meanSquaredError",
  });
  expect(lossesOf("regression")).not.toContain("binaryCrossEntropy");
  expect(lossesOf("classification")).not.toContain("softmaxCrossEntropy");
});

test("invalid settings in an address keep their default and are reported", () => {
  const wrong =
    "v=9&data=moon&noise=51&train=x&net=8-tanh_129-relu&features=x1_x9&rate=-1&batch=1.5&loss=softmaxCrossEntropy" +
    "&schedule=sine&span=0&warmup=-1&dropout=1&label=2&clip=x&patience=1.5";
  const { state, problems } = decodeState(new URLSearchParams(wrong));
  expect(state).toEqual(defaults);
  expect(problems).toHaveLength(16);
  expect(problems.join("\n")).toMatch(/net=8-tanh_129-relu is ignored: expected at most 10 layers/);
  expect(decodeState(new URLSearchParams("data=own")).state.data).toBe("spiral");
  expect(decodeState(new URLSearchParams(`points=${"A".repeat(70)}`)).problems[0]).toMatch(/…/);
});

test("changes that keep the shape of the network keep its parameters", () => {
  const change = (changes: Partial<PlaygroundState>) => changeBetween(defaults, { ...defaults, ...changes });
  expect(change({ learningRate: 1, pace: "1", showsTest: true })).toBe("none");
  expect(change({ batchSize: 8 })).toBe("goOn");
  expect(change({ optimizer: "sgd" })).toBe("goOn");
  for (const changed of [
    { schedule: "step" },
    { warmUp: 5 },
    { dropout: 0.1 },
    { l1: 1 },
    { ema: 0.9 },
    { patience: 50 },
    { plateau: 50 },
    { newtonSchulzSteps: 3 },
    { historySize: 5 },
  ] as const)
    expect(change(changed)).toBe("goOn");
  expect(change({ data: "own", points: [{ x1: 1, x2: 1, value: 1 }] })).toBe("goOn");
  expect(change({ data: "own", points: [{ x1: 1, x2: 1, value: 0.3 }], task: "regression" })).toBe("restart");
  for (const other of [{ layers: [] }, { features: ["x1"] }, { seed: 2 }, { loss: "huber" }, { noise: 0 }] as const) {
    expect(change(other)).toBe("restart");
  }
});

test("targets and the output suit the loss", () => {
  const points = [
    { x1: 1, x2: 2, value: -1 },
    { x1: 3, x2: 4, value: 1 },
  ];
  const features = ["x1", "sq2", "prod"] as const;
  expect(Array.from(datasetOf({ ...defaults, features }, points).inputs)).toEqual([1, 4, 2, 3, 16, 12]);
  expect(Array.from(datasetOf(defaults, points).targets)).toEqual([0, 1]);
  expect(networkOf(defaults).layers.at(-1)).toEqual({ width: 1, activation: "identity" });
  const squared = { ...defaults, loss: "meanSquaredError" } as const;
  expect(Array.from(datasetOf(squared, points).targets)).toEqual([-1, 1]);
  expect(networkOf(squared).layers.at(-1)!.activation).toBe("tanh");
  expect(networkOf({ ...squared, task: "regression" }).layers.at(-1)!.activation).toBe("identity");
});

test("a schedule is the rate of each step, and its code makes the same", () => {
  const settings = { learningRate: 0.2, scheduleSteps: 100, warmUp: 10 };
  for (const schedule of scheduleNames) {
    const own = { ...settings, schedule };
    const rateAt = rateFunction(own);
    const factorAt = scheduleFunction(scheduleOf(own)!, 1);
    expect([rateAt(0), rateAt(5)].map((rate) => rate / 0.2)).toEqual([factorAt(0), factorAt(5)]);
    expect(rateAt(5)).toBeCloseTo(0.2 * (1 / 3 + 1 / 3), 12);
    const far = {
      constant: 0.2,
      cosine: 0.002,
      cosineRestarts: rateAt(10 + 90),
      linear: 0.002,
      step: 0.2 * 0.1 ** 9,
      oneCycle: 0.2 / 25e4,
    };
    expect(rateAt(1000), schedule).toBeCloseTo(far[schedule], 12);
    const names = Object.keys(library);
    // oxlint-disable-next-line no-new-func -- what the page writes for a reader to run
    const made = new Function(...names, `return ${scheduleCode(own)}`)(...Object.values(library));
    expect(Array.from({ length: 300 }, (_, step) => step).map(scheduleFunction(made, 1))).toEqual(
      Array.from({ length: 300 }, (_, step) => factorAt(step)),
    );
    expect(scheduleLength(own)).toBe(schedule === "constant" ? 10 : 110);
  }
  expect(scheduleOf({ ...settings, schedule: "constant", warmUp: 0 })).toBeUndefined();
  expect(scheduleCode({ ...settings, schedule: "constant", warmUp: 0 })).toBeUndefined();
});

test("enabled options are shown, and passed to the training where they apply", () => {
  const split = pointsOf(defaults);
  expect(describeTraining(defaults)).toEqual([]);
  expect(trainingOptionsOf(defaults, split)).toEqual({});
  const all: PlaygroundState = {
    ...defaults,
    schedule: "oneCycle",
    warmUp: 1500,
    weightDecay: 0.1,
    l1: 0.01,
    dropout: 0.2,
    labelSmoothing: 0.1,
    clipNorm: 3,
    patience: 500,
  };
  expect(describeTraining(all).join(" · ")).toBe(
    "warm-up 1,500 · one cycle over 2,000 steps · decay 0.1 · L1 0.01 · dropout 0.2 · label smoothing 0.1 · clip norm 3 · patience 500",
  );
  const options = trainingOptionsOf(all, split);
  expect(options).toMatchObject({
    l1: 0.01,
    dropout: 0.2,
    labelSmoothing: 0.1,
    clipNorm: 3,
    earlyStopping: { patience: 10, interval: { steps: 50 } },
  });
  expect(options.validation!.targets).toHaveLength(split.test.length);
  expect(trainingOptionsOf({ ...all, loss: "huber" }, split)).not.toHaveProperty("labelSmoothing");
  expect(describeTraining({ ...all, loss: "huber" }).join()).not.toContain("label");
  expect(trainingOptionsOf(all, { ...split, test: [] })).not.toHaveProperty("earlyStopping");
});

test("a plateau reduces the rate after so many steps, judged as often as early stopping", () => {
  const split = pointsOf(defaults);
  const state: PlaygroundState = { ...defaults, plateau: 250, plateauFactor: 0.1 };
  const { reduceOnPlateau, validation, earlyStopping } = trainingOptionsOf(state, split);
  // The fifth look without improvement reduces it: PyTorch's patience counts those that are tolerated.
  expect(reduceOnPlateau).toEqual({ patience: 4, factor: 0.1, interval: { steps: 50 } });
  expect([validation!.targets.length, earlyStopping]).toEqual([split.test.length, undefined]);
  expect(describeTraining(state)).toEqual(["rate × 0.1 after 250 steps"]);
});

test("L-BFGS takes all points in a step and nothing that would change between its trials", () => {
  const state: PlaygroundState = {
    ...defaults,
    ...withOptimizer(defaults, "lbfgs"),
    dropout: 0.2,
    plateau: 50,
    patience: 100,
  };
  const split = pointsOf(state);
  const session = sessionOf(state, split, undefined);
  expect(session).toMatchObject({ batchSize: split.training.length, optimizer: { name: "lbfgs", learningRate: 1 } });
  expect(Object.keys(trainingOptionsOf(state, split))).toEqual(["validation", "earlyStopping"]);
  expect(describeTraining(state)).toEqual(["patience 100"]);
  expect(stepsPerEpoch(state, split)).toBe(1);
  // Back to a rate that others can take; Muon begins with its momentum.
  expect(withOptimizer(state, "adam")).toEqual({ optimizer: "adam", learningRate: defaults.learningRate });
  expect(withOptimizer({ ...defaults, learningRate: 0.3 }, "muon")).toEqual({ optimizer: "muon", momentum: 0.95 });
  expect(withOptimizer({ ...defaults, momentum: 0.8 }, "muon")).toEqual({ optimizer: "muon" });
});

test("the step of the best weights is marked between the entries around it", () => {
  const history = new History();
  const rest = { trainingLoss: 1, testLoss: 1, trainingAccuracy: 1, testAccuracy: 1 };
  history.markBest(3);
  for (const step of [10, 20]) history.add({ step, seconds: step / 5, ...rest }, 0.5);
  for (const step of [5, 15, 20, 35]) history.markBest(step);
  expect(history.marks).toEqual([
    { kind: "best", step: 5, epoch: 2.5, seconds: 1 },
    { kind: "best", step: 15, epoch: 7.5, seconds: 3 },
    { kind: "best", step: 20, epoch: 10, seconds: 4 },
    { kind: "best", step: 35, epoch: 10, seconds: 4 },
  ]);
});

test("a history keeps its first and its newest entry, in bounded memory", () => {
  const history = new History();
  const entry = (step: number) => ({
    step,
    seconds: step / 100,
    trainingLoss: 1 / step,
    testLoss: undefined,
    trainingAccuracy: 1,
    testAccuracy: undefined,
  });
  for (let step = 1; step <= 20_000; step++) {
    history.add(entry(step), 0.5);
    expect(history.entries.at(-1)!.step).toBe(step);
  }
  const steps = history.entries.map(({ step }) => step);
  expect(steps[0]).toBe(1);
  expect(steps.length).toBeGreaterThan(500);
  expect(steps.length).toBeLessThanOrEqual(1201);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  const gaps = steps.slice(1).map((step, at) => step - steps[at]!);
  expect(Math.max(...gaps)).toBeLessThan(64);
  history.add(entry(500), 0.5); // went back
  expect(history.entries.at(-1)!.step).toBe(500);
  expect(history.entries[0]).toEqual({ ...entry(1), epoch: 0.5 });
  expect(history.entries.at(-1)!.epoch).toBe(250);
});

test("a drawing has a place for every node, within its bounds", () => {
  for (const counts of [
    [7, 1],
    [7, 8, 6, 1],
    [7, 16, 16, 16, 16, 16, 16, 1],
  ]) {
    for (const room of [280, 540, 900]) {
      const { columns, width, height, nodeSize } = layoutNetwork(counts, room);
      expect(columns.map(({ length }) => length)).toEqual(counts);
      expect(width).toBeGreaterThanOrEqual(room);
      for (const { x, y } of columns.flat()) {
        expect(Math.min(x, width - x, y, height - y)).toBeGreaterThanOrEqual(nodeSize / 2);
      }
      const [first] = columns;
      for (let at = 1; at < 7; at++) expect(first![at]!.y - first![at - 1]!.y).toBeGreaterThan(nodeSize + 4);
    }
  }
  expect(linkWidth(0)).toBeLessThan(linkWidth(0.5));
  expect(linkWidth(1000)).toBeLessThanOrEqual(7);
});

test("a weight is read as it is shown, and as it is typed", () => {
  const texts = ["−0.734", "-2.5", " 1,5 ", "1e-3", "−1.50e−7", "0", "", "x", "1e9", "NaN"];
  const values = [-0.734, -2.5, 1.5, 1e-3, -1.5e-7, 0, undefined, undefined, undefined, undefined];
  expect(texts.map(parseWeight)).toEqual(values);
});

test("a neuron with constant output is distinguished from one that does not", () => {
  expect(isConstant(new Float32Array(9))).toBe(true);
  expect(isConstant(Float32Array.of(1, 0.99999, 1))).toBe(true);
  expect(isConstant(Float32Array.of(0, 0, 0.01))).toBe(false);
  expect(isConstant(Float32Array.of(-1, 1))).toBe(false);
});

test("numbers are short and have a true minus", () => {
  const texts = [0, -0.7341, 12.34, 1240, 1.5e-7, -2e9, Number.NaN, Infinity].map(formatNumber);
  expect(texts).toEqual(["0", "−0.734", "12.3", "1240", "1.50e−7", "−2.00e+9", "not a number", "∞"]);
});

test("colours run from negative over zero to positive", () => {
  const ramp = createRamp([255, 0, 0], [255, 255, 255], [0, 0, 255]);
  expect([-1, 1, -9, 9].map((value) => cssColor(colorAt(ramp, value)))).toEqual([
    "rgb(255 0 0)",
    "rgb(0 0 255)",
    "rgb(255 0 0)",
    "rgb(0 0 255)",
  ]);
  expect(colorAt(ramp, Number.NaN)).toBe(colorAt(ramp, 0));
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const csv = async (text: string) => {
  const read = await readFile(bytes(text), "points.csv");
  return { ...(await pointsOfTable(read, read.chosen)), chosen: read.chosen };
};

test("a table becomes points: two columns of numbers, and a target", async () => {
  const text = "name,width,height,kind\n" + Array.from({ length: 40 }, (_, row) =>
    `n${row},${row},${100 - row},${row < 20 ? "short" : "tall"}`).join("\n"); // prettier-ignore
  const { points, task, chosen, summary } = await csv(text);
  expect(chosen).toEqual({ x1: "width", x2: "height", target: "kind" });
  expect(task).toBe("classification");
  expect(points).toHaveLength(40);
  expect(Math.max(...points.map(({ x1 }) => x1))).toBe(5.4);
  expect(Math.min(...points.map(({ x2 }) => x2))).toBe(-5.4);
  expect(points.filter(({ value }) => value === 1)).toHaveLength(20);
  expect(points.every(({ x1, value }) => x1 > 0 === value > 0)).toBe(true);
  expect(summary).toMatch(
    /points\.csv: 40 rows\. x₁ is width, x₂ is height, predicted is kind \(blue: tall, orange: short\)\./,
  );
});

test("numbers to predict run from −1 to 1; rows with gaps are left out", async () => {
  const rows = Array.from({ length: 30 }, (_, row) => `${row};${row % 7};${row * row}`);
  const { points, task, summary } = await csv(["a;b;c", ...rows, "5;;2"].join("\n"));
  expect(task).toBe("regression");
  expect(points).toHaveLength(30);
  expect([Math.min(...points.map(({ value }) => value)), Math.max(...points.map(({ value }) => value))]).toEqual([
    -1, 1,
  ]);
  expect(summary).toContain("31 rows, 1 dropped for missing values");
});

test("more points than an address holds are drawn from", async () => {
  const rows = Array.from({ length: 4000 }, (_, row) => `${row},${(row * 7) % 13},${row % 2}`);
  const { points, summary } = await csv(["a,b,c", ...rows].join("\n"));
  expect(points).toHaveLength(mostOwnPoints);
  expect(summary).toContain("4000 rows, 1500 of them drawn");
});

test("a table that is not one, or has too little in it, is reported with its place", async () => {
  const rows = Array.from({ length: 20 }, (_, row) => `${row},x${row % 3},${row % 5}`);
  for (const [text, message] of [
    ["", /points\.csv.*expected.*got/],
    ["a,b\n1,2\n3,4", /expected two columns of numbers.*got 2 columns/],
    ["a,b,c\nx,y,1\nz,w,2", /got 3 columns, 1 of them of numbers/],
    ["a,b,c\n1,2,3\n4,5", /points\.csv: line 3: expected 3 cells/],
    [["a,kind,b", ...rows].join("\n"), /expected two classes, or numbers, got 3 classes in column "kind": x0, x1, x2/],
    ["%PDF-1.7", /a PDF document/],
  ] as const) {
    await expect(csv(text)).rejects.toThrow(message);
  }
  const read = await readFile(bytes("a,b,c\n1,2,3\n4,5,6\n7,8,1"), "points.csv");
  const same = pointsOfTable(read, { x1: "a", x2: "a", target: "c" });
  await expect(same).rejects.toThrow(/three different columns/);
});

test("what was decided of a table is reported without the options of the command line; the class is the last text of two", async () => {
  const rows = Array.from(
    { length: 60 },
    (_, row) =>
      `${row % 9 ? (row * 37) % 101 : -999},${row % 2 ? 1.5 : 2.5},${(row * row) % 97},${row % 3 ? "p" : "q"}`,
  );
  const { chosen, notes } = await csv(["a,version,b,label", ...rows].join("\n")); // prettier-ignore
  expect(chosen.target).toBe("label");
  expect(notes).toEqual(['"a": "-999" in 7 cells, outside the other numbers, 2 to 100, may mean a missing value']);
});

test("a constant column does not put every point on (0, 0)", async () => {
  const rows = Array.from({ length: 20 }, (_, row) => `7,${10 * row},${row % 2 ? "p" : "q"}`);
  const { points, chosen, summary } = await csv(["a,b,label", ...rows].join("\n"));
  expect(chosen).toEqual({ x1: "a", x2: "b", target: "label" });
  expect(points.every(({ x1 }) => x1 === 0)).toBe(true);
  expect(new Set(points.map(({ x2 }) => x2)).size).toBe(20);
  expect([points[0]!.x2, points.at(-1)!.x2]).toEqual([-5.4, 5.4]);
  expect(summary).toContain("a has one value only.");
  const both = Array.from({ length: 20 }, (_, row) => `7,8,${row % 2 ? "p" : "q"}`);
  await expect(csv(["a,b,label", ...both].join("\n"))).rejects.toThrow(
    /"a" has one value only; "b" has one value only/,
  );
});

test("an id and a constant are not the columns that are chosen first; dates and formatted numbers are numbers", async () => {
  const rows = Array.from({ length: 30 }, (_, row) =>
    `${row + 1};3;2023-01-${String(1 + (row * 5) % 28).padStart(2, "0")};${row * row % 17},5 €;${row % 3 ? "p" : "q"}`); // prettier-ignore
  const { points, chosen } = await csv(["id;k;day;price;label", ...rows].join("\n"));
  expect(chosen).toEqual({ x1: "day", x2: "price", target: "label" });
  expect(new Set(points.map(({ x1 }) => x1)).size).toBeGreaterThan(10);
});
