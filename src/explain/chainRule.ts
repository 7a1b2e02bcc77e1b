import type { Network } from "../graph/network.ts";
import { product, sum } from "./expression.ts";
import type { Expression } from "./expression.ts";
import type { StepSymbols } from "./stepSymbols.ts";

/** Most paths from a node to the outputs that are written out one by one. */
const maxPaths = 4;

/** ∂z_to/∂a_from between nodes of two layers, the sum over all paths: w, or w·a′·(…) through the layers between. */
function through(network: Network, symbols: StepSymbols, from: [number, number], to: [number, number]): Expression {
  const [layer, node] = to;
  const shape = network.layers[layer]!;
  if (layer === from[0] + 1) return symbols.weight(shape, from[1], node);
  const terms = symbols.layers[layer - 1]!.map(({ slope }, between) =>
    product(symbols.weight(shape, between, node), slope, through(network, symbols, from, [layer - 1, between])),
  );
  return sum(...terms);
}

/**
 * ∂L/∂z of a node as the chain rule writes it: ∂L/∂a of the outputs, the slopes and weights on the way, the node's own
 * slope. Where the paths are too many to read, only the last link: ∂L/∂a · a′.
 */
export function chainRule(network: Network, symbols: StepSymbols, layer: number, node: number): Expression {
  const { dActivation, slope } = symbols.layers[layer]![node]!;
  const last = network.layers.length - 1;
  const paths = network.layers.slice(layer + 1).reduce((count, { fanOut }) => count * fanOut, 1);
  if (layer === last || paths > maxPaths) return product(dActivation, slope);
  const terms = symbols.layers[last]!.map((output, index) =>
    product(output.dActivation, output.slope, through(network, symbols, [layer, node], [last, index])),
  );
  return product(sum(...terms), slope);
}
