// `npm run bench -- paths` as people call it. Times are never asserted: states, counters, files and exit codes are.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isTimed, readPathsRecord } from "../bench/paths/record.ts";
import { bench } from "./support/benchCommand.ts";
import { testInFull } from "./support/share.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-paths-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

testInFull("times every path over the steps handed over, and judges the pick", { timeout: 240_000 }, async () => {
  const output = join(folder, "paths.json");
  const { code, stdout, stderr } = await bench(`paths --quick --sweep steps --output ${output}`);
  expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
  expect(stdout).toMatch(/^# Paths on /);
  expect(readdirSync(folder).toSorted()).toEqual(["paths-steps.svg", "paths.json", "paths.md"]);

  const { sweeps, problems, machine } = readPathsRecord(readFileSync(output, "utf8"), output);
  expect([problems, machine.host]).toEqual([[], "node"]);
  expect(sweeps.map(({ name }) => name)).toEqual(["steps"]);
  expect(sweeps[0]!.points.map(({ handOver }) => handOver)).toEqual([1, 300]);
  for (const { handOver, rows, pick } of sweeps[0]!.points) {
    const timed = rows.filter(isTimed);
    expect(timed.map(({ path }) => path)).toEqual(expect.arrayContaining(["layered", "members"]));
    expect(["fastest", "within noise", "slower"]).toContain(pick!.verdict);
    for (const { check, samples, counts, atOnce, stepsPerBlock } of timed) {
      expect(check.passed).toBe(true);
      expect(samples.length).toBeGreaterThanOrEqual(1); // fewer than 4 where a path is slow
      expect([stepsPerBlock % atOnce!, counts.rounds % atOnce!]).toEqual([0, 0]);
      expect([counts.createBuffer, counts.createBindGroup, counts.createPipeline, counts.mapAsync]).toEqual([
        0, 0, 0, 0,
      ]);
      expect(counts.submits).toBeLessThanOrEqual(counts.dispatches);
    }
    const layered = timed.find(({ path }) => path === "layered")!;
    expect(layered.counts.dispatches).toBe(10 * layered.counts.rounds);
    const members = timed.find(({ path }) => path === "members")!;
    expect(members.counts.dispatches).toBeLessThanOrEqual(members.counts.rounds);
    if (handOver === 1) expect(members.counts.dispatches).toBe(members.counts.rounds);
    else expect(members.counts.dispatches).toBeLessThan(members.counts.rounds / 10);
  }
});

test.each([
  [
    "--sweep stps",
    "bench: option '--sweep <names>' argument 'stps' is invalid. There is none; did you mean \"steps\"?",
  ],
  [
    "--device cpu",
    "bench: option '--device <kind>' argument 'cpu' is invalid. Allowed choices are auto, gpu, software",
  ],
  ["--fast", "bench: unknown option '--fast'"],
])("%s is wrong use", async (words, message) => {
  const { code, stdout, stderr } = await bench(`paths ${words}`);
  expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
});

test("--help lists the options", async () => {
  const { code, stdout, stderr } = await bench("paths --help");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/--sweep <names> /);
});
