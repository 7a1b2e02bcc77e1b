import { InvalidInput } from "../../../errors.ts";
import type { DenseShape } from "../../../graph/graphNetwork.ts";
import type { Activation } from "../../../graph/network.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import type { Trace } from "../../executor.ts";
import { BufferOwner, readFloats, readStretches, write } from "../bufferOwner.ts";
import { encode, submitPass } from "../kernel.ts";
import { build } from "./dispatches.ts";
import { type LayeredRequest, layeredRequest, type RunRequest } from "./layeredPlan.ts";
import { createLayeredRun, type LayeredRun, taskRequest } from "./layeredRun.ts";
import { denseTaskOf, layerInto, type TaskRequest } from "./taskDispatches.ts";

/** The first `kept` of every `columns` values. */
function dropColumns(values: Float32Array, columns: number, kept: number): Float32Array {
  return Float32Array.from({ length: (values.length / columns) * kept }, (_, at) => {
    return values[Math.floor(at / kept) * columns + (at % kept)]!;
  });
}

/** Sum over splits in order, in f32, as the update kernel takes it. */
function sumSplits(values: Float32Array, splits: number): Float32Array {
  const width = values.length / splits;
  const sums = values.slice(0, width);
  for (let at = width; at < values.length; at++) sums[at % width]! += values[at]!;
  return sums;
}

/** Outputs of a layer that training did not store; with the identity as activation, its pre-activations. */
async function recompute(request: TaskRequest, layer: DenseShape, activation: Activation): Promise<Float32Array> {
  const { device, members, plan } = request;
  const owner = new BufferOwner(device);
  try {
    const length = members * plan.chunkRows * layer.fanOut;
    const into = owner.storage(`layer ${layer.index}`, length);
    const dispatch = await build(device, layerInto(request, layer, activation, into));
    submitPass(device, "trace", (pass) => encode(pass, dispatch, plan.chunkRows, 0));
    return await readFloats(device, into, length);
  } finally {
    owner.dispose();
  }
}

/** Values [members, rows, width] of a node. */
async function readNode({ device, members, plan, buffers }: TaskRequest, node: number): Promise<Float32Array> {
  const { memory } = buffers;
  const columns = memory.columnsOf(node);
  const stretch = { ...memory.placeOf(node), length: members * plan.chunkRows * columns };
  const values = new Float32Array(await readStretches(device, "trace", [stretch]));
  return dropColumns(values, columns, memory.schedule.nodes[node]!.width);
}

/** What a step left in its buffers, per dense layer. */
async function readTrace(request: TaskRequest, run: LayeredRun): Promise<Omit<Trace, "before" | "after">> {
  const { device, network, members, plan, buffers } = request;
  const { layers, tasks } = buffers.memory.schedule;
  const activations = [];
  const preActivations = [];
  const dPreActivations = [];
  for (const layer of layers) {
    const { activation, activated, node } = layer;
    const keepsActivation = denseTaskOf(buffers.memory, layer).residual === undefined; // else the sum
    activations.push(
      keepsActivation ? await readNode(request, activated) : await recompute(request, layer, activation),
    );
    const isSaved = activation === "identity" ? keepsActivation : savesPreActivation(activation);
    preActivations.push(isSaved ? await readNode(request, node) : await recompute(request, layer, "identity"));
    const own = tasks.find((task) => task.kind === "denseWeights" && task.layer === layer);
    dPreActivations.push(
      own?.kind === "denseWeights"
        ? await readNode(request, own.gradient)
        : new Float32Array(members * plan.chunkRows * layer.fanOut),
    );
  }
  const width = network.parameterCount + 1;
  const splits = await readFloats(device, buffers.gradients, plan.splits * members * width);
  const gradients = dropColumns(sumSplits(splits, plan.splits), width, network.parameterCount);
  return { activations, preActivations, dPreActivations, gradients, losses: await run.readLosses(0, 1) };
}

function requireOneDispatch({ plan, members, settings }: LayeredRequest): void {
  const { chunks, gathered, chunkRows, groupMembers } = plan;
  if (chunks === 1 && !gathered && groupMembers === members) return;
  const fix = "trace fewer samples, or a model of fewer members";
  const expected = `at most ${chunkRows} samples of ${groupMembers} members`;
  throw new InvalidInput({ place: "trace", expected, got: `${settings.batchSize} of ${members}`, fix });
}

/**
 * One step layer by layer over the data as one batch, every value read back.
 * @param before parameters [members, parameterCount]; the step is taken on a copy, which nothing else sees
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
  const { device } = request;
  const owner = new BufferOwner(device);
  try {
    const parameters = await device.checked(
      "trace: parameters",
      () => owner.upload("trace parameters", before),
      () => owner.dispose(),
    );
    const run = adopt(await createLayeredRun(request, parameters));
    try {
      await run.execute(0, 1);
      const after = await readFloats(device, parameters, before.length);
      write(device, parameters, before);
      return { ...(await readTrace(taskRequest(request, run.buffers, parameters), run)), before, after };
    } finally {
      run.dispose();
    }
  } finally {
    owner.dispose();
  }
}
