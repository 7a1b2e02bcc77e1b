import type { LayerShape } from "../network.ts";
import { activateAll } from "./activation.ts";

/** Rows of one layer's call on the CPU: `batchRows[row]` is the row of `inputs` that sample `row` takes. */
export interface ForwardArguments {
  readonly layer: LayerShape;
  readonly batchSize: number;
  /** [rows, fanIn]. */
  readonly inputs: Float64Array;
  /** [parameterCount] of one replica. */
  readonly parameters: Float64Array;
  /** [batchSize, fanOut], written. */
  readonly preActivations: Float64Array;
  /** [batchSize, fanOut], written. */
  readonly outputs: Float64Array;
  /** Absent where sample and row are the same. */
  readonly batchRows?: Uint32Array | undefined;
}

/** outputs = activate(inputs · weights + bias). Twin of `shaders/forward.wgsl`. */
export function forward(options: ForwardArguments): void {
  const { layer, batchSize, inputs, parameters, preActivations, outputs, batchRows } = options;
  const { fanIn, fanOut, weightsOffset, biasOffset, activation } = layer;
  for (let row = 0; row < batchSize; row++) {
    const firstInput = (batchRows?.[row] ?? row) * fanIn;
    const sums = preActivations.subarray(row * fanOut, (row + 1) * fanOut);
    sums.set(parameters.subarray(biasOffset, biasOffset + fanOut));
    for (let k = 0; k < fanIn; k++) {
      const input = inputs[firstInput + k]!;
      const weights = weightsOffset + k * fanOut;
      for (let column = 0; column < fanOut; column++) sums[column]! += input * parameters[weights + column]!;
    }
  }
  activateAll({ activation, length: batchSize * fanOut }, preActivations, outputs);
}
