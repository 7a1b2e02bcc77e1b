// thalweg export, and the page that it writes, as people use them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchOptions } from "./host/chrome.mjs";
import { scheme, violationsOf } from "./support/page.ts";
import { cpu, folder, penguins, read, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

const textOf = (name: string): string => new TextDecoder().decode(read(name));

beforeAll(async () => {
  const train = ["train", penguins, "--target", "Species", "--epochs", "30", "--output", "p.safetensors", ...cpu];
  expect((await thalweg(train)).code).toBe(0);
});

describe("the command", () => {
  test("writes what the name of the file ends in, and keeps what was there", async () => {
    for (const [file, first] of [
      ["p.mjs", "// A network that thalweg trained: 9-16-3"],
      ["p.c", "// A network that thalweg trained: 9-16-3"],
      ["p.wgsl", "// A network that thalweg trained: 9-16-3"],
      ["p.html", "<!doctype html>"],
      ["p.onnx", "\b\u0007\u0012\u0007thalweg"],
    ] as const) {
      const { code, stdout } = await thalweg(["export", "p.safetensors", "--output", file]);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^written {3}p\.\w+ \(\d+(\.\d)? kB\)\n$/)]);
      expect(textOf(file).startsWith(first)).toBe(true);
    }
    const again = await thalweg(["export", "p.safetensors", "--output", "p.c", "--name", "penguin"]);
    expect(again.stdout).toContain("the old one is in p.c.bak");
    expect(textOf("p.c")).toContain("void penguin(const float x[9], float y[3]) {");
  });

  test("the module on stdout answers as thalweg predict does", async () => {
    const { stdout } = await thalweg(["export", "p.safetensors", "--to", "js"]);
    write("p.mjs", stdout);
    const rows = (JSON.parse(readFileSync(penguins, "utf8")) as object[]).slice(0, 3);
    write("rows.json", JSON.stringify(rows));
    const { predictRow } = (await import(pathToFileURL(join(folder, "p.mjs")).href)) as {
      predictRow(row: object): { Species: string; probabilities: Record<string, number> };
    };
    const { stdout: csv } = await thalweg(["predict", "p.safetensors", "rows.json", "--device", "reference"]);
    const wanted = csv.trim().split("\n").slice(1);
    expect(rows.map((row) => predictRow(row))).toEqual(
      wanted.map((line) => {
        const [species, ...shares] = line.split(",");
        const [Adelie, Chinstrap, Gentoo] = shares.map((share) => expect.closeTo(Number(share), 6) as number);
        return { Species: species, probabilities: { Adelie, Chinstrap, Gentoo } };
      }),
    );
  });

  test.each([
    [["p.safetensors"], "--to: expected one of js, c, wgsl, html, onnx, got none; pass --to js"],
    [["p.safetensors", "--to", "jss"], 'got "jss"; did you mean js?'],
    [["p.safetensors", "--output", "p.exe"], "got none, and --output p.exe; pass --to js"],
    [["p.safetensors", "--to", "js", "--output", "p.safetensors"], "expected a file other than the input"],
    [
      ["p.safetensors", "--to", "js", "--output", "other.txt"],
      "expected a new file, or a file that thalweg export wrote",
    ],
    [["p.safetensors", "--to", "c", "--member", "1"], "exportModule: member: expected an integer from 0 to 0, got 1"],
    [["p.safetensors", "--to", "wgsl", "--weights", "3"], "--weights: expected group and binding"],
    [
      ["nothing.safetensors", "--to", "c"],
      "nothing.safetensors: expected a model file that thalweg train wrote, got no such file",
    ],
    [["other.txt", "--to", "c"], "other.txt: expected"],
  ])("refuses %j", async (parameters, message) => {
    write("other.txt", "not ours");
    const { code, stdout, stderr } = await thalweg(["export", ...parameters]);
    expect([code === 0, stdout]).toEqual([false, ""]);
    expect(stderr).toContain(message);
    expect(textOf("other.txt")).toBe("not ours");
  });
});

describe("the page", () => {
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  beforeAll(async () => {
    const { code } = await thalweg(["export", "p.safetensors", "--output", "page.html"]);
    expect(code).toBe(0);
    browser = await puppeteer.launch(await launchOptions());
    page = await browser.newPage();
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => asked.push(String(error)));
    await page.goto(pathToFileURL(join(folder, "page.html")).href);
  });
  afterAll(() => browser.close());

  const fill = (label: string, value: string): Promise<void> =>
    page.evaluate(
      ([name, text]) => {
        const labels = [...document.querySelectorAll("label")];
        const control = labels.find(({ textContent }) => textContent === name)!.control as HTMLInputElement;
        control.value = text!;
        control.dispatchEvent(new Event("input", { bubbles: true }));
      },
      [label, value],
    );
  const answers = (): Promise<string[]> =>
    page.$$eval("output p", (lines) => lines.map(({ innerText }) => innerText.replace(/\s+/g, " ").trim()));

  test("predicts as the form is filled in, and loads nothing else", async () => {
    expect(await page.title()).toBe("Predict Species");
    await fill("Island", "Biscoe");
    await fill("Beak Length (mm)", "47");
    await fill("Beak Depth (mm)", "14.5");
    await fill("Flipper Length (mm)", "218");
    await fill("Body Mass (g)", "5200");
    expect((await answers())[0]).toBe("Species Gentoo");
    await fill("Island", "Torgersen");
    await fill("Beak Length (mm)", "38");
    await fill("Beak Depth (mm)", "18.5");
    await fill("Flipper Length (mm)", "185");
    await fill("Body Mass (g)", "3600");
    expect(await answers()).toEqual([
      "Species Adelie",
      expect.stringMatching(/^Adelie \d+\.\d %$/),
      expect.stringMatching(/^Chinstrap \d+\.\d %$/),
      expect.stringMatching(/^Gentoo \d+\.\d %$/),
    ]);
    await fill("Body Mass (g)", "heavy");
    expect(await page.$eval("output", (output) => output.textContent)).toBe(
      'Body Mass (g): expected a number, got "heavy"',
    );
    await fill("Body Mass (g)", "3600");
    expect(asked).toEqual([pathToFileURL(join(folder, "page.html")).href]);
  });

  test.each(["light", "dark"] as const)("axe finds nothing, and nothing is too wide: %s", async (theme) => {
    await scheme(page, theme);
    for (const width of [1280, 390]) {
      await page.setViewport({ width, height: 800 });
      expect(await violationsOf(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });
});
