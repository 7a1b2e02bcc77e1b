import type { GpuDevice } from "../device.ts";
import { type Bound, type Constants, createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { type KernelName, type LayerFunctions, layerKernel } from "../kernels.ts";
import { drawsApart, orderConstants, rowCountOf } from "./costConstants.ts";
import type { BuffersRequest, LayeredBuffers } from "./layeredBuffers.ts";

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
