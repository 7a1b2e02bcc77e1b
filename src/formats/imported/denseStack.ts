import { BadFile } from "../../errors.ts";
import type { ActivationName, Loss } from "../../graph/network.ts";
import { type ImportedModel, NetworkDraft, transposed, unsupported, type Values } from "./networkDraft.ts";

// Files that hold weights without an architecture: a state_dict of PyTorch, weights of Keras. Dense layers one behind the other.

/** What such a file does not say. */
export interface StackOptions {
  /** Behind every layer but the last. */
  readonly activation: ActivationName;
  readonly loss: Loss;
}

export interface StackedLayer {
  readonly name: string;
  /** [fanIn, fanOut] */
  readonly weights: Values;
  readonly bias: Values | undefined;
}

/** fc2 before fc10. */
export const naturally = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });

const fits = (before: StackedLayer | undefined, next: StackedLayer): boolean =>
  before === undefined || before.weights.shape[1] === next.weights.shape[0];

/** Every order in which each layer takes what the one before returns; two at most. */
function chains(layers: readonly StackedLayer[]): StackedLayer[][] {
  const found: StackedLayer[][] = [];
  let tries = 0;
  const extend = (chain: readonly StackedLayer[], rest: readonly StackedLayer[]): void => {
    if (found.length > 1 || tries++ > 100_000) return;
    if (rest.length === 0) found.push([...chain]);
    for (const next of rest)
      if (fits(chain.at(-1), next))
        extend(
          [...chain, next],
          rest.filter((each) => each !== next),
        );
  };
  extend([], layers);
  return found;
}

/** The layers in the order of their names, or else in the only one in which their shapes fit. */
function ordered(layers: readonly StackedLayer[], place: string): readonly StackedLayer[] {
  if (layers.every((layer, index) => fits(layers[index - 1], layer))) return layers;
  const [only, other] = chains(layers);
  if (only && !other) return only;
  const shapes = layers.map(({ name, weights }) => `${name} [${weights.shape.join(", ")}]`);
  const fix =
    "name the layers in their order (0, 1, 2, …), or export the model as ONNX, which says how they follow each other";
  const expected = "layers of which each takes what the one before returns";
  throw new BadFile({ place, expected, got: shapes.slice(0, 12).join(", "), fix });
}

/** A network of these layers. */
export function stack(
  layers: readonly StackedLayer[],
  place: string,
  { activation, loss }: StackOptions,
): ImportedModel {
  if (layers.length === 0) {
    const fix = "save the weights of a network of dense layers";
    throw new BadFile({ place, expected: "a weight matrix", got: "none", fix });
  }
  const chain = ordered(layers, place);
  const draft = new NetworkDraft(chain[0]!.weights.shape[0]!, place);
  let node = 0;
  for (const [index, { name, weights, bias }] of chain.entries()) {
    node = draft.dense(node, weights, bias, name);
    if (index < chain.length - 1) node = draft.activation(node, activation);
  }
  return draft.finish(node, loss);
}

/**
 * A state_dict of PyTorch: `NAME.weight` [out, in] and `NAME.bias` [out] of torch.nn.Linear.
 * @throws BadFile that names the first layer of another kind
 */
export function readStateDict(
  tensors: ReadonlyMap<string, Values>,
  place: string,
  options: StackOptions,
): ImportedModel {
  const layers: StackedLayer[] = [];
  for (const name of [...tensors.keys()].sort(naturally)) {
    const [, layer = "", role] = /^(?:(.*)\.)?(weight|bias)$/.exec(name) ?? [];
    const weight = tensors.get(layer === "" ? "weight" : `${layer}.weight`);
    if (role === undefined || weight === undefined) throw unsupported(place, name, "a tensor of another kind of layer");
    if (weight.shape.length !== 2) {
      const rank = weight.shape.length;
      throw unsupported(place, name, rank > 2 ? "a convolution" : "a normalisation or another layer of vectors");
    }
    const bias = tensors.get(layer === "" ? "bias" : `${layer}.bias`);
    if (role === "weight") layers.push({ name: layer || "weight", weights: transposed(weight), bias });
  }
  return stack(layers, place, options);
}
