import { type Preprocessing, inputWidth, outputWidth } from "../data/preprocessing.ts";
import { BadFile, InvalidInput } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { ParameterShape } from "../graph/graph.ts";
import { type AnyNetwork, parametersOf } from "../graph/graphNetwork.ts";
import { type ModelMetadata, type TrainingSummary, decodeMetadata, encodeMetadata, stateKey } from "./modelMetadata.ts";
import {
  type Tensor,
  decodeMetadataTexts,
  decodeSafetensors,
  encodeSafetensors,
  maxValuesOffset,
} from "./safetensors.ts";

/** A model as it is written to a file. */
export interface ModelToSave {
  readonly network: AnyNetwork;
  readonly members: number;
  /** [members, parameterCount]; written as F32. */
  readonly parameters: FloatArray;
  readonly preprocessing?: Preprocessing | undefined;
  readonly training?: TrainingSummary | undefined;
}

/** A model as it was read from a file. */
export interface SavedModel extends ModelMetadata {
  readonly members: number;
  /** [members, parameterCount] */
  readonly parameters: Float32Array;
}

/** Parameters as files hold them. @throws InvalidInput on one that is no finite f32 */
export function finiteParameters(place: string, parameters: FloatArray): Float32Array {
  const rounded = Float32Array.from(parameters);
  const index = rounded.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return rounded;
  const fix = "train with a smaller learning rate; a model that diverged is not saved";
  const got = String(rounded[index]);
  throw new InvalidInput({ place: `${place}: parameter ${index}`, expected: "a finite f32", got, fix });
}

const misfit = (place: string, expected: number, got: number): InvalidInput =>
  new InvalidInput({ place, expected: `${expected}`, got: `${got}`, fix: "pass the values of this network" });

/** @throws InvalidInput unless there are as many parameters as members of the network have */
export function requireValueCount(
  place: string,
  { network, members, parameters }: Pick<ModelToSave, "network" | "members" | "parameters">,
): void {
  const values = members * network.parameterCount;
  if (parameters.length !== values) throw misfit(`${place}: parameters`, values, parameters.length);
}

function requireFit(model: ModelToSave): void {
  requireValueCount("encodeModel", model);
  const { network, preprocessing } = model;
  if (!preprocessing) return;
  const [inputs, outputs] = [inputWidth(preprocessing), outputWidth(preprocessing)];
  if (inputs !== network.inputs) throw misfit("encodeModel: inputs of the preprocessing", network.inputs, inputs);
  if (outputs !== network.outputs) throw misfit("encodeModel: outputs of the preprocessing", network.outputs, outputs);
}

/** [members, parameterCount] → [members, size] of one parameter */
export function valuesOfMembers(
  { offset, size }: ParameterShape,
  { network, members }: Pick<ModelToSave, "network" | "members">,
  parameters: Float32Array,
): Float32Array {
  const values = new Float32Array(members * size);
  for (let member = 0; member < members; member++) {
    const start = member * network.parameterCount + offset;
    values.set(parameters.subarray(start, start + size), member * size);
  }
  return values;
}

/**
 * Bytes of a safetensors file with a tensor for each parameter, `layers.N.weights` [fanIn, fanOut] and `layers.N.bias` [fanOut] of
 * dense layers (with a leading axis of members where there is more than one), and in its metadata the architecture, the
 * preprocessing and the training.
 * @throws InvalidInput when a parameter is not finite, or when the parts do not belong together
 */
export function encodeModel(model: ModelToSave): Uint8Array {
  requireFit(model);
  const parameters = finiteParameters("encodeModel", model.parameters);
  const { members } = model;
  const tensors = parametersOf(model.network).map((part): [string, Tensor] => {
    const shape = members > 1 ? [members, ...part.shape] : part.shape;
    return [part.name, { shape, values: valuesOfMembers(part, model, parameters) }];
  });
  return encodeSafetensors({ tensors: new Map(tensors), metadata: encodeMetadata(model) });
}

const fix = "the file is damaged or was not written by thalweg: save the model again";

/** A leading axis before those of a parameter counts members; 1 without it. */
function membersOf(tensors: ReadonlyMap<string, Tensor>, { name, shape: own }: ParameterShape, place: string): number {
  const shape = tensors.get(name)?.shape ?? [];
  const members = shape.length === own.length + 1 ? shape[0]! : 1;
  if (members >= 1) return members;
  throw new BadFile({ place: `${place}: ${name}`, expected: "at least one member", got: "0", fix });
}

function requireTensor(
  tensors: ReadonlyMap<string, Tensor>,
  part: ParameterShape,
  members: number,
  place: string,
): Tensor {
  const shape = members > 1 ? [members, ...part.shape] : part.shape;
  const tensor = tensors.get(part.name);
  const got = tensor ? `[${tensor.shape.join(", ")}]` : "none";
  if (tensor && got === `[${shape.join(", ")}]`) return tensor;
  const expected = `a tensor of shape [${shape.join(", ")}]`;
  throw new BadFile({ place: `${place}: ${part.name}`, expected, got, fix });
}

/** [members, …shape] → its places in [members, parameterCount] */
function scatter(parameters: Float32Array, parameterCount: number, part: ParameterShape, { values }: Tensor): void {
  for (const [index, value] of values.entries()) {
    const member = Math.floor(index / part.size);
    parameters[member * parameterCount + part.offset + (index % part.size)] = value;
  }
}

function requireFiniteTensor({ name }: ParameterShape, { values }: Tensor, place: string): void {
  const index = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (index < 0) return;
  throw new BadFile({
    place: `${place}: ${name}[${index}]`,
    expected: "a finite f32",
    got: String(values[index]),
    fix,
  });
}

function requirePreprocessing({ network, preprocessing }: ModelMetadata, place: string): void {
  if (!preprocessing) return;
  const got = `${inputWidth(preprocessing)} and ${outputWidth(preprocessing)}`;
  const expected = `${network.inputs} and ${network.outputs}`;
  if (got === expected) return;
  const where = `${place}: preprocessing`;
  throw new BadFile({ place: where, expected: `${expected} inputs and outputs, as in the network`, got, fix });
}

/** As many bytes at the start of a model file are enough for `decodeModelHeader`. */
export const modelHeaderBytes = maxValuesOffset;

/**
 * Reads what a model file says about itself, without its parameters.
 * @param start the first `modelHeaderBytes` bytes of the file, or all of a shorter one
 * @param place what messages call the file
 * @throws BadFile on a file that thalweg did not write
 */
export function decodeModelHeader(start: Uint8Array, place: string): ModelMetadata {
  const metadata = decodeMetadataTexts(start, place);
  requireNoCheckpoint(metadata, place);
  return decodeMetadata(metadata, place);
}

function requireNoCheckpoint(metadata: ReadonlyMap<string, string>, place: string): void {
  if (!metadata.has(stateKey)) return;
  const remedy = "resume it: thalweg train FILE --resume CHECKPOINT, or decodeCheckpoint in a program";
  throw new BadFile({ place, expected: "a model", got: "a training checkpoint", fix: remedy });
}

/**
 * Reads a model file, strictly.
 * @param place what messages call the file
 * @throws BadFile on a damaged file, on one that thalweg did not write, and on parameters that are not finite
 */
export function decodeModel(bytes: Uint8Array, place: string): SavedModel {
  const { tensors, metadata } = decodeSafetensors(bytes, place);
  requireNoCheckpoint(metadata, place);
  const known = decodeMetadata(metadata, place);
  requirePreprocessing(known, place);
  const { parameterCount } = known.network;
  const parts = parametersOf(known.network);
  const members = membersOf(tensors, parts[0]!, place);
  const found = parts.map((part) => requireTensor(tensors, part, members, place));
  const names = new Set(parts.map(({ name }) => name));
  const extra = [...tensors.keys()].find((name) => !names.has(name));
  if (extra !== undefined) {
    throw new BadFile({
      place,
      expected: `${parts.length} tensors of its layers`,
      got: `also ${JSON.stringify(extra)}`,
      fix,
    });
  }
  const parameters = new Float32Array(members * parameterCount);
  for (const [index, part] of parts.entries()) {
    requireFiniteTensor(part, found[index]!, place);
    scatter(parameters, parameterCount, part, found[index]!);
  }
  return { ...known, members, parameters };
}
