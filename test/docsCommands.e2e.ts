// Runs the commands of docs/cli.md as written, in order, in a folder with the tables that they name.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
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

beforeAll(() => {
  copyFileSync(penguins, join(folder, "penguins.json"));
  copyFileSync(cars, join(folder, "cars.json"));
  const [first] = JSON.parse(readFileSync(penguins, "utf8")) as Record<string, unknown>[];
  const names = Object.keys(first!).filter((name) => name !== "Species");
  const lines = [names.join(","), names.map((name) => first![name]).join(",")];
  writeFileSync(join(folder, "new-penguins.csv"), `${lines.join("\n")}\n`);
});

test.each(commands)("%s", async (command) => {
  const [, ...words] = command.replace(/ +# .*$/, "").split(/ +/);
  const { code, stderr, stdout } = await thalweg(words);
  expect([code, stderr.includes("thalweg: ")]).toEqual([0, false]);
  expect(stdout).not.toBe("");
});
