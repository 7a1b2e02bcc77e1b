import type { LayerShape } from "../../graph/network.ts";

export interface BackwardInputsArguments {
  readonly layer: LayerShape;
  readonly batchSize: number;
  /** [batchSize, fanOut]: gradient by this layer's pre-activations. */
  readonly dOutputs: Float64Array;
  /** [parameterCount] of one member. */
  readonly parameters: Float64Array;
  /** [batchSize, fanIn], written: gradient by this layer's inputs, before the derivative of the activation below. */
  readonly dInputs: Float64Array;
}

/** dInputs = dOutputs · weightsᵀ. CPU reference of `shaders/backwardInputs.wgsl`, which also applies the derivative below. */
export function backwardInputs({ layer, batchSize, dOutputs, parameters, dInputs }: BackwardInputsArguments): void {
  const { fanIn, fanOut, weightsOffset } = layer;
  for (let row = 0; row < batchSize; row++) {
    for (let k = 0; k < fanIn; k++) {
      let sum = 0;
      for (let column = 0; column < fanOut; column++) {
        sum += dOutputs[row * fanOut + column]! * parameters[weightsOffset + k * fanOut + column]!;
      }
      dInputs[row * fanIn + k] = sum;
    }
  }
}
