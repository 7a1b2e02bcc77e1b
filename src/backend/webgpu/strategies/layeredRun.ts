import type { Bound, Dispatch } from "../kernel.ts";
import { type Activation, type LayerShape, nameOf } from "../../../graph/network.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import { stepWindow } from "./costConstants.ts";
import {
  drawsOf,
  gathersOf,
  build,
  type DispatchesRequest,
  type DispatchRequest,
  orderOf,
  rowsConstant,
  createUpdateDispatch,
} from "./dispatches.ts";
import { openRun } from "./gpuRun.ts";
import { createLayeredBuffers, type LayeredBuffers } from "./layeredBuffers.ts";
import { type BuffersRequest, gradientColumnsOf } from "./layeredPlan.ts";
import {
  alignmentOf,
  kernelName,
  valueInvocations,
  variantConstants,
  weightInvocations,
  weightsAlignment,
} from "../matmulVariants.ts";
import { type StepDispatches, StepRun } from "./stepRun.ts";

/** What a layer multiplies: values of nodes, or the data, whose rows are then found by `batchRows`. */
export interface LayerInput {
  readonly values: Bound;
  readonly isData: boolean;
}

const inputOf = ({ buffers }: DispatchesRequest, { index }: LayerShape): LayerInput =>
  index === 0 ? { values: buffers.inputs, isData: true } : { values: buffers.outputs[index - 1]!, isData: false };

export function forwardOf(
  request: DispatchesRequest,
  layer: LayerShape,
  { values, isData } = inputOf(request, layer),
): DispatchRequest {
  const { buffers, parameters, plan } = request;
  const { index, fanOut, activation } = layer;
  const variant = plan.layers[index]!.forward;
  return {
    name: kernelName("forward", variant),
    label: `layer ${index}`,
    functions: { activation },
    constants: {
      ROWS: isData ? rowsConstant(request) : 0,
      ...orderOf(request),
      SAVES_PRE_ACTIVATION: savesPreActivation(activation) ? 1 : 0,
      ...variantConstants(
        variant,
        request.device.kind,
        weightsAlignment("rows", layer, request.network, request.members),
      ),
    },
    bound: [
      stepWindow(buffers.steps),
      buffers.layers[index]!,
      values,
      parameters,
      buffers.outputs[index]!,
      buffers.batchRows,
      parameters,
    ],
    invocations: (rows) => valueInvocations(variant, rows, fanOut),
    members: plan.groupMembers,
  };
}

export function lossOf({ network, buffers, plan }: DispatchesRequest): DispatchRequest {
  const last = network.layers[network.layers.length - 1]!;
  const { index, activation } = last;
  const { steps, layers, outputs, targets, batchRows, dOutputs } = buffers;
  return {
    name: "loss",
    label: nameOf(network.loss),
    functions: { activation, loss: network.loss },
    constants: { SAVED_PLANE: savesPreActivation(activation) ? 1 : 0 },
    bound: [stepWindow(steps), layers[index]!, outputs[index]!, targets, batchRows, dOutputs[index]!],
    invocations: (rows) => rows,
    members: plan.groupMembers,
  };
}

export function backwardWeightsOf(
  request: DispatchesRequest,
  layer: LayerShape,
  { values, isData } = inputOf(request, layer),
  gradient: Bound = request.buffers.dOutputs[layer.index]!,
): DispatchRequest {
  const { network, buffers, plan } = request;
  const { index } = layer;
  const variant = plan.layers[index]!.backwardWeights;
  const columns = gradientColumnsOf(network, layer);
  const invocations = plan.splits * weightInvocations(variant, layer, columns);
  const { steps, layers, batchRows, gradients } = buffers;
  return {
    name: kernelName("backwardWeights", variant),
    label: `layer ${index}`,
    constants: {
      GATHERS: isData && !plan.gathered ? 1 : 0,
      ...variantConstants(variant, request.device.kind, alignmentOf("rows", columns)),
    },
    bound: [stepWindow(steps), layers[index]!, values, gradient, batchRows, gradients, gradient],
    invocations: () => invocations,
    members: plan.groupMembers,
  };
}

/** What the gradient by a layer's inputs goes through and where it goes: the activation of the layer below. */
export interface LayerBelow {
  readonly activation: Activation;
  readonly outputs: Bound;
  readonly dInputs: Bound;
}

const belowOf = ({ network, buffers }: DispatchesRequest, { index }: LayerShape): LayerBelow => ({
  activation: network.layers[index - 1]!.activation,
  outputs: buffers.outputs[index - 1]!,
  dInputs: buffers.dOutputs[index - 1]!,
});

export function backwardInputsOf(
  request: DispatchesRequest,
  layer: LayerShape,
  { activation, outputs, dInputs } = belowOf(request, layer),
  gradient: Bound = request.buffers.dOutputs[layer.index]!,
): DispatchRequest {
  const { buffers, parameters, plan } = request;
  const { index, fanIn } = layer;
  const variant = plan.layers[index]!.backwardInputs;
  const { steps, layers } = buffers;
  return {
    name: kernelName("backwardInputs", variant),
    label: `layer ${index}`,
    functions: { activation },
    constants: {
      SAVED_PLANE: savesPreActivation(activation) ? 1 : 0,
      ...variantConstants(
        variant,
        request.device.kind,
        weightsAlignment("columns", layer, request.network, request.members),
      ),
    },
    bound: [stepWindow(steps), layers[index]!, gradient, parameters, outputs, dInputs, parameters],
    invocations: (rows) => valueInvocations(variant, rows, fanIn),
    members: plan.groupMembers,
  };
}

/**
 * Builds pipelines and bind groups of a step, in the order they run: gathering and drawing aside, 3L for a chunk and 1 for the
 * update.
 * @throws LimitExceeded where rows have to be drawn apart from several pages
 */
export async function createStepDispatches(request: DispatchesRequest): Promise<StepDispatches> {
  const { device, network } = request;
  const backward = network.layers.toReversed().flatMap((layer) => {
    const weights = backwardWeightsOf(request, layer);
    return layer.index === 0 ? [weights] : [weights, backwardInputsOf(request, layer)];
  });
  const forward = network.layers.map((layer) => forwardOf(request, layer));
  const buildAll = (requests: readonly DispatchRequest[]): Promise<Dispatch[]> =>
    Promise.all(requests.map((each) => build(device, each)));
  return {
    gathers: await buildAll(gathersOf(request)),
    chunk: await buildAll([...drawsOf(request), ...forward, lossOf(request), ...backward]),
    update: await createUpdateDispatch(request, { ...request.buffers, parameters: request.parameters }),
  };
}

/** A training run on the layered strategy: 3L + 1 dispatches a step for L layers. */
export type LayeredRun = StepRun<LayeredBuffers>;

/**
 * Allocates buffers, uploads data and compiles pipelines.
 * @param parameters [members, parameterCount], updated by the run
 */
export function createLayeredRun(request: BuffersRequest, parameters: GPUBuffer): Promise<LayeredRun> {
  return openRun(
    request.device,
    (owner) => createLayeredBuffers(request, owner),
    async (buffers) => {
      const dispatches = await createStepDispatches({ ...request, parameters, buffers });
      return new StepRun({ ...request, parameters, buffers, dispatches });
    },
  );
}

/** Forward of one layer by itself with another activation: how a trace recovers pre-activations. */
export function createPreActivationDispatch(
  request: DispatchesRequest,
  layer: LayerShape,
  into: GPUBuffer,
  input = inputOf(request, layer),
): Promise<Dispatch> {
  const usual = forwardOf(request, layer, input);
  const bound = usual.bound.with(4, into);
  return build(request.device, {
    ...usual,
    bound,
    functions: { activation: "identity" },
    constants: { ...usual.constants, SAVES_PRE_ACTIVATION: 0 },
  });
}
