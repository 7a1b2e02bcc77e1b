// Hyper-parameters of optimizers: what a program needs to choose one. The updates themselves are in optimizers.ts, which a training loads.

/** Default values of hyper-parameters by name. */
export type HyperParameters = Readonly<Record<string, number | boolean>>;

/** Hyper-parameters that differ from their defaults. */
export type HyperParameterOptions<Defaults extends HyperParameters> = {
  readonly [name in keyof Defaults]?: Defaults[name] extends boolean ? boolean : number;
};

/** Hyper-parameters that each member of a population may have for itself; a training may change the learning rate on its way. */
export const memberHyperParameters = ["learningRate", "momentum", "weightDecay"] as const;

const adamDefaults = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The hyper-parameters of the optimizers of thalweg and their defaults; those of `torch.optim` as it defines them. */
export const hyperParameterDefaults = {
  sgd: { learningRate: 0.01, momentum: 0, nesterov: false, weightDecay: 0 },
  adam: { ...adamDefaults, weightDecay: 0 },
  adamW: { ...adamDefaults, weightDecay: 0.01 },
  rmsProp: { learningRate: 0.01, alpha: 0.99, epsilon: 1e-8, weightDecay: 0, momentum: 0 },
  lion: { learningRate: 1e-4, beta1: 0.9, beta2: 0.99, weightDecay: 0 },
  nadam: { ...adamDefaults, learningRate: 2e-3, momentumDecay: 4e-3, weightDecay: 0 },
  adagrad: {
    learningRate: 0.01,
    learningRateDecay: 0,
    initialAccumulatorValue: 0,
    epsilon: 1e-10,
    weightDecay: 0,
  },
  adadelta: { learningRate: 1, rho: 0.9, epsilon: 1e-6, weightDecay: 0 },
  adamax: { ...adamDefaults, learningRate: 2e-3, weightDecay: 0 },
  lbfgs: {
    learningRate: 1,
    maxIterations: 20,
    maxEvaluations: 25,
    historySize: 10,
    toleranceGradient: 1e-7,
    toleranceChange: 1e-9,
  },
  muon: {
    learningRate: 1e-3,
    momentum: 0.95,
    nesterov: true,
    weightDecay: 0.1,
    newtonSchulzSteps: 5,
    matchRmsAdamW: false,
    hiddenOnly: false,
    rateOfOthers: 1,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
  },
} as const;
