// Optimizers, most of which thalweg does not have, defined as a user would.

import { math, optimizer } from "../../src/index.ts";

const { absolute, maximum, power, sign, sqrt } = math;

/** As the built-in lion. */
export const ownLion = optimizer("ownLion", {
  hyperParameters: { learningRate: 1e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0 },
  state: ["mean"],
  update: ({ parameter, gradient, mean, learningRate, beta1, beta2, weightDecay }) => {
    const direction = sign(beta1.times(mean).plus(beta1.negated().plus(1).times(gradient)));
    return {
      parameter: parameter.minus(learningRate.times(direction.plus(weightDecay.times(parameter)))),
      mean: beta2.times(mean).plus(beta2.negated().plus(1).times(gradient)),
    };
  },
});

/** As `torch.optim.Adagrad`. */
export const adagrad = optimizer("adagrad", {
  hyperParameters: { learningRate: 0.01, epsilon: 1e-10 },
  state: ["sum"],
  update: ({ parameter, gradient, sum, learningRate, epsilon }) => {
    const total = sum.plus(gradient.squared());
    return { parameter: parameter.minus(learningRate.times(gradient).over(sqrt(total).plus(epsilon))), sum: total };
  },
});

/** As `torch.optim.Adadelta`. */
export const adadelta = optimizer("adadelta", {
  hyperParameters: { learningRate: 1, rho: 0.9, epsilon: 1e-6 },
  state: ["square", "changes"],
  update: ({ parameter, gradient, square, changes, learningRate, rho, epsilon }) => {
    const rest = rho.negated().plus(1);
    const next = rho.times(square).plus(rest.times(gradient).times(gradient));
    const change = sqrt(changes.plus(epsilon))
      .over(sqrt(next.plus(epsilon)))
      .times(gradient);
    return {
      parameter: parameter.minus(learningRate.times(change)),
      square: next,
      changes: rho.times(changes).plus(rest.times(change).times(change)),
    };
  },
});

/** As `torch.optim.Adamax`. */
export const adamax = optimizer("adamax", {
  hyperParameters: { learningRate: 2e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  state: ["mean", "norm"],
  update: ({ parameter, gradient, mean, norm, learningRate, beta1, beta2, epsilon, step }) => {
    const next = beta1.times(mean).plus(beta1.negated().plus(1).times(gradient));
    const largest = maximum(beta2.times(norm), absolute(gradient).plus(epsilon));
    const rate = learningRate.over(power(beta1, step).negated().plus(1));
    return { parameter: parameter.minus(rate.times(next).over(largest)), mean: next, norm: largest };
  },
});

/**
 * As `torch.optim.NAdam` of PyTorch 1.13, which wrote the golden run: of the mean it divides by 1 − μ₁ … μₜ · μₜ μₜ₊₁, with μₜ twice.
 * `used` is 1 − μ₁ … μₜ, so that it begins at 0.
 */
export const nadam = optimizer("nadam", {
  hyperParameters: { learningRate: 2e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentumDecay: 4e-3 },
  state: ["mean", "square", "used"],
  update: ({ parameter, gradient, mean, square, used, learningRate, beta1, beta2, epsilon, momentumDecay, step }) => {
    const muAt = (at: math.Expression) =>
      beta1.times(power(0.96, at.times(momentumDecay)).times(0.5).negated().plus(1));
    const [mu, muNext] = [muAt(step), muAt(step.plus(1))];
    const product = used.negated().plus(1).times(mu);
    const first = beta1.times(mean).plus(beta1.negated().plus(1).times(gradient));
    const second = beta2.times(square).plus(beta2.negated().plus(1).times(gradient).times(gradient));
    const root = sqrt(second.over(power(beta2, step).negated().plus(1))).plus(epsilon);
    const ofGradient = mu.negated().plus(1).over(product.negated().plus(1)).times(gradient);
    const ofMean = muNext.over(product.times(mu).times(muNext).negated().plus(1)).times(first);
    return {
      parameter: parameter.minus(learningRate.times(ofGradient.plus(ofMean).over(root))),
      mean: first,
      square: second,
      used: product.negated().plus(1),
    };
  },
});
