import { describe, expect, test } from "vitest";
import { summarize } from "../bench/measure/statistics.ts";
import { crossoversOf, fastestAt, judgePick, type StrategySeries } from "../bench/strategies/judge.ts";
import { strategiesPictures } from "../bench/strategies/pictures.ts";
import {
  type FailedPath,
  type StrategiesPoint,
  type StrategiesRecord,
  readStrategiesRecord,
  type TimedPath,
  writeStrategiesRecord,
} from "../bench/strategies/record.ts";
import { strategiesMarkdown } from "../bench/strategies/report.ts";
import { sweeps } from "../bench/strategies/sweeps.ts";
import { toJson } from "../bench/race/readRecord.ts";
import { InvalidInput } from "../src/errors.ts";
import type { StrategyName } from "../src/backend/executor.ts";
import { raceRecord } from "./support/raceRecords.ts";

const counts = {
  dispatches: 10_000,
  submits: 4,
  passes: 4,
  createBuffer: 0,
  createBindGroup: 0,
  createPipeline: 0,
  writeBuffer: 4,
  writeBufferBytes: 256_000,
  mapAsync: 0,
};

function timed(strategy: StrategyName, samples: number[], own: Partial<TimedPath> = {}): TimedPath {
  return {
    status: "timed",
    strategy,
    plan: { stepMs: 2, dispatchesPerStep: 10, stepsPerDispatch: 1, kernels: ["forward"], chunkRows: 4, bytes: 1024 },
    compile: { firstMs: 120, againMs: 1.5 },
    check: { deviations: [{ rounds: 3, deviation: 1e-7, bound: 1e-5 }], passed: true },
    isOnce: false,
    stepsPerBlock: 64,
    samples,
    summary: summarize(samples),
    counts: { rounds: 1000, ...counts },
    ...own,
  };
}

const failed = (strategy: StrategyName, status: FailedPath["status"], reason: string): FailedPath => ({
  status,
  strategy,
  reason,
});

const series = (strategy: StrategyName, ...ms: (number | undefined)[]): StrategySeries => ({
  strategy,
  blocks: ms.map((each) => (each === undefined ? undefined : { ms: each })),
});

function pointAt(x: number, rows: StrategiesPoint["rows"], pick?: StrategiesPoint["pick"]): StrategiesPoint {
  const work = { flops: 1e6, bytes: 4e3, samples: x, networks: 1 };
  return { name: `b${x}`, x, description: `2-2-2-1, ${x} samples`, work, ...(pick && { pick }), rows };
}

describe("what the planner picks", () => {
  const [members, samples, layered] = [
    series("members", 1, 1.1, 0.9),
    series("samples", 2, 2.2, 1.8),
    series("layered", 30),
  ];
  const all = [layered, samples, members];

  test("is the fastest by its median", () => {
    const found = judgePick("members", all, series("members", 1.2, 1, 1));
    expect(found).toMatchObject({ verdict: "fastest", fastest: "members", ratio: { median: 1 } });
    expect(found.noise!.median).toBeCloseTo(1 / 0.9, 12); // 1.2, 0.91, 1.11: paired by round
  });

  test("is slower where the ratio lies outside of the noise, whichever series of the two was the slower", () => {
    expect(judgePick("samples", all, series("samples", 2, 2.2, 1.8))).toMatchObject({
      verdict: "slower",
      fastest: "members",
      ratio: { median: 2 },
    });
    for (const again of [series("samples", 5, 5.5, 4.5), series("samples", 0.8, 0.88, 0.72)]) {
      expect(judgePick("samples", all, again).verdict).toBe("within noise");
    }
  });

  test("that was measured once is compared by medians", () => {
    const found = judgePick("layered", all, undefined);
    expect(found).toMatchObject({ verdict: "slower", fastest: "members", ratio: { median: 30 } });
    expect(found.noise).toBeUndefined();
  });

  test("may have no times, or nobody", () => {
    expect(judgePick("tiles", all, undefined)).toEqual({ verdict: "no times", fastest: "members" });
    expect(judgePick("tiles", [], undefined)).toEqual({ verdict: "no times" });
  });

  test("rounds that one sat out are left out of its ratios", () => {
    const slow = series("samples", 4, undefined, 3.6);
    expect(judgePick("samples", [slow, members], undefined).ratio!.median).toBeCloseTo(4, 12);
  });
});

describe("crossovers", () => {
  const rows = (fast: number, wide: number): StrategiesPoint["rows"] => [
    timed("members", [fast]),
    timed("samples", [wide]),
  ];

  test("lie where lines cross on log axes, whatever the order of the points", () => {
    const points = [pointAt(16, rows(4, 1)), pointAt(1, rows(1, 4)), pointAt(256, rows(64, 4))];
    expect(crossoversOf(points)).toEqual([
      { from: "members", to: "samples", below: 1, above: 16, at: expect.closeTo(4, 9) },
    ]);
  });

  test("lie in the middle where one of the two has no times", () => {
    const points = [pointAt(1, [timed("members", [1])]), pointAt(100, [timed("samples", [1])]), pointAt(1000, [])];
    expect(crossoversOf(points)).toMatchObject([{ from: "members", to: "samples", at: expect.closeTo(10, 9) }]);
  });

  test("are none where one strategy is the fastest everywhere, or nobody has times", () => {
    expect(crossoversOf([pointAt(1, rows(1, 2)), pointAt(2, rows(1, 2))])).toEqual([]);
    expect(crossoversOf([pointAt(1, []), pointAt(2, [failed("tiles", "cannot", "too wide")])])).toEqual([]);
    expect(fastestAt(pointAt(1, []))).toBeUndefined();
  });
});

const reason = "one invocation trains a member; about 1 ms per step by the cost model";
const points = [
  pointAt(
    4,
    [timed("layered", [10, 12]), timed("members", [1, 1.2], { counts: { rounds: 1000, ...counts, dispatches: 1 } })],
    { strategy: "members", reason, ...judgePick("members", [series("members", 1, 1.2)], series("members", 1.1, 1.1)) },
  ),
  pointAt(
    1024,
    [
      timed("layered", [20, 22], { isOnce: true, counts: { rounds: 10, ...counts, createBuffer: 3 } }),
      failed("members", "cannot", "batches | of 1,024"),
      timed("samples", [40, 44]),
      failed("tiles", "memory", "4 GB in one buffer"),
    ],
    {
      strategy: "samples",
      reason,
      ...judgePick("samples", [series("layered", 20, 22), series("samples", 40, 44)], undefined),
    },
  ),
];
const { machine } = raceRecord([]);
const record: StrategiesRecord = {
  schemaVersion: 2,
  bench: "strategies",
  machine: { ...machine, host: "node", hostVersion: "Node v20.20.2" },
  protocol: { blocks: 10, blockMs: 100 },
  ceilings: { flopsPerSecond: 1e10, bytesPerSecond: 2e9, emptyNs: 10_000, dependentNs: 12_000 },
  sweeps: [{ name: "batch", title: "One step", axis: "batch", points, crossovers: crossoversOf(points) }],
  problems: [],
};

describe("the record", () => {
  test("is read as it was written", () => {
    expect(readStrategiesRecord(writeStrategiesRecord(record), "strategies.json")).toEqual(JSON.parse(toJson(record)));
  });

  test.each([
    [
      "a strategy that there is none of",
      { ...record, sweeps: [{ ...record.sweeps[0]!, points: [pointAt(1, [timed("fast" as StrategyName, [1])])] }] },
    ],
    ["a field that is missing", { ...record, protocol: undefined }],
    ["the record of a race", raceRecord([])],
    ["a version to come", { ...record, schemaVersion: 99 }],
  ])("refuses %s", (_, wrong) => {
    expect(() => readStrategiesRecord(JSON.stringify(wrong), "x.json")).toThrow(InvalidInput);
  });

  test("refuses a figure that is no number", () => {
    const broken = { ...record, sweeps: [{ ...record.sweeps[0]!, points: [pointAt(Number.NaN, [])] }] };
    expect(() => writeStrategiesRecord(broken)).toThrow(/writeStrategiesRecord: sweeps\.0\.points\.0\.x/);
  });
});

/** Cells of the lines of tables that begin with a name, behind it. */
const cellsOf = (text: string, name: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`| ${name} `))
    .map((line) =>
      line
        .replaceAll(String.raw`\|`, "¦")
        .split("|")
        .slice(2, -1)
        .map((cell) => cell.trim()),
    );

describe("Markdown", () => {
  const text = strategiesMarkdown(record);

  test("marks the fastest and the pick, and says who cannot", () => {
    expect(cellsOf(text, "members")[0]).toEqual(["**1.10 ms** ◂", "–"]);
    expect(cellsOf(text, "layered")[0]).toEqual(["11.0 ms", "**21.0 ms once**"]);
    expect(cellsOf(text, "samples")[0]).toEqual(["", "42.0 ms ◂"].map((cell) => cell || "–"));
    expect(cellsOf(text, "tiles")[0]).toEqual(["–", "memory"]);
    expect(text).toContain(String.raw`- members: cannot take it at batch 1,024: batches \| of 1,024`);
    expect(text).toContain("- tiles: too large for the device at batch 1,024: 4 GB in one buffer");
    expect(text).not.toContain("| groups");
  });

  test("judges the planner", () => {
    expect(cellsOf(text, "batch")[0]).toEqual(["2", "1", "0", "1", "0", "2.00"]);
    const line = text.split("\n").find((each) => each.startsWith("| 1,024 | samples"));
    expect(line).toMatch(/\| +2\.00 ms \| +42\.0 ms \| layered +\| +2\.00 \(2\.00 … 2\.00\) \| .*\*\*slower\*\*/);
    expect(text).toContain("- members is the fastest at batch 4, layered at 1,024; the lines cross at about ");
  });

  test("counts by 1,000 steps and by step", () => {
    const members = cellsOf(text, "members");
    expect(members.map(([cell]) => cell)).toEqual([
      "**1.10 ms** ◂",
      "1.82",
      "9.1 %",
      "1",
      "4",
      "256 B",
      "120 ms / 1.50 ms",
    ]);
    expect(text).toContain("Buffers, bind groups or pipelines made in steps: layered 3 in 10 steps at batch 1,024.");
  });
});

describe("pictures", () => {
  const [picture] = strategiesPictures(record);

  test("show a line per strategy that has times, rings and crossovers", () => {
    expect(picture!.name).toBe("batch");
    expect(picture!.svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(picture!.svg).not.toMatch(/var\(--race|NaN|undefined/);
    for (const words of ["an invocation trains a network", "layer by layer", "ring: what the planner picks"]) {
      expect(picture!.svg).toContain(words);
    }
    expect(picture!.svg).toContain("members → layered at");
    expect(picture!.svg).toContain("cannot take batch 1,024");
    expect(picture!.svg).toContain("too large for the device at batch 1,024");
    expect(picture!.svg.match(/<circle[^>]* r="9"/g)).toHaveLength(2);
  });

  test("say in words what they show", () => {
    expect(picture!.svg).toContain("4: members the fastest with 1.10 ms, the planner picks members");
  });
});

describe("sweeps", () => {
  test("have names of their own, and points in order, some of them for a quick run", () => {
    expect(new Set(sweeps.map(({ name }) => name)).size).toBe(sweeps.length);
    for (const { points: all } of sweeps) {
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      expect(all.map(({ x }) => x)).toEqual(all.map(({ x }) => x).toSorted((a, b) => a - b));
      expect(all.some(({ isQuick }) => isQuick)).toBe(true);
    }
  });

  test("reach as far as they say", () => {
    const ends = sweeps.map(({ name, points: all }) => [name, all[0]!.x, all.at(-1)!.x, all.length]);
    expect(ends).toEqual([
      ["batch", 1, 2 ** 20, 11],
      ["width", 2, 128, 7],
      ["widthMembers", 2, 64, 6],
      ["members", 1, 1e6, 7],
      ["steps", 1, 1000, 7],
      ["stepsMembers", 1, 1000, 7],
    ]);
    const last = sweeps.at(-1)!.points.at(-1)!;
    expect(last).toMatchObject({ handOver: 1000, workload: { members: 1000, batchSize: 4, rows: 4 } });
    expect(last.description).toBe(
      "1,000 networks 2-2-2-1 sigmoid, squared error, sgd, 4 samples, 1,000 steps handed over at once",
    );
  });
});
