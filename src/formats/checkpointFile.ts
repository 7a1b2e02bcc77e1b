import type { Preprocessing } from "../data/preprocessing.ts";
import { BadFile, InvalidInput } from "../errors.ts";
import type { Checkpoint } from "../backend/executor.ts";
import { isCheckpoint } from "../backend/isCheckpoint.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireValueCount } from "./modelFile.ts";
import { decodeMetadata, encodeMetadata, stateKey } from "./modelMetadata.ts";
import { decodeSafetensors, joinBytes, safetensorsParts } from "./safetensors.ts";
import { joinTree, splitTree } from "./treeTensors.ts";

/** A training under way, as it is written to a file. */
export interface CheckpointToSave {
  readonly network: AnyNetwork;
  readonly members: number;
  readonly checkpoint: Checkpoint;
  readonly preprocessing?: Preprocessing | undefined;
  /** What else a program needs in order to resume: objects, lists, numbers, texts, Float32Array and Float64Array. */
  readonly run?: Readonly<Record<string, unknown>> | undefined;
}

/** A training as it was read from a file. */
export interface SavedCheckpoint extends CheckpointToSave {
  /** Empty where nothing was written. */
  readonly run: Readonly<Record<string, unknown>>;
}

/** As `encodeCheckpoint`, in pieces that are views of the state's arrays: nothing is copied. */
export function checkpointParts({
  network,
  members,
  checkpoint,
  preprocessing,
  run = {},
}: CheckpointToSave): Uint8Array[] {
  if (!isCheckpoint(checkpoint)) {
    const fix = "pass model.checkpoint, or the checkpoint that train passes to checkpoint.save";
    throw new InvalidInput({ place: "encodeCheckpoint", expected: "a checkpoint", got: typeof checkpoint, fix });
  }
  requireValueCount("encodeCheckpoint", { network, members, parameters: checkpoint.parameters });
  const { json, tensors } = splitTree({ members, checkpoint, run });
  const metadata = encodeMetadata({ network, preprocessing }).set(stateKey, json);
  return safetensorsParts({ tensors, metadata });
}

/**
 * Bytes of a safetensors file from which a training can be resumed: every field of the checkpoint to its last bit, float32 and float64 as
 * they are, the network, and what else is passed.
 * @throws InvalidInput where the parts do not belong together, or where `run` holds more than plain data
 */
export function encodeCheckpoint(content: CheckpointToSave): Uint8Array {
  return joinBytes(checkpointParts(content));
}

/**
 * Reads a file that `encodeCheckpoint` wrote, strictly. Pass its checkpoint as `resume` to `train`.
 * @param place what messages call the file
 * @throws BadFile on a damaged file, and on one that is no checkpoint
 */
export function decodeCheckpoint(bytes: Uint8Array, place: string): SavedCheckpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, place);
  const json = metadata.get(stateKey);
  if (json === undefined) {
    const fix = "pass a file from the --checkpoint folder, or one that encodeCheckpoint wrote";
    const got = metadata.get("format") === "thalweg" ? "a model" : "another safetensors file";
    throw new BadFile({ place, expected: "a training checkpoint", got, fix });
  }
  const { network, preprocessing } = decodeMetadata(metadata, place);
  const state = joinTree({ json, tensors }, place) as { members?: unknown; checkpoint?: unknown; run?: unknown };
  const { members, checkpoint, run } = state;
  const isWhole =
    isCheckpoint(checkpoint) &&
    Number.isSafeInteger(members) &&
    checkpoint.parameters.length === (members as number) * network.parameterCount &&
    typeof run === "object" &&
    run !== null;
  if (isWhole) {
    return { network, members: members as number, checkpoint, preprocessing, run: run as Record<string, unknown> };
  }
  const fix = "the file is damaged: resume from another checkpoint";
  throw new BadFile({ place, expected: "a checkpoint that fits its network", got: "one that does not", fix });
}
