import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { decodeModel } from "../src/data.ts";
import { acquire, createModel } from "../src/index.ts";
import { formatNumber } from "../src/web/playground/format.ts";
import { rateFunction } from "../src/web/playground/schedules.ts";
import { decodeState } from "../src/web/playground/state.ts";
import { largestDifference } from "./support/compare.ts";
import { eventually, hostPage, type PageHost, scheme, violationsOf } from "./support/page.ts";

// The playground as a reader uses it.

const saved = mkdtempSync(join(tmpdir(), "playground-"));
let host: PageHost;
let page: Page;

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (found) => found.textContent.replaceAll(/\s+/g, " ").trim());
const figure = (name: string): Promise<string> => textOf(`[data-figure=${name}]`);
const stepNow = async (): Promise<number> => Number((await figure("step")).replaceAll(",", ""));
const redraws = (): Promise<number> =>
  page.$eval(".playground", (found) => Number((found as HTMLElement).dataset.redraws));
const stateNow = async () => {
  const hash = await page.evaluate(() => location.hash);
  return decodeState(new URLSearchParams(hash.split("?")[1] ?? ""));
};
const noticeText = async (part: string): Promise<string> => {
  await page.waitForFunction((text) => document.getElementById("notices")!.textContent.includes(text), {}, part);
  return textOf("#notices");
};
const waitForStep = (step: number): Promise<unknown> =>
  page.waitForFunction(
    (least) => Number(document.querySelector("[data-figure=step]")!.textContent.replaceAll(",", "")) >= least,
    {},
    step,
  );
const lossNow = async (): Promise<number> =>
  Number((await textOf("[data-score='training loss']")).replaceAll("−", "-"));

async function open(address: string, device: "software" | "auto" = "auto"): Promise<void> {
  await page?.close();
  page = await host.open(address, undefined, device);
  await page.setViewport({ width: 1280, height: 900 });
  await page.waitForFunction(() => Number(document.querySelector<HTMLElement>(".playground")?.dataset.redraws) > 0);
}

const click = (text: string): Promise<void> =>
  page.$$eval(
    "button",
    (all, wanted) => {
      const found = all.find((one) => one.textContent.includes(wanted) || one.ariaLabel === wanted);
      if (!found) throw new Error(`no button ${wanted}`);
      found.click();
    },
    text,
  );

/** A pixel of the large map, as shares of its size. */
const pixel = (x: number, y: number): Promise<number[]> =>
  page.$eval(
    ".surface canvas",
    (canvas, across, down) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const context = (canvas as HTMLCanvasElement).getContext("2d")!;
      return Array.from(context.getImageData(Math.floor(across * width), Math.floor(down * height), 1, 1).data);
    },
    x,
    y,
  );

async function dropFile(name: string, content: string): Promise<void> {
  await page.evaluate(
    (fileName, text) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], fileName, { type: "text/csv" }));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    name,
    content,
  );
}

async function savedBy(label: string, name: string): Promise<Uint8Array> {
  rmSync(join(saved, name), { force: true });
  await click(label);
  await expect.poll(() => readdirSync(saved), { timeout: 20_000 }).toContain(name);
  return readFileSync(join(saved, name));
}

beforeAll(async () => {
  host = await hostPage();
  const client = await host.browser.target().createCDPSession();
  await client.send("Browser.setDownloadBehavior", {
    behavior: "allow",
    downloadPath: saved,
    browserContextId: host.context.id!,
  });
  await open("#/playground?data=circle&pace=full", "software");
}, 120_000);

afterAll(async () => {
  await host?.close();
  rmSync(saved, { recursive: true, force: true });
});

describe("training", () => {
  test("the first frame shows an untrained network, on a named device", async () => {
    expect(await stepNow()).toBe(0);
    expect(await figure("device")).toMatch(/GPU/);
    expect(await page.$$(".node:not(.feature)")).toHaveLength(8 + 6 + 1);
    expect(await page.$$(".board path:not(.reach)")).toHaveLength(2 * 8 + 8 * 6 + 6);
    expect(await textOf("#notices")).toBe("");
  });

  test("one step is one step", async () => {
    await click("Step");
    await waitForStep(1);
    await click("Step");
    await waitForStep(2);
    expect(await stepNow()).toBe(2);
    expect(await textOf(".toggle")).toContain("Train");
  });

  test("at full speed the loss falls, many steps a frame, and the map is drawn again and again", async () => {
    const before = await redraws();
    await click("Train");
    await waitForStep(1500);
    const frames = (await redraws()) - before;
    const steps = await stepNow();
    await click("Pause");
    expect(frames).toBeGreaterThan(5);
    expect(steps / frames).toBeGreaterThan(5);
    expect(await lossNow()).toBeLessThan(0.1);
    expect(Number((await figure("speed")).replaceAll(",", "")) >= 0 || (await figure("speed")) === "–").toBe(true);
    const label = await page.$eval(".plot", (plot) => plot.getAttribute("aria-label"));
    expect(label).toMatch(/^Loss at step [\d,]+: 0\.0\d+, on test points/);
  });

  test("the map is the network's: blue inside the circle, orange outside", async () => {
    const [red, , blue] = await pixel(0.5, 0.5);
    const [outerRed, , outerBlue] = await pixel(0.03, 0.03);
    expect(blue!).toBeGreaterThan(red! + 30);
    expect(outerRed!).toBeGreaterThan(outerBlue! + 30);
  });

  test("the keyboard trains, steps and resets", async () => {
    await page.focus("main");
    await page.keyboard.press("r");
    await page.waitForFunction(() => document.querySelector("[data-figure=step]")!.textContent === "0");
    await page.keyboard.press("s");
    await waitForStep(1);
    await page.keyboard.press("Space");
    await waitForStep(200);
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelector(".toggle")!.textContent.includes("Train"));
  });

  test("a new learning rate holds from then on, without restarting", async () => {
    const before = await stepNow();
    await page.focus(".training-settings input[type=range]");
    await page.keyboard.press("ArrowRight");
    expect((await stateNow()).state.learningRate).toBe(0.013);
    await click("Step");
    await waitForStep(before + 1);
  });

  test("a neuron under the focus is shown large, and its bias is reported", async () => {
    await page.focus("[data-node='0.2']");
    await page.waitForFunction(() => document.querySelector(".output h2")!.textContent === "Neuron 1.3");
    expect(await textOf(".network .reading")).toMatch(/^neuron 1\.3: bias −?[\d.]+/);
    await page.focus("main");
    await page.waitForFunction(() => document.querySelector(".output h2")!.textContent === "Output");
  });

  test("the number under the pointer follows the training", async () => {
    const path = (await page.$(".board path[data-link]"))!;
    const point = await path.evaluate((one) => {
      const line = one as SVGPathElement;
      const { x, y } = line.getPointAtLength(line.getTotalLength() / 2);
      const at = new DOMPoint(x, y).matrixTransform(line.getScreenCTM()!);
      return { x: at.x, y: at.y };
    });
    await page.mouse.move(point.x, point.y);
    const before = await textOf(".network .reading");
    expect(before).toMatch(/: weight [−\d.]+$/);
    await page.keyboard.press("Space"); // one step may not move the digits that are shown
    await page.waitForFunction(
      (text) => {
        const now = document.querySelector(".network .reading")!.textContent;
        return now !== text && now.split(":")[0] === text.split(":")[0];
      },
      {},
      before,
    );
    await page.keyboard.press("Space");
    await page.mouse.move(0, 0);
  });

  test("every weight is in the table", async () => {
    await page.click(".network summary");
    await page.waitForSelector(".weights table");
    expect(await page.$$(".weights td")).toHaveLength(2 * 8 + 8 + 8 * 6 + 6 + 6 + 1);
    await page.click(".network summary");
  });

  test("a link leads to its number, and another number is trained on from the same step", async () => {
    const before = await stepNow();
    await page.$eval("path.reach[data-link='3']", (link) =>
      link.dispatchEvent(new MouseEvent("click", { bubbles: true })),
    );
    const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement!.ariaLabel);
    expect(await focused()).toBe("x₁ to 1.4");
    await page.keyboard.type("−2.5");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("x₁ to 1.5");
    await page.$eval("path.reach[data-link='3']", (link) =>
      link.dispatchEvent(new PointerEvent("pointerover", { bubbles: true })),
    );
    expect(await textOf(".network .reading")).toMatch(/^x₁ → neuron 1\.4: weight /);
    await page.waitForFunction(
      () => document.querySelector<HTMLInputElement>("[aria-label='x₁ to 1.4']")!.value === "−2.5",
    );
    expect(await stepNow()).toBe(before);
    await click("Step");
    await waitForStep(before + 1);
    const value = await page.$eval("[aria-label='x₁ to 1.4']", (field) => (field as HTMLInputElement).value);
    expect(Math.abs(Number(value.replace("−", "-")) + 2.5)).toBeLessThan(0.1);
    await page.click(".network summary");
  });
});

describe("how it is trained", () => {
  const select = async (label: string, value: string): Promise<void> => {
    const labels = await page.$$(".training-details label");
    const texts = await Promise.all(labels.map((one) => one.evaluate((found) => found.firstChild!.textContent)));
    await (await labels[texts.indexOf(label)]!.$("select"))!.select(value);
  };
  const summary = (): Promise<string> => textOf(".training-details summary span:last-child");

  test("what is on is chosen by keyboard in a disclosure, told in its line and in the address", async () => {
    await open("#/playground?data=spiral&noise=50&pace=full");
    expect([await summary(), await figure("rate")]).toEqual(["all off", ""]);
    await page.focus(".training-details summary");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".training-details[open]");
    await select("Schedule", "cosine");
    await select("Warm-up", "100");
    await select("Dropout", "0.1");
    await select("Early stopping", "250");
    expect(await summary()).toBe("warm-up 100 · cosine over 2,000 steps · dropout 0.1 · patience 250");
    expect(await page.evaluate(() => location.hash)).toContain("schedule=cosine&warmup=100&dropout=0.1&patience=250");
    expect(await page.$eval(".rate-curve svg", (curve) => curve.ariaLabel)).toMatch(
      /^Learning rate over 2,520 steps: from 0\.00333 /,
    );
    expect(await violationsOf(page)).toEqual([]);
    await page.setViewport({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.setViewport({ width: 1280, height: 900 });
  });

  test("Muon and L-BFGS show their own options, and what has no effect is disabled with the reason", async () => {
    const shown = (): Promise<string[]> =>
      page.$$eval(".training-details fieldset:not([hidden]) > legend", (all) => all.map((one) => one.textContent!));
    const optimizer = async (name: string): Promise<void> => {
      const field = await page.waitForSelector(".training-settings select:has(option[value=lbfgs])");
      await field!.select(name);
    };
    const others = ["Learning-rate schedule", "Regularisation", "Updates and stopping"];
    await open("#/playground?pace=full&plateau=250");
    expect([await shown(), await summary()]).toEqual([others, "rate × 0.5 after 250 steps"]);
    await optimizer("muon");
    expect(await shown()).toEqual([...others, "Muon"]);
    await select("Orthogonalisation steps", "3");
    await select("Size of updates", "1");
    expect(await page.evaluate(() => location.hash)).toMatch(/opt=muon&momentum=0\.95.*&plateau=250&ns=3&rms=1/);
    expect(await violationsOf(page)).toEqual([]);
    await page.setViewport({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await page.setViewport({ width: 1280, height: 900 });
    await optimizer("lbfgs");
    expect([await shown(), await summary()]).toEqual([[...others, "L-BFGS"], "all off"]);
    expect((await stateNow()).state).toMatchObject({ optimizer: "lbfgs", learningRate: 1 });
    const disabled = await page.$$eval(".training-details select:disabled", (all) => all.length);
    expect(disabled).toBe(10);
    expect(await violationsOf(page)).toEqual([]);
    await click("Train");
    await waitForStep(100);
    await click("Pause");
    const loss = await page.$eval("[data-score='training loss']", (found) => Number(found.textContent));
    expect(loss).toBeLessThan(0.5);
    expect(await textOf("#notices")).not.toContain("failed");
  });

  test("a rate that a plateau has reduced is reported", async () => {
    await open("#/playground?data=gauss&noise=50&rate=0.3&pace=full&plateau=50&factor=0.1");
    expect(await figure("rate")).toBe("0.3");
    await click("Train");
    await page.waitForFunction(() => document.querySelector("[data-figure=rate]")!.textContent !== "0.3");
    await click("Pause");
    const rate = Number((await figure("rate")).replace("−", "-"));
    expect(Math.log10(0.3 / rate)).toBeCloseTo(Math.round(Math.log10(0.3 / rate)), 6); // a power of the factor
  });

  test("early stopping brings the best weights back, marks their step, and training can continue", async () => {
    await open("#/playground?data=spiral&noise=50&pace=full&schedule=cosine&warmup=100&dropout=0.1&patience=250");
    await click("Train");
    const told = await noticeText("Stopped early");
    const [, stop, best, loss] =
      /at step ([\d,]+): .* for 250 steps\. The weights of step ([\d,]+) are back, with a test loss of ([\d.]+)\./.exec(
        told,
      )!;
    const step = Number(stop!.replaceAll(",", ""));
    expect(step - Number(best!.replaceAll(",", ""))).toBe(250);
    expect(await textOf(".toggle")).toContain("Train");
    expect([await stepNow(), await textOf("[data-score='test loss']")]).toEqual([step, loss]);
    expect(await figure("rate")).toBe(formatNumber(rateFunction((await stateNow()).state)(step)));
    expect(await textOf(".rate-curve figcaption")).toBe(`Rate at step ${stop}: ${await figure("rate")}`);
    await page.waitForFunction(
      (at) => document.querySelector(".plot")!.ariaLabel!.endsWith(`; best weights of step ${at}`),
      {},
      best!,
    );
    await click("Step");
    await waitForStep(step + 1);
    expect(await textOf("#notices")).not.toContain("Stopped early");
  });
});

describe("what is trained", () => {
  test("layers and neurons come and go by + and −", async () => {
    await click("Add a layer");
    await click("More neurons in layer 3");
    await page.select("[aria-label='Activation of layer 3']", "relu");
    await click("Fewer neurons in layer 1");
    await page.waitForFunction(() => document.querySelectorAll(".node:not(.feature)").length === 7 + 6 + 7 + 1);
    const { layers } = (await stateNow()).state;
    expect(layers.map(({ width, activation }) => `${width} ${activation}`)).toEqual(["7 tanh", "6 tanh", "7 relu"]);
    expect(await stepNow()).toBe(0);
    await click("Remove a layer");
  });

  test("inputs are chosen on the drawing, and one is always left", async () => {
    await page.click("[data-node=prod]");
    expect((await stateNow()).state.features).toEqual(["x1", "x2", "prod"]);
    for (const name of ["x1", "x2", "prod"]) await page.click(`[data-node=${name}]`);
    expect((await stateNow()).state.features).toEqual(["prod"]);
    expect(await textOf(".network .reading")).toMatch(/at least one input/);
  });

  test("a set of numbers takes a loss of numbers, and shows no accuracy", async () => {
    await page.click("input[value=plane]");
    await page.waitForFunction(() => document.querySelector(".numbers-only") !== null);
    expect((await stateNow()).state).toMatchObject({ data: "plane", task: "regression", loss: "meanSquaredError" });
  });

  test("the whole state is in the address, and comes back from it", async () => {
    const { state } = await stateNow();
    const hash = await page.evaluate(() => location.hash);
    await open(hash);
    expect(await page.evaluate(() => location.hash)).toBe(hash);
    expect((await stateNow()).state).toEqual(state);
    expect(await page.$eval("[aria-label='Activation of layer 1']", (one) => (one as HTMLSelectElement).value)).toBe(
      "tanh",
    );
    expect(await page.$$("[aria-pressed=true]")).toHaveLength(1);
  });

  test("a nonsensical address is reported, and the page still trains", async () => {
    await open("#/playground?v=1&net=999-tanh&data=moon&rate=0.5");
    const text = await noticeText("net=999-tanh");
    expect(text).toContain("data=moon is ignored: expected one of circle");
    await click("Step");
    await waitForStep(1);
  });
});

describe("points of one's own", () => {
  test("painting keeps the network and adds points", async () => {
    await open("#/playground?data=gauss&pace=full&train=90");
    await click("Step");
    await waitForStep(1);
    await page.click("input[name=brush][value=negative]");
    const map = (await page.$(".points"))!;
    await map.scrollIntoView();
    const { x, y, width, height } = (await map.boundingBox())!;
    await page.mouse.move(x + 0.8 * width, y + 0.2 * height);
    await page.mouse.down();
    await page.mouse.move(x + 0.9 * width, y + 0.3 * height, { steps: 8 });
    await page.mouse.up();
    const { state, problems } = await stateNow();
    expect(problems).toEqual([]);
    expect(state.data).toBe("own");
    expect(state.points.length).toBeGreaterThan(501);
    expect(state.points.at(-1)).toMatchObject({ value: -1 });
    await page.waitForFunction(() => document.querySelector("[data-figure=step]")!.textContent === "1");
    await click("Step");
    await waitForStep(2);
  });

  test("the keyboard paints too, and an eraser takes points away", async () => {
    const before = (await stateNow()).state.points.length;
    await page.mouse.move(0, 0);
    await page.focus(".points");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowUp");
    expect(await textOf(".output .reading")).toMatch(/^x₁ 0\.25, x₂ 0\.25 → −?[\d.]+$/);
    await page.keyboard.press("Enter");
    expect((await stateNow()).state.points.at(-1)).toEqual({ x1: 0.25, x2: 0.25, value: -1 });
    await page.click("input[name=brush][value=erase]");
    await page.focus(".points");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    expect((await stateNow()).state.points.length).toBeLessThanOrEqual(before);
  });

  test("a table that is dropped is understood, shown and trained on", async () => {
    const rows = Array.from({ length: 60 }, (_, row) => `${row},${Math.sin(row)},${row < 30 ? "low" : "high"}`);
    await dropFile("rows.csv", ["size,wave,class", ...rows].join("\n"));
    await page.waitForSelector(".file select");
    expect(await textOf(".data")).toContain("rows.csv: 60 rows. x₁ is size, x₂ is wave, predicted is class");
    await page.waitForFunction(() => document.querySelector(".data")!.textContent.includes("60 points of your own"));
    await click("Train");
    await page.waitForFunction(() => {
      const loss = document.querySelector("[data-score='training loss']")?.textContent ?? "9";
      return Number(loss.replaceAll("−", "-")) < 0.1;
    });
    await click("Pause");
  });

  test("a note names what may be missing cells, and the field takes them so", async () => {
    const rows = Array.from(
      { length: 67 },
      (_, row) => `${row % 10 === 5 ? -999 : row},${row % 13},${row < 30 ? "a" : "b"}`,
    );
    await dropFile("gaps.csv", ["size,wave,class", ...rows].join("\n"));
    await page.waitForFunction(() => document.querySelector(".notes")?.textContent.includes('"-999" in 7 cells'));
    expect(await textOf(".notes")).not.toContain("--");
    await page.type(".file input", "-999");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".data")!.textContent.includes("60 points of your own"));
    expect(await textOf(".data")).toContain("gaps.csv: 67 rows, 7 dropped for missing values");
    expect(await textOf(".notes")).not.toContain('-999" in 7 cells, outside');
  });

  test("a broken table is reported with its place, and the points stay", async () => {
    await dropFile("broken.csv", "a,b,c\n1,2,3\n4,5\n");
    expect(await noticeText("broken.csv")).toMatch(/broken\.csv: line 3: expected 3 cells as in the first line, got 2/);
    await dropFile("picture.csv", "\u0089PNG");
    await noticeText("picture.csv");
    expect(await textOf("#notices")).not.toContain("broken.csv");
    expect((await stateNow()).state.points).toHaveLength(60);
  });
});

describe("what is taken away", () => {
  test("weights as safetensors and JSON are the same numbers; curves as CSV", async () => {
    const model = decodeModel(
      await savedBy("Weights, safetensors", "playground.safetensors"),
      "playground.safetensors",
    );
    const json = JSON.parse(Buffer.from(await savedBy("Weights, JSON", "playground.json")).toString());
    expect(json.layers[0].weights.flat().map(Math.fround)).toEqual(Array.from(model.parameters.subarray(0, 16)));
    expect(model.training).toMatchObject({ optimizer: "adam", trainingRows: 54 });
    const lines = Buffer.from(await savedBy("Curves, CSV", "curves.csv"))
      .toString()
      .trim()
      .split("\n");
    expect(lines[0]).toBe("step,epoch,seconds,training loss,test loss,training accuracy,test accuracy,run");
    expect(lines.length).toBeGreaterThan(2);
  });

  test("the network as ONNX gives, in ONNX Runtime, what the weights give in float64", async () => {
    const bytes = await savedBy("Network, ONNX", "playground.onnx");
    const { network, parameters } = decodeModel(readFileSync(join(saved, "playground.safetensors")), "weights");
    const inputs = Float32Array.from({ length: 5 * network.inputs }, (_, at) => 3 * Math.sin(at));
    const model = await createModel(network, { device: await acquire({ device: "reference" }), parameters });
    const session = await InferenceSession.create(new Uint8Array(bytes), { executionProviders: ["wasm"] });
    const { logits, probabilities } = await session.run({ inputs: new Tensor("float32", inputs, [5, network.inputs]) });
    expect(largestDifference(logits!.data as Float32Array, await model.logits(inputs))).toBeLessThan(1e-4);
    const wanted = await model.predict(inputs);
    expect(largestDifference(probabilities!.data as Float32Array, wanted)).toBeLessThan(1e-5);
  });

  test("weights as npz are the same numbers; curves as JSON, SVG and PNG", async () => {
    const archive = Buffer.from(await savedBy("Weights, npz", "playground.npz"));
    const json = JSON.parse(readFileSync(join(saved, "playground.json"), "utf8"));
    const weights = Buffer.from(Float32Array.from(json.layers[0].weights.flat()).buffer);
    expect(archive.includes(weights)).toBe(true);
    expect(archive.toString("latin1")).toContain("layers.0.weights.npy");
    const curves = JSON.parse(Buffer.from(await savedBy("Curves, JSON", "curves.json")).toString());
    expect(curves.runs[0].entries.at(-1).step).toBe(await stepNow());
    const picture = Buffer.from(await savedBy("Curves, SVG", "curves.svg")).toString();
    expect(picture).toMatch(/^<svg /);
    const png = Buffer.from(await savedBy("Curves, PNG", "curves.png"));
    expect([png.readUInt32BE(16), png.subarray(1, 4).toString()]).toEqual([1600, "PNG"]);
  });

  test("the program is copied", async () => {
    await host.context.overridePermissions(host.server.url, [
      "clipboard-read",
      "clipboard-write",
      "clipboard-sanitized-write",
    ]);
    await page.bringToFront();
    await click("Copy as TypeScript");
    await noticeText("Program copied");
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('from "thalweg"');
  });
});

describe("curves and links", () => {
  test("an epoch is every point once, and ends at its end", async () => {
    await open("#/playground?data=circle&batch=100&train=50");
    await click("Step");
    await waitForStep(1);
    await click("Epoch");
    await waitForStep(3);
    await page.focus("main");
    await page.keyboard.press("e");
    await waitForStep(6);
    expect([await stepNow(), await figure("epoch")]).toEqual([6, "2.0"]);
    await page.waitForFunction(() => document.querySelector(".surface .boundary")!.getAttribute("d") !== null);
  });

  test("runs are pinned with their settings, drawn beside the next, and removed", async () => {
    await click("Pin this run");
    expect(await textOf(".pinned li")).toMatch(
      /run 1 step 6: loss .*circle, noise 10 % · 2 → 8 tanh, 6 tanh → 1 · adam/,
    );
    await click("Reset");
    await page.waitForFunction(() => document.querySelector("[data-figure=step]")!.textContent === "0");
    await page.select(".curves select", "epoch");
    await page.focus(".curves input[type=range]");
    await page.keyboard.press("End");
    expect(await textOf(".curves output")).toBe("0.99");
    await click("Epoch");
    await waitForStep(3);
    await page.hover(".plot .u-over");
    await page.waitForFunction(() =>
      document.querySelector(".pinned .reading")!.textContent.startsWith("here: training"),
    );
    expect(await page.$$eval(".plot .u-series", (rows) => rows.filter((row) => row.clientHeight > 0).length)).toBe(3);
    const lines = Buffer.from(await savedBy("Curves, CSV", "curves.csv"))
      .toString()
      .trim()
      .split("\n");
    expect(new Set(lines.slice(1).map((line) => line.split(",").at(-1)))).toEqual(new Set(["now", "run 1"]));
    await click("Remove run 1");
    expect(await page.$$(".pinned li")).toHaveLength(0);
  });

  test("what the curves show is in the address: a link shows the same", async () => {
    await page.click("input[name=curve][value=accuracy]");
    await page.select(".curves select", "seconds");
    const { state } = await stateNow();
    expect(state.curves).toEqual({ measure: "accuracy", isLogarithmic: true, axis: "seconds", smoothing: 0.99 });
    await open(await page.evaluate(() => location.hash));
    expect((await stateNow()).state.curves).toEqual(state.curves);
    expect(await page.$eval("input[name=curve][value=accuracy]", (one) => (one as HTMLInputElement).checked)).toBe(
      true,
    );
    expect(await page.$eval(".curves select", (one) => (one as HTMLSelectElement).value)).toBe("seconds");
    expect(await textOf(".curves output")).toBe("0.99");
    await click("Step");
    await waitForStep(1);
    await page.waitForFunction(() => document.querySelector(".plot")!.ariaLabel?.startsWith("Accuracy at step 1:"));
    await page.waitForSelector(".plot .u-legend"); // it is drawn with these settings from the start
  });

  test("a link for a class leaves out what was chosen, and its reader can show it again", async () => {
    await click("Copy link…");
    await page.waitForSelector("dialog[open]");
    expect(await violationsOf(page)).toEqual([]);
    await page.$$eval("dialog input[type=checkbox]", (boxes) => (boxes[0] as HTMLInputElement).click());
    await page.$$eval("dialog input[type=checkbox]", (boxes) => (boxes[3] as HTMLInputElement).click());
    const link = await page.$eval("dialog .link", (field) => (field as HTMLInputElement).value);
    expect(link).toContain("hide=data_layers");
    await page.keyboard.press("Escape");
    await open(link.slice(link.indexOf("#")));
    const isSeen = (selector: string): Promise<boolean> => page.$eval(selector, (found) => found.checkVisibility());
    expect(await Promise.all([".data", ".layer-head select", ".training-settings"].map(isSeen))).toEqual([
      false,
      false,
      true,
    ]);
    expect(await violationsOf(page)).toEqual([]);
    await click("Show all controls");
    expect(await Promise.all([".data", ".layer-head select"].map(isSeen))).toEqual([true, true]);
    expect((await stateNow()).state.hidden).toEqual([]);
  });

  test("wide layers and many are drawn folded, and unfold", async () => {
    await open("#/playground?net=64-tanh_8-tanh_8-tanh_8-tanh_8-tanh_8-tanh_8-tanh_8-tanh");
    expect(await page.$$eval(".gap", (gaps) => gaps.map((gap) => gap.textContent))).toEqual(["+ 49", "+ 2 layers"]);
    expect(await page.$$(".node:not(.feature)")).toHaveLength(15 + 5 * 8 + 1);
    await click("+ 2 layers");
    expect(await page.$$(".node:not(.feature)")).toHaveLength(15 + 7 * 8 + 1);
    await click("Step");
    await waitForStep(1);
    await click("Fold");
  });
});

describe("neurons that learn nothing", () => {
  const labelOf = (node: string): Promise<string | null> =>
    page.$eval(`[data-node="${node}"]`, (one) => one.getAttribute("aria-label"));

  test("a dead and a saturated one are marked, named and explained", async () => {
    await open("#/playground?v=1&data=circle&net=3-relu_3-tanh&wseed=4");
    expect(await textOf(".marks")).toBe("");
    await page.click(".network summary");
    const setBias = async (label: string, value: string): Promise<void> => {
      const field = (await page.waitForSelector(`[aria-label="${label}"]`))!;
      await field.click({ count: 3 });
      await page.keyboard.type(value);
      await page.keyboard.press("Enter");
    };
    await setBias("bias to 1.2", "-1000");
    await page.waitForSelector('[data-node="0.1"][data-state=dead]');
    await setBias("bias to 2.3", "1000");
    await page.waitForSelector('[data-node="1.2"][data-state=saturated]');
    expect(await textOf(".marks")).toBe("× Dead (1): 1.2. = Saturated (1): 2.3.");
    expect([await labelOf("0.1"), await labelOf("1.2"), await labelOf("0.0")]).toEqual([
      "Neuron 1.2, dead: show its map",
      "Neuron 2.3, saturated: show its map",
      "Neuron 1.1: show its map",
    ]);
    await page.mouse.move(0, 0); // scrolling would bring a link under it
    await page.focus('[data-node="0.1"]');
    expect(await textOf(".network .reading")).toBe(
      "neuron 1.2: bias −1000; dead: its gradient is zero at every training point.",
    );
    expect(await violationsOf(page)).toEqual([]);
    await setBias("bias to 1.2", "0.1");
    await page.waitForSelector('[data-node="0.1"]:not([data-state=dead])');
    expect(await textOf(".marks")).toBe("= Saturated (1): 2.3.");
  });
});

describe("states", () => {
  test("a training that diverges stops, is marked, and continues at a lower rate", async () => {
    await open("#/playground?data=plane&opt=sgd&rate=0.01&net=8-relu&pace=10&momentum=0.9");
    await click("Step");
    await waitForStep(1);
    await page.evaluate(() => (location.hash = `${location.hash.replace("rate=0.01", "")}&rate=10`));
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>(".playground")?.dataset.redraws) > 0);
    await click("Train");
    expect(await noticeText("diverged")).toMatch(
      /Training diverged at step [\d,]+: a learning rate of 10 is too high\. The network is back at step [\d,]+\./,
    );
    expect(await textOf(".toggle")).toContain("Train");
    await page.waitForFunction(() => document.querySelector(".plot")!.ariaLabel!.includes("diverged at step"));
    await click("Continue with 1");
    expect((await stateNow()).state.learningRate).toBe(1);
  });

  test("a lost GPU process: training resumes at its step", async () => {
    await open("#/playground?data=spiral&pace=full", "software");
    await click("Train");
    await waitForStep(500);
    const before = await stepNow();
    const client = await host.browser.target().createCDPSession();
    client.send("Browser.crashGpuProcess").catch(() => {}); // it may not live to answer
    const text = await noticeText("resumed at step");
    const [, step] = /resumed at step ([\d,]+)/.exec(text)!;
    expect(Number(step!.replaceAll(",", ""))).toBeGreaterThanOrEqual(before);
    await waitForStep(Number(step!.replaceAll(",", "")) + 200);
    await click("Pause");
    expect(await page.$$(".notice.bad")).toHaveLength(0);
  });

  test("a page out of sight continues training", async () => {
    await open("#/playground?pace=full");
    await click("Train");
    await waitForStep(100);
    const other = await host.context.newPage();
    await other.bringToFront();
    const before = await stepNow();
    await expect.poll(stepNow, { timeout: 20_000 }).toBeGreaterThan(before + 500);
    await other.close();
    await page.bringToFront();
    await click("Pause");
  });

  test.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 320],
  ] as const)("axe finds nothing, and nothing is too wide: %s, %i pixels", async (theme, width) => {
    await scheme(page, theme);
    await page.setViewport({ width, height: 844 });
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
  });

  test("with reduced motion the map is drawn a few times a second at most", async () => {
    await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
    await page.evaluate(() => {
      const root = document.querySelector<HTMLElement>(".playground")!;
      const times: number[] = [];
      new MutationObserver(() => times.push(performance.now())).observe(root, { attributeFilter: ["data-redraws"] });
      (globalThis as unknown as { times: number[] }).times = times;
    });
    await click("Train");
    await page.waitForFunction(() => (globalThis as unknown as { times: number[] }).times.length >= 5);
    await click("Pause");
    const times = await page.evaluate(() => (globalThis as unknown as { times: number[] }).times);
    for (let at = 2; at < 5; at++) expect(times[at]! - times[at - 1]!).toBeGreaterThan(300);
    await page.emulateMediaFeatures([]);
  });

  test("nothing complained on the console", () => expect(host.complaints).toEqual([]));
});

test("without WebGPU it trains on the CPU, and says why", async () => {
  await page.close();
  await host.close();
  host = await hostPage({ webgpu: false });
  page = await host.context.newPage();
  await open("#/playground?data=circle&pace=full");
  expect(await noticeText("Training on the CPU")).toMatch(/WebGPU/);
  expect(await figure("device")).toBe("CPU");
  await click("Train");
  await waitForStep(300);
  await eventually(lossNow).toBeLessThan(0.4);
});
