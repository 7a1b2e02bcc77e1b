import { absolute, type Expression, maximum, power, sign, sqrt } from "./expression.ts";
import { type HyperParameters, hyperParameterDefaults } from "./hyperParameters.ts";
import { ofMatrix, orthogonal } from "./orthogonal.ts";

/** What an update is computed from, for one parameter. */
export type UpdateInputs<Defaults extends HyperParameters, State extends string> = {
  readonly [name in "parameter" | "gradient" | "step" | State]: Expression;
} & { readonly [name in keyof Defaults]: Defaults[name] extends boolean ? boolean : Expression };

/** An optimizer as expressions of one parameter: the one place that defines it. */
export interface OptimizerDefinition<
  Defaults extends HyperParameters = HyperParameters,
  State extends string = string,
  Product extends string = string,
> {
  /** Hyper-parameters and their defaults, `learningRate` among them. Those that are true or false choose between definitions. */
  readonly hyperParameters: Defaults;
  /** Values that are kept per parameter from step to step. */
  readonly state: readonly State[];
  /** What a state is before the first step: the value of a hyper-parameter, or the parameter. Default: 0. */
  readonly initial?: { readonly [state in State]?: (keyof Defaults & string) | "parameter" };
  /**
   * Factors of products over all steps so far, which the host computes. A factor depends on `step` and hyper-parameters alone and
   * approaches its limit from one side.
   */
  readonly products?: Readonly<Record<Product, (inputs: UpdateInputs<Defaults, never>) => Expression>>;
  /**
   * Whether weight decay alone moves a parameter by learningRate · weightDecay · parameter. Other optimizers divide it, as part of the
   * gradient, by the gradient's size.
   */
  readonly takesDecayAsStep?: boolean;
  /**
   * Of an optimizer that takes the weights of a dense layer as a matrix: what is made orthogonal, of the inputs of `update`. Its `update`
   * takes the result from src/math/orthogonal.ts.
   */
  readonly direction?: (inputs: UpdateInputs<Defaults, State>) => Expression;
  /**
   * Of an optimizer that cannot be applied to one parameter after the other: why, as the end of a sentence. Then only the layered strategy,
   * which has all gradients in memory before it updates, takes it.
   */
  readonly layeredOnly?: string;
  /** The new parameter and state, from the old ones, the gradient, the number `step` of the step, from 1, hyper-parameters, and products. */
  readonly update: (
    inputs: UpdateInputs<Defaults, State | Product>,
  ) => Readonly<Record<"parameter" | State, Expression>>;
}

/** Lets the names of an optimizer be inferred. */
const define = <Defaults extends HyperParameters, State extends string, Product extends string = never>(
  definition: OptimizerDefinition<Defaults, State, Product>,
): OptimizerDefinition<Defaults, State, Product> => definition;

/** 1 − β. */
const rest = (beta: Expression): Expression => beta.negated().plus(1);

/** 1 − βᵗ: what a running mean that began at 0 is divided by (Kingma and Ba 2015, section 3). */
const correction = (beta: Expression, step: Expression): Expression => rest(power(beta, step));

interface AdamInputs {
  readonly gradient: Expression;
  readonly first: Expression;
  readonly second: Expression;
  readonly learningRate: Expression;
  readonly beta1: Expression;
  readonly beta2: Expression;
  readonly epsilon: Expression;
  readonly step: Expression;
}

/** The moments of gradients, and the change of the parameter. */
function adamStep({ gradient, first, second, learningRate, beta1, beta2, epsilon, step }: AdamInputs) {
  const mean = beta1.times(first).plus(rest(beta1).times(gradient));
  const square = beta2.times(second).plus(rest(beta2).times(gradient).times(gradient));
  const rate = learningRate.over(correction(beta1, step));
  const root = sqrt(square).over(sqrt(correction(beta2, step)));
  return { first: mean, second: square, change: rate.times(mean).over(root.plus(epsilon)) };
}

/** μₜ of NAdam (Dozat 2016): a momentum that grows towards β₁. */
const nadamMomentum = (beta1: Expression, momentumDecay: Expression, step: Expression): Expression =>
  beta1.times(power(0.96, step.times(momentumDecay)).times(-0.5).plus(1));

/** A running mean: what is left of the old mean, and the rest from a new value. */
const runningMean = (beta: Expression, mean: Expression, value: Expression): Expression =>
  beta.times(mean).plus(rest(beta).times(value));

/** The optimizers of thalweg; those of `torch.optim` as it defines them. */
export const optimizers = {
  sgd: define({
    hyperParameters: hyperParameterDefaults.sgd,
    state: ["velocity"],
    takesDecayAsStep: true,
    update: ({ parameter, gradient, velocity, learningRate, momentum, nesterov, weightDecay }) => {
      const decayed = gradient.plus(weightDecay.times(parameter));
      const next = momentum.times(velocity).plus(decayed);
      const direction = nesterov ? decayed.plus(momentum.times(next)) : next;
      return { parameter: parameter.minus(learningRate.times(direction)), velocity: next };
    },
  }),
  adam: define({
    hyperParameters: hyperParameterDefaults.adam,
    state: ["first", "second"],
    update: ({ parameter, gradient, weightDecay, ...inputs }) => {
      const { change, ...state } = adamStep({ ...inputs, gradient: gradient.plus(weightDecay.times(parameter)) });
      return { parameter: parameter.minus(change), ...state };
    },
  }),
  adamW: define({
    hyperParameters: hyperParameterDefaults.adamW,
    state: ["first", "second"],
    takesDecayAsStep: true,
    update: ({ parameter, weightDecay, ...inputs }) => {
      const { change, ...state } = adamStep(inputs);
      const shrunk = parameter.minus(inputs.learningRate.times(weightDecay).times(parameter));
      return { parameter: shrunk.minus(change), ...state };
    },
  }),
  rmsProp: define({
    hyperParameters: hyperParameterDefaults.rmsProp,
    state: ["square", "velocity"],
    update: ({ parameter, gradient, square, velocity, learningRate, alpha, epsilon, weightDecay, momentum }) => {
      const decayed = gradient.plus(weightDecay.times(parameter));
      const mean = alpha.times(square).plus(rest(alpha).times(decayed).times(decayed));
      const direction = momentum.times(velocity).plus(decayed.over(sqrt(mean).plus(epsilon)));
      return { parameter: parameter.minus(learningRate.times(direction)), square: mean, velocity: direction };
    },
  }),
  // Chen et al. 2023, algorithm 2
  lion: define({
    hyperParameters: hyperParameterDefaults.lion,
    state: ["mean"],
    takesDecayAsStep: true,
    update: ({ parameter, gradient, mean, learningRate, beta1, beta2, weightDecay }) => {
      const direction = sign(beta1.times(mean).plus(rest(beta1).times(gradient)));
      return {
        parameter: parameter.minus(learningRate.times(direction.plus(weightDecay.times(parameter)))),
        mean: beta2.times(mean).plus(rest(beta2).times(gradient)),
      };
    },
  }),
  nadam: define({
    hyperParameters: hyperParameterDefaults.nadam,
    state: ["first", "second"],
    products: {
      momentumProduct: ({ beta1, momentumDecay, step }) => nadamMomentum(beta1, momentumDecay, step),
    },
    update: ({ parameter, gradient, first, second, momentumProduct, weightDecay, ...inputs }) => {
      const { learningRate, beta1, beta2, epsilon, momentumDecay, step } = inputs;
      const decayed = gradient.plus(weightDecay.times(parameter));
      const mean = beta1.times(first).plus(rest(beta1).times(decayed));
      const square = beta2.times(second).plus(rest(beta2).times(decayed).times(decayed));
      const next = nadamMomentum(beta1, momentumDecay, step.plus(1));
      const ofGradient = rest(nadamMomentum(beta1, momentumDecay, step)).over(rest(momentumProduct));
      const ofMean = next.over(rest(momentumProduct.times(next)));
      const root = sqrt(square)
        .over(sqrt(correction(beta2, step)))
        .plus(epsilon);
      const direction = ofGradient.times(decayed).plus(ofMean.times(mean));
      return { parameter: parameter.minus(learningRate.times(direction).over(root)), first: mean, second: square };
    },
  }),
  adagrad: define({
    hyperParameters: hyperParameterDefaults.adagrad,
    state: ["sum"],
    initial: { sum: "initialAccumulatorValue" },
    update: ({ parameter, gradient, sum, learningRate, learningRateDecay, epsilon, weightDecay, step }) => {
      const decayed = gradient.plus(weightDecay.times(parameter));
      const next = sum.plus(decayed.times(decayed));
      const rate = learningRate.over(step.minus(1).times(learningRateDecay).plus(1));
      return { parameter: parameter.minus(rate.times(decayed).over(sqrt(next).plus(epsilon))), sum: next };
    },
  }),
  adadelta: define({
    hyperParameters: hyperParameterDefaults.adadelta,
    state: ["square", "changes"],
    update: ({ parameter, gradient, square, changes, learningRate, rho, epsilon, weightDecay }) => {
      const decayed = gradient.plus(weightDecay.times(parameter));
      const next = rho.times(square).plus(rest(rho).times(decayed).times(decayed));
      const change = sqrt(changes.plus(epsilon))
        .over(sqrt(next.plus(epsilon)))
        .times(decayed);
      return {
        parameter: parameter.minus(learningRate.times(change)),
        square: next,
        changes: rho.times(changes).plus(rest(rho).times(change).times(change)),
      };
    },
  }),
  adamax: define({
    hyperParameters: hyperParameterDefaults.adamax,
    state: ["mean", "largest"],
    update: ({ parameter, gradient, mean, largest, learningRate, beta1, beta2, epsilon, weightDecay, step }) => {
      const decayed = gradient.plus(weightDecay.times(parameter));
      const next = beta1.times(mean).plus(rest(beta1).times(decayed));
      const norm = maximum(beta2.times(largest), absolute(decayed).plus(epsilon));
      const rate = learningRate.over(correction(beta1, step));
      return { parameter: parameter.minus(rate.times(next).over(norm)), mean: next, largest: norm };
    },
  }),
  // Parameters move by src/math/lbfgs.ts, which takes those of a member together.
  lbfgs: define({
    hyperParameters: hyperParameterDefaults.lbfgs,
    state: [],
    layeredOnly: "its line search takes all gradients of a member together",
    update: ({ parameter }) => ({ parameter }),
  }),
  // Jordan et al. 2024 for the weights of dense layers, AdamW for other parameters
  muon: define({
    hyperParameters: hyperParameterDefaults.muon,
    state: ["first", "second"],
    takesDecayAsStep: true,
    layeredOnly: "it makes whole matrices orthogonal",
    direction: ({ gradient, first, momentum, nesterov }) => {
      const mean = runningMean(momentum, first, gradient);
      return nesterov ? runningMean(momentum, mean, gradient) : mean;
    },
    update: ({ parameter, gradient, first, second, learningRate, momentum, weightDecay, rateOfOthers, ...inputs }) => {
      const rateOfOther = learningRate.times(rateOfOthers);
      const other = adamStep({ ...inputs, gradient, first, second, learningRate: rateOfOther });
      const decay = ofMatrix(learningRate, rateOfOther).times(weightDecay);
      const change = ofMatrix(learningRate.times(orthogonal), other.change);
      return {
        parameter: parameter.minus(decay.times(parameter)).minus(change),
        first: ofMatrix(runningMean(momentum, first, gradient), other.first),
        second: ofMatrix(second, other.second),
      };
    },
  }),
} as const satisfies Record<keyof typeof hyperParameterDefaults, unknown>;
