import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { InvalidInput } from "../src/errors.ts";
import type { Trace } from "../src/backend/executor.ts";
import { compareDigits, doubleDigits } from "../src/explain/digits.ts";
import { describeStep } from "../src/explain/describeStep.ts";
import { explainStep } from "../src/explain/explainStep.ts";
import { evaluate } from "../src/explain/expression.ts";
import { parameterNames } from "../src/explain/names.ts";
import type { StepLine, StepOptions } from "../src/explain/stepLine.ts";
import { workedExample } from "../src/explain/workedExample.ts";
import { activationNames, dense, lossNames, network } from "../src/graph/network.ts";
import { sgd } from "../src/math/optimizer.ts";
import { differenceTrace, example, rounded } from "./explainTraces.ts";
import { testInFull } from "./support/share.ts";
import golden from "./worked-example.json";

/** Tags that are open at the end of markup, or what closes none: nothing where it is well-formed. */
function openTags(markup: string): string[] {
  const open: string[] = [];
  for (const [, slash, name] of markup.matchAll(/<(\/?)(\w+)[^>]*>/g)) {
    if (!slash) open.push(name!);
    else if (open.pop() !== name) return [`</${name}>`];
  }
  return /[<>]/.test(markup.replaceAll(/<\/?\w+(?: [\w-]+="[^"<>]*")*>/g, "")) ? ["a bare sign"] : open;
}

/** The worked example as a trace, out of the file's own numbers. */
function goldenOptions(): StepOptions {
  const net = network(workedExample.network);
  const names = parameterNames(net);
  const flat = (values: Record<string, number>): Float64Array =>
    names.reduce((array, { index, name }) => array.with(index, values[name]!), new Float64Array(net.parameterCount));
  const layers = [["h1", "h2"], ["g1", "g2"], ["y"]];
  const { forward: values, gradients } = golden as unknown as Record<string, Record<string, number>>;
  const read = (letter: string): Float64Array[] =>
    layers.map((layer) => Float64Array.from(layer, (node) => values![`${letter}_${node}`]!));
  const all = flat(gradients!);
  const reference: Trace = {
    preActivations: read("z"),
    activations: read("a"),
    dPreActivations: net.layers.map(({ biasOffset, fanOut }) => all.slice(biasOffset, biasOffset + fanOut)),
    gradients: all,
    losses: Float64Array.of(golden.loss),
    before: flat(golden.initial),
    after: flat(golden.afterOneStep),
  };
  const { input, target, learningRate } = workedExample;
  return { network: net, reference, input, target, learningRate };
}

const withDevice = (options: StepOptions): StepOptions => ({ ...options, device: rounded(options.reference) });

const find = (lines: readonly StepLine[], section: string, name: string): StepLine =>
  lines.find((line) => line.section === section && line.quantity.text === name)!;

/** Formula and chain of every line give its result. */
function expectFormulasHold(lines: readonly StepLine[], tolerance: number): void {
  for (const { quantity, formula, chain, numbers, result } of lines) {
    const values = [formula, chain].filter((form) => form !== undefined).map(evaluate);
    for (const value of values) {
      expect(Math.abs(value - result), `${quantity.text}: ${value} by its formula, ${result}`).toBeLessThan(tolerance);
    }
    if (numbers) expect(Math.abs(evaluate(numbers) - result), quantity.text).toBeLessThan(2e-4);
  }
}

const braceDepth = (tex: string): number => {
  let depth = 0;
  for (const [character] of tex.replace(/\\[{}]/g, "").matchAll(/[{}]/g)) {
    depth += character === "{" ? 1 : -1;
    if (depth < 0) return depth;
  }
  return depth;
};

/** Cells of a Markdown row, where `\|` does not divide. */
const cells = (row: string): string[] => row.split(/(?<!\\)\|/).slice(1, -1);

describe("the worked example", () => {
  test("constants are the file's", () => {
    const { parameters, input, target, learningRate } = workedExample;
    expect([...parameters]).toEqual([...goldenOptions().reference.before]);
    expect([...input]).toEqual(golden.inputs);
    expect([...target]).toEqual([golden.target]);
    expect(learningRate).toBe(golden.learningRate);
  });

  test("links carry the article's names", () => {
    const given = describeStep(goldenOptions()).filter(({ section }) => section === "given");
    const links = Object.entries(golden.connections).map(([name, link]) => [name, link.replace("->", "→")]);
    expect(given.slice(4).map(({ quantity, note }) => [quantity.text, note])).toEqual(links);
  });

  test("every number of the file is printed, and follows from its formula to 1e-12", () => {
    const lines = describeStep(goldenOptions());
    expectFormulasHold(lines, 1e-12);
    for (const [name, value] of Object.entries(golden.forward)) {
      expect(find(lines, "forward", name).result).toBe(value);
    }
    for (const [name, value] of Object.entries(golden.gradients)) {
      expect(find(lines, "gradients", `∂L/∂${name}`).result).toBe(value);
      expect(find(lines, "update", name).result).toBe(golden.afterOneStep[name as "w1"]);
    }
    const text = explainStep({ ...goldenOptions(), format: "text" });
    for (const values of [golden.forward, golden.gradients, golden.afterOneStep]) {
      for (const value of Object.values(values)) expect(text).toContain(`= ${doubleDigits(value)}\n`);
    }
  });

  test("the CPU executor's trace gives the file's numbers to 1e-12", async () => {
    const { network: net, input, target, learningRate } = goldenOptions();
    const executor = new ReferenceExecutor(net, 1);
    executor.writeParameters(workedExample.parameters);
    const reference = await executor.trace({ inputs: input, targets: target }, sgd({ learningRate }));
    const lines = describeStep({ network: net, reference, input, target, learningRate });
    for (const [index, line] of describeStep(goldenOptions()).entries()) {
      expect(lines[index]!.quantity.text).toBe(line.quantity.text);
      expect(Math.abs(lines[index]!.result - line.result), line.quantity.text).toBeLessThanOrEqual(1e-12);
    }
  });

  test("∂L/∂w1 is the article's product over both paths", () => {
    const text = explainStep({ ...goldenOptions(), format: "text" });
    expect(text).toContain("∂L/∂w1 = δ_h1·x1\n");
    expect(text).toContain("= ∂L/∂a_y·a′_y·(w9·a′_g1·w5 + w10·a′_g2·w7)·a′_h1·x1\n");
    expect(text).toContain("z_h1 = w1·x1 + w2·x2 + b1\n     = 0.1·1 + 0.2·0.5 + 0.25\n     = 0.45\n");
    expect(text).toContain("a_h1 = 1/(1 + e^(−z_h1))\n");
    expect(text).toContain("L = ½·(a_y − t)²\n");
    expect(text).toContain("w1 ← w1 − η·∂L/∂w1\n");
  });

  test.each(["text", "markdown", "tex", "mathml"] as const)("device digits that differ are marked in %s", (format) => {
    const differing = '<munder accentunder="true"><mrow><mn>49999988</mn></mrow>';
    const marked = {
      text: "0.4[49999988]",
      markdown: "0.4**49999988**",
      tex: "0.4\\underline{49999988}",
      mathml: differing,
    };
    const options = withDevice(goldenOptions());
    options.device!.preActivations[0]![0] = 0.44999998807907104;
    expect(explainStep({ ...options, format })).toContain(marked[format]);
    expect(explainStep({ ...goldenOptions(), format })).not.toContain("float32");
  });

  test("text is at most 100 columns wide", () => {
    const rows = explainStep({ ...withDevice(goldenOptions()), format: "text" }).split("\n");
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(100);
  });
});

describe("formulas against central differences", () => {
  const cases = activationNames.flatMap((activation) => lossNames.map((loss) => [activation, loss] as const));
  testInFull.each(cases)("%s, %s", (activation, loss) => {
    for (const seed of [0.3, 2.1]) {
      const options = example(activation, loss, seed);
      expectFormulasHold(describeStep(options), 1e-9);
      for (const format of ["text", "markdown", "tex", "mathml", "csv"] as const) {
        const written = explainStep({ ...withDevice(options), format });
        expect(written).not.toMatch(/NaN|undefined|Infinity/);
        if (format === "tex") expect(braceDepth(written)).toBe(0);
        if (format === "mathml") expect(openTags(written)).toEqual([]);
        if (format === "text") expect(Math.max(...written.split("\n").map((row) => row.length))).toBeLessThan(101);
      }
    }
  });

  test("both branches of huber, and each kink's side, are named", () => {
    const text = explainStep({ ...example("relu", "huber", 0.3), format: "text" });
    expect(text).toMatch(/ℓ_y1 = ½·\(a_y1 − t1\)² {2}for \|a_y1 − t1\| ≤ 1/);
    expect(text).toMatch(/ℓ_y2 = \|a_y2 − t2\| − ½ {2}for \|a_y2 − t2\| > 1/);
    expect(text).toMatch(/a′_h1 = 1 {2}for z_h1 > 0/);
    expect(text).toMatch(/a′_h\d = 0 {2}for z_h\d ≤ 0/);
  });
});

describe("formats", () => {
  test.each(lossNames)("Markdown tables of %s have equal rows", (loss) => {
    const markdown = explainStep({ ...withDevice(example("elu", loss, 0.3)), format: "markdown" });
    const tables = markdown
      .trimEnd()
      .split("\n\n")
      .filter((block) => block.startsWith("|"));
    expect(tables).toHaveLength(10);
    for (const table of tables) {
      const widths = table.split("\n").map((row) => cells(row).length);
      expect(new Set(widths).size).toBe(1);
      expect(table.split("\n")[1]).toMatch(/^\|( :?-{3}| :--| \|)+/);
      for (const row of table.split("\n")) expect((row.match(/`/g) ?? []).length % 2).toBe(0);
    }
  });

  test("names with signs of TeX, Markdown and spaces survive", () => {
    const options = example("tanh", "squaredError", 0.3);
    const names = { inputs: ["petal_length {cm}", "50 % | x", "a`b\\c"] };
    const tex = explainStep({ ...options, names, format: "tex" });
    expect(tex).toContain("\\text{petal\\_length \\{cm\\}}");
    expect(tex).toContain("\\text{a`b\\textbackslash{}c}");
    expect(braceDepth(tex)).toBe(0);
    const markdown = explainStep({ ...options, names, format: "markdown" });
    expect(markdown).toContain("50 % \\| x");
  });

  test("CSV has every quantity with all its digits, and the device's beside", () => {
    const options = withDevice({ ...goldenOptions(), names: { inputs: ['a "b", c', "x2"] } });
    const { data, errors } = Papa.parse<Record<string, string>>(explainStep({ ...options, format: "csv" }).trimEnd(), {
      header: true,
    });
    expect(errors).toEqual([]);
    const lines = describeStep(options);
    expect(data).toHaveLength(lines.length);
    for (const [at, { quantity, section, result, deviceResult }] of lines.entries()) {
      expect(data[at]).toMatchObject({ quantity: quantity.text, section });
      expect(Number(data[at]!.float64)).toBe(result);
      expect(data[at]!.float32).toBe(deviceResult === undefined ? "" : doubleDigits(deviceResult));
    }
    const [row] = data.filter(({ quantity }) => quantity === "z_h1");
    expect(row).toMatchObject({
      layer: "1",
      formula: 'z_h1 = w1·a "b", c + w2·x2 + b1',
      numbers: "0.1·1 + 0.2·0.5 + 0.25",
    });
    expect(explainStep({ ...goldenOptions(), format: "csv" }).split("\r\n")[0]).not.toContain("gpu");
  });

  test("MathML escapes names, and writes values for symbols", () => {
    const names = { inputs: ["a<b&c", "x2"] };
    const mathml = explainStep({ ...withDevice(goldenOptions()), names, format: "mathml" });
    expect(openTags(mathml)).toEqual([]);
    expect(mathml).toContain("<mtext>a&lt;b&amp;c</mtext>");
    expect(mathml).toContain("<mfrac>");
    for (const digits of ["0.45", "0.25", "0.127155"]) expect(mathml).toContain(`<mn>${digits}</mn>`);
  });

  test("hidden layers are h, g, then numbered", () => {
    const net = network({ inputs: 1, layers: [2, 1, 3, 2].map((width) => dense(width, "tanh")), loss: "squaredError" });
    const parameters = Float64Array.from({ length: net.parameterCount }, (_, i) => Math.cos(i));
    const options = { network: net, input: [0.5], target: [0, 1], learningRate: 0.1 };
    const arrays = { ...options, input: Float64Array.from(options.input), target: Float64Array.from(options.target) };
    const reference = differenceTrace(arrays, parameters);
    const tex = explainStep({ ...arrays, reference, format: "tex" });
    for (const name of ["z_{h_{2}}", "z_{g_{1}}", "z_{h^{(3)}_{1}}", "a_{y_{2}}", "w_{13}"])
      expect(tex).toContain(name);
    expect(explainStep({ ...arrays, reference, format: "text" })).toContain("z_h^(3)_1 = w5·a_g1 + b4\n");
  });
});

describe("compareDigits", () => {
  const written = (reference: number, device: number): string => {
    const { same, differing, exponent } = compareDigits(reference, device);
    return `${same}[${differing}]${exponent}`;
  };
  test.each([
    [0.5, 0.5, "0.5[]"],
    [0.610639233949222, Math.fround(0.610639233949222), "0.6106392[15]"],
    [0.1, Math.fround(0.1), "0.10000000[1]"],
    [0.500000119, 0.5, "0.500000[000]"],
    [1, 1.00000012, "1.000000[12]"],
    [9, 10, "[10.0000000]"],
    [-0.25, 0.25, "[0.250000000]"],
    [1.5e-8, 1.5000001e-8, "1.500000[10]e-8"],
    [0.25, Number.NaN, "[NaN]"],
    [12345678901, 12345678848, "1.2345678[8]e+10"],
    [1.5e-8, 1.5e-7, "[1.50000000]e-7"],
    [1.5e-8, 1.5e-8, "1.5[]e-8"],
  ])("%s beside %s", (reference, device, expected) => {
    expect(written(reference, device)).toBe(expected);
  });
});

describe("refusals", () => {
  const options = goldenOptions();
  const wide = network({ inputs: 20, layers: [dense(20, "tanh"), dense(1)], loss: "squaredError" });
  test.each([
    ["a network too large to read", { network: wide }, "explainStep: network 20-20-1: expected at most 400 parameters"],
    ["an input of another width", { input: Float64Array.of(1) }, "explainStep: input: expected 2 values, got 1"],
    ["another learning rate", { learningRate: 0.1 }, "explainStep: w1: expected"],
    ["another row", { input: Float64Array.of(1, 2) }, "explainStep: z_h1: expected"],
    ["another target", { target: Float64Array.of(1) }, "explainStep: δ_y: expected"],
    [
      "a trace of two rows",
      { reference: { ...options.reference, losses: new Float64Array(2) } },
      "losses in reference",
    ],
    ["too few names", { names: { inputs: ["a"] } }, "names of inputs: expected 2 names, got 1"],
    ["a name twice", { names: { inputs: ["y", "x"] } }, "expected different names, got y twice"],
    ["a name with a line break", { names: { inputs: ["a\n", "x"] } }, "expected 1 to 40 printable characters"],
  ])("%s", (_, change, message) => {
    const call = (): string => explainStep({ ...options, ...change, format: "text" });
    expect(call).toThrow(InvalidInput);
    expect(call).toThrow(message);
  });

  test("an unknown format", () => {
    expect(() => explainStep({ ...options, format: "html" as "text" })).toThrow("expected one of text, markdown, tex");
  });
});
