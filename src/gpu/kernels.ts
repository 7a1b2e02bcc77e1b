import activation from "../../shaders/activation.wgsl";
import backwardInputs from "../../shaders/backwardInputs.wgsl";
import backwardInputsTiled from "../../shaders/backwardInputsTiled.wgsl";
import backwardWeights from "../../shaders/backwardWeights.wgsl";
import backwardWeightsTiled from "../../shaders/backwardWeightsTiled.wgsl";
import drawRows from "../../shaders/drawRows.wgsl";
import elementLoss from "../../shaders/elementLoss.wgsl";
import forward from "../../shaders/forward.wgsl";
import forwardTiled from "../../shaders/forwardTiled.wgsl";
import gatherRows from "../../shaders/gatherRows.wgsl";
import loss from "../../shaders/loss.wgsl";
import oneLane from "../../shaders/oneLane.wgsl";
import quadLoads from "../../shaders/quadLoads.wgsl";
import score from "../../shaders/score.wgsl";
import scoreReplicas from "../../shaders/scoreReplicas.wgsl";
import subgroupLanes from "../../shaders/subgroupLanes.wgsl";
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

/** Every dispatched kernel of the layered path. Those of quads need subgroups. */
export const kernels = {
  forward: kernelOf([forward]),
  forwardTiled: kernelOf([forwardTiled, tileLoads]),
  forwardQuads: kernelOf([forwardTiled, quadLoads], "quads"),
  loss: kernelOf([loss]),
  backwardInputs: kernelOf([backwardInputs]),
  backwardInputsTiled: kernelOf([backwardInputsTiled, tileLoads]),
  backwardInputsQuads: kernelOf([backwardInputsTiled, quadLoads], "quads"),
  backwardWeights: kernelOf([backwardWeights]),
  backwardWeightsTiled: kernelOf([backwardWeightsTiled, tileLoads]),
  backwardWeightsQuads: kernelOf([backwardWeightsTiled, quadLoads], "quads"),
  update: kernelOf([update]),
  drawRows: kernelOf([drawRows]),
  score: kernelOf([score]),
  gatherRows: kernelOf([gatherRows]),
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof kernels;

const storageOf = ({ isHalf }: TileSizes): Shader => (isHalf ? tileHalves : tileValues);

/** A kernel written for one network: what is emitted takes activations and losses. */
const fused = (
  shader: Shader,
  network: Network,
  code: readonly (Shader | string)[],
  ...choices: unknown[]
): KernelSource => kernelOf([shader, activation, elementLoss, ...code], JSON.stringify([network, ...choices]));

/** Kernels of the fused paths, written for one network. */
export const fusedKernels = {
  /** @param lanes invocations that train a replica; several need subgroups of so many */
  trainReplicas: (network: Network, momentCount: number, lanes = 1): KernelSource => {
    const own = lanes === 1 ? [oneLane] : [subgroupLanes, `const LANES = ${lanes}u;`, emitLaneSums(network)];
    return fused(
      trainReplicas,
      network,
      [...own, emitNetwork(network), emitUpdate(network, momentCount)],
      momentCount,
      lanes,
    );
  },
  trainGroups: (network: Network, sizes: TileSizes): KernelSource =>
    fused(trainGroups, network, [storageOf(sizes), emitLayers(network, sizes)], sizes),
  trainSamples: (network: Network): KernelSource =>
    fused(trainSamples, network, [emitNetwork(network), emitPartials(network)]),
  trainTiles: (network: Network, sizes: TileSizes): KernelSource =>
    fused(trainTiles, network, [storageOf(sizes), emitLayers(network, sizes)], sizes),
  scoreReplicas: (network: Network): KernelSource => fused(scoreReplicas, network, [emitScore(network)]),
} as const;
