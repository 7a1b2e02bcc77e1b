import { InvalidInput } from "../errors.ts";
import {
  type Activation,
  activationExpression,
  type ActivationName,
  activations,
  nameOf,
  type OwnActivation,
} from "../math/activations.ts";
import { requireOwnName } from "../math/definition.ts";
import { Expression } from "../math/expression.ts";
import { type ElementLossName, elementLosses, lossExpression, type OwnLoss } from "../math/losses.ts";

export { nameOf } from "../math/activations.ts";
export type { Activation, ActivationName, OwnActivation } from "../math/activations.ts";
export type { OwnLoss } from "../math/losses.ts";

export const activationNames = Object.keys(activations) as readonly ActivationName[];

export type LossName = ElementLossName | "softmaxCrossEntropy";
/** A loss by name, or one of a user's. */
export type Loss = LossName | OwnLoss;
export const lossNames: readonly LossName[] = [
  ...(Object.keys(elementLosses) as ElementLossName[]),
  "softmaxCrossEntropy",
];

/** One dense layer as the user writes it. */
export interface DenseLayer<A extends Activation = Activation> {
  readonly width: number;
  readonly activation: A;
}

export interface NetworkOptions<A extends Activation = Activation, L extends Loss = Loss> {
  /** Width of the input. */
  readonly inputs: number;
  readonly layers: readonly DenseLayer<A>[];
  readonly loss: L;
}

/** A dropout node. */
export interface Drop {
  readonly rate: number;
  readonly stream: number;
}

/** One dense layer in its place: shapes, and where its parameters lie in the flat buffer of one member. */
export interface LayerShape<A extends Activation = Activation> {
  readonly index: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly activation: A;
  /** Index of weights[0, 0]; weights are [fanIn, fanOut] row-major (PyTorch stores the transpose). */
  readonly weightsOffset: number;
  /** Index of bias[0]; bias is [fanOut] and follows its weights. */
  readonly biasOffset: number;
  /** In training dropout takes the layer's activations (`fusedChain`). */
  readonly drop?: Drop;
}

/** A network as data: what `network()` has validated. */
export interface Network<A extends Activation = Activation, L extends Loss = Loss> {
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly LayerShape<A>[];
  readonly loss: L;
  /** Parameters of one member. */
  readonly parameterCount: number;
  /** In training dropout takes the inputs (`fusedChain`). */
  readonly inputDrop?: Drop;
  /** What trains it with weights of rows (src/backend/rowWeights.ts): targets [rows, outputs + 1] with the weight of the row behind. */
  readonly isWeighted?: true;
}

/** A network of activations and a loss that have names. */
export type BuiltInNetwork = Network<ActivationName, LossName>;

/** Losses that take logits, so that the last layer must be `identity`. */
export const takesLogits = (loss: Loss): boolean => loss === "binaryCrossEntropy" || loss === "softmaxCrossEntropy";

/** Columns of the targets that a network is trained with. */
export const targetWidth = ({ outputs, isWeighted }: { outputs: number; isWeighted?: true | undefined }): number =>
  outputs + (isWeighted ? 1 : 0);

/** Dropouts of a list by the layer that they take the activations of; 0 is the input. */
export const dropsOf = ({ inputDrop, layers }: Network): readonly (Drop | undefined)[] => [
  inputDrop,
  ...layers.map(({ drop }) => drop),
];

export const hasDrops = (network: Network): boolean => dropsOf(network).some((drop) => drop !== undefined);

/** Returns whether a loss needs a whole row at once. */
export const isRowWise = (loss: Loss): loss is "softmaxCrossEntropy" => loss === "softmaxCrossEntropy";

/**
 * A dense layer: `activation(inputs · weights + bias)`.
 * @param width number of outputs of the layer, an integer ≥ 1
 * @param activation by name, or what `activation()` made
 */
export function dense(width: number, activation?: ActivationName): DenseLayer<ActivationName>;
export function dense(width: number, activation: Activation): DenseLayer;
export function dense(width: number, activation: Activation = "identity"): DenseLayer {
  return { width, activation };
}

/** Largest width and parameter count: indices into one member's buffer must stay exact in u32 with room to spare. */
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

const hasName = (value: unknown): value is { readonly name: string } =>
  typeof value === "object" && value !== null && typeof (value as { name?: unknown }).name === "string";

/**
 * Throws `InvalidInput` unless an activation is known by name, or a definition of the table's rows. A definition may bear a built-in name:
 * files of earlier versions do, in which it was free, and it is the definition that counts.
 */
export function requireActivation(place: string, value: unknown): asserts value is Activation {
  if (!hasName(value)) return requireName(place, value, activationNames);
  requireOwnName(place, value.name);
  activationExpression(value as OwnActivation, Expression.input("z"));
}

/** Throws `InvalidInput` unless a loss is known by name, or a definition of the table's rows. */
export function requireLoss(place: string, value: unknown): asserts value is Loss {
  if (!hasName(value)) return requireName(place, value, lossNames);
  requireOwnName(place, value.name);
  lossExpression(value as OwnLoss, Expression.input("y"), Expression.input("t"));
}

/** One object for all definitions that are equal, however often they were read from a file or a message. */
function sharedOwn<Kind>(known: Map<string, Kind>, activation: Kind): Kind {
  if (typeof activation === "string") return activation;
  const key = JSON.stringify(activation);
  const first = known.get(key) ?? activation;
  known.set(key, first);
  return first;
}

function requireLogits(layers: readonly DenseLayer[], loss: Loss): void {
  const last = layers[layers.length - 1]!;
  if (!takesLogits(loss) || last.activation === "identity") return;
  throw new InvalidInput({
    place: `network: layer ${layers.length}`,
    expected: `activation identity before ${nameOf(loss)}, which takes logits`,
    got: nameOf(last.activation),
    fix: `use dense(${last.width}, "identity"); predict gives probabilities`,
  });
}

/**
 * Validates an architecture and lays out its parameters: layer by layer, weights [fanIn, fanOut] row-major, then bias
 * [fanOut], in one flat buffer per member.
 * @throws InvalidInput on a width that is not an integer ≥ 1, an unknown name, or an activation after which the loss makes no sense
 */
export function network(options: NetworkOptions<ActivationName, LossName>): BuiltInNetwork;
export function network(options: NetworkOptions): Network;
export function network(options: NetworkOptions): Network {
  const { inputs, layers, loss } = options ?? {};
  requireInteger("network: inputs", inputs, 1, maxWidth);
  requireInteger("network: number of layers", layers?.length, 1, maxLayers);
  requireLoss("network: loss", loss);
  const own = new Map<string, Activation>();
  const shapes: LayerShape[] = [];
  let fanIn = inputs;
  let offset = 0;
  for (const [index, layer] of layers.entries()) {
    const { width: fanOut, activation } = layer ?? {};
    requireInteger(`network: width of layer ${index + 1}`, fanOut, 1, maxWidth);
    requireActivation(`network: activation of layer ${index + 1}`, activation);
    const biasOffset = offset + fanIn * fanOut;
    shapes.push({ index, fanIn, fanOut, activation: sharedOwn(own, activation), weightsOffset: offset, biasOffset });
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
