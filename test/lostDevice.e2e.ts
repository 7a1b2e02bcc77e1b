// The command line's own GPU device ends in the middle of a training.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { penguins, read, thalweg, useFolder } from "./support/thalweg.ts";

useFolder();

const preload = pathToFileURL(join(import.meta.dirname, "support/loseDevice.mjs")).href;

/** Trains on the software adapter. @param loseAt the submit behind which the device is destroyed; 0 for none */
async function train(output: string, loseAt: number): Promise<{ code: number | null; stderr: string }> {
  const flags = [
    "--device",
    "software",
    "--strategy",
    "members",
    "--epochs",
    "20",
    "--layers",
    "6",
    "--output",
    output,
  ];
  const env = { NODE_OPTIONS: `--import=${preload}`, LOSE_AT: String(loseAt) };
  return thalweg(["train", penguins, "--target", "Species", ...flags], { env });
}

beforeAll(async () => {
  const { code, stderr } = await train("undisturbed.safetensors", 0);
  expect([code, stderr.includes("was lost")]).toEqual([0, false]);
});

/** Behind the first submits the training begins; the last ones score it. */
test.each([1, 3, 6])("train saves the same bytes where its device is lost behind submit %i", async (loseAt) => {
  const { code, stderr } = await train("lost.safetensors", loseAt);
  expect(stderr).toContain("the device was lost: destroyed: ");
  expect(code).toBe(0);
  expect(read("lost.safetensors")).toEqual(read("undisturbed.safetensors"));
});
