import { type BuffersRequest, createLayeredBuffers, type LayeredBuffers } from "./layeredBuffers.ts";
import { createStepDispatches } from "./layeredDispatches.ts";
import { restoreState } from "./runStatus.ts";
import { StepRun } from "./stepRun.ts";

/** A training run on the layered strategy: 3L + 1 dispatches a step for L layers. */
export type LayeredRun = StepRun<LayeredBuffers>;

/**
 * Allocates buffers, uploads data and compiles pipelines.
 * @param parameters [members, parameterCount], updated by the run
 */
export async function createLayeredRun(request: BuffersRequest, parameters: GPUBuffer): Promise<LayeredRun> {
  const buffers = await request.device.checked(
    "training: buffers",
    () => createLayeredBuffers(request),
    ({ owner }) => owner.dispose(),
  );
  try {
    const dispatches = await createStepDispatches({ ...request, parameters, buffers });
    if (request.settings.resume) restoreState(request.device, buffers, request.settings.resume);
    return new StepRun({ ...request, parameters, buffers, dispatches });
  } catch (error) {
    buffers.owner.dispose();
    throw error;
  }
}
