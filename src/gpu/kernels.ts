import activation from "../../shaders/activation.wgsl";
import backwardInputs from "../../shaders/backwardInputs.wgsl";
import backwardWeights from "../../shaders/backwardWeights.wgsl";
import drawRows from "../../shaders/drawRows.wgsl";
import elementLoss from "../../shaders/elementLoss.wgsl";
import forward from "../../shaders/forward.wgsl";
import gatherRows from "../../shaders/gatherRows.wgsl";
import loss from "../../shaders/loss.wgsl";
import oneLane from "../../shaders/oneLane.wgsl";
import plainProduct from "../../shaders/plainProduct.wgsl";
import quadLoads from "../../shaders/quadLoads.wgsl";
import score from "../../shaders/score.wgsl";
import scoreReplicas from "../../shaders/scoreReplicas.wgsl";
import storeInLoop from "../../shaders/storeInLoop.wgsl";
import subgroupLanes from "../../shaders/subgroupLanes.wgsl";
import tiledProduct from "../../shaders/tiledProduct.wgsl";
import sumAtOnce from "../../shaders/sumAtOnce.wgsl";
import sumInBlocks from "../../shaders/sumInBlocks.wgsl";
import tileHalves from "../../shaders/tileHalves.wgsl";
import tileLoads from "../../shaders/tileLoads.wgsl";
import tileValues from "../../shaders/tileValues.wgsl";
import trainGroups from "../../shaders/trainGroups.wgsl";
import trainReplicas from "../../shaders/trainReplicas.wgsl";
import trainSamples from "../../shaders/trainSamples.wgsl";
import trainTiles from "../../shaders/trainTiles.wgsl";
import update from "../../shaders/update.wgsl";
import type { Network } from "../network.ts";
import { emitLayers, type TileSizes } from "./emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emitNetwork.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

/** A product of a layer in all variants. */
const product = <Name extends string>(
  name: Name,
  operation: Shader,
  sums: Shader,
): Record<`${Name}${"" | "Tiled" | "Quads"}`, KernelSource> =>
  ({
    [name]: kernelOf(name, [operation, plainProduct]),
    [`${name}Tiled`]: kernelOf(`${name}Tiled`, [operation, tiledProduct, sums, storeInLoop, tileLoads]),
    [`${name}Quads`]: kernelOf(`${name}Tiled`, [operation, tiledProduct, sums, storeInLoop, quadLoads], "quads"),
  }) as Record<`${Name}${"" | "Tiled" | "Quads"}`, KernelSource>;

/** Every dispatched kernel of the layered path. Those of quads need subgroups. */
export const kernels = {
  ...product("forward", forward, sumAtOnce),
  ...product("backwardInputs", backwardInputs, sumAtOnce),
  ...product("backwardWeights", backwardWeights, sumInBlocks),
  loss: kernelOf("loss", [loss]),
  update: kernelOf("update", [update]),
  drawRows: kernelOf("drawRows", [drawRows]),
  score: kernelOf("score", [score]),
  gatherRows: kernelOf("gatherRows", [gatherRows]),
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof kernels;

const storageOf = ({ isHalf }: TileSizes): Shader => (isHalf ? tileHalves : tileValues);

/** A kernel written for one network: what is emitted takes activations and losses. */
const fused = (
  name: string,
  network: Network,
  code: readonly (Shader | string)[],
  ...choices: unknown[]
): KernelSource => kernelOf(name, [activation, elementLoss, ...code], JSON.stringify([network, ...choices]));

/** Kernels of the fused paths, written for one network. */
export const fusedKernels = {
  /** @param lanes invocations that train a replica; several need subgroups of so many */
  trainReplicas: (network: Network, momentCount: number, lanes = 1): KernelSource => {
    const own = lanes === 1 ? [oneLane] : [subgroupLanes, `const LANES = ${lanes}u;`, emitLaneSums(network)];
    const code = [trainReplicas, ...own, emitNetwork(network), emitUpdate(network, momentCount)];
    return fused("trainReplicas", network, code, momentCount, lanes);
  },
  trainGroups: (network: Network, sizes: TileSizes): KernelSource =>
    fused("trainGroups", network, [trainGroups, storageOf(sizes), emitLayers(network, sizes)], sizes),
  trainSamples: (network: Network): KernelSource =>
    fused("trainSamples", network, [trainSamples, emitNetwork(network), emitPartials(network)]),
  trainTiles: (network: Network, sizes: TileSizes): KernelSource =>
    fused("trainTiles", network, [trainTiles, storageOf(sizes), emitLayers(network, sizes)], sizes),
  scoreReplicas: (network: Network): KernelSource =>
    fused("scoreReplicas", network, [scoreReplicas, emitScore(network)]),
} as const;
