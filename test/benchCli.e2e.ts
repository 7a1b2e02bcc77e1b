// `npm run bench` as people call it. Times are never asserted: numbers, counters, files and exit codes are.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compare, writeComparison } from "../bench/against/compare.ts";
import { summarize } from "../bench/measure/statistics.ts";
import { races as racePlans } from "../bench/race/races.ts";
import { readRecord } from "../bench/race/readRecord.ts";
import type { Point, RaceRecord, Row, TimedRow } from "../bench/race/record.ts";
import { bench, root } from "./support/benchCommand.ts";
import { testInFull, testOf } from "./support/share.ts";

const tinyPoints = racePlans.find(({ name }) => name === "tiny")!.points.length;

const folder = mkdtempSync(join(tmpdir(), "bench-cli-"));
const raceMs = 240_000;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recordIn = (name: string): RaceRecord => readRecord(readFileSync(join(folder, name), "utf8"), name);

/** All rows of a record, which must have times. */
function timedRows({ races }: RaceRecord): readonly TimedRow[] {
  const rows: readonly Row[] = races.flatMap(({ points }) => points.flatMap((point) => point.rows));
  expect(rows.filter((row) => row.status !== "timed")).toEqual([]);
  return rows as readonly TimedRow[];
}

const perRound = ({ counts }: TimedRow): number => counts!.dispatches / counts!.rounds;

describe("a quick race in Chrome", () => {
  testInFull(
    "finds everyone right, counts their dispatches, and keeps what it found",
    { timeout: raceMs },
    async () => {
      const output = join(folder, "race.json");
      const names = ["thalweg", "thalweg-webgpu", "thalweg-layered", "plain-js", "tfjs-webgpu", "jax-js-webgpu"];
      const { code, stdout, stderr } = await bench(
        `--race tiny --contender ${names.join(",")} --quick --output ${output}`,
      );
      expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
      expect(stderr).toMatch(/0\/2 {2}tiny {2}2-2-2-1-b4-sgd\n/);
      expect(stdout).toMatch(/^# /);
      expect(readdirSync(folder).toSorted()).toEqual(["race-tiny.svg", "race.json", "race.md"]);
      const record = recordIn("race.json");
      expect(record).toMatchObject({ problems: [], machine: { host: "chrome", crossOriginIsolated: true } });
      expect(record.machine.flags).toContain("--enable-unsafe-webgpu");
      const rows = timedRows(record);
      expect(rows.map(({ contender }) => contender)).toEqual([...names, "thalweg", ...names, "thalweg"]);
      for (const { check, audit } of rows) expect([check.passed, audit.passed]).toEqual([true, true]);
      const dispatches = (name: string): number[] => rows.filter((row) => row.contender === name).map(perRound);
      expect(dispatches("thalweg-layered")).toEqual([10, 10]);
      expect(Math.max(...dispatches("thalweg-webgpu"))).toBeLessThanOrEqual(2); // a strategy that takes all layers in one dispatch
      for (const rival of ["tfjs-webgpu", "jax-js-webgpu"]) expect(Math.min(...dispatches(rival))).toBeGreaterThan(10);
    },
  );

  testInFull("times pages from the navigation to the first step", { timeout: raceMs }, async () => {
    const output = join(folder, "load.json");
    const { code } = await bench(`--race load --contender thalweg,jax-js-wasm --quick --output ${output}`);
    expect(code).toBe(0);
    const { load, races } = recordIn("load.json");
    expect(races).toEqual([]);
    const [own, rival] = load!.map((row) => ("samples" in row ? row : expect.fail(row.reason)));
    expect([own!.samples.length, rival!.samples.length]).toEqual([2, 2]);
    expect(own!.scriptBytes).toBeLessThan(rival!.scriptBytes); // it carries nothing of the others
    expect(own!.scriptGzipBytes).toBeLessThan(own!.scriptBytes);
    expect(own!.wasmBytes).toBe(0);
  });

  testInFull("Ctrl-C ends it, and --output keeps what it had", { timeout: raceMs }, async () => {
    const output = join(folder, "stopped.json");
    const { code, stderr } = await bench(
      `--race tiny --contender plain-js --no-isolation --output ${output}`,
      `1/${tinyPoints}  tiny`,
    );
    expect(code).toBe(130);
    expect(stderr).toContain("bench: stopping after what is under way; Ctrl-C again to exit now\n");
    const { machine, problems, races } = recordIn("stopped.json");
    expect(machine.crossOriginIsolated).toBe(false);
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^stopped after \\d+ of ${tinyPoints} points$`))]);
    expect(races[0]!.points.length).toBeGreaterThanOrEqual(1);
    expect(existsSync(join(folder, "stopped.md"))).toBe(false);
  });
});

testInFull("--host node races processes", { timeout: raceMs }, async () => {
  const output = join(folder, "node.json");
  const { code } = await bench(
    `race --host node --race tiny --contender plain-js,thalweg-cpu64 --quick --output ${output}`,
  );
  expect(code).toBe(0);
  const record = recordIn("node.json");
  expect(record.machine.hostVersion).toBe(`Node ${process.version}`);
  expect(timedRows(record)).toHaveLength(6);
});

const hasGit = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root }).status === 0;

(hasGit ? testInFull : test.skip)(
  "--against compares with a revision, and leaves nothing behind",
  { timeout: raceMs },
  async () => {
    const { code, stdout, stderr } = await bench("--against HEAD --race tiny --quick");
    expect(existsSync(join(root, "bench/.against"))).toBe(false);
    expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
    expect(stdout).toMatch(/÷ time of thalweg@[0-9a-f]{12}: /);
    expect(stdout.match(/^\| tiny .* (faster|slower|within noise) \|$/gm)).toHaveLength(2);
  },
);

test.skipIf(!hasGit)("--against wants a revision that git knows", async () => {
  const { code, stderr } = await bench("--against no-such-revision");
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("bench: --against: git knows no revision no-such-revision; "),
  ]);
});

test("a ratio counts only outside of the noise, in whichever direction that went", () => {
  const row = (contender: string, isNoise: boolean, ratios: number[]) =>
    ({ status: "timed", contender, isNoise, ratios, ratio: summarize(ratios) }) as TimedRow;
  const point = (then: number[]): Point =>
    ({ name: "p", rows: [row("then", false, then), row("thalweg", true, [1.1, 1.1, 1.1])] }) as unknown as Point;
  const verdict = (...then: number[]): string => {
    const found = compare({ races: [{ name: "r", title: "", axis: "", points: [point(then)] }] }, "then");
    return /\| ([\w :]+) \|\n$/.exec(writeComparison(found, "then"))![1]!;
  };
  // the older revision's time over today's: above 1 is faster today
  expect(verdict(2, 2, 2)).toBe("faster");
  expect(verdict(0.5, 0.5, 0.5)).toBe("slower");
  expect([verdict(1.09, 1.09, 1.09), verdict(0.92, 0.92, 0.92), verdict(2, 2, 0.5, 0.5)]).toEqual(
    Array.from({ length: 3 }, () => "within noise"),
  );
});

describe("what can be raced", () => {
  test("--list names races and contenders", async () => {
    const { code, stdout, stderr } = await bench("--list");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^Races:\\n {2}tiny .*\\(${tinyPoints} points\\)\\n`));
    expect(stdout).toMatch(
      /\nContenders:\n {2}thalweg .*\n {2}thalweg-webgpu .*\n {2}thalweg-layered .*\n {2}thalweg-wasm /,
    );
  });

  test("readme prints the table of a record", async () => {
    const file = "bench/results/2026-11-30-google-swiftshader-race-no-gpu.json";
    const { code, stdout } = await bench(`readme ${file}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\| one round +\| +no GPU \| software WebGPU adapter \| /);
    expect(stdout).toMatch(/\| +145 ns \| +1\.27 µs \| +194 ns, plain-js \| +1\.34 \|/);
  });

  testInFull("--help begins with examples and tells the exit codes", async () => {
    const { code, stdout } = await bench("--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n( {2}npm run bench -- .*\n){2}/);
    expect(stdout).toMatch(/\n +2 {2}usage error/);
  });

  const wrongUse: readonly (readonly [string, string])[] = [
    ["--race tinny", 'bench: --race tinny: there is none; did you mean "tiny"? there are: tiny, widths, '],
    ["--contender thalwag", 'bench: --contender thalwag: there is none; did you mean "thalweg"? there are: thalweg, '],
    [
      "--race tiny,,products",
      "bench: option '--race <names>' argument 'tiny,,products' is invalid. It has an empty name",
    ],
    [
      "--host firefox",
      "bench: option '--host <host>' argument 'firefox' is invalid. Allowed choices are chrome, node;",
    ],
    ["--host node --race load", "bench: --race load: pages load in Chrome; leave --host out\n"],
    ["--host node --contender onnxruntime", "bench: --contender onnxruntime: there is none; "],
    [
      "kernel",
      'bench: there is no bench kernel; did you mean "kernels"? there are: race, halving, kernels, limits, products, readme, strategies\n',
    ],
    ["--fast", "bench: unknown option '--fast'"],
  ];
  for (const [index, [words, message]] of wrongUse.entries()) {
    testOf(index === 0)(`${words} is wrong use`, async () => {
      const { code, stdout, stderr } = await bench(words);
      expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
      expect(stderr.match(/\n/g)).toHaveLength(1);
    });
  }
});
