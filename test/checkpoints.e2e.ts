// Runs that are cut off, on the command line: by signals, by kill -9, by a disk that takes nothing more.

import { execFileSync, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeCheckpoint, decodeModel } from "../src/data.ts";
import { cli, cpu, folder, penguins, read, thalweg, trainPenguins, useFolder, write } from "./support/thalweg.ts";
import { createUniform } from "./support/random.ts";

useFolder();

const wasm = ["--device", "wasm"];
const stepsOf = (name: string): number[] =>
  readdirSync(join(folder, name))
    .flatMap((file) => Number(/^step-(\d+)\.safetensors$/.exec(file)?.[1] ?? []))
    .toSorted((a, b) => a - b);
const stateRuns = (): string[] => {
  const runs = join(folder, "state/thalweg/runs");
  return existsSync(runs) ? readdirSync(runs) : [];
};
const isRoot = process.getuid?.() === 0;

describe("--checkpoint and --resume", () => {
  const flags = [...trainPenguins, ...wasm, "--quiet", "--epochs", "20"]; // of 9 steps

  test("the newest states are kept, and from each the run ends in the same bytes", async () => {
    const whole = [...flags, "--output", "whole.safetensors", "--checkpoint", "ck", "--every", "50", "--keep", "2"];
    expect(await thalweg(whole)).toMatchObject({ code: 0, stderr: "" });
    expect(stepsOf("ck")).toEqual([100, 150]);
    const wanted = read("whole.safetensors");
    for (const step of [100, 150]) {
      const file = join("ck", `step-000000${step}.safetensors`);
      const again = await thalweg(["train", penguins, "--resume", file, "--output", `from-${step}.safetensors`]);
      expect(again).toMatchObject({ code: 0 });
      expect(again.stderr).toContain(`resume    ${file}: resuming after step ${step}`);
      expect(read(`from-${step}.safetensors`)).toEqual(wanted);
    }
    const saved = decodeCheckpoint(read("ck/step-000000150.safetensors"), "c");
    expect(saved.run["flags"]).toMatchObject({ epochs: 20, target: "Species", every: { steps: 50 }, keep: 2 });
    expect(saved.preprocessing?.target).toMatchObject({ kind: "class" });
  });

  test("--history has the epochs before the interruption too, and a state of the last step ends as the run did", async () => {
    const plateau = [
      "--patience",
      "4",
      "--reduce-on-plateau",
      "factor=0.5,patience=1",
      "--monitor",
      "f1",
      "--ema",
      "0.9",
    ];
    const more = [...flags, ...plateau, "--history", "whole.csv", "--output", "h.safetensors"];
    const states = ["--checkpoint", "hk", "--every", "1", "--keep", "1000"];
    expect(await thalweg([...more, ...states])).toMatchObject({ code: 0, stderr: "" });
    const untimed = (name: string): string => new TextDecoder().decode(read(name)).replaceAll(/,[^,\n]*$/gm, "");
    const wanted = untimed("whole.csv");
    const steps = stepsOf("hk");
    expect(wanted).toMatch(/^epoch,step,loss,validationLoss,validationAccuracy,f1,learningRate\n1,9,/);
    expect(wanted.split("\n")).toHaveLength(steps.at(-1)! / 9 + 2); // a header, and the end of the last line
    for (const step of [4, 27, 40, steps.at(-1)!]) {
      const file = join("hk", `step-${String(step).padStart(9, "0")}.safetensors`);
      const names = ["--history", `from-${step}.csv`, "--output", `h-${step}.safetensors`];
      expect(await thalweg(["train", penguins, "--resume", file, ...names, "--no-checkpoint"])).toMatchObject({
        code: 0,
      });
      expect([step, untimed(`from-${step}.csv`)]).toEqual([step, wanted]);
      expect(read(`h-${step}.safetensors`)).toEqual(read("h.safetensors"));
    }
  });

  test("a folder with another run is refused, unless it continues or is replaced", async () => {
    const again = [...flags, "--output", "again.safetensors", "--checkpoint", "ck"];
    const { code, stderr } = await thalweg(again);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^thalweg: --checkpoint ck: expected a folder without checkpoints of another run, got 2 checkpoints; add --resume/,
      ),
    ]);
    expect(await thalweg([...again, "--resume"])).toMatchObject({ code: 0 });
    expect(await thalweg([...again, "--force"])).toMatchObject({ code: 0 });
  });

  test.each<[string, string[], RegExp]>([
    [
      "another seed",
      ["--seed", "2"],
      /^thalweg: --seed: expected 1, as in the run of step-\d+\.safetensors, got 2; remove it/,
    ],
    ["other layers", ["--layers", "8,8"], /^thalweg: --layers: expected 16, .* got 8,8;/],
    ["another target", ["--target", "Island"], /^thalweg: --target: expected Species, .* got Island;/],
    ["fewer epochs", ["--epochs", "3"], /^thalweg: --epochs: expected 20, .* got 3;/],
    ["a folder without any", ["--resume", "empty"], /^thalweg: --resume: expected checkpoints in empty, got none;/],
    ["a file that is not there", ["--resume", "none.safetensors"], /^thalweg: none\.safetensors: .* got no such file/],
    ["a model", ["--resume", "penguins.safetensors"], /expected a training checkpoint, got a model;/],
  ])("%s: an error that names both", async (_, more, message) => {
    mkdirSync(join(folder, "empty"), { recursive: true });
    const { code, stderr } = await thalweg(["train", penguins, "--resume", "ck", ...wasm, "--quiet", ...more]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect([2, 3]).toContain(code);
  });

  test("the table of another run is an error; more epochs lengthen the run", async () => {
    const rows = JSON.parse(readFileSync(penguins, "utf8")) as Record<string, unknown>[];
    write("changed.json", JSON.stringify(rows.map((row, at) => (at === 5 ? { ...row, "Body Mass (g)": 9999 } : row))));
    const changed = await thalweg(["train", "changed.json", "--resume", "ck", "--quiet"]);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toMatch(
      /^thalweg: --resume: data of changed\.json: expected rows of [0-9a-f]{16}, .*; pass the table of that run/,
    );
    const longer = ["train", penguins, "--resume", "ck", "--quiet", "--epochs", "30", "--output"];
    expect(await thalweg([...longer, "longer.safetensors"])).toMatchObject({ code: 0 });
    const all = [...trainPenguins, ...wasm, "--quiet", "--epochs", "30", "--output", "all.safetensors"];
    expect(await thalweg(all)).toMatchObject({ code: 0 });
    expect(decodeModel(read("longer.safetensors"), "m").parameters).toEqual(
      decodeModel(read("all.safetensors"), "m").parameters,
    );
  });

  test("the configuration of the run goes with --resume, another one is refused, and --print-config reports that of the run", async () => {
    const flags = ["--epochs", "30", "--learning-rate", "0.02", "--checkpoint", "configured", "--every", "100", "--output", "c.safetensors"]; // prettier-ignore
    expect(await thalweg([...trainPenguins, ...cpu, ...flags])).toMatchObject({ code: 0 });
    const { stdout: config } = await thalweg([...trainPenguins, ...cpu, ...flags, "--print-config"]);
    write("run.json", config);
    const resumed = await thalweg(["train", penguins, "--config", "run.json", "--resume"]);
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stderr).toMatch(/resume +configured.step-\d+\.safetensors: resuming after step \d+\n/);
    expect(await thalweg(["train", penguins, "--resume", "configured", "--print-config"])).toMatchObject({ code: 0, stdout: config }); // prettier-ignore
    write("other.json", config.replace('"seed": 1', '"seed": 2'));
    const other = await thalweg(["train", penguins, "--config", "other.json", "--resume"]);
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toMatch(
      /^thalweg: other\.json: line \d+: "seed": expected 1, as in the run of step-\d+\.safetensors, got 2;/,
    );
  });

  test("a damaged newest state is passed over", async () => {
    const [before, newest] = stepsOf("ck").slice(-2) as [number, number];
    const file = `ck/step-${String(newest).padStart(9, "0")}.safetensors`;
    write(file, read(file).subarray(0, 900));
    const { code, stderr } = await thalweg([
      "train",
      penguins,
      "--resume",
      "ck",
      "--epochs",
      "40",
      "--output",
      "d.safetensors",
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/; trying the previous checkpoint\n/);
    expect(stderr).toContain(`resuming after step ${before}\n`);
  });

  test("--every takes steps and times, and says what it takes", async () => {
    const { code, stderr } = await thalweg([...flags, "--every", "often"]);
    expect([code, stderr]).toEqual([
      2,
      'thalweg: --every: expected steps, or a time in ms, s, m or h, got "often"; write it like 500 or 30s\n',
    ]);
  });
});

describe.skipIf(process.platform === "win32")("signals", () => {
  const long = [...trainPenguins, ...wasm, "--epochs", "400000", "--output", "long.safetensors"];

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s saves model and state, and says how the run continues", async (signal, exitCode) => {
    const first = await thalweg(long, { interrupt: { after: "steps/s", signals: [signal] } });
    expect(first.code).toBe(exitCode);
    expect(first.stderr).toMatch(
      /the current model is in long\.safetensors; to resume: thalweg train \S+penguins\.json --resume\n$/,
    );
    const { training } = decodeModel(read("long.safetensors"), "m");
    const second = await thalweg(["train", penguins, "--resume", "--json"], {
      interrupt: { after: "steps/s", signals: ["SIGINT"] },
    });
    expect(second.code).toBe(130);
    expect(second.stderr).toContain(`resuming after step ${training!.steps.toLocaleString("en-US")}\n`);
    const record = JSON.parse(second.stdout) as { training: { step: number }; resume: string };
    expect(record.training.step).toBeGreaterThan(training!.steps);
    expect(record.resume).toMatch(/--resume$/);
    rmSync(join(folder, "state"), { recursive: true });
  });

  test.each([0, 5])("two signals %i ms apart lose neither model nor state", async (gapMs) => {
    rmSync(join(folder, "long.safetensors"), { force: true });
    // Steps of the reference that take a while, so that the second signal comes before the first has done its work.
    const slow = [
      ...trainPenguins,
      "--device",
      "reference",
      "--layers",
      "400,400",
      "--batch-size",
      "266",
      "--output",
      "long.safetensors",
    ];
    const { code, stderr } = await thalweg([...slow, "--epochs", "100"], {
      interrupt: { after: "steps/s", signals: ["SIGINT", "SIGINT"], gapMs },
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/long\.safetensors; to resume: thalweg train \S+ --resume\n$/);
    expect(decodeModel(read("long.safetensors"), "m").training).toMatchObject({ finished: false });
    expect(stateRuns().length).toBe(1);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    rmSync(join(folder, "state"), { recursive: true });
  });

  test("--no-checkpoint leaves nothing but the model", async () => {
    const { stderr } = await thalweg([...long, "--no-checkpoint"], {
      interrupt: { after: "steps/s", signals: ["SIGINT"] },
    });
    expect(stderr).toMatch(/long\.safetensors\n$/);
    expect(stateRuns()).toEqual([]);
  });

  test("a state in the state folder of the system is removed when the run has ended", async () => {
    const first = await thalweg(
      [...long.slice(0, -4), "--epochs", "3000", "--output", "end.safetensors", "--every", "100"],
      {
        interrupt: { after: "steps/s", signals: ["SIGTERM"] },
      },
    );
    expect(first.code).toBe(143);
    expect(stateRuns().length).toBe(1);
    expect(await thalweg(["train", penguins, "--resume", "--epochs", "3001"])).toMatchObject({ code: 0 });
    expect(stateRuns()).toEqual([]);
  });
});

describe.skipIf(process.platform !== "linux")("what stood in the way of a signal or a result", () => {
  test("a pipe without a writer is left at once, and one with a writer is read", async () => {
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(folder, "pipe")]);
    const flags = ["--target", "Species", ...wasm, "--quiet", "--output", "pipe.safetensors"];
    const waiting = spawn(process.execPath, [cli, "train", "pipe", ...flags], { cwd: folder });
    const ended = new Promise((resolve) => waiting.on("close", resolve));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    waiting.kill("SIGTERM");
    expect(await ended).toBe(143);
    const reading = thalweg(["train", "pipe", ...flags]);
    await writeFile(join(folder, "pipe"), readFileSync(penguins));
    expect(await reading).toMatchObject({ code: 0, stderr: "" });
  });

  test("a step of a minute on the reference is left after one of its operations", async () => {
    const long = [
      "--device",
      "reference",
      "--layers",
      "1500,1500",
      "--batch-size",
      "266",
      "--epochs",
      "1000",
      "--output",
      "slow.safetensors",
    ];
    const { code, stderr } = await thalweg([...trainPenguins, ...long, "--no-checkpoint"], {
      interrupt: { after: "\ntraining ", signals: ["SIGCONT", "SIGINT", "SIGINT"], gapMs: 2500 }, // not before the first step,
    });
    expect(code).toBe(130);
    // Not "after N of M steps": the step was not waited for. On a busy machine not even the first has begun.
    expect(stderr).toMatch(/(after step \d+|during the first steps; the current model) is in slow\.safetensors\n$/);
  });

  test.each([[[]], [["--json"]]])(
    "a full disk takes no table of a sweep, but the ranking is reported: %j",
    async (more) => {
      const flags = ["--members", "3", "--epochs", "2", "--csv", "/dev/full", "--output", "swept.safetensors"];
      const { code, stdout, stderr } = await thalweg(["sweep", ...trainPenguins.slice(1), ...wasm, ...flags, ...more]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/\/dev\/full: ENOSPC.*; what was to be written is in \S+full/);
      if (more.length === 0) expect(stdout).toMatch(/^best .*\n[^]*\nquantiles/);
      else expect(JSON.parse(stdout)).toMatchObject({ exitCode: 1, best: [{ rank: 1 }, { rank: 2 }, { rank: 3 }] });
      expect(decodeModel(read("swept.safetensors"), "m").members).toBe(1);
    },
  );

  test("a full disk takes no model, but the state folder does", async () => {
    const { code, stderr } = await thalweg([...trainPenguins, ...wasm, "--epochs", "2", "--output", "/dev/full"]);
    expect(code).toBe(1);
    const [, copy = ""] = /what was to be written is in (\S+);/.exec(stderr) ?? [];
    expect(copy).toContain(join(folder, "state"));
    expect(decodeModel(new Uint8Array(readFileSync(copy)), "m").training).toMatchObject({ finished: true });
  });
});

describe.skipIf(process.platform === "win32" || isRoot)("a folder that takes nothing more", () => {
  test("states go to the state folder, and it is said", async () => {
    mkdirSync(join(folder, "full"));
    const child = thalweg(
      [
        ...trainPenguins,
        ...wasm,
        "--epochs",
        "4000",
        "--checkpoint",
        "full",
        "--every",
        "1000",
        "--output",
        "f.safetensors",
      ],
      {
        interrupt: { after: "steps/s", signals: ["SIGTERM"] },
      },
    );
    chmodSync(join(folder, "full"), 0o500);
    const { stderr } = await child;
    expect(stderr).toMatch(/EACCES.*; checkpoints go to .*state/);
    chmodSync(join(folder, "full"), 0o700);
  });
});

interface Kills {
  readonly kills: number;
  readonly runs: number;
  readonly torn: number;
  /** Kills that left a state half written, under its temporary name. */
  readonly duringWrite: number;
  /** Steps that the run had told of and that were not in its newest state. */
  readonly mostLost: number;
  /** Kills in each tenth of a run, by the step of the newest state. */
  readonly byTenth: number[];
}

/** A run that is killed: `every` steps a checkpoint. */
interface KilledRun {
  readonly epochs: number;
  readonly every: number;
}
const perEpoch = 9;

/** Kills runs at random times, and goes on with each until `kills` are done; every run has to end in the bytes of `wanted`. */
async function killed(kills: number, { epochs, every }: KilledRun, wanted: Uint8Array): Promise<Kills> {
  const uniform = createUniform(1);
  const tally = { kills: 0, runs: 0, torn: 0, duringWrite: 0, mostLost: 0, byTenth: Array<number>(10).fill(0) };
  const begin = [...trainPenguins, ...wasm, "--epochs", String(epochs), "--output", "killed.safetensors"];
  while (tally.kills < kills) {
    rmSync(join(folder, "kills"), { recursive: true, force: true });
    mkdirSync(join(folder, "kills"));
    tally.runs++;
    for (;;) {
      const more = stepsOf("kills").length > 0 ? ["--resume"] : ["--force"];
      const parameters = [...begin, "--checkpoint", "kills", "--every", String(every), ...more];
      const told = await killAfter(parameters, tally.kills < kills ? 400 * uniform() : undefined);
      if (told.code === 0) break;
      expect(told.signal, told.stderr).toBe("SIGKILL");
      tally.kills++;
      const { newest, torn, writing } = leftBehind();
      tally.torn += torn;
      if (writing !== undefined) tally.duringWrite++;
      const toldEpochs = [...told.stderr.matchAll(/epoch +(\d+)\/\d/g)].map(([, epoch]) => Number(epoch));
      const toldSteps = ((toldEpochs.at(-1) ?? 1) - 1) * perEpoch; // the epoch told is rounded up
      tally.mostLost = Math.max(tally.mostLost, Math.max(toldSteps, writing ?? 0) - newest);
      tally.byTenth[Math.floor((10 * newest) / (epochs * perEpoch + 1))]!++;
    }
    expect(read("killed.safetensors")).toEqual(wanted);
  }
  return tally;
}

/** What a killed run has left: its newest state, how many states are torn, and the step of the one that was being written. */
function leftBehind(): { newest: number; torn: number; writing: number | undefined } {
  let torn = 0;
  let writing: number | undefined;
  for (const name of readdirSync(join(folder, "kills"))) {
    const step = /^\.step-(\d+)\..*\.tmp$/.exec(name)?.[1];
    if (step === undefined) torn += Number(!isWhole(`kills/${name}`));
    else {
      writing = Number(step);
      rmSync(join(folder, "kills", name));
    }
  }
  return { newest: stepsOf("kills").at(-1) ?? 0, torn, writing };
}

function isWhole(name: string): boolean {
  try {
    decodeCheckpoint(read(name), name);
    return true;
  } catch {
    return false;
  }
}

interface Killed {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** @param ms after the first state of this process begins to be written; undefined: never */
function killAfter(parameters: readonly string[], ms: number | undefined): Promise<Killed> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...parameters], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let timer: NodeJS.Timeout | undefined;
    const watcher = watch(join(folder, "kills"), () => {
      if (ms !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), ms);
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      watcher.close();
      resolve({ code, signal, stderr });
    });
  });
}

describe("kill -9", () => {
  /** More of them: THALWEG_KILLS=200, and THALWEG_KILLS_RECORD names a file for the figures. */
  const asked = Number(process.env["THALWEG_KILLS"] ?? 0);
  const prove = async (kills: number, run: KilledRun): Promise<void> => {
    const epochs = ["--epochs", String(run.epochs)];
    const whole = [...trainPenguins, ...wasm, ...epochs, "--quiet", "--output", "undisturbed.safetensors"];
    expect(await thalweg(whole)).toMatchObject({ code: 0 });
    const figures = await killed(kills, run, read("undisturbed.safetensors"));
    expect(figures).toMatchObject({ kills, torn: 0 });
    expect(figures.mostLost).toBeLessThanOrEqual(run.every);
    const record = process.env["THALWEG_KILLS_RECORD"];
    if (record !== undefined) writeFileSync(record, `${JSON.stringify({ ...run, ...figures }, null, 2)}\n`);
  };
  test("a run that is killed again and again ends in the bytes of one that was not", () =>
    prove(5, { epochs: 100, every: 5 }));
  const isFull = process.env["THALWEG_TESTS"] === "full";
  test.skipIf(!isFull && asked === 0)(
    "many more kills",
    () => prove(asked || 40, { epochs: 400, every: 5 }),
    3_600_000,
  );
});
