import type { RunSettings } from "../backend/executor.ts";
import { InvalidInput, requireOptions } from "../errors.ts";
import { requireHyperParameter } from "../math/optimizer.ts";
import type { TrainingControls } from "./options.ts";

/** Throws `InvalidInput` where `next()` is given what a training cannot take. */
export function requireControls(steering: TrainingControls, { perMember }: RunSettings): void {
  requireOptions("train: next", steering, ["logInterval", "learningRate"]);
  const { learningRate } = steering;
  if (learningRate === undefined) return;
  requireHyperParameter("train: next: learningRate", "learningRate", learningRate);
  if (perMember?.learningRate === undefined) return;
  const fix = "start a new training with other lists";
  const expected = "no learningRate where perMember sets those of the members";
  throw new InvalidInput({ place: "train: next", expected, got: String(learningRate), fix });
}
