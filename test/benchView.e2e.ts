import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type BrowserContext, type Page } from "puppeteer";
import { build } from "vite";
import { afterAll, beforeAll, expect } from "vitest";
import { type FolderServer, serveFolder } from "../bench/hosts/serve.ts";
import { races as racePlans } from "../bench/race/races.ts";
import { readRecord } from "../bench/race/readRecord.ts";
import { pageConfig } from "../vite.bench.ts";
import { launchOptions } from "./host/chrome.mjs";
import { scheme, violationsOf } from "./support/page.ts";
import { testInFull } from "./support/share.ts";

const tinyPoints = racePlans.find(({ name }) => name === "tiny")!.points.length;

// The page as a reader uses it, in order: run, look, save, open again, compare, stop.

const folder = mkdtempSync(join(tmpdir(), "bench-view-"));
const saved = join(folder, "saved");
const two = "#race=tiny&contender=thalweg-cpu64,plain-js&quick";

let server: FolderServer;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const complaints: string[] = [];

async function open(address: string, prepare?: (page: Page) => Promise<unknown>): Promise<Page> {
  const opened = await context.newPage();
  opened.on("pageerror", (error) => complaints.push(String(error)));
  opened.on("console", (message) => {
    if (["error", "warn", "warning"].includes(message.type())) complaints.push(message.text());
  });
  await prepare?.(opened);
  await opened.goto(address);
  await opened.waitForSelector("body[data-state=ready]");
  return opened;
}

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (found) => found.textContent.replaceAll(/\s+/g, " ").trim());
const textsOf = (selector: string): Promise<string[]> =>
  page.$$eval(selector, (all) => all.map((one) => one.textContent.trim()));
const openFiles = async (...paths: string[]): Promise<void> => {
  const input = (await page.$("input[type=file]")) as Awaited<ReturnType<typeof page.$<"input">>>;
  await input!.uploadFile(...paths);
};

/** Clicks until the file is saved: a chart may be drawn anew under the pointer. @returns its path */
async function savedBy(selector: string, name: RegExp): Promise<string> {
  const find = (): string | undefined => readdirSync(saved).find((file) => name.test(file));
  const save = async (): Promise<string | undefined> => {
    if (find() === undefined) await page.click(selector);
    return find();
  };
  await expect.poll(save, { timeout: 20_000, interval: 1000 }).toBeDefined();
  return join(saved, find()!);
}

beforeAll(async () => {
  mkdirSync(saved);
  const outDir = join(folder, "page");
  await build({ ...pageConfig({ input: "index.html", outDir, minify: "no" }), configFile: false, logLevel: "error" });
  server = await serveFolder({ folder: outDir, isolated: true });
  browser = await puppeteer.launch(await launchOptions());
  const downloadBehavior = { policy: "allow", downloadPath: saved } as const;
  context = await browser.createBrowserContext({ downloadBehavior });
  page = await open(`${server.url}/${two}`);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

testInFull("the address says what is chosen", async () => {
  expect(await page.$$eval("#choice input:checked", (all) => all.map(({ value }) => value))).toEqual([
    "tiny",
    "thalweg-cpu64",
    "plain-js",
    "quick",
  ]);
  expect(await textOf("#environment")).toMatch(/WebGPU on .+ · \d+ cores · cross-origin isolated$/);
});

testInFull("a quick race runs beside a page that answers", async () => {
  await page.click("#run");
  let answers = 0;
  while (await page.$("#stop:not([disabled])")) {
    answers += await page.evaluate(() => new Promise<number>((resolve) => requestAnimationFrame(() => resolve(1))));
  }
  expect(answers).toBeGreaterThan(0);
  expect(await textOf("#status")).toBe("Done: 2 points.");
  expect(await textOf("#messages")).toBe("");
});

testInFull("bars, lines and their tables say the same", async () => {
  const charts = await page.$$eval("figure svg[role=img]", (all) => all.map((one) => one.getAttribute("aria-label")!));
  expect(charts.length).toBe(2);
  const widths = await page.$$eval("#bars, #bars svg", (all) => all.map((one) => one.getBoundingClientRect().width));
  expect(widths[1]).toBeCloseTo(widths[0]!, -1);
  for (const chart of charts) expect(chart).toMatch(/plain JavaScript, 2-2-2-1 by hand.*\d/);
  const rows = await textsOf("#bars tbody th");
  expect(rows.toSorted()).toEqual([
    "plain JavaScript, 2-2-2-1 by hand",
    "thalweg, float64 CPU reference",
    "thalweg, float64 CPU reference, again: the noise floor",
  ]);
  expect(await textsOf("#bars tbody tr:first-child td")).toContain("passed");
  expect(await textsOf("#sweep thead th")).toEqual(["contender", "batch 4", "batch 1,024"]);
  expect(await textsOf("#overview tbody th button")).toHaveLength(2);
  expect(await textOf("#machine-body")).toMatch(/Isolation ?cross-origin isolated/);
});

testInFull("another unit, another point", async () => {
  await page.select("#unit", "samples");
  await page.waitForFunction(() => document.querySelector("#bars td")?.textContent.endsWith("samples/s"));
  expect(await textsOf("#point option")).toEqual([
    expect.stringMatching(/^batch 4: 2-2-2-1 /),
    expect.stringMatching(/^batch 1,024: 2-2-2-1 /),
  ]);
  await page.select("#point", "2-2-2-1-b1024-sgd");
  await page.waitForFunction(() => document.querySelector("#bars h3")?.textContent.includes("1,024 samples"));
  expect(await page.$eval("#bars svg", (svg) => svg.getAttribute("aria-label"))).toContain("samples/s");
});

testInFull("what is saved can be read elsewhere", async () => {
  const json = await savedBy("[data-save=json]", /^race-\d{4}-\d\d-\d\d-.+-[a-z]+-\d+.*\.json$/);
  const record = readRecord(readFileSync(json, "utf8"), json);
  expect(record.races[0]!.points.map(({ x }) => x)).toEqual([4, 1024]);
  expect(record.machine.crossOriginIsolated).toBe(true);
  const csv = readFileSync(await savedBy("[data-save=csv]", /\.csv$/), "utf8");
  expect(csv.split("\n").filter((line) => line.includes("plain-js")).length).toBeGreaterThan(0);
  const svg = readFileSync(await savedBy("#bars figcaption button", /^tiny-2-2-2-1-b1024-sgd-samples\.svg$/), "utf8");
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  writeFileSync(join(folder, "earlier.json"), readFileSync(json));
  writeFileSync(join(folder, "later.json"), readFileSync(json));
});

testInFull("opened results lie beside the run, by button or dropped, until they are removed", async () => {
  await openFiles(join(folder, "earlier.json"));
  await page.waitForSelector("#comparison:not([hidden]) svg");
  expect(await textsOf("#comparison thead th")).toEqual([
    "contender",
    "Run 1, quick",
    "earlier.json",
    "second ÷ first",
  ]);
  const text = readFileSync(join(folder, "later.json"), "utf8");
  await page.evaluate((content) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([content], "later.json", { type: "application/json" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, text);
  await page.waitForSelector("#other option:nth-child(2)");
  await page.click("[aria-label='Remove Run 1, quick']");
  await page.waitForFunction(() => document.querySelectorAll("#source-list li").length === 2);
  const heads = await textsOf("#comparison thead th");
  expect(heads.slice(1, 3).toSorted()).toEqual(["earlier.json", "later.json"]);
  await page.click("[aria-label='Remove earlier.json']");
  await page.waitForSelector("#comparison[hidden]");
});

testInFull("a broken file says what is wrong with it, and nothing is lost", async () => {
  const record = JSON.parse(readFileSync(join(folder, "later.json"), "utf8"));
  record.races[0].points[0].x = "four";
  writeFileSync(join(folder, "broken.json"), JSON.stringify(record));
  writeFileSync(join(folder, "cut.json"), "{");
  await openFiles(join(folder, "broken.json"), join(folder, "cut.json"));
  await page.waitForSelector("#messages .notice:nth-child(2)");
  const messages = await textOf("#messages");
  for (const word of ["broken.json", "races.0.points.0.x", "expected", "got", "cut.json"]) {
    expect(messages).toContain(word);
  }
  expect(await textsOf("#source-list li label")).toHaveLength(1);
  expect(await page.$("#bars svg")).not.toBeNull();
  await page.click("#messages button");
  expect(await page.$$("#messages .notice")).toHaveLength(1);
});

testInFull.each(["light", "dark"] as const)("axe finds nothing, %s", async (value) => {
  await scheme(page, value);
  expect(await violationsOf(page)).toEqual([]);
});

testInFull.each([320, 390, 1280])("the page is no wider than a window of %i pixels", async (width) => {
  await page.setViewport({ width, height: 844 });
  await page.waitForFunction(() => document.querySelector("#bars svg")!.getBoundingClientRect().right <= innerWidth);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
});

testInFull("a choice outlives the page, and names that nobody has are told", async () => {
  await page.click("#races input[value=widths]");
  await page.click("#effort input[value=full]");
  const hash = "#race=tiny,widths&contender=thalweg-cpu64,plain-js&full";
  expect(await page.evaluate(() => location.hash)).toBe(hash);
  await page.reload();
  await page.waitForSelector("body[data-state=ready]");
  expect(await page.$$eval("#choice input:checked", (all) => all.map(({ value }) => value))).toEqual([
    "tiny",
    "widths",
    "thalweg-cpu64",
    "plain-js",
    "full",
  ]);
  await page.evaluate(() => (location.hash = "#race=tinny&contender=tfjs-c"));
  await page.waitForSelector("#messages .notice");
  expect(await textOf("#messages")).toContain("called tinny; there are: tiny, widths");
  expect(await page.$$eval("#contenders input:checked", (all) => all.map(({ value }) => value))).toEqual(["tfjs-cpu"]);
  expect(await page.$("#run[disabled]")).not.toBeNull();
});

testInFull("Stop keeps what is finished, the keyboard its place, and a page out of sight is told", async () => {
  await page.evaluate(() => (location.hash = "#race=tiny&contender=plain-js&full"));
  await page.waitForSelector("#run:not([disabled])");
  await page.focus("#run");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#stop:not([disabled])");
  expect(await page.evaluate(() => document.activeElement!.id)).toBe("stop");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.evaluate(() => {
    Reflect.deleteProperty(document, "hidden");
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForSelector("#bars svg");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#stop[disabled]");
  expect(await page.evaluate(() => document.activeElement!.id)).toBe("run");
  const [, points] = /^Stopped, with (\d+) points? done/.exec(await textOf("#status"))!;
  expect(await textsOf("#overview tbody th button")).toHaveLength(Number(points));
  await page.waitForFunction(() => document.querySelector("#warnings")!.textContent.includes("stopped after"));
  expect(await textOf("#warnings")).toMatch(
    new RegExp(`The page was hidden.*stopped after ${points} of ${tinyPoints} points`),
  );
});

testInFull("without WebGPU only contenders that do without it can be chosen", async () => {
  page = await open(`${server.url}/`, (opened) =>
    opened.evaluateOnNewDocument(() => Reflect.deleteProperty(Navigator.prototype, "gpu")),
  );
  expect(await textOf("#notices")).toContain("No WebGPU: this browser has none");
  const chosen = await page.$$eval("#contenders input:checked", (all) => all.map(({ value }) => value));
  expect(chosen).toEqual(expect.arrayContaining(["thalweg", "thalweg-wasm", "tfjs-wasm"]));
  expect(chosen.filter((name) => name.includes("webgpu"))).toEqual([]);
  expect(await page.$("#contenders input[value=thalweg-webgpu][disabled]")).not.toBeNull();
});

testInFull("without isolation the page says what that costs", async () => {
  const plain = await serveFolder({ folder: join(folder, "page"), isolated: false });
  page = await open(`${plain.url}/`);
  expect(await textOf("#notices")).toContain("not cross-origin isolated");
  expect(await textOf("#contenders")).toContain("one thread: not isolated");
  await page.close();
  await plain.close();
});

testInFull("nothing complained on the console", () => expect(complaints).toEqual([]));
