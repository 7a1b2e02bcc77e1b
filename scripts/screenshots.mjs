// Writes docs/screenshots/: every view, wide and narrow, light and dark.
//   node scripts/screenshots.mjs [VIEW …]

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer";
import { preview } from "vite";
import { launchOptions } from "../test/host/chrome.mjs";

const path = (/** @type {string} */ place) => fileURLToPath(new URL(`../${place}`, import.meta.url));

/**
 * Waits until a figure says that there is something to see, a minute at most.
 * @param {import("puppeteer").Page} page
 * @param {string} selector
 * @param {(text: string) => boolean} isEnough
 */
async function trained(page, selector, isEnough) {
  for (let tries = 0; tries < 300; tries++) {
    if (isEnough(await page.$eval(selector, (found) => found.textContent ?? ""))) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/**
 * Where a view is, and what to do before it is taken.
 * @type {Record<string, { address: string, prepare?: (page: import("puppeteer").Page) => Promise<unknown> }>}
 */
const views = {
  explain: { address: "#/?stop=27" },
  playground: {
    address: "#/playground?pace=100&test=1",
    prepare: async (page) => {
      const figure = "Number(document.querySelector('[data-figure=step]').textContent.replaceAll(',', ''))";
      await page.waitForFunction("document.querySelector('.playground').dataset.redraws > 0");
      await page.evaluate("document.querySelector('.toggle').click()");
      await page.waitForFunction(`${figure} > 3000`);
      await page.evaluate("document.querySelector('.toggle').click()");
      await page.waitForFunction("document.querySelector('.plot canvas')");
      await new Promise((resolve) => setTimeout(resolve, 500));
    },
  },
  image: {
    address: "#/image",
    prepare: (page) => trained(page, "[data-figure=psnr]", (text) => parseFloat(text) >= 34),
  },
  population: {
    address: "#/population",
    prepare: (page) => trained(page, "[data-figure=step]", (text) => text === "1,000 of 1,000"),
  },
  // A result that was recorded before: what is seen has been measured, and is the same at every taking.
  bench: {
    address: "bench/index.html#race=tiny,populations",
    prepare: async (page) => {
      await page.waitForSelector("body[data-state=ready]");
      const input = /** @type {import("puppeteer").ElementHandle<HTMLInputElement>} */ (await page.$("#files"));
      await input.uploadFile(path("bench/results/2026-11-23-google-swiftshader-race.json"));
      await page.waitForSelector("#bars svg");
      await page.select("#point", "2-2-2-1-b1024-sgd");
      await page.waitForFunction("document.querySelector('#bars h3').textContent.includes('1,024')");
      await page.$eval("#results", (figures) => figures.scrollIntoView());
    },
  },
};

const sizes = [
  { width: 1280, height: 860 },
  { width: 390, height: 1280 },
];
const schemes = ["light", "dark"];

execFileSync("npm", ["run", "--silent", "page"], {
  cwd: path("."),
  stdio: "inherit",
  shell: process.platform === "win32",
});
const server = await preview({ configFile: path("vite.page.ts"), preview: { port: 0 } });
const browser = await puppeteer.launch(await launchOptions());
const [base = ""] = server.resolvedUrls?.local ?? [];
const wanted = process.argv.slice(2);
mkdirSync(path("docs/screenshots"), { recursive: true });

for (const [name, { address, prepare }] of Object.entries(views)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const size of sizes) {
    for (const scheme of schemes) {
      const page = await browser.newPage();
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.setViewport(size);
      await page.goto(`${base}${address}`);
      await page.waitForSelector("main:not([aria-busy=true])");
      await prepare?.(page);
      await page.screenshot({
        path: path(`docs/screenshots/${name}-${size.width}-${scheme}.webp`),
        type: "webp",
        quality: 92,
      });
      await page.close();
    }
  }
}
await browser.close();
await server.close();
