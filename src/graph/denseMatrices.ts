import type { Matrix } from "../math/orthogonal.ts";
import { operandsOf } from "./graph.ts";
import { type AnyNetwork, denseShapesOf, graphOf } from "./graphNetwork.ts";

/** The weights of dense layers that an optimizer makes orthogonal. */
export interface Matrices {
  readonly all: readonly Matrix[];
  /** 1 for each of their values, else 0, [parameterCount]; not to be changed. */
  readonly mask: Float64Array;
}

/** Dense nodes that read another dense layer, at once or through other nodes, and that another one reads. */
function hiddenNodes(network: AnyNetwork): Set<number> {
  const { nodes } = graphOf(network);
  const isDense = (node: number): boolean => nodes[node]!.kind === "dense";
  /** Dense nodes before each node, and those before any other dense node. */
  const before: Set<number>[] = [];
  const read = new Set<number>();
  for (const node of nodes) {
    const own = operandsOf(node).flatMap((operand) => [...before[operand]!, ...(isDense(operand) ? [operand] : [])]);
    before.push(new Set(own));
    if (node.kind === "dense") for (const dense of own) read.add(dense);
  }
  return new Set([...read].filter((node) => before[node]!.size > 0));
}

function find(network: AnyNetwork, hiddenOnly: boolean): Matrices {
  const hidden = hiddenOnly ? hiddenNodes(network) : undefined;
  const layers = denseShapesOf(graphOf(network)).filter(({ node }) => hidden?.has(node) ?? true);
  const all = layers.map(({ weightsOffset: offset, fanIn, fanOut }) => ({ offset, fanIn, fanOut }));
  const mask = new Float64Array(network.parameterCount);
  for (const { offset, fanIn, fanOut } of all) mask.fill(1, offset, offset + fanIn * fanOut);
  return { all, mask };
}

const known = [new WeakMap<AnyNetwork, Matrices>(), new WeakMap<AnyNetwork, Matrices>()] as const;

/**
 * The matrices of a network: the weights of its dense layers.
 * @param hiddenOnly without the first layers, before which there is no other, and the last ones
 */
export function matricesOf(network: AnyNetwork, { hiddenOnly }: { readonly hiddenOnly: boolean }): Matrices {
  const all = known[hiddenOnly ? 1 : 0];
  const matrices = all.get(network) ?? find(network, hiddenOnly);
  all.set(network, matrices);
  return matrices;
}
