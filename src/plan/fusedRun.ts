import { isShuffled } from "../batches.ts";
import { BufferOwner, write } from "../gpu/bufferOwner.ts";
import { type Constants, createDispatch, createKernel, type Dispatch } from "../gpu/kernel.ts";
import { fusedKernels, kernels } from "../gpu/kernels.ts";
import { lossNames } from "../network.ts";
import { momentCount, optimizerNames } from "../optimizer.ts";
import { stepWindow } from "./layeredDispatches.ts";
import { type BuffersRequest, stepSlots, toFloat32 } from "./layeredBuffers.ts";
import type { FusedPlan } from "./fusedPlan.ts";
import { ReplicaRun } from "./replicaRun.ts";
import { type RunBuffers, StepRun } from "./stepRun.ts";
import { hyperBlock, slicesBlock, stepStride } from "./uniforms.ts";

/** What a fused run is built from: as a layered one, with its own plan. */
export type FusedRequest = Omit<BuffersRequest, "plan"> & { readonly plan: FusedPlan };

/** Every buffer of a fused run, owned together. Parameters belong to the executor. */
export interface FusedBuffers extends RunBuffers {
  readonly hyper: GPUBuffer;
  /** [rows, inputs] and [rows, outputs]. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
  /** [momentCount, replicas, parameterCount]. */
  readonly moments: GPUBuffer;
}

/** A fused run with either mapping. */
export type FusedRun = ReplicaRun | StepRun<FusedBuffers>;

function createBuffers({ device, network, replicas, settings, plan }: FusedRequest): FusedBuffers {
  const owner = new BufferOwner(device);
  const hyper = hyperBlock(network, replicas, plan, settings.optimizer);
  try {
    const buffers = {
      owner,
      hyper: owner.uniform("hyper", hyper.byteLength),
      inputs: owner.upload("inputs", toFloat32(settings.data.inputs)),
      targets: owner.upload("targets", toFloat32(settings.data.targets)),
      moments: owner.storage("moments", momentCount(settings.optimizer) * replicas * network.parameterCount),
      losses: owner.storage("losses", plan.ringSteps * replicas),
      nonFinite: owner.upload("nonFinite", new Uint32Array(replicas).fill(0xffffffff)),
    };
    write(device.gpu, buffers.hyper, hyper);
    return buffers;
  } catch (error) {
    owner.dispose();
    throw error;
  }
}

/** Bytes that a fused run takes. */
export function fusedBytes({ network, replicas, settings, plan }: Omit<FusedRequest, "device">): number {
  const { inputs, targets } = settings.data;
  const parameters = (1 + momentCount(settings.optimizer)) * replicas * network.parameterCount;
  const partials = plan.mapping === "samples" ? plan.slots * replicas * (network.parameterCount + 1) : 0;
  const slots = stepSlots * stepStride + 64;
  return 4 * (inputs.length + targets.length + parameters + partials + (plan.ringSteps + 1) * replicas) + slots;
}

/** Structure that the kernels of a run are compiled for. */
function constantsOf({ network, settings }: FusedRequest): Constants {
  const { optimizer } = settings;
  return {
    LOSS: lossNames.indexOf(network.loss),
    SHUFFLES: isShuffled(settings, settings.data.targets.length / network.outputs) ? 1 : 0,
    OPTIMIZER: optimizerNames.indexOf(optimizer.name),
    USES_MOMENTUM: optimizer.momentum > 0 ? 1 : 0,
    NESTEROV: optimizer.nesterov ? 1 : 0,
  };
}

async function createReplicas(
  request: FusedRequest,
  buffers: FusedBuffers,
  parameters: GPUBuffer,
): Promise<ReplicaRun> {
  const kernel = await createKernel(request.device, fusedKernels.trainReplicas(request.network), constantsOf(request));
  return ReplicaRun.create({ ...request, buffers, parameters, kernel });
}

/** Buffers of the mapping that adds up slices of the batch. */
type SampleBuffers = FusedBuffers & { readonly steps: GPUBuffer };

async function trainSamplesOf(
  request: FusedRequest,
  { owner, steps, inputs, targets }: SampleBuffers,
  parameters: GPUBuffer,
  partials: GPUBuffer,
): Promise<Dispatch> {
  const { device, network, replicas, plan } = request;
  const words = slicesBlock(plan.sliceRows, plan.slots, replicas);
  const slices = owner.uniform("slices", words.byteLength);
  write(device.gpu, slices, words);
  const kernel = await createKernel(device, fusedKernels.trainSamples(network), constantsOf(request));
  return createDispatch(device, kernel, {
    label: "all layers",
    bound: [stepWindow(steps), slices, inputs, targets, parameters, partials],
    invocations: () => plan.slots,
    replicas: plan.groupReplicas,
  });
}

async function createSamples(
  request: FusedRequest,
  shared: FusedBuffers,
  parameters: GPUBuffer,
): Promise<StepRun<FusedBuffers>> {
  const { device, network, replicas, settings, plan } = request;
  const { owner, hyper, moments, losses, nonFinite } = shared;
  const buffers = { ...shared, steps: owner.uniform("steps", stepSlots * stepStride) };
  const partials = owner.storage("gradients", plan.slots * replicas * (network.parameterCount + 1));
  const kernel = await createKernel(device, kernels.update, constantsOf(request));
  const update = createDispatch(device, kernel, {
    label: settings.optimizer.name,
    bound: [stepWindow(buffers.steps), hyper, partials, parameters, moments, losses, nonFinite],
    invocations: () => network.parameterCount + 1,
    replicas: plan.groupReplicas,
  });
  const chunk = [await trainSamplesOf(request, buffers, parameters, partials)];
  return new StepRun({
    device,
    network,
    replicas,
    settings,
    plan,
    buffers,
    dispatches: { gathers: [], chunk, update },
  });
}

/**
 * Allocates buffers, uploads data and compiles the kernels of one network.
 * @param parameters [replicas, parameterCount], updated by the run
 */
export async function createFusedRun(request: FusedRequest, parameters: GPUBuffer): Promise<FusedRun> {
  const { device, plan } = request;
  const buffers = await device.checked(
    "training: buffers",
    () => createBuffers(request),
    ({ owner }) => owner.dispose(),
  );
  try {
    return await (plan.mapping === "replicas"
      ? createReplicas(request, buffers, parameters)
      : createSamples(request, buffers, parameters));
  } catch (error) {
    buffers.owner.dispose();
    throw error;
  }
}
