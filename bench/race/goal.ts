import { loss as lossOf } from "../../src/backend/cpu/loss.ts";
import { Step } from "../../src/backend/cpu/step.ts";
import type { Dataset, FloatArray } from "../../src/backend/executor.ts";
import type { BuiltInNetwork } from "../../src/graph/network.ts";

/** Mean loss of one network over all rows, in float64. @param state [parameterCount] */
export function lossOver(network: BuiltInNetwork, state: FloatArray, { inputs, targets }: Dataset): number {
  const batchSize = targets.length / network.outputs;
  const parameters = Float64Array.from(state);
  const outputs = new Step(network, batchSize).forward({
    rows: batchSize,
    inputs: Float64Array.from(inputs),
    parameters,
  });
  const dOutputs = new Float64Array(outputs.length);
  const fanOut = network.outputs;
  return lossOf({ loss: network.loss, batchSize, fanOut, outputs, targets: Float64Array.from(targets), dOutputs });
}
