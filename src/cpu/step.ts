import { type Network, savesPreActivation } from "../network.ts";
import { slopeProducts } from "./activation.ts";
import { backwardInputs } from "./backwardInputs.ts";
import { backwardWeights } from "./backwardWeights.ts";
import { forward } from "./forward.ts";
import { loss } from "./loss.ts";

/** Working memory of one step of one replica, per layer [batchSize, fanOut]. */
export interface StepBuffers {
  readonly preActivations: readonly Float64Array[];
  readonly activations: readonly Float64Array[];
  readonly dPreActivations: readonly Float64Array[];
  /** [parameterCount]. */
  readonly gradients: Float64Array;
}

export function createStepBuffers(network: Network, batchSize: number): StepBuffers {
  const perLayer = (): Float64Array[] => network.layers.map(({ fanOut }) => new Float64Array(batchSize * fanOut));
  return {
    preActivations: perLayer(),
    activations: perLayer(),
    dPreActivations: perLayer(),
    gradients: new Float64Array(network.parameterCount),
  };
}

export interface StepArguments {
  readonly network: Network;
  readonly batchSize: number;
  /** [rows, network.inputs]. */
  readonly inputs: Float64Array;
  /** [parameterCount] of one replica. */
  readonly parameters: Float64Array;
  readonly buffers: StepBuffers;
  readonly batchRows?: Uint32Array | undefined;
}

/** All layers forward; the outputs are the last of `buffers.activations`. */
export function forwardAll({ network, batchSize, inputs, parameters, buffers, batchRows }: StepArguments): void {
  for (const layer of network.layers) {
    const first = layer.index === 0;
    forward({
      layer,
      batchSize,
      inputs: first ? inputs : buffers.activations[layer.index - 1]!,
      parameters,
      preActivations: buffers.preActivations[layer.index]!,
      outputs: buffers.activations[layer.index]!,
      batchRows: first ? batchRows : undefined,
    });
  }
}

/** Turns ∂loss/∂activation of a layer into ∂loss/∂preActivation, in place. */
function applyDerivative({ network, batchSize, buffers }: StepArguments, index: number): void {
  const { activation, fanOut } = network.layers[index]!;
  const saved = (savesPreActivation(activation) ? buffers.preActivations : buffers.activations)[index]!;
  slopeProducts({ activation, length: batchSize * fanOut }, buffers.dPreActivations[index]!, saved);
}

/**
 * Forward, loss and backward of one batch: fills `buffers`.
 * @param targets [rows, network.outputs]
 * @returns the mean loss of the batch
 */
export function forwardBackward(options: StepArguments, targets: Float64Array): number {
  const { network, batchSize, inputs, parameters, buffers, batchRows } = options;
  forwardAll(options);
  const last = network.layers.length - 1;
  const { activations, dPreActivations, gradients } = buffers;
  const outputs = activations[last]!;
  const dOutputs = dPreActivations[last]!;
  const value = loss({ loss: network.loss, batchSize, fanOut: network.outputs, outputs, targets, dOutputs, batchRows });
  applyDerivative(options, last);
  for (const layer of network.layers.toReversed()) {
    const dOutput = dPreActivations[layer.index]!;
    const first = layer.index === 0;
    const input = first ? inputs : activations[layer.index - 1]!;
    const rows = first ? batchRows : undefined;
    backwardWeights({ layer, batchSize, inputs: input, dOutputs: dOutput, gradients, batchRows: rows });
    if (first) continue;
    backwardInputs({ layer, batchSize, dOutputs: dOutput, parameters, dInputs: dPreActivations[layer.index - 1]! });
    applyDerivative(options, layer.index - 1);
  }
  return value;
}
