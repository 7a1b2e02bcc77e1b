// Chrome's GPU process is ended again and again in the middle of a training; without the two flags Chrome blocks the page after two crashes.

import { writeFileSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type FolderServer, serveFolder } from "../bench/hosts/serve.ts";
import { launchOptions } from "./host/chrome.mjs";
import { eventually } from "./support/page.ts";

type Library = typeof import("../src/index.ts");

/** What the page keeps of its trainings. */
interface Told {
  step: number;
  lost: number[];
  recovered: { step: number; ms: number; device: string; atMs: number }[];
  end: { bits: number[]; kind: string; reason: string | undefined } | undefined;
  error: string | undefined;
  /** The next event is to be the last. */
  stops?: boolean;
}

const crashable = ["--disable-domain-blocking-for-3d-apis", "--disable-gpu-process-crash-limit"];
const kills = Number(process.env.THALWEG_KILLS ?? (inject("share") === "all" ? 10 : 4));

let server: FolderServer;
const browsers: Browser[] = [];
beforeAll(async () => {
  server = await serveFolder({ folder: "dist", isolated: false });
});
afterAll(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server.close();
});

async function openPage(flags: readonly string[]): Promise<{ browser: Browser; page: Page }> {
  const { args = [], ...options } = await launchOptions();
  const browser = await puppeteer.launch({ ...options, args: [...args, ...flags] });
  browsers.push(browser);
  const page = await browser.newPage();
  await page.goto(`${server.url}/index.js`); // any address of the server
  const content = 'import * as library from "/index.js"; globalThis.library = library;';
  await page.addScriptTag({ type: "module", content });
  await page.waitForFunction("globalThis.library !== undefined");
  return { browser, page };
}

async function crash(browser: Browser): Promise<void> {
  const client = await browser.target().createCDPSession();
  client.send("Browser.crashGpuProcess").catch(() => {}); // it may not live to answer
}

/** Begins a training in the page, of a network with a step of some 30 µs. */
const begin = (page: Page, steps: number): Promise<void> =>
  page.evaluate(async (count) => {
    const { acquire, adam, createModel, dense, network } = (globalThis as typeof globalThis & { library: Library })
      .library;
    const device = await acquire({ device: "software" });
    const net = network({
      inputs: 2,
      layers: [dense(2, "tanh"), dense(2, "tanh"), dense(1)],
      loss: "meanSquaredError",
    });
    const told: Told = { step: 0, lost: [], recovered: [], end: undefined, error: undefined };
    (globalThis as typeof globalThis & { told: Told }).told = told;
    const onLost = (): void => void told.lost.push(performance.now());
    const model = await createModel(net, { device, seed: 1, onLost });
    const inputs = Float32Array.from({ length: 64 }, (_, at) => Math.sin(1.7 * at));
    const data = { inputs, targets: Float32Array.from({ length: 32 }, (_, row) => Math.sin(3.4 * row)) };
    const options = {
      optimizer: adam({ learningRate: 0.001 }),
      batchSize: 4,
      steps: count,
      logInterval: { steps: 500 },
    };
    const train = async (): Promise<void> => {
      for await (const { step, recovered } of model.train(data, options)) {
        told.step = step;
        if (told.stops) break;
        if (recovered) told.recovered.push({ ...recovered, atMs: performance.now() });
      }
      const bits = [...new Uint32Array(Float32Array.from(await model.readParameters()).buffer)];
      told.end = { bits, kind: model.device.kind, reason: model.device.fallbackReason };
      device.dispose();
    };
    train().catch((error: unknown) => (told.error = String(error)));
  }, steps);

const told = (page: Page): Promise<Told> =>
  page.evaluate(() => (globalThis as typeof globalThis & { told: Told }).told);
const ended = (page: Page) => eventually(async () => (await told(page)).end ?? (await told(page)).error).toBeTruthy();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("the GPU process ends in the middle of a training, again and again: the same bits", async () => {
  const { browser, page } = await openPage(crashable);
  await begin(page, 1e9);
  for (let killed = 0; killed < kills; killed++) {
    const before = (await told(page)).step;
    await eventually(async () => (await told(page)).step).toBeGreaterThan(before);
    await crash(browser);
    await eventually(async () => (await told(page)).lost.length).toBeGreaterThan(killed);
    await pause(Math.random() * 30);
  }
  await page.evaluate(() => ((globalThis as typeof globalThis & { told: Told }).told.stops = true));
  await ended(page);
  const { end, error, recovered, step } = await told(page);
  expect(error).toBeUndefined();
  await begin(page, step);
  await ended(page);
  const whole = await told(page);
  expect(recovered.length).toBeGreaterThan(0);
  const ms = recovered.map((each) => each.ms).toSorted((a, b) => a - b);
  const record = {
    step,
    kills,
    recoveries: ms.length,
    medianMs: ms[Math.floor(ms.length / 2)],
    mostMs: ms.at(-1),
    kind: end!.kind,
  };
  console.log(JSON.stringify(record));
  if (process.env.THALWEG_KILLS_FILE) writeFileSync(process.env.THALWEG_KILLS_FILE, JSON.stringify(record));
  // A machine that is too busy to start the process within a second and a half goes on on its processor.
  if (end!.kind === "software") expect(end!.bits).toEqual(whole.end!.bits);
  else expect(end!.reason).toContain("was lost");
  await browser.close();
}, 900_000);

test("without the flags Chrome blocks the page after two crashes: the CPU takes over, and says why", async () => {
  const { browser, page } = await openPage([]);
  await begin(page, 200_000);
  await eventually(async () => (await told(page)).step).toBeGreaterThan(0);
  for (let count = 1; count <= 2; count++) {
    const before = (await told(page)).step;
    await crash(browser);
    await eventually(async () => (await told(page)).recovered.length).toBe(count);
    await eventually(async () => (await told(page)).step).toBeGreaterThan(before);
  }
  const { recovered } = await told(page);
  console.log(JSON.stringify(recovered.map(({ ms, device }) => ({ ms, device }))));
  expect(recovered[1]!.device).toContain("CPU");
  await ended(page);
  expect((await told(page)).end).toMatchObject({
    kind: "wasm",
    reason: expect.stringMatching(/was lost .*the browser blocks it/),
  });
  await browser.close();
}, 240_000);
