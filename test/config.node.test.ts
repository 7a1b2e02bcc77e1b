// `--print-config` writes what `--config` reads, for every option there is.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf } from "../src/cli/exitCodes.ts";
import type { Interrupts } from "../src/cli/interrupts.ts";
import { createProgram } from "../src/cli/program.ts";

const folder = mkdtempSync(join(tmpdir(), "thalweg-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => void vi.restoreAllMocks());

const interrupts: Interrupts = { begin: () => new AbortController().signal, end: () => {}, exitCode: 0 };
const file = join(folder, "train.json");

/** What the command prints. */
async function output(...parameters: string[]): Promise<string> {
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((part) => ((text += String(part)), true));
  try {
    await createProgram(interrupts).parseAsync(["node", "thalweg", ...parameters]);
  } finally {
    write.mockRestore();
  }
  return text;
}

const configOf = async (command: "train" | "sweep", ...flags: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await output(command, "t.csv", ...flags, "--print-config"));

/** How an option is typed, and its value in the configuration. */
type Sample = readonly [flags: readonly string[], key: string, value: unknown];

const both: readonly Sample[] = [
  [["--target", "a,b"], "target", "a,b"],
  [["--task", "regression"], "task", "regression"],
  [["--columns", "c,d"], "columns", "c,d"],
  [["--ignore", "e"], "ignore", "e"],
  [["--missing-cells", "impute"], "missingCells", "impute"],
  [["--categories", "one-hot"], "categories", "oneHot"],
  [["--weight-column", "w"], "weightColumn", "w"],
  [["--separator", "tab"], "separator", "\t"],
  [["--header", "no"], "header", "no"],
  [["--decimal", "comma"], "decimal", ","],
  [["--thousands", "none"], "thousands", "none"],
  [["--thousands", "space"], "thousands", " "],
  [["--missing", "?,NA"], "missing", ["?", "NA"]],
  [["--missing", ""], "missing", []],
  [["--layers", "none"], "layers", []],
  [["--layers", "32,16"], "layers", [32, 16]],
  [["--activation", "relu"], "activation", "relu"],
  [["--loss", "MeanSquaredError"], "loss", "meanSquaredError"],
  [["--initializer", "he_uniform"], "initializer", "heUniform"],
  [["--members", "3"], "members", 3],
  [["--optimizer", "sgd"], "optimizer", "sgd"],
  [["--nesterov"], "nesterov", true],
  [["--schedule", "one-cycle"], "schedule", "one-cycle"],
  [["--schedule", "Step:30,0.5"], "schedule", "step:30,0.5"],
  [["--warmup", "10"], "warmup", 10],
  [["--epochs", "7"], "epochs", 7],
  [["--batch-size", "1e2"], "batchSize", 100],
  [["--max-iterations", "30"], "maxIterations", 30],
  [["--max-evaluations", "9"], "maxEvaluations", 9],
  [["--history-size", "7"], "historySize", 7],
  [["--tolerance-gradient", "1e-5"], "toleranceGradient", 1e-5],
  [["--tolerance-change", "0"], "toleranceChange", 0],
  [["--clip-norm", "1"], "clipNorm", 1],
  [["--clip-value", "0.1"], "clipValue", 0.1],
  [["--l1", "1e-7"], "l1", 1e-7],
  [["--decay", "weights"], "decay", "weights"],
  [["--ema", "0.999"], "ema", 0.999],
  [["--swa", "1000,10"], "swa", [1000, 10]],
  [["--class-weights", "balanced"], "classWeights", "balanced"],
  [["--class-weights", "1,2.5"], "classWeights", [1, 2.5]],
  [["--label-smoothing", "0.1"], "labelSmoothing", 0.1],
  [["--dropout", "0.3"], "dropout", 0.3],
  [["--noise", "0.2"], "noise", 0.2],
  [["--mixup", "0.2"], "mixup", 0.2],
  [["--folds", "5"], "folds", 5],
  [["--metrics", "f1,roc-auc"], "metrics", ["f1", "rocAuc"]],
  [["--validation", "0.25"], "validation", 0.25],
  [["--patience", "5"], "patience", 5],
  [["--min-delta", "0.01"], "minDelta", 0.01],
  [["--monitor", "accuracy"], "monitor", "accuracy"],
  [["--reduce-on-plateau"], "reduceOnPlateau", true],
  [["--reduce-on-plateau", "factor=0.5,patience=5"], "reduceOnPlateau", "factor=0.5,patience=5"],
  [["--verify"], "verify", true],
  [["--verify-webgpu"], "verifyWebgpu", true],
  [["--device", "cpu"], "device", "cpu"],
  [["--strategy", "layered"], "strategy", "layered"],
  [["--output", "m.safetensors"], "output", "m.safetensors"],
  [["--force"], "force", true],
  [["--no-chart"], "chart", false],
  [["--checkpoint", "states"], "checkpoint", "states"],
  [["--no-checkpoint"], "checkpoint", false],
  [["--every", "500"], "every", 500],
  [["--every", "2m"], "every", "120s"],
  [["--every", "250ms"], "every", "250ms"],
  [["--keep", "2"], "keep", 2],
  [["--json"], "json", true],
  [["--quiet"], "quiet", true],
  [["--verbose"], "verbose", true],
];

const ofTrain: readonly Sample[] = [
  ...both,
  [["--learning-rate", "0.3"], "learningRate", 0.3],
  [["--momentum", "0.9"], "momentum", 0.9],
  [["--weight-decay", "0.1"], "weightDecay", 0.1],
  [["--seed", "9007199254740991"], "seed", Number.MAX_SAFE_INTEGER],
  [["--history", "h.csv"], "history", "h.csv"],
  [["--init", "m.onnx"], "init", "m.onnx"],
];

const ofSweep: readonly Sample[] = [
  ...both,
  [["--learning-rate", "log:1e-4..1"], "learningRate", "log:0.0001..1"],
  [["--learning-rate", "0.1,0.01"], "learningRate", [0.1, 0.01]],
  [["--momentum", "0.9"], "momentum", 0.9],
  [["--weight-decay", "0..1e-10"], "weightDecay", "0..1e-10"],
  [["--seed", "0..99"], "seed", "0..99"],
  [["--bootstrap"], "bootstrap", true],
  [["--halving", "3"], "halving", 3],
  [["--min-epochs", "2"], "minEpochs", 2],
  [["--hyperband"], "hyperband", true],
  [["--split-seed", "4"], "splitSeed", 4],
  [["--top", "3"], "top", 3],
  [["--csv", "all.csv"], "csv", "all.csv"],
];

describe.each([["train", ofTrain] as const, ["sweep", ofSweep] as const])("%s", (command, samples) => {
  test("there is a sample of every option", () => {
    const { options } = createProgram(interrupts).commands.find((own) => own.name() === command)!;
    const keys = new Set(options.map((option) => option.attributeName()));
    for (const key of ["config", "printConfig", "resume"]) keys.delete(key);
    expect([...keys].toSorted()).toEqual([...new Set(samples.map(([, key]) => key))].toSorted());
  });

  test.each(samples)("%s", async (flags, key, value) => {
    const printed = await output(command, "t.csv", ...flags, "--print-config");
    expect(JSON.parse(printed)[key]).toEqual(value);
    writeFileSync(file, printed);
    expect(await output(command, "t.csv", "--config", file, "--print-config")).toBe(printed);
    writeFileSync(file, JSON.stringify({ [key]: value }));
    expect(await output(command, "t.csv", "--config", file, "--print-config")).toBe(printed);
  });
});

test("typed options win, those of the file come before defaults, null is as if it were not there", async () => {
  writeFileSync(file, JSON.stringify({ epochs: 7, batchSize: 8, members: null, verify: true, checkpoint: "states" }));
  const config = await configOf("train", "--config", file, "--epochs", "9", "--no-checkpoint");
  expect(config).toMatchObject({ epochs: 9, batchSize: 8, members: 1, verify: true, checkpoint: false });
  expect(config).toMatchObject({ learningRate: 0.01, momentum: null, target: null, nesterov: false });
});

test("comments, a comma behind the last entry, and lists of names", async () => {
  writeFileSync(file, '\ufeff{\n  // the species\n  "target": ["a, b", "c"],\n}\n');
  expect((await configOf("train", "--config", file))["target"]).toEqual(["a, b", "c"]);
});

test("the example of the documentation", async () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/cli.md"), "utf8");
  const example = /```json\n([^]*?)```/.exec(text)![1]!;
  writeFileSync(file, example);
  expect(await configOf("train", "--config", file)).toMatchObject(JSON.parse(example));
});

describe("what is wrong", () => {
  const fails = async (text: string, ...more: string[]): Promise<string> => {
    writeFileSync(file, text);
    const failing = output("train", "t.csv", "--config", file, "--print-config", ...more);
    return failing.then(() => "nothing was thrown", messageOf);
  };

  test.each([
    ['{ "epochs": 7', "line 1, column 14: expected a closing brace }, got the end of the file"],
    ['{\n  "epochs": 7\n  "seed": 1 }', 'line 3, column 3: expected a comma between two entries, got "\\"seed\\""'],
    [
      "{\n  epochs: 7 }",
      'line 2, column 3: expected text in double quotes, a number, true, false or null, got "epochs"',
    ],
    ['{ "epochs" 7 }', "line 1, column 12: expected a colon between key and value"],
    ['{ "epochs": }', "line 1, column 13: expected a value"],
    ['{ "epochs": 7 } 1', "line 1, column 17: expected the end of the file after the closing brace"],
    ['{ "target": "a }', "expected a closing quote in this line"],
    ["", "expected a value, got the end of the file"],
    ["[1]", ': expected an object of options, { "target": "Species", "epochs": 100 }, got array'],
    ['{\n "epochs": 1,\n "epochs": 2 }', 'line 3: "epochs": expected every key once'],
    [
      '{ "learnRate": 1 }',
      'line 1: "learnRate": expected an option of thalweg train, got "learnRate"; did you mean "learningRate"?',
    ],
    ['{ "learning-rate": 1 }', 'did you mean "learningRate"?'],
    ['{ "lr": 1 }', 'did you mean "learningRate"?'],
    ['{ "csv": "a.csv" }', "it is one of thalweg sweep; remove it"],
    ['{ "zzzzzz": 1 }', "thalweg train FILE --print-config lists them"],
    ['{ "__proto__": 1 }', 'expected an option of thalweg train, got "__proto__"'],
    ['{ "resume": "latest" }', 'expected an option that a file may hold, got "resume"; type --resume instead'],
    ['{ "epochs": "7" }', 'line 1: "epochs": expected a number, got "7"; write 7'],
    ['{ "epochs": [7] }', "expected a number, got [7]; write 7"],
    ['{ "epochs": 1.5 }', 'line 1: "epochs": expected an integer ≥ 1, got "1.5"'],
    ['{ "epochs": true }', "expected a string, a number or a list, got true"],
    ['{ "epochs": { "a": 1 } }', 'expected a string, a number or a list, got {"a":1}'],
    ['{ "layers": 16 }', "expected a list of numbers, got 16; write [16]"],
    ['{ "layers": ["16"] }', 'expected a list of numbers, got ["16"]; write [16]'],
    ['{ "metrics": "f1" }', 'expected a list of texts, got "f1"; write ["f1"]'],
    ['{ "target": 5 }', 'line 1: "target": expected text, got 5; write "5"'],
    ['{ "verify": "yes" }', 'expected true or false, got "yes"; write it without quotes'],
    ['{ "chart": 1 }', "expected true or false, got 1"],
    ['{ "optimizer": "adan" }', 'line 1: "optimizer": expected one of '],
    ['{ "optimizer": "adan" }', 'got "adan"; did you mean adam?'],
  ])("%s", async (text, message) => {
    const told = await fails(text);
    expect(told).toContain(message);
    expect(told).toMatch(/^train\.json: /);
  });

  test("also where the option is typed", async () => {
    expect(await fails('{ "epochs": "x" }', "--epochs", "3")).toContain('line 1: "epochs": expected an integer');
  });

  test("what the training says of a value has its place in the file", async () => {
    writeFileSync(file, '{\n  "target": "b",\n  "momentum": 2, "optimizer": "sgd"\n}');
    const failing = output("train", "t.csv", "--config", file, "--output", join(folder, "m.safetensors"));
    expect(messageOf(await failing.catch((error: unknown) => error))).toMatch(
      /^train\.json: line 3: "momentum": expected a number from 0 to below 1, got 2/,
    );
  });

  test("stdin for both", async () => {
    const failing = output("train", "-", "--config", "-");
    expect(messageOf(await failing.catch((error: unknown) => error))).toMatch(
      /^--config -: expected a different source/,
    );
  });

  test("no such file", async () => {
    const failing = output("train", "t.csv", "--config", join(folder, "none.json"));
    expect(messageOf(await failing.catch((error: unknown) => error))).toMatch(
      /none\.json: expected a configuration: options as JSON, got no such file; check the path$/,
    );
  });
});
