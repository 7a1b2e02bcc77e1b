import { InvalidInput } from "../errors.ts";

// Writes ONNX files: the protocol buffers of onnx.proto by hand, as far as float32 graphs need them.

/** Numbers of the element types: f32, and 64-bit integers. */
export const onnxTypes = { floats: 1, integers: 7 } as const;

export type OnnxAttribute =
  | { readonly name: string; readonly int: number }
  | { readonly name: string; readonly float: number }
  | { readonly name: string; readonly ints: readonly number[] }
  | { readonly name: string; readonly text: string };

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: readonly OnnxAttribute[];
  /** Undefined: ONNX itself. */
  readonly domain?: string;
}

export interface OnnxValue {
  readonly name: string;
  /** A text stands for a size that is known only when the graph runs. */
  readonly shape: readonly (number | string)[];
}

/** A constant that travels with the model. */
export interface OnnxInitializer<Values = Float32Array | BigInt64Array> {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Values;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order in which every input is known. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** The domain of onnxruntime's own operators. */
export const microsoftDomain = "com.microsoft";

/** What a file says of itself. */
export interface OnnxHeader {
  readonly producer: string;
  /** Version of ONNX's operators. */
  readonly operatorSet: number;
  /** Version of the file format, which goes with the set of operators. */
  readonly irVersion: number;
  readonly metadata?: ReadonlyMap<string, string>;
}

/** Protocol buffers end at 2 GiB; larger models need files beside theirs, which are not written. */
const maxBytes = 2 ** 31 - 1;
const attributeTypes = { float: 1, int: 2, text: 3, ints: 7 };
const wire = { varint: 0, length: 2, fixed32: 5 };

/** Pieces of a message in their order: joined once at the end, so that weights are copied once. */
type Pieces = readonly Uint8Array[];

function fault(place: string, expected: string, got: string, fix: string): InvalidInput {
  return new InvalidInput({ place: `onnx: ${place}`, expected, got, fix });
}

/** Negative numbers as 64-bit two's complements. */
function varint(value: number, least = 0): Uint8Array {
  if (!Number.isSafeInteger(value) || value < least) {
    throw fault("number", `a whole number ≥ ${least}`, String(value), "correct the shapes and attributes");
  }
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest % 128n) + 128);
    rest /= 128n;
  }
  return Uint8Array.of(...bytes, Number(rest));
}

const tag = (field: number, wireType: number): Uint8Array => varint(field * 8 + wireType);
const lengthOf = (pieces: Pieces): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
const whole = (field: number, value: number, least = 0): Pieces => [tag(field, wire.varint), varint(value, least)];
const signed = (field: number, value: number): Pieces => whole(field, value, Number.MIN_SAFE_INTEGER);
const message = (field: number, ...parts: readonly Pieces[]): Pieces => {
  const pieces = parts.flat();
  return [tag(field, wire.length), varint(lengthOf(pieces)), ...pieces];
};
const text = (field: number, value: string): Pieces => message(field, [new TextEncoder().encode(value)]);
const float = (field: number, value: number): Pieces => [
  tag(field, wire.fixed32),
  new Uint8Array(Float32Array.of(value).buffer),
];

function attribute(of: OnnxAttribute): Pieces {
  const name = text(1, of.name);
  if ("float" in of) return message(5, name, float(2, of.float), whole(20, attributeTypes.float));
  if ("int" in of) return message(5, name, signed(3, of.int), whole(20, attributeTypes.int));
  if ("text" in of) return message(5, name, text(4, of.text), whole(20, attributeTypes.text));
  return message(5, name, ...of.ints.map((value) => signed(8, value)), whole(20, attributeTypes.ints));
}

const node = ({ operator, inputs, output, attributes = [], domain }: OnnxNode): Pieces =>
  message(
    1,
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, output), // the name of a node: its only output's
    text(4, operator),
    ...attributes.map(attribute),
    domain === undefined ? [] : text(7, domain),
  );

function initializer({ name, shape, values }: OnnxInitializer): Pieces {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) {
    const expected = `${count} values for shape [${shape.join(", ")}]`;
    throw fault(name, expected, String(values.length), "correct the shape");
  }
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const dimensions = shape.map((size) => whole(1, size));
  const type = values instanceof Float32Array ? onnxTypes.floats : onnxTypes.integers;
  return message(5, ...dimensions, whole(2, type), text(8, name), message(9, [raw]));
}

function valueInfo(field: number, { name, shape }: OnnxValue): Pieces {
  const dimension = (size: number | string): Pieces =>
    message(1, typeof size === "string" ? text(2, size) : whole(1, size));
  const dimensions = message(2, ...shape.map(dimension));
  return message(field, text(1, name), message(2, message(1, whole(1, onnxTypes.floats), dimensions)));
}

const graphMessage = ({ name, nodes, initializers, inputs, outputs }: OnnxGraph): Pieces =>
  message(
    7,
    ...nodes.map(node),
    text(2, name),
    ...initializers.map(initializer),
    ...inputs.map((value) => valueInfo(11, value)),
    ...outputs.map((value) => valueInfo(12, value)),
  );

const operatorSetImport = (domain: string, version: number): Pieces => message(8, text(1, domain), whole(2, version));
const metadataEntry = ([key, value]: readonly [string, string]): Pieces => message(14, text(1, key), text(2, value));

function join(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const length = lengthOf(pieces);
  if (length > maxBytes) {
    throw fault("file", `at most ${maxBytes} bytes`, String(length), "use a smaller network, or fewer members");
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * The bytes of an `.onnx` file.
 * @throws InvalidInput on values that do not fill their shape, on sizes that are no whole numbers, and beyond 2 GiB
 */
export function encodeOnnxGraph(graph: OnnxGraph, header: OnnxHeader): Uint8Array<ArrayBuffer> {
  const { producer, operatorSet, irVersion, metadata = new Map<string, string>() } = header;
  const usesMicrosoft = graph.nodes.some(({ domain }) => domain === microsoftDomain);
  return join([
    ...whole(1, irVersion),
    ...text(2, producer),
    ...graphMessage(graph),
    ...operatorSetImport("", operatorSet),
    ...(usesMicrosoft ? operatorSetImport(microsoftDomain, 1) : []),
    ...[...metadata].flatMap(metadataEntry),
  ]);
}
