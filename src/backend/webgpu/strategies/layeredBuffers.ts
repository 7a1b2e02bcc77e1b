import { type LayeredRequest, rowMembers, stepSlots } from "./layeredPlan.ts";
import { NodeMemory } from "./nodeMemory.ts";
import { scheduleOf } from "../../../graph/schedule.ts";
import { stepStride } from "../layouts.ts";
import { targetWidth } from "../../../graph/network.ts";
import type { FloatArray } from "../../executor.ts";
import { type BufferOwner, toFloat32 } from "../bufferOwner.ts";
import { createRunBuffers, type RunBuffers } from "./gpuRun.ts";

/** A buffer of data rows firstRow … firstRow + rows − 1. */
export interface Page {
  readonly buffer: GPUBuffer;
  readonly firstRow: number;
  readonly rows: number;
}

/** Every buffer of one training run, owned together. Parameters belong to the executor. */
export interface LayeredBuffers extends RunBuffers {
  /** [stepSlots] of `Step`, 256 bytes apart. */
  readonly steps: GPUBuffer;
  readonly inputPages: readonly Page[];
  readonly targetPages: readonly Page[];
  /** What the first layer and the loss read: the only page, or the rows gathered for a chunk. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
  /** [members or 1, chunkRows]: row of `inputs` that each sample of the chunk takes. */
  readonly batchRows: GPUBuffer;
  readonly memory: NodeMemory;
  /** [splits, members, parameterCount + 1]. */
  readonly gradients: GPUBuffer;
}

interface Rows {
  readonly label: string;
  /** [rows, width]. */
  readonly values: FloatArray;
  readonly width: number;
  readonly pageRows: number;
}

/** Uploads rows in pages of `pageRows`. */
function uploadPages(owner: BufferOwner, { label, values, width, pageRows }: Rows): Page[] {
  const rowCount = values.length / width;
  const all = toFloat32(values);
  const pages: Page[] = [];
  for (let firstRow = 0; firstRow < rowCount; firstRow += pageRows) {
    const rows = Math.min(pageRows, rowCount - firstRow);
    const buffer = owner.upload(`${label} ${firstRow}`, all.subarray(firstRow * width, (firstRow + rows) * width));
    pages.push({ buffer, firstRow, rows });
  }
  return pages;
}

function createData(request: LayeredRequest, owner: BufferOwner) {
  const { network, settings, plan } = request;
  const { inputs } = network;
  const outputs = targetWidth(network);
  const inputPages = uploadPages(owner, {
    label: "inputs",
    values: settings.data.inputs,
    width: inputs,
    pageRows: plan.inputPageRows,
  });
  const targetPages = uploadPages(owner, {
    label: "targets",
    values: settings.data.targets,
    width: outputs,
    pageRows: plan.targetPageRows,
  });
  const ownRows = rowMembers(request) > 1; // drawn by a kernel before they are read
  return {
    inputPages,
    targetPages,
    inputs: plan.gathered ? owner.storage("gathered inputs", plan.chunkRows * inputs) : inputPages[0]!.buffer,
    targets: plan.gathered ? owner.storage("gathered targets", plan.chunkRows * outputs) : targetPages[0]!.buffer,
    batchRows: ownRows
      ? owner.storage("batchRows", rowMembers(request) * plan.chunkRows)
      : owner.upload(
          "batchRows",
          Uint32Array.from({ length: plan.chunkRows }, (_, row) => row),
        ),
  };
}

/** Allocates everything a run will use. */
export function createLayeredBuffers(request: LayeredRequest, owner: BufferOwner): LayeredBuffers {
  const { device, network, members, plan } = request;
  const data = createData(request, owner);
  return {
    ...createRunBuffers(request, owner),
    steps: owner.uniform("steps", stepSlots * stepStride),
    ...data,
    memory: new NodeMemory({
      device,
      owner,
      network,
      members,
      capacity: plan.chunkRows,
      widths: scheduleOf(network).arenaWidths,
      splits: plan.splits,
      ownRows: rowMembers(request) > 1,
      inputs: data.inputs,
    }),
    gradients: owner.storage("gradients", plan.splits * members * (network.parameterCount + 1)),
  };
}
