// The commands of docs/cli.md as they stand, one behind the other in a folder with the tables that they name.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cars, folder, penguins, thalweg, useFolder } from "./support/thalweg.ts";

useFolder();

const page = readFileSync(join(import.meta.dirname, "../docs/cli.md"), "utf8");
const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!);
const commands = blocks.flatMap((text) => text.split("\n")).filter((line) => line.startsWith("thalweg "));

test("every line of a block is a command of thalweg", () => {
  expect(commands.length).toBeGreaterThan(8);
  const lines = blocks.join("").split("\n");
  expect(lines.filter((line) => line !== "")).toEqual(commands);
});

test.each(commands)("%s", async (command) => {
  for (const [from, name] of [[penguins, "penguins.json"], [cars, "cars.json"]] as const) copyFileSync(from, join(folder, name)); // prettier-ignore
  const [first] = JSON.parse(readFileSync(penguins, "utf8")) as Record<string, unknown>[];
  const names = Object.keys(first!).filter((name) => name !== "Species");
  writeFileSync(
    join(folder, "new-penguins.csv"),
    `${names.join(",")}\n${names.map((name) => first![name]).join(",")}\n`,
  );
  const [, ...words] = command.replace(/ +# .*$/, "").split(/ +/);
  const { code, stderr, stdout } = await thalweg(words);
  expect([code, stderr.includes("thalweg: ")]).toEqual([0, false]);
  expect(stdout).not.toBe("");
});
