import { BadFile, requireOptions, ThalwegError } from "../../errors.ts";
import type { ActivationName, Loss } from "../../graph/network.ts";
import { activationNames, lossNames, requireName } from "../../graph/network.ts";
import { decodeModel, type SavedModel } from "../modelFile.ts";
import { describeOtherFile } from "../otherFiles.ts";
import { decodeMetadataTexts, decodeSafetensors, maxValuesOffset } from "../safetensors.ts";
import type { ImportedModel } from "./networkDraft.ts";

/** What a file of another program does not say. */
export interface ImportOptions {
  /** Behind every layer but the last of files that hold weights alone: a state_dict, .weights.h5. Default: relu. */
  readonly activation?: ActivationName;
  /** Default: the cross-entropy that fits a softmax or sigmoid at the end, else meanSquaredError. */
  readonly loss?: Loss;
  /** Other files of the model by their names: the shards of TensorFlow.js. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  String.fromCharCode(...bytes.subarray(0, text.length)) === text;

/** The IR version of an ONNX file, and its producer or graph. */
const isOnnx = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x08 && bytes[1]! > 0 && bytes[1]! < 32 && [0x12, 0x1a, 0x22, 0x3a, 0x42].includes(bytes[2]!);

async function read(bytes: Uint8Array, place: string, options: ImportOptions): Promise<ImportedModel> {
  const { loss, files = new Map<string, Uint8Array>() } = options;
  const stack = { activation: options.activation ?? "relu", loss: loss ?? "meanSquaredError" };
  if (startsWith(bytes, "PK\u0003\u0004"))
    return (await import("./kerasFiles.ts")).readKerasArchive(bytes, place, loss);
  if (startsWith(bytes, "\u0089HDF")) return (await import("./kerasFiles.ts")).readKerasH5(bytes, place, stack, loss);
  if (isOnnx(bytes)) return (await import("./readOnnx.ts")).readOnnx(bytes, place, loss);
  if (bytes[0] === "{".charCodeAt(0)) {
    const { isTfjs, readTfjs } = await import("./kerasFiles.ts");
    const text = new TextDecoder().decode(bytes);
    if (isTfjs(text)) return readTfjs(text, files, place, loss);
  }
  const other = bytes[8] === "{".charCodeAt(0) ? undefined : describeOtherFile(bytes);
  if (other) throw new BadFile({ place, expected: "a model in safetensors, ONNX, Keras or TensorFlow.js", ...other });
  const { readStateDict } = await import("./denseStack.ts");
  return readStateDict(decodeSafetensors(bytes, place).tensors, place, stack);
}

/**
 * Reads a network of another program: a PyTorch state_dict in safetensors, ONNX, `.keras`, `.h5` and `.weights.h5` of Keras,
 * `model.json` of TensorFlow.js with its shards. The content decides which. Dense layers, activations and residual connections.
 * @param place what messages call the file
 * @throws BadFile on a damaged file, and on one with a layer that cannot be expressed, which it names
 */
export async function importModel(
  bytes: Uint8Array,
  place: string,
  options: ImportOptions = {},
): Promise<ImportedModel> {
  requireOptions(`${place}: options`, options, ["activation", "loss", "files"]);
  if (options.activation !== undefined) requireName(`${place}: activation`, options.activation, activationNames);
  if (typeof options.loss === "string") requireName(`${place}: loss`, options.loss, lossNames);
  try {
    return await read(bytes, place, options);
  } catch (cause) {
    if (cause instanceof ThalwegError) throw cause;
    const got = JSON.stringify(cause instanceof Error ? cause.message : String(cause)).slice(0, 120);
    throw new BadFile({ place, expected: "a whole model file", got, fix: "export the model again", cause });
  }
}

/** Whether a file is a safetensors file of another program: its metadata do not say that thalweg wrote it. */
function isForeignSafetensors(bytes: Uint8Array): boolean {
  if (bytes[8] !== "{".charCodeAt(0)) return false;
  try {
    return decodeMetadataTexts(bytes.subarray(0, maxValuesOffset), "").get("format") !== "thalweg";
  } catch {
    return false;
  }
}

/** Whether the first bytes, or the text, are those of a model of another program that `importModel` reads. */
export function isForeignModel(bytes: Uint8Array): boolean {
  if (startsWith(bytes, "\u0089HDF") || isOnnx(bytes) || isForeignSafetensors(bytes)) return true;
  if (startsWith(bytes, "PK\u0003\u0004"))
    return new TextDecoder().decode(bytes.subarray(-100_000)).includes("config.json");
  return bytes[0] === "{".charCodeAt(0) && /"modelTopology"/.test(new TextDecoder().decode(bytes.subarray(0, 100_000)));
}

/**
 * Reads a model of thalweg, or of another program as `importModel` does.
 * @throws BadFile
 */
export async function openModel(
  bytes: Uint8Array,
  place: string,
  options: ImportOptions = {},
): Promise<SavedModel | ImportedModel> {
  return isForeignModel(bytes) ? importModel(bytes, place, options) : decodeModel(bytes, place);
}
