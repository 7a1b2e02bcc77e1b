import backwardInputs from "../../../shaders/backwardInputs.wgsl";
import backwardWeights from "../../../shaders/backwardWeights.wgsl";
import sampleBatch from "../../../shaders/sampleBatch.wgsl";
import crossEntropy from "../../../shaders/crossEntropy.wgsl";
import forward from "../../../shaders/forward.wgsl";
import gatherRows from "../../../shaders/gatherRows.wgsl";
import loss from "../../../shaders/loss.wgsl";
import lossElementwise from "../../../shaders/lossElementwise.wgsl";
import lossSoftmax from "../../../shaders/lossSoftmax.wgsl";
import oneLane from "../../../shaders/oneLane.wgsl";
import plainMatmul from "../../../shaders/plainMatmul.wgsl";
import quadLoads from "../../../shaders/quadLoads.wgsl";
import scalar from "../../../shaders/scalar.wgsl";
import score from "../../../shaders/score.wgsl";
import scoreElementwise from "../../../shaders/scoreElementwise.wgsl";
import scoreMembers from "../../../shaders/scoreMembers.wgsl";
import storeInLoop from "../../../shaders/storeInLoop.wgsl";
import scoreSoftmax from "../../../shaders/scoreSoftmax.wgsl";
import subgroupLanes from "../../../shaders/subgroupLanes.wgsl";
import tiledMatmul from "../../../shaders/tiledMatmul.wgsl";
import sumAtOnce from "../../../shaders/sumAtOnce.wgsl";
import sumInBlocks from "../../../shaders/sumInBlocks.wgsl";
import tileHalves from "../../../shaders/tileHalves.wgsl";
import tileLoads from "../../../shaders/tileLoads.wgsl";
import tileLossElementwise from "../../../shaders/tileLossElementwise.wgsl";
import tileLossSoftmax from "../../../shaders/tileLossSoftmax.wgsl";
import tileValues from "../../../shaders/tileValues.wgsl";
import trainGroups from "../../../shaders/trainGroups.wgsl";
import trainMembers from "../../../shaders/trainMembers.wgsl";
import trainSamples from "../../../shaders/trainSamples.wgsl";
import trainTiles from "../../../shaders/trainTiles.wgsl";
import update from "../../../shaders/update.wgsl";
import { type Activation, type Loss, type Network, takesLogits } from "../../graph/network.ts";
import { emitActivation } from "./emit/emitActivation.ts";
import { emitLayers, type TileSizes } from "./emit/emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emit/emitNetwork.ts";
import { emitLoss, isRowWise } from "./emit/emitLoss.ts";
import type { KernelUpdate } from "./emit/emitOptimizer.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

/** Shaders and variant of a kernel. */
interface Parts {
  /** Its label. */
  readonly name: string;
  readonly parts: readonly Shader[];
  readonly variant?: string;
}

/** A product of a layer in all variants. */
function product<Name extends string>(
  name: Name,
  operation: Shader,
  sums: Shader,
): Record<`${Name}${"" | "Tiled" | "Quads"}`, Parts> {
  const tiled = [operation, tiledMatmul, sums, storeInLoop];
  const variants: Record<string, Parts> = {
    [name]: { name, parts: [operation, plainMatmul] },
    [`${name}Tiled`]: { name: `${name}Tiled`, parts: [...tiled, tileLoads] },
    [`${name}Quads`]: { name: `${name}Tiled`, parts: [...tiled, quadLoads], variant: "quads" },
  };
  return variants;
}

/** Every dispatched kernel of the layered strategy. Those of quads need subgroups. */
const shaders = {
  ...product("forward", forward, sumAtOnce),
  ...product("backwardInputs", backwardInputs, sumAtOnce),
  ...product("backwardWeights", backwardWeights, sumInBlocks),
  loss: { name: "loss", parts: [loss] },
  sampleBatch: { name: "sampleBatch", parts: [sampleBatch] },
  score: { name: "score", parts: [score] },
  gatherRows: { name: "gatherRows", parts: [gatherRows] },
} as const satisfies Record<string, Parts>;

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
export function layerKernel(kernel: KernelName, { activation, loss: own }: LayerFunctions = {}): KernelSource {
  const { name, parts, variant }: Parts = shaders[kernel];
  const functions: (Shader | string)[] = [
    ...(activation === undefined ? [] : [scalar, emitActivation(activation)]),
    ...(own === undefined ? [] : lossParts(kernel, own)),
  ];
  return kernelOf(
    name,
    [...parts, ...functions],
    functions.length === 0 ? variant : describe(variant, activation, own),
  );
}

/** The kernel that applies an optimizer. */
export const updateKernel = ({ code }: KernelUpdate): KernelSource => kernelOf("update", [update, scalar, code], code);

const storageOf = ({ isHalf }: TileSizes): Shader => (isHalf ? tileHalves : tileValues);

const tileLossOf = ({ loss: own }: Network): Shader => (isRowWise(own) ? tileLossSoftmax : tileLossElementwise);

/** A kernel written for one network. */
const fused = (
  name: string,
  network: Network,
  code: readonly (Shader | string)[],
  ...choices: unknown[]
): KernelSource =>
  kernelOf(name, [scalar, ...(isRowWise(network.loss) ? [crossEntropy] : []), ...code], describe(network, ...choices));

/** Kernels of the fused strategies, written for one network. */
export const fusedKernels = {
  /** @param lanes invocations that train a member; several need subgroups of so many */
  trainMembers: (network: Network, { code, stateCount }: KernelUpdate, lanes = 1): KernelSource => {
    const own = lanes === 1 ? [oneLane] : [subgroupLanes, `const LANES = ${lanes}u;`, emitLaneSums(network)];
    const parts = [trainMembers, ...own, code, emitNetwork(network), emitUpdate(network, stateCount)];
    return fused("trainMembers", network, parts, code, lanes);
  },
  trainGroups: (network: Network, { code }: KernelUpdate, sizes: TileSizes): KernelSource =>
    fused(
      "trainGroups",
      network,
      [trainGroups, storageOf(sizes), tileLossOf(network), code, emitLayers(network, sizes)],
      code,
      sizes,
    ),
  trainSamples: (network: Network): KernelSource =>
    fused("trainSamples", network, [trainSamples, emitNetwork(network), emitPartials(network)]),
  trainTiles: (network: Network, sizes: TileSizes): KernelSource =>
    fused(
      "trainTiles",
      network,
      [trainTiles, storageOf(sizes), tileLossOf(network), emitLayers(network, sizes)],
      sizes,
    ),
  scoreMembers: (network: Network): KernelSource => fused("scoreMembers", network, [scoreMembers, emitScore(network)]),
} as const;
