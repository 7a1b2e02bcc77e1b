import { InvalidInput, requireOptions } from "../errors.ts";
import type { PerReplica } from "../executor.ts";
import { requireOneEach, requireSeeds } from "../initializers.ts";
import { type Optimizer, requireHyperParameter, takesMomentum } from "../optimizer.ts";

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

function requireMomentum(optimizer: Optimizer): void {
  if (takesMomentum(optimizer)) return;
  const fix = "leave it out, or take sgd or rmsProp";
  const expected = "an optimizer with momentum";
  throw new InvalidInput({ place: `${place}.momentum`, expected, got: optimizer.name, fix });
}

/**
 * Lists of one value per replica, each checked as the optimizer's own value is.
 * @throws InvalidInput
 */
export function checkedPerReplica(perReplica: PerReplica, optimizer: Optimizer, replicas: number): PerReplica {
  requireOptions(place, perReplica, ["learningRate", "momentum", "weightDecay", "seed"]);
  const { learningRate, momentum, weightDecay, seed } = perReplica;
  if (momentum !== undefined) requireMomentum(optimizer);
  if (seed !== undefined) requireSeeds(`${place}.seed`, seed, replicas);
  return {
    ...(learningRate !== undefined && { learningRate: checkedList("learningRate", learningRate, replicas) }),
    ...(momentum !== undefined && { momentum: checkedList("momentum", momentum, replicas) }),
    ...(weightDecay !== undefined && { weightDecay: checkedList("weightDecay", weightDecay, replicas) }),
    ...(seed !== undefined && { seed: Float64Array.from(seed) }),
  };
}
