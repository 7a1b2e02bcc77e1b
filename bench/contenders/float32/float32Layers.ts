import { type ActivationName, type LayerShape, type BuiltInNetwork } from "../../../src/graph/network.ts";
import { savesPreActivation } from "../../../src/math/scalarFunction.ts";
import { activateAll, multiplySlopes } from "./float32Activation.ts";
import { multiply, type Product } from "./float32Multiply.ts";

/** Forward of one layer: outputs = activation(inputs · weights + bias). */
export interface ForwardLayer {
  readonly shape: LayerShape<ActivationName>;
  /** [members, parameterCount]. */
  readonly parameters: Float32Array;
  /** [rows, fanOut]. */
  readonly outputs: Float32Array;
  /** What the derivative is computed from: the outputs, or pre-activations of their own. */
  readonly saved: Float32Array;
  readonly product: Product;
}

interface ForwardArrays {
  readonly inputs: Float32Array;
  readonly parameters: Float32Array;
  readonly outputs: Float32Array;
  /** Keeps pre-activations where the derivative needs them. */
  readonly saves: boolean;
}

export function forwardLayer(
  shape: LayerShape<ActivationName>,
  { inputs, parameters, outputs, saves }: ForwardArrays,
): ForwardLayer {
  const { fanIn, fanOut, activation } = shape;
  const saved = saves && savesPreActivation(activation) ? new Float32Array(outputs.length) : outputs;
  const a = { a: inputs, aRow: fanIn, aSum: 1 };
  const b = { b: parameters, bSum: fanOut, bColumn: 1 };
  const product = { ...a, ...b, c: outputs, rows: 0, columns: fanOut, sums: fanIn };
  return { shape, parameters, outputs, saved, product };
}

/** @param first index of the member's first parameter */
export function runForward(layer: ForwardLayer, rows: number, first: number): void {
  const { shape, parameters, outputs, saved, product } = layer;
  const { fanOut, weightsOffset, biasOffset, activation } = shape;
  for (let row = 0; row < rows; row++) {
    const start = row * fanOut;
    for (let column = 0; column < fanOut; column++) outputs[start + column] = parameters[first + biasOffset + column]!;
  }
  product.rows = rows;
  multiply(product, 0, first + weightsOffset, 0);
  if (saved !== outputs) saved.set(outputs);
  activateAll(activation, outputs, rows * fanOut);
}

/** Backward of one layer, from the gradient by its outputs. */
export interface BackwardLayer {
  readonly forward: ForwardLayer;
  /** [rows, fanOut]: gradient by the outputs, then by the pre-activations. */
  readonly dOutputs: Float32Array;
  /** [parameterCount] of one member. */
  readonly gradients: Float32Array;
  readonly weightGradients: Product;
  /** Undefined in the first layer, whose inputs are data. */
  readonly inputGradients: Product | undefined;
  /** [fanOut]: a gradient of the bias while it is summed. */
  readonly biasSums: Float64Array;
}

/** Gradients by a layer's inputs: dOutputs · weightsᵀ. */
function inputGradientsOf({ shape, parameters }: ForwardLayer, dOutputs: Float32Array, dInputs: Float32Array): Product {
  const { fanIn, fanOut } = shape;
  const a = { a: dOutputs, aRow: fanOut, aSum: 1 };
  const b = { b: parameters, bSum: 1, bColumn: fanOut };
  return { ...a, ...b, c: dInputs, rows: 0, columns: fanIn, sums: fanOut };
}

/** Gradients by a layer's weights, at their place: inputsᵀ · dOutputs. */
function weightGradientsOf({ shape, product }: ForwardLayer, dOutputs: Float32Array, gradients: Float32Array): Product {
  const { fanIn, fanOut } = shape;
  const a = { a: product.a, aRow: 1, aSum: fanIn };
  const b = { b: dOutputs, bSum: fanOut, bColumn: 1 };
  return { ...a, ...b, c: gradients, rows: fanIn, columns: fanOut, sums: 0 };
}

/** The layers of a network, last first, as backward goes through them. */
export function backwardLayers(network: BuiltInNetwork, forward: readonly ForwardLayer[]): BackwardLayer[] {
  const gradients = new Float32Array(network.parameterCount);
  const all = forward.map(({ outputs }) => new Float32Array(outputs.length));
  const layers = forward.map((layer, index): BackwardLayer => {
    const dOutputs = all[index]!;
    return {
      forward: layer,
      dOutputs,
      gradients,
      weightGradients: weightGradientsOf(layer, dOutputs, gradients),
      inputGradients: index === 0 ? undefined : inputGradientsOf(layer, dOutputs, all[index - 1]!),
      biasSums: new Float64Array(layer.shape.fanOut),
    };
  });
  return layers.toReversed();
}

function sumBias({ forward, dOutputs, gradients, biasSums }: BackwardLayer, rows: number): void {
  const { fanOut, biasOffset } = forward.shape;
  biasSums.fill(0);
  for (let row = 0; row < rows; row++) {
    const start = row * fanOut;
    for (let column = 0; column < fanOut; column++) biasSums[column]! += dOutputs[start + column]!;
  }
  for (let column = 0; column < fanOut; column++) gradients[biasOffset + column] = biasSums[column]!;
}

/** @param first index of the member's first parameter */
export function runBackward(layer: BackwardLayer, rows: number, first: number): void {
  const { forward, dOutputs, gradients, weightGradients, inputGradients } = layer;
  const { fanIn, fanOut, weightsOffset, biasOffset, activation } = forward.shape;
  multiplySlopes(activation, dOutputs, forward.saved, rows * fanOut);
  gradients.fill(0, weightsOffset, biasOffset);
  weightGradients.sums = rows;
  multiply(weightGradients, 0, 0, weightsOffset);
  sumBias(layer, rows);
  if (!inputGradients) return;
  inputGradients.c.fill(0, 0, rows * fanIn);
  inputGradients.rows = rows;
  multiply(inputGradients, 0, first + weightsOffset, 0);
}
