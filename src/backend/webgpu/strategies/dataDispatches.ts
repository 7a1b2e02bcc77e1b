import { LimitExceeded } from "../../../errors.ts";
import { type BufferOwner, write } from "../bufferOwner.ts";
import { drawsApart, rowCountOf, stepWindow } from "./costConstants.ts";
import { type DispatchesRequest, type DispatchRequest, orderOf } from "./dispatchRequest.ts";
import type { Page } from "./layeredBuffers.ts";
import { pageBlock } from "./uniforms.ts";

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
