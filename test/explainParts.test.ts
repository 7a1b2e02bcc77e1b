import { describe, expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { constant, difference, product, quotient, squared, sum, symbol } from "../src/explain/expression.ts";
import { renderExpression } from "../src/explain/render.ts";
import {
  activationNames,
  dense,
  InvalidInput,
  lossNames,
  network,
  type Network,
  sgd,
  takesLogits,
} from "../src/index.ts";
import {
  centralDifferences,
  describeStep,
  type Expression,
  referenceStep,
  renderConditionMathml,
  renderMathml,
  renderNumber,
  type StepLine,
  type StepStart,
  symbolsIn,
  workedExample,
} from "../src/explain.ts";
import golden from "./worked-example.json";

const net = network(workedExample.network);
const start: StepStart = { ...workedExample };

/** Every activation with every loss. */
const cases = activationNames.flatMap((activation) =>
  lossNames.map((loss) => {
    const last = dense(2, takesLogits(loss) ? "identity" : activation);
    return [activation, loss, network({ inputs: 2, layers: [dense(2, activation), last], loss })] as const;
  }),
);

const startOf = ({ parameterCount }: Network): StepStart => ({
  parameters: Float64Array.from({ length: parameterCount }, (_, at) => 0.3 * Math.sin(1 + 1.7 * at)),
  input: Float64Array.of(0.8, -0.6),
  target: Float64Array.of(1, 0),
  learningRate: 0.1,
});

function linesOf(shape: Network, from: StepStart): StepLine[] {
  const { input, target, learningRate } = from;
  return describeStep({ network: shape, reference: referenceStep(shape, from), input, target, learningRate });
}

const formsOf = ({ formula, chain }: StepLine): Expression[] => [formula, chain].filter((form) => form !== undefined);
const markupOf = (expression: Expression, content: "symbols" | "numbers"): string =>
  renderMathml(expression, content).join("");
const textOf = (markup: string): string => markup.replace(/<[^>]*>/g, "");
const namedIn = (markup: string): string[] => [
  ...new Set([...markup.matchAll(/data-symbol="([^"]*)"/g)].map(([, name]) => name!)),
];

/** Every tag that opens closes, in order. */
function expectBalanced(markup: string): void {
  const open: string[] = [];
  for (const [, closes, name] of markup.matchAll(/<(\/?)([a-z]+)[^>]*>/g)) {
    if (closes) expect(open.pop(), markup).toBe(name);
    else open.push(name!);
  }
  expect(open, markup).toEqual([]);
}

describe("formulas as MathML", () => {
  test.each(cases)("%s, %s: balanced in every piece, and every symbol marked", (_activation, _loss, shape) => {
    for (const line of linesOf(shape, startOf(shape))) {
      for (const form of formsOf(line)) {
        for (const content of ["symbols", "numbers"] as const) {
          for (const piece of renderMathml(form, content)) expectBalanced(piece);
          expect(namedIn(markupOf(form, content))).toEqual([...symbolsIn(form)]);
        }
        expect(textOf(markupOf(form, "numbers"))).not.toMatch(/[zawδ]_|undefined|∂/);
      }
      if (line.condition) expectBalanced(renderConditionMathml(line.condition));
    }
  });

  test("read as the text does, but for indices, where nothing stands above another", () => {
    const flat = (text: string): string => text.replace(/[\s_]/g, "");
    let compared = 0;
    for (const line of linesOf(net, start)) {
      for (const form of formsOf(line)) {
        const text = renderExpression(form, "text");
        if (/[/^²]/.test(text)) continue;
        expect(flat(textOf(markupOf(form, "symbols")))).toBe(flat(text));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(20);
  });

  test("numbers stand in brackets where they are negative or carry a power of ten", () => {
    const [a, b] = [symbol("a", "a", -0.5), symbol("b", "b", 2e-8)];
    expect(textOf(markupOf(product(a, b), "numbers"))).toBe("(−0.5)·2·10−8");
    expect(textOf(markupOf(difference(b, a), "numbers"))).toBe("2·10−8−(−0.5)");
    expect(textOf(markupOf(squared(b), "numbers"))).toBe("(2·10−8)2");
    expect(textOf(markupOf(product(sum(a, b), constant(3)), "symbols"))).toBe("(a+b)·3");
    expect(markupOf(quotient(a, b), "symbols")).toMatch(
      /^<mrow><mfrac><mrow>.*<\/mrow><mrow>.*<\/mrow><\/mfrac><\/mrow>$/,
    );
    expect(textOf(renderNumber("-Infinity"))).toBe("−∞");
  });

  test("break before a sign, with brackets in the first and last piece of a sum", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => symbol(name, name, 1)) as [Expression, Expression, Expression];
    const pieces = renderMathml(product(a, sum(product(a, b), c), b), "symbols").map(textOf);
    expect(pieces).toEqual(["a", "·(a", "·b", "+c)", "·b"]);
  });

  test("names of a user are words, not markup", () => {
    const evil = '<img src=x onerror="alert(1)">&';
    const markup = markupOf(product(symbol(evil, evil, 1), symbol(`z_${evil}`, evil, 2)), "symbols");
    expect(markup).not.toContain("<img");
    expectBalanced(markup);
    expect(markup).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;");
  });
});

describe("a step without a device", () => {
  test("is the reference's own, to the bit", async () => {
    const executor = new ReferenceExecutor(net, 1);
    executor.writeParameters(workedExample.parameters);
    const data = { inputs: start.input, targets: start.target };
    expect(referenceStep(net, start)).toEqual(await executor.trace(data, sgd({ learningRate: start.learningRate })));
    expect([...start.parameters]).toEqual([...workedExample.parameters]);
  });

  test("central differences meet the file's gradients within 1e-12", () => {
    const gradients = golden.gradients as Record<string, number>;
    const differences = centralDifferences(net, start);
    const line = linesOf(net, start).filter(({ section }) => section === "gradients");
    const { gradients: exact } = referenceStep(net, start);
    for (const [index, value] of exact.entries()) expect(Math.abs(differences[index]! - value)).toBeLessThan(1e-12);
    for (const { quantity, result } of line) {
      expect(Math.abs(result - gradients[quantity.text.slice(4)]!)).toBeLessThan(1e-12);
    }
  });

  test.each(cases)("%s, %s: central differences meet the gradients within 1e-9", (_activation, _loss, shape) => {
    const from = startOf(shape);
    const { gradients } = referenceStep(shape, from);
    for (const [index, slope] of centralDifferences(shape, from).entries()) {
      expect(Math.abs(slope - gradients[index]!)).toBeLessThan(1e-9);
    }
  });

  test.each([
    ["parameters", { parameters: Float64Array.of(1) }, "15 finite numbers, got 1 values"],
    ["input", { input: Float64Array.of(1, Number.NaN) }, "2 finite numbers, got NaN at 1"],
    ["target", { target: Float64Array.of() }, "1 finite numbers, got 0 values"],
    ["learningRate", { learningRate: -1 }, "learningRate"],
  ])("bad %s is reported", (_what, wrong, message) => {
    expect(() => referenceStep(net, { ...start, ...wrong })).toThrow(InvalidInput);
    expect(() => referenceStep(net, { ...start, ...wrong })).toThrow(message);
  });
});
