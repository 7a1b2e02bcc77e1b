import * as tf from "@tensorflow/tfjs-core";
import type { LayerShape, BuiltInNetwork } from "../../../src/graph/network.ts";
import { biasShape, type LayerTensors, type MemberGroup, weightsShape } from "./tfjsLayers.ts";

/** One layer's variables. */
export interface LayerVariables extends LayerTensors {
  readonly weights: tf.Variable;
  readonly bias: tf.Variable;
}

interface Part {
  readonly offset: number;
  readonly shape: number[];
}

const partsOf = (layer: LayerShape, members: number): { weights: Part; bias: Part } => ({
  weights: { offset: layer.weightsOffset, shape: weightsShape(layer, members) },
  bias: { offset: layer.biasOffset, shape: biasShape(layer, members) },
});

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Parameters of a group of members, one variable for each matrix and each bias, filled from and read in thalweg's layout. */
export class Parameters {
  readonly layers: readonly LayerVariables[];
  readonly variables: readonly tf.Variable[];
  readonly #network: BuiltInNetwork;
  readonly #group: MemberGroup;
  readonly #parts: readonly Part[];

  constructor(network: BuiltInNetwork, group: MemberGroup) {
    this.#network = network;
    this.#group = group;
    const parts = network.layers.map((layer) => partsOf(layer, group.count));
    this.#parts = parts.flatMap(({ weights, bias }) => [weights, bias]);
    const variable = ({ shape }: Part): tf.Variable => tf.tidy(() => tf.variable(tf.zeros(shape)));
    this.layers = parts.map(({ weights, bias }) => ({ weights: variable(weights), bias: variable(bias) }));
    this.variables = this.layers.flatMap(({ weights, bias }) => [weights, bias]);
  }

  /** @param state [all members, parameterCount] */
  write(state: Float32Array): void {
    for (const [index, variable] of this.variables.entries()) {
      const { shape } = this.#parts[index]!;
      const values = new Float32Array(sizeOf(shape));
      this.#eachRow(index, (inPart, inState, count) => values.set(state.subarray(inState, inState + count), inPart));
      tf.tidy(() => variable.assign(tf.tensor(values, shape)));
    }
  }

  /** @param state [all members, parameterCount], written in this group's place */
  async read(state: Float32Array): Promise<void> {
    for (const [index, variable] of this.variables.entries()) {
      const values = (await variable.data()) as Float32Array;
      this.#eachRow(index, (inPart, inState, count) => state.set(values.subarray(inPart, inPart + count), inState));
    }
  }

  /** Where each member's part of a variable begins, in the variable and in the state. */
  #eachRow(index: number, visit: (inPart: number, inState: number, count: number) => void): void {
    const { offset, shape } = this.#parts[index]!;
    const { first, count: members } = this.#group;
    const count = sizeOf(shape) / members;
    for (let member = 0; member < members; member++) {
      visit(member * count, (first + member) * this.#network.parameterCount + offset, count);
    }
  }

  /** The first value of all, shape [1]. */
  firstValue(): tf.Tensor {
    return tf.tidy(() => tf.slice(tf.reshape(this.variables[0]!, [-1]), 0, 1));
  }

  dispose(): void {
    for (const variable of this.variables) variable.dispose();
  }
}
