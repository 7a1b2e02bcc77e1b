import type { Graph, GraphNode } from "../graph/graph.ts";
import type { Network } from "../graph/network.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { momentCount } from "../math/optimizerFunction.ts";

// Floating-point operations of a training step, for the cost models of all machines.

/** What an activation and its slope cost. */
const activationFlops = 24;

/** One sample, forward, loss and backward, with what functions cost. */
export function sampleFlops({ inputs, layers, outputs }: Network): number {
  const weights = layers.reduce((sum, { fanIn, fanOut }) => sum + fanIn * fanOut, 0);
  const units = layers.reduce((sum, { fanOut }) => sum + fanOut, 0);
  return 6 * weights - 2 * inputs * layers[0]!.fanOut + activationFlops * (units + outputs) + 8 * inputs;
}

/** One sample of any network, likewise: an elementwise node counts as an activation. */
export function graphFlops({ nodes }: Graph): number {
  const ofNode = (node: GraphNode): number => {
    if (node.kind === "dense") return 6 * nodes[node.from]!.width * node.width;
    return (node.kind === "elementwise" ? activationFlops : 8) * node.width;
  };
  return nodes.reduce((sum, node) => sum + ofNode(node), activationFlops * nodes.at(-1)!.width);
}

/** The update of one parameter. */
export const updateFlops = (optimizer: Optimizer): number => 12 + 12 * momentCount(optimizer);
