// The weights as files.

import { encodeNpz } from "../../data.ts";
import { network, type Checkpoint } from "../../index.ts";
import type { Split } from "./datasets.ts";
import { networkOf, optimizerOf } from "./setup.ts";
import { type PlaygroundState, seedOf } from "./state.ts";

/** The network as it is now. */
export interface Snapshot {
  readonly state: PlaygroundState;
  readonly split: Split;
  readonly step: number;
  readonly epoch: number;
  readonly parameters: Float32Array;
  /** The state to resume from; undefined before the first step. */
  readonly trainingState: Checkpoint | undefined;
}

const format = "thalweg playground weights";

/** Weights and biases by layer, with what the network sees of a point. */
export function weightsJson({ state, step, parameters }: Snapshot): string {
  const { layers, inputs, loss } = network(networkOf(state));
  const rows = (from: number, count: number, width: number): number[][] =>
    Array.from({ length: count }, (_, row) =>
      Array.from(parameters.subarray(from + row * width, from + (row + 1) * width)),
    );
  const content = {
    format,
    version: 1,
    features: state.features,
    inputs,
    loss,
    step,
    layers: layers.map(({ fanIn, fanOut, activation, weightsOffset, biasOffset }) => ({
      activation,
      weights: rows(weightsOffset, fanIn, fanOut),
      bias: rows(biasOffset, 1, fanOut)[0],
    })),
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

export async function weightsSafetensors(snapshot: Snapshot): Promise<Uint8Array<ArrayBuffer>> {
  const { state, split, step, epoch, parameters } = snapshot;
  const { encodeModel } = await import("../../data.ts");
  const training = {
    steps: step,
    epochs: Math.floor(epoch),
    batchSize: state.batchSize,
    seed: seedOf(state),
    optimizer: optimizerOf(state).name,
    learningRate: state.learningRate,
    trainingRows: split.training.length,
    finished: true,
  };
  const bytes = encodeModel({ network: network(networkOf(state)), members: 1, parameters, training });
  return bytes as Uint8Array<ArrayBuffer>;
}

/** From the features of points, in the order that the file names, to the output. */
export async function weightsOnnx({ state, parameters }: Snapshot): Promise<Uint8Array<ArrayBuffer>> {
  const { encodeOnnx } = await import("../../data.ts");
  return encodeOnnx({ network: network(networkOf(state)), members: 1, parameters, inputNames: state.features });
}

/** Arrays `layers.0.weights` [fanIn, fanOut], `layers.0.bias` [fanOut], and so on. */
export function weightsNpz({ state, parameters }: Snapshot): Uint8Array<ArrayBuffer> {
  const { layers } = network(networkOf(state));
  const arrays = layers.flatMap(({ index, fanIn, fanOut, weightsOffset, biasOffset }) => [
    {
      name: `layers.${index}.weights`,
      shape: [fanIn, fanOut],
      values: parameters.subarray(weightsOffset, weightsOffset + fanIn * fanOut),
    },
    { name: `layers.${index}.bias`, shape: [fanOut], values: parameters.subarray(biasOffset, biasOffset + fanOut) },
  ]);
  return encodeNpz(arrays);
}
