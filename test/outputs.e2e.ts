// Nothing of the user's is lost: files that exist, as the command line meets them.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeModel } from "../src/data.ts";
import { cars, cli, cpu, folder, read, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

const table = `a,b,y\n${Array.from({ length: 40 }, (_, k) => `${k % 7},${k % 5},${(k % 7) + (k % 5)}`).join("\n")}\n`;
const textOf = (name: string): string => new TextDecoder().decode(read(name));
const quick = ["--target", "y", "--epochs", "2", ...cpu];
const isPosix = process.platform !== "win32";
const isRoot = process.getuid?.() === 0;

describe("the table that is read is not written", () => {
  const spellings = ["T.csv", "./T.csv", "link.csv", "hard.csv"];
  const commands: [string, string[]][] = [
    ["train", ["--output"]],
    ["sweep", ["--members", "2", "--output"]],
    ["sweep", ["--members", "2", "--csv"]],
  ];
  const cases = commands.flatMap(([command, flags]) =>
    spellings.map((spelling): [string, string, string[]] => [command, spelling, flags]),
  );
  test.each(cases)("%s T.csv to %s (%j)", async (command, spelling, flags) => {
    if (!existsSync(join(folder, "T.csv"))) {
      write("T.csv", table);
      symlinkSync("T.csv", join(folder, "link.csv"));
      linkSync(join(folder, "T.csv"), join(folder, "hard.csv"));
    }
    const before = readdirSync(folder).toSorted();
    const outcome = await thalweg([command, "T.csv", ...quick, ...flags, spelling, "--force"]);
    expect([outcome.code, outcome.stdout]).toEqual([2, ""]);
    expect(outcome.stderr).toMatch(/^thalweg: --(output|csv) \S+: expected a file other than the input, /);
    expect(textOf("T.csv")).toBe(table);
    expect(readdirSync(folder).toSorted()).toEqual(before);
  });

  test("a table called like a model, whose name the model would take", async () => {
    write("table.safetensors", table);
    const { code, stderr } = await thalweg(["train", "table.safetensors", ...quick]);
    expect([code, textOf("table.safetensors")]).toEqual([2, table]);
    expect(stderr).toMatch(/--output table\.safetensors: expected a file other than the input/);
  });

  test.skipIf(!isPosix)("through the shell: < T.csv, > T.csv and >> T.csv", () => {
    const shell = (line: string) =>
      spawnSync("sh", ["-c", line.replace("thalweg", `"$NODE" "$CLI"`)], {
        cwd: folder,
        env: { ...process.env, NODE: process.execPath, CLI: cli },
        encoding: "utf8",
      });
    write("S.csv", table);
    const model = join(folder, "penguins.safetensors");
    const lines: [string, RegExp][] = [
      ["thalweg train - --target y --output S.csv < S.csv", /a file other than the input/],
      [`thalweg predict ${model} S.csv >> S.csv`, /S\.csv: expected a file other than the one stdout is redirected to/],
      [
        `thalweg predict ${model} - < S.csv >> S.csv`,
        /stdin: expected a file other than the one stdout is redirected to/,
      ],
      ["thalweg train T.csv --target y --output S.csv >> S.csv", /a file other than the one for stdout/],
    ];
    for (const [line, message] of lines) {
      const { status, stderr } = shell(line);
      expect(stderr).toMatch(message);
      expect([status, textOf("S.csv")]).toEqual([2, table]);
    }
    expect(shell(`thalweg predict ${model} S.csv > S.csv`).stderr).toMatch(/has already emptied this one/);
  });
});

describe("files that exist", () => {
  test.each(["--output", "--csv"])("%s refuses what is not its own, also with --force", async (flag) => {
    write("notes.txt", "my notes");
    mkdirSync(join(folder, "sub"), { recursive: true });
    const command = ["sweep", cars, "--target", "Horsepower", "--members", "2", ...cpu, "--force", flag];
    const outcome = await thalweg([...command, "notes.txt"]);
    expect([outcome.code, outcome.stdout, textOf("notes.txt")]).toEqual([2, "", "my notes"]);
    expect(outcome.stderr).toMatch(
      /notes\.txt: expected a new file, or a \w+ that .* wrote, got a file of 8 B that is/,
    );
    expect(await thalweg([...command, "sub"])).toMatchObject({ code: 2, stdout: "" });
  });

  test("a model is announced and kept as .bak; --force keeps none", async () => {
    write("T.csv", table);
    const run = (seed: number, ...flags: string[]) =>
      thalweg(["train", "T.csv", ...quick, "--seed", `${seed}`, "--output", "m.safetensors", ...flags]);
    const first = await run(1);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).not.toContain("exists");
    const models = [read("m.safetensors")];
    if (isPosix) chmodSync(join(folder, "m.safetensors"), 0o640);
    const second = await run(2);
    expect(second.stderr).toMatch(
      /\noutput +m\.safetensors exists \(a model, 2-16-1, 2 steps\): it is kept as \.bak if the new one differs/,
    );
    expect(second.stdout).toMatch(/saved +m\.safetensors \(.*\), the old one is in m\.safetensors\.bak\n$/);
    expect(read("m.safetensors.bak")).toEqual(models[0]);
    if (isPosix) expect(statSync(join(folder, "m.safetensors")).mode & 0o777).toBe(0o640);
    models.push(read("m.safetensors"));
    const third = await run(3, "--force");
    expect(third.stderr).toMatch(
      /\noutput +m\.safetensors exists .*: it is replaced when the work is finished \(--force\)/,
    );
    expect(third.stdout).not.toContain("old one");
    await run(4, "--quiet");
    expect(read("m.safetensors.bak")).toEqual(models[0]);
    expect(decodeModel(read("m.safetensors.bak2"), "m").training).toMatchObject({ seed: 3 });
    await run(4);
    expect(readdirSync(folder).filter((name) => name.startsWith("m.safetensors.bak")).length).toBe(2);
  });

  test("a model stays as it was when the training diverges, also with --force", async () => {
    const before = read("penguins.safetensors");
    const flags = ["--optimizer", "sgd", "--learning-rate", "1e10", "--force", "--output", "penguins.safetensors"];
    expect(await thalweg(["train", cars, "--target", "Horsepower", ...cpu, ...flags])).toMatchObject({ code: 6 });
    expect(read("penguins.safetensors")).toEqual(before);
    expect(existsSync(join(folder, "penguins.safetensors.bak"))).toBe(false);
  });

  test.skipIf(!isPosix).each([
    ["train", [] as string[]],
    ["sweep", ["--members", "3", "--csv", "c.csv"]],
  ])("%s ended by Ctrl-C keeps the old files, also with --force", async (command, flags) => {
    write("T.csv", table);
    for (const name of ["c.csv.bak", "c.safetensors.bak"]) rmSync(join(folder, name), { force: true });
    const common = [command, "T.csv", ...flags, "--target", "y", ...cpu, "--output", "c.safetensors", "--force"];
    await thalweg([...common, "--epochs", "3", ...(command === "sweep" ? ["--seed", "10..12"] : [])]);
    const before = read("c.safetensors");
    const tableBefore = command === "sweep" ? textOf("c.csv") : "";
    const interrupt = { after: "\ntraining ", signals: ["SIGINT"] } as const;
    const { code, stdout } = await thalweg([...common, "--epochs", "1000000"], { interrupt });
    expect(code).toBe(130);
    expect(stdout).toMatch(/the old one is in c\.safetensors\.bak/);
    expect(read("c.safetensors.bak")).toEqual(before);
    expect(decodeModel(read("c.safetensors"), "c").training).toMatchObject({ finished: false });
    if (command === "sweep") expect(textOf("c.csv.bak")).toBe(tableBefore);
  });

  test.skipIf(!isPosix || isRoot)("a folder that is read-only is reported before the training", async () => {
    mkdirSync(join(folder, "locked"), { mode: 0o500 });
    write("T.csv", table);
    const { code, stderr } = await thalweg(["train", "T.csv", ...quick, "--output", "locked/m.safetensors"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^thalweg: --output locked\/m\.safetensors: .* got no permission in /);
  });
});
