// Columns of many categories on the command line: train, predict, evaluate, sweep.

import { expect, test } from "vitest";
import { decodeModel, inputNames } from "../src/data.ts";
import { createUniform } from "./support/random.ts";
import { cpu, read, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

/** A number by one of 30 cities; some cells are empty. */
function table(): string {
  const uniform = createUniform(4);
  const level = Array.from({ length: 30 }, () => 4 * uniform() - 2);
  const lines = Array.from({ length: 360 }, (_, row) => {
    const city = row % 30;
    const x = uniform();
    return `${row % 12 === 0 ? "" : `c${city}`},${x.toFixed(4)},${(level[city]! + x).toFixed(4)}`;
  });
  return ["city,x,y", ...lines, ""].join("\n");
}

const flags = ["--target", "y", "--epochs", "20", ...cpu];
const newRows = "city,x\nc3,0.5\nelsewhere,0.5\n,0.5\n";

test("train embeds the column; predict and evaluate take the file", async () => {
  write("cities.csv", table());
  write("new.csv", newRows);
  const trained = await thalweg(["train", "cities.csv", ...flags, "--verify", "--output", "m.safetensors"]);
  expect(trained.code).toBe(0);
  expect(trained.stderr).toContain("city: 30 categories, embedded (c0, c1, ");
  expect(trained.stderr).toContain('"city": missing cells form their own category');
  expect(trained.stderr).toMatch(/layers\.0\.table \[31, 11\] +341 parameters/);
  expect(Number(/R² (0\.\d+)/.exec(trained.stdout)![1])).toBeGreaterThan(0.8);

  const predicted = await thalweg(["predict", "m.safetensors", "new.csv", ...cpu]);
  expect(predicted.code).toBe(0);
  expect(predicted.stderr).toContain('"elsewhere" was not seen in training and is encoded as no category');
  expect(predicted.stderr).toContain("1 missing cell encoded as no category, like unseen values: city (1)");
  expect(predicted.stderr).not.toContain("filled as in training");
  const [, known, unseen, missing] = predicted.stdout.trim().split("\n").map(Number);
  expect(unseen).toBe(missing);
  expect(known).not.toBe(missing);
  const strict = await thalweg(["predict", "m.safetensors", "new.csv", ...cpu, "--strict"]);
  expect(strict).toMatchObject({ code: 3, stdout: "" });
  const evaluated = await thalweg(["evaluate", "m.safetensors", "cities.csv", ...cpu]);
  expect(evaluated.stdout).toMatch(/score +y: RMSE .*\(360 rows\)/);

  const explained = await thalweg(["explain", "--model", "m.safetensors", "--input", "3,0.5", "--target", "1", ...cpu]);
  expect([explained.code, explained.stderr]).toEqual([2, expect.stringContaining("at most 400 parameters")]);
  const beyond = await thalweg(["explain", "--model", "m.safetensors", "--input", "40,0.5", "--target", "1", ...cpu]);
  expect([beyond.code, beyond.stderr]).toEqual([
    2,
    expect.stringContaining("explain: --input: row 0, column 0: expected a category, an integer from 0 to 30"),
  ]);
  const few = ["--layers", "2", "--columns", "x,city", "--output", "few.safetensors", "--validation", "0"];
  expect((await thalweg(["train", "cities.csv", ...flags, ...few])).code).toBe(0);
  const step = await thalweg(["explain", "--model", "few.safetensors", "--input", "3,0.5", "--target", "1", ...cpu]);
  expect(step.stdout).toMatch(/layers\.0\.table\[3, 10\] [^]*Forward, v1: dense, layers\.1\n[^]*∂L\/∂e1 = 0\n/);

  const { preprocessing } = decodeModel(read("m.safetensors"), "m");
  expect(inputNames(preprocessing!)).toEqual(["city (number of the category)", "x"]);
});

test("--categories oneHot has an input for each; a sweep embeds as well", async () => {
  write("cities.csv", table());
  const plain = ["train", "cities.csv", ...flags, "--categories", "oneHot", "--json", "--quiet", "--output", "o.safetensors"]; // prettier-ignore
  expect(JSON.parse((await thalweg(plain)).stdout).network.widths).toBe("32-16-1"); // with an input for missing cells
  const wrong = await thalweg(["train", "cities.csv", ...flags, "--categories", "all"]);
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("--categories: expected one of auto, oneHot"),
  ]);
  const swept = await thalweg(["sweep", "cities.csv", "--target", "y", "--epochs", "5", "--device", "wasm", "--members", "4", "--learning-rate", "log:0.001..0.03", "--output", "s.safetensors", "--verify"]); // prettier-ignore
  expect(swept.code).toBe(0);
  expect(swept.stdout).toContain("within the bound");
  expect(decodeModel(read("s.safetensors"), "s").members).toBe(1);
});
