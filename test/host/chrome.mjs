import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer";

/** Names under which package managers put Chrome or Chromium on the PATH. */
const commandNames = ["google-chrome-stable", "google-chrome", "chromium", "chromium-browser"];

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function systemChrome() {
  try {
    const usual = await puppeteer.executablePath("chrome");
    return isExecutable(usual) ? usual : undefined;
  } catch {
    return undefined; // a platform that Chrome has no usual place on
  }
}

function chromeOnPath() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return commandNames.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

async function puppeteerChrome() {
  const path = await puppeteer.executablePath();
  return existsSync(path) ? path : undefined;
}

/**
 * The Chrome that tests drive: PUPPETEER_EXECUTABLE_PATH, else an installed Chrome or Chromium, else puppeteer's own.
 * @returns {Promise<string | undefined>}
 */
export async function findChrome() {
  const chosen = process.env.PUPPETEER_EXECUTABLE_PATH;
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  return (await systemChrome()) ?? chromeOnPath() ?? (await puppeteerChrome());
}

/**
 * What puppeteer.launch() needs for a Chrome with WebGPU, on hardware or on Chrome's software adapter.
 * @returns {Promise<import("puppeteer").LaunchOptions>}
 */
export async function launchOptions() {
  const executablePath = await findChrome();
  if (!executablePath) throw new Error("Chrome: found none; run `node scripts/ensure-chrome.mjs`");
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : []; // Chrome refuses its sandbox to root
  return { executablePath, headless: true, args: ["--enable-unsafe-webgpu", ...sandbox] };
}
