// Checkpoints in files: to the last bit, whatever their fields; damaged files are errors that name the file.

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from "../src/data.ts";
import { joinTree, splitTree } from "../src/formats/treeTensors.ts";
import { acquire, adam, BadFile, type Checkpoint, createModel, dense, InvalidInput, network } from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { timeless } from "./support/timeless.ts";

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const device = await acquire({ device: "wasm" });
const options = { optimizer: adam({ learningRate: 0.05 }), batchSize: 8, seed: 5, steps: 20 };

async function checkpointOf(members = 1): Promise<Checkpoint> {
  using model = await createModel(net, { device, seed: 1, members });
  for await (const { step } of model.train(data, { ...options, logInterval: { steps: 7 } })) if (step === 7) break;
  return model.checkpoint!;
}

test("a training continues from a file as if it had never stopped", async () => {
  using whole = await createModel(net, { device, seed: 1 });
  await whole.fit(data, options);
  const bytes = encodeCheckpoint({ network: net, members: 1, checkpoint: await checkpointOf() });
  const { network: saved, members, checkpoint: resume } = decodeCheckpoint(bytes, "file");
  using second = await createModel(saved, { device, seed: 99, members });
  await second.fit(data, { ...options, resume });
  expect(await second.readParameters()).toEqual(await whole.readParameters());
  expect(timeless(second.checkpoint)).toEqual(timeless(whole.checkpoint));
});

test("whatever a checkpoint or a program adds is kept, to the last bit", async () => {
  const plain = await checkpointOf(3);
  const added = {
    stopping: { best: Number.POSITIVE_INFINITY, since: 4, parameters: Float64Array.of(1 / 3, -0, 5e-324) },
    history: {
      loss: Array.from({ length: 40 }, (_, epoch) => (epoch === 3 ? Number.NaN : 1 / (epoch + 1))),
      validation: Array.from({ length: 20 }, (_, epoch) => ({
        epoch,
        loss: 1 / 7,
        accuracy: undefined,
        confusion: [
          [epoch, 1],
          [2, 3],
        ],
        losses: Float32Array.of(epoch, 0.1),
      })),
    },
    isLast: false,
    nothing: null,
  };
  const checkpoint = { ...plain, ...added };
  const run = { flags: { layers: [16], "batch-size": 32 }, text: 'ä "quoted" \u0000', zero: -0 };
  const saved = decodeCheckpoint(encodeCheckpoint({ network: net, members: 3, checkpoint, run }), "file");
  expect(saved.checkpoint).toEqual(checkpoint);
  expect(saved.checkpoint.moments).toBeInstanceOf(Float32Array);
  expect(saved.run).toEqual(run);
  expect(Object.is(saved.run["zero"], -0)).toBe(true);
});

test("any plain data survives", () => {
  const leaf = fc.oneof(
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.double(), { maxLength: 40 }),
    fc.float32Array(),
    fc.float64Array(),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("tree"), { maxLength: 20 }), fc.dictionary(key, tie("tree"))),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree), (value) => {
      expect(joinTree(splitTree(value), "file")).toEqual(value);
    }),
    { seed: 1, numRuns: 300 },
  );
});

const key = fc.string({ minLength: 1 }).filter((name) => !/^\$$|^__proto__$|\./.test(name));

test("what is no plain data is refused", async () => {
  const checkpoint = await checkpointOf();
  const refused = (run: Record<string, unknown>, message: RegExp): void => {
    const encode = () => encodeCheckpoint({ network: net, members: 1, checkpoint, run });
    expect(encode).toThrow(InvalidInput);
    expect(encode).toThrow(message);
  };
  refused({ f: () => 1 }, /run\.f: expected plain data, got function/);
  refused({ when: new Date(0) }, /run\.when: expected plain data, got an object of a class/);
  refused(JSON.parse('{"__proto__": 1}'), /the key "__proto__"/);
  refused({ $: "floats" }, /the key "\$"/);
  expect(() => encodeCheckpoint({ network: net, members: 2, checkpoint })).toThrow(/expected 76, got 38/);
  expect(() => encodeCheckpoint({ network: net, members: 1, checkpoint: {} as Checkpoint })).toThrow(/a checkpoint/);
});

test("a damaged file is an error that names it, and nothing else", async () => {
  const checkpoint = { ...(await checkpointOf()), history: [{ a: 1 }] };
  const bytes = encodeCheckpoint({ network: net, members: 1, checkpoint, run: { rows: [1, 2] } });
  const header = bytes.subarray(0, 8 + new DataView(bytes.buffer).getUint32(0, true)).length;
  const errorsOf = (damaged: Uint8Array): void => {
    try {
      const { members, checkpoint: read } = decodeCheckpoint(damaged, "file");
      expect(read.parameters.length).toBe(members * net.parameterCount); // a value or a name has changed, not the form
    } catch (error) {
      expect(error).toBeInstanceOf(BadFile);
      expect((error as BadFile).message).toMatch(/^file/);
    }
  };
  for (let length = 0; length < bytes.length; length += length < header ? 1 : 61) {
    expect(() => decodeCheckpoint(bytes.subarray(0, length), "file")).toThrow(BadFile);
  }
  for (let at = 0; at < header; at++)
    for (const bit of [1, 4, 64]) errorsOf(bytes.map((byte, k) => (k === at ? byte ^ bit : byte)));
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
});

test("models and checkpoints are distinguished", async () => {
  const checkpoint = await checkpointOf();
  const model = encodeModel({ network: net, members: 1, parameters: checkpoint.parameters });
  expect(() => decodeCheckpoint(model, "m")).toThrow(/m: expected a training checkpoint, got a model/);
  const bytes = encodeCheckpoint({ network: net, members: 1, checkpoint });
  expect(() => decodeModel(bytes, "c")).toThrow(/c: expected a model, got a training checkpoint; .*--resume/);
});
