import { type Expression, sqrt } from "./expression.ts";

/** Hyper-parameters, and what changes from step to step: 1 / (1 − beta1ⁿ) and 1 / √(1 − beta2ⁿ) at step n, counted from 1. */
export const hyperInputs = [
  "learningRate",
  "weightDecay",
  "momentum",
  "beta1",
  "beta2",
  "alpha",
  "epsilon",
  "meanCorrection",
  "inverseSqrtCorrection",
] as const;

/** What an update of one parameter is told. */
export interface UpdateInputs extends Readonly<Record<(typeof hyperInputs)[number], Expression>> {
  readonly parameter: Expression;
  readonly gradient: Expression;
  /** Values kept per parameter from step to step. */
  readonly states: readonly Expression[];
}

/** The new parameter, and the new values that are kept. */
export interface Update {
  readonly parameter: Expression;
  readonly states: readonly Expression[];
}

/** Parts of an optimizer that are chosen before a run. */
export interface UpdateChoice {
  readonly usesMomentum: boolean;
  readonly nesterov: boolean;
}

type Rule = (inputs: UpdateInputs, choice: UpdateChoice) => Update;

const weighted = (share: Expression, before: Expression, now: Expression): Expression =>
  share.times(before).plus(share.negated().plus(1).times(now));

const decayed = ({ parameter, gradient, weightDecay }: UpdateInputs): Expression =>
  weightDecay.times(parameter).plus(gradient);

function adamStep(inputs: UpdateInputs, start: Expression, gradient: Expression): Update {
  const { learningRate, beta1, beta2, epsilon, meanCorrection, inverseSqrtCorrection, states } = inputs;
  const mean = weighted(beta1, states[0]!, gradient);
  const square = weighted(beta2, states[1]!, gradient.squared());
  const size = sqrt(square).times(inverseSqrtCorrection).plus(epsilon);
  return { parameter: start.minus(learningRate.times(meanCorrection).times(mean).over(size)), states: [mean, square] };
}

/** Updates of one parameter, as `torch.optim` defines them: the one place that knows them. */
export const optimizers = {
  sgd: (inputs, { usesMomentum, nesterov }) => {
    const { parameter, learningRate, momentum, states } = inputs;
    const gradient = decayed(inputs);
    if (!usesMomentum) return { parameter: parameter.minus(learningRate.times(gradient)), states: [] };
    const velocity = momentum.times(states[0]!).plus(gradient);
    const direction = nesterov ? momentum.times(velocity).plus(gradient) : velocity;
    return { parameter: parameter.minus(learningRate.times(direction)), states: [velocity] };
  },
  adam: (inputs) => adamStep(inputs, inputs.parameter, decayed(inputs)),
  adamW: (inputs) => {
    const { parameter, learningRate, weightDecay, gradient } = inputs;
    return adamStep(inputs, parameter.minus(learningRate.times(weightDecay).times(parameter)), gradient);
  },
  rmsProp: (inputs, { usesMomentum }) => {
    const { parameter, learningRate, momentum, alpha, epsilon, states } = inputs;
    const gradient = decayed(inputs);
    const square = weighted(alpha, states[0]!, gradient.squared());
    const step = gradient.over(sqrt(square).plus(epsilon));
    if (!usesMomentum) return { parameter: parameter.minus(learningRate.times(step)), states: [square] };
    const velocity = momentum.times(states[1]!).plus(step);
    return { parameter: parameter.minus(learningRate.times(velocity)), states: [square, velocity] };
  },
} as const satisfies Record<string, Rule>;
