// What definitions of activations and losses are built from: exports only.

export {
  absolute,
  cos,
  exp,
  expm1,
  log,
  maximum,
  minimum,
  normalDensity,
  normalDistribution,
  power,
  reciprocal,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  tanh,
  where,
} from "./math/expression.ts";
export type { Condition, Expression, Operand } from "./math/expression.ts";
