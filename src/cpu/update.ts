import type { Optimizer } from "../optimizer.ts";

export interface UpdateArguments {
  readonly optimizer: Optimizer;
  /** Steps done before this one. */
  readonly step: number;
  /** [parameterCount] of one replica. */
  readonly gradients: Float64Array;
  /** [parameterCount], updated. */
  readonly parameters: Float64Array;
  /** Two rows [parameterCount]: momentum, or first and second moment; updated. */
  readonly moments: readonly [Float64Array, Float64Array];
}

function sgd({ optimizer, gradients, parameters, moments: [velocity] }: UpdateArguments): void {
  const { learningRate, momentum, nesterov, weightDecay } = optimizer;
  for (let index = 0; index < parameters.length; index++) {
    const gradient = gradients[index]! + weightDecay * parameters[index]!;
    velocity[index] = momentum * velocity[index]! + gradient;
    const direction = nesterov ? gradient + momentum * velocity[index]! : velocity[index]!;
    parameters[index]! -= learningRate * direction;
  }
}

function adam({ optimizer, step, gradients, parameters, moments: [mean, square] }: UpdateArguments): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, name } = optimizer;
  const decoupled = name === "adamW";
  const stepSize = learningRate / (1 - beta1 ** (step + 1));
  const correction = Math.sqrt(1 - beta2 ** (step + 1));
  for (let index = 0; index < parameters.length; index++) {
    const parameter = parameters[index]!;
    const gradient = gradients[index]! + (decoupled ? 0 : weightDecay * parameter);
    const start = decoupled ? parameter - learningRate * weightDecay * parameter : parameter;
    mean[index] = beta1 * mean[index]! + (1 - beta1) * gradient;
    square[index] = beta2 * square[index]! + (1 - beta2) * gradient * gradient;
    parameters[index] = start - (stepSize * mean[index]!) / (Math.sqrt(square[index]!) / correction + epsilon);
  }
}

function rmsProp({ optimizer, gradients, parameters, moments: [square, velocity] }: UpdateArguments): void {
  const { learningRate, alpha, epsilon, momentum, weightDecay } = optimizer;
  for (let index = 0; index < parameters.length; index++) {
    const gradient = gradients[index]! + weightDecay * parameters[index]!;
    square[index] = alpha * square[index]! + (1 - alpha) * gradient * gradient;
    velocity[index] = momentum * velocity[index]! + gradient / (Math.sqrt(square[index]!) + epsilon);
    parameters[index]! -= learningRate * velocity[index]!;
  }
}

/** One step of the optimizer on one replica. Twin of `shaders/update.wgsl`; definitions as `torch.optim`'s. */
export function update(options: UpdateArguments): void {
  if (options.optimizer.name === "sgd") sgd(options);
  else if (options.optimizer.name === "rmsProp") rmsProp(options);
  else adam(options);
}
