// Names that attack the terminal or the spreadsheet of whoever reads the output.

import { describe, expect, test } from "vitest";
import { decodeModel, encodeModel } from "../src/data.ts";
import { cpu, read, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

const clipboard = "\u001b]52;c;ZWNobyBwd25lZA==\u0007";
const names = [`${clipboard}`, "\u009b31m", "\u202egnp.exe", "new\nline", "a\rb", "\u007f"];
const control = /[^\P{Cc}\n]|\p{Bidi_Control}|[\u2028\u2029]/u;

/** Two inputs, two classes, all with such names. */
const evil = JSON.stringify(
  Array.from({ length: 40 }, (_, k) => ({
    [`x${names.join("")}`]: k % 7,
    [`c${names.join("")}`]: `cat${names[k % 3]}`,
    [`y${names[0]}`]: k % 7 > 3 ? `=class${names.join("")}` : `@class${names[1]}`,
  })),
);
const target = ["--target", `y${names[0]}`];

async function expectClean(
  parameters: readonly string[],
  input = "",
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const outcome = await thalweg(parameters, { input });
  const [stdout, stderr] = [outcome.stdout, outcome.stderr];
  expect(stderr).not.toMatch(control);
  expect(stdout.replaceAll(/"[^"]*"/g, (cell) => cell.replaceAll(/[\r\n]/g, ""))).not.toMatch(
    /[^\P{Cc}\n]|[\u2028\u2029]/u,
  );
  return outcome;
}

describe("control characters of a table and of a model reach no terminal", () => {
  const train = ["train", "evil.json", ...target, "--epochs", "3", ...cpu, "--output", "evil.safetensors"];

  test("train, evaluate, predict, sweep", async () => {
    write("evil.json", evil);
    const trained = await expectClean(train);
    expect(trained.code).toBe(0);
    expect(trained.stderr).toContain(String.raw`\u001b]52;c;ZWNobyBwd25lZA==\u0007`);
    expect((await expectClean(["evaluate", "evil.safetensors", "evil.json", ...cpu])).code).toBe(0);
    const sweep = ["sweep", "evil.json", ...target, "--epochs", "2", "--members", "3", ...cpu, "--csv", "evil.csv"];
    expect((await expectClean([...sweep, "--output", "swept.safetensors"])).code).toBe(0);
    const predicted = await expectClean(["predict", "evil.safetensors", "evil.json", ...cpu]);
    expect(predicted.code).toBe(0);
    expect(predicted.stdout).toMatch(/^y\\u001b\]52/);
    for (const line of predicted.stdout.split("\n").slice(1)) expect(line).not.toMatch(/^"?[=@]/);
  });

  test("--json says the same names, escaped", async () => {
    const { stdout } = await expectClean(["predict", "evil.safetensors", "evil.json", ...cpu, "--json"]);
    expect(stdout).not.toMatch(control);
    const { predictions } = JSON.parse(stdout) as { predictions: Record<string, unknown>[] };
    expect([`=class${names.join("")}`, `@class${names[1]}`]).toContain(predictions[0]![`y${names[0]}`]);
  });

  test("errors", async () => {
    for (const parameters of [
      ["train", "evil.json", "--target", `nothing${names.join("")}`],
      ["train", `no${names[0]}${names[2]}.csv`, ...target],
      ["train", "evil.json", ...target, "--output", `nowhere${names[0]}/m`],
      ["train", "evil.json", ...target, "--activation", names.join("")],
      ["train", "evil.json", ...target, `--no${clipboard}`],
      [`train${clipboard}`],
      ["predict", "penguins.safetensors", "evil.json"],
      ["explain", "--model", "evil.safetensors"],
    ]) {
      const { code, stderr, stdout } = await expectClean(parameters);
      expect([code === 2 || code === 3, stdout]).toEqual([true, ""]);
      expect(stderr).toMatch(/^thalweg: [^\n]+\n$/);
    }
  });

  test("names of a megabyte are cut", async () => {
    write("long.json", JSON.stringify(Array.from({ length: 20 }, (_, k) => ({ ["x".repeat(1e6)]: k, y: k % 3 }))));
    const { stderr } = await thalweg(["train", "long.json", "--target", "z"]);
    expect(stderr.length).toBeLessThan(10_000);
  });

  test("metadata of a hostile model: prototypes, and names as long as a header allows", async () => {
    const { network, parameters, preprocessing, training, members } = decodeModel(read("penguins.safetensors"), "m");
    const { inputs, target: known } = preprocessing!;
    if (known.kind !== "class") throw new Error("penguins are classes");
    const values = ["__proto__", "constructor", "x".repeat(10_000)];
    const hostile = { inputs, target: { ...known, name: "__proto__", values } };
    write("proto.safetensors", encodeModel({ network, members, parameters, preprocessing: hostile, training }));
    const row = JSON.stringify([
      Object.fromEntries(
        inputs.map((column) => [
          column.name,
          column.kind === "number" ? 1 : column.kind === "category" ? column.values[0] : 0,
        ]),
      ),
    ]);
    const { code, stdout } = await thalweg(["predict", "proto.safetensors", "-", ...cpu, "--json"], { input: row });
    expect(code).toBe(0);
    const { predictions } = JSON.parse(stdout) as { predictions: object[] };
    expect(Object.keys(predictions[0]!).slice(0, 2)).toEqual(["__proto__", "probability __proto__"]);
  });
});
