import * as v from "valibot";
import { InvalidInput } from "../errors.ts";
import { GraphBuilder, operandName } from "../graph/builder.ts";
import { type Graph, type GraphNode, reductionNames, type NodeOperation } from "../graph/graph.ts";
import { type AnyNetwork, type GraphNetwork, networkOfGraph } from "../graph/graphNetwork.ts";
import { activations } from "../math/activations.ts";
import { inOrder } from "../math/differentiate.ts";
import { Expression, type PrimitiveName } from "../math/expression.ts";
import { primitives } from "../math/primitives.ts";
import { activationNames, lossNames } from "../network.ts";

// Graphs in model files: plain JSON, which is checked by a schema and then built again node by node, as a user's function is.

const place = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const places = v.pipe(v.array(place), v.minLength(1), v.maxLength(1000));
const finite = v.pipe(v.number(), v.finite());

const primitiveNames = Object.keys(primitives) as PrimitiveName[];
/** An operand, a constant, or a primitive of steps before it. */
const expressionStep = v.union([
  v.pipe(v.string(), v.regex(/^x\d{1,3}$/)),
  finite,
  v.tupleWithRest([v.picklist(primitiveNames)], place),
]);
type ExpressionStep = v.InferOutput<typeof expressionStep>;

const nodeSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("parameter"), parameter: place }),
  v.strictObject({ kind: v.literal("dense"), from: place, weights: place, bias: place }),
  v.strictObject({ kind: v.literal("activation"), from: place, activation: v.picklist(activationNames) }),
  v.strictObject({
    kind: v.literal("elementwise"),
    from: places,
    steps: v.pipe(v.array(expressionStep), v.minLength(1), v.maxLength(1000)),
  }),
  v.strictObject({ kind: v.literal("reduce"), from: place, reduction: v.picklist(reductionNames) }),
  v.strictObject({ kind: v.literal("broadcast"), from: place, width: place }),
  v.strictObject({ kind: v.literal("concat"), from: places }),
  v.strictObject({ kind: v.literal("slice"), from: place, start: place, width: place }),
  v.strictObject({ kind: v.literal("gather"), from: place, table: place }),
  v.strictObject({ kind: v.literal("dropout"), from: place, rate: finite, stream: place }),
]);
type FileNode = v.InferOutput<typeof nodeSchema>;

/** A network of any layers in a model file; node 0 is the input, and the last one the output. */
export const graphSchema = v.strictObject({
  inputs: v.number(),
  loss: v.picklist(lossNames),
  parameters: v.pipe(
    v.array(
      v.strictObject({
        name: v.pipe(v.string(), v.regex(/^layers\.\d{1,5}\.[a-zA-Z][a-zA-Z0-9]{0,63}$/)),
        shape: v.pipe(v.array(place), v.minLength(1), v.maxLength(2)),
        start: v.picklist(["weights", "table", "zeros", "ones"]),
      }),
    ),
    v.maxLength(10_000),
  ),
  nodes: v.pipe(v.array(nodeSchema), v.maxLength(10_000)),
});
export type GraphFile = v.InferOutput<typeof graphSchema>;

/** An expression as steps, each of which names the places of those that it needs. */
function stepsOf(expression: Expression): ExpressionStep[] {
  const order = inOrder([expression]);
  const placeOf = new Map(order.map((node, index) => [node, index]));
  return order.map((node): ExpressionStep => {
    if (node.kind === "constant") return node.value;
    if (node.kind === "input") return node.name;
    return [node.primitive!, ...node.operands.map((operand) => placeOf.get(operand)!)];
  });
}

const badStep = (primitive: PrimitiveName, operands: readonly number[]): InvalidInput =>
  new InvalidInput({
    place: `expression: ${primitive}`,
    expected: `${primitives[primitive].arity} steps before it`,
    got: operands.join(", ") || "none",
    fix: "name steps that are computed before",
  });

/** @throws InvalidInput on a step that names one behind it, or too few or too many */
function expressionOf(steps: readonly ExpressionStep[]): Expression {
  const built: Expression[] = [];
  for (const step of steps) {
    if (typeof step === "number") built.push(Expression.constant(step));
    else if (typeof step === "string") built.push(Expression.input(step));
    else {
      const [primitive, ...operands] = step;
      const isGood = operands.length === primitives[primitive].arity && operands.every((at) => at < built.length);
      if (!isGood) throw badStep(primitive, operands);
      built.push(
        Expression.application(
          primitive,
          operands.map((at) => built[at]!),
        ),
      );
    }
  }
  return built[built.length - 1]!;
}

function fileNode(node: GraphNode): FileNode {
  const { width, ...rest } = node;
  if (rest.kind === "slice" || rest.kind === "broadcast") return { ...rest, width };
  if (rest.kind === "concat") return { ...rest, from: [...rest.from] };
  if (rest.kind !== "elementwise") return rest as FileNode;
  const { from, expression, activation } = rest;
  if (activation !== undefined) return { kind: "activation", from: from[0]!, activation };
  return { kind: "elementwise", from: [...from], steps: stepsOf(expression) };
}

/** A network as a model file holds it. */
export const encodeGraph = ({ graph, inputs, loss }: GraphNetwork): GraphFile => ({
  inputs,
  loss,
  parameters: graph.parameters.map(({ name, shape, start }) => ({ name, shape: [...shape], start })),
  nodes: graph.nodes.slice(1).map(fileNode),
});

function operationOf(node: FileNode): NodeOperation {
  if (node.kind === "activation") {
    const expression = activations[node.activation](Expression.input(operandName(0)));
    return { kind: "elementwise", from: [node.from], expression, activation: node.activation };
  }
  if (node.kind === "elementwise")
    return { kind: "elementwise", from: node.from, expression: expressionOf(node.steps) };
  if (node.kind === "slice") return { kind: "slice", from: node.from, start: node.start };
  return node.kind === "broadcast" ? { kind: "broadcast", from: node.from } : node;
}

/**
 * Builds the network of a file, every node checked.
 * @throws InvalidInput on nodes that do not fit each other, and on an expression that is none
 */
export function decodeGraph({ inputs, loss, parameters, nodes }: GraphFile): AnyNetwork {
  const builder = new GraphBuilder(inputs);
  for (const { name, shape, start } of parameters) builder.addParameter(name, shape, start);
  let output = 0;
  for (const node of nodes) output = builder.add(operationOf(node), "width" in node ? node.width : undefined);
  const graph: Graph = builder.finish(output);
  return networkOfGraph(graph, loss);
}
