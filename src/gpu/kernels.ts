import backwardInputs from "../../shaders/backwardInputs.wgsl";
import backwardInputsTiled from "../../shaders/backwardInputsTiled.wgsl";
import backwardWeights from "../../shaders/backwardWeights.wgsl";
import backwardWeightsTiled from "../../shaders/backwardWeightsTiled.wgsl";
import drawRows from "../../shaders/drawRows.wgsl";
import crossEntropy from "../../shaders/crossEntropy.wgsl";
import forward from "../../shaders/forward.wgsl";
import forwardTiled from "../../shaders/forwardTiled.wgsl";
import gatherRows from "../../shaders/gatherRows.wgsl";
import loss from "../../shaders/loss.wgsl";
import lossElementwise from "../../shaders/lossElementwise.wgsl";
import lossSoftmax from "../../shaders/lossSoftmax.wgsl";
import oneLane from "../../shaders/oneLane.wgsl";
import quadLoads from "../../shaders/quadLoads.wgsl";
import scalar from "../../shaders/scalar.wgsl";
import score from "../../shaders/score.wgsl";
import scoreElementwise from "../../shaders/scoreElementwise.wgsl";
import scoreReplicas from "../../shaders/scoreReplicas.wgsl";
import scoreSoftmax from "../../shaders/scoreSoftmax.wgsl";
import subgroupLanes from "../../shaders/subgroupLanes.wgsl";
import tileHalves from "../../shaders/tileHalves.wgsl";
import tileLoads from "../../shaders/tileLoads.wgsl";
import tileLossElementwise from "../../shaders/tileLossElementwise.wgsl";
import tileLossSoftmax from "../../shaders/tileLossSoftmax.wgsl";
import tileValues from "../../shaders/tileValues.wgsl";
import trainGroups from "../../shaders/trainGroups.wgsl";
import trainReplicas from "../../shaders/trainReplicas.wgsl";
import trainSamples from "../../shaders/trainSamples.wgsl";
import trainTiles from "../../shaders/trainTiles.wgsl";
import update from "../../shaders/update.wgsl";
import { type Activation, type Loss, type Network, takesLogits } from "../network.ts";
import { emitActivation } from "./emitActivation.ts";
import { emitLayers, type TileSizes } from "./emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emitNetwork.ts";
import { emitLoss, isRowWise } from "./emitLoss.ts";
import type { KernelUpdate } from "./emitOptimizer.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

/** Shaders of every dispatched kernel of the layered path. Those of quads need subgroups. */
const shaders = {
  forward: { parts: [forward] },
  forwardTiled: { parts: [forwardTiled, tileLoads] },
  forwardQuads: { parts: [forwardTiled, quadLoads], variant: "quads" },
  loss: { parts: [loss] },
  backwardInputs: { parts: [backwardInputs] },
  backwardInputsTiled: { parts: [backwardInputsTiled, tileLoads] },
  backwardInputsQuads: { parts: [backwardInputsTiled, quadLoads], variant: "quads" },
  backwardWeights: { parts: [backwardWeights] },
  backwardWeightsTiled: { parts: [backwardWeightsTiled, tileLoads] },
  backwardWeightsQuads: { parts: [backwardWeightsTiled, quadLoads], variant: "quads" },
  drawRows: { parts: [drawRows] },
  score: { parts: [score] },
  gatherRows: { parts: [gatherRows] },
} as const satisfies Record<string, { readonly parts: readonly [Shader, ...Shader[]]; readonly variant?: string }>;

export type KernelName = keyof typeof shaders;

/** What kernels of layers leave open. */
export interface LayerFunctions {
  /** Of forward, backwardInputs and loss: that of the layer whose outputs they take. */
  readonly activation?: Activation;
  /** Of loss and score. */
  readonly loss?: Loss;
}

/** Tells kernels apart whose code is written for what is described. */
const describe = (...parts: unknown[]): string => JSON.stringify(parts);

/** What the kernels of losses leave open. */
const lossesOf: Partial<Record<KernelName, { readonly elementwise: Shader; readonly softmax: Shader }>> = {
  loss: { elementwise: lossElementwise, softmax: lossSoftmax },
  score: { elementwise: scoreElementwise, softmax: scoreSoftmax },
};

function lossParts(kernel: KernelName, of: Loss): (Shader | string)[] {
  const { elementwise, softmax } = lossesOf[kernel]!;
  return isRowWise(of) ? [softmax] : [scalar, elementwise, emitLoss(of), `const COUNTS_SIGNS = ${takesLogits(of)};`];
}

/** A kernel of layers with the functions of an activation and of a loss. */
export function layerKernel(name: KernelName, { activation, loss: own }: LayerFunctions = {}): KernelSource {
  const { parts, variant }: { parts: readonly [Shader, ...Shader[]]; variant?: string } = shaders[name];
  const functions: (Shader | string)[] = [
    ...(activation === undefined ? [] : [scalar, emitActivation(activation)]),
    ...(own === undefined ? [] : lossParts(name, own)),
  ];
  return kernelOf([...parts, ...functions], functions.length === 0 ? variant : describe(variant, activation, own));
}

/** The kernel that applies an optimizer. */
export const updateKernel = ({ code }: KernelUpdate): KernelSource => kernelOf([update, scalar, code], code);

const storageOf = ({ isHalf }: TileSizes): Shader => (isHalf ? tileHalves : tileValues);

const tileLossOf = ({ loss: own }: Network): Shader => (isRowWise(own) ? tileLossSoftmax : tileLossElementwise);

/** A kernel written for one network. */
const fused = (
  shader: Shader,
  network: Network,
  code: readonly (Shader | string)[],
  ...choices: unknown[]
): KernelSource =>
  kernelOf(
    [shader, scalar, ...(isRowWise(network.loss) ? [crossEntropy] : []), ...code],
    describe(network, ...choices),
  );

/** Kernels of the fused paths, written for one network. */
export const fusedKernels = {
  /** @param lanes invocations that train a replica; several need subgroups of so many */
  trainReplicas: (network: Network, { code, stateCount }: KernelUpdate, lanes = 1): KernelSource => {
    const own = lanes === 1 ? [oneLane] : [subgroupLanes, `const LANES = ${lanes}u;`, emitLaneSums(network)];
    return fused(
      trainReplicas,
      network,
      [...own, code, emitNetwork(network), emitUpdate(network, stateCount)],
      code,
      lanes,
    );
  },
  trainGroups: (network: Network, { code }: KernelUpdate, sizes: TileSizes): KernelSource =>
    fused(trainGroups, network, [storageOf(sizes), tileLossOf(network), code, emitLayers(network, sizes)], code, sizes),
  trainSamples: (network: Network): KernelSource =>
    fused(trainSamples, network, [emitNetwork(network), emitPartials(network)]),
  trainTiles: (network: Network, sizes: TileSizes): KernelSource =>
    fused(trainTiles, network, [storageOf(sizes), tileLossOf(network), emitLayers(network, sizes)], sizes),
  scoreReplicas: (network: Network): KernelSource => fused(scoreReplicas, network, [emitScore(network)]),
} as const;
