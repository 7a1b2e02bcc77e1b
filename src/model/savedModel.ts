import { InvalidInput, requireOptions } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { ModelToSave, SavedModel } from "../formats/modelFile.ts";
import { type AnyNetwork, asChain, describeArchitecture, graphOf } from "../graph/graphNetwork.ts";
import { nameOf } from "../graph/network.ts";

// The file format is loaded when a model is saved or loaded: a page that does neither does not download it.

/** What a model file may hold besides the model. */
export type SaveExtras = Pick<ModelToSave, "preprocessing" | "training">;

interface SizedNetwork {
  readonly network: AnyNetwork;
  readonly members: number;
}

/** Distinguishes networks: by the activations of a list, by the nodes of a graph. */
const partsOf = (network: AnyNetwork): string[] =>
  asChain(network)?.layers.map(({ activation }) => nameOf(activation)) ??
  graphOf(network).nodes.map(
    (node) => `${"activation" in node && node.activation ? nameOf(node.activation) : node.kind} ${node.width}`,
  );

const described = ({ network, members }: SizedNetwork): string =>
  `${members} × ${describeArchitecture(network)} ${partsOf(network).join(" ")}, ${nameOf(network.loss)}`;

/** Bytes of a model file. @throws InvalidInput when a parameter is not finite */
export async function encode(
  { network, members }: SizedNetwork,
  parameters: FloatArray,
  extras: SaveExtras,
): Promise<Uint8Array> {
  requireOptions("save", extras, ["preprocessing", "training"]);
  const { encodeModel } = await import("../formats/modelFile.ts");
  return encodeModel({ network, members, parameters, ...extras });
}

/** @throws BadFile on a damaged file */
export async function decode(place: string, bytes: Uint8Array): Promise<Pick<SavedModel, keyof ModelToSave>> {
  const { openModel } = await import("../formats/imported/importModel.ts");
  return openModel(bytes, place);
}

/** Throws `InvalidInput` unless a file holds the same network, as many times. */
export function requireAlike(model: SizedNetwork, saved: SizedNetwork): void {
  const [expected, got] = [described(model), described(saved)];
  if (got !== expected)
    throw new InvalidInput({ place: "load", expected, got, fix: "use loadModel(bytes, { device })" });
}
