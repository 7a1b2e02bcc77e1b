import { cos, Expression, log, sqrt } from "./expression.ts";

/**
 * A standard normal number n from two that are uniform in (0, 1): √(−2 ln u) · cos 2πv (Box and Muller 1958). In float32, of u and v that
 * float32 holds, it is off by at most 4e-6: the angle by 2⁻²³ · 2π, times a radius below 5.8, and a few units in the last place of
 * the functions. WGSL allows logarithms near u = 1 an error of 2⁻²¹, and so small radii one of 2⁻²⁰ / |n| more, at most 1e-3.
 */
const normalOf = (u: Expression, v: Expression): Expression => sqrt(log(u).times(-2)).times(cos(v.times(2 * Math.PI)));

/** Of the inputs x0 and x1. */
export const normalExpression = normalOf(Expression.input("x0"), Expression.input("x1"));
