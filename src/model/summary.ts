import { type AnyNetwork, asChain, describeArchitecture, parametersOf } from "../graph/graphNetwork.ts";
import { nameOf, takesLogits } from "../graph/network.ts";

const count = (value: number): string => value.toLocaleString("en");

/** Layer, activation, output width and number of parameters of each layer; of a graph the layers that have parameters. */
function layerRows(network: AnyNetwork): string[][] {
  const chain = asChain(network);
  if (chain) {
    return chain.layers.map(({ index, activation, fanIn, fanOut }) => [
      `${index + 1} dense`,
      nameOf(activation),
      count(fanOut),
      count((fanIn + 1) * fanOut),
    ]);
  }
  return parametersOf(network).map(({ name, shape, size }) => [name, "", count(shape.at(-1)!), count(size)]);
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
