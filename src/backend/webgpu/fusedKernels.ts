import { layouts as slices } from "../../../shaders/batchSlices.wgsl";
import crossEntropy from "../../../shaders/crossEntropy.wgsl";
import dropout from "../../../shaders/dropout.wgsl";
import { layouts as run } from "../../../shaders/memberRun.wgsl";
import oneLane from "../../../shaders/oneLane.wgsl";
import scalar from "../../../shaders/scalar.wgsl";
import scoreMembers, { layouts as scoring } from "../../../shaders/scoreMembers.wgsl";
import subgroupLanes from "../../../shaders/subgroupLanes.wgsl";
import tileHalves from "../../../shaders/tileHalves.wgsl";
import tileLossElementwise from "../../../shaders/tileLossElementwise.wgsl";
import tileLossSoftmax from "../../../shaders/tileLossSoftmax.wgsl";
import tileLayers from "../../../shaders/tileLayers.wgsl";
import tileLayersDropped from "../../../shaders/tileLayersDropped.wgsl";
import tileLossWeighted from "../../../shaders/tileLossWeighted.wgsl";
import tileValues from "../../../shaders/tileValues.wgsl";
import clippedGroupUpdate from "../../../shaders/clippedGroupUpdate.wgsl";
import clipScale from "../../../shaders/clipScale.wgsl";
import groupUpdate from "../../../shaders/groupUpdate.wgsl";
import trainGroups from "../../../shaders/trainGroups.wgsl";
import trainMembers from "../../../shaders/trainMembers.wgsl";
import trainSamples from "../../../shaders/trainSamples.wgsl";
import trainTiles from "../../../shaders/trainTiles.wgsl";
import { hasDrops, type Network, isRowWise } from "../../graph/network.ts";
import { emitLayers } from "./emit/emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emit/emitNetwork.ts";
import { type KernelUpdate, updateCode } from "./emit/emitOptimizer.ts";
import type { TileSizes } from "./emit/networkLayout.ts";
import { blockOf } from "./layout.ts";
import { kernelOf, type KernelSource, type Shader } from "./shader.ts";

// Kernels that are written for one network, and the structs that they read.

export const { Scoring } = scoring;

/** `Run` of shaders/memberRun.wgsl. */
export const runBlock = (steps: number, firstMember: number, endMember: number): ArrayBuffer =>
  blockOf(run.Run, { steps, firstMember, endMember });

/** `Slices` of shaders/batchSlices.wgsl. */
export const slicesBlock = (rows: number, splits: number, members: number): ArrayBuffer =>
  blockOf(slices.Slices, { rows, splits, members });

const storageOf = ({ isHalf }: TileSizes): Shader => (isHalf ? tileHalves : tileValues);

const tileLossOf = ({ loss: own, isWeighted }: Network): Shader => {
  if (isRowWise(own)) return tileLossSoftmax;
  return isWeighted ? tileLossWeighted : tileLossElementwise;
};

const tileLayersOf = (network: Network): Shader => (hasDrops(network) ? tileLayersDropped : tileLayers);

/** A kernel written for one network. */
const fused = (
  name: string,
  network: Network,
  code: readonly (Shader | string)[],
  ...choices: unknown[]
): KernelSource =>
  kernelOf(
    name,
    [scalar, ...(isRowWise(network.loss) ? [crossEntropy] : []), ...(hasDrops(network) ? [dropout] : []), ...code],
    JSON.stringify([network, ...choices]),
  );

/** Kernels of the fused strategies, written for one network. */
export const fusedKernels = {
  /** @param lanes invocations that train a member; several need subgroups of so many */
  trainMembers: (network: Network, update: KernelUpdate, lanes = 1): KernelSource => {
    const code = updateCode(update, network);
    const own = lanes === 1 ? [oneLane] : [subgroupLanes, `const LANES = ${lanes}u;`, emitLaneSums(network)];
    const parts = [
      trainMembers,
      ...own,
      ...(update.clipsNorm ? [clipScale] : []),
      code,
      emitNetwork(network),
      emitUpdate(network, update.stateCount, update.clipsNorm),
    ];
    return fused("trainMembers", network, parts, code, lanes);
  },
  trainGroups: (network: Network, update: KernelUpdate, sizes: TileSizes): KernelSource => {
    const code = updateCode(update, network);
    const parts = [
      trainGroups,
      update.clipsNorm ? clippedGroupUpdate : groupUpdate,
      tileLayersOf(network),
      storageOf(sizes),
      tileLossOf(network),
      code,
      emitLayers(network, sizes),
    ];
    return fused("trainGroups", network, parts, code, sizes);
  },
  trainSamples: (network: Network): KernelSource =>
    fused("trainSamples", network, [trainSamples, emitNetwork(network), emitPartials(network)]),
  trainTiles: (network: Network, sizes: TileSizes): KernelSource =>
    fused(
      "trainTiles",
      network,
      [trainTiles, tileLayersOf(network), storageOf(sizes), tileLossOf(network), emitLayers(network, sizes)],
      sizes,
    ),
  scoreMembers: (network: Network): KernelSource => fused("scoreMembers", network, [scoreMembers, emitScore(network)]),
} as const;
