import { type AnyNetwork, fusedChain } from "../../graph/graphNetwork.ts";
import type { Network } from "../../graph/network.ts";

/** Parameters up to which straight-line code compiles soon and stays in the cache of a core. */
const mostParameters = 512;

/** The network, where straight-line code trains it. */
export function fusedNetwork(network: AnyNetwork): Network | undefined {
  const chain = fusedChain(network);
  return chain && chain.parameterCount <= mostParameters ? chain : undefined;
}
