import { inOrder } from "./differentiate.ts";
import type { Expression } from "./expression.ts";
import { primitives } from "./primitives.ts";

/** A function of the inputs' values, in their order; the returned array is written anew by each call. */
export type Float64Function = (...inputs: readonly number[]) => Float64Array;

/**
 * Expressions as a function in float64. Every branch of a `where` is computed; the one that was not taken is not used.
 * @param inputs names of the inputs, in the order of the function's arguments
 * @throws Error on an input that is not among them
 */
export function compileFloat64(outputs: readonly Expression[], inputs: readonly string[]): Float64Function {
  const order = inOrder(outputs);
  const places = new Map(order.map((node, place) => [node, place]));
  const values = new Float64Array(order.length);
  const arrivals: [place: number, index: number][] = [];
  const operations: (() => void)[] = [];
  for (const [place, node] of order.entries()) {
    if (node.kind === "constant") values[place] = node.value;
    else if (node.kind === "input") {
      const index = inputs.indexOf(node.name);
      if (index < 0) throw new Error(`expression: the input ${node.name} is not one of ${inputs.join(", ")}`);
      arrivals.push([place, index]);
    } else operations.push(operationOf(node, place, values, places));
  }
  const results = new Float64Array(outputs.length);
  const from = outputs.map((output) => places.get(output)!);
  return (...given) => {
    for (const [place, index] of arrivals) values[place] = given[index]!;
    for (const operation of operations) operation();
    for (let index = 0; index < from.length; index++) results[index] = values[from[index]!]!;
    return results;
  };
}

function operationOf(
  node: Expression,
  to: number,
  values: Float64Array,
  places: ReadonlyMap<Expression, number>,
): () => void {
  const { compute } = primitives[node.primitive!];
  const [a, b, c, d] = node.operands.map((operand) => places.get(operand)!) as [number, number, number, number];
  switch (node.operands.length) {
    case 1:
      return () => (values[to] = compute(values[a]!));
    case 2:
      return () => (values[to] = compute(values[a]!, values[b]!));
    default:
      return () => (values[to] = compute(values[a]!, values[b]!, values[c]!, values[d]!));
  }
}
