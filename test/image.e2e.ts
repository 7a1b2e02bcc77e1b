import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElementHandle, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeModel } from "../src/data.ts";
import { eventually, hostPage, type PageHost, scheme, violationsOf } from "./support/page.ts";

// The view of an image as a reader uses it, in order.

const folder = mkdtempSync(join(tmpdir(), "image-view-"));
let host: PageHost;
let page: Page;

const figure = async (name: string): Promise<number> => {
  const text = await page.$eval(`[data-figure=${name}]`, (found) => found.textContent);
  return Number(text.replaceAll(/[^\d.e-]/g, "") || Number.NaN);
};
async function stepsIn200Ms(): Promise<number> {
  const before = await figure("step");
  await new Promise((resolve) => setTimeout(resolve, 200));
  return (await figure("step")) - before;
}
const paintings = (): Promise<number> =>
  page.$eval(".learned", (canvas) => Number((canvas as HTMLCanvasElement).dataset.paintings));
const pictureLabel = (): Promise<string | null> =>
  page.$eval(".original", (canvas) => canvas.getAttribute("aria-label"));
const widthOf = (selector: string): Promise<number> =>
  page.$eval(selector, (canvas) => (canvas as HTMLCanvasElement).width);
const address = async (): Promise<URLSearchParams> =>
  new URLSearchParams((await page.evaluate(() => location.hash)).split("?")[1]);
const playLabel = (): Promise<string> => page.$eval(".play", (found) => found.textContent);
const clickText = (text: string): Promise<void> => page.locator(`::-p-text(${text})`).click();
const noticeText = async (): Promise<string> =>
  (await page.waitForSelector(".notice p"))!.evaluate((p) => p.textContent);
const noticeTexts = (): Promise<string> =>
  page.$$eval(".notice p", (all) => all.map(({ textContent }) => textContent).join("\n"));
const fileInput = async (): Promise<ElementHandle<HTMLInputElement>> =>
  (await page.$("input[type=file]")) as ElementHandle<HTMLInputElement>;

/** Sets a slider as a reader does who drags it and lets go. */
const setSlider = (name: string, place: number): Promise<void> =>
  page.$eval(
    `input[name=${name}]`,
    (input, value) => {
      (input as HTMLInputElement).value = String(value);
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
    place,
  );

/** A picture of two halves, as bytes of a PNG file. */
async function drawPng(width: number, height: number): Promise<Buffer> {
  const bytes = await page.evaluate(
    async (width, height) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d")!;
      context.fillStyle = "orangered";
      context.fillRect(0, 0, width / 2, height);
      const blob = await canvas.convertToBlob();
      return [...new Uint8Array(await blob.arrayBuffer())];
    },
    width,
    height,
  );
  return Buffer.from(bytes);
}

/** Hands a file to the page as a drop or a paste does. */
const give = (kind: "drop" | "paste", name: string, bytes: Buffer, type: string): Promise<void> =>
  page.evaluate(
    (kind, name, bytes, type) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(bytes)], name, { type }));
      const root = document.querySelector(".view")!;
      const event =
        kind === "drop"
          ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
      root.dispatchEvent(event);
    },
    kind,
    name,
    [...bytes],
    type,
  );

async function open(query = "", device: "software" | "auto" = "auto"): Promise<void> {
  await page?.close();
  page = await host.open(`#/image${query}`, undefined, device);
  await page.setViewport({ width: 1280, height: 900 });
}

beforeAll(async () => {
  host = await hostPage();
  await open("", "software");
}, 120_000);

afterAll(async () => {
  await host?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("learning", () => {
  test("begins by itself and comes near the picture", async () => {
    await eventually(() => figure("psnr")).toBeGreaterThan(22);
    expect(await paintings()).toBeGreaterThan(2);
    expect(await figure("step")).toBeGreaterThan(50);
    expect(await page.$eval(".plan", (found) => found.textContent)).toMatch(/^851 parameters on .+Strategy \w+: /);
    await eventually(() => page.$$eval(".line-chart canvas", (all) => all.length)).toBe(1);
  });

  test("pauses and continues, by button and space bar", async () => {
    await page.click(".play");
    await eventually(playLabel).toBe("Play");
    const described = () => page.$eval(".learned", (canvas) => canvas.getAttribute("aria-label"));
    await eventually(described).toMatch(/^The network's output after [\d,]+ steps, PSNR \d+\.\d dB/);
    await eventually(stepsIn200Ms).toBe(0);
    const steps = await figure("step");
    await page.focus("main");
    await page.keyboard.press("Space");
    await eventually(() => figure("step")).toBeGreaterThan(steps);
    await page.keyboard.press("Space");
    await eventually(playLabel).toBe("Play");
  });

  test("asks the network for more points than the picture has", async () => {
    expect(await widthOf(".learned")).toBe(96);
    await page.select("select[name=detail]", "4");
    await eventually(() => widthOf(".learned")).toBe(384);
    expect((await address()).get("detail")).toBe("4");
    await page.select("select[name=detail]", "1");
    await eventually(() => widthOf(".learned")).toBe(96);
  });

  test("zooms into both pictures by keys, and shows all again", async () => {
    const pixels = () => page.$eval(".original", (canvas) => (canvas as HTMLCanvasElement).toDataURL());
    const [whole, before] = [await pixels(), await paintings()];
    await page.focus(".stage");
    for (const key of ["+", "+", "ArrowLeft", "ArrowUp"] as const) await page.keyboard.press(key);
    await eventually(paintings).toBeGreaterThan(before);
    expect(await pixels()).not.toBe(whole);
    await page.keyboard.press("0");
    expect(await pixels()).toBe(whole);
  });

  test("keeps what it has learned under another learning rate, and starts over with other layers", async () => {
    const steps = await figure("step");
    await setSlider("rate", 30);
    expect(await figure("step")).toBe(steps);
    expect((await address()).get("rate")).toBe("0.0032");
    await setSlider("depth", 0);
    await eventually(() => page.$eval(".plan", (found) => found.textContent)).toMatch(/^579 parameters/);
    await eventually(() => figure("step")).toBe(0);
  });

  test("comes back from its address as it was", async () => {
    const [before, hash] = [await address(), await page.evaluate(() => location.hash)];
    await open(hash.slice("#/image".length));
    expect([...(await address())]).toEqual([...before]);
    expect(before.get("depth")).toBe("1");
    await eventually(() => page.$eval(".plan", (found) => found.textContent)).toMatch(/^579 parameters/);
  });
});

describe("pictures of the reader's", () => {
  test("come from a file, and keep their shape", async () => {
    const path = join(folder, "halves.png");
    writeFileSync(path, await drawPng(300, 150));
    await (await fileInput()).uploadFile(path);
    await eventually(pictureLabel).toBe("Target picture: halves.png, 96 by 48 pixels");
    await eventually(() => figure("psnr")).toBeGreaterThan(12);
    expect(await widthOf(".learned")).toBe(96);
  });

  test("are dropped or pasted; small ones are not enlarged", async () => {
    await give("drop", "tall.png", await drawPng(20, 40), "image/png");
    await eventually(pictureLabel).toBe("Target picture: tall.png, 20 by 40 pixels");
    await give("paste", "", await drawPng(50, 50), "image/png");
    await eventually(pictureLabel).toBe("Target picture: The pasted picture, 50 by 50 pixels");
  });

  test("are refused with the reason where they are none, and training continues", async () => {
    await give("drop", "table.csv", Buffer.from("a,b\n1,2\n"), "text/csv");
    await eventually(noticeTexts).toMatch(
      /table\.csv cannot be used as a picture: .+ \(its type is text\/csv\); PNG, JPEG/,
    );
    await give("drop", "broken.png", (await drawPng(30, 30)).subarray(0, 20), "image/png");
    await eventually(noticeTexts).toContain("broken.png cannot be used as a picture");
    await give("drop", "empty.png", Buffer.alloc(0), "image/png");
    await eventually(noticeTexts).toContain("the file is empty");
    expect(await pictureLabel()).toContain("50 by 50");
    const steps = await figure("step");
    await eventually(() => figure("step")).toBeGreaterThan(steps);
    await clickText("Sample image");
    await eventually(pictureLabel).toContain("River valley, 96 by 96");
  });
});

test("the painting and the network can be saved", async () => {
  const session = await page.createCDPSession();
  await session.send("Page.setDownloadBehavior" as never, { behavior: "allow", downloadPath: folder } as never);
  const saved = (name: string): string | undefined => readdirSync(folder).find((file) => file === name);
  await clickText("Save PNG");
  await eventually(() => saved("painting.png")).toBeDefined();
  expect(readFileSync(join(folder, "painting.png")).subarray(1, 4).toString("latin1")).toBe("PNG");
  await clickText("Save weights");
  await eventually(() => saved("image.safetensors")).toBeDefined();
  const { network, parameters } = decodeModel(readFileSync(join(folder, "image.safetensors")), "file");
  expect(network).toMatchObject({ inputs: 32, outputs: 3, parameterCount: 579 });
  expect(parameters.some((value) => value !== 0)).toBe(true);
});

test("an address with nonsense in it is reported, and the rest of it holds", async () => {
  await open("?size=small&width=abc&depth=3");
  expect(await noticeText()).toContain("width=abc");
  await eventually(() => page.$eval(".plan", (found) => found.textContent)).toMatch(/^1,123 parameters/);
});

test("a page out of sight continues learning", async () => {
  await open("?size=small");
  await eventually(() => figure("step")).toBeGreaterThan(20);
  const other = await host.context.newPage();
  await other.bringToFront();
  const before = (await figure("step")) as number;
  await eventually(() => figure("step")).toBeGreaterThan(before + 100);
  await other.close();
});

test("nothing moves by itself where the reader wants no motion", async () => {
  await page.close();
  const wantsNoMotion = (opened: Page) =>
    opened.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  page = await host.open("#/image", wantsNoMotion, "auto");
  await eventually(paintings).toBe(1);
  expect(await playLabel()).toBe("Play");
  expect(await figure("step")).toBe(0);
});

test("axe has nothing to say, light and dark, and a narrow page does not overflow", async () => {
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

test("a lost GPU is reported, and the training continues from where it was", async () => {
  const crashing = await hostPage();
  try {
    page = await crashing.open("#/image");
    await eventually(() => figure("step")).toBeGreaterThan(100);
    const session = await crashing.browser.target().createCDPSession();
    await session.send("Browser.crashGpuProcess").catch(() => {}); // it never answers
    const text = await noticeText();
    expect(text).toMatch(/^Note: The GPU was lost \(.+\)\. Training resumed at step [\d,]+\.$/);
    const resumed = Number(/step ([\d,]+)/.exec(text)![1]!.replaceAll(",", ""));
    expect(resumed).toBeGreaterThan(50);
    await eventually(() => figure("step")).toBeGreaterThan(resumed + 20);
  } finally {
    await crashing.close();
  }
}, 120_000);

test("without WebGPU the processor learns, and the page says why", async () => {
  const without = await hostPage({ webgpu: false });
  try {
    page = await without.open("#/image");
    expect(await noticeText()).toContain("Training on the CPU: ");
    await eventually(() => figure("psnr")).toBeGreaterThan(18);
    expect(without.complaints).toEqual([]);
  } finally {
    await without.close();
  }
}, 120_000);
