import type { BufferOwner } from "../../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../../src/backend/webgpu/device.ts";
import { createDispatch, createKernel, type Dispatch } from "../../../src/backend/webgpu/kernel.ts";
import { layerKernel } from "../../../src/backend/webgpu/kernels.ts";
import type { LayerShape } from "../../../src/graph/network.ts";
import { stepWindow } from "../../../src/backend/webgpu/strategies/costConstants.ts";
import { type LayeredPlan, planLayered } from "../../../src/backend/webgpu/strategies/layeredPlan.ts";
import {
  alignmentOf,
  kernelName,
  valueInvocations,
  variantConstants,
} from "../../../src/backend/webgpu/matmulVariants.ts";
import { stepStride } from "../../../src/backend/webgpu/layouts.ts";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ForwardWorkload } from "../../race/workload.ts";
import { type Call, createRounds, type Rounds } from "./thalwegRounds.ts";
import { type Part, uploadLayer, uploadParts, valueFlops } from "./thalwegUniforms.ts";

/** What all layers have in common. */
interface Shared {
  readonly device: GpuDevice;
  readonly owner: BufferOwner;
  readonly plan: LayeredPlan;
  readonly parameters: GPUBuffer;
  readonly steps: GPUBuffer;
  /** Bound, never touched: no rows are drawn. */
  readonly batchRows: GPUBuffer;
}

/**
 * Chunks of a batch that is too large for one dispatch, as members that share one set of parameters: so each chunk reads and
 * writes its own rows of the same buffers.
 */
const partsOf = ({ chunks, chunkRows }: LayeredPlan, batchSize: number): Part[] =>
  Array.from({ length: chunks }, (_, chunk) => {
    return { rows: Math.min(chunkRows, batchSize - chunk * chunkRows), firstMember: chunk };
  });

/** One layer from `inputs` to `outputs`, as prediction runs it. */
async function dispatchOf(
  shared: Shared,
  layer: LayerShape,
  { inputs, outputs }: { readonly inputs: GPUBuffer; readonly outputs: GPUBuffer },
): Promise<Dispatch> {
  const { device, owner, plan, parameters, steps, batchRows } = shared;
  const { index, fanIn, fanOut, weightsOffset, activation } = layer;
  const version = plan.layers[index]!.forward;
  const source = layerKernel(kernelName("forward", version), { activation });
  const kernel = await createKernel(device, source, {
    ROWS: 0,
    SHUFFLES: 0,
    SAVES_PRE_ACTIVATION: 0,
    ...variantConstants(version, device.kind, alignmentOf("rows", fanOut, weightsOffset)),
  });
  const strides = { fanIn, fanOut, weightsOffset, parameterStride: 0, members: plan.chunks, capacity: plan.chunkRows };
  const uniform = uploadLayer(device, owner, strides);
  return createDispatch(device, kernel, {
    label: `layer ${index}`,
    // parameters once more, where an older revision binds them
    bound: [stepWindow(steps), uniform, inputs, parameters, outputs, batchRows, parameters].slice(
      0,
      source.bindings.length,
    ),
    invocations: (rows) => valueInvocations(version, rows, fanOut),
    members: 1,
  });
}

async function build(
  device: GpuDevice,
  owner: BufferOwner,
  { network, batchSize }: ForwardWorkload,
  start: Start,
): Promise<Omit<Rounds, "owner">> {
  const { layers, inputs: width } = network;
  const plan = planLayered(device, { network, members: 1, batchSize, rowCount: batchSize });
  const parts = partsOf(plan, batchSize);
  const steps = uploadParts(device, owner, parts);
  const parameters = owner.upload("parameters", start.fixed);
  const shared: Shared = { device, owner, plan, parameters, steps, batchRows: owner.storage("rows", 1) };
  const activations = (label: string, columns: number): GPUBuffer =>
    owner.storage(label, plan.chunks * plan.chunkRows * columns);
  const states = [activations("state 0", width), activations("state 1", width)] as const;
  const hidden = layers.slice(0, -1).map(({ index, fanOut }) => activations(`outputs ${index}`, fanOut));
  const callsFrom = async (from: GPUBuffer, to: GPUBuffer): Promise<Call[]> => {
    const ends = [from, ...hidden, to];
    const dispatches = await Promise.all(
      layers.map((layer, index) => dispatchOf(shared, layer, { inputs: ends[index]!, outputs: ends[index + 1]! })),
    );
    return parts.flatMap(({ rows }, part) =>
      dispatches.map((dispatch) => ({ dispatch, rows, stepOffset: part * stepStride })),
    );
  };
  const perSample = layers.reduce((sum, { fanIn, fanOut }) => sum + fanOut * (2 * fanIn + valueFlops), 0);
  return {
    states,
    calls: [await callsFrom(states[0], states[1]), await callsFrom(states[1], states[0])],
    work: batchSize * perSample,
    start: start.state,
    extract: (values) => values,
    settings: { kernels: plan.layers.map(({ forward }) => forward).join(" "), chunks: plan.chunks },
  };
}

/** Chained forward passes by the kernels of prediction, nothing but them on the device. */
export const createForward = (device: GpuDevice, workload: ForwardWorkload, start: Start): Promise<Entry> =>
  createRounds(device, (owner) => build(device, owner, workload, start));
