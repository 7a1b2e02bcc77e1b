import activation from "../../shaders/activation.wgsl?raw";
import addFour from "../../shaders/addFour.wgsl?raw";
import backwardInputs from "../../shaders/backwardInputs.wgsl?raw";
import backwardInputsTiled from "../../shaders/backwardInputsTiled.wgsl?raw";
import backwardWeights from "../../shaders/backwardWeights.wgsl?raw";
import backwardWeightsTiled from "../../shaders/backwardWeightsTiled.wgsl?raw";
import batchSlices from "../../shaders/batchSlices.wgsl?raw";
import crossEntropy from "../../shaders/crossEntropy.wgsl?raw";
import drawRows from "../../shaders/drawRows.wgsl?raw";
import elementLoss from "../../shaders/elementLoss.wgsl?raw";
import forward from "../../shaders/forward.wgsl?raw";
import forwardTiled from "../../shaders/forwardTiled.wgsl?raw";
import gatherRows from "../../shaders/gatherRows.wgsl?raw";
import loss from "../../shaders/loss.wgsl?raw";
import optimizer from "../../shaders/optimizer.wgsl?raw";
import order from "../../shaders/order.wgsl?raw";
import productTile from "../../shaders/productTile.wgsl?raw";
import quadLoads from "../../shaders/quadLoads.wgsl?raw";
import dropoutKey from "../../shaders/dropoutKey.wgsl?raw";
import replicaRun from "../../shaders/replicaRun.wgsl?raw";
import rows from "../../shaders/rows.wgsl?raw";
import rowSource from "../../shaders/rowSource.wgsl?raw";
import sampleTile from "../../shaders/sampleTile.wgsl?raw";
import scalar from "../../shaders/scalar.wgsl?raw";
import score from "../../shaders/score.wgsl?raw";
import scoreReplicas from "../../shaders/scoreReplicas.wgsl?raw";
import step from "../../shaders/step.wgsl?raw";
import tableGradients from "../../shaders/tableGradients.wgsl?raw";
import tileGradients from "../../shaders/tileGradients.wgsl?raw";
import tileHalves from "../../shaders/tileHalves.wgsl?raw";
import tileLoads from "../../shaders/tileLoads.wgsl?raw";
import tileStores from "../../shaders/tileStores.wgsl?raw";
import tileValues from "../../shaders/tileValues.wgsl?raw";
import trainGroups from "../../shaders/trainGroups.wgsl?raw";
import trainReplicas from "../../shaders/trainReplicas.wgsl?raw";
import trainSamples from "../../shaders/trainSamples.wgsl?raw";
import trainSubgroups from "../../shaders/trainSubgroups.wgsl?raw";
import trainTiles from "../../shaders/trainTiles.wgsl?raw";
import update from "../../shaders/update.wgsl?raw";
import type { Network } from "../network.ts";
import { emitLayers, type TileSizes } from "./emitLayers.ts";
import { emitLaneSums, emitNetwork, emitPartials, emitScore, emitUpdate } from "./emitNetwork.ts";
import type { RowKernel } from "./emitRows.ts";
import type { BindingKind, KernelSource } from "./kernel.ts";
import { join, subgroups } from "./shaderText.ts";

const tile = join(tileLoads, addFour, productTile, tileStores);
const quadTile = join(quadLoads, addFour, productTile, tileStores);

/** Every dispatched kernel of the layered path: its source with the shared functions in front, and its bindings. */
export const kernels = {
  /** step, layer, inputs, parameters, outputs, batchRows */
  forward: {
    name: "forward",
    code: join(step, order, scalar, activation, forward),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** as forward, and parameters once more */
  forwardTiled: {
    name: "forwardTiled",
    code: join(step, order, scalar, activation, tile, forwardTiled),
    bindings: ["step", "uniform", "read", "read", "write", "write", "read"],
  },
  /** as forwardTiled; needs subgroups */
  forwardQuads: {
    name: "forwardTiled",
    variant: "quads",
    code: join(subgroups, step, order, scalar, activation, quadTile, forwardTiled),
    bindings: ["step", "uniform", "read", "read", "write", "write", "read"],
  },
  /** step, layer, outputs, targets, batchRows, dOutputs */
  loss: {
    name: "loss",
    code: join(step, scalar, activation, crossEntropy, elementLoss, loss),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** step, layer, dOutputs, parameters, inputs, dInputs */
  backwardInputs: {
    name: "backwardInputs",
    code: join(step, scalar, activation, backwardInputs),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** as backwardInputs, and parameters once more */
  backwardInputsTiled: {
    name: "backwardInputsTiled",
    code: join(step, scalar, activation, tile, backwardInputsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write", "read"],
  },
  /** as backwardInputsTiled; needs subgroups */
  backwardInputsQuads: {
    name: "backwardInputsTiled",
    variant: "quads",
    code: join(subgroups, step, scalar, activation, quadTile, backwardInputsTiled),
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
    code: join(step, scalar, activation, crossEntropy, elementLoss, score),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** step, layer, indices, dOutputs, gradients */
  tableGradients: {
    name: "tableGradients",
    code: join(step, tableGradients),
    bindings: ["step", "uniform", "read", "read", "write"],
  },
  /** step, page, rows, gathered */
  gatherRows: {
    name: "gatherRows",
    code: join(step, order, gatherRows),
    bindings: ["step", "uniform", "read", "write"],
  },
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof kernels;

/** step, sizes, parameters, arena, and what the nodes read; written for one network. */
export function rowsKernel({ code, buffers }: RowKernel): KernelSource {
  const has = (kind: string): boolean => buffers.some((buffer) => buffer.kind === kind);
  const parts = [...(has("inputs") ? [rowSource] : []), ...(has("settings") ? [dropoutKey] : [])];
  return {
    name: "rows",
    variant: code,
    code: join(step, order, scalar, rows, ...parts, code),
    bindings: [
      "step",
      "uniform",
      "read",
      "write",
      ...buffers.map(({ kind }) => (kind === "batchRows" ? "write" : "read") as BindingKind),
    ],
  };
}

const describe = (...parts: unknown[]): string => JSON.stringify(parts);
const rules = join(step, order, scalar, activation, crossEntropy, elementLoss);

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

const storageOf = ({ isHalf }: TileSizes): string => (isHalf ? tileHalves : tileValues);

/** Kernels of the fused paths, written for one network. */
export const fusedKernels = {
  /** run, hyper, steps, inputs, targets, settings, parameters, moments, losses, status */
  trainReplicas: (network: Network, momentCount: number): KernelSource => ({
    name: "trainReplicas",
    variant: describe(network, momentCount),
    code: join(rules, optimizer, emitNetwork(network), emitUpdate(network, momentCount), replicaRun, trainReplicas),
    bindings: replicaBindings,
  }),
  /** as trainReplicas */
  trainSubgroups: (network: Network, momentCount: number, lanes: number): KernelSource => ({
    name: "trainSubgroups",
    variant: describe(network, momentCount, lanes),
    code: join(
      subgroups,
      `const LANES = ${lanes}u;`,
      rules,
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
      rules,
      optimizer,
      emitLayers(network, sizes),
      sampleTile,
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
    code: join(rules, emitNetwork(network), emitPartials(network), batchSlices, trainSamples),
    bindings: ["step", "uniform", "read", "read", "read", "read", "write"],
  }),
  /** as trainSamples */
  trainTiles: (network: Network, sizes: TileSizes): KernelSource => ({
    name: "trainTiles",
    variant: describe(network, sizes),
    code: join(rules, emitLayers(network, sizes), sampleTile, storageOf(sizes), tileGradients, batchSlices, trainTiles),
    bindings: ["step", "uniform", "read", "read", "read", "read", "write"],
  }),
  /** scoring, inputs, targets, parameters, losses, hits */
  scoreReplicas: (network: Network): KernelSource => ({
    name: "scoreReplicas",
    variant: describe(network),
    code: join(step, scalar, activation, crossEntropy, elementLoss, emitScore(network), scoreReplicas),
    bindings: ["uniform", "read", "read", "read", "write", "write"],
  }),
} as const;
