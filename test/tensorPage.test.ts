// The code of docs/tensor.md as it stands, in Node and in Chrome, on the device and on the CPU, against the worked example.

import { expect, test } from "vitest";
import page from "../docs/tensor.md?raw";
import type { Device } from "../src/backend/device.ts";
import * as main from "../src/index.ts";
import * as tensors from "../src/tensor.ts";
import { largestDifference } from "./support/compare.ts";
import example from "./worked-example.json";

const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code!);

/** What the pages' modules find in place of the package. */
const entries = { thalweg: main, "thalweg/tensor": tensors };
const given = globalThis as { thalwegPage?: unknown };

/** Devices that the page is run on. */
const kinds = ["auto", "wasm", "reference"] as const;
type Kind = (typeof kinds)[number];

let runs = 0;

/** Runs a block of the page as a module of its own. @returns what its names stand for at its end */
async function run(block: string, kind: Kind, names: readonly string[]): Promise<Record<string, unknown>> {
  const acquire = () => main.acquire({ device: kind });
  given.thalwegPage = { ...entries, thalweg: { ...main, acquire } };
  const local = block.replace(
    /import (\{[^}]*\}) from ("[^"]*");/g,
    (_, imported: string, entry: string) => `const ${imported} = globalThis.thalwegPage[${entry}];`,
  );
  const module = `// ${++runs}: a module is run but once\n${local}\nexport { ${names.join(", ")} };`;
  return (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`)) as Record<
    string,
    unknown
  >;
}

const flat = ["w1", "w3", "w2", "w4", "b1", "b2", "w5", "w7", "w6", "w8", "b3", "b4", "w9", "w10", "b5"] as const;
const layersOf = (values: readonly number[]): Record<string, number> =>
  Object.fromEntries(flat.map((name, at) => [name, values[at]!]));

interface Layer {
  readonly weights: tensors.Tensor;
  readonly bias: tensors.Tensor;
}

/** The block with its last lines kept for the test: values are read before everything is freed. */
async function runExample(kind: Kind) {
  const end = blocks[0]!.indexOf("dispose([input");
  const names = ["device", "input", "target", "layers", "byHand", "value", "gradient"];
  const made = (await run(blocks[0]!.slice(0, end), kind, names)) as unknown as {
    device: Device;
    input: tensors.Tensor;
    target: tensors.Tensor;
    layers: Layer[];
    byHand: { loss: tensors.Tensor; output: tensors.Tensor; gradients: Layer[]; updated: Layer[] };
    value: tensors.Tensor;
    gradient: Layer[];
  };
  const { device, byHand, gradient, value, ...rest } = made;
  const readAll = async (layers: readonly Layer[]): Promise<Record<string, number>> => {
    const parts = await Promise.all(layers.flatMap(({ weights, bias }) => [weights.read(), bias.read()]));
    return layersOf(parts.flatMap((part) => [...part]));
  };
  const numbers = {
    losses: [await byHand.loss.item(), await value.item()],
    output: await byHand.output.item(),
    gradients: [await readAll(byHand.gradients), await readAll(gradient)],
    updated: await readAll(byHand.updated),
  };
  tensors.dispose([rest.input, rest.target, rest.layers, byHand, value, gradient]);
  const ledger = { ...device.ledger };
  const kindOf = device.kind;
  device.dispose();
  return { ...numbers, ledger, kindOf };
}

const near = (value: number, wanted: number, bound: number, name: string): void =>
  expect(Math.abs(value / wanted - 1), name).toBeLessThanOrEqual(bound);

test.each(kinds)("%s: the page's forward, backward and update are those of the worked example", async (kind) => {
  const made = await runExample(kind);
  expect(made.kindOf === "reference").toBe(kind === "reference");
  const bound = made.kindOf === "reference" ? 1e-12 : 1e-6;
  for (const loss of made.losses) near(loss, example.loss, bound, "loss");
  near(made.output, example.forward.a_y, bound, "output");
  for (const name of flat) {
    for (const gradients of made.gradients)
      near(gradients[name]!, example.gradients[name], bound, `gradient of ${name}`);
    near(made.updated[name]!, example.afterOneStep[name], bound, `${name} after one step`);
  }
  expect(made.ledger).toEqual({ buffers: 0, bytes: 0 });
});

test("the page's last lines leave nothing behind", async () => {
  const { device } = (await run(blocks[0]!, "reference", ["device"])) as { device: Device };
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
});

test.each(kinds)("%s: the page's gradients are right", async (kind) => {
  const names = ["device", "x", "data", "direction", "value", "gradient", "byWeights", "byTargets", "product", "check"];
  const { device, check, ...made } = await run(blocks[1]!, kind, names);
  const all = made as Record<string, tensors.Tensor>;
  const weights = [0.5, -1, 2];
  const read = async (name: string): Promise<number[]> => [...(await all[name]!.read())];
  const slopes = weights.map((w, at) => 2 * (Math.exp(w) - (at + 1)) * Math.exp(w));
  const curvatures = weights.map((w, at) => (4 * Math.exp(w) - 2 * (at + 1)) * Math.exp(w) * [1, 0, -1][at]!);
  expect(largestDifference(await read("gradient"), slopes)).toBeLessThan(1e-4);
  expect(largestDifference(await read("byWeights"), slopes)).toBeLessThan(1e-4);
  expect(
    largestDifference(
      await read("byTargets"),
      weights.map((w, at) => 2 * (at + 1 - Math.exp(w))),
    ),
  ).toBeLessThan(1e-5);
  expect(largestDifference(await read("product"), curvatures)).toBeLessThan(1e-3);
  expect((check as tensors.GradientCheck).passed).toBe(true);
  tensors.dispose(Object.values(all));
  expect((device as Device).ledger).toEqual({ buffers: 0, bytes: 0 });
  (device as Device).dispose();
});

test.each(kinds)("%s: the page's training loop finds the line, and holds no more with every step", async (kind) => {
  const loop = blocks[2]!.replace("line = next;", "line = next; bytes.push(device.ledger.bytes);");
  const names = ["device", "inputs", "targets", "line", "bytes"];
  const made = await run(`const bytes = [];\n${loop}`, kind, names);
  const { device, inputs, targets, line, bytes } = made as unknown as {
    device: Device;
    inputs: tensors.Tensor;
    targets: tensors.Tensor;
    line: { slope: tensors.Tensor; offset: tensors.Tensor };
    bytes: number[];
  };
  const [slope, offset] = [await line.slope.item(), await line.offset.item()];
  // Noise of 0, 1/8, …, 7/8 in turn: of nine in ten below, the line is that of the largest.
  expect(Math.abs(slope - 2)).toBeLessThan(0.02);
  expect(Math.abs(offset - 7 / 8)).toBeLessThan(0.02);
  expect(bytes.length).toBe(300);
  expect(bytes.at(-1)).toBe(bytes[100]);
  tensors.dispose([inputs, targets, line]);
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  device.dispose();
});
