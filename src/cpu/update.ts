import type { Optimizer } from "../optimizer.ts";

export interface UpdateArguments {
  readonly optimizer: Optimizer;
  /** Steps done before this one. */
  readonly step: number;
  /** [parameterCount] of one replica. */
  readonly gradients: Float64Array;
  /** [parameterCount], updated. */
  readonly parameters: Float64Array;
  /** Which values a parameter, gradient or moment may have; default: every finite float64. */
  readonly fits?: (value: number) => boolean;
  /** Two rows [parameterCount]: momentum, or first and second moment; updated. */
  readonly moments: readonly [Float64Array, Float64Array];
}

/** The updated parameter at an index; moments are updated in place. */
type Rule = (index: number) => number;

function sgd({ optimizer, gradients, parameters, moments: [velocity] }: UpdateArguments): Rule {
  const { learningRate, momentum, nesterov, weightDecay } = optimizer;
  return (index) => {
    const gradient = gradients[index]! + weightDecay * parameters[index]!;
    velocity[index] = momentum * velocity[index]! + gradient;
    const direction = nesterov ? gradient + momentum * velocity[index]! : velocity[index]!;
    return parameters[index]! - learningRate * direction;
  };
}

function adam({ optimizer, step, gradients, parameters, moments: [mean, square] }: UpdateArguments): Rule {
  const { learningRate, beta1, beta2, epsilon, weightDecay, name } = optimizer;
  const decoupled = name === "adamW";
  const stepSize = learningRate / (1 - beta1 ** (step + 1));
  const correction = Math.sqrt(1 - beta2 ** (step + 1));
  return (index) => {
    const parameter = parameters[index]!;
    const gradient = gradients[index]! + (decoupled ? 0 : weightDecay * parameter);
    const start = decoupled ? parameter - learningRate * weightDecay * parameter : parameter;
    mean[index] = beta1 * mean[index]! + (1 - beta1) * gradient;
    square[index] = beta2 * square[index]! + (1 - beta2) * gradient * gradient;
    return start - (stepSize * mean[index]!) / (Math.sqrt(square[index]!) / correction + epsilon);
  };
}

function rmsProp({ optimizer, gradients, parameters, moments: [square, velocity] }: UpdateArguments): Rule {
  const { learningRate, alpha, epsilon, momentum, weightDecay } = optimizer;
  return (index) => {
    const gradient = gradients[index]! + weightDecay * parameters[index]!;
    square[index] = alpha * square[index]! + (1 - alpha) * gradient * gradient;
    velocity[index] = momentum * velocity[index]! + gradient / (Math.sqrt(square[index]!) + epsilon);
    return parameters[index]! - learningRate * velocity[index]!;
  };
}

function ruleOf(options: UpdateArguments): Rule {
  if (options.optimizer.name === "sgd") return sgd(options);
  return options.optimizer.name === "rmsProp" ? rmsProp(options) : adam(options);
}

/** Whether f32 can hold a value: what leaves it is an infinity on a GPU and in a model file. */
export const fitsFloat32 = (value: number): boolean => Number.isFinite(Math.fround(value));

/**
 * One step of the optimizer on one replica. Twin of `shaders/optimizer.wgsl`; definitions as `torch.optim`'s. A parameter
 * that would not fit is left as it was.
 * @returns whether every gradient, moment and updated parameter fits
 */
export function update(options: UpdateArguments): boolean {
  const { gradients, parameters, moments, fits = Number.isFinite } = options;
  const updated = ruleOf(options);
  let allFit = true;
  for (let index = 0; index < parameters.length; index++) {
    const value = updated(index);
    const isFitting = fits(value);
    if (isFitting) parameters[index] = value;
    const others = fits(gradients[index]!) && moments.every((moment) => fits(moment[index]!));
    allFit = allFit && isFitting && others;
  }
  return allFit;
}
