import { rowCountOf } from "../../batches.ts";
import { orderConstants } from "./costConstants.ts";
import { build, drawsOf, gathersOf, rowsConstant } from "./dispatches.ts";
import { openRun } from "./gpuRun.ts";
import { createLayeredBuffers, type LayeredBuffers } from "./layeredBuffers.ts";
import type { LayeredRequest } from "./layeredPlan.ts";
import { type StepDispatches, StepRun } from "./stepRun.ts";
import { dispatchOf, layerUniforms, type TaskRequest } from "./taskDispatches.ts";
import { createUpdateDispatches } from "./updateDispatches.ts";

/** What the dispatches of a run are built from. */
export function taskRequest(request: LayeredRequest, buffers: LayeredBuffers, parameters: GPUBuffer): TaskRequest {
  const { settings, network } = request;
  const rows = { ROWS: rowsConstant(request), ...orderConstants(settings, rowCountOf(settings, network)) };
  return { ...request, buffers, parameters, layers: layerUniforms(buffers.memory), rows };
}

/**
 * Builds pipelines and bind groups of a step, in the order they run: gathering and drawing aside, one for each task of the network
 * for a chunk and 1 for the update, or 2 where gradients are clipped by norm.
 * @throws LimitExceeded where rows have to be drawn apart from several pages
 */
export async function createStepDispatches(
  request: LayeredRequest,
  buffers: LayeredBuffers,
  parameters: GPUBuffer,
): Promise<StepDispatches> {
  const { device } = request;
  const own = taskRequest(request, buffers, parameters);
  const buildAll = (requests: readonly Parameters<typeof build>[1][]) =>
    Promise.all(requests.map((each) => build(device, each)));
  return {
    gathers: await buildAll(gathersOf(request, buffers)),
    chunk: await buildAll([
      ...drawsOf(request, buffers),
      ...(await Promise.all(buffers.memory.schedule.tasks.map((task) => dispatchOf(own, task)))),
    ]),
    update: await createUpdateDispatches(request, { ...buffers, parameters }),
  };
}

/** A training run layer by layer: 3L + 1 dispatches a step for a list of L dense layers. */
export type LayeredRun = StepRun<LayeredBuffers>;

/**
 * Allocates buffers, uploads data and compiles pipelines.
 * @param parameters [members, parameterCount], updated by the run
 */
export function createLayeredRun(request: LayeredRequest, parameters: GPUBuffer): Promise<LayeredRun> {
  return openRun(
    request.device,
    (owner) => createLayeredBuffers(request, owner),
    async (buffers) => {
      const dispatches = await createStepDispatches(request, buffers, parameters);
      return new StepRun({ ...request, parameters, buffers, dispatches });
    },
  );
}
