import { widestOptimizer } from "../../batches.ts";
import { BufferOwner, write } from "../bufferOwner.ts";
import { kernelUpdateOf } from "../emit/emitOptimizer.ts";
import { type Constants, createDispatch, createKernel, type Dispatch, groupSize } from "../kernel.ts";
import { fusedKernels } from "../kernels.ts";
import type { KernelSource } from "../shader.ts";
import { momentCount } from "../../../math/optimizer.ts";
import { orderConstants, rowCountOf, stepWindow } from "./costConstants.ts";
import type { FusedBuffers } from "./fusedBuffers.ts";
import type { FusedName, FusedPlan } from "./fusedPlan.ts";
import { type BuffersRequest, stepSlots, toFloat32 } from "./layeredBuffers.ts";
import { maxStepsPerDispatch, MemberRun } from "./memberRun.ts";
import { createStatus, restoreState } from "./runStatus.ts";
import { StepRun } from "./stepRun.ts";
import { hyperBlock, memberBlock, memberWords, slicesBlock, stepStride, storedStepBytes } from "./uniforms.ts";
import { createUpdateDispatch } from "./updateDispatch.ts";

/** What a fused run is built from: as a layered one, with its own plan. */
export type FusedRequest = Omit<BuffersRequest, "plan"> & { readonly plan: FusedPlan };

/** A fused run on either kind of strategy. */
export type FusedRun = MemberRun | StepRun<FusedBuffers>;

/** Kernels of one dispatch or step of a strategy, in order. */
export const kernelsOfFused = (strategy: FusedName): readonly string[] =>
  ({
    members: ["trainMembers"],
    subgroups: ["trainMembers"],
    groups: ["trainGroups"],
    samples: ["trainSamples", "update"],
    tiles: ["trainTiles", "update"],
  })[strategy];

const momentFloats = ({ settings, members, network }: Omit<FusedRequest, "device">): number =>
  momentCount(widestOptimizer(settings)) * members * network.parameterCount;

const partialFloats = ({ plan, members, network }: Omit<FusedRequest, "device">): number =>
  plan.splits * members * (network.parameterCount + 1);

function createBuffers(request: FusedRequest): FusedBuffers {
  const { device, network, members, settings, plan } = request;
  const owner = new BufferOwner(device);
  const hyper = hyperBlock(network, members, plan, widestOptimizer(settings));
  try {
    const buffers = {
      owner,
      hyper: owner.uniform("hyper", hyper.byteLength),
      settings: owner.upload("settings", memberBlock(settings, members)),
      inputs: owner.upload("inputs", toFloat32(settings.data.inputs)),
      targets: owner.upload("targets", toFloat32(settings.data.targets)),
      moments: owner.storage("moments", momentFloats(request)),
      losses: owner.storage("losses", plan.ringSteps * members),
      status: createStatus(owner, members),
    };
    write(device.gpu, buffers.hyper, hyper);
    if (settings.resume) restoreState(device, buffers, settings.resume);
    return buffers;
  } catch (error) {
    owner.dispose();
    throw error;
  }
}

/** Bytes that a fused run takes, parameters included, but for buffers of at most 64 bytes. */
export function fusedBytes(request: Omit<FusedRequest, "device">): number {
  const { network, members, settings, plan } = request;
  const { inputs, targets } = settings.data;
  const takesSteps = plan.workgroupMembers > 0;
  const floats =
    inputs.length +
    targets.length +
    members * network.parameterCount +
    momentFloats(request) +
    (plan.ringSteps + memberWords) * members +
    (takesSteps ? 0 : partialFloats(request));
  return 4 * floats + (takesSteps ? maxStepsPerDispatch * storedStepBytes : stepSlots * stepStride);
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
  write(device.gpu, slices, words);
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
  const update = await createUpdateDispatch(request, { ...buffers, gradients: buffers.partials, parameters });
  const chunk = [await gradientsOf(request, buffers, parameters)];
  return new StepRun({ ...request, parameters, buffers, dispatches: { gathers: [], chunk, update } });
}

/**
 * Allocates buffers, uploads data and compiles the kernels of one network.
 * @param parameters [members, parameterCount], updated by the run
 */
export async function createFusedRun(request: FusedRequest, parameters: GPUBuffer): Promise<FusedRun> {
  const { device, plan } = request;
  const buffers = await device.checked(
    "training: buffers",
    () => createBuffers(request),
    ({ owner }) => owner.dispose(),
  );
  try {
    const create = plan.workgroupMembers > 0 ? createMemberRun : createSliceRun;
    return await create(request, buffers, parameters);
  } catch (error) {
    buffers.owner.dispose();
    throw error;
  }
}
