// Writes ONNX models: the protocol buffers of onnx.proto by hand, as far as float32 graphs of fixed shapes need them.

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
  readonly shape: readonly number[];
}

/** A constant that travels with the model. */
export interface OnnxInitializer extends OnnxValue {
  readonly values: Float32Array;
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

/** Gelu came with 20; IR 10 is what goes with 21. */
const operatorSet = 21;
const irVersion = 10;
const floatType = 1;
const attributeTypes = { float: 1, int: 2, text: 3, ints: 7 };
const wire = { varint: 0, length: 2, fixed32: 5 };

/** Pieces of a message in their order: joined once at the end, so that weights are copied once. */
type Pieces = readonly Uint8Array[];

function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`varint: ${value} is no whole number ≥ 0`);
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

const tag = (field: number, wireType: number): Uint8Array => varint(field * 8 + wireType);
const lengthOf = (pieces: Pieces): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
const whole = (field: number, value: number): Pieces => [tag(field, wire.varint), varint(value)];
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
  if ("int" in of) return message(5, name, whole(3, of.int), whole(20, attributeTypes.int));
  if ("text" in of) return message(5, name, text(4, of.text), whole(20, attributeTypes.text));
  return message(5, name, ...of.ints.map((value) => whole(8, value)), whole(20, attributeTypes.ints));
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
  if (count !== values.length) throw new RangeError(`${name}: ${values.length} values for [${shape.join(", ")}]`);
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const dimensions = shape.map((size) => whole(1, size));
  return message(5, ...dimensions, whole(2, floatType), text(8, name), message(9, [raw]));
}

function valueInfo(field: number, { name, shape }: OnnxValue): Pieces {
  const dimensions = message(2, ...shape.map((size) => message(1, whole(1, size))));
  return message(field, text(1, name), message(2, message(1, whole(1, floatType), dimensions)));
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

function join(pieces: Pieces): Uint8Array {
  const bytes = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The bytes of an `.onnx` file: what `InferenceSession.create` takes. */
export const encodeModel = (graph: OnnxGraph): Uint8Array =>
  join([
    ...whole(1, irVersion),
    ...text(2, "thalweg bench"),
    ...graphMessage(graph),
    ...operatorSetImport("", operatorSet),
    ...operatorSetImport(microsoftDomain, 1),
  ]);
