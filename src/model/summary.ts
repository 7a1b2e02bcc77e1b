import type { ParameterShape } from "../graph/graph.ts";
import { type AnyNetwork, denseShapesOf, describeArchitecture, graphOf } from "../graph/graphNetwork.ts";
import { nameOf, takesLogits } from "../graph/network.ts";

const count = (value: number): string => value.toLocaleString("en");

/** What a layer is called by the roles of its parameters. */
const kindOf = (roles: readonly string[]): string =>
  ({ "weights, bias": "dense", table: "embedding" })[roles.join(", ")] ?? roles.join(", ");

/** Layer, activation, output width and number of parameters of each layer that has parameters. */
function layerRows(network: AnyNetwork): string[][] {
  const graph = graphOf(network);
  const activations = new Map(
    denseShapesOf(graph).map(({ weightsOffset, activation }) => [weightsOffset, nameOf(activation)]),
  );
  const layers = new Map<string, ParameterShape[]>();
  for (const part of graph.parameters) {
    const layer = part.name.slice(0, part.name.lastIndexOf("."));
    layers.set(layer, [...(layers.get(layer) ?? []), part]);
  }
  return [...layers].map(([layer, parts]) => [
    `${Number(layer.slice("layers.".length)) + 1} ${kindOf(parts.map(({ name }) => name.slice(layer.length + 1)))}`,
    activations.get(parts[0]!.offset) ?? "",
    count(parts[0]!.shape.at(-1)!),
    count(parts.reduce((sum, { size }) => sum + size, 0)),
  ]);
}

/** The layers of a network as a table of text, and what they make up together. */
export function summaryOf(network: AnyNetwork, members: number): string {
  const { inputs, loss, parameterCount } = network;
  const rows = [
    ["layer", "activation", "output", "parameters"],
    ["inputs", "", count(inputs), "0"],
    ...layerRows(network),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isText = (column: number): boolean => column < 2;
  const pad = (cell: string, column: number): string =>
    isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  const networks = members > 1 ? ` in each of ${count(members)} networks` : "";
  return [
    ...rows.map((row) => row.map(pad).join("  ").trimEnd()),
    "",
    `${describeArchitecture(network)}: ${count(parameterCount)} parameters${networks}; loss ${nameOf(loss)}${takesLogits(loss) ? ", on logits" : ""}`,
  ].join("\n");
}
