// `npm run bench -- products` as people call it. Times are never asserted: checks, choices, files and exit codes are.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isTimed, readProductsRecord } from "../bench/products/record.ts";
import { variantNames } from "../bench/products/variants.ts";
import { bench } from "./support/benchCommand.ts";
import { testInFull } from "./support/share.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-products-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

testInFull("checks and times every variant, and judges what the library takes", { timeout: 240_000 }, async () => {
  const output = join(folder, "products.json");
  const { code, stdout, stderr } = await bench(`products --quick --class batched4,gradients2 --output ${output}`);
  expect([code, stderr.match(/bench: .*/g)]).toEqual([0, null]);
  expect(stdout).toMatch(/^# Products on /);
  expect(readdirSync(folder).toSorted()).toEqual([
    "products-batched4.svg",
    "products-gradients2.svg",
    "products.json",
    "products.md",
  ]);

  const { sweeps, problems, machine } = readProductsRecord(readFileSync(output, "utf8"), output);
  expect([problems, machine.host]).toEqual([[], "node"]);
  expect(sweeps.map(({ name, points }) => [name, points.map(({ x }) => x)])).toEqual([
    ["gradients2", [4096]],
    ["batched4", [64]],
  ]);
  for (const { choice, rows, leftOut, shape } of sweeps.flatMap(({ points }) => points)) {
    expect(leftOut).toBeUndefined();
    expect(["fast enough", "within noise", "slower"]).toContain(choice.verdict);
    expect(rows.map(({ variant }) => variant)).toEqual([choice.variant, ...variantNames]);
    expect(rows.map(({ isLibrary }) => isLibrary)).toEqual([true, ...variantNames.map(() => false)]);
    const timed = rows.filter(isTimed);
    // a device without quads cannot run those variants; a slow machine may leave one out, but never calls it wrong
    expect(timed.map(({ variant }) => variant)).toEqual(expect.arrayContaining(["plain", "tiled"]));
    for (const { check, samples, splits, isLibrary } of timed) {
      expect(check).toMatchObject({ isSample: false, notFinite: 0, entries: (shape.batch ?? 1) * shape.m * shape.n });
      expect(check.deviation).toBeLessThanOrEqual(Math.max(8, check.bound));
      expect(samples.length).toBeGreaterThanOrEqual(2);
      const most = Math.max(1, Math.floor(shape.k / 512));
      expect(splits).toBeLessThanOrEqual(most);
      if (!isLibrary) expect(splits).toBeGreaterThanOrEqual(1);
    }
  }
});

test("--list names classes and variants", async () => {
  const { code, stdout, stderr } = await bench("products --list");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^ {2}gradients64 +.*\(5 points\)$/m);
  for (const variant of variantNames) expect(stdout).toMatch(new RegExp(`^  ${variant} `, "m"));
});

testInFull("an unknown class is wrong use", async () => {
  const { code, stdout, stderr } = await bench("products --class gradents2");
  const message =
    "bench: option '--class <names>' argument 'gradents2' is invalid. There is none; did you mean \"gradients2\"?";
  expect([code, stdout, stderr.slice(0, message.length)]).toEqual([2, "", message]);
});
