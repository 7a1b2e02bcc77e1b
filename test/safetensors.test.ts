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
