import { InvalidInput } from "../../../errors.ts";
import type { Trace, TrainingRun } from "../../executor.ts";
import { BufferOwner, readFloats, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { encode } from "../kernel.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import { type BuffersRequest, gradientColumnsOf } from "./layeredPlan.ts";
import type { DispatchesRequest } from "./dispatches.ts";
import { createLayeredRun, createPreActivationDispatch, type LayeredRun, type LayerInput } from "./layeredRun.ts";
import { layeredRequest, type RunRequest } from "./planner.ts";

/** The first `kept` of every `columns` values. */
export function dropColumns(values: Float32Array, columns: number, kept: number): Float32Array {
  return Float32Array.from({ length: (values.length / columns) * kept }, (_, at) => {
    return values[Math.floor(at / kept) * columns + (at % kept)]!;
  });
}

/** Sum over splits in order, in f32, as the update kernel takes it. */
export function sumSplits(values: Float32Array, splits: number): Float32Array {
  const width = values.length / splits;
  const sums = values.slice(0, width);
  for (let at = width; at < values.length; at++) sums[at % width]! += values[at]!;
  return sums;
}

/** Weighted sums of a layer whose forward keeps only activations: forward again, as identity. */
export async function readPreActivations(
  request: DispatchesRequest,
  index: number,
  input?: LayerInput,
): Promise<Float32Array> {
  const { device, network, members, plan } = request;
  const owner = new BufferOwner(device);
  try {
    const layer = network.layers[index]!;
    const length = members * plan.chunkRows * layer.fanOut;
    const into = owner.storage(`preActivations ${index}`, length);
    const dispatch = await createPreActivationDispatch(request, layer, into, input);
    const encoder = device.gpu.createCommandEncoder({ label: "trace" });
    const pass = encoder.beginComputePass({ label: "trace" });
    encode(pass, dispatch, plan.chunkRows, 0);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
    return await readFloats(device, into, length);
  } finally {
    owner.dispose();
  }
}

/** What a step left in its buffers. */
async function readTrace(
  request: BuffersRequest,
  run: LayeredRun,
  parameters: GPUBuffer,
): Promise<Omit<Trace, "before" | "after">> {
  const { buffers } = run;
  const { device, network, members, plan } = request;
  const samples = members * plan.chunkRows;
  const activations = [];
  const preActivations = [];
  const dPreActivations = [];
  for (const layer of network.layers) {
    const { index, fanOut, activation } = layer;
    const planes = await readFloats(device, buffers.outputs[index]!, buffers.outputs[index]!.size / 4);
    activations.push(planes.slice(0, samples * fanOut));
    const computed = savesPreActivation(activation)
      ? planes.slice(samples * fanOut)
      : await readPreActivations({ ...request, parameters, buffers }, index);
    preActivations.push(computed.slice(0, samples * fanOut));
    const columns = gradientColumnsOf(network, layer);
    const gradients = await readFloats(device, buffers.dOutputs[index]!, samples * columns);
    dPreActivations.push(dropColumns(gradients, columns, fanOut));
  }
  const width = network.parameterCount + 1;
  const splits = await readFloats(device, buffers.gradients, plan.splits * members * width);
  const gradients = dropColumns(sumSplits(splits, plan.splits), width, network.parameterCount);
  return { activations, preActivations, dPreActivations, gradients, losses: await run.readLosses(0, 1) };
}

export function requireOneDispatch({ plan, members, settings }: BuffersRequest): void {
  const { chunks, gathered, chunkRows, groupMembers } = plan;
  if (chunks === 1 && !gathered && groupMembers === members) return;
  const fix = "trace fewer samples, or a model of fewer members";
  const expected = `at most ${chunkRows} samples of ${groupMembers} members`;
  throw new InvalidInput({ place: "trace", expected, got: `${settings.batchSize} of ${members}`, fix });
}

/**
 * One step of a run, every value read back.
 * @param before parameters [members, parameterCount]; the step is taken on a copy, which nothing else sees
 * @param open creates the run on that copy
 * @param read what the step left in its buffers, with the parameters from before the step
 */
export async function traceRun<Run extends TrainingRun>(
  device: GpuDevice,
  before: Float32Array,
  open: (parameters: GPUBuffer) => Promise<Run>,
  read: (run: Run, parameters: GPUBuffer) => Promise<Omit<Trace, "before" | "after">>,
): Promise<Trace> {
  const owner = new BufferOwner(device);
  try {
    const parameters = await device.checked(
      "trace: parameters",
      () => owner.upload("trace parameters", before),
      () => owner.dispose(),
    );
    const run = await open(parameters);
    try {
      await run.execute(0, 1);
      const after = await readFloats(device, parameters, before.length);
      write(device.gpu, parameters, before);
      return { ...(await read(run, parameters)), before, after };
    } finally {
      run.dispose();
    }
  } finally {
    owner.dispose();
  }
}

/**
 * One layered step over the data as one batch, every value read back.
 * @param before as for `traceRun`
 * @param adopt takes charge of the run, and throws where its owner is gone
 * @throws InvalidInput where the data need more than one dispatch
 */
export async function traceStep(
  wanted: RunRequest,
  before: Float32Array,
  adopt: (run: LayeredRun) => LayeredRun,
): Promise<Trace> {
  const request = layeredRequest(wanted);
  requireOneDispatch(request);
  return traceRun(
    request.device,
    before,
    async (parameters) => adopt(await createLayeredRun(request, parameters)),
    (run, parameters) => readTrace(request, run, parameters),
  );
}
