import { InvalidInput } from "./errors.ts";
import { activations } from "./math/activations.ts";
import { type ElementLossName, elementLosses } from "./math/losses.ts";
import { scalarFunction } from "./math/scalarFunction.ts";

export type ActivationName = keyof typeof activations;
/** Activation functions, in the order of their numbers in `shaders/activation.wgsl`. */
export const activationNames = Object.keys(activations) as readonly ActivationName[];

const savedPreActivations = activationNames.filter((name) => scalarFunction(activations[name]).saves === "argument");

/** True where the derivative needs the pre-activation, so that forward saves it. */
export const savesPreActivation = (name: ActivationName): boolean => savedPreActivations.includes(name);

export type LossName = ElementLossName | "softmaxCrossEntropy";
/** Losses, in the order of their numbers in `shaders/loss.wgsl`. */
export const lossNames: readonly LossName[] = [
  ...(Object.keys(elementLosses) as ElementLossName[]),
  "softmaxCrossEntropy",
];

/** One dense layer as the user writes it. */
export interface DenseLayer {
  readonly width: number;
  readonly activation: ActivationName;
}

export interface NetworkOptions {
  /** Width of the input. */
  readonly inputs: number;
  readonly layers: readonly DenseLayer[];
  readonly loss: LossName;
}

/** One dense layer in its place: shapes, and where its parameters lie in the flat buffer of one replica. */
export interface LayerShape {
  readonly index: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly activation: ActivationName;
  /** Index of weights[0, 0]; weights are [fanIn, fanOut] row-major (PyTorch stores the transpose). */
  readonly weightsOffset: number;
  /** Index of bias[0]; bias is [fanOut] and follows its weights. */
  readonly biasOffset: number;
}

/** A network as data: what `network()` has validated. */
export interface Network {
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly LayerShape[];
  readonly loss: LossName;
  /** Parameters of one replica. */
  readonly parameterCount: number;
}

/** Losses that take logits, so that the last layer must be `identity`. */
export const takesLogits = (loss: LossName): boolean => loss === "binaryCrossEntropy" || loss === "softmaxCrossEntropy";

/**
 * A dense layer: `activation(inputs · weights + bias)`.
 * @param width number of outputs of the layer, an integer ≥ 1
 */
export const dense = (width: number, activation: ActivationName = "identity"): DenseLayer => ({ width, activation });

/** Largest width and parameter count: indices into one replica's buffer must stay exact in u32 with room to spare. */
const maxWidth = 2 ** 20;
const maxParameters = 2 ** 30;
const maxLayers = 1000;

const show = (value: unknown): string => {
  if (typeof value === "number" || typeof value === "boolean" || value == null) return String(value);
  return (JSON.stringify(value) ?? typeof value).slice(0, 60);
};

/** Throws `InvalidInput` unless `value` is an integer in [minimum, maximum]. */
export function requireInteger(place: string, value: unknown, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return;
  const expected = `an integer from ${minimum} to ${maximum}`;
  throw new InvalidInput({ place, expected, got: show(value), fix: "pass a whole number in that range" });
}

/** Throws `InvalidInput` unless `value` is one of `names`. */
export function requireName(place: string, value: unknown, names: readonly string[]): void {
  if (typeof value === "string" && names.includes(value)) return;
  throw new InvalidInput({
    place,
    expected: `one of ${names.join(", ")}`,
    got: show(value),
    fix: "choose one of them",
  });
}

function requireLogits(layers: readonly DenseLayer[], loss: LossName): void {
  const last = layers[layers.length - 1]!;
  if (!takesLogits(loss) || last.activation === "identity") return;
  throw new InvalidInput({
    place: `network: layer ${layers.length}`,
    expected: `activation identity before ${loss}, which takes logits`,
    got: last.activation,
    fix: `use dense(${last.width}, "identity"); predict gives probabilities`,
  });
}

/**
 * Validates an architecture and lays out its parameters: layer by layer, weights [fanIn, fanOut] row-major, then bias
 * [fanOut], in one flat buffer per replica.
 * @throws InvalidInput on a width that is not an integer ≥ 1, an unknown name, or an activation after which the loss makes no sense
 */
export function network(options: NetworkOptions): Network {
  const { inputs, layers, loss } = options ?? {};
  requireInteger("network: inputs", inputs, 1, maxWidth);
  requireInteger("network: number of layers", layers?.length, 1, maxLayers);
  requireName("network: loss", loss, lossNames);
  const shapes: LayerShape[] = [];
  let fanIn = inputs;
  let offset = 0;
  for (const [index, layer] of layers.entries()) {
    const { width: fanOut, activation } = layer ?? {};
    requireInteger(`network: width of layer ${index + 1}`, fanOut, 1, maxWidth);
    requireName(`network: activation of layer ${index + 1}`, activation, activationNames);
    const biasOffset = offset + fanIn * fanOut;
    shapes.push({ index, fanIn, fanOut, activation, weightsOffset: offset, biasOffset });
    offset = biasOffset + fanOut;
    fanIn = fanOut;
  }
  requireLogits(layers, loss);
  requireInteger("network: number of parameters", offset, 1, maxParameters);
  return { inputs, outputs: fanIn, layers: shapes, loss, parameterCount: offset };
}

/** `2-2-2-1`: the widths of a network, input first. */
export const widthsOf = ({ inputs, layers }: Network): string =>
  [inputs, ...layers.map((layer) => layer.fanOut)].join("-");
