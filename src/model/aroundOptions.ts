import { InvalidInput } from "../errors.ts";
import { type AroundUpdate, requireAround } from "../math/aroundUpdate.ts";
import { type Optimizer, takes } from "../math/optimizer.ts";
import { mostRunValues, mostStepValues } from "../math/optimizerUpdate.ts";
import { updateValuesOf } from "../math/updateValues.ts";

/** Options of a training that change what is done around its optimizer's update. */
export const aroundOptions = [
  "clipNorm",
  "clipValue",
  "l1",
  "decay",
  "average",
] as const satisfies (keyof AroundUpdate)[];

/**
 * The optimizer with what a training does around its update.
 * @throws InvalidInput
 */
export function surroundedOptimizer(optimizer: Optimizer, options: AroundUpdate): Optimizer {
  const set = aroundOptions.filter((name) => options[name] !== undefined);
  if (set.length === 0) return optimizer;
  const around: AroundUpdate = Object.fromEntries(set.map((name) => [name, options[name]]));
  requireAround("train", around);
  if (around.decay === "weights" && !takes(optimizer, "weightDecay")) {
    const expected = "an optimizer with weightDecay";
    throw new InvalidInput({ place: "train: decay", expected, got: optimizer.name, fix: "leave it out" });
  }
  const surrounded = { ...optimizer, around };
  const { ofRun, ofStep } = updateValuesOf(surrounded).hosted;
  if (ofRun.length > mostRunValues || ofStep.length > mostStepValues) {
    const expected = `at most ${mostRunValues} terms of hyper-parameters alone and ${mostStepValues} of the step, including clipping and decay`;
    const got = `${optimizer.name} with ${ofRun.length} and ${ofStep.length}`;
    throw new InvalidInput({ place: `train: ${set.join(", ")}`, expected, got, fix: "combine some in its update" });
  }
  return surrounded;
}
