// What L-BFGS keeps of a member from one evaluation to the next: rows [parameterCount], as the moments of other optimizers.

/** Numbers of a member from one evaluation to the next. */
export interface Search {
  phase: number;
  /** Iterations and evaluations since PyTorch's `step` began. */
  iterations: number;
  evaluations: number;
  /** Whether there has been an iteration: later ones take the differences of gradients. */
  hasDirection: number;
  /** Pairs of differences that are kept, and the place of the oldest. */
  pairs: number;
  oldest: number;
  /** Of the first guess of the inverse Hessian, a multiple of the identity. */
  scale: number;
  /** Loss at the start of the search, and the slope along the direction there. */
  loss: number;
  slope: number;
  /** Largest size of an element of the direction. */
  largest: number;
  /** Length of the trial, in directions. */
  step: number;
  /** Trials that have been judged, the first one apart. */
  trials: number;
  /** Whether the last trial was close to an end of the bracket. */
  isStuck: number;
  /** The end of the bracket with the lower loss. */
  low: number;
  /** Ends of the bracket: steps, losses there, and slopes. While the search extends the first one is the trial before. */
  step0: number;
  step1: number;
  loss0: number;
  loss1: number;
  slope0: number;
  slope1: number;
}

/** In the order in which they are kept. */
export const searchNames = [
  "phase",
  "iterations",
  "evaluations",
  "hasDirection",
  "pairs",
  "oldest",
  "scale",
  "loss",
  "slope",
  "largest",
  "step",
  "trials",
  "isStuck",
  "low",
  "step0",
  "step1",
  "loss0",
  "loss1",
  "slope0",
  "slope1",
] as const satisfies readonly (keyof Search)[];

/** Rows [parameterCount] of what a member keeps, behind the rows that hold numbers; behind them y and s of each pair, then the start. */
export const vectors = ["direction", "gradient", "end0", "end1"] as const;

/** Rows that hold a member's numbers: `searchNames`, then 1 / (y · s) of each pair. */
export const numberRows = (historySize: number, parameterCount: number): number =>
  Math.ceil((searchNames.length + historySize) / parameterCount);

/**
 * Rows of what a member keeps. The last is the start of the search under way: the parameters that the optimizer has come to, while those
 * that are evaluated are a trial.
 */
export const lbfgsRows = (historySize: number, parameterCount: number): number =>
  numberRows(historySize, parameterCount) + vectors.length + 2 * historySize + 1;
