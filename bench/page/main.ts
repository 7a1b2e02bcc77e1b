// node bench/page.mjs: measures the built page, and keeps its figures in bench/results/.

import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer";
import { build } from "vite";
import { launchOptions } from "../../test/host/chrome.mjs";
import { serveFolder } from "../hosts/serve.ts";
import { measureView, type ViewFigures } from "./measurePage.ts";
import { views } from "./views.ts";

const root = join(import.meta.dirname, "..", "..");

interface Machine {
  readonly date: string;
  readonly browser: string;
  readonly cores: number;
}

interface Row {
  readonly what: string;
  readonly goal: string;
  readonly read: (figures: ViewFigures) => string;
}

const ms = (value: number): string => `${Math.round(value).toLocaleString("en")} ms`;
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

const rows: readonly Row[] = [
  { what: "first paint", goal: "≤ 1,000 ms", read: ({ firstPaintMs }) => ms(firstPaintMs) },
  { what: "interactive", goal: "≤ 1,500 ms", read: ({ interactiveMs }) => ms(interactiveMs) },
  { what: "JavaScript of the page, gzip", goal: "≤ 150 kB", read: ({ scriptBytes }) => kilobytes(scriptBytes) },
  { what: "JavaScript of its workers, gzip", goal: "", read: ({ workerBytes }) => kilobytes(workerBytes) },
  {
    what: "main-thread task while training, 99 %",
    goal: "≤ 50 ms",
    read: ({ task99Ms }) => `${task99Ms.toFixed(1)} ms`,
  },
  {
    what: "longest of them; over 50 ms",
    goal: "",
    read: ({ longestTaskMs, longTasks, tasks }) =>
      `${ms(longestTaskMs)}; ${longTasks} of ${tasks.toLocaleString("en")}`,
  },
  { what: "input answered while training, 95 %", goal: "≤ 100 ms", read: ({ input95Ms }) => `≤ ${ms(input95Ms)}` },
  {
    what: "slowest of them",
    goal: "",
    read: ({ slowestInputMs, inputs }) => `${ms(slowestInputMs)} of ${inputs}`,
  },
];

function toMarkdown({ date, browser, cores }: Machine, all: readonly ViewFigures[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `# The page, ${date.slice(0, 10)}`,
    "",
    `${browser} on ${cores} cores, from static files on the same machine, not throttled; WebGPU by its software adapter. Loads are ` +
      "medians of 5 with an empty cache. Written by `node bench/page.mjs`.",
    "",
    line(["", "goal", ...all.map(({ view }) => view)]),
    line(["---", "---", ...all.map(() => "--:")]),
    ...rows.map(({ what, goal, read }) => line([what, goal, ...all.map(read)])),
    "",
  ].join("\n");
}

/** Measures all views of the page, built anew. */
export async function main(): Promise<void> {
  const folder = join(root, "dist-page");
  await build({ configFile: join(root, "vite.page.ts"), logLevel: "warn" });
  const server = await serveFolder({ folder, isolated: false });
  const browser = await puppeteer.launch(await launchOptions());
  try {
    const figures: ViewFigures[] = [];
    for (const view of views) figures.push(await measureView({ browser, server, folder }, view));
    const machine = { date: new Date().toISOString(), browser: await browser.version(), cores: availableParallelism() };
    const path = join(root, "bench", "results", `${machine.date.slice(0, 10)}-page`);
    writeFileSync(`${path}.json`, `${JSON.stringify({ machine, figures }, undefined, 1)}\n`);
    writeFileSync(`${path}.md`, toMarkdown(machine, figures));
    console.log(toMarkdown(machine, figures));
  } finally {
    await browser.close();
    await server.close();
  }
}
