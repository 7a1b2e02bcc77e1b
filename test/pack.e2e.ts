// The package as a stranger gets it: packed, installed in an empty folder, used in Node, on the command line and in Chrome.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import puppeteer, { type Browser, type Page } from "puppeteer";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchOptions } from "./host/chrome.mjs";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "thalweg-pack-"));
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
  });
  const packed: unknown = JSON.parse(stdout);
  const [{ filename, files }] = Object.values(packed as object) as [{ filename: string; files: { path: string }[] }];
  expect(files.map(({ path }) => path).filter((path) => path.startsWith("src/") || path.startsWith("test/"))).toEqual(
    [],
  );
  await writeFile(join(folder, "package.json"), '{ "name": "stranger", "private": true, "type": "module" }');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--omit=peer", `./${filename}`], {
    cwd: folder,
  });
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const program = `
  import { acquire, adam, createModel, dense, network } from "thalweg";
  const device = await acquire({ device: process.argv[2] });
  const model = await createModel(
    network({ inputs: 2, layers: [dense(8, "tanh"), dense(1, "sigmoid")], loss: "squaredError" }), { device, seed: 1 });
  const data = { inputs: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), targets: Float32Array.of(0, 1, 1, 0) };
  await model.fit(data, { optimizer: adam({ learningRate: 0.05 }), steps: 400 });
  const outputs = await model.predict(data.inputs);
  console.log(JSON.stringify({ kind: device.kind, fallbackReason: device.fallbackReason, outputs: [...outputs] }));
  model.dispose();
  device.dispose();
`;

async function runProgram(device = "auto"): Promise<{ kind: string; fallbackReason: string; outputs: number[] }> {
  await writeFile(join(folder, "program.js"), program);
  const { stdout } = await run(process.execPath, ["program.js", device], { cwd: folder });
  return JSON.parse(stdout) as { kind: string; fallbackReason: string; outputs: number[] };
}

const expectXor = (outputs: number[]) => {
  expect(outputs.map((value) => (value > 0.5 ? 1 : 0))).toEqual([0, 1, 1, 0]);
  expect(Math.max(...outputs.map((value) => Math.min(value, 1 - value)))).toBeLessThan(0.1);
};

test("without the package webgpu it computes in WebAssembly and says how to get more", async () => {
  const { kind, fallbackReason, outputs } = await runProgram();
  expect(kind).toBe("wasm");
  expect(fallbackReason).toContain("npm install webgpu");
  expectXor(outputs);
});

test("--verify-webgpu without an adapter says why in one line, and does not fail", async () => {
  const rows = Array.from({ length: 20 }, (_, at) => `${at},${2 * at}`).join("\n");
  await writeFile(join(folder, "line.csv"), `a,b\n${rows}\n`);
  const flags = ["line.csv", "--target", "b", "--epochs", "2", "--verify-webgpu"];
  const { stdout } = await run("npx", ["--no-install", "thalweg", "train", ...flags], { cwd: folder });
  expect(stdout).toMatch(/\ncheck .*\n .*\n .*\nwebgpu +the steps were not repeated: .*npm install webgpu`\nsaved/);
});

test("with the package webgpu it computes through Dawn", async () => {
  await symlink(join(root, "node_modules/webgpu"), join(folder, "node_modules/webgpu"), "junction");
  const { kind, outputs } = await runProgram("software");
  expect(kind).toBe("software");
  expectXor(outputs);
});

test("a device of one's own is used in Node, its globals set or not, and not destroyed", async () => {
  const own = `
    import { acquire, createModel, dense, network } from "thalweg/node";
    const gpuDevice = (await acquire({ device: "software" })).gpu; // any GPUDevice; the constants are taken away again
    for (const name of ["GPUBufferUsage", "GPUMapMode", "GPUShaderStage", "GPUOutOfMemoryError"]) delete globalThis[name];
    const device = await acquire({ gpuDevice });
    const model = await createModel(network({ inputs: 1, layers: [dense(1)], loss: "huber" }), { device });
    const { length } = await model.predict(Float32Array.of(1));
    model.dispose();
    device.dispose();
    gpuDevice.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE }).destroy();
    const lost = await Promise.race([gpuDevice.lost.then(() => true), new Promise((then) => setTimeout(then, 50, false))]);
    console.log(JSON.stringify({ length, lost }));
    process.exit(0);
  `;
  await writeFile(join(folder, "own.js"), own);
  const { stdout } = await run(process.execPath, ["own.js"], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual({ length: 1, lost: false });
});

/** The n-th block of JavaScript in a page of the documentation. */
async function snippet(page: string, place: number): Promise<string> {
  const text = await readFile(join(root, page), "utf8");
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)][place]![1]!;
}

/** What the library page leaves to its reader. */
const preamble = `
  const heldOut = { inputs: new Float32Array(40).map((_, at) => Math.sin(at)), targets: Float32Array.from({ length: 30 }, (_, at) => at % 3 === 0 ? 1 : 0) };
  const [validation, data, rows] = [heldOut, heldOut, heldOut.inputs];
`;

test("the README's quick start and the library page's first example run as they stand", async () => {
  await writeFile(join(folder, "quickstart.js"), await snippet("README.md", 0));
  const { stdout } = await run(process.execPath, ["quickstart.js"], { cwd: folder });
  expect(stdout).toMatch(/Float(32|64)Array/);
  await writeFile(join(folder, "library.js"), preamble + (await snippet("docs/library.md", 0)));
  const library = await run(process.execPath, ["library.js"], { cwd: folder });
  expect(library.stdout).toMatch(/^\d+ 0\.\d+/);
  expect(library.stderr).toBe("");
});

test("the page of tensors runs as it stands, and frees everything", async () => {
  const page = await snippet("docs/tensor.md", 0);
  await writeFile(join(folder, "tensors.js"), page);
  const { stdout, stderr } = await run(process.execPath, ["tensors.js"], { cwd: folder });
  expect(stdout).toMatch(/^0\.361669\d* 0\.850493\d*\n0\.361669/);
  expect(stdout).toMatch(/\{ buffers: 0, bytes: 0 \}/);
  expect(stderr).toBe("");
});

test("the command line is installed with it", async () => {
  const { stdout } = await run("npx", ["--no-install", "thalweg", "--help"], { cwd: folder });
  expect(stdout).toContain("train");
});

test("types resolve for a TypeScript user", async () => {
  const source = `
    import { acquire, createModel, dense, network, sgd, type Progress } from "thalweg";
    import { readTable } from "thalweg/data";
    import { dispose, grad, matmul, sum, tensor, type Tensor, valueAndGrad } from "thalweg/tensor";
    const device = await acquire({ device: "reference" });
    const model = await createModel(network({ inputs: 1, layers: [dense(1)], loss: "huber" }), { device });
    const data = { inputs: Float32Array.of(1), targets: Float32Array.of(1) };
    for await (const event of model.train(data, { optimizer: sgd(), steps: 1 })) { const seen: Progress = event; seen; }
    export const table = await readTable("a,b\\n1,2", "inline");
    interface Parameters { weights: Tensor; bias: Tensor[] }
    const parameters: Parameters = { weights: tensor(device, [1, 2], [1, 2]), bias: [tensor(device, 1)] };
    const lossOf = (p: Parameters, x: Tensor): Tensor => sum(matmul(x, p.weights));
    const { value, gradient } = valueAndGrad(lossOf)(parameters, tensor(device, [3], [1, 1]));
    const weights: Tensor = gradient.weights;
    const [byInput]: [Tensor] = grad(lossOf, [1])(parameters, weights);
    dispose([parameters, value, gradient, byInput]);
    // @ts-expect-error the width is a number
    dense("1");
  `;
  await writeFile(join(folder, "user.ts"), source);
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2023",
    "--module",
    "nodenext",
    "--types",
    "",
  ];
  const lib = ["--lib", "es2024,esnext.disposable,dom"];
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = await run(process.execPath, [compiler, ...options, ...lib, "user.ts"], { cwd: folder });
  expect(stdout).toBe("");
});

let browser: Browser | undefined;
let server: ViteDevServer | undefined;

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** Gives canvases a texture that can be read: without a display Chrome shows what is drawn nowhere. */
const keepDrawn = (page: Page): Promise<unknown> =>
  page.evaluateOnNewDocument(() => {
    const context = GPUCanvasContext.prototype;
    context.configure = (configuration) => void Object.assign(globalThis, { drawnBy: configuration });
    context.getCurrentTexture = () => {
      const { device, format } = (globalThis as unknown as { drawnBy: GPUCanvasConfiguration }).drawnBy;
      const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
      const drawn = device.createTexture({ size: [256, 256], format, usage });
      Object.assign(globalThis, { drawn });
      return drawn;
    };
  });

/** The mean difference between the red of what was drawn and that of the picture of examples/shader.html. */
const deviationOfDrawn = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const { drawn, drawnBy } = globalThis as unknown as { drawn: GPUTexture; drawnBy: GPUCanvasConfiguration };
    const { device } = drawnBy;
    const staging = device.createBuffer({
      size: 4 * 256 * 256,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const commands = device.createCommandEncoder();
    commands.copyTextureToBuffer({ texture: drawn }, { buffer: staging, bytesPerRow: 1024 }, [256, 256]);
    device.queue.submit([commands.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = new Uint8Array(staging.getMappedRange());
    const red = drawnBy.format === "bgra8unorm" ? 2 : 0;
    let sum = 0;
    for (let at = 0; at < 256 * 256; at++) {
      const [x, y] = [(at % 256) / 128 - 1, Math.floor(at / 256) / 128 - 1];
      sum += Math.abs(bytes[4 * at + red]! / 255 - (0.5 + 0.5 * Math.cos(9 * Math.hypot(x, y))));
    }
    return sum / 256 ** 2;
  });

/** Opens an example until it has ended, and returns it with what its console says. */
async function openExample(name: string, width: number): Promise<{ page: Page; messages: string[] }> {
  server ??= await createServer({ root, configFile: false, server: { port: 0 }, logLevel: "error", appType: "mpa" });
  if (!server.resolvedUrls) await server.listen();
  browser ??= await puppeteer.launch(await launchOptions());
  const page = await browser.newPage();
  await keepDrawn(page);
  const messages: string[] = [];
  page.on("console", (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => messages.push(String(error)));
  await page.setViewport({ width, height: 700 });
  await page.goto(`${server.resolvedUrls!.local[0]}examples/${name}`);
  await page.waitForSelector("body[data-state]", { timeout: 60_000 });
  expect(await page.$eval("body", (body) => body.dataset.state)).toBe("done");
  return { page, messages };
}

test("the shader of the example draws the picture that its network learned", async () => {
  const { page, messages } = await openExample("shader.html", 390);
  expect(await page.$eval("#state", (line) => line.textContent)).toMatch(/^step 480, loss 0\.00\d\d\. Drawn\.$/);
  expect(await deviationOfDrawn(page)).toBeLessThan(0.08); // 0.45 where nothing is drawn
  expect(messages.filter((text) => !text.includes("[vite]"))).toEqual([]);
  await page.close();
});

test("one HTML file with a module script works in Chrome, wide and narrow", async () => {
  for (const width of [1280, 390]) {
    const { page, messages } = await openExample("browser.html", width);
    expect(await page.$eval("#device", (line) => line.textContent)).toMatch(/./);
    const outputs = await page.$$eval("#outputs td:last-child", (cells) =>
      cells.map((cell) => Number(cell.textContent)),
    );
    expectXor(outputs);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    expect(messages.filter((text) => !text.includes("[vite]"))).toEqual([]);
    await page.close();
  }
});
