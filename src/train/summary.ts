import { nameOf, type Network, takesLogits, widthsOf } from "../network.ts";

const count = (value: number): string => value.toLocaleString("en");

/** The layers of a network as a table of text, and what they make up together. */
export function summaryOf(network: Network, replicas: number): string {
  const { layers, inputs, loss, parameterCount } = network;
  const rows = [
    ["layer", "activation", "output", "parameters"],
    ["inputs", "", count(inputs), "0"],
    ...layers.map(({ index, activation, fanIn, fanOut }) => [
      `${index + 1} dense`,
      nameOf(activation),
      count(fanOut),
      count((fanIn + 1) * fanOut),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isText = (column: number): boolean => column < 2;
  const pad = (cell: string, column: number): string =>
    isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  const networks = replicas > 1 ? ` in each of ${count(replicas)} networks` : "";
  return [
    ...rows.map((row) => row.map(pad).join("  ").trimEnd()),
    "",
    `${widthsOf(network)}: ${count(parameterCount)} parameters${networks}; loss ${nameOf(loss)}${takesLogits(loss) ? ", on logits" : ""}`,
  ].join("\n");
}
