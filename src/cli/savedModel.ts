import type { MetricName, Preprocessing, SavedModel } from "../data.ts";
import {
  type AnyNetwork,
  BadFile,
  type Device,
  type DeviceChoice,
  type Model,
  createModel,
  describeArchitecture,
  nameOf,
} from "../node.ts";
import { describeDevice } from "./describe.ts";
import { openDevice, placeOf } from "./files.ts";
import { counted } from "./numbers.ts";
import type { Output } from "./output.ts";
import type { ReadFlags } from "./readFlags.ts";

/** Options that `predict` and `evaluate` share. */
export interface UseFlags extends ReadFlags {
  readonly device: DeviceChoice;
  /** A category that was not seen in training is an error. */
  readonly strict?: boolean;
  /** Of `evaluate`. */
  readonly metrics?: readonly MetricName[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A model written by the library alone says nothing about tables. */
export function requirePreprocessing({ preprocessing }: SavedModel, file: string): Preprocessing {
  if (preprocessing) return preprocessing;
  const expected = "a model with preprocessing";
  const fix = "use a model that thalweg train wrote, or the library";
  throw new BadFile({ place: placeOf(file), expected, got: "one without", fix });
}

/** Runs `use` with the model on a device, and frees both. */
export async function withModel<T>(
  output: Output,
  saved: SavedModel,
  choice: DeviceChoice,
  use: (model: Model<AnyNetwork>, device: Device) => Promise<T>,
): Promise<T> {
  const device = await openDevice(output, choice);
  try {
    const { network, members, parameters } = saved;
    const model = await createModel(network, { device, members, parameters });
    try {
      return await use(model, device);
    } finally {
      model.dispose();
    }
  } finally {
    device.dispose();
  }
}

export function describeSavedModel(output: Output, device: Device, saved: SavedModel, file: string): void {
  describeDevice(output, device);
  const { network, members, training } = saved;
  const times = members > 1 ? `, mean of ${members} members` : "";
  const rows = training
    ? `, trained ${counted(training.steps, "step")} on ${counted(training.trainingRows, "row")}`
    : "";
  output.info(
    "model",
    `${placeOf(file)}: ${describeArchitecture(network)}, loss ${nameOf(network.loss)}${times}${rows}`,
  );
}
