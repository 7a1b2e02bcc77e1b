import { InvalidInput, requireOptions } from "../errors.ts";
import type { PerReplica } from "../backend/executor.ts";
import { requireOneEach, requireSeeds } from "../graph/initializers.ts";
import { type Optimizer, requireHyperParameter, takes } from "../math/optimizer.ts";

const place = "train: perReplica";

type Name = "learningRate" | "momentum" | "weightDecay";

/** A copy of the list: what its owner does with it later changes no training. */
function checkedList(name: Name, values: ArrayLike<number>, replicas: number): Float64Array {
  requireOneEach(`${place}.${name}`, values, replicas);
  for (let replica = 0; replica < replicas; replica++) {
    requireHyperParameter(`${place}.${name}[${replica}]`, name, values[replica]);
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
 * Lists of one value per replica, each checked as the optimizer's own value is.
 * @throws InvalidInput
 */
export function checkedPerReplica(perReplica: PerReplica, optimizer: Optimizer, replicas: number): PerReplica {
  requireOptions(place, perReplica, ["learningRate", "momentum", "weightDecay", "seed"]);
  const { learningRate, momentum, weightDecay, seed } = perReplica;
  if (momentum !== undefined) requireTaken(optimizer, "momentum");
  if (weightDecay !== undefined) requireTaken(optimizer, "weightDecay");
  if (seed !== undefined) requireSeeds(`${place}.seed`, seed, replicas);
  return {
    ...(learningRate !== undefined && { learningRate: checkedList("learningRate", learningRate, replicas) }),
    ...(momentum !== undefined && { momentum: checkedList("momentum", momentum, replicas) }),
    ...(weightDecay !== undefined && { weightDecay: checkedList("weightDecay", weightDecay, replicas) }),
    ...(seed !== undefined && { seed: Float64Array.from(seed) }),
  };
}
