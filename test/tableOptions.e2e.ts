import { resolve } from "node:path";
import { expect, test } from "vitest";
import { cpu, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

const fault = (name: string): string => resolve("test/faults", name);
const quick = [...cpu, "--epochs", "1", "--layers", "none", "--validation", "0"];

/** Columns and rows that a training says it has found. */
async function trained(
  file: string,
  ...flags: string[]
): Promise<{ rows: number; notes: string[]; preprocessing: { inputs: { mean: number }[] } }> {
  const parameters = ["train", file, ...quick, "--json", "--quiet", "--output", "m.safetensors", ...flags];
  const { code, stdout, stderr } = await thalweg(parameters);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout).data;
}

test("layouts and headers are found", async () => {
  expect(await trained(fault("05-years.csv"), "--target", "2022")).toMatchObject({ rows: 50, notes: [] });
  for (const name of ["15-comment.csv", "15-sep.csv", "15-space-quote.csv"]) {
    expect(await trained(fault(name), "--target", "label")).toMatchObject({ rows: 40 });
  }
  expect(await trained(fault("14-all-text.data"), "--target", "column1")).toMatchObject({ rows: 100 });
});

test("options overrule what is found", async () => {
  write("words.csv", `a,b,c\n${"a,c,p\nd,b,q\n".repeat(10)}`);
  expect(await trained("words.csv", "--target", "column3", "--header", "no")).toMatchObject({ rows: 21 });
  expect(await trained("words.csv", "--target", "c", "--header", "yes")).toMatchObject({ rows: 20 });
  write(
    "colon.csv",
    `a:b:y\n${Array.from({ length: 20 }, (_, k) => `${k}.5:${k * k}.25:${k % 2 ? "p" : "q"}\n`).join("")}`,
  );
  expect(await trained("colon.csv", "--target", "y", "--separator", ":")).toMatchObject({ rows: 20 });
});

test("a file of one line is a row where the model has no header", async () => {
  const rows = Array.from({ length: 40 }, (_, k) => `${k / 8}.5,${(k * 7) % 5}.25,${k < 20 ? "p" : "q"}`);
  write("bare.csv", rows.join("\n"));
  await trained("bare.csv", "--target", "column3");
  for (const line of ["0.5,0.1\n", "0.5,0.1,p\n"]) {
    write("one.csv", line);
    const { code, stdout } = await thalweg(["predict", "m.safetensors", "one.csv", ...cpu]);
    expect([code, stdout.trim().split("\n").length]).toEqual([0, 2]); // the names and one prediction
  }
});

test("missing words and number formats of the training hold at predict time", async () => {
  const rows = Array.from({ length: 60 }, (_, k) => `${k % 6 === 0 ? "-999" : `${k},5`};${k < 30 ? "p" : "q"}`);
  write("codes.csv", ["size;kind", ...rows].join("\n"));
  const { preprocessing } = await trained("codes.csv", "--target", "kind", "--missing", "default,-999");
  expect(preprocessing.inputs[0]!.mean).toBeCloseTo(30.5, 6); // of 1.5 to 59.5 without every sixth
  const seen = new Set<string>();
  for (const line of ["size\n-999\n45,5\n", 'size\n""\n"45,5"\n', "size\n?\n45.5\n"]) {
    write("new.csv", line);
    const { code, stdout } = await thalweg(["predict", "m.safetensors", "new.csv", ...cpu]);
    expect([code, stdout.trim().split("\n").length]).toEqual([0, 3]);
    seen.add(stdout);
  }
  expect(seen.size).toBe(1);
});

test.each([
  [["--decimal", ";"], /--decimal: expected "\." or ",", got ";"/],
  [["--thousands", "x"], /--thousands: expected ",", "\.", space/],
  [["--separator", "ab"], /--separator: expected one character, tab or blank, got "ab"/],
  [["--header", "maybe"], /--header: expected one of yes, no, auto/],
  [["--missing", "a,,b"], /--missing: expected names separated by commas/],
  [["--decimal", ",", "--thousands", ","], /different characters for decimal and thousands/],
])("%j is refused", async (flags, message) => {
  const { code, stderr } = await thalweg(["train", fault("01-train.csv"), "--target", "label", ...quick, ...flags]);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
});
