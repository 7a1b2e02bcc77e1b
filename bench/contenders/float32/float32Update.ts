import { type Optimizer } from "../../../src/math/optimizer.ts";
import { momentCount } from "../../../src/math/optimizerFunction.ts";

/** Parameters of several members, of which one is updated at a time. */
export interface Updated {
  /** [members, parameterCount]. */
  readonly parameters: Float32Array;
  /** As many rows [members, parameterCount] as the optimizer keeps. */
  readonly moments: readonly Float32Array[];
  /** [parameterCount], of the member being updated. */
  readonly gradients: Float32Array;
}

/** @param first index of the member's first parameter @param step steps done before this one */
type Update = (memory: Updated, optimizer: Optimizer, first: number, step: number) => void;

function descend({ parameters, gradients }: Updated, { learningRate }: Optimizer, first: number): void {
  for (let at = 0; at < gradients.length; at++) parameters[first + at]! -= learningRate * gradients[at]!;
}

function sgd(memory: Updated, optimizer: Optimizer, first: number): void {
  const { learningRate, momentum, nesterov, weightDecay } = optimizer;
  const { parameters, moments, gradients } = memory;
  const velocities = moments[0];
  if (!velocities && weightDecay === 0) return descend(memory, optimizer, first);
  for (let at = 0, place = first; at < gradients.length; at++, place++) {
    const gradient = gradients[at]! + weightDecay * parameters[place]!;
    const velocity = velocities ? momentum * velocities[place]! + gradient : gradient;
    if (velocities) velocities[place] = velocity;
    parameters[place]! -= learningRate * (nesterov ? gradient + momentum * velocity : velocity);
  }
}

function adam(memory: Updated, optimizer: Optimizer, first: number, step: number): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = optimizer;
  const { parameters, moments, gradients } = memory;
  const [means, squares] = moments as [Float32Array, Float32Array];
  const stepSize = learningRate / (1 - beta1 ** (step + 1));
  const correction = 1 / Math.sqrt(1 - beta2 ** (step + 1));
  for (let at = 0, place = first; at < gradients.length; at++, place++) {
    const gradient = gradients[at]! + weightDecay * parameters[place]!;
    const mean = beta1 * means[place]! + (1 - beta1) * gradient;
    const square = beta2 * squares[place]! + (1 - beta2) * gradient * gradient;
    means[place] = mean;
    squares[place] = square;
    parameters[place]! -= (stepSize * mean) / (Math.sqrt(square) * correction + epsilon);
  }
}

const updates: Partial<Record<Optimizer["name"], Update>> = { sgd, adam };

export const knowsOptimizer = ({ name }: Optimizer): boolean => name in updates;

/** One step of one member; definitions as in src/backend/cpu/update.ts. */
export const updateOf = ({ name }: Optimizer): Update => updates[name]!;

export const createMoments = (optimizer: Optimizer, length: number): Float32Array[] =>
  Array.from({ length: momentCount(optimizer) }, () => new Float32Array(length));
