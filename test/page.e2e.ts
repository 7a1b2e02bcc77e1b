import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blockAdapters, eventually, hostPage, type PageHost, scheme, violationsOf } from "./support/page.ts";
import golden from "./worked-example.json";

// The first screen as a reader uses it.

const stops = 36;
const numbers = (values: unknown): Record<string, number> => values as Record<string, number>;

let host: PageHost;
let page: Page;

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (found) => found.textContent.replaceAll(/\s+/g, " ").trim());
const stopNow = async (): Promise<number> => Number((await textOf(".where")).split(" ")[0]);
/** Texts of a part of the drawing. */
const partTexts = (part: string): Promise<string[]> =>
  page.$$eval(`.part[data-part="${part}"] text`, (all) => all.map(({ textContent }) => textContent.trim()));
/** What a part of the drawing is called, with plain digits. */
const labelOf = async (part: string): Promise<string> => {
  const label = await page.$eval(`.part[data-part="${part}"]`, (found) => found.getAttribute("aria-label")!);
  return label.normalize("NFKC");
};
const litParts = async (): Promise<string[]> =>
  (await page.$$eval(".drawing .part.lit", (all) => all.map((one) => (one as SVGElement).dataset.part!))).toSorted();
const noticeText = async (): Promise<string> => {
  await page.waitForSelector(".notice");
  return textOf("#notices");
};

/** puppeteer's own focuses HTML alone. */
const focus = (selector: string): Promise<void> =>
  page.$eval(selector, (found) => (found as unknown as HTMLElement).focus());

interface Shown {
  readonly section: string;
  readonly quantity: string;
  readonly digits: string;
  readonly forms: string[];
}

/** The formulas of the stop that is shown. */
const formulas = (): Promise<Shown[]> =>
  page.$$eval(".panel .formula", (all) =>
    all.map((one) => ({
      section: one.getAttribute("data-section")!,
      quantity: one.getAttribute("data-quantity")!,
      digits: one.querySelector(".result [data-digits]")!.getAttribute("data-digits")!,
      forms: [...one.querySelectorAll(".form")].map(({ textContent }) => textContent.replaceAll(/[\u200b\s]/g, "")),
    })),
  );

/** Opens the field over a part, types and ends with a key. */
async function edit(part: string, typed: string, key: "Enter" | "Escape" | "Tab"): Promise<void> {
  await page.click(`.part[data-part="${part}"] .plate`);
  await page.waitForSelector(".editor input");
  await page.keyboard.type(typed); // over what is selected
  await page.keyboard.press(key);
}

async function reopen(address: string, device: "software" | "auto" = "software"): Promise<void> {
  await page?.close();
  page = await host.open(address, undefined, device);
  await page.setViewport({ width: 1280, height: 860 });
}

beforeAll(async () => {
  host = await hostPage();
  await reopen("");
}, 120_000);

afterAll(() => host?.close());

/** z, a, loss and gradient of w5 for other numbers, by hand and apart from the library. */
function byHand(w: Record<string, number>): { a_y: number; loss: number; w5: number } {
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
  const [x1, x2] = golden.inputs as [number, number];
  const h1 = sigmoid(w.w1! * x1 + w.w2! * x2 + w.b1!);
  const h2 = sigmoid(w.w3! * x1 + w.w4! * x2 + w.b2!);
  const g1 = sigmoid(w.w5! * h1 + w.w6! * h2 + w.b3!);
  const g2 = sigmoid(w.w7! * h1 + w.w8! * h2 + w.b4!);
  const a_y = sigmoid(w.w9! * g1 + w.w10! * g2 + w.b5!);
  const w5 = (a_y - golden.target) * a_y * (1 - a_y) * w.w9! * g1 * (1 - g1) * h1;
  return { a_y, loss: 0.5 * (a_y - golden.target) ** 2, w5 };
}

describe("the walk", () => {
  const seen = new Map<string, number>();

  test("shows every number of the file on the way, and formulas whose symbols become numbers", async () => {
    expect(await stopNow()).toBe(1);
    for (let stop = 2; stop <= stops; stop++) {
      await page.click("[title^='Next stop']");
      expect(await stopNow()).toBe(stop);
      for (const { section, quantity, digits, forms } of await formulas()) {
        seen.set(section === "update" ? `new ${quantity}` : quantity, Number(digits));
        expect(forms.at(-1)!.replace("−", "-")).toBe(`=${digits.replace(/e(.*)/, "·10$1")}`);
      }
    }
    const file = [
      ...Object.entries(numbers(golden.forward)),
      ["L", golden.loss],
      ...Object.entries(numbers(golden.gradients)).map(([name, value]) => [`∂L/∂${name}`, value]),
      ...Object.entries(numbers(golden.afterOneStep)).map(([name, value]) => [`new ${name}`, value]),
    ] as [string, number][];
    expect(file).toHaveLength(41);
    for (const [name, value] of file) expect(Math.abs(seen.get(name)! - value), name).toBeLessThanOrEqual(1e-12);
    const factors = numbers(golden.forward);
    expect(seen.get("a′_g1")).toBeCloseTo(factors.a_g1! * (1 - factors.a_g1!), 14);
    expect(seen.get("δ_h1")).toBeCloseTo(golden.gradients.b1, 14);
  });

  test("ends with what the step has changed", async () => {
    expect(await textOf(".sentence")).toContain("from 0.3617 to 0.3476");
    expect(await labelOf("w9")).toContain(`new: ${Number(golden.afterOneStep.w9.toPrecision(4))}`);
  });

  test("goes back by buttons, keys and slider, to a drawing that knows only what is computed", async () => {
    await page.keyboard.press("ArrowLeft");
    expect(await stopNow()).toBe(stops - 1);
    await page.click("[title^='Previous stop']");
    expect(await stopNow()).toBe(stops - 2);
    await page.keyboard.press("ArrowRight");
    expect(await stopNow()).toBe(stops - 1);
    await page.keyboard.press("r");
    expect(await stopNow()).toBe(1);
    expect(await partTexts("h1")).toEqual(["h₁", "z = ?", "a = ?", ""]);
    expect(await partTexts("w5")).toEqual(["w₅ = 0.5", ""]);
    await focus(".track input");
    await page.keyboard.press("End");
    expect(await stopNow()).toBe(stops);
    await page.keyboard.press("ArrowLeft"); // the slider's own
    expect(await stopNow()).toBe(stops - 1);
    expect(await partTexts("h1")).toEqual(["h₁", "z = 0.45", "a = 0.6106", "δ = 0.00492"]);
    expect(await partTexts("y")).toEqual(["y", "z = 1.738", "a = 0.8505", "δ = 0.108"]);
    expect(await partTexts("w5")).toEqual(["w₅ = 0.5", "new: 0.4946"]);
    expect(await partTexts("L")).toEqual(["L = 0.3617", ""]);
  });

  test("continues by itself, and pauses", async () => {
    await page.keyboard.press("r"); // a slider is a field: nothing happens
    expect(await stopNow()).toBe(stops - 1);
    await page.click("h1");
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press("r");
    await page.select("[aria-label=Speed]", "4");
    await page.click("h1");
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press("Space");
    expect(await textOf(".play")).toBe("Pause");
    await page.waitForFunction(() => document.querySelector(".where")!.textContent.startsWith("3 "));
    await page.keyboard.press("Space");
    expect(await textOf(".play")).toBe("Play");
    expect(await stopNow()).toBeLessThan(stops);
  });

  test("jumps to a gradient", async () => {
    const value = await page.$$eval(".go-to option", (all) => all.find(({ text }) => text === "Gradient of w5")!.value);
    await page.select(".go-to", value);
    const [line] = await formulas();
    expect(line!.quantity).toBe("∂L/∂w5");
    expect(line!.forms[0]).toBe("=δg1·ah1");
    expect(line!.forms[1]).toBe("=∂L∂ay·a′y·w9·a′g1·ah1");
    expect(line!.forms[2]).toBe("=0.8505·0.1272·0.9·0.1814·0.6106");
  });
});

describe("digits", () => {
  /** Texts of the drawing that are longer than the plate that they are on. */
  const tooLong = (): Promise<string[]> =>
    page.$$eval(".drawing .part text", (all) =>
      all
        .filter((text) => {
          const plate = text.parentElement!.querySelector<SVGGraphicsElement>(".plate")!;
          return text.getBBox().width > plate.getBBox().width;
        })
        .map(({ textContent }) => textContent),
    );

  test.each([1280, 390])(
    "4, 8 or all of them in the drawing and of factors, each on its plate, %i pixels",
    async (width) => {
      await page.setViewport({ width, height: 860 });
      await page.waitForSelector(width < 700 ? ".drawing.tall" : ".drawing.wide");
      const digitsOf = { 4: "0.8505", 8: "0.85049311", full: String(golden.forward.a_y) };
      for (const [digits, written] of Object.entries(digitsOf)) {
        await page.select(".digits", digits);
        expect(await partTexts("y")).toContain(`a = ${written}`);
        const [line] = await formulas();
        const [factor] = line!.forms[2]!.slice(1).split("·");
        expect(factor).toBe(digits === "full" ? String(golden.forward.a_y - golden.target) : written);
        expect(Number(line!.digits)).toBeCloseTo(golden.gradients.w5, 14);
        expect(await tooLong()).toEqual([]);
        expect(new URL(page.url()).hash.includes(`digits=${digits}`)).toBe(digits !== "4");
      }
      await page.select(".digits", "4");
    },
  );

  test("a negative weight has another colour, a dashed link and its sign", async () => {
    await page.setViewport({ width: 1280, height: 860 });
    await page.waitForSelector(".drawing.wide");
    const look = (): Promise<string[]> =>
      page.$eval(".link.weight[data-part=w9]", (link) => {
        const { stroke, strokeDasharray, strokeWidth } = getComputedStyle(link);
        return [stroke, strokeDasharray, strokeWidth];
      });
    const [colour, dashes, thickness] = await look();
    expect(dashes).toBe("none");
    await edit("w9", "-1.8", "Enter");
    expect(await partTexts("w9")).toContain("w₉ = −1.8");
    const [otherColour, otherDashes, otherThickness] = await look();
    expect(otherColour).not.toBe(colour);
    expect(otherDashes).not.toBe("none");
    expect(Number.parseFloat(otherThickness!)).toBeGreaterThan(Number.parseFloat(thickness!));
    await page.click("[title^='Undo']");
  });
});

describe("pointing", () => {
  test("at a factor lights the part it comes from", async () => {
    await page.hover(".form.symbols [data-symbol=w9]");
    expect(await litParts()).toEqual(["w9"]);
    await focus(".form.symbols [data-symbol='a′_g1']");
    expect(await litParts()).toEqual(["g1"]);
    await page.hover(".form.numbers [data-symbol=a_h1]");
    expect(await litParts()).toEqual(["h1"]);
    await page.hover("h1");
    await focus(".play");
    expect(await litParts()).toEqual([]);
  });

  test("at a link lights the way of its gradient back from the loss", async () => {
    await page.hover(".part[data-part=w5] .plate");
    expect(await litParts()).toEqual(["L", "g1", "h1", "w5", "w9", "y"]);
    const nearLink = await page.$eval(".link.weight[data-part=w9]", (line) => {
      const { right, bottom } = line.getBoundingClientRect();
      return { x: right - 8, y: bottom - 1 }; // beside the arrow, not on it
    });
    await page.mouse.move(nearLink.x, nearLink.y);
    expect(await litParts()).toEqual(["L", "g1", "w9", "y"]);
    await focus(".part[data-part=w1]");
    expect(await litParts()).toEqual(["L", "g1", "g2", "h1", "w1", "w10", "w5", "w7", "w9", "x1", "y"]);
    await focus(".part[data-part=b4]");
    expect(await litParts()).toEqual(["L", "b4", "g2", "w10", "y"]);
    await page.hover(".part[data-part=h2] .plate");
    expect(await litParts()).toEqual(["L", "g1", "g2", "h2", "w10", "w6", "w8", "w9", "y"]);
  });
});

describe("editing", () => {
  const initial = numbers(golden.initial);

  test("a number changes, everything follows, and the address keeps it", async () => {
    await edit("w5", "-0.75", "Enter");
    const wanted = byHand({ ...initial, w5: -0.75 });
    const [line] = await formulas();
    expect(Number(line!.digits)).toBeCloseTo(wanted.w5, 14);
    expect(await labelOf("w5")).toContain("w5 = −0.75");
    expect(new URL(page.url()).hash).toMatch(/^#\/\?stop=\d+&w5=-0\.75$/);
    await edit("x2", "2,5", "Tab");
    expect(await labelOf("x2")).toContain("x2 = 2.5");
  });

  test("Escape leaves a number as it was, and what is no number is reported", async () => {
    await edit("t", "7", "Escape");
    expect(await labelOf("t")).toContain("t = 0 ");
    await edit("b5", "abc", "Enter");
    expect(await textOf(".editor .fault")).toContain("b5: a number is needed");
    await page.keyboard.press("Escape");
    expect(await page.$(".editor")).toBeNull();
    expect(await page.evaluate(() => (document.activeElement as unknown as SVGElement).dataset.part)).toBe("b5");
  });

  test("by keyboard alone, with undo and redo", async () => {
    await focus(".part[data-part=w9]");
    await page.keyboard.press("Enter");
    await page.keyboard.type("0.4");
    await page.keyboard.press("Enter");
    expect(await labelOf("w9")).toContain("w9 = 0.4");
    await page.keyboard.down("Control");
    for (let count = 0; count < 3; count++) await page.keyboard.press("z");
    await page.keyboard.up("Control");
    for (const [part, text] of [
      ["w9", "w9 = 0.9"],
      ["x2", "x2 = 0.5"],
      ["w5", "w5 = 0.5"],
    ] as const) {
      expect(await labelOf(part)).toContain(text);
    }
    expect(new URL(page.url()).hash).toMatch(/^#\/\?stop=\d+$/);
    await page.keyboard.down("Control");
    await page.keyboard.press("y");
    await page.keyboard.up("Control");
    expect(await labelOf("w5")).toContain("w5 = −0.75");
    await page.click("[title^='Undo']");
    expect(await labelOf("w5")).toContain("w5 = 0.5");
  });

  test("the learning rate, and fields of the table", async () => {
    await page.click(".rate", { count: 3 });
    await page.keyboard.type("2");
    await page.keyboard.press("Enter");
    await page.click(".all-numbers summary");
    const field = "input[aria-label^='b1,']";
    await page.click(field, { count: 3 });
    await page.keyboard.type("1e-3");
    await page.keyboard.press("Enter");
    expect(await labelOf("b1")).toContain("b1 = 0.001");
    const updated = await page.$eval(field, (input) => input.closest("tr")!.cells[4]!.textContent);
    const gradient = await page.$eval(field, (input) => input.closest("tr")!.cells[3]!.textContent);
    expect(Number(updated)).toBeCloseTo(0.001 - 2 * Number(gradient), 14);
    await page.click(".all-numbers summary");
  });

  test("an address brings its numbers and its stop; what is broken in it is the example's", async () => {
    await reopen("#/?stop=12&w3=1.5&w4=x&rate=-1&b2=1e99&b1=");
    expect(await stopNow()).toBe(12);
    expect(await labelOf("w3")).toContain("w3 = 1.5");
    expect(await labelOf("w4")).toContain("w4 = 0.4");
    expect(await labelOf("b2")).toContain("b2 = 0.25");
    const [line] = await formulas();
    expect(Number(line!.digits)).toBeCloseTo(byHand({ ...initial, w3: 1.5 }).loss, 14);
    await reopen("#/nothing?stop=99");
    expect(await stopNow()).toBe(1);
  });
});

describe("on the GPU", () => {
  test("100 steps follow the file's losses, and can be undone", async () => {
    await page.click("[data-steps='100']");
    await page.waitForFunction(() => /100 steps done/.test(document.querySelector(".train")!.textContent), {
      timeout: 30_000,
    });
    const [last] = golden.lossesOfSteps0To100.slice(-1);
    expect(await page.$eval(".curve", (curve) => curve.getAttribute("aria-label"))).toBe(
      `Loss over 100 steps: from 0.3617 to ${Number(last!.toPrecision(4))}`,
    );
    const points = await page.$eval(".losses", (line) => line.getAttribute("points")!.split(" ").length);
    expect(points).toBe(101);
    expect(await textOf(".train .place")).toMatch(/float32/);
    await page.click("[title^='Undo']");
    expect(await labelOf("w1")).toContain("w1 = 0.1");
    expect(await page.$eval(".curve", (curve) => curve.getAttribute("aria-label"))).toContain("no step taken");
  });

  test("1 step gives the file's numbers in float32", async () => {
    await page.click("[data-steps='1']");
    await page.waitForFunction(() => /1 step done/.test(document.querySelector(".train")!.textContent));
    const params = new URLSearchParams(new URL(page.url()).hash.split("?")[1]);
    for (const [name, value] of Object.entries(numbers(golden.afterOneStep))) {
      expect(Math.abs(Number(params.get(name)) - value), name).toBeLessThan(1e-6);
    }
    await page.click("[title^='Undo']");
  });

  test("the check lays CPU, GPU and central differences side by side", async () => {
    await page.click(".check");
    await page.waitForSelector(".check-it table");
    const rows = await page.$$eval(".check-it tr[data-section=gradients]", (all) =>
      all.map((row) => [...row.querySelectorAll("td")].map(({ textContent }) => Number(textContent))),
    );
    expect(rows).toHaveLength(15);
    for (const [formula, device, difference] of rows as [number, number, number][]) {
      expect(Math.abs(device - formula) / formula).toBeLessThan(1e-5);
      expect(Math.abs(difference - formula)).toBeLessThan(1e-9);
    }
    const marks = await page.$$eval(".check-it .device mark", (all) => all.map(({ textContent }) => textContent));
    expect(marks.length).toBeGreaterThan(0);
    expect(marks.every((mark) => /^[\d.]+$/.test(mark))).toBe(true);
    await edit("x1", "0.9", "Enter");
    expect(await textOf(".check-it .status")).toContain("check again");
    expect(await page.$(".check-it .scroll[hidden]")).not.toBeNull();
    await page.click("[title^='Undo']");
  });

  test("a GPU process that dies is made up for", async () => {
    const session = await host.browser.target().createCDPSession();
    await session.send("Browser.crashGpuProcess").catch(() => undefined); // answers only where the process lives on
    await page.click("[data-steps='10']");
    await page.waitForFunction(() => /10 steps done/.test(document.querySelector(".train")!.textContent), {
      timeout: 30_000,
    });
    const about = await page.$eval(".curve", (curve) => curve.getAttribute("aria-label"));
    expect(about).toBe(`Loss over 10 steps: from 0.3617 to ${Number(golden.lossesOfSteps0To100[10]!.toPrecision(4))}`);
    await page.click("[title^='Undo']");
  });

  test("copies", async () => {
    await host.context.overridePermissions(host.server.url, ["clipboard-read", "clipboard-sanitized-write"]);
    await page.bringToFront();
    await page.click("[aria-label='Copy as TeX']");
    await page.waitForFunction(() => document.querySelector("#notices")!.textContent.includes("Copied as TeX"));
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(
      "\\section*{One step of gradient descent",
    );
    await page.click("[aria-label='Copy as Markdown']");
    await page.waitForFunction(() => document.querySelector("#notices")!.textContent.includes("Markdown"));
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("| `∂L/∂w1 = δ_h1·x1`<br>");
    await page.click("[aria-label='Copy as CSV']");
    await page.waitForFunction(() => document.querySelector("#notices")!.textContent.includes("CSV"));
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("gradients,,∂L/∂w1,∂L/∂w1 = δ_h1·x1,");
    await page.click("[aria-label='Copy as MathML']");
    await page.waitForFunction(() => document.querySelector("#notices")!.textContent.includes("MathML"));
    const read = await page.evaluate(async () => {
      const markup = await navigator.clipboard.readText();
      const { documentElement } = new DOMParser().parseFromString(markup, "application/xml");
      return [
        documentElement.namespaceURI,
        documentElement.localName,
        documentElement.querySelectorAll("mfrac").length > 40,
      ];
    });
    expect(read).toEqual(["http://www.w3.org/1998/Math/MathML", "math", true]);
  });
});

describe("for everyone", () => {
  test.each(["light", "dark"] as const)("axe finds nothing, %s", async (value) => {
    await scheme(page, value);
    await page.$eval(".all-numbers", (details) => ((details as HTMLDetailsElement).open = true));
    await page.click(".check");
    await page.waitForSelector(".check-it table");
    for (const stop of [0, 10, 13, 28, 33, 35]) {
      await page.select(".go-to", String(stop));
      expect(await violationsOf(page, value === "dark"), `stop ${stop}`).toEqual([]);
    }
  });

  test.each([320, 390, 768, 1280])("the page is no wider than a window of %i pixels", async (width) => {
    await page.setViewport({ width, height: 844 });
    const isTall = width < 700;
    await page.waitForSelector(isTall ? ".drawing.tall" : ".drawing.wide");
    for (const stop of [0, 13, 30, 33]) {
      await page.evaluate((at) => (location.hash = `#/?stop=${at + 1}`), stop);
      await page.waitForFunction(
        (at) => document.querySelector(".where")?.textContent.startsWith(`${at + 1} `),
        {},
        stop,
      );
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });

  test("a printer gets a worksheet: the drawing, the numbers, and every formula of the step", async () => {
    await page.setViewport({ width: 1280, height: 860 });
    const entries = (): Promise<number> => page.$$eval(".worksheet .entry", (all) => all.length);
    expect(await entries()).toBe(0);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    await page.emulateMediaType("print");
    const stops = await page.$$eval(".go-to option", (all) => all.length);
    expect(await entries()).toBe(stops - 2); // what is given and what has changed hold no formulas
    const isSeen = (selector: string): Promise<boolean> => page.$eval(selector, (one) => one.checkVisibility());
    expect(await isSeen(".drawing")).toBe(true);
    expect(await isSeen(".all-numbers table")).toBe(true);
    expect(await isSeen(".worksheet .formula")).toBe(true);
    for (const hidden of [".stepper", ".panel", ".site", ".more"]) expect(await isSeen(hidden)).toBe(false);
    const told = await page.$$eval(".worksheet [data-section=gradients]", (all) =>
      all.map((one): [string, number] => [
        one.getAttribute("data-quantity")!,
        Number(one.querySelector("[data-digits]")!.getAttribute("data-digits")),
      ]),
    );
    const wanted = Object.entries(numbers(golden.gradients)).map(([name, value]) => [`∂L/∂${name}`, value] as const);
    expect(told).toHaveLength(wanted.length);
    for (const [name, value] of wanted) expect(new Map(told).get(name)).toBeCloseTo(value, 14);
    expect(
      await page.$$eval(".all-numbers td", (all) => all.filter((one) => one.textContent !== "").length),
    ).toBeGreaterThan(30);
    const pages = Buffer.from(await page.pdf({ format: "A4" }))
      .toString("latin1")
      .match(/\/Type \/Page\b/g);
    expect(pages!.length).toBeGreaterThan(2);
    await page.emulateMediaType("screen");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    expect(await entries()).toBe(0);
  });

  test("nothing moves where motion is not wanted", async () => {
    await page.setViewport({ width: 1280, height: 860 });
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    const times = await page.$$eval(".drawing *, button", (all) =>
      all.map((one) => getComputedStyle(one)).map((style) => [style.transitionDuration, style.animationDuration]),
    );
    expect(new Set(times.flat())).toEqual(new Set(["0s"]));
  });

  test("nothing complained on the console", () => {
    expect(host.complaints.filter((text) => !/WebGPU|GPU|device/i.test(text))).toEqual([]);
  });
});

describe("every view that the page links to", () => {
  let addresses: string[];

  beforeAll(async () => {
    await reopen("");
    addresses = await page.$$eval("nav a[href^='#']", (all) => all.map((link) => link.getAttribute("href")!));
    expect(addresses).toContain("#/");
  });

  test("axe finds nothing in either theme; it fits a window of 390 pixels, and is marked as the current one", async () => {
    for (const address of addresses) {
      await reopen(address, "auto");
      for (const theme of ["light", "dark"] as const) {
        await scheme(page, theme);
        expect(await violationsOf(page, theme === "dark"), `${address}, ${theme}`).toEqual([]);
      }
      await page.setViewport({ width: 390, height: 844 });
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      expect(await page.evaluate(() => document.documentElement.scrollWidth), address).toBeLessThanOrEqual(390);
      expect(await page.$eval("nav [aria-current]", (link) => link.getAttribute("href"))).toBe(address);
      expect(await page.$$eval("h1", (all) => all.length), `${address}: one heading`).toBe(1);
    }
  });

  test("comes and goes by its link, and leaves nothing running", async () => {
    await reopen("", "auto");
    for (const address of [...addresses, "#/"]) {
      await page.click(`nav a[href='${address}']`);
      await page.waitForFunction((path) => document.body.dataset.view === path, {}, address.slice(1));
    }
    await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBeLessThanOrEqual(1);
  });
});

test.each(["toString", "__proto__"])("the address #%s, which no view has, leads to the first screen", async (name) => {
  const other = await host.open(`#${name}`);
  expect(await other.title()).toBe("One step of gradient descent · thalweg");
  expect(await other.$$eval(".notice", (all) => all.map((one) => one.textContent))).toEqual([]);
  await other.close();
});

test("where the browser blocks the adapter the CPU computes, and a reload is offered", async () => {
  page = await host.open("", blockAdapters);
  await page.waitForSelector(".notice");
  expect(await textOf("#notices")).toMatch(/No GPU: .+ blocks it\. Everything works on the CPU instead\.\s*Reload/);
  await page.click("[data-steps='10']");
  await page.waitForFunction(() => /10 steps done/.test(document.querySelector(".train")!.textContent));
  await page.evaluate(() => (document.body.dataset.before = "yes"));
  await page.focus(".notice button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.body.dataset.view === "/" && !document.body.dataset.before);
});

test("a view whose code is long in coming has a skeleton, and may be left meanwhile", async () => {
  page = await host.open("");
  await page.setRequestInterception(true);
  const held: (() => void)[] = [];
  page.on("request", (request) => {
    const go = (): void => void request.continue();
    if (request.isInterceptResolutionHandled()) return;
    if (request.url().endsWith(".js") && /image|view/i.test(request.url())) held.push(go);
    else go();
  });
  await page.click("nav a[href='#/image']");
  await page.waitForSelector("main[aria-busy=true] .skeleton");
  expect(await page.$(".walk")).toBeNull();
  expect(await violationsOf(page)).toEqual([]);
  await page.click("nav a[href='#/']"); // its code is there
  await page.waitForSelector("main[aria-busy=false] .walk");
  await page.click("nav a[href='#/image']");
  await page.waitForSelector("main .skeleton");
  for (const go of held) go();
  await page.waitForSelector("main[aria-busy=false] .pictures");
  expect(await page.$(".skeleton")).toBeNull();
  expect(host.complaints).toEqual([]);
}, 60_000);

// The last of this browser: Chrome blocks the page after two crashes.
test("where a lost GPU does not come back, the CPU computes the steps again, and the page reports it", async () => {
  page = await host.open("");
  const session = await host.browser.target().createCDPSession();
  const place = (): Promise<string> => textOf(".train .place");
  await eventually(place).toContain("Computed by");
  for (let crash = 0; crash < 4 && !(await place()).includes("WebAssembly"); crash++) {
    session.send("Browser.crashGpuProcess").catch(() => {}); // it may not live to answer
    await page.$eval(".train [role=status]", (status) => (status.textContent = ""));
    await page.click("[data-steps='10']");
    await page.waitForFunction(() => /10 steps done/.test(document.querySelector(".train [role=status]")!.textContent));
  }
  expect(await place()).toMatch(/^Computed by CPU, WebAssembly .* was lost /);
  expect(await page.$$eval(".notice p", (all) => all.map(({ textContent }) => textContent))).toEqual([
    expect.stringMatching(/^Note: The CPU has computed the steps again: .* was lost .*the browser blocks it\.$/),
  ]);
}, 60_000);

test("without WebGPU the CPU computes, and the page says why", async () => {
  const without = await hostPage({ webgpu: false });
  try {
    page = await without.open("");
    expect(await noticeText()).toMatch(/No GPU: .+ Everything works on the CPU instead\./);
    await page.click("[data-steps='100']");
    await page.waitForFunction(() => /100 steps done/.test(document.querySelector(".train")!.textContent));
    expect(await page.$eval(".curve", (curve) => curve.getAttribute("aria-label"))).toContain("to 0.003552");
    await page.click("[title^='Undo']");
    await page.click(".check");
    await page.waitForSelector(".check-it table");
    expect(await textOf(".check-it thead")).toContain("WebAssembly float32");
    expect(without.complaints).toEqual([]);
  } finally {
    await without.close();
  }
}, 60_000);
