import { BadFile } from "../../errors.ts";
import { fromBrainFloats, fromHalfFloats } from "../../halfFloats.ts";
import { operandExpressions } from "../../graph/builder.ts";
import type { ReductionName } from "../../graph/graph.ts";
import type { ActivationName, Loss } from "../../graph/network.ts";
import * as e from "../../math/expression.ts";
import { type ImportedModel, NetworkDraft, transposed, unsupported, type Values } from "./networkDraft.ts";
import { type Field, integersOf, messagesOf, readMessage, textsOf } from "./protobuf.ts";

// Reads the graphs of ONNX files that thalweg can compute: vectors per sample. Field numbers: onnx.proto3.

interface Node {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
}

interface Attribute {
  readonly float: number;
  readonly int: number;
  readonly ints: readonly number[];
  readonly tensor: Field[] | undefined;
}

/** A vector per sample, or a constant. */
type Value = { readonly node: number } | Values;
const isNode = (value: Value): value is { readonly node: number } => "node" in value;

const floatOf = (bytes: Uint8Array | undefined): number =>
  bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true) : 0;

function attributeOf(fields: Field[], place: string): [string, Attribute] {
  const int = integersOf(fields, 3, place)[0] ?? 0;
  const float = floatOf(fields.find(({ field }) => field === 2)?.bytes);
  return [
    textsOf(fields, 1)[0] ?? "",
    { float, int, ints: integersOf(fields, 8, place), tensor: messagesOf(fields, 5, place)[0] },
  ];
}

function nodeOf(fields: Field[], place: string): Node {
  const output = textsOf(fields, 2)[0] ?? "";
  return {
    name: textsOf(fields, 3)[0] || output,
    operator: textsOf(fields, 4)[0] ?? "",
    inputs: textsOf(fields, 1),
    output,
    attributes: new Map(messagesOf(fields, 5, place).map((attribute) => attributeOf(attribute, place))),
  };
}

const types = { float: 1, int32: 6, int64: 7, half: 10, double: 11, brain: 16 };

/** Values little-endian in one piece. */
function rawValues(type: number, bytes: Uint8Array): ArrayLike<number> | undefined {
  const { buffer } = new Uint8Array(bytes); // aligned
  if (type === types.float && bytes.length % 4 === 0) return new Float32Array(buffer);
  if (type === types.double && bytes.length % 8 === 0) return new Float64Array(buffer);
  if (type === types.int64 && bytes.length % 8 === 0) return Array.from(new BigInt64Array(buffer), Number);
  if (type === types.int32 && bytes.length % 4 === 0) return new Int32Array(buffer);
  if (bytes.length % 2 > 0) return undefined;
  if (type === types.half) return fromHalfFloats(new Uint16Array(buffer));
  return type === types.brain ? fromBrainFloats(new Uint16Array(buffer)) : undefined;
}

function tensorOf(fields: Field[], place: string): [string, Values] {
  const name = textsOf(fields, 8)[0] ?? "";
  const where = `${place}: ${JSON.stringify(name)}`;
  const shape = integersOf(fields, 1, place);
  const type = integersOf(fields, 2, place)[0] ?? 0;
  if (fields.some(({ field }) => field === 13)) {
    const fix = "save the model in one file (save_as_external_data=False)";
    throw new BadFile({ place: where, expected: "values in this file", got: "values in another one", fix });
  }
  const raw = fields.find(({ field }) => field === 9)?.bytes;
  const floats = fields.filter(({ field }) => field === 4).map(({ bytes }) => bytes);
  const packed = floats.length === 1 ? floats[0]! : Uint8Array.from(floats.flatMap((bytes) => [...bytes]));
  const doubles = fields.find(({ field }) => field === 10)?.bytes ?? new Uint8Array();
  const values = raw
    ? rawValues(type, raw)
    : type === types.float
      ? rawValues(type, packed)
      : type === types.double
        ? rawValues(type, doubles)
        : integersOf(fields, type === types.int64 ? 7 : 5, place);
  const count = shape.reduce((product, size) => product * size, 1);
  if (values?.length === count && shape.every((size) => size >= 0)) return [name, { shape, values }];
  const got = `${values?.length ?? "none"} of type ${type}`;
  const fix = "the file is damaged, or its tensor of a type that is not read: export it in float32";
  throw new BadFile({ place: where, expected: `${count} values`, got, fix });
}

type Build = (...operands: e.Expression[]) => e.Expression;

/** Value by value. */
const elementwise: ReadonlyMap<string, Build> = new Map<string, Build>([
  ["Add", (a, b) => a!.plus(b!)],
  ["Sub", (a, b) => a!.minus(b!)],
  ["Mul", (a, b) => a!.times(b!)],
  ["Div", (a, b) => a!.over(b!)],
  ["Neg", (x) => x!.negated()],
  ["Abs", (x) => e.absolute(x!)],
  ["Sign", (x) => e.sign(x!)],
  ["Sqrt", (x) => e.sqrt(x!)],
  ["Reciprocal", (x) => e.reciprocal(x!)],
  ["Pow", (x, exponent) => e.power(x!, exponent!)],
  ["Exp", (x) => e.exp(x!)],
  ["Log", (x) => e.log(x!)],
  ["Sin", (x) => e.sin(x!)],
  ["Cos", (x) => e.cos(x!)],
  ["Min", (a, b) => e.minimum(a!, b!)],
  ["Max", (a, b) => e.maximum(a!, b!)],
  ["Erf", (x) => e.normalDistribution(x!.times(Math.SQRT2)).times(2).minus(1)], // erf(x) = 2 Φ(√2 x) − 1
]);

const activations: ReadonlyMap<string, ActivationName> = new Map([
  ["Relu", "relu"],
  ["Tanh", "tanh"],
  ["Sigmoid", "sigmoid"],
  ["Softplus", "softplus"],
]);

const reductions: ReadonlyMap<string, ReductionName> = new Map([
  ["ReduceMean", "mean"],
  ["ReduceSum", "sum"],
  ["ReduceMax", "max"],
  ["ReduceLogSumExp", "logSumExp"],
]);

/** Operators that change nothing when a network answers. */
const passing = new Set(["Identity", "Dropout", "Flatten", "Cast"]);

class GraphReader {
  readonly #draft: NetworkDraft;
  readonly #values = new Map<string, Value>();
  readonly #place: string;

  constructor(draft: NetworkDraft, constants: ReadonlyMap<string, Values>, input: string, place: string) {
    this.#draft = draft;
    this.#place = place;
    for (const [name, value] of constants) this.#values.set(name, value);
    this.#values.set(input, { node: 0 });
  }

  #fail(node: Node, why: string): BadFile {
    return unsupported(this.#place, `node ${JSON.stringify(node.name)} (${node.operator})`, why);
  }

  #value(node: Node, index: number): Value {
    const value = this.#values.get(node.inputs[index] ?? "");
    if (value) return value;
    throw this.#fail(node, `input ${JSON.stringify(node.inputs[index] ?? "")}, which is not known`);
  }

  #vector(node: Node, index: number): number {
    const value = this.#value(node, index);
    if (isNode(value)) return value.node;
    if (value.values.length !== (value.shape.at(-1) ?? 1))
      throw this.#fail(node, `a constant [${value.shape.join(", ")}]`);
    return this.#draft.vector({ shape: [value.values.length], values: value.values }, "constant");
  }

  /** A tensor among the inputs. */
  #tensor(node: Node, index: number): Values {
    const value = this.#value(node, index);
    if (isNode(value)) throw this.#fail(node, "a computed value where weights are expected");
    return value;
  }

  output(name: string): number {
    const value = this.#values.get(name);
    if (value && isNode(value)) return value.node;
    throw unsupported(this.#place, `output ${JSON.stringify(name)}`, "a constant, or none");
  }

  read(nodes: readonly Node[]): void {
    const skipped = new Set<Node>();
    for (const [index, node] of nodes.entries()) {
      if (skipped.has(node)) continue;
      const next = nodes[index + 1];
      if (node.operator === "MatMul" && next?.operator === "Add" && this.#isBias(node, next)) {
        skipped.add(next);
        this.#values.set(next.output, { node: this.#matmul(node, next) });
      } else this.#values.set(node.output, this.#read(node));
    }
  }

  /** Whether `add` adds a constant vector to the product and nothing else. */
  #isBias(product: Node, add: Node): boolean {
    const other = add.inputs.find((name) => name !== product.output);
    const value = this.#values.get(other ?? "");
    return add.inputs.includes(product.output) && value !== undefined && !isNode(value) && value.values.length > 1;
  }

  #matmul(node: Node, add?: Node): number {
    const weights = this.#tensor(node, 1);
    const bias = this.#values.get(add?.inputs.find((name) => name !== node.output) ?? "");
    const own = bias && !isNode(bias) ? bias : undefined;
    return this.#draft.dense(this.#vector(node, 0), weights, own, `node ${JSON.stringify(node.name)}`);
  }

  #gemm(node: Node): number {
    const scale = (name: string): number => node.attributes.get(name)?.float ?? 1;
    if (scale("alpha") !== 1 || scale("beta") !== 1 || node.attributes.get("transA")?.int) {
      throw this.#fail(node, "alpha or beta other than 1, or transA");
    }
    const weights = this.#tensor(node, 1);
    const turned = node.attributes.get("transB")?.int ? transposed(weights) : weights;
    const bias = node.inputs[2] ? this.#tensor(node, 2) : undefined;
    return this.#draft.dense(this.#vector(node, 0), turned, bias, `node ${JSON.stringify(node.name)}`);
  }

  #read(node: Node): Value {
    const { operator } = node;
    const activation = activations.get(operator);
    if (operator === "Constant") return this.#constant(node);
    if (operator === "Gemm") return { node: this.#gemm(node) };
    if (operator === "MatMul") return { node: this.#matmul(node) };
    if (activation) return { node: this.#draft.activation(this.#vector(node, 0), activation) };
    if (operator === "LeakyRelu" || operator === "Elu") return { node: this.#sloped(node) };
    if (elementwise.has(operator)) return { node: this.#elementwise(node) };
    if (reductions.has(operator)) return { node: this.#reduce(node) };
    if (operator === "Concat") return { node: this.#concat(node) };
    if (passing.has(operator)) return this.#value(node, 0);
    throw this.#fail(node, "an operator that has no counterpart here");
  }

  #constant(node: Node): Value {
    const tensor = node.attributes.get("value")?.tensor;
    if (tensor) return tensorOf(tensor, this.#place)[1];
    const scalar = node.attributes.get("value_float");
    if (scalar) return { shape: [], values: [scalar.float] };
    throw this.#fail(node, "a constant of another kind than a tensor");
  }

  #sloped(node: Node): number {
    const isElu = node.operator === "Elu";
    const alpha = node.attributes.get("alpha")?.float ?? (isElu ? 1 : 0.01);
    const from = this.#vector(node, 0);
    if (alpha === (isElu ? 1 : Math.fround(0.01))) return this.#draft.activation(from, isElu ? "elu" : "leakyRelu");
    const [x] = operandExpressions(1);
    const below = isElu ? e.expm1(e.minimum(x!, 0)).times(alpha) : x!.times(alpha);
    return this.#draft.elementwise([from], e.where(x!.greater(0), x!, below));
  }

  /** Constants of one value are written into the expression. */
  #elementwise(node: Node): number {
    const from: number[] = [];
    const operands = node.inputs.map((_, index): e.Expression => {
      const value = this.#value(node, index);
      if (!isNode(value) && value.values.length === 1) return e.Expression.constant(value.values[0]!);
      from.push(this.#vector(node, index));
      return operandExpressions(from.length).at(-1)!;
    });
    if (from.length === 0) throw this.#fail(node, "constants only");
    return this.#draft.elementwise(from, elementwise.get(node.operator)!(...operands));
  }

  #reduce(node: Node): number {
    const listed = node.inputs[1] ? Array.from(this.#tensor(node, 1).values) : node.attributes.get("axes")?.ints;
    if (listed?.length !== 1 || (listed[0] !== -1 && listed[0] !== 1))
      throw this.#fail(node, "other axes than the last");
    if (node.attributes.get("keepdims")?.int === 0) throw this.#fail(node, "keepdims = 0");
    return this.#draft.builder.add({
      kind: "reduce",
      from: this.#vector(node, 0),
      reduction: reductions.get(node.operator)!,
    });
  }

  #concat(node: Node): number {
    const axis = node.attributes.get("axis")?.int;
    if (axis !== -1 && axis !== 1) throw this.#fail(node, `axis ${axis}`);
    return this.#draft.builder.add({ kind: "concat", from: node.inputs.map((_, index) => this.#vector(node, index)) });
  }
}

interface Graph {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Values>;
  readonly input: string;
  readonly inputs: number;
  readonly outputs: readonly string[];
}

/** Size of the last axis of an input. */
function widthOf(info: Field[], place: string): number {
  const tensor = messagesOf(messagesOf(info, 2, place)[0] ?? [], 1, place)[0] ?? [];
  const dimensions = messagesOf(messagesOf(tensor, 2, place)[0] ?? [], 1, place);
  const width = integersOf(dimensions.at(-1) ?? [], 1, place)[0];
  if (width !== undefined && width > 0 && dimensions.length === 2) return width;
  const fix = "export the model with inputs [rows, width] of a fixed width";
  const got = `${dimensions.length} axes, the last of size ${width ?? "unknown"}`;
  throw new BadFile({ place: `${place}: input`, expected: "rows of a fixed width", got, fix });
}

function graphOf(bytes: Uint8Array, place: string): Graph {
  const [graph] = messagesOf(readMessage(bytes, place), 7, place);
  if (!graph) {
    const fix = "pass an ONNX file of a network";
    throw new BadFile({ place, expected: "an ONNX file with a graph", got: "none", fix });
  }
  const constants = new Map(messagesOf(graph, 5, place).map((tensor) => tensorOf(tensor, place)));
  const inputs = messagesOf(graph, 11, place).filter((info) => !constants.has(textsOf(info, 1)[0] ?? ""));
  if (inputs.length !== 1) {
    const fix = "join the inputs in one before the export";
    throw new BadFile({ place, expected: "one input", got: String(inputs.length), fix });
  }
  return {
    nodes: messagesOf(graph, 1, place).map((node) => nodeOf(node, place)),
    constants,
    input: textsOf(inputs[0]!, 1)[0] ?? "",
    inputs: widthOf(inputs[0]!, place),
    outputs: messagesOf(graph, 12, place).map((info) => textsOf(info, 1)[0] ?? ""),
  };
}

/** Losses that take what comes before these, at the end of a classifier. */
const lossOfLast: ReadonlyMap<string, Loss> = new Map<string, Loss>([
  ["Softmax", "softmaxCrossEntropy"],
  ["Sigmoid", "binaryCrossEntropy"],
]);

/**
 * Reads an ONNX file: Gemm and MatMul with constant weights, activations, residual connections, concatenation, reductions over the last
 * axis, and value by value operators. A Softmax or Sigmoid at the end becomes the loss that takes logits.
 * @throws BadFile that names the first node that cannot be expressed
 */
export function readOnnx(bytes: Uint8Array, place: string, loss: Loss | undefined): ImportedModel {
  const graph = graphOf(bytes, place);
  const own = graph.outputs.at(-1) ?? "";
  const last = graph.nodes.find(({ output }) => output === own);
  const logits =
    last && lossOfLast.has(last.operator) && (loss === undefined || loss === lossOfLast.get(last.operator));
  const nodes = logits ? graph.nodes.filter((node) => node !== last) : graph.nodes;
  const draft = new NetworkDraft(graph.inputs, place);
  const reader = new GraphReader(draft, graph.constants, graph.input, place);
  reader.read(nodes);
  const output = reader.output(logits ? last.inputs[0]! : own);
  return draft.finish(output, logits ? lossOfLast.get(last.operator)! : (loss ?? "meanSquaredError"));
}
