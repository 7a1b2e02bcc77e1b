// Optimizers defined as a user would.

import { math, optimizer } from "../../src/index.ts";

const { power, sign, sqrt } = math;

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

/**
 * As `torch.optim.NAdam` of PyTorch 1.13, which wrote the golden run: the mean it divides by 1 − μ₁ … μₜ · μₜ μₜ₊₁, with μₜ twice. Dozat,
 * PyTorch 2 and the built-in optimizer have it once.
 * `used` is 1 − μ₁ … μₜ, so that it begins at 0.
 */
export const ownNadam = optimizer("ownNadam", {
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
