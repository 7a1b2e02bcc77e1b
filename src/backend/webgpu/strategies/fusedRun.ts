import { rowCountOf, widestOptimizer } from "../../batches.ts";
import { type BufferOwner, write, toFloat32 } from "../bufferOwner.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { type Constants, createDispatch, createKernel, type Dispatch, groupSize } from "../kernel.ts";
import { fusedKernels, slicesBlock } from "../fusedKernels.ts";
import type { KernelSource } from "../shader.ts";
import { orderConstants, stepWindow } from "./costConstants.ts";
import { type FusedRequest, partialFloats } from "./fusedPlan.ts";
import { createRunBuffers, openRun } from "./gpuRun.ts";
import { stepSlots } from "./layeredPlan.ts";
import { type FusedBuffers, MemberRun } from "./memberRun.ts";
import { StepRun } from "./stepRun.ts";
import { stepStride } from "../layouts.ts";
import { createUpdateDispatches } from "./updateDispatches.ts";

/** A fused run on either kind of strategy. */
export type FusedRun = MemberRun | StepRun<FusedBuffers>;

function createBuffers(request: FusedRequest, owner: BufferOwner): FusedBuffers {
  const { inputs, targets } = request.settings.data;
  return {
    ...createRunBuffers(request, owner),
    inputs: owner.upload("inputs", toFloat32(inputs)),
    targets: owner.upload("targets", toFloat32(targets)),
  };
}

/** Structure that the kernels of a run are compiled for. */
const constantsOf = ({ network, settings }: FusedRequest): Constants => ({
  ...orderConstants(settings, rowCountOf(settings, network)),
});

/** The kernel that trains whole members. */
function memberSourceOf({ device, network, settings, plan }: FusedRequest): KernelSource {
  const update = kernelUpdateOf(widestOptimizer(settings));
  if (plan.tile) return fusedKernels.trainGroups(network, update, plan.tile);
  return fusedKernels.trainMembers(network, update, plan.strategy === "subgroups" ? device.subgroupLanes! : 1);
}

/** A run whose dispatches take many steps of whole members. */
async function createMemberRun(
  request: FusedRequest,
  buffers: FusedBuffers,
  parameters: GPUBuffer,
): Promise<MemberRun> {
  const { device } = request;
  const kernel = await createKernel(device, memberSourceOf(request), constantsOf(request));
  return MemberRun.create({ ...request, buffers, parameters, kernel });
}

/** Buffers of a strategy that adds up slices of the batch. */
interface SliceBuffers extends FusedBuffers {
  readonly steps: GPUBuffer;
  /** [splits, members, parameterCount + 1]. */
  readonly partials: GPUBuffer;
}

/** Forward and backward of a chunk. */
async function gradientsOf(request: FusedRequest, buffers: SliceBuffers, parameters: GPUBuffer): Promise<Dispatch> {
  const { device, network, members, plan } = request;
  const { owner, steps, inputs, targets, settings, partials } = buffers;
  const words = slicesBlock(plan.sliceRows, plan.splits, members);
  const slices = owner.uniform("slices", words.byteLength);
  write(device, slices, words);
  const { tile } = plan;
  const source = tile ? fusedKernels.trainTiles(network, tile) : fusedKernels.trainSamples(network);
  const kernel = await createKernel(device, source, constantsOf(request));
  return createDispatch(device, kernel, {
    label: "all layers",
    bound: [stepWindow(steps), slices, inputs, targets, settings, parameters, partials],
    invocations: () => (tile ? groupSize * plan.splits : plan.splits),
    members: plan.groupMembers,
  });
}

/** A run of two dispatches a step: partial gradients of slices of the batch, then their sum and the update. */
async function createSliceRun(
  request: FusedRequest,
  shared: FusedBuffers,
  parameters: GPUBuffer,
): Promise<StepRun<FusedBuffers>> {
  const { owner } = shared;
  const steps = owner.uniform("steps", stepSlots * stepStride);
  const buffers = { ...shared, steps, partials: owner.storage("gradients", partialFloats(request)) };
  const update = await createUpdateDispatches(request, { ...buffers, gradients: buffers.partials, parameters });
  const chunk = [await gradientsOf(request, buffers, parameters)];
  return new StepRun({ ...request, parameters, buffers, dispatches: { gathers: [], chunk, update } });
}

/**
 * Allocates buffers, uploads data and compiles the kernels of one network.
 * @param parameters [members, parameterCount], updated by the run
 */
export function createFusedRun(request: FusedRequest, parameters: GPUBuffer): Promise<FusedRun> {
  const create = request.plan.workgroupMembers > 0 ? createMemberRun : createSliceRun;
  return openRun<FusedBuffers, FusedRun>(
    request.device,
    (owner) => createBuffers(request, owner),
    (buffers) => create(request, buffers, parameters),
  );
}
