import { Expression, type Operand, where } from "./expression.ts";

// What Muon does with a matrix: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), as `torch.optim.Muon`
// defines it. An iteration of Newton and Schulz, X ← (aI + bA + cA²) X with A = XXᵀ and X divided by its norm at first, moves all singular
// values into [0.68, 1.14]. PyTorch iterates in bfloat16; here it is float32, and float64 on the reference.

/** Inputs of an update that machines provide: 1 for parameters of the matrices that are made orthogonal, and what became of them. */
export const isMatrixInput = "is matrix";
export const orthogonalInput = "orthogonal";

/** The orthogonal direction times the factor of its matrix. */
export const orthogonal = Expression.input(orthogonalInput);

/** What an update takes for parameters of matrices, and for others. */
export const ofMatrix = (matrix: Operand, other: Operand): Expression =>
  where(Expression.input(isMatrixInput).equals(1), matrix, other);

/** The norm that a matrix is divided by is at least this. */
export const leastNorm = 1e-7;

/** Numbers of an iteration: X ← (aI + bA + cA²) X. */
export interface Coefficients {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** Those of every iteration, before the factor of a matrix. */
export const coefficients: Coefficients = { a: 3.4445, b: -4.775, c: 2.0315 };

/** Weights of a dense layer [fanIn, fanOut], row-major, in the parameters of a member. */
export interface Matrix {
  readonly offset: number;
  readonly fanIn: number;
  readonly fanOut: number;
}

/** What an optimizer that makes matrices orthogonal has been told. */
export interface OrthogonalOptions {
  readonly newtonSchulzSteps: number;
  readonly matchRmsAdamW: boolean;
}

/**
 * What the orthogonal direction is multiplied by: √max(1, fanOut / fanIn), or 0.2 √max(fanIn, fanOut), with which steps are as large as
 * those of AdamW (Liu et al. 2025, "Muon is scalable for LLM training"): `adjust_lr_fn` of PyTorch.
 */
export const factorOf = ({ fanIn, fanOut }: Matrix, { matchRmsAdamW }: OrthogonalOptions): number =>
  matchRmsAdamW ? 0.2 * Math.sqrt(Math.max(fanIn, fanOut)) : Math.sqrt(Math.max(1, fanOut / fanIn));

/** The iterations for a matrix; the last one brings the factor in. */
export function iterationsOf(matrix: Matrix, options: OrthogonalOptions): readonly Coefficients[] {
  const { a, b, c } = coefficients;
  const factor = factorOf(matrix, options);
  const last = { a: factor * a, b: factor * b, c: factor * c };
  return Array.from({ length: options.newtonSchulzSteps }, (_, at) =>
    at === options.newtonSchulzSteps - 1 ? last : coefficients,
  );
}

/** Rows and columns of A: the shorter side, so that A is small. */
export const gramSide = ({ fanIn, fanOut }: Matrix): number => Math.min(fanIn, fanOut);
