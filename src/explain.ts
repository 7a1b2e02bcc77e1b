// One step of gradient descent, written out: exports only.

export { type ComparedDigits, compareDigits, doubleDigits, shortDigits } from "./explain/digits.ts";
export { describeStep } from "./explain/describeStep.ts";
export { explain, type ExplainOptions } from "./explain/explain.ts";
export { type ExplainFormat, explainStep, type ExplainStepOptions } from "./explain/explainStep.ts";
export { type Expression, type Leaf, symbolsIn } from "./explain/expression.ts";
export { nodeNames, type NodeNames, type ParameterName, parameterNames } from "./explain/names.ts";
export { centralDifferences, referenceStep, type StepStart } from "./explain/referenceStep.ts";
export { type MathmlContent, renderConditionMathml, renderMathml, renderNumber } from "./explain/renderMathml.ts";
export { type StepLine, type StepOptions, type StepSection } from "./explain/stepLine.ts";
export { workedExample } from "./explain/workedExample.ts";
