import type { Page } from "puppeteer";

/** A view of the page, and what a reader does with it. */
export interface MeasuredView {
  readonly name: string;
  /** Hash of its address. */
  readonly address: string;
  /** Sets the view training, and keeps it so for about `forMs`. */
  readonly train: (page: Page, forMs: number) => Promise<void>;
  /** What a reader does meanwhile: each is one press or one key. */
  readonly inputs: readonly ((page: Page) => Promise<void>)[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Presses a button again and again; by script, so that the reader's pointer stays where it is. */
const pressFor =
  (selector: string, everyMs: number): MeasuredView["train"] =>
  async (page, forMs) => {
    for (const end = performance.now() + forMs; performance.now() < end; await pause(everyMs))
      await page.$eval(selector, (button) => (button as HTMLElement).click());
  };

const explain: MeasuredView = {
  name: "worked example",
  address: "#/",
  train: pressFor("[data-steps='100']", 250),
  inputs: [
    (page) => page.click("[title^='On one stop']"),
    (page) => page.keyboard.press("ArrowRight"),
    (page) => page.click("[title^='Back one stop']"),
    (page) => page.keyboard.press("ArrowLeft"),
  ],
};

const playground: MeasuredView = {
  name: "playground",
  address: "#/playground?pace=full",
  train: async (page, forMs) => {
    await page.$eval(".toggle", (button) => (button as HTMLElement).click());
    await pause(forMs);
    await page.$eval(".toggle", (button) => (button as HTMLElement).click());
  },
  inputs: [
    (page) => page.click(".toggles label:nth-child(1)"),
    (page) => page.click(".curves .segments label:last-of-type"),
    (page) => page.focus("[data-node='0.1']"),
    (page) => page.click(".toggles label:nth-child(2)"),
    (page) => page.click(".curves .segments label:first-of-type"),
  ],
};

/** It trains by itself. */
const image: MeasuredView = {
  name: "image",
  address: "#/image",
  train: (_, forMs) => pause(forMs),
  inputs: [
    (page) => page.click("[aria-label='Zoom in']"),
    (page) => page.click("[aria-label='Zoom out']"),
    (page) => page.click(".chart-numbers summary"),
  ],
};

const population: MeasuredView = {
  name: "population",
  address: "#/population?data=xor&net=4-tanh&opt=sgd&x=learningRate~0.001~10~64&y=seed~1~0~64&steps=100000",
  train: async (page, forMs) => {
    await page.focus(".cells-frame");
    await pause(forMs);
  },
  inputs: [
    (page) => page.keyboard.press("ArrowRight"),
    (page) => page.keyboard.press("ArrowUp"),
    (page) => page.keyboard.press("ArrowLeft"),
  ],
};

/** All that are measured. */
export const views: readonly MeasuredView[] = [explain, playground, image, population];
