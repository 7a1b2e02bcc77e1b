import { LimitExceeded } from "../errors.ts";
import { type BufferOwner, write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import { type Bound, type Constants, createDispatch, createKernel, type Dispatch } from "../gpu/kernel.ts";
import { type KernelName, type LayerFunctions, layerKernel } from "../gpu/kernels.ts";
import { type LayerShape, nameOf, savesPreActivation } from "../network.ts";
import { drawsApart, orderConstants, rowCountOf, stepWindow } from "./constants.ts";
import type { BuffersRequest, LayeredBuffers, Page } from "./layeredBuffers.ts";
import { gradientColumnsOf } from "./layeredPlan.ts";
import {
  alignmentOf,
  kernelName,
  valueInvocations,
  versionConstants,
  weightInvocations,
  weightsAlignment,
} from "../gpu/productVersions.ts";
import { pageBlock } from "./uniforms.ts";
import { createUpdateDispatch } from "./updateDispatch.ts";

/** What every dispatch of a run is built from. */
export interface DispatchesRequest extends BuffersRequest {
  /** [replicas, parameterCount]. */
  readonly parameters: GPUBuffer;
  readonly buffers: LayeredBuffers;
}

interface Request {
  readonly name: KernelName;
  readonly label: string;
  readonly functions?: LayerFunctions;
  readonly constants: Constants;
  readonly bound: readonly Bound[];
  readonly invocations: (rows: number) => number;
  readonly replicas: number;
}

async function build(device: GpuDevice, request: Request): Promise<Dispatch> {
  const kernel = await createKernel(device, layerKernel(request.name, request.functions), request.constants);
  return createDispatch(device, kernel, request);
}

const orderOf = ({ settings, network }: DispatchesRequest): Constants =>
  orderConstants(settings, rowCountOf(settings, network));

/** How the first layer finds its rows: `ROWS` of shaders/forward.wgsl. */
function rowsConstant(request: DispatchesRequest, index: number): number {
  if (index > 0 || request.plan.gathered) return 0;
  return drawsApart(request.settings, rowCountOf(request.settings, request.network)) ? 2 : 1;
}

function forwardOf(request: DispatchesRequest, layer: LayerShape): Request {
  const { buffers, parameters, plan } = request;
  const { index, fanOut, activation } = layer;
  const inputs = index === 0 ? buffers.inputs : buffers.outputs[index - 1]!;
  const version = plan.layers[index]!.forward;
  return {
    name: kernelName("forward", version),
    label: `layer ${index}`,
    functions: { activation },
    constants: {
      ROWS: rowsConstant(request, index),
      ...orderOf(request),
      SAVES_PRE_ACTIVATION: savesPreActivation(activation) ? 1 : 0,
      ...versionConstants(
        version,
        request.device.kind,
        weightsAlignment("rows", layer, request.network, request.replicas),
      ),
    },
    bound: [
      stepWindow(buffers.steps),
      buffers.layers[index]!,
      inputs,
      parameters,
      buffers.outputs[index]!,
      buffers.batchRows,
      parameters,
    ],
    invocations: (rows) => valueInvocations(version, rows, fanOut),
    replicas: plan.groupReplicas,
  };
}

function lossOf({ network, buffers, plan }: DispatchesRequest): Request {
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
    replicas: plan.groupReplicas,
  };
}

function backwardWeightsOf(request: DispatchesRequest, layer: LayerShape): Request {
  const { network, buffers, plan } = request;
  const { index } = layer;
  const version = plan.layers[index]!.backwardWeights;
  const columns = gradientColumnsOf(network, layer);
  const invocations = plan.slots * weightInvocations(version, layer, columns);
  const inputs = index === 0 ? buffers.inputs : buffers.outputs[index - 1]!;
  const { steps, layers, dOutputs, batchRows, gradients } = buffers;
  return {
    name: kernelName("backwardWeights", version),
    label: `layer ${index}`,
    constants: {
      GATHERS: index === 0 && !plan.gathered ? 1 : 0,
      ...versionConstants(version, request.device.kind, alignmentOf("rows", columns)),
    },
    bound: [stepWindow(steps), layers[index]!, inputs, dOutputs[index]!, batchRows, gradients, dOutputs[index]!],
    invocations: () => invocations,
    replicas: plan.groupReplicas,
  };
}

function backwardInputsOf(request: DispatchesRequest, layer: LayerShape): Request {
  const { network, buffers, parameters, plan } = request;
  const { index, fanIn } = layer;
  const { activation } = network.layers[index - 1]!;
  const version = plan.layers[index]!.backwardInputs;
  const { steps, layers, outputs, dOutputs } = buffers;
  return {
    name: kernelName("backwardInputs", version),
    label: `layer ${index}`,
    functions: { activation },
    constants: {
      SAVED_PLANE: savesPreActivation(activation) ? 1 : 0,
      ...versionConstants(
        version,
        request.device.kind,
        weightsAlignment("columns", layer, request.network, request.replicas),
      ),
    },
    bound: [
      stepWindow(steps),
      layers[index]!,
      dOutputs[index]!,
      parameters,
      outputs[index - 1]!,
      dOutputs[index - 1]!,
      parameters,
    ],
    invocations: (rows) => valueInvocations(version, rows, fanIn),
    replicas: plan.groupReplicas,
  };
}

interface GatherRequest {
  readonly page: Page;
  readonly width: number;
  readonly gathered: GPUBuffer;
}

function gatherOf(request: DispatchesRequest, owner: BufferOwner, gather: GatherRequest): Request {
  const { device, buffers } = request;
  const { page, width, gathered } = gather;
  const words = pageBlock(page.firstRow, page.rows, width);
  const uniform = owner.uniform(`page ${page.firstRow}`, words.byteLength);
  write(device.gpu, uniform, words);
  return {
    name: "gatherRows",
    label: page.buffer.label,
    constants: orderOf(request),
    bound: [stepWindow(buffers.steps), uniform, page.buffer, gathered],
    invocations: (rows) => rows * width,
    replicas: 1,
  };
}

/** Draws the rows of a chunk for all replicas, or once for all. */
function drawOf(request: DispatchesRequest): Request {
  const { steps, layers, settings, batchRows } = request.buffers;
  return {
    name: "drawRows",
    label: "rows",
    constants: orderOf(request),
    bound: [stepWindow(steps), layers[0]!, settings, batchRows],
    invocations: (rows) => rows,
    replicas: orderOf(request)["OWN_ORDER"] === 1 ? request.plan.groupReplicas : 1,
  };
}

function drawsOf(request: DispatchesRequest): Request[] {
  const { settings, network, plan } = request;
  if (!drawsApart(settings, rowCountOf(settings, network))) return [];
  if (!plan.gathered) return [drawOf(request)];
  throw new LimitExceeded({
    place: "train: rows of their own for replicas",
    expected: "data that fit one buffer",
    got: "data in several pages",
    fix: "take fewer rows, or one seed for all replicas and no bootstrap",
  });
}

function gathersOf(request: DispatchesRequest): Request[] {
  const { network, buffers, plan } = request;
  if (!plan.gathered) return [];
  const { owner, inputs, targets, inputPages, targetPages } = buffers;
  return [
    ...inputPages.map((page) => gatherOf(request, owner, { page, width: network.inputs, gathered: inputs })),
    ...targetPages.map((page) => gatherOf(request, owner, { page, width: network.outputs, gathered: targets })),
  ];
}

/** All dispatches of one step: those of every chunk and group of replicas, and the update behind the last chunk. */
export interface StepDispatches {
  /** Once per chunk, before all groups. */
  readonly gathers: readonly Dispatch[];
  readonly chunk: readonly Dispatch[];
  readonly update: Dispatch;
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
  const buildAll = (requests: readonly Request[]): Promise<Dispatch[]> =>
    Promise.all(requests.map((each) => build(device, each)));
  return {
    gathers: await buildAll(gathersOf(request)),
    chunk: await buildAll([...drawsOf(request), ...forward, lossOf(request), ...backward]),
    update: await createUpdateDispatch(request, { ...request.buffers, parameters: request.parameters }),
  };
}

/** Forward of one layer by itself with another activation: how a trace recovers pre-activations. */
export function createPreActivationDispatch(
  request: DispatchesRequest,
  layer: LayerShape,
  into: GPUBuffer,
): Promise<Dispatch> {
  const usual = forwardOf(request, layer);
  const bound = usual.bound.with(4, into);
  return build(request.device, {
    ...usual,
    bound,
    functions: { activation: "identity" },
    constants: { ...usual.constants, SAVES_PRE_ACTIVATION: 0 },
  });
}
