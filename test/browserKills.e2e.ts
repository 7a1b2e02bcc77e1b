// Tabs crash and browsers are killed while states of a training are kept: none is torn, and none that was acknowledged is lost.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { build } from "vite";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type FolderServer, serveFolder } from "../bench/hosts/serve.ts";
import { launchOptions } from "./host/chrome.mjs";
import { eventually } from "./support/page.ts";
import { createUniform } from "./support/random.ts";

/** Of each kind. More of them: THALWEG_KILLS=100, and THALWEG_KILLS_RECORD names a file for the figures. */
const kills = Number(process.env.THALWEG_KILLS ?? (inject("share") === "all" ? 10 : 2));

/** What was there when a page was opened, as the page has checked it. */
interface Found {
  readonly step: number;
  readonly isWhole: boolean;
}

/** A page that keeps states, one after the other; `acknowledged(step)` tells that one is kept. */
interface Keeper {
  readonly name: string;
  /** Module that sets `findRun(): Promise<Found>` and `keepOn(): void`. */
  readonly script: () => Promise<string>;
  /** The bits at `step` after all kills, and those of a training that was never cut off. */
  readonly end?: (page: Page) => Promise<readonly [number[], number[]]>;
}
interface InPage {
  findRun(): Promise<Found>;
  keepOn(): void;
  end(): Promise<[number[], number[]]>;
}

const storeOfPage: Keeper = {
  name: "the page's store",
  script: async () => {
    const entry = join(import.meta.dirname, "../src/web/restore/runStore.ts");
    const lib = { entry, formats: ["es" as const] };
    const built = await build({ configFile: false, logLevel: "error", build: { write: false, minify: false, lib } });
    const [bundle] = built as { output: { code: string }[] }[];
    return `${bundle!.output[0]!.code}
      const store = new RunStore("killed");
      let step = 0;
      globalThis.findRun = async () => {
        const run = await store.read();
        step = run?.step ?? 0;
        return { step, isWhole: run === undefined || (run.parameters.length === 2 ** 16 && run.parameters.every((value) => value === step)) };
      };
      globalThis.keepOn = async () => {
        for (;;) {
          step++;
          await store.write({ version: 1, savedAt: Date.now(), query: "", step, parameters: new Float32Array(2 ** 16).fill(step) });
          acknowledged(step);
        }
      };`;
  },
};

/** As docs/training.md tells it. */
const storeOfDocs: Keeper = {
  name: "a training with checkpoints in IndexedDB",
  script: async () => {
    const docs = readFileSync(join(import.meta.dirname, "../docs/training.md"), "utf8");
    const [, code] = /```js\n(const openStore[^]*?)if \(globalThis\.indexedDB\)/.exec(docs)!;
    return `import { acquire, adam, createModel, dense, isCheckpoint, network } from "/index.js";
      ${code}
      const net = network({ inputs: 2, layers: [dense(16, "tanh"), dense(16, "tanh"), dense(1)], loss: "meanSquaredError" });
      const data = {
        inputs: Float32Array.from({ length: 64 }, (_, at) => Math.sin(1.7 * at)),
        targets: Float32Array.from({ length: 32 }, (_, row) => Math.sin(3.4 * row)),
      };
      const options = { optimizer: adam({ learningRate: 0.001 }), batchSize: 4, seed: 1 };
      const device = await acquire({ device: "cpu" });
      const train = async (more) => {
        const model = await createModel(net, { device, seed: 1 });
        await model.fit(data, { ...options, ...more });
        return [...new Uint32Array(Float32Array.from(await model.readParameters()).buffer)];
      };
      let resume;
      globalThis.findRun = async () => {
        resume = await readRun("killed");
        const isWhole = resume === undefined || (isCheckpoint(resume) && resume.parameters.length === net.parameterCount);
        return { step: resume?.step ?? 0, isWhole };
      };
      globalThis.keepOn = () => {
        const save = (checkpoint) => saveRun("killed", checkpoint).then(() => acknowledged(checkpoint.step));
        void train({ steps: 1e9, logInterval: { ms: 1000 }, resume, checkpoint: { interval: { steps: 20 }, save } });
      };
      globalThis.end = async () => {
        const steps = resume.step + 7;
        return [await train({ steps, resume }), await train({ steps })];
      };`;
  },
  end: (page) => page.evaluate(() => (globalThis as unknown as InPage).end()),
};

let server: FolderServer;
beforeAll(async () => {
  server = await serveFolder({ folder: "dist", isolated: false });
});
afterAll(() => server.close());

/** A Chrome with a profile of its own, which outlives it. */
class Host {
  readonly #profile = mkdtempSync(join(tmpdir(), "thalweg-kills-"));
  readonly #script: string;
  /** The newest step that a page has told to be kept. */
  acknowledged = 0;
  #browser: Browser | undefined;

  constructor(script: string) {
    this.#script = script;
  }

  async open(): Promise<Page> {
    this.#browser ??= await puppeteer.launch({ ...(await launchOptions()), userDataDir: this.#profile });
    const page = await this.#browser.newPage();
    await page.goto(`${server.url}/index.js`); // any address of the server
    await page.exposeFunction("acknowledged", (step: number) => void (this.acknowledged = step));
    await page.addScriptTag({ type: "module", content: this.#script });
    await page.waitForFunction("globalThis.findRun !== undefined");
    return page;
  }

  async crash(page: Page): Promise<void> {
    const client = await page.createCDPSession();
    const gone = new Promise((resolve) => page.once("error", resolve));
    client.send("Page.crash").catch(() => {}); // it does not live to answer
    await gone;
    await page.close();
  }

  async kill(): Promise<void> {
    const browser = this.#browser!;
    const process = browser.process()!;
    const gone = new Promise((resolve) => process.once("exit", resolve));
    process.kill("SIGKILL");
    await gone;
    this.#browser = undefined;
  }

  /** Ends the browser as a user does. */
  async quit(): Promise<void> {
    await this.#browser?.close();
    this.#browser = undefined;
  }

  async close(): Promise<void> {
    await this.quit();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const figures: Record<string, unknown>[] = [];
afterAll(() => {
  const file = process.env.THALWEG_KILLS_RECORD;
  if (file) writeFileSync(file, `${JSON.stringify(figures, undefined, 2)}\n`);
});

/** Trains, and is ended meanwhile. @returns what the next page finds; undefined where Chrome has lost the whole storage of the site */
async function cutOff(host: Host, page: Page, how: "crash" | "kill", ms: number): Promise<[Page, Found | undefined]> {
  const before = host.acknowledged;
  await page.evaluate(() => void (globalThis as unknown as InPage).keepOn());
  await eventually(() => host.acknowledged).toBeGreaterThan(before);
  await pause(ms);
  await (how === "crash" ? host.crash(page) : host.kill());
  const next = await host.open();
  if (how === "kill" && !(await hasMark(next))) return [next, undefined];
  let found: Found = { step: 0, isWhole: true };
  const find = async (): Promise<number> =>
    (found = await next.evaluate(() => (globalThis as unknown as InPage).findRun())).step;
  await eventually(find).toBeGreaterThan(0); // the browser takes a moment to see that a tab is gone
  return [next, found];
}

/** Creates an empty database that is never written to. */
const leaveMark = (page: Page): Promise<void> =>
  page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open("mark");
        request.addEventListener("error", () => reject(request.error));
        request.addEventListener("success", () => {
          request.result.close();
          resolve();
        });
      }),
  );

/** Whether that database is still there. If not, Chrome has deleted all storage of the site, not a checkpoint alone. */
const hasMark = (page: Page): Promise<boolean> =>
  page.evaluate(async () => (await indexedDB.databases()).some(({ name }) => name === "mark"));

const cases = [storeOfPage, storeOfDocs].flatMap((keeper) =>
  (["crash", "kill"] as const).map((how) => [`${keeper.name}: ${how} again and again`, keeper, how] as const),
);
test.each(cases)(
  "%s",
  async (_, { name, script, end }, how) => {
    const uniform = createUniform(1);
    const host = new Host(await script());
    const tally = { torn: 0, lost: 0, mostBeyond: 0, storageGone: 0 };
    try {
      let page = await host.open();
      await page.evaluate(() => (globalThis as unknown as InPage).findRun());
      // Chrome notes within half a minute, or when it quits, which sites have a storage: in a profile of a few seconds that is killed
      // the whole storage of a site was gone three times in some 130.
      await host.quit();
      page = await host.open();
      expect(await page.evaluate(() => (globalThis as unknown as InPage).findRun())).toEqual({
        step: 0,
        isWhole: true,
      });
      // One more after a loss, so that the last page has a state.
      for (let count = 0; count < kills || (host.acknowledged === 0 && count < 2 * kills); count++) {
        let found: Found | undefined;
        await leaveMark(page);
        [page, found] = await cutOff(host, page, how, 200 * uniform());
        if (!found) {
          tally.storageGone++;
          host.acknowledged = 0;
          continue;
        }
        if (!found.isWhole) tally.torn++;
        if (found.step < host.acknowledged) tally.lost++;
        tally.mostBeyond = Math.max(tally.mostBeyond, found.step - host.acknowledged);
        host.acknowledged = found.step;
      }
      const bits = await end?.(page);
      figures.push({ name, how, kills, ...tally, lastStep: host.acknowledged, ...(bits && { bitIdentical: true }) });
      console.log(JSON.stringify(figures.at(-1)));
      expect(tally).toMatchObject({ torn: 0, lost: 0 });
      expect(tally.storageGone).toBeLessThanOrEqual(Math.max(1, kills / 50)); // three in some 130 new profiles
      expect(bits?.[0]).toEqual(bits?.[1]);
    } finally {
      await host.close();
    }
  },
  3_600_000,
);
