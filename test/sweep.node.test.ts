// `thalweg sweep` without its training: what option values mean, which settings the networks get, and what is told of them.

import { describe, expect, test } from "vitest";
import { type SweepPlan, type SweepRequest, planSweep } from "../src/cli/sweepPlan.ts";
import { bestRecords, csvOf, rankingNotes, reportOf } from "../src/cli/sweepReport.ts";
import {
  type SweepResults,
  noResults,
  quantilesOf,
  rankedLosses,
  stepsTaken,
  stoppedOf,
} from "../src/cli/sweepResults.ts";
import { rankNetworks, rankingOf, tiedMembers } from "../src/cli/sweepRanking.ts";
import { type SweptFlag, describeValues, parseValues } from "../src/cli/sweepValues.ts";
import type { Prepared } from "../src/data.ts";
import { type Scores, acquire, createModel, dense, network } from "../src/node.ts";
import { faultOf } from "./support/fault.ts";

const rate = (text: string) => parseValues("--learning-rate", text);
const seeds = (text: string) => parseValues("--seed", text);

describe("parseValues", () => {
  test.each<[SweptFlag, string, object]>([
    ["--learning-rate", "0.01", { kind: "same", value: 0.01 }],
    ["--learning-rate", " 1e-3 ", { kind: "same", value: 1e-3 }],
    ["--learning-rate", "0", { kind: "same", value: 0 }],
    ["--learning-rate", "0..0.5", { kind: "range", from: 0, to: 0.5, scale: "linear" }],
    ["--learning-rate", "0...5", { kind: "range", from: 0, to: 0.5, scale: "linear" }],
    ["--learning-rate", "log:1e-4..1", { kind: "range", from: 1e-4, to: 1, scale: "log" }],
    ["--learning-rate", "log: 1e-4 .. 1", { kind: "range", from: 1e-4, to: 1, scale: "log" }],
    ["--learning-rate", "0.1, 0.01,1", { kind: "list", values: [0.1, 0.01, 1] }],
    ["--momentum", "0..0.99", { kind: "range", from: 0, to: 0.99, scale: "linear" }],
    ["--weight-decay", "0,1e-4", { kind: "list", values: [0, 1e-4] }],
    ["--seed", "0..4095", { kind: "range", from: 0, to: 4095, scale: "linear" }],
    ["--seed", "7..7", { kind: "same", value: 7 }],
    ["--seed", "3,1,2", { kind: "list", values: [3, 1, 2] }],
    ["--seed", "9007199254740991", { kind: "same", value: 2 ** 53 - 1 }],
  ])("%s %s", (flag, text, values) => expect(parseValues(flag, text)).toEqual(values));

  test.each<[SweptFlag, string, string, RegExp]>([
    ["--learning-rate", "fast", "a number, a range a..b or log:a..b, or a list a,b,c", /log:1e-4\.\.1/],
    ["--learning-rate", "", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "1,,2", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "1..", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "1..2..3", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "1,2..3", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "Infinity", "a number, a range a..b or log:a..b, or a list a,b,c", /write it like/],
    ["--learning-rate", "-1", "0, or numbers from 1.18e-38 to 3.4e38", /in that range/],
    ["--learning-rate", "1e39", "0, or numbers from 1.18e-38 to 3.4e38", /in that range/],
    ["--learning-rate", "1e-40..1", "0, or numbers from 1.18e-38 to 3.4e38", /in that range/],
    ["--learning-rate", "1..0.1", "a range from the smaller number to the larger", /write 0\.1\.\.1/],
    ["--learning-rate", "log:1..1e-3", "a range from the smaller number to the larger", /write log:0\.001\.\.1/],
    ["--learning-rate", "log:0..1", "numbers above 0 for a range with log:", /log:1e-4\.\.1/],
    ["--learning-rate", "log:0.1", "a range a..b after log:", /log:1e-4\.\.1/],
    ["--learning-rate", "log:1,2", "a range a..b after log:", /log:1e-4\.\.1/],
    ["--momentum", "0..1", "numbers from 0 to below 1", /in that range/],
    ["--momentum", "-0.1,0", "numbers from 0 to below 1", /in that range/],
    ["--weight-decay", "-1e-4", "0, or numbers from 1.18e-38 to 3.4e38", /in that range/],
    ["--seed", "1.5", "integers from 0 to 2⁵³ − 1", /in that range/],
    ["--seed", "0..9007199254740992", "integers from 0 to 2⁵³ − 1", /in that range/],
    ["--seed", "log:1..8", "a range of seeds without log:", /0\.\.255/],
  ])("%s %j is an error that says what to write", (flag, text, expected, fix) => {
    const { code, fault } = faultOf(() => parseValues(flag, text));
    expect(code).toBe("INVALID_INPUT");
    expect(fault).toMatchObject({ place: flag, expected });
    expect(fault.fix).toMatch(fix);
  });

  test("values as text", () => {
    expect(describeValues(rate("log:1e-4..1"))).toBe("0.0001 to 1 (log)");
    expect(describeValues(seeds("0..4095"), String)).toBe("0 to 4095");
    expect(describeValues(rate("1,2,3,4,5,6,7,8"))).toBe("1, 2, 3, 4, 5, 6, … 2 more");
    expect(describeValues(rate("0.1"))).toBe("0.1");
  });
});

/** Place of each value in equal strata of the range, sorted. */
const strata = (values: Float64Array, shareOf: (value: number) => number) =>
  Array.from(values, (value) => Math.floor(shareOf(value) * values.length)).sort((a, b) => a - b);

describe("planSweep", () => {
  const upTo = (count: number) => Array.from({ length: count }, (_, k) => k);

  test("ranges are spread: each stratum once, each axis in an order of its own", () => {
    const request: SweepRequest = {
      learningRate: rate("log:1e-4..1"),
      momentum: parseValues("--momentum", "0..0.9"),
      weightDecay: parseValues("--weight-decay", "log:1e-6..1e-2"),
      members: 101,
    };
    const { settings, varied, members } = planSweep(request, 1);
    expect([members, varied]).toEqual([101, ["learningRate", "momentum", "weightDecay", "seed"]]);
    expect(strata(settings.learningRate!, (value) => 1 + Math.log10(value) / 4)).toEqual(upTo(101));
    expect(strata(settings.momentum!, (value) => value / 0.9)).toEqual(upTo(101));
    expect(strata(settings.weightDecay!, (value) => (Math.log10(value) + 6) / 4)).toEqual(upTo(101));
    const orders = [settings.learningRate!, settings.momentum!, settings.weightDecay!].map((column) =>
      [...column.keys()].sort((a, b) => column[a]! - column[b]!).join(),
    );
    expect(new Set(orders).size).toBe(3);
    expect(planSweep(request, 1)).toEqual(planSweep(request, 1));
    expect(planSweep(request, 2).settings.learningRate).not.toEqual(settings.learningRate);
  });

  test("what is printed is what is used: nine digits, within the range", () => {
    const { settings } = planSweep({ learningRate: rate("log:1.23456789012e-3..1.3e-3"), members: 50 }, 1);
    for (const value of settings.learningRate!) {
      expect(value === 1.23456789012e-3 || value === Number(value.toPrecision(9))).toBe(true);
      expect(value >= 1.23456789012e-3 && value <= 1.3e-3).toBe(true);
    }
  });

  test("a seed range visits each once, in order, where there are as many networks", () => {
    const { members, settings, varied } = planSweep({ seed: seeds("10..29") }, 1);
    expect([members, varied]).toEqual([20, ["seed"]]);
    expect([...settings.seed]).toEqual(upTo(20).map((k) => 10 + k));
  });

  test("more networks than seeds share them evenly, fewer take different ones", () => {
    const many = planSweep({ seed: seeds("0..3"), learningRate: rate("0.1..1"), members: 10 }, 1).settings.seed;
    expect(upTo(4).map((seed) => many.filter((own) => own === seed).length)).toEqual([2, 3, 2, 3]);
    const few = planSweep({ seed: seeds("0..9007199254740991"), members: 5 }, 1).settings.seed;
    expect(new Set(few).size).toBe(5);
    expect(few.every((seed) => Number.isSafeInteger(seed))).toBe(true);
  });

  test("lists span a full grid, and seeds repeat it", () => {
    const request = { learningRate: rate("0.1,0.01"), weightDecay: parseValues("--weight-decay", "0,1e-4,1e-3") };
    const { members, settings } = planSweep({ ...request, seed: seeds("5..8") }, 1);
    expect(members).toBe(24);
    const { learningRate, weightDecay, seed } = settings;
    const points = upTo(24).map((r) => [learningRate![r], weightDecay![r], seed[r]].join());
    expect(new Set(points).size).toBe(24);
    expect(points.slice(0, 3)).toEqual(["0.1,0,5", "0.01,0,5", "0.1,0.0001,5"]);
    const listed = planSweep({ ...request, seed: seeds("5,6,7,8") }, 1).settings;
    expect(listed).toEqual(settings);
  });

  test("a grid is repeated over more networks", () => {
    const { settings } = planSweep({ learningRate: rate("0.1,0.01,0.001"), members: 7 }, 1);
    expect([...settings.learningRate!]).toEqual([0.1, 0.01, 0.001, 0.1, 0.01, 0.001, 0.1]);
  });

  test("defaults: 256 networks, seeds 1, 2, 3, …, and one number is the same for all", () => {
    const { members, settings, varied } = planSweep({ learningRate: rate("0.1") }, 1);
    expect([members, varied]).toEqual([256, ["seed"]]);
    expect([...settings.seed]).toEqual(upTo(256).map((k) => k + 1));
    expect(new Set(settings.learningRate)).toEqual(new Set([0.1]));
    expect(planSweep({ learningRate: rate("0.1..1"), seed: seeds("4") }, 1).varied).toEqual(["learningRate"]);
    expect(planSweep({ learningRate: rate("0.1,0.2"), seed: seeds("4") }, 1).members).toBe(2);
    expect(planSweep({ members: 1, seed: seeds("4") }, 1).members).toBe(1);
  });

  test.each<[string, SweepRequest, object]>([
    ["nothing differs", { seed: seeds("3") }, { place: "sweep", got: "the same settings for all 256" }],
    ["too many seeds", { seed: seeds("0..99999999") }, { place: "sweep", got: "lists and seeds for 100,000,000" }],
    [
      "too few networks for the grid",
      { learningRate: rate("1,2,3"), seed: seeds("1,2"), members: 5 },
      { place: "--members", expected: "at least 6, one network for each combination of the lists", got: "5" },
    ],
  ])("%s", (_, request, fault) => {
    expect(faultOf(() => planSweep(request, 1))).toMatchObject({ code: "INVALID_INPUT", fault });
  });
});

/** Four networks: the second has diverged, the third is the best. */
const plan: SweepPlan = planSweep({ learningRate: rate("0.1,10,0.01,1"), momentum: rate("0.5") }, 1);
const results: SweepResults = {
  training: {
    finalLosses: Float32Array.of(0.5, Number.NaN, 0.25, 0.75),
    bestLosses: Float32Array.of(0.375, Number.POSITIVE_INFINITY, 0.25, 0.5),
    bestSteps: Float64Array.of(8, -1, 9, 3),
    nonFiniteSteps: Float64Array.of(-1, 0, -1, -1),
  },
  scores: { losses: Float32Array.of(0.625, 0.125, 0.375, 1), accuracies: Float32Array.of(0.75, 0, 1, 0.5) },
  isHeldOut: true,
  rows: 8,
  ranking: [2, 0, 3, 1],
  learned: new Map([
    [2, 0.25],
    [0, 0.5],
  ]),
};

describe("results", () => {
  test("networks are ranked by the held-out loss, those that stopped last", () => {
    const losses = rankedLosses(results.scores, results.training);
    expect([...losses]).toEqual([0.625, Number.NaN, 0.375, 1]);
    expect(rankingOf({ losses })).toEqual([2, 0, 3, 1]);
    expect(rankingOf({ losses: Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY) })).toEqual([0, 1]);
  });

  test("ties are broken by the training loss, then by the number", () => {
    const losses = Float64Array.of(2, 1, 1, Number.NaN, 1, 0.5, 2, Number.NaN);
    expect(tiedMembers(losses)).toEqual([0, 1, 2, 4, 6]);
    const learned = new Map([
      [0, 0.3],
      [1, 0.9],
      [2, 0.1],
      [4, 0.1],
      [6, 0.3],
    ]);
    expect(rankingOf({ losses }, learned)).toEqual([5, 2, 4, 1, 0, 6, 3, 7]);
    expect(rankingOf({ losses })).toEqual([5, 1, 2, 4, 0, 6, 3, 7]);
  });

  test("networks that tie on the rows held out are ranked by the rows learned from", async () => {
    // y = w·x without bias: over the row x = 0 all are alike, over x = 1, y = 1 the best is w = 1.
    const net = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });
    const weights = [3, 1, 0, 1, -2];
    const parameters = Float32Array.from(weights.flatMap((w) => [w, 0]));
    const device = await acquire({ device: "reference" });
    const model = await createModel(net, { device, members: weights.length, parameters });
    const row = (value: number) => ({ inputs: Float32Array.of(value), targets: Float32Array.of(value) });
    const prepared = { training: row(1), validation: row(0) } as unknown as Prepared;
    const { losses } = await model.evaluate(row(0));
    expect([...losses]).toEqual([0, 0, 0, 0, 0]);
    const { ranking, learned } = await rankNetworks(model, prepared, { losses }, 1);
    expect(ranking).toEqual([1, 3, 2, 0, 4]);
    expect(weights.map((_, member) => learned.get(member))).toEqual([2, 0, 0.5, 0, 4.5]);
  });

  test("a saturated score and ties at the top are said to be so", () => {
    expect(rankingNotes(reportOf(plan, results))).toEqual([]); // one network alone is right everywhere
    const scores = { losses: Float32Array.of(0.5, 0, 0.5, 0.5), accuracies: Float32Array.of(1, 1, 1, 0.5) };
    const report = reportOf(plan, { ...results, scores, ranking: [0, 2, 3, 1] });
    expect([report.saturated, report.tied]).toEqual([2, 3]); // the second has stopped
    expect(rankingNotes(report)).toEqual([
      "2 of 4 networks predict the class of all 8 held-out rows correctly, so only the loss ranks them; hold out more rows (--validation), or compare the best on new rows",
      "3 of 4 networks share the lowest held-out loss; ties are ordered by the training loss, then the number",
    ]);
    const learned = rankingNotes(reportOf(plan, { ...results, scores, ranking: [0, 2, 3, 1], isHeldOut: false }));
    expect(learned[0]).toMatch(/all 8 training rows correctly, so only the loss ranks them$/);
    const numbers = reportOf(plan, { ...results, scores: { losses: scores.losses } as Scores, ranking: [0, 2, 3, 1] });
    expect(numbers.saturated).toBe(0);
  });

  test("quantiles are linear between neighbours and leave out what is not finite", () => {
    const values = Float64Array.of(4, Number.NaN, 1, 3, Number.POSITIVE_INFINITY, 2);
    expect(quantilesOf(values, [0, 0.25, 0.5, 1])).toEqual([1, 1.75, 2.5, 4]);
    expect(quantilesOf(Float64Array.of(5), [0, 0.5, 1])).toEqual([5, 5, 5]);
    expect(quantilesOf(Float64Array.of(Number.NaN), [0.5])).toEqual([Number.NaN]);
  });

  test("who stopped, the first first; steps count until then", () => {
    const nonFiniteSteps = Float64Array.of(-1, 7, 3, 7, 30);
    const training = { ...noResults(5), nonFiniteSteps };
    expect(stoppedOf(training)).toEqual([
      { member: 2, step: 3 },
      { member: 1, step: 7 },
      { member: 3, step: 7 },
      { member: 4, step: 30 },
    ]);
    expect(stepsTaken(training, 10)).toBe(10 + 7 + 3 + 7 + 10);
    expect(stepsTaken(noResults(3), 4)).toBe(12);
  });

  test("the file has a line for each network, in their order", () => {
    expect(csvOf(reportOf(plan, results)).split("\n")).toEqual([
      "member,rank,heldOutLoss,heldOutAccuracy,learningRate,momentum,seed,lastStepLoss,bestStepLoss,bestStep,stoppedAtStep",
      "0,2,0.625,0.75,0.1,0.5,1,0.5,0.375,8,",
      "1,4,0.125,0,10,0.5,2,,,,0",
      "2,1,0.375,1,0.01,0.5,3,0.25,0.25,9,",
      "3,3,1,0.5,1,0.5,4,0.75,0.5,3,",
      "",
    ]);
  });

  test("without held-out rows and without classes the columns are fewer", () => {
    const scores = { ...results.scores, accuracies: undefined };
    const report = reportOf(plan, { ...results, scores, isHeldOut: false, learned: new Map() });
    expect(csvOf(report).split("\n")[0]).toMatch(/^member,rank,trainingLoss,learningRate,/);
    expect(report.ranked).toBe("training loss");
  });

  test("records of the best", () => {
    const [first, ...others] = bestRecords(reportOf(plan, results), 2);
    expect(first).toEqual({
      rank: 1,
      member: 2,
      heldOutLoss: 0.375,
      heldOutAccuracy: 1,
      trainingLoss: 0.25,
      learningRate: 0.01,
      momentum: 0.5,
      seed: 3,
      lastStepLoss: 0.25,
      bestStepLoss: 0.25,
      bestStep: 9,
      stoppedAtStep: undefined,
    });
    expect(others).toMatchObject([{ rank: 2, member: 0 }]);
  });
});
