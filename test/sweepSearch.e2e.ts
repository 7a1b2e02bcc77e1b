// How `thalweg sweep` finds the best of many settings for less, or more surely: halving, Hyperband, folds and metrics; and how a sweep that
// was cut off goes on.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { checkpointsIn } from "../src/cli/checkpointFolder.ts";
import { decodeCheckpoint, decodeModel } from "../src/data.ts";
import { cars, folder, penguins, read, thalweg, trainPenguins, useFolder } from "./support/thalweg.ts";

useFolder();

const wasm = ["--device", "wasm"];
const sweepPenguins = ["sweep", penguins, "--target", "Species", ...wasm];
const rates = ["--learning-rate", "log:1e-4..1"];

/** Rows of a CSV file, by the names of its columns; undefined where a cell is empty. */
function readCsv(name: string): Record<string, number | undefined>[] {
  const [header, ...lines] = new TextDecoder().decode(read(name)).trimEnd().split("\n");
  const names = header!.split(",");
  return lines.map((line) =>
    Object.fromEntries(line.split(",").map((cell, k) => [names[k]!, cell === "" ? undefined : Number(cell)])),
  );
}

describe("--halving", () => {
  test("reports the rungs, how far each network came and what that saves; the winner has all its steps", async () => {
    const flags = [...rates, "--members", "12", "--epochs", "18", "--halving", "--csv", "halved.csv"];
    const more = ["--metrics", "f1,rocAuc", "--schedule", "cosine", "--verify", "--output", "halved.safetensors"];
    const { code, stdout, stderr } = await thalweg([...sweepPenguins, ...flags, ...more]);
    expect(stderr).toMatch(
      /\nhalving +each rung keeps the best 1 \/ 3 by held-out loss; the first rung is after at least 1 epoch\n/,
    );
    expect(stdout).toMatch(/^best +rank .* f1 +rocAuc .* steps +left at rung\n/);
    expect(stdout).toMatch(
      /\nhalving +12 networks to 4 after epoch 2, 1 after epoch 6\n +468 of 1,944 network steps were trained\n/,
    );
    expect(stdout).toMatch(/\ncheck .* within the bound/);
    expect(code).toBe(0);
    const rows = readCsv("halved.csv");
    // By hand: steps of 9 an epoch; those with more steps come first, then those with the smaller loss.
    const order = rows.toSorted((a, b) => b["steps"]! - a["steps"]! || a["heldOutLoss"]! - b["heldOutLoss"]!);
    expect(order.map((row) => row["rank"])).toEqual(rows.map((_, at) => at + 1));
    const counts = new Map<string, number>();
    for (const row of rows) {
      const key = `${row["steps"]} ${row["leftAtRung"]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ "18 1": 8, "54 2": 3, "162 undefined": 1 });
    expect(rows.every((row) => row["heldOutF1"]! >= 0 && row["heldOutRocAuc"]! <= 1)).toBe(true);
    expect(decodeModel(read("halved.safetensors"), "m").training).toMatchObject({ steps: 162, finished: true });
  });

  test("the winner is the network that a sweep of it alone gives, bit for bit", async () => {
    const halved = ["--members", "9", "--epochs", "9", "--halving", "--json", "--quiet"];
    const { stdout } = await thalweg([...sweepPenguins, ...rates, ...halved, "--output", "winner.safetensors"]);
    const { best, halving } = JSON.parse(stdout);
    expect(halving).toEqual({
      rungs: [
        { bracket: 0, step: 9, members: 9, kept: 3 },
        { bracket: 0, step: 27, members: 3, kept: 1 },
      ],
      networkSteps: 9 * 9 + 3 * 18 + 54,
    });
    const { learningRate, seed } = best[0];
    const own = ["--learning-rate", `${learningRate},${learningRate * 2}`, "--seed", `${seed}`, "--epochs", "9"];
    const last = ["--quiet", "--json", "--output", "alone.safetensors"];
    const { stdout: alone } = await thalweg([...sweepPenguins, ...own, ...last]);
    const same = JSON.parse(alone).best.find(({ member }: { member: number }) => member === 0);
    for (const key of ["heldOutLoss", "lastStepLoss", "bestStepLoss", "bestStep"] as const)
      expect([key, same[key]]).toEqual([key, best[0][key]]);
  });

  test("a winner that early stopping has ended is verified by the schedule of the whole training", async () => {
    const flags = [...rates, "--members", "6", "--epochs", "30", "--patience", "2", "--schedule", "cosine", "--verify"];
    const { code, stdout } = await thalweg([...sweepPenguins, ...flags, "--json", "--output", "stopped.safetensors"]);
    const { winner, training, verification } = JSON.parse(stdout);
    expect(training.earlyStopping.bestSteps[winner]).toBeLessThan(270);
    expect([code, verification.passed]).toEqual([0, true]);
  });

  test("with early stopping and averages the winner is the one that came furthest, and is verified", async () => {
    const flags = [
      ...rates,
      "--members",
      "9",
      "--epochs",
      "27",
      "--halving",
      "--patience",
      "2",
      "--ema",
      "0.8",
      "--verify",
    ];
    const output = ["--csv", "both.csv", "--output", "both.safetensors", "--json"];
    const { code, stdout } = await thalweg([...sweepPenguins, ...flags, ...output]);
    const { winner, verification, training, halving } = JSON.parse(stdout);
    expect([code, verification.passed]).toEqual([0, true]);
    expect(halving.networkSteps).toBeLessThan(9 * 27 * 9);
    const rows = readCsv("both.csv");
    const first = rows.find((row) => row["rank"] === 1)!; // of those that came furthest, whatever the others had at their best
    expect(first["leftAtRung"]).toBeUndefined();
    expect(first["steps"]).toBe(training.earlyStopping.bestSteps[winner]);
  });

  test("--hyperband has as many networks and brackets as its epochs ask for", async () => {
    const flags = [...rates, "--epochs", "9", "--hyperband", "--csv", "hyper.csv", "--output", "hyper.safetensors"];
    const { code, stdout } = await thalweg([...sweepPenguins, ...flags]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nhalving +bracket 1: 9 networks to 3 after epoch 1, 1 after epoch 3\n/);
    expect(stdout).toMatch(/\n +bracket 2: 5 networks to 1 after epoch 3\n +bracket 3: 3 networks to the end\n/);
    const rows = readCsv("hyper.csv");
    expect([1, 2, 3].map((bracket) => rows.filter((row) => row["bracket"] === bracket).length)).toEqual([9, 5, 3]);
  });

  test.each<[string, string[], RegExp]>([
    ["both", ["--halving", "--hyperband"], /--halving: expected no --hyperband with it, got both/],
    [
      "L-BFGS",
      ["--halving", "--optimizer", "lbfgs"],
      /--halving: expected no --optimizer lbfgs with it: .* line search.*, got both/,
    ],
    ["folds", ["--hyperband", "--folds", "3"], /--hyperband: expected no --folds with it: .*, got both/],
    ["no rows held out", ["--halving", "--validation", "0"], /--halving: expected held-out rows, got --validation 0/],
    ["too few epochs", ["--halving", "4", "--epochs", "3"], /--halving: expected at least 4 epochs: .* got --epochs 3/],
    [
      "too few networks",
      ["--halving", "4", "--members", "3"],
      /halving: expected at least 4 members, .* got 3 members/,
    ],
    ["a factor of 1", ["--halving", "1"], /--halving: expected an integer from 2 .* got "?1"?/],
    ["epochs alone", ["--min-epochs", "2"], /--min-epochs: expected --halving or --hyperband with it/],
    ["a metric that does not fit", ["--metrics", "r2"], /r2/],
    ["a word that is none", ["--halfing"], /unknown option '--halfing'.*[Dd]id you mean --halving/s],
  ])("%s: an error in one line", async (_, flags, message) => {
    const { code, stdout, stderr } = await thalweg([
      ...sweepPenguins,
      ...rates,
      ...flags,
      "--quiet",
      "--output",
      "no.safetensors",
    ]);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, ""]);
    expect(existsSync(join(folder, "no.safetensors"))).toBe(false);
  });
});

describe("--folds", () => {
  test("settings × seeds × folds are ranked by their mean, and the best is trained on all rows", async () => {
    const flags = ["--target", "Horsepower", ...wasm, "--learning-rate", "0.001,0.03", "--seed", "1,2", "--folds", "4"];
    const more = ["--epochs", "12", "--metrics", "rmse,r2", "--csv", "folds.csv", "--output", "best.safetensors"];
    const { code, stdout, stderr } = await thalweg(["sweep", cars, ...flags, ...more, "--verify"]);
    expect(stderr).toMatch(
      /\nsweep +2 settings: learning rate 0\.001, 0\.03\nfolds +4 of up to 98 rows, 2 seeds: 16 trainings side by side\n/,
    );
    expect(stdout).toMatch(
      /^best +rank +setting +loss +rmse +r2 +learning rate\n +1 +1 +[\d.]+ ± [\d.]+ .* 0\.03\n +2 +0 /,
    );
    expect(stdout).toMatch(/\ndiverged +none of 2 settings\n/);
    expect(stdout).toMatch(/\ntraining +setting 1 with seed 1 on all rows\n/);
    expect(stdout).toMatch(/\nsaved +best\.safetensors/);
    expect(code).toBe(0);
    const [slow, fast] = readCsv("folds.csv");
    expect([slow!["rank"], fast!["rank"], slow!["learningRate"], fast!["learningRate"]]).toEqual([2, 1, 0.001, 0.03]);

    // The model is that of `train` on all rows with this setting.
    const alone = [
      "--learning-rate",
      "0.03",
      "--validation",
      "0",
      "--epochs",
      "12",
      "--quiet",
      "--output",
      "alone.safetensors",
    ];
    await thalweg(["train", cars, "--target", "Horsepower", ...wasm, ...alone]);
    const [a, b] = ["best.safetensors", "alone.safetensors"].map((name) => decodeModel(read(name), name).parameters);
    expect(a).toEqual(b);
    // And means and deviations are those of `train --folds` with this setting, both seeds and the same folds.
    const folded = ["--learning-rate", "0.03", "--folds", "4", "--members", "2", "--metrics", "rmse", "--epochs", "12"];
    const last = ["--quiet", "--json", "--output", "folded.safetensors"];
    const { stdout: json } = await thalweg(["train", cars, "--target", "Horsepower", ...wasm, ...folded, ...last]);
    const { metrics } = JSON.parse(json).crossValidation;
    expect(fast!["rmseMean"]).toBeCloseTo(metrics.rmse.mean, 6);
    expect(fast!["lossDeviation"]).toBeCloseTo(metrics.loss.deviation, 8);
  });

  test("--json has the best, and a setting that diverges in a fold ranks last", async () => {
    const flags = [
      "--target",
      "Horsepower",
      ...wasm,
      "--optimizer",
      "sgd",
      "--learning-rate",
      "1e10,0.01",
      "--folds",
      "3",
    ];
    const { code, stdout, stderr } = await thalweg(["sweep", cars, ...flags, "--epochs", "6", "--json", "--quiet"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      command: "sweep",
      winner: 1,
      crossValidation: {
        folds: 3,
        seeds: [1],
        divergedTrainings: 3,
        best: [
          { rank: 1, setting: 1, learningRate: 0.01 },
          { rank: 2, setting: 0 },
        ],
      },
      exitCode: 0,
    });
  });

  test.each<[string, string[], RegExp]>([
    ["one setting", ["--seed", "1,2"], /--folds: expected settings that differ in learning rate, .* got one;/],
    ["patience", [...rates, "--patience", "3"], /--folds: expected no --patience with it/],
    ["one fold", [...rates, "--folds", "1"], /--folds: expected an integer ≥ 2, got "1"/],
  ])("%s: an error in one line", async (_, flags, message) => {
    const { code, stderr } = await thalweg([...sweepPenguins, "--folds", "4", ...flags, "--quiet"]);
    expect(stderr).toMatch(message);
    expect([code, stderr.split("\n").length]).toEqual([2, 2]);
  });

  test.skipIf(process.platform !== "linux")(
    "a full disk takes no table, but the ranking is told and the model saved",
    async () => {
      const flags = [...rates, "--members", "2", "--epochs", "2", "--folds", "2", "--csv", "/dev/full"];
      const { code, stdout, stderr } = await thalweg([...sweepPenguins, ...flags, "--output", "full.safetensors"]);
      expect([code, stdout]).toEqual([1, expect.stringMatching(/^best [^]*\nsaved +full\.safetensors/)]);
      expect(stderr).toMatch(/\/dev\/full: ENOSPC.*; what was to be written is in \S+full/);
    },
  );
});

describe("--checkpoint and --resume", () => {
  const stateRuns = (): string[] => {
    const runs = join(folder, "state/thalweg/runs");
    return existsSync(runs) ? readdirSync(runs) : [];
  };
  const outputs = (name: string): string[] => ["--csv", `${name}.csv`, "--output", `${name}.safetensors`];

  test.each<[string, string[]]>([
    ["a plain sweep", ["--momentum", "0..0.9", "--optimizer", "sgd"]],
    ["early stopping", ["--patience", "2"]],
    ["Hyperband", ["--hyperband"]],
  ])("%s that continues from any of its checkpoints ends in the same bytes", async (name, more) => {
    const place = `ck-${name.replaceAll(" ", "-")}`;
    const flags = [...rates, "--members", "9", "--epochs", "9", ...more, "--quiet"];
    const kept = ["--checkpoint", place, "--every", "9", "--keep", "20"];
    expect(await thalweg([...sweepPenguins, ...flags, ...kept, ...outputs("whole")])).toMatchObject({
      code: 0,
      stderr: "",
    });
    const files = readdirSync(join(folder, place)).toSorted();
    expect(files.length).toBeGreaterThanOrEqual(3);
    expect(files).not.toContain("step-000000081.safetensors"); // after its last step a run is ranked
    for (const file of [files[0]!, files.at(-1)!, files[files.length >> 1]!]) {
      const again = await thalweg(["sweep", penguins, "--resume", join(place, file), ...outputs("again"), "--force"]);
      expect(again).toMatchObject({ code: 0 });
      expect(again.stderr).toContain(`resume    ${join(place, file)}: resuming after step `);
      expect(read("again.csv")).toEqual(read("whole.csv"));
      expect(read("again.safetensors")).toEqual(read("whole.safetensors"));
    }
    const { members, run } = decodeCheckpoint(read(join(place, files[0]!)), "c");
    expect([members, run["command"]]).toEqual([9, "sweep"]);
  });

  test("what contradicts the run, and a run of the other command, are errors", async () => {
    const resume = ["sweep", penguins, "--resume", "ck-Hyperband", "--quiet"];
    for (const [flags, message] of [
      [
        ["--learning-rate", "0.1"],
        /--learning-rate: expected 0\.0001 to 1 \(log\), as in the run of step-\d+\.safetensors, got 0\.1;/,
      ],
      [["--epochs", "20"], /--epochs: expected 9, .* got 20;/], // the rungs follow from the length
      [["--halving"], /--halving: expected none, .* got true;/],
    ] as [string[], RegExp][]) {
      const { code, stderr } = await thalweg([...resume, ...flags]);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
    const wrong = await thalweg(["train", penguins, "--resume", "ck-Hyperband", "--quiet"]);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(
        /--resume: .*: expected a run of thalweg train, got one of thalweg sweep; resume it with thalweg sweep FILE --resume/,
      ),
    ]);
    const training = [...trainPenguins, ...wasm, "--epochs", "4", "--checkpoint", "ck-train", "--every", "9"];
    expect(await thalweg([...training, "--quiet", "--output", "t.safetensors"])).toMatchObject({ code: 0 });
    const other = await thalweg(["sweep", penguins, "--resume", "ck-train", "--quiet"]);
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/expected a run of thalweg sweep, got one of thalweg train;/),
    ]);
  });

  test.skipIf(process.platform === "win32").each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "%s writes a checkpoint and prints the command that resumes, after which the sweep ends as if undisturbed",
    async (signal, exitCode) => {
      rmSync(join(folder, "state"), { recursive: true, force: true });
      const flags = [...rates, "--members", "8", "--epochs", "3000", "--halving", "2", "--min-epochs", "600"];
      const interrupt = { after: "steps/s", signals: [signal] } as const;
      const first = await thalweg([...sweepPenguins, ...flags, ...outputs("cut")], { interrupt });
      expect(first.code).toBe(exitCode);
      expect(first.stderr).toMatch(
        /the current model is in cut\.safetensors; to resume: thalweg sweep \S+penguins\.json --resume\n$/,
      );
      expect(first.stdout).toMatch(/^best /);
      expect(stateRuns()).toEqual([expect.stringMatching(/^penguins-[0-9a-f]{8}-sweep-[0-9a-f]{8}$/)]);
      // `train` does not take it for one of its own.
      expect((await thalweg(["train", penguins, "--resume", "--quiet"])).stderr).toMatch(
        /--resume: expected an interrupted run on .* got none/,
      );
      const second = await thalweg(["sweep", penguins, "--resume", "--quiet"]);
      expect(second).toMatchObject({ code: 0, stderr: "" });
      expect(stateRuns()).toEqual([]);
      if (signal !== "SIGINT") return;
      expect(await thalweg([...sweepPenguins, ...flags, "--quiet", ...outputs("undisturbed")])).toMatchObject({
        code: 0,
      });
      expect(read("cut.csv")).toEqual(read("undisturbed.csv"));
      expect(read("cut.safetensors")).toEqual(read("undisturbed.safetensors"));
    },
  );

  test("a sweep that is killed by kill -9 continues from its last checkpoint", async () => {
    const flags = [...rates, "--members", "8", "--epochs", "2000", "--quiet"];
    const kept = ["--checkpoint", "killed", "--every", "100"];
    const interrupt = { after: "steps/s", signals: ["SIGKILL"] } as const;
    const loud = [...sweepPenguins, ...flags.slice(0, -1), ...kept, ...outputs("killed")];
    expect((await thalweg(loud, { interrupt })).code).toBe(null);
    expect(existsSync(join(folder, "killed.safetensors"))).toBe(false);
    expect(await thalweg(["sweep", penguins, "--checkpoint", "killed", "--resume", "--quiet"])).toMatchObject({
      code: 0,
    });
    expect(await thalweg([...sweepPenguins, ...flags, ...outputs("quiet")])).toMatchObject({ code: 0 });
    expect(read("killed.csv")).toEqual(read("quiet.csv"));
    expect(read("killed.safetensors")).toEqual(read("quiet.safetensors"));
  });

  test("--folds, killed by kill -9 again and again in both of its parts, ends in the bytes of an undisturbed one", async () => {
    const flags = [...rates, "--members", "3", "--epochs", "700", "--folds", "3", "--seed", "1,2", "--metrics", "f1"];
    const undisturbed = [...sweepPenguins, ...flags, "--json", "--quiet", ...outputs("calm")];
    const { stdout } = await thalweg(undisturbed);
    const kept = ["--checkpoint", "folds", "--every", "5"];
    const resume = ["sweep", penguins, "--resume", "folds"];
    const parts: Record<string, number> = {};
    for (const [at, after] of ["mean loss ", "mean loss ", "/700  loss ", "/700  loss "].entries()) {
      const begin = at === 0 ? [...sweepPenguins, ...flags, ...kept, ...outputs("stormy")] : resume;
      expect((await thalweg(begin, { interrupt: { after, signals: ["SIGKILL"] } })).code).toBe(null);
      const [newest] = checkpointsIn(join(folder, "folds"));
      const { members, run: saved } = decodeCheckpoint(read(relative(folder, newest!.file)), "c");
      const part = saved["phase"] === "folds" ? "folds" : "winner";
      expect(members).toBe(part === "folds" ? 18 : 1);
      parts[part] = (parts[part] ?? 0) + 1;
    }
    const run = await thalweg([...resume, "--verify", "--json", "--quiet"]);
    expect(parts).toEqual({ folds: expect.any(Number), winner: expect.any(Number) });
    const { crossValidation, winner, verification } = JSON.parse(run.stdout);
    expect([run.code, verification.passed]).toEqual([0, true]);
    expect({ crossValidation, winner }).toEqual({
      crossValidation: JSON.parse(stdout).crossValidation,
      winner: JSON.parse(stdout).winner,
    });
    expect(read("stormy.csv")).toEqual(read("calm.csv"));
    expect(read("stormy.safetensors")).toEqual(read("calm.safetensors"));
    const longer = await thalweg(["sweep", penguins, "--resume", "folds", "--epochs", "800", "--quiet"]);
    expect([longer.code, longer.stderr]).toEqual([2, expect.stringMatching(/--epochs: expected 700, as in the run/)]);
  });

  test.skipIf(process.platform === "win32").each([
    ["train", ["--folds", "3"]],
    ["sweep", ["--folds", "3", ...rates, "--members", "3"]],
  ])(
    "%s: SIGINT while it cross-validates keeps the trainings, and the printed command resumes them",
    async (command, flags) => {
      const own = [command, penguins, "--target", "Species", ...wasm, ...flags, "--epochs", "1500"];
      const interrupt = { after: "steps/s", signals: ["SIGINT"] } as const;
      const out = ["--output", "cv.safetensors", "--json"];
      const cut = await thalweg([...own, ...out], { interrupt });
      expect([cut.code, cut.stderr]).toEqual([
        130,
        expect.stringMatching(
          new RegExp(
            `interrupted during cross-validation, .*; to resume: thalweg ${command} \\S+penguins\\.json --resume\\n$`,
          ),
        ),
      ]);
      const resumed = await thalweg([command, penguins, "--resume", "--json", "--quiet"]);
      expect(resumed).toMatchObject({ code: 0, stderr: "" });
      const bytes = read("cv.safetensors");
      const calm = await thalweg([...own, ...out, "--quiet", "--force"]);
      expect(JSON.parse(resumed.stdout).crossValidation).toEqual(JSON.parse(calm.stdout).crossValidation);
      expect(bytes).toEqual(read("cv.safetensors"));
      expect(stateRuns()).toEqual([]);
    },
  );
});
