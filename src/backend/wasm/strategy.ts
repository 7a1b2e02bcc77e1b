import { type AnyNetwork, fusedChain } from "../../graph/graphNetwork.ts";
import type { Network } from "../../graph/network.ts";
import { InvalidInput } from "../../errors.ts";
import { layeredOnly } from "../../math/optimizerFunction.ts";
import type { WasmWork } from "./costModel.ts";

/** Parameters up to which straight-line code compiles soon and stays in the cache of a core. */
const mostParameters = 512;

/** The network, where straight-line code trains it. */
export function fusedNetwork(network: AnyNetwork): Network | undefined {
  const chain = fusedChain(network);
  return chain && chain.parameterCount <= mostParameters ? chain : undefined;
}

/**
 * How a run is trained: in straight-line code where the network is small enough, else layer by layer.
 * @throws InvalidInput where a strategy is requested that this network does not have in WebAssembly
 */
export function strategyOf({
  network,
  members,
  plannedMembers = members,
  settings,
}: WasmWork): "members" | "samples" | "layered" {
  const { strategy = "auto", optimizer } = settings;
  const reason = layeredOnly(optimizer);
  const fits = reason === undefined && fusedNetwork(network) !== undefined;
  const fused = fits ? (plannedMembers > 1 ? "members" : "samples") : undefined;
  if (strategy === "auto") return fused ?? "layered";
  if (strategy === "layered" || strategy === fused) return strategy;
  const whose = reason === undefined ? "this network" : `${optimizer.name}, since ${reason},`;
  throw new InvalidInput({
    place: "train: strategy",
    expected: `one of ${["auto", "layered", ...(fused ? [fused] : [])].join(", ")} for ${whose} in WebAssembly`,
    got: strategy,
    fix: "leave strategy out to use the fastest",
  });
}
