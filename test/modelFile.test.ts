import { safetensors as independent } from "@jax-js/loaders";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ModelToSave,
  type Preprocessing,
  decodeModel,
  decodeSafetensors,
  encodeModel,
  encodeSafetensors,
} from "../src/data.ts";
import { BadFile, ThalwegError } from "../src/errors.ts";
import { dense, network } from "../src/graph/network.ts";
import { testInFull } from "./support/share.ts";

/** Refused as BadFile, or read; nothing else. */
function survive(bytes: Uint8Array): "read" | "refused" {
  try {
    decodeModel(bytes, "m");
    return "read";
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    expect(error.message).toMatch(/^m/);
    return "refused";
  } finally {
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  }
}

const preprocessing: Preprocessing = {
  inputs: [
    { kind: "number", name: "height", mean: 7.5, deviation: 2.25 },
    { kind: "category", name: "__proto__", values: ["a", "b"] },
  ],
  target: { kind: "class", name: "kind", values: ["elm", "oak"], encoding: "oneHot" },
};
/** What version 2 of the file knows beside the above. */
const detailed: Preprocessing = {
  inputs: [
    {
      kind: "number",
      name: "price",
      mean: 7.5,
      deviation: 2.25,
      fill: 7,
      indicator: true,
      format: { decimal: ",", thousands: ".", percent: false, prefix: "€", suffix: "", footnotes: false },
    },
    { kind: "date", name: "day", form: "YMD", mean: 19_000, deviation: 100, cycles: ["year", "week"], fill: 19_001 },
    {
      kind: "category",
      name: "site",
      values: ["a", "Oak"],
      spellings: [["oak", "Oak"]],
      ignoreCase: true,
      fill: "a",
      indicator: true,
    },
  ],
  target: { kind: "class", name: "kind", values: ["no", "yes"], spellings: [["N", "no"]], encoding: "binary" },
  missingWords: { inNumbers: ["", "-999"], inTexts: [""] },
};
const training = {
  steps: 40,
  epochs: 2,
  batchSize: 32,
  seed: 1,
  optimizer: "adam",
  learningRate: 0.01,
  trainingRows: 600,
  finished: true,
};
const small = network({ inputs: 3, layers: [dense(4, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });
const model = (members: number): ModelToSave => ({
  network: small,
  members,
  parameters: Float32Array.from({ length: members * small.parameterCount }, (_, k) => Math.sin(k)),
  preprocessing,
  training,
});

describe("model files", () => {
  test("round trip of formats, dates, spellings and fills", () => {
    const net = network({ inputs: 10, layers: [dense(1)], loss: "binaryCrossEntropy" });
    const parameters = new Float32Array(net.parameterCount);
    const saved = decodeModel(encodeModel({ network: net, members: 1, parameters, preprocessing: detailed }), "m");
    expect(saved.preprocessing).toEqual(detailed);
  });

  test("models of version 1 are read", () => {
    const { metadata, tensors } = decodeSafetensors(encodeModel(model(1)), "m");
    expect(metadata.get("version")).toBe("2");
    const old = encodeSafetensors({ metadata: new Map([...metadata, ["version", "1"]]), tensors });
    expect(decodeModel(old, "m")).toEqual(model(1));
  });

  test("spellings of unknown values are refused", () => {
    const wrong = { ...preprocessing, target: { ...preprocessing.target, spellings: [["x", "y"]] } };
    const bytes = encodeModel({ ...model(1), preprocessing: wrong as never });
    expect(() => decodeModel(bytes, "m")).toThrow(/m: preprocessing: expected spellings of the values/);
  });

  test.each([1, 2, 5])("round trip of %i members", (members) => {
    const saved = decodeModel(encodeModel(model(members)), "m");
    expect(saved).toEqual(model(members));
  });

  test("a Buffer that lies inside another is read where it lies", () => {
    const bytes = encodeModel(model(1));
    const outer = new Uint8Array(bytes.length + 7);
    outer.set(bytes, 3);
    expect(decodeModel(outer.subarray(3, 3 + bytes.length), "m").parameters).toEqual(model(1).parameters);
  });

  test("an independent reader reads what is written", () => {
    const bytes = encodeModel(model(2));
    const read = independent.parse(new Uint8Array(bytes));
    expect(Object.keys(read.tensors).sort()).toEqual([
      "layers.0.bias",
      "layers.0.weights",
      "layers.1.bias",
      "layers.1.weights",
    ]);
    const weights = read.tensors["layers.0.weights"]!;
    expect(weights.dtype).toBe("F32");
    expect(weights.shape).toEqual([2, 3, 4]);
    const { parameters } = model(2);
    expect([...(weights.data as Float32Array)]).toEqual([
      ...parameters.subarray(0, 12),
      ...parameters.subarray(small.parameterCount, small.parameterCount + 12),
    ]);
    expect(JSON.parse(read.metadata!["architecture"]!)).toMatchObject({ inputs: 3, loss: "softmaxCrossEntropy" });
  });

  test("float64 parameters are rounded; preprocessing and training may be absent", () => {
    const parameters = Float64Array.from(model(1).parameters, (value) => value + 1e-12);
    const saved = decodeModel(encodeModel({ network: small, members: 1, parameters }), "m");
    expect(saved.parameters).toEqual(Float32Array.from(parameters));
    expect([saved.preprocessing, saved.training]).toEqual([undefined, undefined]);
  });

  test("every cut of a file is refused", () => {
    const bytes = encodeModel(model(1));
    for (let length = 0; length < bytes.length; length++) {
      expect(survive(bytes.subarray(0, length)), `${length} bytes`).toBe("refused");
    }
    expect(survive(Uint8Array.from([...bytes, 0]))).toBe("refused");
  });

  testInFull("every flipped bit of a file is read or refused", () => {
    const bytes = encodeModel(model(1));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      survive(flipped);
    }
  });

  test("any change of the metadata is read or refused", () => {
    const { tensors, metadata } = decodeSafetensors(encodeModel(model(1)), "m");
    const keys = fc.constantFrom("architecture", "preprocessing", "training", "format", "version");
    const text = fc.oneof(fc.json(), fc.string(), fc.constant('{"__proto__":{"x":1},"inputs":3,"layers":[]}'));
    fc.assert(
      fc.property(keys, text, (key, value) => {
        survive(encodeSafetensors({ tensors, metadata: new Map([...metadata, [key, value]]) }));
      }),
      { numRuns: 500 },
    );
  });

  const change = (key: string, edit: (text: string) => string) => () => {
    const { tensors, metadata } = decodeSafetensors(encodeModel(model(1)), "m");
    decodeModel(encodeSafetensors({ tensors, metadata: new Map([...metadata, [key, edit(metadata.get(key)!)]]) }), "m");
  };
  test.each([
    ["another format", "format", () => "pt", /m: format: expected "thalweg", got "pt"/],
    ["a later version", "version", () => "4", /use a newer thalweg/],
    [
      "an unknown activation",
      "architecture",
      (text: string) => text.replace("tanh", "tahn"),
      /architecture.layers.0.activation/,
    ],
    ["a width of 0", "architecture", (text: string) => text.replace('"width":4', '"width":0'), /width of layer 1/],
    [
      "another width",
      "architecture",
      (text: string) => text.replace('"width":4', '"width":5'),
      /layers.0.weights: expected a tensor of shape \[3, 5\], got \[3, 4\]/,
    ],
    [
      "a layer more",
      "architecture",
      (text: string) => text.replace(/(\{"width":2.*?\})/, "$1,$1"),
      /layers.2.weights: expected .*, got none/,
    ],
    [
      "other inputs",
      "preprocessing",
      (text: string) => text.replace('["a","b"]', '["a"]'),
      /expected 3 and 2 inputs and outputs/,
    ],
    [
      "a deviation of 0",
      "preprocessing",
      (text: string) => text.replace("2.25", "0"),
      /preprocessing.inputs.0.deviation/,
    ],
    ["an option of the future", "training", (text: string) => text.replace("{", '{"new":1,'), /training.new/],
  ])("refuses %s", (_, key, edit, message) => {
    expect(change(key, edit)).toThrow(BadFile);
    expect(change(key, edit)).toThrow(message);
  });

  test("refuses a safetensors file of something else", () => {
    const tensors = new Map([["a", { shape: [1], values: Float32Array.of(1) }]]);
    expect(() => decodeModel(encodeSafetensors({ tensors, metadata: new Map() }), "m")).toThrow(/thalweg train/);
    const own = decodeSafetensors(encodeModel(model(1)), "m");
    const more = { ...own, tensors: new Map([...own.tensors, ...tensors]) };
    expect(() => decodeModel(encodeSafetensors(more), "m")).toThrow(/also "a"/);
  });

  test.each([Number.NaN, Infinity, 1e39])("parameters with %d are neither written nor read", (value) => {
    const parameters = Float64Array.from(model(1).parameters);
    parameters[14] = value;
    expect(() => encodeModel({ ...model(1), parameters })).toThrow(/parameter 14: expected a finite f32/);
    const { tensors, metadata } = decodeSafetensors(encodeModel(model(1)), "m");
    const bias = { shape: [4], values: Float64Array.of(1, 2, value, 4) };
    const bytes = encodeSafetensors({ tensors: new Map([...tensors, ["layers.0.bias", bias]]), metadata });
    expect(() => decodeModel(bytes, "m")).toThrow(/m: layers.0.bias\[2\]: expected a finite f32/);
  });

  test("parts that do not belong together are not written", () => {
    expect(() => encodeModel({ ...model(1), parameters: new Float32Array(3) })).toThrow(ThalwegError);
    expect(() => encodeModel({ ...model(1), members: 2 })).toThrow(/expected 52, got 26/);
    const other = { ...preprocessing, inputs: preprocessing.inputs.slice(1) };
    expect(() => encodeModel({ ...model(1), preprocessing: other })).toThrow(/inputs of the preprocessing/);
  });
});
