import { widestOptimizer } from "../../batches.ts";
import type { RunSettings } from "../../executor.ts";
import type { GpuDevice } from "../device.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { updateKernel } from "../kernels.ts";
import type { Network } from "../../../graph/network.ts";
import { stepWindow, updateEntries, updateInvocations } from "./costConstants.ts";

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
