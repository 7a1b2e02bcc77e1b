// The page's figures in headless Chrome: how soon it is there, how much is fetched, and whether it answers while it trains.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "puppeteer";
import type { FolderServer } from "../hosts/serve.ts";
import { quantile, tasksAfter } from "./trace.ts";
import type { MeasuredView } from "./views.ts";

const loads = 5;
const trainingMs = 5000;
/** Tasks longer than this hold up what a reader does. */
const longMs = 50;
const categories = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing"];

/** Medians over loads with an empty cache. */
export interface LoadFigures {
  readonly firstPaintMs: number;
  /** From the request to the view on the page, and to the end of the last long task after that. */
  readonly interactiveMs: number;
  /** gzip, of what the view's thread runs, and of its workers. */
  readonly scriptBytes: number;
  readonly workerBytes: number;
}

export interface TrainingFigures {
  readonly tasks: number;
  readonly longTasks: number;
  readonly task99Ms: number;
  readonly longestTaskMs: number;
  readonly inputs: number;
  /** From an input to the next frame, as the Event Timing API tells it, in steps of 8 ms; below 16 ms it tells none. */
  readonly input95Ms: number;
  readonly slowestInputMs: number;
}

export interface ViewFigures extends LoadFigures, TrainingFigures {
  readonly view: string;
}

export interface Site {
  readonly browser: Browser;
  readonly server: FolderServer;
  /** What the server serves. */
  readonly folder: string;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A page of its own with an empty cache. */
async function withPage<Result>({ browser }: Site, use: (page: Page) => Promise<Result>): Promise<Result> {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    await page.setViewport({ width: 1280, height: 860 });
    return await use(page);
  } finally {
    await context.close();
  }
}

async function show(page: Page, { server }: Site, { address }: MeasuredView): Promise<void> {
  await page.goto(`${server.url}/${address}`);
  await page.waitForSelector("main[aria-busy=false]");
}

/** Bytes by gzip of the scripts that were served since the last look. */
function takeBytes({ server, folder }: Site): Pick<LoadFigures, "scriptBytes" | "workerBytes"> {
  const scripts = server.takeServed().filter((path) => path.endsWith(".js"));
  const bytesOf = (paths: readonly string[]): number =>
    paths.reduce((total, path) => total + gzipSync(readFileSync(join(folder, path))).length, 0);
  const isWorker = (path: string): boolean => /\/worker-/.test(path);
  return {
    scriptBytes: bytesOf(scripts.filter((path) => !isWorker(path))),
    workerBytes: bytesOf(scripts.filter(isWorker)),
  };
}

function loadOnce(site: Site, view: MeasuredView): Promise<LoadFigures> {
  return withPage(site, async (page) => {
    site.server.takeServed();
    await page.tracing.start({ categories });
    await show(page, site, view);
    await pause(1500); // what begins when the page is idle
    const { paint, shown } = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0]!.startTime,
      shown: performance.getEntriesByName("view shown")[0]!.startTime,
    }));
    const tasks = tasksAfter((await page.tracing.stop())!, "view shown");
    const late = tasks
      .filter(({ durationMs }) => durationMs > longMs)
      .map(({ beginMs, durationMs }) => beginMs + durationMs);
    return { firstPaintMs: paint, interactiveMs: shown + Math.max(0, ...late), ...takeBytes(site) };
  });
}

async function measureLoads(site: Site, view: MeasuredView): Promise<LoadFigures> {
  const all: LoadFigures[] = [];
  for (let load = 0; load < loads; load++) all.push(await loadOnce(site, view));
  const middle = (key: keyof LoadFigures): number => median(all.map((figures) => figures[key]));
  return {
    firstPaintMs: middle("firstPaintMs"),
    interactiveMs: middle("interactiveMs"),
    scriptBytes: middle("scriptBytes"),
    workerBytes: middle("workerBytes"),
  };
}

/** Counts inputs, and keeps how long those of 16 ms and more took. */
const watchInputs = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const slow: number[] = [];
    Object.assign(globalThis, { slowInputs: slow });
    const options = { type: "event", durationThreshold: 16 } as PerformanceObserverInit;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEventTiming & { interactionId?: number })[]) {
        if (entry.interactionId) slow.push(entry.duration);
      }
    }).observe(options);
  });

async function press(page: Page, { inputs }: MeasuredView, untilMs: number): Promise<number> {
  let pressed = 0;
  for (; performance.now() < untilMs; pressed++) {
    await inputs[pressed % inputs.length]!(page);
    await pause(120);
  }
  return pressed;
}

function measureTraining(site: Site, view: MeasuredView): Promise<TrainingFigures> {
  return withPage(site, async (page) => {
    await show(page, site, view);
    await view.train(page, 1000); // shaders are compiled
    await watchInputs(page);
    await page.tracing.start({ categories });
    await page.evaluate(() => performance.mark("training"));
    const end = performance.now() + trainingMs;
    const [inputs] = await Promise.all([press(page, view, end), view.train(page, trainingMs)]);
    const durations = tasksAfter((await page.tracing.stop())!, "training").map(({ durationMs }) => durationMs);
    const slow = await page.evaluate(() => (globalThis as unknown as { slowInputs: number[] }).slowInputs);
    const answered = [...slow, ...Array.from({ length: Math.max(0, inputs - slow.length) }, () => 16)];
    return {
      tasks: durations.length,
      longTasks: durations.filter((duration) => duration > longMs).length,
      task99Ms: quantile(durations, 0.99),
      longestTaskMs: quantile(durations, 1),
      inputs,
      input95Ms: quantile(answered, 0.95),
      slowestInputMs: quantile(answered, 1),
    };
  });
}

export async function measureView(site: Site, view: MeasuredView): Promise<ViewFigures> {
  return { view: view.name, ...(await measureLoads(site, view)), ...(await measureTraining(site, view)) };
}
