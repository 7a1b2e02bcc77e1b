// `npm run bench -- strategies` as people call it. Times are never asserted: states, counters, files and exit codes are.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isTimed, readStrategiesRecord } from "../bench/strategies/record.ts";
import { bench } from "./support/benchCommand.ts";
import { testInFull } from "./support/share.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-strategies-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

testInFull("times every strategy over the steps handed over, and judges the pick", { timeout: 240_000 }, async () => {
  const output = join(folder, "strategies.json");
  const { code, stdout, stderr } = await bench(`strategies --quick --sweep steps --output ${output}`);
  expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
  expect(stdout).toMatch(/^# Strategies on /);
  expect(readdirSync(folder).toSorted()).toEqual(["strategies-steps.svg", "strategies.json", "strategies.md"]);

  const { sweeps, problems, machine } = readStrategiesRecord(readFileSync(output, "utf8"), output);
  expect([problems, machine.host]).toEqual([[], "node"]);
  expect(sweeps.map(({ name }) => name)).toEqual(["steps"]);
  expect(sweeps[0]!.points.map(({ handOver }) => handOver)).toEqual([1, 300]);
  for (const { handOver, rows, pick } of sweeps[0]!.points) {
    const timed = rows.filter(isTimed);
    expect(timed.map(({ strategy }) => strategy)).toEqual(expect.arrayContaining(["layered", "members"]));
    expect(["fastest", "within noise", "slower"]).toContain(pick!.verdict);
    for (const { check, samples, counts, atOnce, stepsPerBlock } of timed) {
      expect(check.passed).toBe(true);
      expect(samples.length).toBeGreaterThanOrEqual(1); // fewer than 4 where a strategy is slow
      expect([stepsPerBlock % atOnce!, counts.rounds % atOnce!]).toEqual([0, 0]);
      expect([counts.createBuffer, counts.createBindGroup, counts.createPipeline, counts.mapAsync]).toEqual([
        0, 0, 0, 0,
      ]);
      expect(counts.submits).toBeLessThanOrEqual(counts.dispatches);
    }
    const layered = timed.find(({ strategy }) => strategy === "layered")!;
    expect(layered.counts.dispatches).toBe(10 * layered.counts.rounds);
    const members = timed.find(({ strategy }) => strategy === "members")!;
    expect(members.counts.dispatches).toBeLessThanOrEqual(members.counts.rounds);
    if (handOver === 1) expect(members.counts.dispatches).toBe(members.counts.rounds);
    else expect(members.counts.dispatches).toBeLessThan(members.counts.rounds / 10);
  }
});

testInFull.each([
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
  const { code, stdout, stderr } = await bench(`strategies ${words}`);
  expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
});

test("--help lists the options", async () => {
  const { code, stdout, stderr } = await bench("strategies --help");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/--sweep <names> /);
});
