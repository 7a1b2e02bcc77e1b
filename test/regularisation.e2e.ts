// Weights, smoothed labels and what else keeps a network from learning its rows by heart, on the command line.

import { expect, test } from "vitest";
import { createUniform } from "./support/random.ts";
import { thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

/** Two classes, of which one has a fifth of the rows, and a weight for each row. */
function table(): string {
  const uniform = createUniform(4);
  const lines = Array.from({ length: 200 }, (_, row) => {
    const isRare = row % 5 === 0;
    return `${(uniform() + (isRare ? 0.3 : 0)).toFixed(4)},${row % 3},${isRare ? "rare" : "usual"}`;
  });
  return ["x,counts,kind", ...lines, ""].join("\n");
}

const common = ["--target", "kind", "--epochs", "20", "--device", "wasm"];

test("train and sweep take weights and smooth labels, and verify them", async () => {
  write("kinds.csv", table());
  const flags = ["--weight-column", "counts", "--class-weights", "balanced", "--label-smoothing", "0.1"];
  const output = ["--output", "m.safetensors", "--force"];
  const plain = await thalweg(["train", "kinds.csv", ...common, ...output]);
  const trained = await thalweg(["train", "kinds.csv", ...common, ...flags, ...output, "--verify"]);
  expect(trained.code).toBe(0);
  expect(trained.stderr).toContain("holds the weights of the rows");
  expect(trained.stdout).toContain("within the bound");
  const balanced = (text: string): number => Number(/balanced accuracy ([\d.]+)/.exec(text)![1]);
  expect(balanced(trained.stdout)).toBeGreaterThan(balanced(plain.stdout));
  const dropped = await thalweg([
    "train",
    "kinds.csv",
    ...common,
    ...output,
    "--dropout",
    "0.2",
    "--noise",
    "0.1",
    "--verify",
  ]);
  expect(dropped.code).toBe(0);
  expect(dropped.stdout).toContain("within the bound");
  const swept = await thalweg(["sweep", "kinds.csv", ...common, ...flags, ...output, "--members", "4", "--verify"]);
  expect(swept.code).toBe(0);
});

test("train and sweep learn from mixtures of rows, and verify it; embeddings are refused", async () => {
  write("kinds.csv", table());
  const mixed = ["--mixup", "0.3,4", "--weight-column", "counts", "--output", "m.safetensors", "--force"];
  const trained = await thalweg(["train", "kinds.csv", ...common, ...mixed, "--verify"]);
  expect([trained.code, trained.stdout]).toEqual([0, expect.stringContaining("within the bound")]);
  const swept = await thalweg([
    "sweep",
    "kinds.csv",
    ...common,
    ...mixed,
    "--members",
    "4",
    "--halving",
    "2",
    "--verify",
  ]);
  expect([swept.code, swept.stdout]).toEqual([0, expect.stringContaining("within the bound")]);
  const names = Array.from({ length: 60 }, (_, row) => `${row},name${row % 20},${row % 2}`);
  write("names.csv", ["x,name,y", ...names, ""].join("\n"));
  const embedded = await thalweg([
    "train",
    "names.csv",
    "--target",
    "y",
    "--device",
    "wasm",
    "--quiet",
    "--mixup",
    "0.2",
  ]);
  expect([embedded.code, embedded.stderr]).toEqual([
    2,
    expect.stringMatching(
      /^thalweg: --mixup: expected columns of numbers.*; prepare the table with --categories oneHot\n$/,
    ),
  ]);
});

test("invalid options are reported in the command line's terms", async () => {
  write("kinds.csv", table());
  for (const [flags, message] of [
    [["--class-weights", "1,2,3"], "--class-weights: expected 2 weights, got 3"],
    [["--class-weights", "even"], "--class-weights: expected numbers separated by commas"],
    [["--label-smoothing", "2"], "--label-smoothing: expected a number from 0 to 1"],
    [["--dropout", "1"], "--dropout: expected a number from 0 to below 1"],
    [["--noise", "-1"], "--noise: expected a number of at least 0"],
    [["--mixup", "0"], "--mixup: alpha: expected a number from 1e-6 to 1e6, got 0; pass 0.2, or leave --mixup out"],
    [["--mixup", "0.2,1.5"], "--mixup: copies: expected an integer from 1"],
    [["--mixup", "0.2,3,4"], '--mixup: expected alpha, or alpha and copies, got "0.2,3,4"'],
    [["--mixup", "0.2", "--folds", "3"], "--folds: expected no --mixup with it"],
    [["--weight-column", "count"], "--weight-column: expected a column of the table"],
    [["--weight-column", "kind"], "--weight-column: expected a column that is not the target"],
    [["--loss", "meanSquaredError", "--label-smoothing", "0.1"], "--label-smoothing: expected a cross entropy"],
  ] as const) {
    const { code, stderr } = await thalweg(["train", "kinds.csv", ...common, ...flags]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
});
