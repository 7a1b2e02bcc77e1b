import type { Page } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, hostPage, type PageHost, violationsOf } from "./support/page.ts";

// A page that is loaded anew in the middle of a training.

const population = "#/population?v=1&data=xor&net=4-tanh&opt=sgd&x=learningRate~0.01~10~12&y=seed~1~0~8&steps=100000";
const playground = "#/playground?v=1&data=circle&net=5-tanh&pace=10";
const image = "#/image?size=small&side=32&width=8";

let host: PageHost;
let page: Page;

const stepNow = async (): Promise<number> => {
  const text = await page.$eval("[data-figure=step]", (found) => found.textContent);
  return Number((text.split(" of ")[0] ?? "").replaceAll(/\D/g, "") || 0);
};
const notices = (): Promise<string> => page.$eval("#notices", (strip) => strip.textContent);
/** Presses a button as the keyboard does. */
async function press(text: string): Promise<void> {
  const button = (await page.waitForSelector(
    `::-p-xpath(//button[starts-with(., "${text}") or @aria-label="${text}"])`,
  ))!;
  await button.focus();
  await page.keyboard.press("Enter");
}

/** Steps of the states that the browser keeps for this tab. */
const keptSteps = (): Promise<number[]> =>
  page.evaluate(async () => {
    const settled = <Result>(request: IDBRequest<Result>): Promise<Result> =>
      new Promise((resolve, reject) => {
        request.addEventListener("success", () => resolve(request.result));
        request.addEventListener("error", () => reject(request.error!));
      });
    const database = await settled(indexedDB.open("thalweg", 1));
    const store = database.transaction("runs").objectStore("runs");
    const [keys, runs] = [await settled(store.getAllKeys()), (await settled(store.getAll())) as { step: number }[]];
    database.close();
    const tab = sessionStorage.getItem("thalweg tab")!;
    return runs.filter((_, at) => String(keys[at]).endsWith(tab)).map(({ step }) => step);
  });

async function reload(): Promise<void> {
  await page.reload();
  await page.waitForSelector("main[aria-busy=false]");
}

/** Reloads once a state is kept, and returns its step. */
async function cutOff(): Promise<number> {
  await eventually(async () => Math.max(0, ...(await keptSteps()))).toBeGreaterThan(0);
  await reload();
  await eventually(notices).toContain("stopped at step");
  const [, step = ""] = /stopped at step ([\d,]+)\./.exec(await notices())!;
  return Number(step.replaceAll(",", ""));
}

beforeAll(async () => {
  host = await hostPage();
}, 120_000);

afterAll(() => host?.close());

test.each([
  ["image", image],
  ["population", population],
  ["playground", playground],
])(
  "an interrupted training continues where it was kept: %s",
  async (view, address) => {
    page = await host.open(address);
    if (view === "playground") await press("▶ Train");
    const step = await cutOff();
    expect(await keptSteps()).toContain(step);
    expect(await notices()).toMatch(/Restore \d\d:\d\d\?/);
    expect(await violationsOf(page)).toEqual([]);
    await page.evaluate(() => (location.hash = location.hash.replace(/rate=[^&]*/, ""))); // whatever the address says
    await press("Restore");
    await eventually(notices).toContain(
      `continues from step ${step.toLocaleString("en")}; identical to an uninterrupted run`,
    );
    await eventually(stepNow).toBeGreaterThan(step);
    // What goes on is kept in turn.
    await eventually(async () => Math.max(...(await keptSteps()))).toBeGreaterThan(step);
    expect(host.complaints).toEqual([]);
    await page.close();
  },
  120_000,
);

test("a refused offer is forgotten, and another tab gets none", async () => {
  page = await host.open(image);
  await cutOff();
  const other = await host.open(image);
  expect(await other.$eval("#notices", (strip) => strip.textContent)).not.toContain("stopped at step");
  await other.close();
  await page.bringToFront();
  await press("Dismiss");
  expect(await notices()).not.toContain("stopped at step");
  await eventually(stepNow).toBeGreaterThan(0);
  await page.close();
}, 120_000);

test("what a crashed tab has kept is offered in another one, what a closed one has kept is not", async () => {
  page = await host.open(image);
  await eventually(async () => Math.max(0, ...(await keptSteps()))).toBeGreaterThan(0);
  const client = await page.createCDPSession();
  const gone = new Promise((resolve) => page.once("error", resolve));
  client.send("Page.crash").catch(() => {}); // it does not live to answer
  await gone;
  await page.close();
  page = await host.open(image);
  await eventually(notices).toContain("stopped at step");
  await press("Restore");
  await eventually(notices).toContain("identical to an uninterrupted run");
  await eventually(async () => Math.max(0, ...(await keptSteps()))).toBeGreaterThan(0);
  await page.close();
  page = await host.open(image);
  await eventually(stepNow).toBeGreaterThan(0);
  expect(await notices()).not.toContain("stopped at step");
  await page.close();
}, 120_000);

test("a picture of the reader's is kept with its training", async () => {
  page = await host.open(image);
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(500, 250);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "orangered";
    context.fillRect(0, 0, 250, 250);
    const data = new DataTransfer();
    data.items.add(new File([await canvas.convertToBlob()], "halves.png", { type: "image/png" }));
    document.querySelector(".view")!.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
  });
  const label = (): Promise<string | null> => page.$eval(".original", (canvas) => canvas.getAttribute("aria-label"));
  await eventually(label).toContain("halves.png");
  const own = await label();
  await eventually(stepNow).toBeGreaterThan(0);
  await cutOff();
  expect(await label()).not.toContain("halves.png");
  await press("Restore");
  await eventually(label).toBe(own);
  await eventually(stepNow).toBeGreaterThan(0);
  expect(host.complaints).toEqual([]);
  await page.close();
}, 120_000);

test("what another page of the host has left there is not taken", async () => {
  page = await host.open(image);
  await eventually(async () => Math.max(0, ...(await keptSteps()))).toBeGreaterThan(0);
  const broken = await page.evaluate(async () => {
    const name = `image ${sessionStorage.getItem("thalweg tab")}`;
    await new Promise<void>((resolve) => {
      const opening = indexedDB.open("thalweg", 1);
      opening.addEventListener("success", () => {
        const change = opening.result.transaction("runs", "readwrite");
        const parameters = Float32Array.of(1, Number.NaN);
        change.objectStore("runs").put({ version: 1, savedAt: Date.now(), query: "", step: 7, parameters }, name);
        change.addEventListener("complete", () => resolve());
      });
    });
    return name;
  });
  expect(broken).toMatch(/^image [\w-]+$/);
  await page.goto("about:blank");
  await page.goto(`${host.server.url}/${image}`);
  await page.waitForSelector("main[aria-busy=false]");
  await eventually(stepNow).toBeGreaterThan(0);
  expect(await notices()).not.toContain("step 7");
  expect(host.complaints).toEqual([]);
}, 120_000);
