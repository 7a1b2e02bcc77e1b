import { type Bound, type Constants, createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { type KernelName, type LayerFunctions, layerKernel, pageBlock, updateKernel } from "../kernels.ts";
import {
  drawsApart,
  orderConstants,
  rowCountOf,
  stepWindow,
  updateEntries,
  updateInvocations,
} from "./costConstants.ts";
import type { LayeredBuffers, Page } from "./layeredBuffers.ts";
import type { BuffersRequest } from "./layeredPlan.ts";
import { LimitExceeded } from "../../../errors.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import { widestOptimizer } from "../../batches.ts";
import type { RunSettings } from "../../executor.ts";
import type { GpuDevice } from "../device.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import type { Network } from "../../../graph/network.ts";

/** What every dispatch of a run is built from. */
export interface DispatchesRequest extends BuffersRequest {
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
  readonly buffers: LayeredBuffers;
}

/** One dispatch of a kernel of the table. */
export interface DispatchRequest {
  readonly name: KernelName;
  readonly label: string;
  readonly functions?: LayerFunctions;
  readonly constants: Constants;
  readonly bound: readonly Bound[];
  readonly invocations: (rows: number) => number;
  readonly members: number;
}

/** Compiles the kernel and binds the buffers. */
export async function build(device: GpuDevice, request: DispatchRequest): Promise<Dispatch> {
  const kernel = await createKernel(device, layerKernel(request.name, request.functions), request.constants);
  return createDispatch(device, kernel, request);
}

/** How rows are drawn in this run. */
export const orderOf = ({ settings, network }: DispatchesRequest): Constants =>
  orderConstants(settings, rowCountOf(settings, network));

/** How kernels that read the data find their rows: `ROWS` of shaders/forward.wgsl. */
export function rowsConstant(request: DispatchesRequest): number {
  if (request.plan.gathered) return 0;
  return drawsApart(request.settings, rowCountOf(request.settings, request.network)) ? 2 : 1;
}

// How the rows of a batch come from the data: drawn by number, or gathered from several pages.

interface GatherRequest {
  readonly page: Page;
  readonly width: number;
  readonly gathered: GPUBuffer;
}

function gatherOf(request: DispatchesRequest, owner: BufferOwner, gather: GatherRequest): DispatchRequest {
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
    members: 1,
  };
}

/** Draws the rows of a chunk for all members, or once for all. */
function drawOf(request: DispatchesRequest): DispatchRequest {
  const { steps, layers, settings, batchRows } = request.buffers;
  return {
    name: "sampleBatch",
    label: "rows",
    constants: orderOf(request),
    bound: [stepWindow(steps), layers[0]!, settings, batchRows],
    invocations: (rows) => rows,
    members: orderOf(request)["OWN_ORDER"] === 1 ? request.plan.groupMembers : 1,
  };
}

export function drawsOf(request: DispatchesRequest): DispatchRequest[] {
  const { settings, network, plan } = request;
  if (!drawsApart(settings, rowCountOf(settings, network))) return [];
  if (!plan.gathered) return [drawOf(request)];
  throw new LimitExceeded({
    place: "train: rows of their own for members",
    expected: "data that fit one buffer",
    got: "data in several pages",
    fix: "take fewer rows, or one seed for all members and no bootstrap",
  });
}

export function gathersOf(request: DispatchesRequest): DispatchRequest[] {
  const { network, buffers, plan } = request;
  if (!plan.gathered) return [];
  const { owner, inputs, targets, inputPages, targetPages } = buffers;
  return [
    ...inputPages.map((page) => gatherOf(request, owner, { page, width: network.inputs, gathered: inputs })),
    ...targetPages.map((page) => gatherOf(request, owner, { page, width: network.outputs, gathered: targets })),
  ];
}

/** The run whose parameters are updated. */
export interface UpdateRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly settings: RunSettings;
  readonly plan: { readonly groupMembers: number };
}

/** What the kernel reads and writes: shaders/update.wgsl. */
export interface UpdateBuffers {
  readonly steps: GPUBuffer;
  readonly hyper: GPUBuffer;
  readonly settings: GPUBuffer;
  readonly gradients: GPUBuffer;
  readonly parameters: GPUBuffer;
  readonly moments: GPUBuffer;
  readonly losses: GPUBuffer;
  readonly status: GPUBuffer;
}

/** The dispatch that sums partial gradients and applies the optimizer. */
export async function createUpdateDispatch(request: UpdateRequest, buffers: UpdateBuffers): Promise<Dispatch> {
  const { device, network, settings, plan } = request;
  const { steps, hyper, settings: rates, gradients, parameters, moments, losses, status } = buffers;
  const entries = updateEntries(device.kind, network);
  const source = updateKernel(kernelUpdateOf(widestOptimizer(settings)));
  return createDispatch(device, await createKernel(device, source, { ENTRIES: entries }), {
    label: settings.optimizer.name,
    bound: [stepWindow(steps), hyper, rates, gradients, parameters, moments, losses, status],
    invocations: () => updateInvocations(network, entries),
    members: plan.groupMembers,
  });
}
