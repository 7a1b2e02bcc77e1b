// Pages without WebAssembly, without its vectors, or whose policy forbids it: float64 computes, and one line says why.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FolderServer, serveFolder } from "../bench/hosts/serve.ts";
import { launchOptions } from "./host/chrome.mjs";

const program = `
  import { acquire, createModel, dense, network, sgd } from "./dist/index.js";
  const device = await acquire({ device: "cpu" });
  const model = await createModel(network({ inputs: 1, layers: [dense(1)], loss: "squaredError" }), { device });
  const data = { inputs: Float32Array.of(1, 2), targets: Float32Array.of(3, 5) };
  await model.fit(data, { optimizer: sgd({ learningRate: 0.2 }), steps: 1000 });
  const { kind, fallbackReason } = device;
  globalThis.found = { kind, fallbackReason, outputs: [...await model.predict(data.inputs)] };
`;

const htmlOf = (policy: string): string =>
  `<!doctype html><meta http-equiv="Content-Security-Policy" content="script-src ${policy}"><script type="module" src="./program.js"></script>`;

let folder: string;
let server: FolderServer;
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "thalweg-missing-"));
  cpSync(join(import.meta.dirname, "../dist"), join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "program.js"), program);
  writeFileSync(join(folder, "strict.html"), htmlOf("'self'"));
  writeFileSync(join(folder, "open.html"), htmlOf("'self' 'wasm-unsafe-eval'"));
  server = await serveFolder({ folder, isolated: true });
  browser = await puppeteer.launch(await launchOptions());
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Found {
  readonly kind: string;
  readonly fallbackReason: string;
  readonly outputs: number[];
}

async function run(file: string, prepare: (page: Page) => Promise<unknown> = () => Promise.resolve()): Promise<Found> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await prepare(page);
  await page.goto(`${server.url}/${file}`);
  try {
    const found = await page.waitForFunction(() => (globalThis as { found?: Found }).found, { timeout: 60_000 });
    return (await found.jsonValue()) as Found;
  } catch (error) {
    throw new Error(errors.join("\n"), { cause: error });
  } finally {
    await page.close();
  }
}

function expectTrained({ outputs: [first, second] }: Found): void {
  expect(first).toBeCloseTo(3, 2);
  expect(second).toBeCloseTo(5, 2);
}

test("a page whose policy allows WebAssembly computes in it", async () => {
  const found = await run("open.html");
  expect(found).toMatchObject({ kind: "wasm", fallbackReason: "the CPU was requested" });
  expectTrained(found);
});

test("a policy without wasm-unsafe-eval", async () => {
  const found = await run("strict.html");
  expect(found.kind).toBe("reference");
  expect(found.fallbackReason).toMatch(/^the CPU was requested; a policy of the page forbids WebAssembly/);
  expectTrained(found);
});

test("no WebAssembly", async () => {
  const found = await run("open.html", (page) =>
    page.evaluateOnNewDocument(() => Reflect.deleteProperty(globalThis, "WebAssembly")),
  );
  expect(found).toMatchObject({
    kind: "reference",
    fallbackReason: "the CPU was requested; this host has no WebAssembly",
  });
  expectTrained(found);
});

test("WebAssembly without vectors", async () => {
  const found = await run("open.html", (page) =>
    page.evaluateOnNewDocument(() => {
      WebAssembly.validate = () => false; // of modules with vectors, as an older engine answers
    }),
  );
  expect(found.kind).toBe("reference");
  expect(found.fallbackReason).toMatch(/^the CPU was requested; this engine's WebAssembly has no SIMD/);
  expectTrained(found);
});
