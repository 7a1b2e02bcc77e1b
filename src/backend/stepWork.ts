import type { Graph, GraphNode } from "../graph/graph.ts";
import { matricesOf } from "../graph/denseMatrices.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Network } from "../graph/network.ts";
import type { Optimizer } from "../math/optimizer.ts";
import { makesOrthogonal, momentCount } from "../math/optimizerFunction.ts";
import { gramSide, type Matrix } from "../math/orthogonal.ts";

// Floating-point operations of a training step, for the cost models of all machines.

/** Cost of an activation and its slope. */
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

/** Returns the operations that orthogonalise the matrices of a member in one step; 0 for other optimizers. */
export function orthogonalFlops(network: AnyNetwork, optimizer: Optimizer): number {
  if (!makesOrthogonal(optimizer)) return 0;
  const ofMatrix = (matrix: Matrix): number => {
    const [side, other] = [gramSide(matrix), Math.max(matrix.fanIn, matrix.fanOut)];
    return optimizer.newtonSchulzSteps * side * side * (4 * other + 2 * side);
  };
  return matricesOf(network, optimizer).all.reduce((sum, matrix) => sum + ofMatrix(matrix), 0);
}

/** The update of one parameter. */
export const updateFlops = (optimizer: Optimizer): number => 12 + 12 * momentCount(optimizer);
