// `thalweg sweep` as people call it: what it tells, what it writes, and that the winner is a model like any other.

import { describe, expect, test } from "vitest";
import { decodeModel } from "../src/data.ts";
import { cars, cpu, penguins, read, thalweg, useFolder } from "./support/thalweg.ts";

useFolder();

const sweepPenguins = ["sweep", penguins, "--target", "Species"];
const rates = ["--learning-rate", "log:1e-4..1"];

/** Rows of a CSV file of numbers, by the names of its columns; NaN where a cell is empty. */
function readCsv(name: string): Record<string, number>[] {
  const [header, ...lines] = new TextDecoder().decode(read(name)).trimEnd().split("\n");
  const names = header!.split(",");
  return lines.map((line) => {
    const cells = line.split(",").map((cell) => (cell === "" ? Number.NaN : Number(cell)));
    expect(cells.length).toBe(names.length);
    return Object.fromEntries(names.map((key, k) => [key, cells[k]!]));
  });
}

describe("sweep", () => {
  test("says in order what it found, does and reached, on the device there is", async () => {
    const flags = ["--members", "24", "--epochs", "10", ...rates, "--verify", "--csv", "all.csv", "--top", "4"];
    const { code, stdout, stderr } = await thalweg([...sweepPenguins, ...flags, "--output", "best.safetensors"]);
    expect(stderr).not.toContain("thalweg: ");
    expect(code).toBe(0);
    const labelsOf = (text: string) =>
      text.split("\n").flatMap((line) => (/^\S/.test(line) ? [line.slice(0, 10).trim()] : []));
    const told = [
      "device",
      "data",
      "predict",
      "from",
      "note",
      "split",
      "network",
      "plan",
      "training",
      "sweep",
      "check",
    ];
    expect(labelsOf(stderr)).toEqual(told);
    expect(labelsOf(stdout)).toEqual(["best", "quantiles", "diverged", "note", "speed", "held-out", "check", "saved"]);
    expect(stderr).toContain("24 networks: learning rate 0.0001 to 1 (log); seed 1 to 24\n");
    expect(stdout).toMatch(/^best +rank +member +held-out loss +accuracy +training loss +learning rate +seed\n/);
    expect(stdout).toMatch(/\n +1 +\d+ +[\d.e-]+ +\d+\.\d % +[\d.e-]+ +[\d.e-]+ +\d+\n/);
    expect(stdout).toMatch(/\nquantiles +0 % +5 % +25 % +50 % +75 % +95 % +100 %\n(.*) {2}held-out loss\n/);
    expect(stdout).toMatch(/\ndiverged +none of 24 networks\n/);
    expect(stdout).toMatch(/\nspeed +[\d,]+ network steps\/s \(24 networks, 90 steps in \d+:\d\d\)\n/);
    expect(stdout).toMatch(/\ncheck +.*deviation .* within the bound /);
    expect(stdout).toMatch(/\nsaved +best\.safetensors \(.*\), member \d+\n +all\.csv, one line per network\n$/);

    const rows = readCsv("all.csv");
    expect(rows.map(({ member }) => member)).toEqual(Array.from({ length: 24 }, (_, k) => k));
    const ranked = rows.toSorted((a, b) => a["rank"]! - b["rank"]!).map((row) => row["heldOutLoss"]!);
    expect(ranked).toEqual(ranked.toSorted((a, b) => a - b));
    const evaluated = await thalweg(["evaluate", "best.safetensors", penguins, ...cpu, "--json"]);
    expect(JSON.parse(evaluated.stdout).score.accuracy).toBeGreaterThan(0.9);
  });

  test("the winner is the network that train gives with its settings, bit for bit", async () => {
    const shared = [
      "--validation",
      "0",
      "--epochs",
      "6",
      "--optimizer",
      "sgd",
      "--nesterov",
      ...cpu,
      "--json",
      "--quiet",
    ];
    const swept = [
      "--members",
      "9",
      "--momentum",
      "0..0.9",
      ...rates,
      "--seed",
      "40..48",
      "--output",
      "winner.safetensors",
    ];
    const { code, stdout } = await thalweg([...sweepPenguins, ...shared, ...swept]);
    expect(code).toBe(0);
    const { best, winner } = JSON.parse(stdout);
    const { learningRate, momentum, seed, member } = best[0];
    expect([winner, seed]).toEqual([member, 40 + member]);
    const own = ["--learning-rate", `${learningRate}`, "--momentum", `${momentum}`, "--seed", `${seed}`];
    await thalweg(["train", penguins, "--target", "Species", ...shared, ...own, "--output", "alone.safetensors"]);
    const [a, b] = ["winner.safetensors", "alone.safetensors"].map((name) => decodeModel(read(name), name));
    expect(a!.parameters).toEqual(b!.parameters);
    expect(a).toMatchObject({ members: 1, training: { seed, learningRate, optimizer: "sgd", finished: true } });
  });

  test("--json is one document, --quiet leaves nothing on stderr", async () => {
    const flags = ["--learning-rate", "0.1,0.01", "--seed", "0..4", "--epochs", "3", "--top", "3", "--bootstrap"];
    const last = [...cpu, "--json", "--quiet", "--verify", "--output", "json.safetensors"];
    const { code, stdout, stderr } = await thalweg([...sweepPenguins, ...flags, ...last]);
    expect([code, stderr]).toEqual([0, ""]);
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({
      v: 1,
      command: "sweep",
      data: { trainingRows: 266, validationRows: 67 },
      network: { widths: "9-16-3", members: 10 },
      plan: { strategy: "reference" },
      training: { step: 27, steps: 27, finished: true },
      best: [{ rank: 1 }, { rank: 2 }, { rank: 3 }],
      diverged: { count: 0, first: [] },
      quantiles: { of: "held-out loss" },
      heldOut: { kind: "class", rows: 67 },
      verification: { passed: true, deviation: 0 },
      model: "json.safetensors",
      exitCode: 0,
    });
    expect(record.quantiles.at.map(({ share }: { share: number }) => share)).toEqual([
      0, 0.05, 0.25, 0.5, 0.75, 0.95, 1,
    ]);
    expect(record.quantiles.at[0].loss).toBe(record.best[0].heldOutLoss);
    expect(record.networkStepsPerSecond).toBeGreaterThan(0);
  });

  test("networks that diverge stop and are reported, the others continue", async () => {
    const flags = [
      "--target",
      "Horsepower",
      "--optimizer",
      "sgd",
      "--learning-rate",
      "1e10,0.01,1e9",
      "--epochs",
      "20",
    ];
    const last = [...cpu, "--csv", "cars.csv", "--output", "cars.safetensors"];
    const { code, stdout } = await thalweg(["sweep", cars, ...flags, ...last]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n +1 +1 +[\d.]+ +[\d.]+ +0\.01 +2\nquantiles/);
    expect(stdout).toMatch(/\ndiverged +2 of 3 networks: member [02] at step \d+, member [02] at step \d+\n/);
    expect(stdout).toMatch(/\nheld-out +Horsepower: RMSE [\d.]+, R² /);
    expect(readCsv("cars.csv")).toMatchObject([
      { rank: 2, lastStepLoss: Number.NaN },
      { rank: 1, stoppedAtStep: Number.NaN },
      { rank: 3, lastStepLoss: Number.NaN },
    ]);
  });

  test("where all diverge nothing is saved", async () => {
    const flags = ["--target", "Horsepower", "--optimizer", "sgd", "--learning-rate", "1e10,1e9", ...cpu, "--quiet"];
    const { code, stdout, stderr } = await thalweg(["sweep", cars, ...flags, "--output", "none.safetensors"]);
    expect([code, stdout]).toEqual([6, ""]);
    expect(stderr).toMatch(/^thalweg: [^\n]*training diverged[^\n]*\n$/);
    expect(() => read("none.safetensors")).toThrow();
  });

  test.each<[string, string[], RegExp]>([
    ["words for a rate", ["--learning-rate", "fast"], /--learning-rate: expected a number, a range .*, got "fast"/],
    ["a range downwards", ["--seed", "9..0"], /--seed: expected a range from the smaller number .*write 0\.\.9/],
    ["a momentum that adam has not", ["--momentum", "0..0.9"], /--momentum: expected options of adam/],
    ["the same for all", ["--seed", "1"], /sweep: expected networks that differ .*got the same settings for all 256/],
    ["too few for the grid", ["--learning-rate", "1,2,3", "--members", "2"], /--members: expected at least 3/],
    ["no network", ["--members", "0"], /--members: expected an integer from 1 to 1048576/],
    ["a folder that is not there", ["--csv", "nowhere/all.csv"], /--csv nowhere\/all\.csv: .* got no folder/],
    ["one file for both", ["--csv", "wrong.safetensors"], /--csv wrong\.safetensors: expected a file other than/],
  ])("%s ends in one line and exit code 2", async (_, flags, message) => {
    const outcome = await thalweg([...sweepPenguins, ...cpu, ...flags, "--output", "wrong.safetensors"]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).toMatch(/^thalweg: [^\n]+\n$/);
    expect([outcome.code, outcome.stdout]).toEqual([2, ""]);
    expect(() => read("wrong.safetensors")).toThrow();
  });
});

test.skipIf(process.platform === "win32")(
  "Ctrl-C ends the step, tells what there is and saves the best so far",
  async () => {
    const long = ["--members", "8", ...rates, ...cpu, "--epochs", "1000000", "--csv", "long.csv"];
    const interrupt = { after: "\ntraining ", signals: ["SIGINT"] } as const;
    const { code, stdout, stderr } = await thalweg([...sweepPenguins, ...long, "--output", "long.safetensors"], {
      interrupt,
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /the current model is in long\.safetensors; to resume: thalweg sweep \S+penguins\.json --resume\n$/,
    );
    expect(stdout).toMatch(/^best .*\n[^]*\nsaved +long\.safetensors \(.*\), member \d\n/);
    expect(decodeModel(read("long.safetensors"), "m").training).toMatchObject({ finished: false });
    expect(readCsv("long.csv").length).toBe(8);
  },
);
