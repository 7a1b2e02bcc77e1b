import type { Network } from "../network.ts";
import { type Optimizer, updateOf } from "../optimizer.ts";
import { createStepBuffers, forwardBackward, type StepBuffers } from "./step.ts";
import { update } from "./update.ts";

export interface TraceArguments {
  readonly network: Network;
  readonly optimizer: Optimizer;
  /** [batchSize, network.inputs]. */
  readonly inputs: Float64Array;
  /** [batchSize, network.outputs]. */
  readonly targets: Float64Array;
}

/** One step of one replica with everything it computed on the way. */
export interface ReplicaTrace extends StepBuffers {
  /** Before the update. */
  readonly loss: number;
}

/** Takes one step over the data as one batch. @param parameters [parameterCount] of one replica, updated */
export function traceReplica(options: TraceArguments, parameters: Float64Array): ReplicaTrace {
  const { network, optimizer, inputs, targets } = options;
  const batchSize = inputs.length / network.inputs;
  const buffers = createStepBuffers(network, batchSize);
  const loss = forwardBackward({ network, batchSize, inputs, parameters, buffers }, targets);
  const moments = updateOf(optimizer).state.map(() => new Float64Array(parameters.length));
  update({ optimizer, step: 0, gradients: buffers.gradients, parameters, moments });
  return { ...buffers, loss };
}
