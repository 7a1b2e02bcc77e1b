import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FolderServer, serveFolder } from "../bench/hosts/serve.ts";
import { launchOptions } from "./host/chrome.mjs";

// What `npm run page` builds, in a folder of a plain server: a reader goes from view to view by the head of the page.

const root = mkdtempSync(join(tmpdir(), "page-folder-"));
const place = join(root, "some", "folder");

let server: FolderServer;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  mkdirSync(place, { recursive: true });
  const vite = (...options: readonly string[]): Buffer =>
    execFileSync("npx", ["vite", "build", ...options, "--emptyOutDir", "--logLevel", "error"], {
      shell: process.platform === "win32",
    });
  vite("--config", "vite.page.ts", "--outDir", place);
  vite("--config", "vite.bench.ts", "--base", "./", "--outDir", join(place, "bench"), "--minify", "true");
  server = await serveFolder({ folder: root, isolated: false });
  browser = await puppeteer.launch(await launchOptions());
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warn", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("response", (response) => {
    if (!response.ok()) complaints.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${server.url}/some/folder/`);
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(root, { recursive: true, force: true });
});

/** From whatever is shown to the view of a link. @param sign what is there when its worker has answered */
async function go(link: string, heading: RegExp, sign: string): Promise<void> {
  await page.waitForSelector("main:not([aria-busy=true])");
  await page.locator(`nav ::-p-text(${link})`).click();
  await expect.poll(() => page.$eval("h1", (found) => found.textContent).catch(() => "")).toMatch(heading);
  await page.waitForFunction(sign, { timeout: 40_000 });
  expect(await page.$eval("nav [aria-current]", (found) => found.textContent)).toBe(link);
}

const step = (selector: string): string =>
  `parseInt(document.querySelector("${selector}")?.textContent.replaceAll(",", "")) > 0`;
const views = [
  ["Playground", /^Playground/, "document.querySelector('.playground')?.dataset.redraws > 0"],
  ["Image", /^Learn an image/, step("[data-figure=step]")],
  ["Population", /^A population/, step("[data-figure=step]")],
  ["Bench", /^The race/, "document.body.dataset.state === 'ready'"],
  ["Population", /^A population/, step("[data-figure=step]")],
  ["Bench", /^The race/, "document.body.dataset.state === 'ready'"],
  ["Worked example", /^One step/, "document.querySelector('.drawing') !== null"],
] as const;

test.each(views)("the head of the page leads to %s", (link, heading, sign) => go(link, heading, sign));

test("nothing was missing, and nothing complained", () => expect(complaints).toEqual([]));
