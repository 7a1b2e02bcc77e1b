import { type Bound, type Constants, createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { layerKernel, pageBlock } from "../kernels.ts";
import { drawsApart, orderConstants, stepWindow } from "./costConstants.ts";
import type { LayeredBuffers, Page } from "./layeredBuffers.ts";
import type { LayeredRequest } from "./layeredPlan.ts";
import { LimitExceeded } from "../../../errors.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import { rowCountOf } from "../../batches.ts";
import type { GpuDevice } from "../device.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { targetWidth } from "../../../graph/network.ts";
import type { RunSettings } from "../../executor.ts";
import type { KernelSource } from "../shader.ts";

/** One dispatch, before its kernel is compiled. */
export interface DispatchRequest {
  readonly source: KernelSource;
  readonly label: string;
  readonly constants: Constants;
  readonly bound: readonly Bound[];
  readonly invocations: (rows: number) => number;
  readonly members: number;
}

/** Compiles the kernel and binds the buffers. */
export const build = async (device: GpuDevice, request: DispatchRequest): Promise<Dispatch> =>
  createDispatch(device, await createKernel(device, request.source, request.constants), request);

/** How rows are drawn in this run. */
const orderOf = ({ settings, network }: LayeredRequest): Constants =>
  orderConstants(settings, rowCountOf(settings, network));

/** How kernels that read the data find their rows: `ROWS` of shaders/forward.wgsl. */
export function rowsConstant({ plan, settings, network }: LayeredRequest): number {
  if (plan.gathered) return 0;
  return drawsApart(settings, network) ? 2 : 1;
}

// How the rows of a batch come from the data: drawn by number, or gathered from several pages.

interface GatherRequest {
  readonly page: Page;
  readonly width: number;
  readonly gathered: GPUBuffer;
}

function gatherOf(request: LayeredRequest, buffers: LayeredBuffers, gather: GatherRequest): DispatchRequest {
  const { device } = request;
  const { owner } = buffers;
  const { page, width, gathered } = gather;
  const words = pageBlock(page.firstRow, page.rows, width);
  const uniform = owner.uniform(`page ${page.firstRow}`, words.byteLength);
  write(device, uniform, words);
  return {
    source: layerKernel("gatherRows"),
    label: page.buffer.label,
    constants: orderOf(request),
    bound: [stepWindow(buffers.steps), uniform, page.buffer, gathered],
    invocations: (rows) => rows * width,
    members: 1,
  };
}

/** Draws the rows of a chunk for all members, or once for all. */
function drawOf(request: LayeredRequest, buffers: LayeredBuffers): DispatchRequest {
  const { steps, memory, settings, batchRows } = buffers;
  return {
    source: layerKernel("sampleBatch"),
    label: "rows",
    constants: orderOf(request),
    bound: [stepWindow(steps), memory.sizes, settings, batchRows],
    invocations: (rows) => rows,
    members: orderOf(request)["OWN_ORDER"] === 1 ? request.plan.groupMembers : 1,
  };
}

export function drawsOf(request: LayeredRequest, buffers: LayeredBuffers): DispatchRequest[] {
  const { settings, network, plan } = request;
  if (!drawsApart(settings, network)) return [];
  if (!plan.gathered) return [drawOf(request, buffers)];
  throw new LimitExceeded({
    place: "train: rows of their own for members",
    expected: "data that fit one buffer",
    got: "data in several pages",
    fix: "use fewer rows, or one seed for all members and no bootstrap",
  });
}

export function gathersOf(request: LayeredRequest, buffers: LayeredBuffers): DispatchRequest[] {
  const { network, plan } = request;
  if (!plan.gathered) return [];
  const { inputs, targets, inputPages, targetPages } = buffers;
  return [
    ...inputPages.map((page) => gatherOf(request, buffers, { page, width: network.inputs, gathered: inputs })),
    ...targetPages.map((page) => gatherOf(request, buffers, { page, width: targetWidth(network), gathered: targets })),
  ];
}

/** The run whose parameters are updated: updateDispatches.ts. */
export interface UpdateRequest {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly settings: RunSettings;
  readonly members: number;
  readonly plan: { readonly groupMembers: number; readonly splits: number };
}

/** What the kernel reads and writes: shaders/update.wgsl. */
export interface UpdateBuffers {
  readonly owner: BufferOwner;
  readonly steps: GPUBuffer;
  readonly hyper: GPUBuffer;
  readonly settings: GPUBuffer;
  readonly gradients: GPUBuffer;
  readonly parameters: GPUBuffer;
  readonly moments: GPUBuffer;
  readonly losses: GPUBuffer;
  readonly status: GPUBuffer;
}
