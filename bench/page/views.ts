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

/** A view that trains once its button is pressed, or from the start; the button then says something else. */
const keepTraining =
  (starts: string, label: RegExp): MeasuredView["train"] =>
  async (page, forMs) => {
    const start = (button: Element, wanted: string): void => {
      if (new RegExp(wanted).test(button.textContent)) (button as HTMLElement).click();
    };
    await page.$eval(starts, start, label.source);
    await pause(forMs);
  };

const tab = (page: Page): Promise<void> => page.keyboard.press("Tab");

const playground: MeasuredView = {
  name: "playground",
  address: "#/playground",
  train: keepTraining(".toolbar .toggle", /Train/),
  inputs: [tab],
};

const image: MeasuredView = {
  name: "image",
  address: "#/image",
  train: keepTraining(".toolbar .play", /Play/),
  inputs: [tab, (page) => page.click("[aria-label='Zoom in']"), (page) => page.click("[aria-label='Zoom out']")],
};

const population: MeasuredView = {
  name: "population",
  address: "#/population",
  train: keepTraining(".play", /Play|Start|Run|Go on/),
  inputs: [tab],
};

/** All that are measured, where the page links to them. */
export const views: readonly MeasuredView[] = [explain, playground, image, population];
