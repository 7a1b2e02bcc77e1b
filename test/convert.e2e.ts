// Other programs' formats on the command line: convert, inspect, predict --output, train --init; right and wrong files.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeNpy } from "../src/data/binary/npy.ts";
import models from "./formats/models.json";
import tables from "./formats/tables.json";
import { cpu, folder, penguins, thalweg, useFolder } from "./support/thalweg.ts";

useFolder();

const put = (name: string, base64: string): void => writeFileSync(join(folder, name), Buffer.from(base64, "base64"));
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test("a table of Parquet is inspected and converted", async () => {
  put("trees.parquet", tables.files["snappy.parquet"]);
  const { stdout } = await thalweg(["inspect", "trees.parquet"]);
  expect(stdout).toMatch(/table +Parquet, 40 rows, 11 columns\ncolumn +"byte": number\n/);
  for (const name of ["trees.csv", "trees.ndjson", "trees.json"]) {
    expect((await thalweg(["convert", "trees.parquet", name, "--quiet"])).code).toBe(0);
    const { stdout: record } = await thalweg(["inspect", name, "--json"]);
    expect(JSON.parse(record)).toMatchObject({ kind: "table", rows: 40 });
  }
  expect(read("trees.csv").split("\n")[1]).toBe('-20,0,9007199254740993,0,0,0,true,oak,row 0,2024-02-01,2024-02-01T00:00:00.250Z');
  const texts = await thalweg(["convert", "trees.parquet", "trees.npy"]);
  expect([texts.code, texts.stderr]).toEqual([2, expect.stringMatching(/trees\.npy: expected numbers, .* got "oak" in column "kind"/)]);
  const again = await thalweg(["convert", "trees.parquet", "trees.csv"]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/OUT trees\.csv: expected a new file/)]);
  const wrong = await thalweg(["convert", "trees.parquet", "trees.onnx"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/expected a file for a table, got one for a model/)]);
  const ending = await thalweg(["convert", "trees.parquet", "trees.xls"]);
  expect(ending.stderr).toMatch(/expected a file that ends in \.csv, \.json, \.ndjson, \.jsonl, \.npy, got trees\.xls/);
}); // prettier-ignore

test("a model is inspected and converted, the shards of TensorFlow.js beside it", async () => {
  const { files } = models;
  for (const name of ["model.json", "group1-shard1of2.bin", "group1-shard2of2.bin"] as const) put(name, files[name]);
  put("convolution.onnx", files["convolution.onnx"]);
  const { stdout } = await thalweg(["inspect", "model.json", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ kind: "model", inputs: 4, outputs: 3, parameters: 103 });
  expect((await thalweg(["convert", "model.json", "model.onnx", "--quiet"])).code).toBe(0);
  expect((await thalweg(["convert", "model.onnx", "model.safetensors", "--quiet"])).code).toBe(0);
  expect((await thalweg(["inspect", "model.safetensors"])).stdout).toMatch(/model +4.*8.*5.*3/);
  const refused = await thalweg(["inspect", "convolution.onnx"]);
  expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/this layer cannot be expressed here/)]);
});

test("train starts from a model's weights, predict writes files by their ending", async () => {
  const train = (...flags: string[]) =>
    thalweg(["train", penguins, "--target", "Species", ...cpu, "--epochs", "2", "--no-chart", ...flags]);
  expect((await train("--output", "a.safetensors")).code).toBe(0);
  const parameters = (name: string): Buffer => readFileSync(join(folder, name)).subarray(-400);
  const still = ["--learning-rate", "1e-30", "--init", "a.safetensors"];
  expect((await train("--output", "b.safetensors", ...still)).code).toBe(0);
  expect(parameters("b.safetensors")).toEqual(parameters("a.safetensors"));
  const other = await train("--output", "c.safetensors", "--init", "a.safetensors", "--layers", "5");
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(
      /--init a\.safetensors: layers\.0\.weights: expected shape .*, 5\].* got \[.*16\]; choose --layers/,
    ),
  ]);
  expect((await thalweg(["predict", "a.safetensors", penguins, ...cpu, "--output", "p.ndjson"])).code).toBe(0);
  expect(Object.keys(JSON.parse(read("p.ndjson").split("\n")[0]!))).toContain("probability Adelie");
  const texts = await thalweg(["predict", "a.safetensors", penguins, ...cpu, "--output", "p.npy"]);
  expect([texts.code, texts.stderr]).toEqual([2, expect.stringMatching(/expected numbers, for an array of NumPy/)]);
});

test("numbers become an array that NumPy reads", async () => {
  writeFileSync(join(folder, "n.csv"), "a,b\n1,2.5\n3,\n");
  expect((await thalweg(["convert", "n.csv", "n.npy", "--quiet"])).code).toBe(0);
  const array = decodeNpy(new Uint8Array(readFileSync(join(folder, "n.npy"))), "n.npy");
  expect(array.shape).toEqual([2, 2]);
  expect([0, 1, 2, 3].map((index) => array.at(index, array.fields[0]!))).toEqual([1, 2.5, 3, Number.NaN]);
});
