// The command line as people call it: dist/cli.js in a folder of its own. Most runs are on the CPU, the quickest to start.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decodeModel } from "../src/data.ts";

const root = join(import.meta.dirname, "..");
const cli = join(root, "dist/cli.js");
const penguins = join(root, "node_modules/vega-datasets/data/penguins.json");
const cars = join(root, "node_modules/vega-datasets/data/cars.json");

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Record<string, string>;
  /** Sends signals once stderr contains this text. */
  readonly interrupt?: { readonly after: string; readonly signals: readonly NodeJS.Signals[] };
  /** Closes our end of stdout at once. */
  readonly closeStdout?: boolean;
}

let folder = "";

/** Runs thalweg in the folder; never throws. */
function thalweg(parameters: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { input = "", interrupt, closeStdout } = options;
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  for (const name of ["FORCE_COLOR", "NO_COLOR", "THALWEG_DEBUG"]) if (!options.env?.[name]) delete env[name];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...parameters], { cwd: folder, env });
    let [stdout, stderr] = ["", ""];
    let waiting = interrupt?.after;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (!interrupt || waiting === undefined || !stderr.includes(waiting)) return;
      waiting = undefined;
      for (const signal of interrupt.signals) child.kill(signal);
    });
    if (closeStdout) child.stdout.destroy();
    child.stdin.on("error", () => {}); // a child that ends without reading
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const write = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const cpu = ["--device", "cpu"];
const trainPenguins = ["train", penguins, "--target", "Species"];

beforeAll(async () => {
  if (!existsSync(cli)) throw new Error("dist/cli.js is missing: npm run build");
  folder = mkdtempSync(join(tmpdir(), "thalweg-cli-"));
  const trained = await thalweg([...trainPenguins, ...cpu, "--output", "penguins.safetensors"]);
  expect(trained).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("train", () => {
  test("says in order what it found, does and reached, on the device there is", async () => {
    const { code, stdout, stderr } = await thalweg([...trainPenguins, "--verify", "--output", "all.safetensors"]);
    expect(code).toBe(0);
    const labels = stderr.split("\n").map((line) => line.slice(0, 10).trim());
    expect(labels.filter((label) => label !== "")).toEqual([
      "device",
      "data",
      "predict",
      "from",
      "split",
      "network",
      "plan",
      "training",
      "check",
    ]);
    expect(stderr).toContain("344 rows × 7 columns (JSON), 10 rows with missing cells dropped");
    expect(stderr).toContain("227 parameters, 908 B in float32");
    expect(stderr.match(/epoch +\d+\/60 /g)!.length).toBeLessThanOrEqual(20);
    expect(stderr).toMatch(/epoch 60\/60 +loss [\d.e-]+ +val [\d.e-]+ +accuracy [\d.]+ % +[\d,]+ steps\/s +ETA 0:00/);
    expect(stdout).toMatch(/^held-out +accuracy (\d+\.\d) %.*\ncheck +largest deviation .* within the bound .*\n/);
    expect(stdout).toMatch(/saved +all\.safetensors \(\d/);
    expect(Number(/accuracy (\d+\.\d) %/.exec(stdout)![1])).toBeGreaterThanOrEqual(97);
    expect(decodeModel(read("all.safetensors"), "all").training).toMatchObject({ steps: 540, finished: true });
  });

  test("--json prints one object on stdout, --quiet nothing on stderr", async () => {
    const flags = [...cpu, "--json", "--quiet", "--verify", "--epochs", "5", "--output", "json.safetensors"];
    const { code, stdout, stderr } = await thalweg([...trainPenguins, ...flags]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      v: 1,
      command: "train",
      device: { kind: "cpu" },
      data: { rows: 344, droppedRows: 10, trainingRows: 267, validationRows: 67 },
      network: { widths: "10-16-3" },
      training: { step: 45, steps: 45, finished: true },
      heldOut: { kind: "class", rows: 67 },
      verification: { passed: true, deviation: 0 },
      model: "json.safetensors",
      exitCode: 0,
    });
  });

  test("regression in the units of the table, several replicas, a table from stdin", async () => {
    const flags = [
      "--target",
      "Miles_per_Gallon,Horsepower",
      "--replicas",
      "3",
      ...cpu,
      "--output",
      "cars.safetensors",
    ];
    const { code, stdout } = await thalweg(["train", "-", ...flags], { input: readFileSync(cars, "utf8") });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Miles_per_Gallon: RMSE [23]\.\d+, R² 0\.[89]\d+ \(78 rows\), mean of 3 replicas/);
    expect(stdout).toMatch(/Horsepower: RMSE/);
    const predicted = await thalweg(["predict", "cars.safetensors", cars, ...cpu]);
    expect(predicted.stdout).toMatch(/^Miles_per_Gallon,Horsepower\n\d+\.\d+,\d+\.\d+\n/);
  });

  test("every option reaches the model", async () => {
    const flags = ["--layers", "5,4", "--activation", "gelu", "--loss", "binaryCrossEntropy", "--optimizer", "sgd"];
    const more = [
      "--momentum",
      "0.9",
      "--nesterov",
      "--weight-decay",
      "1e-4",
      "--learning-rate",
      "0.05",
      "--epochs",
      "3",
    ];
    const last = ["--batch-size", "16", "--seed", "7", "--initializer", "lecunNormal", "--validation", "0.5", ...cpu];
    const columns = ["--ignore", "Island,Sex", "--output", "options.safetensors", "--json"];
    const { code, stdout } = await thalweg([...trainPenguins, ...flags, ...more, ...last, ...columns]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ data: { trainingRows: 171, validationRows: 171 } });
    const { network, training } = decodeModel(read("options.safetensors"), "m");
    expect(network.layers).toMatchObject([
      { fanIn: 4, fanOut: 5, activation: "gelu" },
      { fanOut: 4, activation: "gelu" },
      { fanOut: 3, activation: "identity" },
    ]);
    expect(training).toMatchObject({ batchSize: 16, seed: 7, optimizer: "sgd", learningRate: 0.05, steps: 33 });
  });

  test("the same seed gives the same bytes", async () => {
    for (const name of ["a", "b"]) {
      await thalweg([...trainPenguins, ...cpu, "--epochs", "3", "--output", `${name}.safetensors`]);
    }
    expect(read("a.safetensors")).toEqual(read("b.safetensors"));
  });
});

describe("predict and evaluate", () => {
  test("predict writes a line for each row, empty where cells are missing", async () => {
    const { code, stdout } = await thalweg(["predict", "penguins.safetensors", penguins, ...cpu]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBe(345);
    expect(lines[0]).toBe("Species,probability Adelie,probability Chinstrap,probability Gentoo");
    expect(lines[1]).toMatch(/^Adelie,0\.9\d+,/);
    expect(lines[4]).toBe(",,,");
  });

  test("predict --json", async () => {
    const { stdout } = await thalweg(["predict", "penguins.safetensors", penguins, ...cpu, "--json"]);
    const { rows, incomplete, predictions } = JSON.parse(stdout);
    expect([rows, incomplete, predictions.length, predictions[3]]).toEqual([344, 10, 344, null]);
    expect(predictions[0]).toMatchObject({ Species: "Adelie" });
  });

  test("evaluate", async () => {
    const { code, stdout } = await thalweg(["evaluate", "penguins.safetensors", penguins, ...cpu, "--json"]);
    expect(code).toBe(0);
    const { score, loss } = JSON.parse(stdout);
    expect(score.accuracy).toBeGreaterThan(0.97);
    expect(loss).toBeLessThan(0.1);
  });

  test("a reader that closes its end is no fault", async () => {
    const { code, stderr } = await thalweg(["predict", "penguins.safetensors", penguins, ...cpu, "--quiet"], {
      closeStdout: true,
    });
    expect([code, stderr]).toEqual([0, ""]);
  });
});

describe("doctor and explain", () => {
  test("doctor tests the device", async () => {
    const { code, stdout } = await thalweg(["doctor", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ command: "doctor", selfTest: { passed: true } });
    expect((await thalweg(["doctor", ...cpu])).stdout).toMatch(/install +for a hardware GPU/);
  });

  test.each(["text", "markdown", "tex"])("explain the worked example as %s", async (format) => {
    const { code, stdout } = await thalweg(["explain", "--format", format, ...cpu]);
    expect(code).toBe(0);
    expect(stdout).toContain("0.361669268973"); // its loss
  });

  test("explain a model of one's own", async () => {
    const train = [
      "train",
      "-",
      "--target",
      "y",
      "--layers",
      "2",
      "--validation",
      "0",
      "--output",
      "xor.safetensors",
      ...cpu,
    ];
    expect(await thalweg(train, { input: "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n" })).toMatchObject({ code: 0 });
    const row = ["--input", "1,-1", "--target", "0"];
    expect(await thalweg(["explain", "--model", "xor.safetensors", ...row, ...cpu])).toMatchObject({ code: 0 });
    const wrong = await thalweg(["explain", "--model", "xor.safetensors", "--input", "1", "--target", "0", ...cpu]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("expected 2 numbers: a, b, got 1");
  });
});

describe("help", () => {
  test("lists commands and exit codes", async () => {
    const { code, stdout } = await thalweg(["--help"]);
    expect(code).toBe(0);
    for (const line of ["train", "predict", "evaluate", "explain", "doctor", "130  interrupted"]) {
      expect(stdout).toContain(line);
    }
    expect(await thalweg([])).toMatchObject({ code: 2, stdout: "" });
    expect((await thalweg(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each(["train", "predict", "evaluate", "explain", "doctor"])("%s starts with two examples", async (command) => {
    const { code, stdout } = await thalweg([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: .*\n\nExamples:\n {2}.*thalweg .*\n {2}.*thalweg .*\n\n/);
  });

  test("colour only where it is asked for", async () => {
    const plain = await thalweg([...trainPenguins, ...cpu, "--epochs", "1", "--output", "c.safetensors"]);
    expect(plain.stdout + plain.stderr).not.toContain("\u001b");
    const coloured = await thalweg(["doctor", ...cpu], { env: { FORCE_COLOR: "1" } });
    expect(coloured.stdout).toContain("\u001b[1m");
  });
});

describe("wrong input ends in one line, its exit code, and no file", () => {
  const csv = (lines: string[]) => `${lines.join("\n")}\n`;
  const tables: Record<string, string> = {
    "empty.csv": "",
    "ragged.csv": csv(["a,y", "1,x", "2"]),
    "text.csv": csv(["a,y", "1,x", "foo,y", "3,x"]),
    "nan.csv": csv(["a,y", "1,x", "NaN,y", "3,x"]),
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
    ["a folder", on("."), 3, /got a folder/],
    ["an empty file", on("empty.csv"), 3, /got an empty file/],
    ["a ragged row", on("ragged.csv"), 3, /line 3: expected 2 cells/],
    ["text among numbers", on("text.csv"), 3, /line 3, column "a": expected a number, got "foo"/],
    ["NaN", on("nan.csv"), 3, /line 3, column "a": expected a finite number, got "NaN"/],
    ["one class only", on("one.csv"), 3, /column "y": .* got one class/],
    ["cut JSON", on("cut.json"), 3, /valid JSON/],
    ["a model instead of a table", on("penguins.safetensors"), 3, /binary data/],
    ["no target", ["train", penguins], 2, /pass --target COLUMN/],
    ["an unknown target", ["train", penguins, "--target", "Specis"], 2, /did you mean "Species"\?/],
    ["batch size 0", withFlags("--batch-size", "0"), 2, /--batch-size: expected an integer from 1/],
    ["a layer of width 0", withFlags("--layers", "16,0"), 2, /--layers: expected an integer from 1/],
    ["learning rate 1e39", withFlags("--learning-rate", "1e39"), 2, /learningRate: expected a finite f32/],
    [
      "a learning rate in words",
      withFlags("--learning-rate", "fast"),
      2,
      /--learning-rate: expected a number, got "fast"/,
    ],
    ["a momentum that adam has not", withFlags("--momentum", "0.9"), 2, /--momentum: expected options of adam/],
    ["an unknown activation", withFlags("--activation", "tahn"), 2, /did you mean tanh\?/],
    ["an unknown loss", withFlags("--loss", "hubert"), 2, /did you mean huber\?/],
    ["a share of 1", withFlags("--validation", "1"), 2, /share of the rows from 0 to below 1/],
    ["classes for regression", withFlags("--task", "regression"), 2, /numbers for the task regression/],
    [
      "a loss of logits for numbers",
      ["train", cars, "--target", "Horsepower", "--loss", "softmaxCrossEntropy"],
      2,
      /a loss for numbers/,
    ],
    ["an unknown option", withFlags("--epoch", "3"), 2, /unknown option '--epoch' \(Did you mean --epochs\?\)/],
    ["an unknown command", ["trian", penguins], 2, /unknown command 'trian' \(Did you mean train\?\)/],
    ["too few arguments", ["predict", "penguins.safetensors"], 2, /missing required argument 'file'/],
    ["an output folder that is not there", withFlags("--output", "nowhere/m.safetensors"), 2, /no folder/],
    ["an output that is a folder", withFlags("--output", "."), 2, /got a folder/],
    [
      "numbers that explode",
      ["train", cars, "--target", "Horsepower", "--optimizer", "sgd", "--learning-rate", "1e10"],
      6,
      /training diverged/,
    ],
    ["a model for other columns", ["predict", "penguins.safetensors", cars], 3, /a model for other columns/],
    ["a model cut in half", ["predict", "cut.safetensors", penguins], 3, /cut\.safetensors: /],
    ["a model with a NaN", ["predict", "flipped.safetensors", penguins], 3, /a finite f32/],
    ["a table instead of a model", ["predict", penguins, penguins], 3, /no safetensors file/],
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
    const { code, stdout, stderr } = await thalweg(long, { interrupt: { after: "training", signals: [signal] } });
    expect(code).toBe(exitCode);
    expect(stderr).toMatch(/the model as it was is in long\.safetensors\n$/);
    expect(stdout).toMatch(/^saved +long\.safetensors/);
    expect(decodeModel(read("long.safetensors"), "m").training).toMatchObject({ finished: false });
    const predicted = await thalweg(["predict", "long.safetensors", penguins, ...cpu]);
    expect(predicted.code).toBe(0);
  });

  test("two at once leave no temporary file", async () => {
    const interrupt = { after: "training", signals: ["SIGINT", "SIGTERM"] } as const;
    const { code } = await thalweg(long, { interrupt });
    expect([130, 143]).toContain(code);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("--json tells of the interrupted training", async () => {
    const interrupt = { after: "training", signals: ["SIGINT"] } as const;
    const { stdout } = await thalweg([...long, "--json"], { interrupt });
    expect(JSON.parse(stdout)).toMatchObject({
      training: { finished: false },
      exitCode: 130,
      model: "long.safetensors",
    });
  });
});
