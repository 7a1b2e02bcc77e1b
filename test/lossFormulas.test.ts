// Formulas of losses as people read them: derived from the definitions in src/math.

import { expect, test } from "vitest";
import { evaluate, symbol } from "../src/explain/expression.ts";
import { lossFormulas, type Output } from "../src/explain/lossFormulas.ts";
import { renderCondition, renderExpression } from "../src/explain/render.ts";
import type { Formula } from "../src/explain/formulaOf.ts";
import type { LossName } from "../src/graph/network.ts";
import { loss } from "../src/index.ts";
import { crossEntropy, crossEntropySlope } from "../src/math/softmax.ts";

const outputs = (values: readonly number[], targets: readonly number[]): Output[] =>
  values.map((value, index) => ({
    name: `y${index + 1}`,
    activation: symbol(`a${index + 1}`, "a", value),
    target: symbol(`t${index + 1}`, "t", targets[index]!),
  }));

const written = ({ formula, condition }: Formula): string =>
  renderExpression(formula, "text") + (condition ? renderCondition(condition, "text") : "");

const single = (name: LossName, y: number, t: number): string[] => {
  const { parts, loss: total, dOutputs } = lossFormulas(name, outputs([y], [t]));
  return [...parts, total, ...dOutputs].map(written);
};

test.each([
  ["squaredError", 0.7, 0.2, ["½·(a1 − t1)²", "a1 − t1"]],
  ["meanSquaredError", 0.7, 0.2, ["(a1 − t1)²", "2·(a1 − t1)"]],
  ["meanAbsoluteError", 0.7, 0.2, ["|a1 − t1|", "1  for a1 − t1 > 0"]],
  ["meanAbsoluteError", 0.2, 0.7, ["|a1 − t1|", "−1  for a1 − t1 < 0"]],
  ["meanAbsoluteError", 0.2, 0.2, ["|a1 − t1|", "0  for a1 − t1 = 0"]],
  ["huber", 0.7, 0.2, ["½·(a1 − t1)²  for |a1 − t1| ≤ 1", "a1 − t1  for |a1 − t1| ≤ 1"]],
  ["huber", -2, 0.2, ["|a1 − t1| − ½  for |a1 − t1| > 1", "−1  for |a1 − t1| > 1, a1 − t1 < 0"]],
  ["binaryCrossEntropy", 2, 0.2, ["(1 − t1)·a1 + ln(1 + e^(−a1))  for a1 > 0", "1 − t1 − σ(−a1)  for a1 > 0"]],
  ["binaryCrossEntropy", -2, 0, ["−t1·a1 + ln(1 + e^(a1))  for a1 ≤ 0", "σ(a1) − t1  for a1 ≤ 0"]],
] as const)("%s at y = %d, t = %d", (name, y, t, texts) => {
  expect(single(name, y, t)).toEqual(texts);
});

test("of several outputs the loss is their sum or mean, by the loss's definition", () => {
  const of = (name: LossName) => {
    const { parts, loss: total, dOutputs } = lossFormulas(name, outputs([3, 1], [0, 0.5]));
    expect(parts.map(({ quantity }) => quantity.text)).toEqual(["ℓ_y1", "ℓ_y2"]);
    return [written(total), written(dOutputs[1]!)];
  };
  expect(of("squaredError")).toEqual(["ℓ_y1 + ℓ_y2", "a2 − t2"]);
  expect(of("meanSquaredError")).toEqual(["(ℓ_y1 + ℓ_y2)/2", "2·(a2 − t2)/2"]);
});

test("softmax cross entropy and its slope, also of logits whose exponentials overflow", () => {
  for (const logits of [
    [0.5, -1, 2],
    [900, 899, -900],
  ]) {
    for (const targets of [
      [0, 1, 0],
      [0.2, 0.5, 0.7],
    ]) {
      const { parts, loss: total, dOutputs } = lossFormulas("softmaxCrossEntropy", outputs(logits, targets));
      expect(parts.map((part) => `${part.quantity.text} = ${written(part)}`)).toEqual([
        "s = ln(e^(a1) + e^(a2) + e^(a3))",
      ]);
      expect(written(total)).toBe("t1·(s − a1) + t2·(s − a2) + t3·(s − a3)");
      expect(written(dOutputs[1]!)).toBe("(t1 + t2 + t3)·e^(a2 − s) − t2");
      const [values, wanted] = [Float64Array.from(logits), Float64Array.from(targets)];
      expect(evaluate(total.formula)).toBeCloseTo(crossEntropy(values, wanted), 11);
      const slopes = crossEntropySlope(values, wanted);
      dOutputs.forEach(({ formula }, index) => expect(evaluate(formula)).toBeCloseTo(slopes[index]!, 12));
    }
  }
});

test("a loss of one's own is written as the built-in ones", () => {
  const own = loss("quartic", (y, t) => y.minus(t).squared().squared());
  const { parts, loss: total, dOutputs } = lossFormulas(own, outputs([2], [1]));
  expect(parts).toEqual([]);
  expect([evaluate(total.formula), evaluate(dOutputs[0]!.formula)]).toEqual([1, 4]);
});
