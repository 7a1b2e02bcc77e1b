// `npm run bench -- limits` as people call it. Times are never asserted: checks, ablations, files and exit codes are.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cases } from "../bench/limits/plans.ts";
import { again, everything, isTimed, readLimitsRecord } from "../bench/limits/record.ts";
import { bench } from "./support/benchCommand.ts";
import { testInFull } from "./support/share.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-limits-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

testInFull("times the kernels of every case whole and without each part", { timeout: 300_000 }, async () => {
  const output = join(folder, "limits.json");
  const { code, stdout, stderr } = await bench(`limits --quick --output ${output}`);
  expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
  expect(stdout).toMatch(/^# Limits of the kernels on /);
  const pictures = cases.map(({ name }) => `limits-${name}.svg`);
  expect(readdirSync(folder).toSorted()).toEqual([...pictures, "limits.json", "limits.md"].toSorted());

  const { sweeps, problems, machine } = readLimitsRecord(readFileSync(output, "utf8"), output);
  expect([problems, machine.host]).toEqual([[], "node"]);
  expect(sweeps.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  for (const [at, { points }] of sweeps.entries()) {
    const plans = cases[at]!.points.filter(({ isQuick }) => isQuick);
    expect(points.map(({ name }) => name)).toEqual(plans.map(({ name }) => name));
    for (const [index, { rows, kernels }] of points.entries()) {
      const { ablations } = plans[index]!;
      expect(rows.map(({ ablation }) => ablation)).toEqual([everything, again, ...ablations.map(({ name }) => name)]);
      const edited = ablations.flatMap(({ edits }) => edits.map(({ kernel }) => kernel));
      expect(kernels).toEqual(expect.arrayContaining(edited));
      const [whole, ...others] = rows.filter(isTimed);
      expect(whole!.check!.deviation).toBeLessThanOrEqual(Math.max(8, whole!.check!.bound));
      for (const { check, samples } of others) {
        expect([check, samples.length]).toEqual([undefined, whole!.samples.length]);
      }
    }
  }
});

test("--list names cases and what is left out of each", async () => {
  const { code, stdout, stderr } = await bench("limits --list");
  expect([code, stderr]).toEqual([0, ""]);
  for (const { name, points } of cases) {
    expect(stdout).toMatch(new RegExp(`^${name} `, "m"));
    for (const ablation of points[0]!.ablations) expect(stdout).toMatch(new RegExp(`^ {2}${ablation.name} `, "m"));
  }
});

testInFull("an unknown case is wrong use", async () => {
  const { code, stdout, stderr } = await bench("limits --case slimm");
  const message = "bench: option '--case <names>' argument 'slimm' is invalid. There is none; did you mean \"slim\"?";
  expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
});
