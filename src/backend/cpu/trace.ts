import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import { matricesOf } from "../../graph/denseMatrices.ts";
import { weightMaskOf } from "../../graph/weightRanges.ts";
import { type Optimizer } from "../../math/optimizer.ts";
import { Step } from "./step.ts";
import { initialMoments, update } from "./update.ts";

export interface TraceArguments {
  readonly network: AnyNetwork;
  readonly optimizer: Optimizer;
  /** [batchSize, network.inputs]. */
  readonly inputs: Float64Array;
  /** [batchSize, network.outputs]. */
  readonly targets: Float64Array;
}

/** One step of one member with everything it computed on the way. */
export interface MemberTrace extends Pick<Step, "preActivations" | "activations" | "dPreActivations" | "gradients"> {
  /** Before the update. */
  readonly loss: number;
}

/** Takes one step over the data as one batch. @param parameters [parameterCount] of one member, updated */
export function traceMember(options: TraceArguments, parameters: Float64Array): MemberTrace {
  const { network, optimizer, inputs, targets } = options;
  const rows = inputs.length / network.inputs;
  const own = new Step(network, rows);
  const loss = own.forwardBackward({ rows, inputs, parameters, masks: { seed: 0, step: 0 } }, targets);
  const moments = initialMoments(optimizer, parameters);
  const [isWeight, matrices] = [weightMaskOf(network), matricesOf(network, optimizer)];
  update({ optimizer, step: 0, loss, gradients: own.gradients, parameters, moments, isWeight, matrices });
  const { preActivations, activations, dPreActivations, gradients } = own;
  return { preActivations, activations, dPreActivations, gradients, loss };
}
