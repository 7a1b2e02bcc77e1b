import { describe, expect, test } from "vitest";
import stepRecordText from "../bench/results/2026-11-22-google-swiftshader-step.json?raw";
import { readRecord, toJson, writeRecord } from "../bench/race/readRecord.ts";
import type { RaceRecord, TimedRow } from "../bench/race/record.ts";
import { stepRecordSchema } from "../bench/race/stepRecord.ts";
import {
  formatBytes,
  formatFlops,
  formatShare,
  formatSpread,
  formatTick,
  formatValue,
  roundOf,
  significant,
  titleOf,
  units,
  valueIn,
} from "../bench/race/units.ts";
import { InvalidInput } from "../src/errors.ts";
import { failedRow, point, raceRecord, timedRow } from "./support/raceRecords.ts";

const base = [1, 2, 4];
const rows = [
  timedRow(base, base, { contender: "thalweg" }),
  timedRow([1.1, 2.1, 3.9], base, { contender: "thalweg", isNoise: true }),
  timedRow([3, 5, 8], base, { contender: "other", settings: { batches: "two | three", depth: 4, warm: true } }),
  failedRow("broken", "failed", "out of memory"),
];
const race = { name: "tiny", title: "One training step", axis: "batch", points: [point(4, rows), point(16, rows)] };
const record = raceRecord([race]);
const copy = (): Record<string, unknown> => JSON.parse(JSON.stringify(record)) as Record<string, unknown>;

describe("writing and reading", () => {
  test("a record comes back as it was, numbers to six digits", () => {
    const odd = timedRow([1 / 3, 200_000.123456, 7e-9 / 3], base, { contender: "odd" });
    const { races } = readRecord(writeRecord(raceRecord([{ ...race, points: [point(4, [odd])] }])), "odd.json");
    const [back] = races[0]!.points[0]!.rows as [TimedRow];
    expect(back.samples).toEqual([0.333333, 200_000, 2.33333e-9]);
    expect(readRecord(writeRecord(record), "record.json")).toEqual(JSON.parse(toJson(record)));
  });

  test("what is read is written as it was read", () => {
    const text = writeRecord(record);
    expect(writeRecord(readRecord(text, "record.json"))).toBe(text);
  });

  test("lists of numbers stand on one line, and text in brackets stays as it is", () => {
    expect(toJson({ list: [1, 2.5], text: "[1,  2]", empty: [] })).toBe(
      '{\n  "list": [ 1, 2.5 ],\n  "text": "[1,  2]",\n  "empty": []\n}\n',
    );
  });

  test("a record with a figure that JSON cannot hold is not written", () => {
    const broken = raceRecord([{ ...race, points: [point(Number.NaN, rows)] }]);
    expect(() => writeRecord(broken)).toThrow(InvalidInput);
    expect(() => writeRecord(broken)).toThrow("writeRecord: races.0.points.0.x: expected number, got null");
  });
});

describe("errors tell the place, what was expected, what came and what to do", () => {
  const row = (own: object): string => {
    const points = [{ ...race.points[0]!, rows: [{ ...rows[0]!, ...own }] }];
    return JSON.stringify({ ...copy(), races: [{ ...race, points }] });
  };
  test.each([
    ["", "a.json: expected JSON, got an empty file; pass a file that the race has written"],
    ["<html>", 'a.json: expected JSON, got text that begins with "<html>"; pass a file that the race has written'],
    ["[1]", "a.json: expected a JSON object, got [1]; pass a whole file that the race has written"],
    ["null", "a.json: expected a JSON object, got null; pass a whole file that the race has written"],
    ["7", "a.json: expected a JSON object, got 7; pass a whole file that the race has written"],
    ["{}", "a.json: schemaVersion: expected 1 or 2, got nothing; pass a file that the race has written"],
    [
      JSON.stringify({ ...copy(), schemaVersion: 3 }),
      "a.json: schemaVersion: expected 1 or 2, got 3; read it with the newer thalweg that wrote it",
    ],
    [
      JSON.stringify({ ...copy(), schemaVersion: "2" }),
      'a.json: schemaVersion: expected 1 or 2, got "2"; pass a file that the race has written',
    ],
    [
      JSON.stringify({ ...copy(), bench: "kernels" }),
      'a.json: bench: expected "race", got "kernels"; pass a file that the race, or the step bench of thalweg 0.1, has written',
    ],
    [
      JSON.stringify({ schemaVersion: 1, bench: "race" }),
      'a.json: bench: expected "step", got "race"; pass a file that the race, or the step bench of thalweg 0.1, has written',
    ],
    [
      JSON.stringify({ ...copy(), machine: undefined }),
      "a.json: machine: expected a value, got nothing; repair that field, or record the race again",
    ],
    [
      row({ samples: [1, "2"] }),
      'a.json: races.0.points.0.rows.0.samples.1: expected number, got "2"; repair that field, or record the race again',
    ],
    [row({ hiddenBlocks: -1 }), "a.json: races.0.points.0.rows.0.hiddenBlocks: expected >=0, got -1"],
    [row({ status: "won" }), 'a.json: races.0.points.0.rows.0.status: expected ("timed" | '],
    [
      JSON.stringify({ schemaVersion: 1, bench: "step", machine: { date: 4 } }),
      "a.json: machine.date: expected string, got 4; repair that field, or record the race again",
    ],
  ])("%#: %.50s", (text, message) => {
    expect(() => readRecord(text, "a.json")).toThrow(InvalidInput);
    expect(() => readRecord(text, "a.json")).toThrow(message);
  });
});

interface StepFile {
  readonly cases: readonly {
    readonly description: { readonly name: string; readonly replicas: number; readonly batchSize: number };
    readonly step: {
      readonly counts: Record<string, number>;
      readonly check: { readonly tolerance: number; readonly deviations: { steps: number; deviation: number }[] };
      readonly times: Record<
        "a" | "b" | "reference",
        { samples: number[]; stepsPerBlock: number; summary: TimedRow["summary"] }
      >;
    };
  }[];
}

describe("the step record of schema version 1", () => {
  const file = JSON.parse(stepRecordText) as StepFile & { machine: { cpu: { model: string } } };
  const migrated = readRecord(stepRecordText, "step.json");
  const points = migrated.races[0]!.points;

  test("its figures are those of the file", () => {
    expect(points.map(({ name }) => name)).toEqual(file.cases.map(({ description }) => description.name));
    for (const [at, { step, description }] of file.cases.entries()) {
      const [a, b, reference] = points[at]!.rows as TimedRow[];
      expect(a!.samples).toEqual(step.times.a.samples);
      expect(b!.samples).toEqual(step.times.b.samples);
      expect(reference!.samples).toEqual(step.times.reference.samples);
      expect(a!.summary).toEqual(step.times.a.summary);
      expect(reference!.summary).toEqual(step.times.reference.summary);
      expect(a!.roundsPerBlock).toBe(step.times.a.stepsPerBlock);
      expect(a!.counts!.rounds).toBe(step.counts.steps);
      expect(a!.counts!.writeBufferBytes).toBe(step.counts.writeBufferBytes);
      const { tolerance, deviations } = step.check;
      expect(a!.check.deviations).toEqual(
        deviations.map(({ steps, deviation }) => ({ rounds: steps, deviation, bound: tolerance })),
      );
      expect(points[at]!.work.samples).toBe(description.replicas * description.batchSize);
    }
    expect(migrated.machine.cpu).toBe(file.machine.cpu.model);
  });

  test("ratios are paired block by block, the second series is the noise floor", () => {
    const [a, b, reference] = points[0]!.rows as [TimedRow, TimedRow, TimedRow];
    expect(new Set(a.ratios)).toEqual(new Set([1]));
    expect([a.isNoise, b.isNoise, reference.isNoise]).toEqual([false, true, false]);
    expect(b.ratios[3]).toBeCloseTo(0.235984 / 0.314932, 12);
    expect(reference.ratios[0]).toBeCloseTo(0.00773042 / 0.194882, 12);
    expect([a.contender, b.contender, reference.contender]).toEqual(["thalweg", "thalweg", "thalweg-cpu64"]);
  });

  test("what it did not record is said, and not made up", () => {
    const [a, b] = points[0]!.rows as [TimedRow, TimedRow];
    expect(a.notes).toContain("not recorded: audit, firstRoundMs, gpu");
    expect([a.audit, a.firstRoundMs, a.gpu, b.counts]).toEqual([
      { deviations: [], passed: false },
      0,
      undefined,
      undefined,
    ]);
    expect(migrated.protocol.importedFrom).toBe("schema version 1, bench step");
    expect(migrated.protocol.notRecorded).toContain("ceilings.cpu");
  });

  test("it is a record of today, and can be written", () => {
    expect(readRecord(writeRecord(migrated), "again.json").races[0]!.points).toHaveLength(file.cases.length);
  });

  test("a case that failed its check has no times but a reason", () => {
    const [first, ...rest] = file.cases;
    const check = { ...first!.step.check, passed: false };
    const text = JSON.stringify({ ...file, cases: [{ ...first!, step: { check } }, ...rest] });
    const [row, ...others] = readRecord(text, "wrong.json").races[0]!.points[0]!.rows;
    expect(others).toEqual([]);
    expect(row).toMatchObject({ status: "wrong", check: { passed: false } });
    expect((row as { reason: string }).reason).toContain("by 3.39931e-8 after one step, 1.21061e-7 after 10 steps");
  });

  test("its schema is not that of a race", () => {
    expect(stepRecordSchema.entries.bench.literal).toBe("step");
  });
});

describe("units", () => {
  const work = { flops: 3e6, bytes: 1, samples: 600, networks: 30 };
  const row = timedRow([1, 2, 3], base, { contender: "other" });

  test("times are read as they are; of rates the longest time is the lowest", () => {
    expect(valueIn(units.time, row, { work })).toEqual({ median: 2, lowerQuartile: 1.5, upperQuartile: 2.5 });
    expect(valueIn(units.samples, row, { work })).toEqual({
      median: 300_000,
      lowerQuartile: 240_000,
      upperQuartile: 400_000,
    });
    expect(valueIn(units.networkSteps, row, { work }).median).toBe(15_000);
    expect(valueIn(units.flops, row, { work }).median).toBe(1.5e9);
  });

  test("a training counts for as many rounds as it took steps", () => {
    const training = timedRow([1, 2, 3], base, { contender: "other", steps: 50 });
    expect(valueIn(units.samples, training, { work }).median).toBe(15e6);
    expect(valueIn(units.time, training, { work }).median).toBe(2);
    expect(roundOf({ name: "goal", title: "x", points: [point(1, [training])] })).toBe("training");
  });

  test("a round is called a step where the race says so", () => {
    expect([roundOf(race), roundOf({ ...race, title: "Chained products" })]).toEqual(["step", "round"]);
    expect([titleOf(units.time, "step"), titleOf(units.flops, "step")]).toEqual(["time per step", "FLOP/s"]);
  });

  test("three digits behind the prefix that fits", () => {
    const ms = [0.21133, 48.86, 0.99961, 1234.5, 2.5e-4, 1e-7, 0, 61_000];
    expect(ms.map((value) => formatValue(units.time, value))).toEqual(
      ["211 µs", "48.9 ms", "1.00 ms", "1.23 s", "250 ns", "0.100 ns", "0 ms", "61.0 s"], //
    );
    expect(formatValue(units.samples, 1.2e6)).toBe("1.20 M samples/s");
    expect(formatValue(units.samples, 0.5)).toBe("0.500 samples/s");
    expect(formatFlops(3.2e10)).toBe("32.0 GFLOP/s");
    expect([formatBytes(256), formatBytes(2.7234e9, "B/s")]).toEqual(["256 B", "2.72 GB/s"]);
    expect([formatShare(0.0314), formatShare(1.2)]).toEqual(["3.1 %", "120 %"]);
    expect([0.0123456, 1.2, 5432.1, 8.2e-8, 1e9].map(significant)).toEqual([
      "0.0123",
      "1.20",
      "5,430",
      "8.2e-8",
      "1.0e+9",
    ]);
  });

  test("quartiles share the prefix of their median; ticks are round", () => {
    const spread = { median: 0.9, lowerQuartile: 0.85, upperQuartile: 1.1 };
    expect(formatSpread(units.time, spread)).toBe("900 µs (850 … 1,100)");
    expect([0, 0.01, 20, 1000].map((value) => formatTick(units.time, value))).toEqual(["0", "10 µs", "20 ms", "1 s"]);
    expect([0, 50, 2e9].map((value) => formatTick(units.flops, value))).toEqual(["0", "50", "2 G"]);
  });
});

test("the made-up record is one that the schema accepts", () => {
  const accepted: RaceRecord = readRecord(JSON.stringify(record), "made up");
  expect(accepted.races[0]!.points[0]!.rows).toHaveLength(4);
});
