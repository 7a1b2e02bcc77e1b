import type { PrimitiveName } from "../../math/expression.ts";
import { primitives } from "../../math/primitives.ts";
import { shortestF32 } from "../../math/emitWgsl.ts";
import { bare, call, infix, negative } from "../../math/wgslText.ts";
import { pickFunctions } from "./wgslFunctions.ts";

// What differs between the languages in which the source of a network is written.

export type SourceLanguage = "js" | "c" | "wgsl";

/** How one language writes the few statements that a network needs. */
export interface Syntax {
  /** A constant, rounded to f32 where the language computes in f32. */
  number(value: number): string;
  apply(primitive: PrimitiveName, operands: readonly string[]): string;
  /** Declares a vector of `width` zeros, or of values that are written before they are read. */
  array(name: string, width: number): string;
  constant(name: string, value: string): string;
  variable(name: string, value: string): string;
  /** The head of a loop over 0 … count − 1. */
  loop(index: string, count: number): string;
  /** A value that holds a whole number below `count`, as an index. */
  index(value: string, count: number): string;
  /** Functions that a text of statements calls, with all that they call: what stands above it. */
  functionsOf(code: string): readonly string[];
}

type PrimitiveTexts = Readonly<Record<PrimitiveName, (...operands: string[]) => string>>;

const selected =
  (relation: string) =>
  (left: string, right: string, a: string, b: string): string =>
    `(${left} ${relation} ${right} ? ${a} : ${b})`;

/** Syntax that JavaScript and C share. */
const operators = {
  add: infix("+"),
  subtract: infix("-"),
  multiply: infix("*"),
  divide: infix("/"),
  negate: negative,
  sigmoid: call("sigmoid"),
  softplus: call("softplus"),
  normalDistribution: call("normalDistribution"),
  normalDensity: call("normalDensity"),
  whereLess: selected("<"),
  whereLessOrEqual: selected("<="),
  whereEqual: selected("=="),
} as const;

const jsPrimitives: PrimitiveTexts = {
  ...operators,
  whereEqual: selected("==="),
  minimum: call("Math.min"),
  maximum: call("Math.max"),
  absolute: call("Math.abs"),
  sign: call("Math.sign"),
  sqrt: call("Math.sqrt"),
  reciprocal: (x) => `(1 / ${x})`,
  power: call("Math.pow"),
  exp: call("Math.exp"),
  expm1: call("Math.expm1"),
  log: call("Math.log"),
  sin: call("Math.sin"),
  cos: call("Math.cos"),
  tanh: call("Math.tanh"),
};

const cPrimitives: PrimitiveTexts = {
  ...operators,
  minimum: call("fminf"),
  maximum: call("fmaxf"),
  absolute: call("fabsf"),
  sign: call("signOf"),
  sqrt: call("sqrtf"),
  reciprocal: (x) => `(1.0f / ${x})`,
  power: call("powf"),
  exp: call("expf"),
  expm1: call("expm1f"),
  log: call("logf"),
  sin: call("sinf"),
  cos: call("cosf"),
  tanh: call("tanhf"),
};

/** Functions of one value by name, as src/math/specialFunctions.ts defines them. */
const jsFunctions: Readonly<Record<string, string>> = {
  sigmoid: `function sigmoid(x) {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}`,
  softplus: `function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}`,
  normalDensity: `function normalDensity(x) {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}`,
  // erf by a series of positive terms (DLMF 7.6.2), its tail by a continued fraction (DLMF 7.9.3)
  normalDistribution: `function normalDistribution(x) {
  const t = Math.abs(x) * Math.SQRT1_2;
  let upper; // of the distribution: its share above |x|
  if (t > 2.5) {
    let fraction = t;
    for (let n = 80; n >= 1; n--) fraction = t + n / 2 / fraction;
    upper = Math.exp(-t * t) / Math.sqrt(Math.PI) / fraction / 2;
  } else {
    let [term, sum] = [t, t];
    for (let n = 1; n < 200 && term > sum * 1e-17; n++) {
      term *= (2 * t * t) / (2 * n + 1);
      sum += term;
    }
    upper = 0.5 - (Math.exp(-t * t) * sum) / Math.sqrt(Math.PI);
  }
  return x > 0 ? 1 - upper : upper;
}`,
};

const cFunctions: Readonly<Record<string, string>> = {
  signOf: `static float signOf(float x) {
  return (float)((x > 0.0f) - (x < 0.0f));
}`,
  sigmoid: `static float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}`,
  softplus: `static float softplus(float x) {
  return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}`,
  normalDensity: `static float normalDensity(float x) {
  return 0.39894228f * expf(-0.5f * x * x);
}`,
  normalDistribution: `static float normalDistribution(float x) {
  return 0.5f * erfcf(-0.70710678f * x);
}`,
};

const called = (functions: Readonly<Record<string, string>>, code: string): string[] =>
  Object.entries(functions)
    .filter(([name]) => new RegExp(`\\b${name}\\(`).test(code))
    .map(([, text]) => text);

const js: Syntax = {
  number: String,
  apply: (primitive, operands) => jsPrimitives[primitive](...operands),
  array: (name, width) => `const ${name} = new Float64Array(${width});`,
  constant: (name, value) => `const ${name} = ${bare(value)};`,
  variable: (name, value) => `let ${name} = ${bare(value)};`,
  loop: (index, count) => `for (let ${index} = 0; ${index} < ${count}; ${index}++) {`,
  index: (value) => value,
  functionsOf: (code) => called(jsFunctions, code),
};

const withPoint = (text: string): string => (/[.e]/.test(text) ? text : `${text}.0`);

const c: Syntax = {
  number: (value) => (Number.isFinite(value) ? `${withPoint(shortestF32(value))}f` : nonFinite(value)),
  apply: (primitive, operands) => cPrimitives[primitive](...operands),
  array: (name, width) => `float ${name}[${width}];`,
  constant: (name, value) => `const float ${name} = ${bare(value)};`,
  variable: (name, value) => `float ${name} = ${bare(value)};`,
  loop: (index, count) => `for (int ${index} = 0; ${index} < ${count}; ${index}++) {`,
  index: (value, count) => `(int)fminf(fmaxf(${value}, 0.0f), ${count - 1}.0f)`, // C reads beyond the end without a word
  functionsOf: (code) => called(cFunctions, code),
};

const nonFinite = (value: number): string => (value > 0 ? "INFINITY" : value < 0 ? "-INFINITY" : "NAN");

const wgsl: Syntax = {
  number: (value) => withPoint(shortestF32(value)),
  apply: (primitive, operands) => primitives[primitive].wgsl(...operands),
  array: (name, width) => `var ${name}: array<f32, ${width}>;`,
  constant: (name, value) => `let ${name} = ${bare(value)};`,
  variable: (name, value) => `var ${name} = ${bare(value)};`,
  loop: (index, count) => `for (var ${index} = 0u; ${index} < ${count}u; ${index}++) {`,
  index: (value) => `u32(${value})`,
  functionsOf: pickFunctions,
};

export const syntaxes: Readonly<Record<SourceLanguage, Syntax>> = { js, c, wgsl };
