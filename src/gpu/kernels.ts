import addFour from "../../shaders/addFour.wgsl?raw";
import backwardInputs from "../../shaders/backwardInputs.wgsl?raw";
import backwardInputsTiled from "../../shaders/backwardInputsTiled.wgsl?raw";
import backwardWeights from "../../shaders/backwardWeights.wgsl?raw";
import backwardWeightsTiled from "../../shaders/backwardWeightsTiled.wgsl?raw";
import batchSlices from "../../shaders/batchSlices.wgsl?raw";
import crossEntropy from "../../shaders/crossEntropy.wgsl?raw";
import drawRows from "../../shaders/drawRows.wgsl?raw";
import forward from "../../shaders/forward.wgsl?raw";
import forwardTiled from "../../shaders/forwardTiled.wgsl?raw";
import gatherRows from "../../shaders/gatherRows.wgsl?raw";
import loss from "../../shaders/loss.wgsl?raw";
import lossElementwise from "../../shaders/lossElementwise.wgsl?raw";
import lossSoftmax from "../../shaders/lossSoftmax.wgsl?raw";
import optimizer from "../../shaders/optimizer.wgsl?raw";
import order from "../../shaders/order.wgsl?raw";
import productTile from "../../shaders/productTile.wgsl?raw";
import quadLoads from "../../shaders/quadLoads.wgsl?raw";
import replicaRun from "../../shaders/replicaRun.wgsl?raw";
import sampleTile from "../../shaders/sampleTile.wgsl?raw";
import scalar from "../../shaders/scalar.wgsl?raw";
import score from "../../shaders/score.wgsl?raw";
import scoreElementwise from "../../shaders/scoreElementwise.wgsl?raw";
import scoreReplicas from "../../shaders/scoreReplicas.wgsl?raw";
import scoreSoftmax from "../../shaders/scoreSoftmax.wgsl?raw";
import step from "../../shaders/step.wgsl?raw";
import tileGradients from "../../shaders/tileGradients.wgsl?raw";
import tileHalves from "../../shaders/tileHalves.wgsl?raw";
import tileLossElementwise from "../../shaders/tileLossElementwise.wgsl?raw";
import tileLossSoftmax from "../../shaders/tileLossSoftmax.wgsl?raw";
import tileLoads from "../../shaders/tileLoads.wgsl?raw";
import tileStores from "../../shaders/tileStores.wgsl?raw";
import tileValues from "../../shaders/tileValues.wgsl?raw";
import trainGroups from "../../shaders/trainGroups.wgsl?raw";
import trainReplicas from "../../shaders/trainReplicas.wgsl?raw";
import trainSamples from "../../shaders/trainSamples.wgsl?raw";
import trainSubgroups from "../../shaders/trainSubgroups.wgsl?raw";
import trainTiles from "../../shaders/trainTiles.wgsl?raw";
import update from "../../shaders/update.wgsl?raw";
import { type Activation, type Loss, type Network, takesLogits } from "../network.ts";
import { emitActivation } from "./emitActivation.ts";
import { emitLayers, type TileSizes } from "./emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emitNetwork.ts";
import { emitLoss, isRowWise } from "./emitLoss.ts";
import type { BindingKind, KernelSource } from "./kernel.ts";
import { join, subgroups } from "./shaderText.ts";

const tile = join(tileLoads, addFour, productTile, tileStores);
const quadTile = join(quadLoads, addFour, productTile, tileStores);

/** Every dispatched kernel of the layered path: its source with the shared functions in front, and its bindings. */
export const kernels = {
  /** step, layer, inputs, parameters, outputs, batchRows */
  forward: {
    name: "forward",
    code: join(step, order, scalar, forward),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** as forward, and parameters once more */
  forwardTiled: {
    name: "forwardTiled",
    code: join(step, order, scalar, tile, forwardTiled),
    bindings: ["step", "uniform", "read", "read", "write", "write", "read"],
  },
  /** as forwardTiled; needs subgroups */
  forwardQuads: {
    name: "forwardTiled",
    variant: "quads",
    code: join(subgroups, step, order, scalar, quadTile, forwardTiled),
    bindings: ["step", "uniform", "read", "read", "write", "write", "read"],
  },
  /** step, layer, outputs, targets, batchRows, dOutputs */
  loss: {
    name: "loss",
    code: join(step, scalar, loss),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** step, layer, dOutputs, parameters, inputs, dInputs */
  backwardInputs: {
    name: "backwardInputs",
    code: join(step, scalar, backwardInputs),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** as backwardInputs, and parameters once more */
  backwardInputsTiled: {
    name: "backwardInputsTiled",
    code: join(step, scalar, tile, backwardInputsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write", "read"],
  },
  /** as backwardInputsTiled; needs subgroups */
  backwardInputsQuads: {
    name: "backwardInputsTiled",
    variant: "quads",
    code: join(subgroups, step, scalar, quadTile, backwardInputsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write", "read"],
  },
  /** step, layer, inputs, dOutputs, batchRows, gradients */
  backwardWeights: {
    name: "backwardWeights",
    code: join(step, backwardWeights),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** as backwardWeights, and dOutputs once more */
  backwardWeightsTiled: {
    name: "backwardWeightsTiled",
    code: join(step, tile, backwardWeightsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write", "read"],
  },
  /** as backwardWeightsTiled; needs subgroups */
  backwardWeightsQuads: {
    name: "backwardWeightsTiled",
    variant: "quads",
    code: join(subgroups, step, quadTile, backwardWeightsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write", "read"],
  },
  /** step, hyper, settings, gradients, parameters, moments, losses, status */
  update: {
    name: "update",
    code: join(step, optimizer, update),
    bindings: ["step", "uniform", "read", "read", "write", "write", "write", "write"],
  },
  /** step, layer, settings, batchRows */
  drawRows: {
    name: "drawRows",
    code: join(step, order, drawRows),
    bindings: ["step", "uniform", "read", "write"],
  },
  /** step, score, outputs, targets, losses, hits */
  score: {
    name: "score",
    code: join(step, scalar, score),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** step, page, rows, gathered */
  gatherRows: {
    name: "gatherRows",
    code: join(step, order, gatherRows),
    bindings: ["step", "uniform", "read", "write"],
  },
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof kernels;

/** Tells kernels apart whose code is written for what is described. */
const describe = (...parts: unknown[]): string => JSON.stringify(parts);

/** Routines that a loss of rows is computed by. */
const routinesOf = (name: Loss): string => (isRowWise(name) ? crossEntropy : "");

/** What kernels of layers leave open. */
export interface LayerFunctions {
  /** Of forward, backwardInputs and loss: that of the layer whose outputs they take. */
  readonly activation?: Activation;
  /** Of loss and score. */
  readonly loss?: Loss;
}

/** What the kernels of losses leave open beside `elementLoss`. */
const lossesOf: Partial<Record<KernelName, { readonly elementwise: string; readonly softmax: string }>> = {
  loss: { elementwise: lossElementwise, softmax: lossSoftmax },
  score: { elementwise: scoreElementwise, softmax: scoreSoftmax },
};

function lossCode(kernel: KernelName, name: Loss): string {
  const { elementwise, softmax } = lossesOf[kernel]!;
  if (isRowWise(name)) return join(crossEntropy, softmax);
  return join(emitLoss(name), `const COUNTS_SIGNS = ${takesLogits(name)};`, elementwise);
}

/** A kernel of layers with the functions of an activation and of a loss. */
export function layerKernel(name: KernelName, { activation, loss: lossName }: LayerFunctions = {}): KernelSource {
  const source: KernelSource = kernels[name];
  const functions = [
    ...(activation === undefined ? [] : [emitActivation(activation)]),
    ...(lossName === undefined ? [] : [lossCode(name, lossName)]),
  ];
  if (functions.length === 0) return source;
  const variant = describe(source.variant, activation, lossName);
  return { ...source, variant, code: join(source.code, ...functions) };
}

const rulesOf = ({ loss }: Network): string => join(step, order, scalar, routinesOf(loss));

const replicaBindings = [
  "uniform",
  "uniform",
  "read",
  "read",
  "read",
  "read",
  "write",
  "write",
  "write",
  "write",
] as const satisfies readonly BindingKind[];

const tileLossOf = ({ loss }: Network): string => (isRowWise(loss) ? tileLossSoftmax : tileLossElementwise);

const storageOf = ({ isHalf }: TileSizes): string => (isHalf ? tileHalves : tileValues);

/** Kernels of the fused paths, written for one network. */
export const fusedKernels = {
  /** run, hyper, steps, inputs, targets, settings, parameters, moments, losses, status */
  trainReplicas: (network: Network, momentCount: number): KernelSource => ({
    name: "trainReplicas",
    variant: describe(network, momentCount),
    code: join(
      rulesOf(network),
      optimizer,
      emitNetwork(network),
      emitUpdate(network, momentCount),
      replicaRun,
      trainReplicas,
    ),
    bindings: replicaBindings,
  }),
  /** as trainReplicas */
  trainSubgroups: (network: Network, momentCount: number, lanes: number): KernelSource => ({
    name: "trainSubgroups",
    variant: describe(network, momentCount, lanes),
    code: join(
      subgroups,
      `const LANES = ${lanes}u;`,
      rulesOf(network),
      optimizer,
      emitNetwork(network),
      emitUpdate(network, momentCount),
      emitLaneSums(network),
      replicaRun,
      trainSubgroups,
    ),
    bindings: replicaBindings,
  }),
  /** as trainReplicas */
  trainGroups: (network: Network, sizes: TileSizes): KernelSource => ({
    name: "trainGroups",
    variant: describe(network, sizes),
    code: join(
      rulesOf(network),
      optimizer,
      emitLayers(network, sizes),
      sampleTile,
      tileLossOf(network),
      storageOf(sizes),
      tileGradients,
      replicaRun,
      trainGroups,
    ),
    bindings: replicaBindings,
  }),
  /** step, slices, inputs, targets, settings, parameters, partials */
  trainSamples: (network: Network): KernelSource => ({
    name: "trainSamples",
    variant: describe(network),
    code: join(rulesOf(network), emitNetwork(network), emitPartials(network), batchSlices, trainSamples),
    bindings: ["step", "uniform", "read", "read", "read", "read", "write"],
  }),
  /** as trainSamples */
  trainTiles: (network: Network, sizes: TileSizes): KernelSource => ({
    name: "trainTiles",
    variant: describe(network, sizes),
    code: join(
      rulesOf(network),
      emitLayers(network, sizes),
      sampleTile,
      tileLossOf(network),
      storageOf(sizes),
      tileGradients,
      batchSlices,
      trainTiles,
    ),
    bindings: ["step", "uniform", "read", "read", "read", "read", "write"],
  }),
  /** scoring, inputs, targets, parameters, losses, hits */
  scoreReplicas: (network: Network): KernelSource => ({
    name: "scoreReplicas",
    variant: describe(network),
    code: join(step, scalar, routinesOf(network.loss), emitScore(network), scoreReplicas),
    bindings: ["uniform", "read", "read", "read", "write", "write"],
  }),
} as const;
