import { safetensors as independent } from "@jax-js/loaders";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ModelToSave,
  type Preprocessing,
  type Tensor,
  decodeModel,
  decodeSafetensors,
  encodeModel,
  encodeSafetensors,
} from "../src/data.ts";
import { BadFile, InvalidInput, ThalwegError } from "../src/errors.ts";
import { dense, network } from "../src/network.ts";

/** A file by hand: header text and values. */
function file(header: string | object, values: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(values, 8 + text.length);
  return bytes;
}

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
const model = (replicas: number): ModelToSave => ({
  network: small,
  replicas,
  parameters: Float32Array.from({ length: replicas * small.parameterCount }, (_, k) => Math.sin(k)),
  preprocessing,
  training,
});

const tensorName = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", "ü 😀"));
const values = fc.oneof(fc.float32Array({ maxLength: 30 }), fc.float64Array({ maxLength: 30 }));
const tensor = values.map((numbers): Tensor => {
  const even = numbers.length % 2 === 0 && numbers.length > 0;
  return { shape: even ? [2, numbers.length / 2] : [numbers.length], values: numbers };
});
const tensors = fc
  .array(fc.tuple(tensorName, tensor), { maxLength: 6 })
  .map((entries) => new Map(entries.filter(([name]) => name !== "__metadata__")));
const metadata = fc.array(fc.tuple(tensorName, fc.string())).map((entries) => new Map(entries));

describe("safetensors", () => {
  test("round trip", () => {
    fc.assert(
      fc.property(tensors, metadata, (tensors, metadata) => {
        const bytes = encodeSafetensors({ tensors, metadata });
        const read = decodeSafetensors(bytes, "t");
        expect(read).toEqual({ tensors, metadata });
        expect(decodeSafetensors(encodeSafetensors(read), "t")).toEqual(read);
      }),
      { numRuns: 300 },
    );
  });

  test("values start at a multiple of 8 and the header is padded with spaces", () => {
    for (const name of ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"]) {
      const tensors = new Map([[name, { shape: [1], values: Float32Array.of(1) }]]);
      const bytes = encodeSafetensors({ tensors, metadata: new Map() });
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      expect(length % 8).toBe(0);
      expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toMatch(/^\{.*\} *$/);
    }
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

  test("spaces around the header, as other writers leave them, are read", () => {
    const header = '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   ';
    const { tensors } = decodeSafetensors(file(header, new Uint8Array(Float32Array.of(1.5).buffer)), "t");
    expect(tensors.get("a")).toEqual({ shape: [], values: Float32Array.of(1.5) });
  });

  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  const four = new Uint8Array(4);
  test.each([
    ["nothing", new Uint8Array(), /8 bytes/],
    ["a header longer than the file", file("{}").subarray(0, 9), /got a length of 2/],
    ["a header of 100 MB", Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 0, 123, 125), /a length of 100663296/],
    ["a length beyond 2⁵³", new Uint8Array(64).fill(255), /18446744073709551615/],
    ["a header that is a list", file("[]"), /starts with \{/],
    ["a header that is not JSON", file("{a}"), /header in JSON/],
    ["a header that is not UTF-8", file("{}").map((byte, k) => (k === 9 ? 0xff : byte)), /header in JSON/],
    ["a tensor twice", file('{"a":{},"b":{},"\\u0061":{}}'), /"a" twice/],
    ["a key of a tensor twice", file('{"a":{"dtype":"F32","dtype":"F32"}}'), /"dtype" twice/],
    ["a tensor that is no object", file({ a: 1 }), /tensor "a": expected an object/],
    ["a dtype that is not read", file({ a: { ...one, dtype: "BF16" } }, four), /F32 or F64, got "BF16"/],
    ["a dtype from the prototype", file({ a: { ...one, dtype: "constructor" } }, four), /F32 or F64/],
    ["a negative shape", file({ a: { ...one, shape: [-1] } }, four), /a shape of/],
    ["a shape with a fraction", file({ a: { ...one, shape: [0.5] } }, four), /a shape of/],
    ["a shape of too many values", file({ a: { ...one, shape: [2] } }, four), /8 bytes for shape \[2\], got 4 bytes/],
    [
      "a shape beyond all numbers",
      file({ a: { ...one, shape: Array(32).fill(2 ** 53 - 1) } }, four),
      /bytes for shape/,
    ],
    ["offsets in the wrong order", file({ a: { ...one, data_offsets: [4, 0] } }, four), /begin ≤ end/],
    [
      "a hole at the start",
      file({ a: { ...one, data_offsets: [4, 8] } }, new Uint8Array(8)),
      /values from byte 0, got from 4/,
    ],
    ["a hole at the end", file({ a: one }, new Uint8Array(8)), /expected 4 bytes of values, got 8/],
    ["an overlap", file({ a: one, b: one }, four), /tensor "b": expected values from byte 4/],
    ["values that are missing", file({ a: one }), /expected 4 bytes of values, got 0/],
    ["metadata that is no object", file({ __metadata__: [] }), /an object of texts/],
    ["metadata that is no text", file({ __metadata__: { a: 1 } }), /"a": expected text, got 1/],
    [
      "10,001 tensors",
      file(Object.fromEntries(Array.from({ length: 10_001 }, (_, k) => [`t${k}`, 0]))),
      /at most 10000/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "t")).toThrow(BadFile);
    expect(() => decodeSafetensors(bytes, "t")).toThrow(message);
  });

  test("a header of 1 MB of brackets is refused", () => {
    expect(() => decodeSafetensors(file(`{"a":${"[".repeat(2 ** 20 - 100)}`), "t")).toThrow(BadFile);
    const deep = 100_000;
    expect(() => decodeSafetensors(file(`{"a":${"[".repeat(deep)}${"]".repeat(deep)}}`), "t")).toThrow(BadFile);
  });

  test("what the reader would refuse is not written", () => {
    const write = (name: string, shape: number[]) => () =>
      encodeSafetensors({ tensors: new Map([[name, { shape, values: new Float32Array(2) }]]), metadata: new Map() });
    expect(write("__metadata__", [2])).toThrow(InvalidInput);
    expect(write("a", [3])).toThrow(/expected 3 values for shape \[3\], got 2/);
    expect(write("a".repeat(2 ** 20), [2])).toThrow(/a header of at most 1048576 bytes/);
  });
});

describe("model files", () => {
  test.each([1, 2, 5])("round trip of %i replicas", (replicas) => {
    const saved = decodeModel(encodeModel(model(replicas)), "m");
    expect(saved).toEqual(model(replicas));
  });

  test("float64 parameters are rounded; preprocessing and training may be absent", () => {
    const parameters = Float64Array.from(model(1).parameters, (value) => value + 1e-12);
    const saved = decodeModel(encodeModel({ network: small, replicas: 1, parameters }), "m");
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

  test("every flipped bit of a file is read or refused", () => {
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
    ["a later version", "version", () => "2", /use a newer thalweg/],
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
    expect(() => encodeModel({ ...model(1), replicas: 2 })).toThrow(/expected 52, got 26/);
    const other = { ...preprocessing, inputs: preprocessing.inputs.slice(1) };
    expect(() => encodeModel({ ...model(1), preprocessing: other })).toThrow(/inputs of the preprocessing/);
  });
});
