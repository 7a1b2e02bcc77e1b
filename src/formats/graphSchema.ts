import * as v from "valibot";
import { GraphBuilder, operandExpressions } from "../graph/builder.ts";
import { type Graph, type GraphNode, reductionNames, type NodeOperation } from "../graph/graph.ts";
import { type AnyNetwork, type GraphNetwork, networkOfGraph } from "../graph/graphNetwork.ts";
import { activationFunction } from "../math/scalarFunction.ts";
import { decodeDefinition, encodeDefinition } from "../math/definition.ts";
import { type Activation, activationNames, type Loss, lossNames, requireActivation } from "../graph/network.ts";

// Graphs in model files: plain JSON, which is checked by a schema and then built again node by node, as a user's function is.

const place = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const places = v.pipe(v.array(place), v.minLength(1), v.maxLength(1000));
const finite = v.pipe(v.number(), v.finite());

/** A function of a user's, as data; network() checks the definition. */
export const ownSchema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(10_000)),
  definition: v.pipe(v.array(v.array(v.union([v.string(), finite]))), v.maxLength(1000)),
});

const nodeSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("parameter"), parameter: place }),
  v.strictObject({ kind: v.literal("dense"), from: place, weights: place, bias: place }),
  v.strictObject({
    kind: v.literal("activation"),
    from: place,
    activation: v.union([v.picklist(activationNames), ownSchema]),
  }),
  v.strictObject({
    kind: v.literal("elementwise"),
    from: places,
    definition: ownSchema.entries.definition,
  }),
  v.strictObject({ kind: v.literal("reduce"), from: place, reduction: v.picklist(reductionNames) }),
  v.strictObject({ kind: v.literal("broadcast"), from: place, width: place }),
  v.strictObject({ kind: v.literal("concat"), from: places }),
  v.strictObject({ kind: v.literal("slice"), from: place, start: place, width: place }),
  v.strictObject({ kind: v.literal("gather"), from: place, table: place }),
  v.strictObject({ kind: v.literal("noise"), from: place, deviation: finite, stream: place }),
  v.strictObject({ kind: v.literal("dropout"), from: place, rate: finite, stream: place }),
]);
type FileNode = v.InferOutput<typeof nodeSchema>;

/** A network of any layers in a model file; node 0 is the input, and the last one the output. */
export const graphSchema = v.strictObject({
  inputs: v.number(),
  loss: v.union([v.picklist(lossNames), ownSchema]),
  parameters: v.pipe(
    v.array(
      v.strictObject({
        name: v.pipe(v.string(), v.regex(/^layers\.\d{1,5}\.[a-zA-Z][a-zA-Z0-9]{0,63}$/)),
        shape: v.pipe(v.array(place), v.minLength(1), v.maxLength(2)),
        start: v.picklist(["weights", "table", "tableWithUnknown", "zeros", "ones"]),
      }),
    ),
    v.maxLength(10_000),
  ),
  nodes: v.pipe(v.array(nodeSchema), v.maxLength(10_000)),
});
type GraphFile = v.InferOutput<typeof graphSchema>;

function fileNode(node: GraphNode): FileNode {
  const { width, ...rest } = node;
  if (rest.kind === "slice" || rest.kind === "broadcast") return { ...rest, width };
  if (rest.kind === "concat") return { ...rest, from: [...rest.from] };
  if (rest.kind !== "elementwise") return rest as FileNode;
  const { from, expression, activation } = rest;
  if (activation !== undefined) return { kind: "activation", from: from[0]!, activation } as FileNode;
  return { kind: "elementwise", from: [...from], definition: encodeDefinition(expression) } as unknown as FileNode;
}

/** A network as a model file holds it. */
export const encodeGraph = ({ graph, inputs, loss }: GraphNetwork): GraphFile => ({
  inputs,
  loss: loss as GraphFile["loss"],
  parameters: graph.parameters.map(({ name, shape, start }) => ({ name, shape: [...shape], start })),
  nodes: graph.nodes.slice(1).map(fileNode),
});

function operationOf(node: FileNode): NodeOperation {
  if (node.kind === "activation") {
    const activation = node.activation as Activation;
    requireActivation("network: activation", activation);
    const expression = activationFunction(activation).forward.substitute(new Map([["z", operandExpressions(1)[0]!]]));
    return { kind: "elementwise", from: [node.from], expression, activation };
  }
  if (node.kind === "elementwise") {
    const names = operandExpressions(node.from.length).map(({ name }) => name);
    const expression = decodeDefinition("network: elementwise", node.definition, names);
    return { kind: "elementwise", from: node.from, expression };
  }
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
  return networkOfGraph(graph, loss as Loss);
}
