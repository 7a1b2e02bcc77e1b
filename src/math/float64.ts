import { inOrder, type Expression } from "./expression.ts";
import { primitives } from "./primitives.ts";

/** Expressions as a program in float64: write the inputs, run, read the outputs. Nothing is allocated by a run. */
export interface Float64Program {
  /** In the order in which they were named. */
  readonly inputs: Float64Array;
  /** In the order of the expressions. */
  readonly outputs: Float64Array;
  run(): void;
}

type Places = ReadonlyMap<Expression, number>;

/**
 * Computes one node from the values of its operands. What costs less than a call is written out; everything else is the function of the
 * table.
 */
function operationOf(node: Expression, values: Float64Array, places: Places): () => void {
  const { compute } = primitives[node.primitive!];
  const to = places.get(node)!;
  const [a, b, c, d] = node.operands.map((operand) => places.get(operand)!) as [number, number, number, number];
  switch (node.primitive) {
    case "add":
      return () => (values[to] = values[a]! + values[b]!);
    case "subtract":
      return () => (values[to] = values[a]! - values[b]!);
    case "multiply":
      return () => (values[to] = values[a]! * values[b]!);
    case "divide":
      return () => (values[to] = values[a]! / values[b]!);
    case "sqrt":
      return () => (values[to] = Math.sqrt(values[a]!));
    case "whereLessOrEqual":
      return () => (values[to] = values[a]! <= values[b]! ? values[c]! : values[d]!);
  }
  if (node.operands.length === 1) return () => (values[to] = compute(values[a]!));
  if (node.operands.length === 2) return () => (values[to] = compute(values[a]!, values[b]!));
  return () => (values[to] = compute(values[a]!, values[b]!, values[c]!, values[d]!));
}

/** Runs operations one after the other, the few that most programs have without a loop. */
function sequenceOf(operations: readonly (() => void)[]): () => void {
  const [first, second, third, fourth, ...rest] = operations;
  if (!first) return () => {};
  if (!second) return first;
  if (!third) {
    return () => {
      first();
      second();
    };
  }
  if (!fourth) {
    return () => {
      first();
      second();
      third();
    };
  }
  const others = sequenceOf(rest);
  return () => {
    first();
    second();
    third();
    fourth();
    others();
  };
}

/**
 * Expressions as a program in float64. Both branches of a `where` are computed; the one that was not taken is not used.
 * @param inputs names of the inputs, in the order of the program's
 * @throws Error on an input that is not among them
 */
export function compileFloat64(outputs: readonly Expression[], inputs: readonly string[]): Float64Program {
  const order = inOrder(outputs).filter(({ kind }) => kind !== "input");
  const places = new Map(order.map((node, index) => [node, inputs.length + index]));
  for (const node of inOrder(outputs)) {
    if (node.kind !== "input") continue;
    const place = inputs.indexOf(node.name);
    if (place < 0) throw new Error(`expression: the input ${node.name} is not one of ${inputs.join(", ")}`);
    places.set(node, place);
  }
  const values = new Float64Array(inputs.length + order.length);
  for (const node of order) if (node.kind === "constant") values[places.get(node)!] = node.value;
  const applied = order.filter(({ kind }) => kind === "application");
  const compute = sequenceOf(applied.map((node) => operationOf(node, values, places)));
  const results = new Float64Array(outputs.length);
  const from = outputs.map((output) => places.get(output)!);
  return {
    inputs: values.subarray(0, inputs.length),
    outputs: results,
    run() {
      compute();
      for (let index = 0; index < from.length; index++) results[index] = values[from[index]!]!;
    },
  };
}

/** One expression as a function in float64 of its inputs, in the order in which they are named. */
export function float64Function(output: Expression, names: readonly string[]): (...inputs: number[]) => number {
  const { inputs, outputs, run } = compileFloat64([output], names);
  return (...given) => {
    for (let index = 0; index < inputs.length; index++) inputs[index] = given[index]!;
    run();
    return outputs[0]!;
  };
}
