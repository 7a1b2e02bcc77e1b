import { BadFile } from "../../errors.ts";
import { type ActivationName, activationNames, type Loss } from "../../graph/network.ts";
import { type ImportedModel, NetworkDraft, unsupported, type Values } from "./networkDraft.ts";

// Architectures as Keras writes them in JSON: config.json of .keras, model_config of .h5, modelTopology of TensorFlow.js.

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface KerasLayer {
  readonly kind: string;
  readonly name: string;
  readonly config: Json;
  /** Names of the layers it reads; empty in a list of layers. */
  readonly from: readonly string[];
}

/** Names in `["dense", 0, 0]`, wherever they are: each version of Keras wraps them otherwise. */
function namesIn(value: unknown, depth = 0): string[] {
  if (depth > 12) return [];
  if (Array.isArray(value)) {
    const isName = typeof value[0] === "string" && typeof value[1] === "number" && typeof value[2] === "number";
    return isName ? [value[0] as string] : value.flatMap((each) => namesIn(each, depth + 1));
  }
  return isRecord(value) ? Object.values(value).flatMap((each) => namesIn(each, depth + 1)) : [];
}

/** @throws BadFile where the JSON describes no model of layers */
export function kerasLayers(model: unknown, place: string): KerasLayer[] {
  const config = isRecord(model) ? model["config"] : undefined;
  const list = Array.isArray(config) ? config : isRecord(config) ? config["layers"] : undefined;
  if (!Array.isArray(list)) {
    const fix = "save a Sequential or functional model (model.save)";
    throw new BadFile({ place, expected: "a model of layers", got: "another one", fix });
  }
  return list.map((layer: unknown, index): KerasLayer => {
    const own = isRecord(layer) ? layer : {};
    const settings = isRecord(own["config"]) ? own["config"] : {};
    const name = own["name"] ?? settings["name"];
    return {
      kind: String(own["class_name"] ?? ""),
      name: typeof name === "string" ? name : `layer ${index + 1}`,
      config: settings,
      from: namesIn(own["inbound_nodes"]),
    };
  });
}

/** Spelled as Keras does; `gelu` of Keras is the exact one unless `approximate`. */
const activationOf: ReadonlyMap<string, ActivationName> = new Map<string, ActivationName>([
  ["linear", "identity"],
  ["swish", "silu"],
  ["leaky_relu", "leakyRelu"],
  ...activationNames.map((name) => [name, name] as const),
]);

const lossOfLast: ReadonlyMap<string, Loss> = new Map<string, Loss>([
  ["softmax", "softmaxCrossEntropy"],
  ["sigmoid", "binaryCrossEntropy"],
]);

/** Layers that change nothing when a network answers. */
const passing = new Set(["InputLayer", "Dropout", "GaussianNoise", "GaussianDropout", "ActivityRegularization"]);

/** Kernel [fanIn, fanOut] and bias of a dense layer. */
export type WeightsOf = (layer: KerasLayer) => { readonly kernel: Values; readonly bias: Values | undefined };

interface Walk {
  readonly draft: NetworkDraft;
  readonly nodes: Map<string, number>;
  readonly place: string;
  readonly weightsOf: WeightsOf;
}

function activate({ draft, place }: Walk, from: number, layer: KerasLayer, written: unknown): number {
  const name = isRecord(written) ? String(written["class_name"] ?? "").toLowerCase() : String(written ?? "linear");
  const activation = activationOf.get(name);
  if (activation) return draft.activation(from, activation);
  throw unsupported(place, layer.name, `activation ${JSON.stringify(name)}`);
}

function add(walk: Walk, layer: KerasLayer, from: readonly number[]): number {
  const { draft, place, weightsOf } = walk;
  const [first = 0] = from;
  const { kind, config } = layer;
  if (passing.has(kind)) return first;
  if (kind === "Dense") {
    const { kernel, bias } = weightsOf(layer);
    return activate(walk, draft.dense(first, kernel, bias, layer.name), layer, config["activation"]);
  }
  if (kind === "Activation") return activate(walk, first, layer, config["activation"]);
  if (kind === "ReLU" && config["max_value"] == null) return draft.activation(first, "relu");
  if (kind === "Add" && from.length === 2) return draft.plus(from);
  if (kind === "Concatenate") return draft.builder.add({ kind: "concat", from });
  if (kind === "Flatten") return first; // of rows of vectors
  throw unsupported(place, layer.name, `a layer ${kind}`);
}

/** The last layer without its softmax or sigmoid, and the loss that takes its logits. */
function splitLast(layers: readonly KerasLayer[], loss: Loss | undefined): { layers: KerasLayer[]; loss: Loss } {
  const last = layers.at(-1)!;
  const found = lossOfLast.get(String(last.config["activation"] ?? (last.kind === "Softmax" ? "softmax" : "")));
  if (found === undefined || (loss !== undefined && loss !== found))
    return { layers: [...layers], loss: loss ?? "meanSquaredError" };
  const kind = last.kind === "Softmax" ? "Activation" : last.kind;
  return {
    layers: [...layers.slice(0, -1), { ...last, kind, config: { ...last.config, activation: "linear" } }],
    loss: found,
  };
}

/** Builds the network of a Sequential or functional model. @throws BadFile that names the first layer that cannot be expressed */
export function buildKeras(
  all: readonly KerasLayer[],
  weightsOf: WeightsOf,
  place: string,
  wanted: Loss | undefined,
): ImportedModel {
  const firstDense = all.find(({ kind }) => kind === "Dense");
  if (!firstDense) throw unsupported(place, all.at(-1)?.name ?? "model", "no dense layer");
  const { layers, loss } = splitLast(all, wanted);
  const draft = new NetworkDraft(weightsOf(firstDense).kernel.shape[0]!, place);
  const walk: Walk = { draft, nodes: new Map(), place, weightsOf };
  let before = 0;
  for (const layer of layers) {
    const from = layer.from.map((name) => {
      const node = walk.nodes.get(name);
      if (node === undefined)
        throw unsupported(place, layer.name, `an input ${JSON.stringify(name)}, which comes later`);
      return node;
    });
    before = add(walk, layer, from.length > 0 ? from : [before]);
    walk.nodes.set(layer.name, before);
  }
  return draft.finish(before, loss);
}
