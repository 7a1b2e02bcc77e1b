import { describe, expect, test } from "vitest";
import { encodeOnnxGraph, type OnnxGraph, type OnnxHeader } from "../src/formats/onnxGraph.ts";
import { InvalidInput } from "../src/errors.ts";

// Numbers of fields are those of onnx.proto; the wire format is that of protobuf.dev/programming-guides/encoding.

/** Values of a message by field: numbers of varints, bytes of everything else. */
type Message = Map<number, (number | Uint8Array)[]>;

function readVarint(bytes: Uint8Array, from: number): [value: number, next: number] {
  let value = 0n;
  for (let at = from, shift = 0n; ; at++, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw new RangeError(`the varint at ${from} has no end`);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [Number(BigInt.asIntN(64, value)), at + 1];
  }
}

function lengthOfFixed(wireType: number): number {
  if (wireType === 1) return 8;
  if (wireType === 5) return 4;
  throw new RangeError(`wire type ${wireType}`);
}

function decode(bytes: Uint8Array): Message {
  const message: Message = new Map();
  for (let at = 0; at < bytes.length;) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [field, wireType] = [tag >> 3, tag & 7];
    const values = message.get(field) ?? [];
    message.set(field, values);
    if (wireType === 0) {
      const [value, next] = readVarint(bytes, afterTag);
      values.push(value);
      at = next;
      continue;
    }
    const [length, start] = wireType === 2 ? readVarint(bytes, afterTag) : [lengthOfFixed(wireType), afterTag];
    at = start + length;
    if (at > bytes.length) throw new RangeError(`field ${field} is cut off`);
    values.push(bytes.slice(start, at));
  }
  return message;
}

const bytesOf = (message: Message, field: number): Uint8Array[] => (message.get(field) ?? []) as Uint8Array[];
const messages = (message: Message, field: number): Message[] => bytesOf(message, field).map(decode);
const texts = (message: Message, field: number): string[] =>
  bytesOf(message, field).map((bytes) => new TextDecoder().decode(bytes));
const floats = (bytes: Uint8Array | undefined): number[] => [...new Float32Array(bytes!.slice().buffer)];

const readGraph = (bytes: Uint8Array): Message => messages(decode(bytes), 7)[0]!;

/** Name, element type and dimensions of a ValueInfoProto. */
function readValue(value: Message): unknown {
  const [tensorType] = messages(messages(value, 2)[0]!, 1);
  const dimensions = messages(messages(tensorType!, 2)[0]!, 1).map(
    (dimension) => dimension.get(1)?.[0] ?? texts(dimension, 2)[0],
  );
  return { name: texts(value, 1)[0], elementType: tensorType!.get(1)![0], dimensions };
}

function readInitializer(tensor: Message): unknown {
  const [dataType, bytes] = [tensor.get(2)![0], bytesOf(tensor, 9)[0]!];
  const values = dataType === 7 ? [...new BigInt64Array(bytes.slice().buffer)] : floats(bytes);
  return { name: texts(tensor, 8)[0], dataType, shape: tensor.get(1) ?? [], values };
}

/** Type by number as AttributeProto.AttributeType has them, and the value of the field that goes with it. */
function readAttribute(attribute: Message): unknown {
  const [name, type] = [texts(attribute, 1)[0], attribute.get(20)![0]];
  if (type === 1) return { name, float: floats(bytesOf(attribute, 2)[0])[0] };
  if (type === 2) return { name, int: attribute.get(3)![0] };
  if (type === 3) return { name, text: texts(attribute, 4)[0] };
  if (type === 7) return { name, ints: attribute.get(8) ?? [] };
  throw new RangeError(`attribute type ${type}`);
}

const readNode = (node: Message): unknown => ({
  operator: texts(node, 4)[0],
  inputs: texts(node, 1),
  outputs: texts(node, 2),
  attributes: messages(node, 5).map(readAttribute),
  domain: texts(node, 7)[0],
});

const header: OnnxHeader = { producer: "thalweg", operatorSet: 21, irVersion: 10 };
const encode = (graph: OnnxGraph): Uint8Array => encodeOnnxGraph(graph, header);

const identity: OnnxGraph = {
  name: "g",
  nodes: [{ operator: "Identity", inputs: ["x"], output: "y" }],
  initializers: [],
  inputs: [{ name: "x", shape: [2] }],
  outputs: [{ name: "y", shape: [300] }],
};

const weights = Float32Array.of(0, -1.5, Math.PI, 1e-40, Infinity, 6);
const layer: OnnxGraph = {
  name: "layer µ", // two bytes of UTF-8: lengths count bytes, not characters
  nodes: [
    {
      operator: "Gemm",
      inputs: ["x", "weights", "bias"],
      output: "sum",
      attributes: [
        { name: "transA", int: 0 },
        { name: "transB", int: 1 },
      ],
    },
    { operator: "LeakyRelu", inputs: ["sum"], output: "turned", attributes: [{ name: "alpha", float: 0.01 }] },
    { operator: "Transpose", inputs: ["turned"], output: "y", attributes: [{ name: "perm", ints: [0, 2, 1] }] },
    { operator: "Gelu", inputs: ["y"], output: "w", attributes: [{ name: "approximate", text: "none" }] },
    { operator: "Concat", inputs: ["w"], output: "v", attributes: [{ name: "axis", int: -1 }] },
    { operator: "ReduceMax", inputs: ["v"], output: "u", attributes: [{ name: "axes", ints: [-1, -(2 ** 40)] }] },
    { operator: "QuickGelu", inputs: ["w"], output: "z", domain: "com.microsoft" },
  ],
  initializers: [
    { name: "weights", shape: [3, 2], values: weights },
    { name: "bias", shape: [3], values: Float32Array.of(1, 2, 3, 4, 5, 6).subarray(2, 5) },
    { name: "one", shape: [], values: Float32Array.of(1) },
    { name: "starts", shape: [2], values: BigInt64Array.of(-1n, 2n ** 40n) },
  ],
  inputs: [
    { name: "x", shape: ["rows", 70_000, 2] },
    { name: "scalar", shape: [] },
  ],
  outputs: [{ name: "z", shape: [2 ** 40 + 1] }],
};

describe("writer of ONNX graphs", () => {
  test("writes the bytes that the wire format asks for", () => {
    const text = (value: string): number[] => [...new TextEncoder().encode(value)];
    const value = (name: string, dimension: readonly number[]): number[] => {
      const shape = [0x0a, dimension.length + 1, 0x08, ...dimension];
      const tensorType = [0x08, 1, 0x12, shape.length, ...shape];
      return [0x0a, 1, ...text(name), 0x12, tensorType.length + 2, 0x0a, tensorType.length, ...tensorType];
    };
    const node = [0x0a, 1, ...text("x"), 0x12, 1, ...text("y"), 0x1a, 1, ...text("y"), 0x22, 8, ...text("Identity")];
    const [input, output] = [value("x", [2]), value("y", [0xac, 0x02])]; // 300 = 0b10_0101100
    const graph = [0x0a, node.length, ...node, 0x12, 1, ...text("g")];
    graph.push(0x5a, input.length, ...input, 0x62, output.length, ...output);
    const head = [0x08, 10, 0x12, 7, ...text("thalweg"), 0x3a, graph.length];
    const operatorSets = [0x42, 4, 0x0a, 0, 0x10, 21];
    const metadata = [0x72, 6, 0x0a, 1, ...text("k"), 0x12, 1, ...text("v")];
    const bytes = encodeOnnxGraph(identity, { ...header, metadata: new Map([["k", "v"]]) });
    expect([...bytes]).toEqual([...head, ...graph, ...operatorSets, ...metadata]);
  });

  test("imports onnxruntime's operators where a node is one of them", () => {
    const domains = (graph: OnnxGraph): unknown[] =>
      messages(decode(encode(graph)), 8).map((imported) => [texts(imported, 1)[0], imported.get(2)![0]]);
    expect(domains(identity)).toEqual([["", 21]]);
    expect(domains(layer)).toEqual([
      ["", 21],
      ["com.microsoft", 1],
    ]);
  });

  test("keeps nodes with their attributes", () => {
    const graph = readGraph(encode(layer));
    const read = messages(graph, 1).map(readNode);
    const expected = layer.nodes.map(({ operator, inputs, output, attributes = [], domain }) => ({
      operator,
      inputs,
      outputs: [output],
      attributes: attributes.map((of) => ("float" in of ? { ...of, float: Math.fround(of.float) } : of)),
      domain,
    }));
    expect(read).toEqual(expected);
    expect(texts(graph, 2)).toEqual([layer.name]);
  });

  test("keeps initializers bit by bit, views and scalars too", () => {
    const graph = readGraph(encode(layer));
    const expected = layer.initializers.map(({ name, shape, values }) => ({
      name,
      dataType: values instanceof Float32Array ? 1 : 7,
      shape,
      values: [...values],
    }));
    expect(messages(graph, 5).map(readInitializer)).toEqual(expected);
  });

  test("keeps names and shapes of inputs and outputs, beyond 32 bits", () => {
    const graph = readGraph(encode(layer));
    const expected = (values: OnnxGraph["inputs"]): unknown[] =>
      values.map(({ name, shape }) => ({ name, elementType: 1, dimensions: shape }));
    expect(messages(graph, 11).map(readValue)).toEqual(expected(layer.inputs));
    expect(messages(graph, 12).map(readValue)).toEqual(expected(layer.outputs));
  });

  test("refuses values that do not fill the shape, and dimensions that are no whole numbers", () => {
    const values = Float32Array.of(1, 2, 3);
    const short = { ...identity, initializers: [{ name: "w", shape: [2, 2], values }] };
    expect(() => encode(short)).toThrow(/onnx: w: expected 4 values for shape \[2, 2\], got 3/);
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => encode({ ...identity, inputs: [{ name: "x", shape: [size] }] })).toThrow(InvalidInput);
    }
  });
});
