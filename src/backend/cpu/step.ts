import { deriveStep, type ParameterGradient } from "../../graph/derive.ts";
import { type AnyNetwork, type DenseShape, graphOf } from "../../graph/graphNetwork.ts";
import { backwardWeights } from "./backwardWeights.ts";
import { GraphOperations } from "./graphOperations.ts";
import { loss } from "./loss.ts";
import type { Operation, Pass } from "./view.ts";

/**
 * One step of one member in float64: forward, loss and backward by interpreting the network's graph. Holds the values of every node
 * for a batch, and allocates nothing from step to step.
 */
export class Step {
  readonly network: AnyNetwork;
  /** [parameterCount]: filled by `forwardBackward`. */
  readonly gradients: Float64Array;
  readonly #operations: GraphOperations;
  readonly #forward: readonly Operation[];
  readonly #outputs: Float64Array;
  #backward: readonly Operation[] | undefined;

  /** @param capacity samples of the largest batch */
  constructor(network: AnyNetwork, capacity: number) {
    this.network = network;
    this.gradients = new Float64Array(network.parameterCount);
    this.#operations = new GraphOperations(deriveStep(graphOf(network)), capacity);
    const { forwardCount } = this.#operations.step;
    const forward = this.#operationsFor(0, forwardCount);
    this.#outputs = this.#operations.contiguous(forwardCount - 1, forward); // copied where it is a slice, for example
    this.#forward = forward;
  }

  /** Per dense layer [capacity, fanOut]: inputs · weights + bias. */
  get preActivations(): Float64Array[] {
    return this.#ofLayers(({ node }) => node);
  }

  /** Per dense layer [capacity, fanOut]: its values behind its activation function. */
  get activations(): Float64Array[] {
    return this.#ofLayers(({ activated }) => activated);
  }

  /** Per dense layer [capacity, fanOut]: gradient by `preActivations`. */
  get dPreActivations(): Float64Array[] {
    return this.#ofLayers(({ node }) => this.#operations.step.gradientOf[node]!);
  }

  #ofLayers(nodeOf: (layer: DenseShape) => number): Float64Array[] {
    const operations: Operation[] = [];
    const { layers } = this.#operations;
    return [...layers.values()].map((layer) => this.#operations.contiguous(nodeOf(layer), operations));
  }

  #operationsFor(first: number, end: number): Operation[] {
    const operations: Operation[] = [];
    for (let index = first; index < end; index++) this.#operations.append(index, operations);
    return operations;
  }

  /** @returns outputs [capacity, network outputs], of which `rows` rows are written */
  forward(pass: Pass): Float64Array {
    for (const operation of this.#forward) operation(pass);
    return this.#outputs;
  }

  /**
   * Forward, loss and backward of one batch: fills `gradients`.
   * @param targets [data rows, columns of the network's targets]
   * @returns the mean loss of the batch
   */
  forwardBackward(pass: Pass, targets: Float64Array): number {
    this.forward(pass);
    const value = this.#loss(pass, targets);
    for (const operation of this.#gradientOperations()) operation(pass);
    return value;
  }

  /** As `forwardBackward`, and yields between operations, each of which may take a while. */
  *operate(pass: Pass, targets: Float64Array): Generator<undefined, number> {
    for (const operation of this.#forward) yield void operation(pass);
    const value = this.#loss(pass, targets);
    for (const operation of this.#gradientOperations()) yield void operation(pass);
    return value;
  }

  #loss({ rows: batchSize, batchRows }: Pass, targets: Float64Array): number {
    const { loss: name, outputs: fanOut, isWeighted } = this.network;
    const outputs = this.#outputs;
    const dOutputs = this.#operations.valuesOf(this.#operations.step.outputGradient);
    return loss({ loss: name, batchSize, fanOut, outputs, targets, dOutputs, batchRows, isWeighted });
  }

  #gradientOperations(): readonly Operation[] {
    this.#backward ??= this.#createBackward();
    return this.#backward;
  }

  #createBackward(): Operation[] {
    const { step } = this.#operations;
    const operations = this.#operationsFor(step.forwardCount, step.allNodes.length);
    for (const gradient of step.parameterGradients) operations.push(this.#parameterGradient(gradient, operations));
    return operations;
  }

  #parameterGradient(own: ParameterGradient, operations: Operation[]): Operation {
    const { gradients } = this;
    const dOutputs = this.#operations.contiguous(own.gradient, operations);
    if (own.kind === "dense") {
      const layer = this.#operations.layers.get(own.dense)!;
      const { values } = this.#operations.denseInput(own.input, operations);
      if (values) {
        return ({ rows }) => backwardWeights({ layer, batchSize: rows, inputs: values, dOutputs, gradients });
      }
      return ({ rows, inputs, batchRows }) =>
        backwardWeights({ layer, batchSize: rows, inputs, dOutputs, gradients, batchRows });
    }
    const { offset, size } = this.#operations.step.parameters[own.parameter]!;
    const { width } = this.#operations.step.allNodes[own.gradient]!;
    const index = own.kind === "table" ? this.#operations.viewOf(own.index) : undefined;
    return ({ rows }) => {
      gradients.fill(0, offset, offset + size);
      for (let row = 0; row < rows; row++) {
        const first = index ? offset + index.values![index.offset + row * index.rowStride]! * width : offset;
        for (let unit = 0; unit < width; unit++) gradients[first + unit]! += dOutputs[row * width + unit]!;
      }
    };
  }
}
