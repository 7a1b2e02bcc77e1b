import type { LayerShape } from "../../graph/network.ts";

export interface BackwardWeightsArguments {
  readonly layer: LayerShape;
  readonly batchSize: number;
  /** [rows, fanIn]. */
  readonly inputs: Float64Array;
  /** [batchSize, fanOut]: gradient by this layer's pre-activations. */
  readonly dOutputs: Float64Array;
  /** [parameterCount] of one member; this layer's part is written. */
  readonly gradients: Float64Array;
  readonly batchRows?: Uint32Array | undefined;
}

/** dWeights = inputsᵀ · dOutputs and dBias = Σ dOutputs. CPU reference of `shaders/backwardWeights.wgsl`. */
export function backwardWeights(options: BackwardWeightsArguments): void {
  const { layer, batchSize, inputs, dOutputs, gradients, batchRows } = options;
  const { fanIn, fanOut, weightsOffset, biasOffset } = layer;
  gradients.fill(0, weightsOffset, biasOffset + fanOut);
  for (let row = 0; row < batchSize; row++) {
    const firstInput = (batchRows?.[row] ?? row) * fanIn;
    for (let column = 0; column < fanOut; column++) {
      const gradient = dOutputs[row * fanOut + column]!;
      gradients[biasOffset + column]! += gradient;
      for (let k = 0; k < fanIn; k++) {
        gradients[weightsOffset + k * fanOut + column]! += inputs[firstInput + k]! * gradient;
      }
    }
  }
}
