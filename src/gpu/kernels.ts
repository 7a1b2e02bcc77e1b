import activation from "../../shaders/activation.wgsl?raw";
import backwardInputs from "../../shaders/backwardInputs.wgsl?raw";
import backwardInputsTiled from "../../shaders/backwardInputsTiled.wgsl?raw";
import backwardWeights from "../../shaders/backwardWeights.wgsl?raw";
import backwardWeightsTiled from "../../shaders/backwardWeightsTiled.wgsl?raw";
import elementLoss from "../../shaders/elementLoss.wgsl?raw";
import forward from "../../shaders/forward.wgsl?raw";
import forwardTiled from "../../shaders/forwardTiled.wgsl?raw";
import gatherRows from "../../shaders/gatherRows.wgsl?raw";
import loss from "../../shaders/loss.wgsl?raw";
import optimizer from "../../shaders/optimizer.wgsl?raw";
import order from "../../shaders/order.wgsl?raw";
import step from "../../shaders/step.wgsl?raw";
import trainReplicas from "../../shaders/trainReplicas.wgsl?raw";
import trainSamples from "../../shaders/trainSamples.wgsl?raw";
import update from "../../shaders/update.wgsl?raw";
import type { Network } from "../network.ts";
import { emitNetwork, emitPartials, emitUpdate } from "./emitNetwork.ts";
import type { KernelSource } from "./kernel.ts";

const join = (...parts: string[]): string => parts.join("\n");

/** Every dispatched kernel of the layered path: its source with the shared functions in front, and its bindings. */
export const kernels = {
  /** step, layer, inputs, parameters, outputs, batchRows */
  forward: {
    name: "forward",
    code: join(step, order, activation, forward),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** as forward */
  forwardTiled: {
    name: "forwardTiled",
    code: join(step, order, activation, forwardTiled),
    bindings: ["step", "uniform", "read", "read", "write", "write"],
  },
  /** step, layer, outputs, targets, batchRows, dOutputs */
  loss: {
    name: "loss",
    code: join(step, activation, elementLoss, loss),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** step, layer, dOutputs, parameters, inputs, dInputs */
  backwardInputs: {
    name: "backwardInputs",
    code: join(step, activation, backwardInputs),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** as backwardInputs */
  backwardInputsTiled: {
    name: "backwardInputsTiled",
    code: join(step, activation, backwardInputsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** step, layer, inputs, dOutputs, batchRows, gradients */
  backwardWeights: {
    name: "backwardWeights",
    code: join(step, backwardWeights),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** as backwardWeights */
  backwardWeightsTiled: {
    name: "backwardWeightsTiled",
    code: join(step, backwardWeightsTiled),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  },
  /** step, hyper, gradients, parameters, moments, losses, nonFinite */
  update: {
    name: "update",
    code: join(step, optimizer, update),
    bindings: ["step", "uniform", "read", "write", "write", "write", "write"],
  },
  /** step, page, rows, gathered */
  gatherRows: {
    name: "gatherRows",
    code: join(step, order, gatherRows),
    bindings: ["step", "uniform", "read", "write"],
  },
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof kernels;

const describe = (network: Network): string => JSON.stringify(network);

/** Kernels of the fused path, written for one network of few parameters. */
export const fusedKernels = {
  /** run, hyper, steps, inputs, targets, parameters, moments, losses, nonFinite */
  trainReplicas: (network: Network): KernelSource => ({
    name: "trainReplicas",
    variant: describe(network),
    code: join(
      step,
      order,
      activation,
      elementLoss,
      optimizer,
      emitNetwork(network),
      emitUpdate(network),
      trainReplicas,
    ),
    bindings: ["uniform", "uniform", "read", "read", "read", "write", "write", "write", "write"],
  }),
  /** step, slices, inputs, targets, parameters, partials */
  trainSamples: (network: Network): KernelSource => ({
    name: "trainSamples",
    variant: describe(network),
    code: join(step, order, activation, elementLoss, emitNetwork(network), emitPartials(network), trainSamples),
    bindings: ["step", "uniform", "read", "read", "read", "write"],
  }),
} as const;
