import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { asChain } from "../src/index.ts";
import { decodeModel } from "../src/data.ts";
import { cars, cpu, penguins, read, thalweg, trainPenguins, useFolder } from "./support/thalweg.ts";

useFolder();

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
      "note",
      "split",
      "network",
      "plan",
      "training",
      "check",
    ]);
    expect(stderr).toContain("344 rows × 7 columns (JSON), 11 rows with missing cells dropped");
    expect(stderr).toContain("211 parameters, 844 B in float32");
    expect(stderr.match(/epoch +\d+\/60 /g)!.length).toBeLessThanOrEqual(20);
    expect(stderr).toMatch(/epoch 60\/60 +loss [\d.e-]+ +val [\d.e-]+ +accuracy [\d.]+ % +[\d,]+ steps\/s +ETA 0:00/);
    expect(stdout).toMatch(
      /^held-out +accuracy (\d+\.\d) %.*\n +balanced accuracy .*\n( .*\n)+check +largest deviation .* within the bound .*\n/,
    );
    expect(stdout).toMatch(/saved +all\.safetensors \(\d/);
    expect(Number(/accuracy (\d+\.\d) %/.exec(stdout)![1])).toBeGreaterThanOrEqual(97);
    expect(decodeModel(read("all.safetensors"), "all").training).toMatchObject({ steps: 540, finished: true });
  });

  test("--patience stops, restores the best epoch and reports it, and --verify takes the steps up to it", async () => {
    const flags = ["--patience", "3", "--min-delta", "0.05", "--verify", "--json", "--output", "stopped.safetensors"];
    const { code, stdout } = await thalweg([...trainPenguins, ...cpu, ...flags]);
    expect(code).toBe(0);
    const { training, verification } = JSON.parse(stdout);
    const { stoppedSteps, bestSteps } = training.earlyStopping;
    expect(stoppedSteps[0] - bestSteps[0]).toBe(3 * 9);
    expect(training.step).toBe(stoppedSteps[0]);
    expect(verification).toMatchObject({ passed: true, conclusive: true });
    const several = [...flags.slice(0, 4), "--members", "3", "--output", "several.safetensors"];
    const { stdout: told } = await thalweg([...trainPenguins, ...cpu, ...several]);
    expect(told).toMatch(/training +3 of 3 members stopped after epochs? [\d to]+, best epochs? [\d to]+ restored\n/);
    const { code: refused, stderr } = await thalweg([...trainPenguins, "--patience", "3", "--validation", "0"]);
    expect(refused).toBe(2);
    expect(stderr).toContain("--patience: expected held-out rows, got --validation 0");
  });

  test("--reduce-on-plateau reduces the rate, reports it, and is verified; --monitor takes any metric that fits", async () => {
    const reduce = [
      "--reduce-on-plateau",
      "factor=0.5,patience=0,threshold=1e3,threshold-mode=abs",
      "--monitor",
      "log-loss",
      "--epochs",
      "6",
    ];
    const flags = [...reduce, "--verify", "--json", "--output", "reduced.safetensors"];
    const { code, stdout } = await thalweg([...trainPenguins, ...cpu, ...flags]);
    expect(code).toBe(0);
    const { training, verification } = JSON.parse(stdout);
    const { factors, reductions } = training.reduceOnPlateau;
    expect(reductions.length).toBeGreaterThan(1);
    expect(reductions.at(-1)).toEqual({ step: expect.any(Number), member: 0, factor: factors[0] });
    expect(factors[0]).toBeCloseTo(0.5 ** reductions.length, 12);
    expect(training.validation.metrics.logLoss).toBeGreaterThan(0);
    expect(verification).toMatchObject({ passed: true });
    const { stdout: told } = await thalweg([
      ...trainPenguins,
      ...cpu,
      ...reduce,
      "--output",
      "reduced.safetensors",
      "--force",
    ]);
    expect(told).toMatch(/training +learning rate × 0\.5 after epoch \d+, × 0\.25 after epoch \d+/);
    const refused = async (flag: string[]): Promise<string> => {
      const { code: exitCode, stderr } = await thalweg([...trainPenguins, ...flag]);
      expect(exitCode).toBe(2);
      return stderr;
    };
    expect(await refused(["--monitor", "f1"])).toContain(
      "--monitor: expected --patience or --reduce-on-plateau with it",
    );
    expect(await refused(["--patience", "3", "--monitor", "rmse"])).toMatch(
      /--monitor: expected metrics of classes among/,
    );
    expect(await refused(["--reduce-on-plateau", "factr=0.5"])).toMatch(
      /--reduce-on-plateau: .*got "factr"; did you mean factor/,
    );
    expect(await refused(["--reduce-on-plateau", "0.5"])).toContain(
      "--reduce-on-plateau: expected names and values like",
    );
    expect(await refused(["--reduce-on-plateau", "factor=2"])).toContain(
      "--reduce-on-plateau: factor: expected a number from 0",
    );
    expect(await refused(["--reduce-on-plateau", "--validation", "0"])).toContain(
      "--reduce-on-plateau: expected held-out rows",
    );
    expect(await refused(["--folds", "3", "--reduce-on-plateau"])).toContain(
      "--folds: expected no --reduce-on-plateau with it",
    );
    expect(await refused(["--ema", "2"])).toContain("thalweg: --ema: expected a decay from 0 to below 1, got 2");
  });

  test("--folds reports mean and deviation of every score, and trains the model on all rows", async () => {
    const flags = ["--folds", "4", "--epochs", "8", "--output", "folds.safetensors"];
    const { code, stdout } = await thalweg([...trainPenguins, ...cpu, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^folds +accuracy [\d.]+ % ± [\d.]+ %\n +balanced accuracy .* ± .*\n +macro F1 .* ± .*\n +loss /,
    );
    expect(stdout).toMatch(/held-out +no rows were held out \(--folds\)\nsaved +folds\.safetensors/);
    const { stdout: json } = await thalweg([...trainPenguins, ...cpu, ...flags, "--force", "--json", "--quiet"]);
    const { crossValidation, data } = JSON.parse(json);
    expect(crossValidation).toMatchObject({ folds: 4, trainingRows: 333 - 84, diverged: 0 });
    expect(crossValidation.metrics.accuracy.mean).toBeGreaterThan(0.9);
    expect([data.trainingRows, data.validationRows]).toEqual([333, 0]);
    const { code: refused, stderr } = await thalweg([...trainPenguins, "--folds", "4", "--patience", "3"]);
    expect([refused, stderr]).toEqual([2, expect.stringContaining("--folds: expected no --patience with it")]);
  });

  test("--verify-webgpu repeats the steps of another device on WebGPU and holds them against float64", async () => {
    const flags = ["--device", "cpu", "--verify-webgpu", "--epochs", "5", "--output", "webgpu.safetensors"];
    const { code, stdout } = await thalweg([...trainPenguins, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\ncheck .*\n .*\n .*\nwebgpu +the same 45 steps on .*: deviation from float64 [\d.]+e-\d+ within the bound [\d.e-]+; [\d,]+ ms there, [\d,]+ ms on CPU, WebAssembly SIMD/,
    );
    const { stdout: json } = await thalweg([...trainPenguins, ...flags, "--json"]);
    const { verification, webgpu } = JSON.parse(json);
    expect(webgpu).toMatchObject({ passed: true, bound: verification.bound, ms: expect.any(Number) });
    expect(webgpu.normDeviation).not.toBe(verification.normDeviation); // of other parameters
  });

  test("--verify-webgpu repeats nothing where the training ran on WebGPU", async () => {
    const flags = ["--device", "software", "--verify-webgpu", "--epochs", "1", "--output", "webgpu.safetensors"];
    const { code, stdout } = await thalweg([...trainPenguins, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ncheck /);
    expect(stdout).not.toMatch(/\nwebgpu/);
  });

  test("the plan is one short line, and --verbose adds the reason, the kernels and the memory", async () => {
    const planOf = async (...more: string[]): Promise<string> => {
      const { code, stderr } = await thalweg([
        ...trainPenguins,
        "--device",
        "wasm",
        ...more,
        "--output",
        "plan.safetensors",
      ]);
      expect(code).toBe(0);
      return /^plan .*\n( .*\n)*/m.exec(stderr)![0];
    };
    expect(await planOf()).toMatch(/^plan +\w+: WebAssembly, [\w ]+\n$/);
    expect(await planOf("--verbose")).toMatch(
      /^plan +\w+: .* ms per step by the cost model\n +[\w, ]+; [\d.]+ .?B of memory\n$/,
    );
    expect(await planOf("--strategy", "layered")).toMatch(/^plan +layered: WebAssembly, layer by layer\n$/);
  });

  test("--json prints one object on stdout, --quiet nothing on stderr", async () => {
    const flags = [...cpu, "--json", "--quiet", "--verify", "--epochs", "5", "--output", "json.safetensors"];
    const { code, stdout, stderr } = await thalweg([...trainPenguins, ...flags]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      v: 1,
      command: "train",
      device: { kind: "reference" },
      data: { rows: 344, droppedRows: 11, trainingRows: 266, validationRows: 67 },
      network: { widths: "9-16-3" },
      training: { step: 45, steps: 45, finished: true },
      heldOut: { kind: "class", rows: 67 },
      verification: { passed: true, deviation: 0 },
      model: "json.safetensors",
      exitCode: 0,
    });
  });

  test("regression in the units of the table, several members, a table from stdin", async () => {
    const flags = ["--target", "Miles_per_Gallon,Horsepower", "--members", "3", ...cpu, "--output", "cars.safetensors"];
    const { code, stdout } = await thalweg(["train", "-", ...flags], { input: readFileSync(cars, "utf8") });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Miles_per_Gallon: RMSE [23]\.\d+, R² 0\.[89]\d+ \(78 rows\), mean of 3 members/);
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
    expect(asChain(network)!.layers).toMatchObject([
      { fanIn: 4, fanOut: 5, activation: "gelu" },
      { fanOut: 4, activation: "gelu" },
      { fanOut: 3, activation: "identity" },
    ]);
    expect(training).toMatchObject({ batchSize: 16, seed: 7, optimizer: "sgd", learningRate: 0.05, steps: 33 });
  });

  test("a schedule is said, and taken by the check too; a sweep takes it as well", async () => {
    const flags = [
      ...cpu,
      "--schedule",
      "one-cycle",
      "--warmup",
      "5",
      "--epochs",
      "5",
      "--output",
      "cycle.safetensors",
    ];
    const { code, stdout, stderr } = await thalweg([...trainPenguins, ...flags, "--verify", "--json"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /training +5 epochs, .*, adam, learning rate 0\.01, schedule one-cycle, warm-up of 5 steps\n/,
    );
    const { training, verification } = JSON.parse(stdout);
    expect(training.learningRate).toBeCloseTo(0.01 / 25 / 1e4, 15);
    expect(verification.passed).toBe(true);
    const swept = await thalweg(["sweep", ...trainPenguins.slice(1), ...flags, "--members", "8", "--learning-rate", "log:1e-3..1e-1", "--verify", "--json"]); // prettier-ignore
    expect(swept.code).toBe(0);
    expect(swept.stderr).toContain("adam, schedule one-cycle, warm-up of 5 steps");
    expect(JSON.parse(swept.stdout).verification.passed).toBe(true);
  });

  test("the same seed gives the same bytes", async () => {
    for (const name of ["a", "b"]) {
      await thalweg([...trainPenguins, ...cpu, "--epochs", "3", "--output", `${name}.safetensors`]);
    }
    expect(read("a.safetensors")).toEqual(read("b.safetensors"));
  });
});

describe("predict and evaluate", () => {
  test("predict writes a line for each row, missing cells filled", async () => {
    const { code, stdout, stderr } = await thalweg(["predict", "penguins.safetensors", penguins, ...cpu]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(stderr).toMatch(/note +19 missing cells filled as in training: /);
    expect(lines.length).toBe(345);
    expect(lines[0]).toBe("Species,probability Adelie,probability Chinstrap,probability Gentoo");
    expect(lines[1]).toMatch(/^Adelie,0\.9\d+,/);
    expect(lines[4]).toMatch(/^(Adelie|Chinstrap|Gentoo),0\.\d+,/);
  });

  test("predict --json", async () => {
    const { stdout } = await thalweg(["predict", "penguins.safetensors", penguins, ...cpu, "--json"]);
    const { rows, incomplete, predictions } = JSON.parse(stdout);
    expect([rows, incomplete, predictions.length, predictions[3]]).toEqual([
      344,
      0,
      344,
      { ...predictions[3], Species: "Adelie" },
    ]);
    expect(predictions[0]).toMatchObject({ Species: "Adelie" });
  });

  test("evaluate", async () => {
    const { code, stdout } = await thalweg(["evaluate", "penguins.safetensors", penguins, ...cpu, "--json"]);
    expect(code).toBe(0);
    const { score, loss } = JSON.parse(stdout);
    expect(score.accuracy).toBeGreaterThan(0.97);
    expect(score.balancedAccuracy).toBeGreaterThan(0.95);
    expect(score.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(344);
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
    const { device, plan, ...others } = JSON.parse(stdout);
    expect(others).toMatchObject({ command: "doctor", selfTest: { passed: true } });
    expect(plan.machine).toBe(device.kind === "gpu" ? "wasm" : device.kind);
    expect((await thalweg(["doctor", ...cpu])).stdout).toMatch(/install +for a hardware GPU/);
  });

  test.each(["text", "markdown", "tex", "mathml", "csv"])("explain the worked example as %s", async (format) => {
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
      "--task",
      "regression",
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
    for (const line of ["train", "sweep", "predict", "evaluate", "explain", "doctor", "130  interrupted"]) {
      expect(stdout).toContain(line);
    }
    expect(await thalweg([])).toMatchObject({ code: 2, stdout: "" });
    expect((await thalweg(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each(["train", "sweep", "predict", "evaluate", "explain", "doctor"])(
    "%s starts with examples",
    async (command) => {
      const { code, stdout } = await thalweg([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Usage: .*\n\nExamples:\n(?: {2}.*thalweg .*\n){2,}\n/);
    },
  );

  test("colour is used only where it is requested", async () => {
    const plain = await thalweg([...trainPenguins, ...cpu, "--epochs", "1", "--output", "c.safetensors"]);
    expect(plain.stdout + plain.stderr).not.toContain("\u001b");
    const coloured = await thalweg(["doctor", ...cpu], { env: { FORCE_COLOR: "1" } });
    expect(coloured.stdout).toContain("\u001b[1m");
  });
});
