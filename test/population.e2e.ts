import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, hostPage, type PageHost, scheme, violationsOf } from "./support/page.ts";

// The view of populations as a reader uses it, in order.

const small = "?v=1&data=xor&net=4-tanh&opt=sgd&x=learningRate~0.01~10~12&y=seed~1~0~8&steps=200&metric=testLoss";

let host: PageHost;
let page: Page;

const figure = (name: string): Promise<string> => page.$eval(`[data-figure=${name}]`, (found) => found.textContent);
const hash = (): Promise<string> => page.evaluate(() => location.hash);
const address = async (): Promise<URLSearchParams> => new URLSearchParams((await hash()).split("?")[1]);
const phase = (): Promise<string> => page.$eval(".play", (found) => (found as HTMLElement).dataset.phase!);
const planText = (): Promise<string> => page.$eval(".plan", (found) => found.textContent);
const reading = (): Promise<string> => page.$eval(".reading", (found) => found.textContent);
const noticeText = async (): Promise<string> =>
  (await page.waitForSelector(".notice p"))!.evaluate((p) => p.textContent);
const finished = (): Promise<void> => eventually(phase).toBe("finished");
const bestRows = (): Promise<string[][]> =>
  page.$$eval(".column > .card .best tbody tr", (rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent)),
  );

/** Red, green, blue and opacity of the middle of a cell. */
const cellColour = (column: number, row: number): Promise<number[]> =>
  page.$eval(
    ".cells",
    (canvas, column, row) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const x = Math.floor(((column + 0.5) / 12) * width);
      const y = Math.floor((1 - (row + 0.5) / 8) * height);
      const pixel = new OffscreenCanvas(1, 1).getContext("2d")!;
      pixel.drawImage(canvas as HTMLCanvasElement, -x, -y);
      return [...pixel.getImageData(0, 0, 1, 1).data];
    },
    column,
    row,
  );

/** Where a cell is on the screen. */
async function placeOf(column: number, row: number): Promise<{ x: number; y: number }> {
  const box = (await (await page.$(".cells"))!.boundingBox())!;
  return { x: box.x + ((column + 0.5) / 12) * box.width, y: box.y + (1 - (row + 0.5) / 8) * box.height };
}

/** Types over what a field has. */
async function type(selector: string, text: string): Promise<void> {
  await page.click(selector, { count: 3 });
  await page.keyboard.type(text);
  await page.keyboard.press("Tab");
}

async function open(query: string, device: "software" | "auto" = "auto"): Promise<void> {
  await page?.close();
  page = await host.open(`#/population${query}`, undefined, device);
  await page.setViewport({ width: 1280, height: 1000 });
}

beforeAll(async () => {
  host = await hostPage();
  await open(small, "software");
}, 120_000);

afterAll(() => host?.close());

describe("a population", () => {
  test("trains by itself to its last step", async () => {
    await finished();
    expect(await figure("step")).toBe("200 of 200");
    expect(Number((await figure("speed")).replaceAll(",", ""))).toBeGreaterThan(0);
    expect(await planText()).toMatch(/^96 networks of 17 parameters on .+, [\d.]+ MiB\.Strategy \w+: /);
    await eventually(() => page.$$eval(".line-chart canvas", (all) => all.length)).toBe(1);
  });

  test("has a colour for every network, brighter where it does better", async () => {
    const [slow, quick] = [await cellColour(0, 0), await cellColour(7, 0)];
    expect(slow[3]).toBe(255);
    expect(quick[1]).toBeGreaterThan(slow[1]!);
  });

  test("has numbers along its axes and beside its colours", async () => {
    const ticks = (side: string) => page.$$eval(`.${side} span`, (all) => all.map(({ textContent }) => textContent));
    expect(await ticks("column-ticks")).toEqual(["0.01", "0.1", "1", "10"]);
    expect(await ticks("row-ticks")).toContain("4");
    const numbers = (await ticks("legend-numbers")).map((text) => Number(text.replace(/[≤≥]/, "")));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers[0]).toBeGreaterThan(0);
  });

  test("reports a network's numbers under the pointer and under the keys", async () => {
    const { x, y } = await placeOf(4, 2);
    await page.mouse.move(x, y);
    await eventually(reading).toMatch(/^Learning rate 0\.12328, seed 3 · .*loss on test rows \d/);
    await page.mouse.move(5, 5);
    await eventually(reading).toContain("Point at a cell");
    await page.focus(".cells-frame");
    await page.keyboard.press("ArrowRight");
    await eventually(reading).toMatch(/^Learning rate 0\.23101, seed 4 · /);
    await page.keyboard.press("ArrowUp");
    await eventually(reading).toMatch(/^Learning rate 0\.23101, seed 5 · /);
  });

  test("shows another figure at once, without training again", async () => {
    await page.select(".map-head select", "testAccuracy");
    await expect
      .poll(() => page.$eval(".legend-head span", (found) => found.textContent))
      .toBe("Accuracy on test rows");
    expect(await phase()).toBe("finished");
    const values = (await bestRows()).map((cells) => Number(cells[2]));
    expect(values).toHaveLength(5);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(values[0]).toBeGreaterThan(0.8);
    expect((await address()).get("metric")).toBe("testAccuracy");
    await page.select(".map-head select", "testLoss");
  });

  test("comes back from its address, and to the same networks", async () => {
    const before = await bestRows();
    const query = (await hash()).slice("#/population".length);
    await open(query, "software");
    await finished();
    expect(await bestRows()).toEqual(before);
    expect((await hash()).slice("#/population".length)).toBe(query);
  });
});

describe("a network of it", () => {
  const opened = async (): Promise<URLSearchParams> => {
    await eventually(hash).toMatch(/^#\/playground\?/);
    return address();
  };

  test("opens in the playground by a click", async () => {
    const { x, y } = await placeOf(4, 2);
    await page.mouse.click(x, y);
    const params = await opened();
    await page.waitForSelector(".view .card.data");
    expect(await page.$eval(".seed .quiet", (found) => found.textContent)).toBe("Network seed: 3.");
    await eventually(() => figure("step")).toBe("200");
    expect(Object.fromEntries(params)).toMatchObject({
      data: "xor",
      net: "4-tanh",
      opt: "sgd",
      rate: "0.12328",
      wseed: "3",
    });
  });

  // At this rate the same training on another strategy ends elsewhere: rounding is enough.
  test("opens as it is, not as it would be trained again", async () => {
    await open(small.replace("steps=200", "steps=1000"));
    await finished();
    const { x, y } = await placeOf(9, 6);
    await page.mouse.move(x, y);
    await eventually(reading).toMatch(/^Learning rate 2\.848, seed 7 · /);
    const numbers = (await reading()).match(/rows ([\d.]+)/g)!.map((found) => Number(found.slice(5)));
    await page.mouse.click(x, y);
    expect((await opened()).get("steps")).toBe("1000");
    await eventually(() => figure("step")).toBe("1,000");
    const scores = await page.$$eval(".scores tbody tr", (rows) =>
      rows.map((row) => [...row.children].slice(1).map((cell) => Number.parseFloat(cell.textContent))),
    );
    const [[trainingLoss, trainingShare], [testLoss, testShare]] = scores as [[number, number], [number, number]];
    expect([trainingLoss, testLoss]).toEqual(numbers.slice(0, 2));
    expect([trainingShare, testShare]).toEqual(numbers.slice(2).map((share) => expect.closeTo(100 * share, 1)));
  });

  test("opens by Enter, and from the table of the best", async () => {
    await open(small);
    await page.focus(".cells-frame");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    expect((await opened()).get("wseed")).toBe("4");
    await open(small);
    await finished();
    const [[rate, seed]] = (await bestRows()) as [[string, string]];
    await page.click(".best a");
    const params = await opened();
    expect([params.get("rate"), params.get("wseed")]).toEqual([rate, seed]);
  });
});

describe("settings", () => {
  test("make a population that waits to be started, and can be paused", async () => {
    await open(small);
    await finished();
    await type(".axis-control:nth-of-type(1) .axis-numbers label:nth-child(3) input", "16");
    await eventually(phase).toBe("idle");
    expect(await page.$eval(".play", (found) => found.textContent)).toBe("Train 128 networks");
    await eventually(planText).toMatch(/^128 networks/);
    expect((await address()).get("x")).toBe("learningRate~0.01~10~16");
    await page.click(".play");
    await finished();
    await page.click(".play");
    await page.click(".play");
    await eventually(phase).toMatch(/paused|finished/);
  });

  test("impossible ones are reported where they are", async () => {
    const first = ".axis-control:nth-of-type(1) .axis-numbers label:nth-child(1) input";
    await type(first, "100");
    expect(await page.$eval(".fault", (found) => found.textContent)).toBe("Learning rate: from must be below to.");
    expect(await page.$eval(first, (input) => input.getAttribute("aria-invalid"))).toBe("true");
    await type(first, "0.02");
    expect(await page.$eval(".fault", (found) => found.textContent)).toBe("");
    expect((await address()).get("x")).toBe("learningRate~0.02~10~16");
  });

  test("that would take long come with a smaller population", async () => {
    const query = "?data=spiral&net=8-tanh_8-tanh&x=learningRate~0.001~1~256&y=seed~1~0~256&steps=100000";
    await open(query, "software");
    await page.waitForSelector(".advice button", { timeout: 40_000 });
    expect(await page.$eval(".advice span", (found) => found.textContent)).toMatch(
      /^About [\d.]+ (min|h) on this device/,
    );
    await page.click(".advice button");
    const networks = Number((await planText()).replace(/ .*/s, "").replaceAll(",", ""));
    expect(networks).toBeLessThanOrEqual(65_536);
    await eventually(async () => (await address()).get("x")).not.toBe("learningRate~0.001~1~256");
  });

  test("of an address with nonsense are reported", async () => {
    await open("?x=learningRate~5~1~12&steps=0");
    const told = await page.$$eval(".notice p", (all) => all.map(({ textContent }) => textContent).join());
    expect(told).toContain("x=learningRate~5~1~12");
    expect(told).toContain("steps=0");
  });
});

test("networks that diverge are marked, and the others continue", async () => {
  await open(
    "?data=plane&net=4-relu&loss=meanSquaredError&opt=sgd&x=learningRate~0.001~90~12&y=seed~1~0~8&steps=200&metric=testLoss",
  );
  await finished();
  const diverged = Number(await figure("diverged"));
  expect(diverged).toBeGreaterThan(5);
  expect(diverged).toBeLessThan(96);
  const { x, y } = await placeOf(11, 4);
  await page.mouse.move(x, y);
  await eventually(reading).toContain("diverged: its loss or weights are no longer finite");
  await page.click(".map-numbers summary");
  const lastRow = () =>
    page.$eval(".map-numbers tbody tr:last-child", (row) => [...row.children].map((cell) => cell.textContent));
  await eventually(lastRow).toEqual(["90", "–", "–", "–", "8"]);
});

test("networks that stop early are marked and counted, and open as they were at their best", async () => {
  await open(`${small.replace("steps=200", "steps=600")}&noise=50&schedule=linear&dropout=0.1&patience=100`);
  await finished();
  const early = Number(await figure("early"));
  expect(early).toBeGreaterThan(10);
  expect(await figure("saved")).toMatch(/^[1-9]\d? %$/);
  expect(await page.$eval(".rate-curve figcaption", (found) => found.textContent)).toMatch(
    /^Rate at step [\d,]+: [\d.]+ %$/,
  );
  expect(await page.$$eval(".legend-mark", (all) => all.map((mark) => mark.checkVisibility()))).toEqual([true, true]);
  const { x, y } = await placeOf(10, 5);
  await page.mouse.move(x, y);
  await eventually(reading).toMatch(/ · stopped early at step [\d,]+, best at \d+$/);
  const [, loss, best] = /test rows ([\d.]+) .*best at (\d+)$/.exec(await reading())!;
  expect(await violationsOf(page)).toEqual([]);
  await page.mouse.click(x, y);
  await eventually(hash).toMatch(/^#\/playground\?.*patience=100/);
  await eventually(() => figure("step")).toBe(best!);
  const shown = await page.$eval("[data-score='test loss']", (found) => Number(found.textContent));
  expect(shown).toBe(Number(loss));
});

test("populations train by L-BFGS in full batches, with its own options", async () => {
  await open(`${small.replace("opt=sgd", "opt=lbfgs").replace("steps=200", "steps=100")}&history=5`);
  await finished();
  expect(Number(await figure("diverged"))).toBeLessThan(96);
  const legends = ".training-details fieldset:not([hidden]) > legend";
  expect(await page.$$eval(legends, (all) => all.at(-1)!.textContent)).toBe("L-BFGS");
  expect(await page.$eval("input[name=batch]", (input) => input.checkVisibility())).toBe(false);
});

test("a population out of sight continues, and after its GPU process has died from the step it had reached", async () => {
  const long = small.replace("~12&", "~64&").replace("~8&", "~64&").replace("steps=200", "steps=20000");
  await open(long, "software");
  const stepNow = async (): Promise<number> => Number.parseInt((await figure("step")).replaceAll(",", "")) || 0;
  await eventually(stepNow).toBeGreaterThan(50);
  const other = await host.context.newPage();
  await other.bringToFront();
  const before = await stepNow();
  await eventually(stepNow).toBeGreaterThan(before + 50);
  await other.close();
  const reached = await stepNow();
  const client = await host.browser.target().createCDPSession();
  client.send("Browser.crashGpuProcess").catch(() => {}); // it may not live to answer
  const told = await noticeText();
  const resumed = Number(/resumed at step ([\d,]+)/.exec(told)![1]!.replaceAll(",", ""));
  expect(resumed).toBeGreaterThanOrEqual(reached);
  await eventually(stepNow).toBeGreaterThan(resumed + 20);
});

test("nothing begins by itself where the reader wants no motion; axe has nothing to say; nothing overflows", async () => {
  await page.close();
  const wantsNoMotion = (opened: Page) =>
    opened.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  page = await host.open(`#/population${small}`, wantsNoMotion, "auto");
  await eventually(planText).toMatch(/^96 networks/);
  expect(await phase()).toBe("idle");
  await page.click(".play");
  await finished();
  for (const value of ["light", "dark"] as const) {
    await scheme(page, value);
    expect(await violationsOf(page, value === "dark"), value).toEqual([]);
  }
  for (const width of [390, 320]) {
    await page.setViewport({ width, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  }
});

test("no complaint was made on the console", () => expect(host.complaints).toEqual([]));

test("without WebGPU the processor trains, and the page says why", async () => {
  const without = await hostPage({ webgpu: false });
  try {
    page = await without.open(`#/population${small}`);
    expect(await noticeText()).toContain("Training on the CPU: ");
    await finished();
    expect(await planText()).toContain("Strategy members");
  } finally {
    await without.close();
  }
}, 120_000);
