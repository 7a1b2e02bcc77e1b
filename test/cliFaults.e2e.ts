// What the command line does when it cannot do what it was asked: wrong input, and signals.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decodeModel } from "../src/data.ts";
import { cars, cpu, folder, penguins, read, thalweg, trainPenguins, useFolder, write } from "./support/thalweg.ts";

useFolder();

describe("wrong input ends in one line, its exit code, and no file", () => {
  const csv = (lines: string[]) => `${lines.join("\n")}\n`;
  const tables: Record<string, string> = {
    "empty.csv": "",
    "ragged.csv": csv(["a,y", "1,x", "2"]),
    "text.csv": csv(["a,y", "1,x", "foo,y", "3,x"]),
    "infinite.csv": csv(["a,y", "1,x", "Infinity,y", "3,x"]),
    "one.csv": csv(["a,y", "1,x", "2,x", "3,x"]),
    "cut.json": '[{"a":1,"y":"x"},{"a":2,',
  };
  beforeAll(() => {
    for (const [name, content] of Object.entries(tables)) write(name, content);
    const bytes = read("penguins.safetensors");
    write("cut.safetensors", bytes.subarray(0, bytes.length / 2));
    write(
      "flipped.safetensors",
      bytes.map((byte, k) => (k === bytes.length - 1 ? 0x7f : k === bytes.length - 2 ? 0x80 : byte)),
    );
  });
  beforeEach(() => rmSync(join(folder, "wrong.safetensors"), { force: true }));

  const on = (file: string, ...flags: string[]) => ["train", file, "--target", "y", ...flags];
  const withFlags = (...flags: string[]) => [...trainPenguins, ...flags];
  test.each<[string, string[], number, RegExp]>([
    ["a missing file", on("missing.csv"), 3, /missing\.csv: .* got no such file/],
    [
      "a folder",
      on("."),
      3,
      /expected a table in CSV, TSV, JSON, NDJSON, ARFF, libsvm, Parquet, Arrow, NumPy or IDX, got a folder/,
    ],
    ["a decay below 0", withFlags("--weight-decay", "-1"), 2, /^thalweg: --weight-decay: expected 0, or an f32/],
    ["no momentum", withFlags("--optimizer", "sgd", "--nesterov"), 2, /pass --momentum 0\.9, or leave --nesterov out/],
    ["an empty file", on("empty.csv"), 3, /got an empty file/],
    ["a ragged row", on("ragged.csv"), 3, /line 3: expected 2 cells/],
    ["text among numbers", on("text.csv"), 3, /line 3, column "a": expected a number, got "foo"/],
    ["infinity", on("infinite.csv"), 3, /line 3, column "a": expected a finite number, got "Infinity"/],
    ["one class only", on("one.csv"), 3, /column "y": .* got one class/],
    ["cut JSON", on("cut.json"), 3, /valid JSON/],
    ["a model instead of a table", on("penguins.safetensors"), 3, /binary data/],
    ["no target", ["train", penguins], 2, /pass --target COLUMN/],
    ["an unknown target", ["train", penguins, "--target", "Specis"], 2, /did you mean "Species"\?/],
    ["batch size 0", withFlags("--batch-size", "0"), 2, /--batch-size: expected an integer from 1/],
    [
      "a layer of width 0",
      withFlags("--layers", "16,0"),
      2,
      /--layers: expected widths from 1 to 1048576 .*, got "16,0"; write it like 16 or 32,16/,
    ],
    [
      "learning rate 1e39",
      withFlags("--learning-rate", "1e39"),
      2,
      /^thalweg: --learning-rate: expected .*f32.*, got 1e\+39/,
    ],
    [
      "a learning rate in words",
      withFlags("--learning-rate", "fast"),
      2,
      /--learning-rate: expected a number, got "fast"/,
    ],
    ["a momentum that adam has not", withFlags("--momentum", "0.9"), 2, /--momentum: expected options of adam/],
    ["an unknown activation", withFlags("--activation", "tahn"), 2, /did you mean tanh\?/],
    ["an unknown loss", withFlags("--loss", "hubert"), 2, /did you mean huber\?/],
    [
      "a share of 1",
      withFlags("--validation", "1"),
      2,
      /: --validation: expected a share of the rows from 0 to below 1/,
    ],
    ["classes for regression", withFlags("--task", "regression"), 2, /numbers for the task regression/],
    [
      "a loss of logits for numbers",
      ["train", cars, "--target", "Horsepower", "--loss", "softmaxCrossEntropy"],
      2,
      /a loss for numbers/,
    ],
    ["a former name", withFlags("--replicas", "3"), 2, /'--replicas' \(Did you mean --members\?\)/],
    ["another one", withFlags("--path", "layered"), 2, /'--path' \(Did you mean --strategy\?\)/],
    ["an unknown option", withFlags("--epoch", "3"), 2, /unknown option '--epoch' \(Did you mean --epochs\?\)/],
    ["an unknown command", ["trian", penguins], 2, /unknown command 'trian' \(Did you mean train\?\)/],
    ["too few arguments", ["predict", "penguins.safetensors"], 2, /missing required argument 'file'/],
    [
      "an option of other programs",
      withFlags("--lr", "1"),
      2,
      /'--lr' \(Did you mean --learning-rate\?\); usage: thalweg train/,
    ],
    [
      "widths with spaces",
      withFlags("--layers", "16", "16"),
      2,
      /too many arguments .*; lists take commas and no spaces/,
    ],
    ["a model as an argument of explain", ["explain", "m.safetensors"], 2, /; the model is --model FILE; usage:/],
    [
      "a word among widths",
      withFlags("--layers", "16,x"),
      2,
      /separated by commas, got "16,x"; write it like 16 or 32,16/,
    ],
    ["the address of a table", on("https://example.org/t.csv"), 3, /download it first/],
    ["an output folder that is not there", withFlags("--output", "nowhere/m.safetensors"), 2, /no folder/],
    ["an output without a name", withFlags("--output", ""), 2, /--output "": expected the name of a file, got none/],
    ["stdout as output", withFlags("--output", "-"), 2, /--output -: expected the name of a file, got stdout/],
    [
      "an output name that is too long",
      withFlags("--output", "m".repeat(250)),
      2,
      /a place where a file can be created/,
    ],
    ["an output that is a folder", withFlags("--output", "."), 2, /got a folder/],
    [
      "numbers that explode",
      ["train", cars, "--target", "Horsepower", "--optimizer", "sgd", "--learning-rate", "1e10"],
      6,
      /training diverged/,
    ],
    [
      "numbers that leave float32 and not float64",
      ["train", cars, "--target", "Horsepower", "--optimizer", "sgd", "--learning-rate", "1000", "--epochs", "4"],
      6,
      /training diverged; lower --learning-rate \(it is 1000\)/,
    ],
    ["a model for other columns", ["predict", "penguins.safetensors", cars], 3, /pass a table with these columns/],
    ["a model cut in half", ["predict", "cut.safetensors", penguins], 3, /cut\.safetensors: /],
    ["a model with a NaN", ["predict", "flipped.safetensors", penguins], 3, /a finite f32/],
    [
      "a table instead of a model",
      ["predict", penguins, penguins],
      3,
      /penguins\.json: expected a safetensors file, got a JSON table; .* the model comes before the table/,
    ],
  ])("%s", async (_, parameters, code, message) => {
    const output =
      parameters.includes("--output") || parameters[0] !== "train" ? [] : ["--output", "wrong.safetensors"];
    const device = parameters.length < 3 ? [] : cpu;
    const outcome = await thalweg([...parameters, ...output, ...device, ...(device.length > 0 ? ["--quiet"] : [])]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).toMatch(/^thalweg: [^\n]+\n$/);
    expect(outcome.stderr).not.toMatch(/undefined|\n\s+at /);
    expect([outcome.code, outcome.stdout]).toEqual([code, ""]);
    expect(readdirSync(folder).filter((name) => name.includes("wrong") || name.endsWith(".tmp"))).toEqual([]);
  });

  test.skipIf(process.platform !== "linux")("a folder that takes no files is told before the training", async () => {
    const { code, stdout, stderr } = await thalweg([...trainPenguins, ...cpu, "--output", "/proc/m.safetensors"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^thalweg: --output \/proc\/m\.safetensors: expected a place [^\n]+\n$/);
  });

  test("--quiet leaves the line that says what went wrong", async () => {
    const { stderr } = await thalweg([...on("text.csv"), "--quiet"]);
    expect(stderr).toMatch(/^thalweg: text\.csv: [^\n]+\n$/);
  });

  test("with --json the fault is one object on stdout", async () => {
    const { code, stdout } = await thalweg([...on("text.csv"), "--json"]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      v: 1,
      error: { code: "BAD_FILE", place: 'text.csv: line 3, column "a"', expected: "a number", got: '"foo"' },
      exitCode: 3,
    });
  });

  test("THALWEG_DEBUG=1 shows the stack", async () => {
    const { stderr } = await thalweg(on("text.csv"), { env: { THALWEG_DEBUG: "1" } });
    expect(stderr).toMatch(/\n\s+at /);
  });

  test("an existing model stays as it was when training diverges", async () => {
    const before = read("penguins.safetensors");
    const flags = ["--optimizer", "sgd", "--learning-rate", "1e10", ...cpu, "--output", "penguins.safetensors"];
    expect(await thalweg(["train", cars, "--target", "Horsepower", ...flags])).toMatchObject({ code: 6 });
    expect(read("penguins.safetensors")).toEqual(before);
  });
});

describe.skipIf(process.platform === "win32")("signals", () => {
  const long = [...trainPenguins, ...cpu, "--epochs", "1000000", "--output", "long.safetensors"];
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("the first %s saves the model and exits %i", async (signal, exitCode) => {
    const { code, stdout, stderr } = await thalweg(long, { interrupt: { after: "\ntraining ", signals: [signal] } });
    expect(code).toBe(exitCode);
    expect(stderr).toMatch(/the current model is in long\.safetensors; to resume: thalweg train \S+ --resume\n$/);
    expect(stdout).toMatch(/^saved +long\.safetensors/);
    expect(decodeModel(read("long.safetensors"), "m").training).toMatchObject({ finished: false });
    const predicted = await thalweg(["predict", "long.safetensors", penguins, ...cpu]);
    expect(predicted.code).toBe(0);
  });

  test("two at once leave no temporary file", async () => {
    const interrupt = { after: "\ntraining ", signals: ["SIGINT", "SIGTERM"] } as const;
    const { code } = await thalweg(long, { interrupt });
    expect([130, 143]).toContain(code);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("--json has a record of the interrupted training", async () => {
    const interrupt = { after: "\ntraining ", signals: ["SIGINT"] } as const;
    const { stdout } = await thalweg([...long, "--json"], { interrupt });
    expect(JSON.parse(stdout)).toMatchObject({
      training: { finished: false },
      exitCode: 130,
      model: "long.safetensors",
    });
  });
});
