// Models of PyTorch, ONNX, Keras and TensorFlow.js (test/formats/makeModels.py) against the outputs of PyTorch; wrong and changed files.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acquire, createModel } from "../src/index.ts";
import { encodeOnnx, importModel, type ImportOptions } from "../src/data.ts";
import { BadFile, ThalwegError } from "../src/errors.ts";
import models from "./formats/models.json";
import { rejectionOf } from "./support/fault.ts";

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const files: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(models.files).map(([name, text]) => [name, bytesOf(text)]),
);
const outputs: ReadonlyMap<string, readonly number[]> = new Map(Object.entries(models.outputs));
const inputs = Float64Array.from(models.inputs);

/** What files of weights alone do not say. */
const optionsOf = (name: string): ImportOptions => ({
  files,
  ...(name.startsWith("named.s") && { activation: "tanh" }),
});
const open = (name: string) => importModel(files.get(name)!, name, optionsOf(name));

async function predict(imported: Awaited<ReturnType<typeof open>>): Promise<ArrayLike<number>> {
  const device = await acquire({ device: "reference" });
  const model = await createModel(imported.network, { device, parameters: imported.parameters });
  try {
    return await model.predict(inputs);
  } finally {
    model.dispose();
    device.dispose();
  }
}

function requireClose(found: ArrayLike<number>, name: string): void {
  const expected = outputs.get(name)!;
  expect(found).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(Math.abs(found[index]! - value), name).toBeLessThan(2e-6);
}

test.each([...outputs.keys()])("%s answers as PyTorch does", async (name) => {
  requireClose(await predict(await open(name)), name);
});

test("a softmax at the end becomes the loss that takes logits", async () => {
  expect((await open("residual.onnx")).network.loss).toBe("softmaxCrossEntropy");
  expect((await open("sequential.onnx")).network.loss).toBe("meanSquaredError");
});

test("what was imported and written as ONNX is read again, also residual connections", async () => {
  for (const name of ["residual.onnx", "named.onnx", "dense.keras"]) {
    const again = await importModel(encodeOnnx(await open(name)), "again.onnx");
    requireClose(await predict(again), name);
  }
});

describe("wrong files", () => {
  test.each<[string, Uint8Array, ImportOptions, RegExp]>([
    ["batch normalisation", files.get("batchNorm.safetensors")!, {}, /t: 1\.bias: expected dense layers.*got a normalisation.*cannot be expressed/],
    ["a convolution", files.get("convolution.onnx")!, {}, /t: node ".*" \(\w+\): expected dense layers.*no counterpart here/],
    ["a pickle", files.get("sequential.pt")!, {}, /got a pickle of PyTorch; save its state_dict as safetensors/],
    ["a model without its shards", files.get("model.json")!, {}, /expected the file "group1-shard1of2\.bin", got none; pass the shards/],
    ["a table", new TextEncoder().encode("a,b\n1,2\n"), {}, /expected a model in safetensors, ONNX, Keras or TensorFlow\.js, got a table/],
    ["a cut HDF5 file", files.get("dense.weights.h5")!.slice(0, 600), {}, /expected a whole HDF5 file/],
    ["a cut ONNX file", files.get("sequential.onnx")!.slice(0, 300), {}, /expected a whole ONNX file/],
    ["an activation that is none", files.get("named.safetensors")!, { activation: "rleu" as "relu" }, /activation: expected .*relu/],
  ])("%s", async (_, bytes, options, message) => {
    const error = await rejectionOf(() => importModel(bytes, "t", options));
    expect(error.message).toMatch(message);
    if (!/activation/.test(error.message)) expect(error).toBeInstanceOf(BadFile);
  }); // prettier-ignore
});

test("changed bytes: an error of ours or a network, and no hang", async () => {
  const share = fc.integer({ min: 0, max: 10_000 }).map((part) => part / 10_000);
  const change = fc.record({
    name: fc.constantFrom(...outputs.keys()),
    changes: fc.array(fc.tuple(share, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    end: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, share),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ name, changes, end }) => {
      const whole = files.get(name)!;
      const bytes = whole.slice(0, Math.ceil(whole.length * end));
      for (const [place, byte] of changes) bytes[Math.floor(place * (bytes.length - 1))] = byte;
      try {
        const { network, parameters } = await importModel(bytes, name, optionsOf(name));
        expect(parameters).toHaveLength(network.parameterCount);
      } catch (error) {
        expect(error).toBeInstanceOf(ThalwegError);
      }
    }),
    { numRuns: 200 },
  );
});
