import { decodeSafetensors, encodeModel, encodeSafetensors } from "../../data.ts";
import { type FloatArray, network, type NetworkOptions } from "../../index.ts";

/** A network that has learned a picture, with what its inputs are made of. */
export interface ImageModel {
  readonly network: NetworkOptions;
  readonly parameters: FloatArray;
  /** [waves, 2]. */
  readonly frequencies: Float64Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Bytes of a model file as `decodeModel` reads it. Its metadata say how a point becomes inputs: `fourierFrequencies` is a list of
 * [fx, fy], inputs are sin and cos of 2π (fx x + fy y) of each, with x and y in shares of the longer side of `picture`.
 */
export function encodeImageModel({
  network: architecture,
  parameters,
  frequencies,
  width,
  height,
}: ImageModel): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(
    encodeModel({ network: network(architecture), members: 1, parameters }),
    "model",
  );
  const pairs = Array.from({ length: frequencies.length / 2 }, (_, wave) =>
    Array.from(frequencies.subarray(2 * wave, 2 * wave + 2)),
  );
  const own = [
    ["fourierFrequencies", JSON.stringify(pairs)],
    ["picture", JSON.stringify({ width, height })],
  ] as const;
  return encodeSafetensors({ tensors, metadata: new Map([...metadata, ...own]) });
}
