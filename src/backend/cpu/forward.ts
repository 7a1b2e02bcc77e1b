import type { LayerShape } from "../../graph/network.ts";
import { activateAll } from "./activation.ts";

/** Rows of one layer's call on the CPU: `batchRows[row]` is the row of `inputs` that sample `row` takes. */
export interface WeightedSumsArguments {
  readonly layer: LayerShape;
  readonly batchSize: number;
  /** [rows, fanIn]. */
  readonly inputs: Float64Array;
  /** [parameterCount] of one member. */
  readonly parameters: Float64Array;
  /** [batchSize, fanOut], written. */
  readonly outputs: Float64Array;
  /** Absent where sample and row are the same. */
  readonly batchRows?: Uint32Array | undefined;
}

/** outputs = inputs · weights + bias. */
export function weightedSums(options: WeightedSumsArguments): void {
  const { layer, batchSize, inputs, parameters, outputs, batchRows } = options;
  const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
  for (let row = 0; row < batchSize; row++) {
    const firstInput = (batchRows?.[row] ?? row) * fanIn;
    const sums = outputs.subarray(row * fanOut, (row + 1) * fanOut);
    sums.set(parameters.subarray(biasOffset, biasOffset + fanOut));
    for (let k = 0; k < fanIn; k++) {
      const input = inputs[firstInput + k]!;
      const weights = weightsOffset + k * fanOut;
      for (let column = 0; column < fanOut; column++) sums[column]! += input * parameters[weights + column]!;
    }
  }
}

export interface ForwardArguments extends WeightedSumsArguments {
  /** [batchSize, fanOut], written. */
  readonly preActivations: Float64Array;
}

/** outputs = activate(inputs · weights + bias). CPU reference of `shaders/forward.wgsl`. */
export function forward({ preActivations, ...options }: ForwardArguments): void {
  weightedSums({ ...options, outputs: preActivations });
  const { layer, batchSize, outputs } = options;
  activateAll({ activation: layer.activation, length: batchSize * layer.fanOut }, preActivations, outputs);
}
