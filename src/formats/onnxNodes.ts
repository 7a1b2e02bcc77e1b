import { type AnyNetwork, graphOf } from "../graph/graphNetwork.ts";
import { columnOf, type Graph, type GraphNode, operandsOf, type ReductionName } from "../graph/graph.ts";
import { operandName } from "../graph/builder.ts";
import type { ActivationName } from "../graph/network.ts";
import { type Expression, inOrder } from "../math/expression.ts";
import { primitives } from "../math/primitives.ts";
import { Simplifier } from "../math/simplify.ts";
import { type OnnxAttribute, type OnnxInitializer, type OnnxNode, onnxTypes } from "./onnxGraph.ts";

// The forward pass of a network as ONNX nodes of operator set 13.

/** A value of the file. Missing axes are broadcast: a trained vector has no rows, what no parameter has changed no members. */
interface Value {
  readonly name: string;
  readonly hasRows: boolean;
  readonly hasMembers: boolean;
}

/** An operand of a node: a value by name, a constant, or a list of integers. */
type Operand = string | number | readonly number[];

const constantPrefix = "constant ";
const integersPrefix = "integers ";

function operandText(operand: Operand): string {
  if (typeof operand === "string") return operand;
  return typeof operand === "number" ? `${constantPrefix}${operand}` : `${integersPrefix}${operand.join(",")}`;
}

/** The constants that nodes read. */
export function constantsOf(nodes: readonly OnnxNode[]): OnnxInitializer[] {
  return [...new Set(nodes.flatMap(({ inputs }) => inputs))].flatMap((name): OnnxInitializer[] => {
    if (name.startsWith(constantPrefix)) {
      return [{ name, shape: [], values: Float32Array.of(Number(name.slice(constantPrefix.length))) }];
    }
    if (!name.startsWith(integersPrefix)) return [];
    const values = BigInt64Array.from(name.slice(integersPrefix.length).split(","), BigInt);
    return [{ name, shape: [values.length], values }];
  });
}

const reductions: Readonly<Record<ReductionName, string>> = {
  sum: "ReduceSum",
  mean: "ReduceMean",
  max: "ReduceMax",
  logSumExp: "ReduceLogSumExp",
};

/** Adds a node. @returns the name of its output */
type Emit = (operator: string, inputs: readonly Operand[], ...attributes: OnnxAttribute[]) => string;

/** Activations that ONNX has an operator for, or a pattern that runtimes fuse: gelu as PyTorch exports it. */
const known: Partial<Record<ActivationName, (emit: Emit, z: string) => string>> = {
  relu: (emit, z) => emit("Relu", [z]),
  leakyRelu: (emit, z) => emit("LeakyRelu", [z], { name: "alpha", float: 0.01 }),
  elu: (emit, z) => emit("Elu", [z], { name: "alpha", float: 1 }),
  gelu(emit, z) {
    const share = emit("Add", [emit("Erf", [emit("Div", [z, Math.SQRT2])]), 1]);
    return emit("Mul", [emit("Mul", [z, share]), 0.5]);
  },
};

class NodeWriter {
  readonly #nodes: OnnxNode[] = [];
  readonly #graph: Graph;
  readonly #members: number;
  readonly #values: Value[] = [];

  constructor(graph: Graph, members: number) {
    this.#graph = graph;
    this.#members = members;
  }

  /** @param outputsName of the last node's values, [rows, width], or [members, rows, width] */
  write(inputsName: string, outputsName: string): OnnxNode[] {
    const { nodes } = this.#graph;
    for (const [index, node] of nodes.entries()) {
      const name = index === 0 ? inputsName : `${node.kind}.${index}`;
      this.#values.push(this.#write(node, name));
    }
    const last = this.#complete(this.#values.at(-1)!).name;
    const rename = (name: string): string => (name === last ? outputsName : name);
    return this.#nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) }));
  }

  #add(operator: string, inputs: readonly Operand[], output: string, ...attributes: OnnxAttribute[]): string {
    this.#nodes.push({ operator, inputs: inputs.map(operandText), output, attributes });
    return output;
  }

  /** Adds a node on the way to `result`. @returns the name of its output */
  #step(result: string, ...[operator, inputs, ...attributes]: Parameters<Emit>): string {
    return this.#add(operator, inputs, `${result}_${this.#nodes.length}`, ...attributes);
  }

  /** A value with all axes, for operators that do not broadcast. */
  #complete(value: Value, needsMembers = this.#members > 1): Value {
    let { name } = value;
    if (!value.hasRows) {
      const column = this.#slice(this.#values[0]!, 0, 1, `${name}_${this.#nodes.length}`);
      name = this.#step(name, "Where", [this.#step(name, "Equal", [column, column]), name, name]); // by broadcasting
    }
    if (needsMembers && !value.hasMembers) name = this.#step(name, "Expand", [name, [this.#members, 1, 1]]);
    return { name, hasRows: true, hasMembers: value.hasMembers || needsMembers };
  }

  #parameterName(parameter: number): string {
    return this.#graph.parameters[parameter]!.name;
  }

  #write(node: GraphNode, name: string): Value {
    const operands = operandsOf(node).map((operand) => this.#values[operand]!);
    const from = operands[0]!;
    switch (node.kind) {
      case "input":
        return { name, hasRows: true, hasMembers: false };
      case "parameter":
        return { name: this.#parameterName(node.parameter), hasRows: false, hasMembers: this.#members > 1 };
      case "dense":
        return this.#dense(node, this.#complete(from, false), name);
      case "elementwise":
        return { name, ...axesOf(this.#elementwise(node, operands, name)) };
      case "reduce": {
        const isSum = node.reduction === "sum"; // whose axes are an operand since version 13
        if (isSum) this.#add(reductions.sum, [from.name, [-1]], name);
        else this.#add(reductions[node.reduction], [from.name], name, { name: "axes", ints: [-1] });
        return { ...from, name };
      }
      case "broadcast":
        return { ...from, name: this.#add("Expand", [from.name, [1, node.width]], name) };
      case "concat": {
        const { hasMembers } = axesOf(operands);
        const whole = operands.map((operand) => this.#complete(operand, hasMembers).name);
        return { name: this.#add("Concat", whole, name, { name: "axis", int: -1 }), hasRows: true, hasMembers };
      }
      case "slice":
        return { ...from, name: this.#slice(from, node.start, node.width, name) };
      case "gather":
        return this.#gather(node, name);
      case "noise":
      case "dropout": // neither does anything when a network answers
        return from;
    }
  }

  #slice({ name }: Value, start: number, width: number, output: string): string {
    return this.#add("Slice", [name, [start], [start + width], [-1]], output);
  }

  /** inputs · weights + bias; of members by broadcasting, since Gemm knows matrices alone. */
  #dense({ weights, bias }: GraphNode & { kind: "dense" }, from: Value, name: string): Value {
    const [weightsName, biasName] = [this.#parameterName(weights), this.#parameterName(bias)];
    const hasMembers = this.#members > 1;
    if (hasMembers) this.#add("Add", [this.#step(name, "MatMul", [from.name, weightsName]), biasName], name);
    else this.#add("Gemm", [from.name, weightsName, biasName], name);
    return { name, hasRows: true, hasMembers };
  }

  /** Rows of a table, by the column of the data that numbers them. */
  #gather({ from, table }: GraphNode & { kind: "gather" }, name: string): Value {
    const hasMembers = this.#members > 1;
    const column = this.#slice(this.#values[0]!, columnOf(this.#graph, from)!, 1, `${name}_column`);
    const list = this.#step(name, "Reshape", [column, [-1]]);
    const numbers = this.#step(name, "Cast", [list], { name: "to", int: onnxTypes.integers });
    const axis = { name: "axis", int: hasMembers ? 1 : 0 };
    this.#add("Gather", [this.#parameterName(table), numbers], name, axis);
    return { name, hasRows: true, hasMembers };
  }

  /** @returns the operands that its expression reads */
  #elementwise(node: GraphNode & { kind: "elementwise" }, operands: readonly Value[], name: string): readonly Value[] {
    const { expression, activation, width } = node;
    const emit: Emit = (...of) => this.#step(name, ...of);
    const write = typeof activation === "string" ? known[activation] : undefined;
    const simple = new Simplifier().simplify(expression);
    const names = new Map(operands.map((operand, index) => [operandName(index), operand.name]));
    if (write) write(emit, operands[0]!.name);
    else if (simple.kind === "constant") emit("Expand", [simple.value, [1, width]]);
    else if (simple.kind === "input") emit("Identity", [names.get(simple.name)!]);
    else writeExpression(simple, names, emit);
    this.#nodes.push({ ...this.#nodes.pop()!, output: name });
    const used = new Set(inOrder([simple]).map((each) => each.name));
    return operands.filter((_, index) => used.has(operandName(index)));
  }
}

/** An expression as nodes, from the table of primitives. */
function writeExpression(definition: Expression, inputs: ReadonlyMap<string, string>, emit: Emit): void {
  const names = new Map<Expression, string>();
  for (const node of inOrder([definition])) {
    if (node.kind === "constant") names.set(node, operandText(node.value));
    else if (node.kind === "input") names.set(node, inputs.get(node.name)!);
    else {
      const { onnx } = primitives[node.primitive!];
      const operands = node.operands.map((operand) => names.get(operand)!);
      const name =
        typeof onnx === "string" ? emit(onnx, operands) : onnx((operator, ...of) => emit(operator, of), ...operands);
      names.set(node, name);
    }
  }
}

const axesOf = (operands: readonly Value[]): Omit<Value, "name"> => ({
  hasRows: operands.some(({ hasRows }) => hasRows),
  hasMembers: operands.some(({ hasMembers }) => hasMembers),
});

/**
 * The nodes of a network's forward pass, from `inputsName` to `outputsName`. They read parameters by their names: […shape], and of
 * several members [members, …shape], vectors as [members, 1, width].
 */
export const onnxNodes = (network: AnyNetwork, members: number, inputsName: string, outputsName: string): OnnxNode[] =>
  new NodeWriter(graphOf(network), members).write(inputsName, outputsName);
