import { loss as lossOf } from "../../src/cpu/loss.ts";
import { createStepBuffers, forwardAll } from "../../src/cpu/step.ts";
import type { Dataset, FloatArray } from "../../src/executor.ts";
import type { BuiltInNetwork } from "../../src/network.ts";

/** Mean loss of one network over all rows, in float64. @param state [parameterCount] */
export function lossOver(network: BuiltInNetwork, state: FloatArray, { inputs, targets }: Dataset): number {
  const batchSize = targets.length / network.outputs;
  const buffers = createStepBuffers(network, batchSize);
  const parameters = Float64Array.from(state);
  forwardAll({ network, batchSize, inputs: Float64Array.from(inputs), parameters, buffers });
  const last = network.layers.length - 1;
  const outputs = buffers.activations[last]!;
  const dOutputs = buffers.dPreActivations[last]!;
  const fanOut = network.outputs;
  return lossOf({ loss: network.loss, batchSize, fanOut, outputs, targets: Float64Array.from(targets), dOutputs });
}
