import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Tensor, decodeSafetensors, encodeSafetensors } from "../src/data.ts";
import { BadFile, InvalidInput } from "../src/errors.ts";

/** A file by hand: header text and values. */
function file(header: string | object, values: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(values, 8 + text.length);
  return bytes;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

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

  test("spaces around the header, as other writers leave them, are read", () => {
    const header = '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   ';
    const { tensors } = decodeSafetensors(file(header, new Uint8Array(Float32Array.of(1.5).buffer)), "t");
    expect(tensors.get("a")).toEqual({ shape: [], values: Float32Array.of(1.5) });
  });

  /** A file with one tensor of all 2¹⁶ values of 16 bits. */
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const fileOf = (dtype: string): Uint8Array =>
    file({ a: { dtype, shape: [256, 256], data_offsets: [0, 2 ** 17] } }, new Uint8Array(all.buffer));
  const valuesOf = (dtype: string): ArrayLike<number> => decodeSafetensors(fileOf(dtype), "t").tensors.get("a")!.values;

  test("every BF16 is read as the f32 with its bits above", () => {
    const values = valuesOf("BF16") as Float32Array;
    expect(values).toBeInstanceOf(Float32Array);
    const bits = new Uint32Array(values.buffer);
    const word = new DataView(new ArrayBuffer(4));
    for (const half of all) {
      word.setUint16(0, half);
      const wanted = word.getFloat32(0); // the definition: an f32 whose lower half is 0
      if (Number.isNaN(wanted)) expect(values[half]).toBeNaN();
      else if (bits[half] !== half * 2 ** 16) expect.fail(`bits ${half}: ${values[half]}, wanted ${wanted}`);
    }
    expect([values[0x3f80], values[0xc049], values[0x7f80], values[0x8000]]).toEqual([1, -3.140625, Infinity, -0]);
  });

  test("every F16 is read exactly", () => {
    const values = valuesOf("F16");
    expect(values).toBeInstanceOf(Float32Array);
    for (const half of all) {
      const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
      const normal = exponent > 0 ? 1 : 0;
      const finite = sign * 2 ** (Math.max(exponent, 1) - 15) * (normal + fraction / 1024); // IEEE 754, 3.4
      const wanted = exponent < 31 ? finite : fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
      if (!Object.is(values[half], wanted)) expect.fail(`bits ${half}: ${values[half]}, wanted ${wanted}`);
    }
  });

  test("F16 beside F32 and F64: each value where its offsets say", () => {
    const header = {
      b: { dtype: "F16", shape: [3], data_offsets: [4, 10] },
      a: { dtype: "BF16", shape: [2], data_offsets: [0, 4] },
      c: { dtype: "F64", shape: [], data_offsets: [10, 18] },
    };
    const bytes = new Uint8Array(18);
    bytes.set(new Uint8Array(Uint16Array.of(0x3f80, 0xbf80, 0x3c00, 0xc000, 0x3555).buffer));
    bytes.set(new Uint8Array(Float64Array.of(0.1).buffer), 10);
    const { tensors } = decodeSafetensors(file(header, bytes), "t");
    expect(tensors.get("a")!.values).toEqual(Float32Array.of(1, -1));
    expect(tensors.get("b")!.values).toEqual(Float32Array.of(1, -2, 0.333251953125));
    expect(tensors.get("c")!.values).toEqual(Float64Array.of(0.1));
  });

  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  const four = new Uint8Array(4);
  test.each([
    ["nothing", new Uint8Array(), /at least 10 bytes, got 0/],
    ["a header longer than the file", file("{}").subarray(0, 9), /got a length of 2/],
    ["a header of 100 MB", Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 0, 123, 125), /a length of 100663296/],
    ["a length beyond 2⁵³", new Uint8Array(64).fill(255), /18446744073709551615/],
    ["a header that is a list", file("[]"), /starts with \{/],
    ["a header that is not JSON", file("{a}"), /header in JSON/],
    ["a header that is not UTF-8", file("{}").map((byte, k) => (k === 9 ? 0xff : byte)), /header in JSON/],
    ["a tensor twice", file('{"a":{},"b":{},"\\u0061":{}}'), /"a" twice/],
    ["a key of a tensor twice", file('{"a":{"dtype":"F32","dtype":"F32"}}'), /"dtype" twice/],
    ["a tensor that is no object", file({ a: 1 }), /tensor "a": expected an object/],
    ...["I32", "U8", "BOOL", "F8_E4M3", "F8_E5M2"].map((dtype): [string, Uint8Array, RegExp] => [
      `dtype ${dtype} by its name, with the tensor and the remedy`,
      file({ steps: { dtype, shape: [1], data_offsets: [0, 8] } }, new Uint8Array(8)),
      new RegExp(
        `^t: tensor "steps": expected dtype F16, BF16, F32, F64, I64, got ${dtype}; convert the tensor to F32`,
      ),
    ]),
    [
      "a dtype that no version of the format has",
      file({ a: { ...one, dtype: "F31" } }, four),
      /got "F31"; the file is/,
    ],
    [
      "a dtype from the prototype",
      file({ a: { ...one, dtype: "constructor" } }, four),
      /F32, F64, I64, got "constructor"/,
    ],
    ["a dtype from the prototype's setter", file({ a: { ...one, dtype: "__proto__" } }, four), /I64, got "__proto__"/],
    ["a JSON table", bytesOf('[{"a":1,"b":2}]'), /^t: expected a safetensors file, got a JSON table; pass a model/],
    ["a JSON object", bytesOf('{"a":[1,2,3]}'), /got JSON; pass a model/],
    ["a CSV table", bytesOf("Größe,Gewicht\n1,2\n"), /got a table \(CSV\); .* the model comes before the table$/],
    ["a text", bytesOf("just some words"), /got text; /],
    ["a PyTorch archive", bytesOf("PK\u0003\u0004 and so on"), /got a zip archive \(a model of PyTorch .*safetensors/],
    ["a pickle", Uint8Array.of(0x80, 4, 0x95, 1, 0, 0, 0, 0, 0, 0, 0x80), /got a Python pickle/],
    ["an HDF5 file", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10, 0, 0), /got an HDF5 file/],
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
