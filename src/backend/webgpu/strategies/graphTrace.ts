import type { Trace } from "../../executor.ts";
import { readFloats, readStretches } from "../bufferOwner.ts";
import { savesPreActivation } from "../../../math/scalarFunction.ts";
import {
  createGraphRun,
  denseInputOf,
  type GraphRequest,
  graphRequest,
  type GraphRun,
  type GraphRunRequest,
  outerOf,
} from "./graphRun.ts";
import { dropColumns, readPreActivations, requireOneDispatch, sumSplits, traceRun } from "./trace.ts";

/** Values [members, rows, width] of a node. */
async function readNode(
  request: GraphRequest,
  run: GraphRun,
  parameters: GPUBuffer,
  node: number,
): Promise<Float32Array> {
  const { device, members, plan } = request;
  const { memory } = run.buffers;
  const { width } = memory.schedule.nodes[node]!;
  const place = memory.schedule.placeOf(node);
  const columns = place.kind === "lossGradient" ? place.columns : width;
  const stretch = {
    ...memory.placeOf(node, outerOf(run.buffers, parameters)),
    length: members * plan.chunkRows * columns,
  };
  return dropColumns(new Float32Array(await readStretches(device, "trace", [stretch])), columns, width);
}

/** What a step left in its buffers, per dense layer. */
async function readTrace(
  request: GraphRequest,
  run: GraphRun,
  parameters: GPUBuffer,
): Promise<Omit<Trace, "before" | "after">> {
  const { device, network, members, plan } = request;
  const { buffers } = run;
  const { schedule } = buffers.memory;
  const own = { ...request, parameters, buffers, outer: outerOf(buffers, parameters) };
  const [activations, preActivations, dPreActivations] = [[], [], []] as Float32Array[][];
  for (const task of schedule.tasks) {
    if (task.kind !== "dense") continue;
    const { layer, input } = task;
    const values = await readNode(request, run, parameters, layer.activated);
    activations!.push(values);
    const isSaved = layer.activation === "identity" || savesPreActivation(layer.activation);
    preActivations!.push(
      isSaved
        ? await readNode(request, run, parameters, layer.node)
        : await readPreActivations(own, layer.index, denseInputOf(own, input)),
    );
    dPreActivations!.push(await readNode(request, run, parameters, gradientOf(own, layer.index)));
  }
  const width = network.parameterCount + 1;
  const splits = await readFloats(device, buffers.gradients, plan.splits * members * width);
  const gradients = dropColumns(sumSplits(splits, plan.splits), width, network.parameterCount);
  return {
    activations: activations!,
    preActivations: preActivations!,
    dPreActivations: dPreActivations!,
    gradients,
    losses: await run.readLosses(0, 1),
  };
}

/** The node of the gradient by a dense node, as its product reads it. */
function gradientOf({ buffers }: { readonly buffers: GraphRun["buffers"] }, layer: number): number {
  for (const task of buffers.memory.schedule.tasks) {
    if (task.kind === "denseWeights" && task.layer.index === layer) return task.gradient;
  }
  throw new Error("graphTrace: a dense layer without gradients");
}

/**
 * One step of a graph over the data as one batch, every value of its dense layers read back.
 * @param before as for `traceRun`
 * @param adopt takes charge of the run, and throws where its owner is gone
 * @throws InvalidInput where the data need more than one dispatch
 */
export async function traceGraph(
  wanted: GraphRunRequest,
  before: Float32Array,
  adopt: (run: GraphRun) => GraphRun,
): Promise<Trace> {
  const request = graphRequest(wanted);
  requireOneDispatch(request);
  return traceRun(
    request.device,
    before,
    async (parameters) => adopt(await createGraphRun(request, parameters)),
    (run, parameters) => readTrace(request, run, parameters),
  );
}
