import { InvalidInput, requireOptions } from "../errors.ts";
import type { PerMember } from "../backend/executor.ts";
import { requireOneEach, requireSeeds } from "../graph/initializers.ts";
import { type Optimizer, requireHyperParameter, takes } from "../math/optimizer.ts";

const place = "train: perMember";

type Name = "learningRate" | "momentum" | "weightDecay";

/** A copy of the list: what its owner does with it later changes no training. */
function checkedList(name: Name, values: ArrayLike<number>, members: number): Float64Array {
  requireOneEach(`${place}.${name}`, values, members);
  for (let member = 0; member < members; member++) {
    requireHyperParameter(`${place}.${name}[${member}]`, name, values[member]);
  }
  return Float64Array.from(values);
}

function requireTaken(optimizer: Optimizer, name: Name): void {
  if (takes(optimizer, name)) return;
  const fix = name === "momentum" ? "leave it out, or take sgd or rmsProp" : "leave it out";
  throw new InvalidInput({
    place: `${place}.${name}`,
    expected: `an optimizer with ${name}`,
    got: optimizer.name,
    fix,
  });
}

/**
 * Lists of one value per member, each checked as the optimizer's own value is.
 * @throws InvalidInput
 */
export function checkedPerMember(perMember: PerMember, optimizer: Optimizer, members: number): PerMember {
  requireOptions(place, perMember, ["learningRate", "momentum", "weightDecay", "seed"]);
  const { learningRate, momentum, weightDecay, seed } = perMember;
  if (momentum !== undefined) requireTaken(optimizer, "momentum");
  if (weightDecay !== undefined) requireTaken(optimizer, "weightDecay");
  if (seed !== undefined) requireSeeds(`${place}.seed`, seed, members);
  return {
    ...(learningRate !== undefined && { learningRate: checkedList("learningRate", learningRate, members) }),
    ...(momentum !== undefined && { momentum: checkedList("momentum", momentum, members) }),
    ...(weightDecay !== undefined && { weightDecay: checkedList("weightDecay", weightDecay, members) }),
    ...(seed !== undefined && { seed: Float64Array.from(seed) }),
  };
}
